"""Which group a patient belongs to, in the words of the element catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import polars as pl

from haemony.analysis import wording
from haemony.analysis.keys import BadProtocol
from haemony.model.element import Catalogue, Element

GROUP = "group"
"""The column of groups, in tables made for one analysis."""


def grouping(
    members: pl.DataFrame,
    names: Sequence[str],
    cuts: Mapping[str, tuple[float, ...]],
    catalogue: Catalogue,
    key: str,
) -> pl.Series:
    """The group of each member: an Enum of readable labels, null where an element is unknown.

    Args:
        members: one row per member.
        names: the elements whose combinations are the groups; one group without any.
        cuts: where numeric elements are cut; at their median unless given.
        catalogue: the elements.
        key: where the protocol asks for it, for messages.
    """
    for name in cuts:
        if name not in names or not members[name].dtype.is_numeric():
            raise BadProtocol(
                f"{key} cuts", f"cut {name!r}, which is no number of `by`", "leave it out"
            )
    parts = [_labels(members[name], catalogue[name], cuts.get(name, ())) for name in names]
    labels, column = [""], pl.Series(GROUP, [""] * members.height)
    for order, part in parts:
        labels = [f"{before}, {label}" if before else label for before in labels for label in order]
        column = (column + ", " + part).str.strip_prefix(", ")
    used = set(column.drop_nulls())
    order = [label or "all" for label in dict.fromkeys(labels) if label in used]
    return column.replace({"": "all"}).cast(pl.Enum(order))


def present(groups: pl.Series) -> list[str]:
    """The groups that occur, in their order."""
    return groups.drop_nulls().unique().sort().cast(pl.String).to_list()


def _labels(
    column: pl.Series, element: Element, cuts: tuple[float, ...]
) -> tuple[list[str], pl.Series]:
    """The labels of one element's groups in order, and each member's label."""
    if column.dtype.is_numeric():
        return _intervals(column.cast(pl.Float64), element, cuts)
    codes = (
        column.dtype.categories
        if isinstance(column.dtype, pl.Enum)
        else column.cast(pl.String).drop_nulls().unique().sort()
    )
    order = {code: wording.group(element, code) for code in codes}
    return list(order.values()), column.cast(pl.String).replace_strict(
        order, default=None, return_dtype=pl.String
    )


def _intervals(
    column: pl.Series, element: Element, cuts: tuple[float, ...]
) -> tuple[list[str], pl.Series]:
    """Groups below the first cut, from each cut to the next, and from the last on."""
    middle = column.median()
    points = cuts or ((float(middle),) if isinstance(middle, float) else (0.0,))
    told = [f"{point:g}" for point in points]
    per = f" {wording.unit(element)}".rstrip()
    order = [
        f"{element.label} below {told[0]}{per}",
        *(f"{element.label} {a} to below {b}{per}" for a, b in pairwise(told)),
        f"{element.label} {told[-1]}{per} or more",
    ]
    above = pl.DataFrame({name: column >= point for name, point in zip(told, points, strict=True)})
    position = above.select(pl.sum_horizontal(pl.all(), ignore_nulls=False)).to_series()
    names = dict(enumerate(order))
    return order, position.replace_strict(names, default=None, return_dtype=pl.String)
