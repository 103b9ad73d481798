"""Parquet files, such as other platforms export."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from haemony.intake.readers.cells import text_frame
from haemony.intake.readers.errors import DamagedFile
from haemony.intake.readers.limits import Limits
from haemony.intake.readers.table import Layout, RawTable

_PACKED_SIZE = "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(?)"


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The one table of a Parquet file, named as the file."""
    del limits
    return (path.stem,)


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read a Parquet file; its columns are typed, so nothing in the layout matters."""
    del layout
    try:
        _check_size(path, limits)
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, duckdb.Error) as error:
        raise DamagedFile(path, "Parquet file") from error
    return RawTable(path.stem, path, text_frame(frame, path), Layout())


def _check_size(path: Path, limits: Limits) -> None:
    """Hold what the footer declares against the limits, before any page is unpacked."""
    scan = pl.scan_parquet(path, glob=False)
    rows = scan.select(pl.len()).collect().item()
    limits.check_cells(path, rows, len(scan.collect_schema()))
    with duckdb.connect() as database:
        size = database.execute(_PACKED_SIZE, [_literal(path)]).fetchone()
    limits.check(path, int(size[0]) if size else 0)


def _literal(path: Path) -> str:
    """The path as DuckDB takes it literally, although it looks for patterns in file names."""
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in str(path))
