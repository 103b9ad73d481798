"""Parquet: typed values as text, without loss."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from haemony.intake.readers import read, tables
from haemony.intake.readers.errors import DamagedFile, NestedColumn


def test_every_type_has_one_text(tmp_path: Path) -> None:
    """Numbers are written shortest, dates in ISO 8601, truth values in words."""
    path = tmp_path / "clinical [1].parquet"
    instant = dt.datetime(2020, 1, 2, 3, 4, 5, 500_000)
    frame = pl.DataFrame(
        {
            "whole": pl.Series([61, None], dtype=pl.Int16),
            "real": [61.0, 0.1],
            "single": pl.Series([0.1, float("nan")], dtype=pl.Float32),
            "exact": pl.Series([Decimal("1.50"), None]),
            "text": ["", "AML"],
            "truth": [True, False],
            "date": [dt.date(2020, 1, 2), None],
            "instant": pl.Series([instant, instant]).dt.replace_time_zone("Europe/Berlin"),
            "time": [dt.time(3, 4), dt.time(3, 4, 5)],
            "choice": pl.Series(["f", "m"], dtype=pl.Categorical),
            "bytes": [b"\x00\xff", None],
            "nothing": [None, None],
        }
    )
    frame.write_parquet(path)

    table = read(path)

    assert tables(path) == ("clinical [1]",)
    assert table.frame.row(0) == (
        *("61", "61", "0.1", "1.50", None, "true", "2020-01-02"),
        *("2020-01-02T03:04:05.500+01:00", "03:04:00", "f", "00ff", None),
    )
    assert table.frame.row(1)[:6] == (None, "0.1", "NaN", None, "AML", "false")


def test_lists_are_refused_by_name(tmp_path: Path) -> None:
    """A cell that holds several values is no cell."""
    path = tmp_path / "clinical.parquet"
    pl.DataFrame({"genes": [["NPM1", "FLT3"]]}).write_parquet(path)

    with pytest.raises(NestedColumn, match="'genes'"):
        read(path)


def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    """A half copied file is refused."""
    path = tmp_path / "clinical.parquet"
    pl.DataFrame({"id": [1, 2]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(DamagedFile):
        read(path)
