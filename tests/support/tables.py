"""Tables as an analysis sees them when the source's own texts are gone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.harmonise.omop.read import Scan


def blanked(tables: Mapping[str, pl.DataFrame]) -> Scan:
    """Give tables by name, lazily, with every ``*_source_value`` emptied."""

    def scan(name: str) -> pl.LazyFrame:
        frame = tables.get(name, table(name).empty())
        nothing = [pl.lit(None, pl.String).alias(field) for field in table(name).source_values]
        return frame.lazy().with_columns(*nothing)

    return scan
