"""One row per person, one column per element: the form in which rules and studies see facts."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from haemony.model.element import Element, ValueType

BASELINE = (-30, 14)
"""Days around day 0 within which a repeated measurement counts as the baseline."""


def column_type(element: Element) -> pl.DataType:
    """The Polars type of an element's column; codes keep the catalogue's order."""
    if element.type is ValueType.NUMBER:
        return pl.Float64()
    if element.type.is_numeric:
        return pl.Int64()
    if element.codes:
        return pl.Enum(list(element.codes))
    return pl.String()


def wide(facts: pl.DataFrame, elements: Iterable[Element], persons: pl.Series) -> pl.DataFrame:
    """Pivot facts: per person the value nearest to day 0, within the window of a baseline.

    Dated events (type day) and values without a day of their own count whenever they happened.

    Args:
        facts: ``person_id``, ``element``, ``day``, ``number``, ``code``.
        elements: The columns wanted, in order.
        persons: The rows wanted, in order.

    Returns:
        ``person_id`` and one typed column per element; null where nothing is known.
    """
    frame = pl.DataFrame({"person_id": persons})
    near = facts.filter(pl.col("day").is_null() | pl.col("day").is_between(*BASELINE))
    order = [pl.col("day").abs(), "day", "number", "code"]
    first = near.sort(order, nulls_last=True).unique(
        ["person_id", "element"], keep="first", maintain_order=True
    )
    parts = {key[0]: part for key, part in first.partition_by("element", as_dict=True).items()}
    for element in elements:
        dtype = column_type(element)
        if element.name not in parts:
            frame = frame.with_columns(pl.lit(None, dtype).alias(element.name))
            continue
        value = "number" if element.type.is_numeric else "code"
        column = parts[element.name].select(
            "person_id", pl.col(value).cast(dtype).alias(element.name)
        )
        frame = frame.join(column, on="person_id", how="left", maintain_order="left")
    return frame
