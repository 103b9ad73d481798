"""Numbers are read only where they can mean one thing."""

from __future__ import annotations

import polars as pl
import pytest

from haemony.intake.readers import parse_number


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("61", ".", 61.0),
        (" -3.5e-2 ", ".", -0.035),
        (".5", ".", 0.5),
        ("3,5", ",", 3.5),
        ("3,5", ".", None),
        ("3.5", ",", None),
        ("1,234", ".", None),
        ("1,234.5", ".", 1234.5),
        ("1,234,567", ".", 1234567.0),
        ("1.234.567,8", ",", 1234567.8),
        ("1 234", ".", 1234.0),
        ("1'234.5", ".", 1234.5),
        ("12,34,567", ".", None),
        ("61 years", ".", None),
        ("NaN", ".", None),
        ("", ".", None),
        (None, ".", None),
    ],
)
def test_a_number_is_clear_or_no_number(
    text: str | None, decimal: str, number: float | None
) -> None:
    """Thousands may be grouped where the grouping mark cannot be a fraction."""
    texts = pl.Series([text], dtype=pl.String)

    assert parse_number(texts, decimal).to_list() == [number]


def test_an_expression_reads_as_a_series_does() -> None:
    """The same rule serves lazy frames."""
    frame = pl.LazyFrame({"wbc": ["3,5", "x"]})

    assert frame.select(parse_number(pl.col("wbc"), ",")).collect()["wbc"].to_list() == [3.5, None]
