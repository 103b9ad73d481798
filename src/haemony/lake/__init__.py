"""The lake: immutable releases of content-addressed Parquet partitions under a signed manifest."""

from haemony.lake.lake import Lake
from haemony.lake.release import Release

__all__ = ["Lake", "Release"]
