"""Without identities: patients of two tables who look the same in their clinical values.

Two anonymised trials of one group may have recruited the same patient, and nobody can link them.
What can be done is a screen: count how many recorded values a pair of rows shares, list the pairs
that share as good as all, and say how many such pairs chance alone would give. It warns; it never
merges, and a pair on the list is a question to the partners, not an answer.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2

from haemony.privacy.linkage.errors import BadScreen

_CHUNK = 1 << 22
"""Pairs whose values are compared at once."""

LONGEST_LIST = 10_000
"""Pairs that are listed; all are counted."""


class SuspiciousPairs(UserWarning):
    """Two tables hold more pairs of alike patients than chance explains."""


@dataclass(frozen=True)
class Screen:
    """What the screen found.

    Attributes:
        pairs: ``left`` and ``right`` (rows), ``agree`` (columns in which both are known and
            agree), ``known`` (columns in which both are known); most alike first.
        found: Suspicious pairs, those beyond the list included.
        compared: All pairs of rows.
        expected: Suspicious pairs of different patients to be expected: the share of such pairs
            *within* each table, where every row is another patient, times the pairs between.
        expected_low: Lower limit (95 %) of the number expected.
        expected_high: Upper limit (95 %): what the counts within the tables do not rule out.
    """

    pairs: pl.DataFrame
    found: int
    compared: int
    expected: float
    expected_low: float
    expected_high: float

    @property
    def alarming(self) -> bool:
        """Whether there are more suspicious pairs than the upper limit of what chance gives."""
        return self.found > self.expected_high


def screen(
    left: pl.DataFrame,
    right: pl.DataFrame,
    columns: Mapping[str, float],
    *,
    least_known: int | None = None,
    differing: int = 0,
) -> Screen:
    """Look for patients of two tables who agree in their clinical values.

    Two values agree when they are equal or, for numbers, no further apart than the tolerance. A
    missing value neither agrees nor differs. How many pairs chance gives is not computed as if
    columns were independent (age, sex and blood counts are not) but counted where the answer is
    known: two rows of one table are two patients. The limits are exact ones for a Poisson count
    (Garwood 1936, doi:10.1093/biomet/28.3-4.437), scaled; they hold when the populations of both
    tables are alike and the pairs independent, so take them as a guide.

    The time grows with the product of the rows: some seconds for 10⁸ pairs of ten columns.

    Args:
        left: One row per patient.
        right: One row per patient of the other source.
        columns: Tolerance of each column, in its unit; 0 for equal.
        least_known: Columns in which both must be known; all when left out.
        differing: Columns that may differ in a suspicious pair.

    Raises:
        BadScreen: When a column is absent, is not of one type, or no number has a tolerance.

    Warns:
        SuspiciousPairs: When there are more suspicious pairs than chance explains.

    Example:
        >>> trial = pl.DataFrame({"age": [41, 67, 53], "sex": list("fmf"), "wbc": [3.1, 88, 12]})
        >>> other = pl.DataFrame({"age": [67, 30], "sex": ["m", "m"], "wbc": [88.2, 5]})
        >>> result = screen(trial, other, {"age": 1, "sex": 0, "wbc": 0.5})
        >>> result.pairs.rows(), result.compared
        ([(1, 0, 3, 3)], 6)
    """
    _check(left, right, columns)
    needed = len(columns) if least_known is None else least_known
    if not 0 <= differing < needed <= len(columns):
        raise BadScreen(
            f"{needed} of {len(columns)} columns known and {differing} of them differing"
        )
    one, two = _coded(left, right, columns)
    tolerances = tuple(columns.values())
    found = _pairs(one, two, tolerances, needed, differing, within=False)
    inside = sum(
        _pairs(rows, rows, tolerances, needed, differing, within=True).height for rows in (one, two)
    )
    trials = sum(rows.shape[1] * (rows.shape[1] - 1) / 2 for rows in (one, two))
    scale = left.height * right.height / trials if trials else inf
    low = float(chi2.ppf(0.025, 2 * inside)) / 2 if inside else 0.0
    high = float(chi2.ppf(0.975, 2 * inside + 2)) / 2
    result = Screen(
        found.head(LONGEST_LIST),
        found.height,
        left.height * right.height,
        inside * scale if trials else inf,
        low * scale if trials else 0.0,
        high * scale,
    )
    if result.alarming:
        warnings.warn(
            f"{result.found} pairs of rows are alike where chance gives {result.expected:.1f} "
            f"(at most {result.expected_high:.1f}); ask both partners whether patients were "
            "recruited twice. Nothing was merged",
            SuspiciousPairs,
            stacklevel=2,
        )
    return result


def _check(left: pl.DataFrame, right: pl.DataFrame, columns: Mapping[str, float]) -> None:
    if not columns:
        raise BadScreen("no column is named")
    for name, tolerance in columns.items():
        if name not in left.columns or name not in right.columns:
            raise BadScreen(f"{name} is not in both tables")
        numeric = [frame.schema[name].is_numeric() for frame in (left, right)]
        if numeric[0] != numeric[1]:
            raise BadScreen(f"{name} is a number in one table only")
        if not (tolerance == 0 or (numeric[0] and 0 < tolerance < inf)):
            raise BadScreen(f"the tolerance of {name} is neither 0 nor that of a number")


def _coded(
    left: pl.DataFrame, right: pl.DataFrame, columns: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The columns of both tables as numbers, one row each; equal texts get equal numbers."""
    one, two = [], []
    for name in columns:
        both = pl.concat([left[name].cast(pl.String), right[name].cast(pl.String)])
        if left.schema[name].is_numeric():
            both = pl.concat([left[name].cast(pl.Float64), right[name].cast(pl.Float64)])
            numbers = both.fill_nan(None)
        else:
            numbers = both.rank("dense").cast(pl.Float64)
        values = numbers.to_numpy().astype(np.float64)
        one.append(values[: left.height])
        two.append(values[left.height :])
    return np.array(one), np.array(two)


def _pairs(
    one: NDArray[np.float64],
    two: NDArray[np.float64],
    tolerances: tuple[float, ...],
    needed: int,
    differing: int,
    *,
    within: bool,
) -> pl.DataFrame:
    """Pairs known in enough columns that differ in few enough of them."""
    parts = [pl.DataFrame(schema=_SCHEMA)]
    step = max(1, _CHUNK // max(two.shape[1], 1))
    for start in range(0, one.shape[1], step):
        block = one[:, start : start + step, None]
        known = np.zeros(block.shape[1:2] + two.shape[1:], np.int16)
        agree = np.zeros_like(known)
        for own, other, tolerance in zip(block, two[:, None, :], tolerances, strict=True):
            distance = np.abs(own - other)
            known += ~np.isnan(distance)
            agree += distance <= tolerance * (1 + 1e-12)
        hit = (known >= needed) & (known - agree <= differing)
        rows, others = np.nonzero(hit)
        kept = rows + start < others if within else np.ones(rows.size, np.bool_)
        rows, others = rows[kept], others[kept]
        parts.append(
            pl.DataFrame(
                {
                    "left": rows + start,
                    "right": others,
                    "agree": agree[rows, others].astype(np.int64),
                    "known": known[rows, others].astype(np.int64),
                },
                schema=_SCHEMA,
            )
        )
    return pl.concat(parts).sort(
        "agree", "known", "left", "right", descending=[True, False, False, False]
    )


_SCHEMA = {"left": pl.Int64, "right": pl.Int64, "agree": pl.Int64, "known": pl.Int64}
