"""Other thresholds for a grade that is there: nothing is counted again.

A grade keeps what was counted: how many patients a rule could judge and how many broke it, for how
many a core element is known. Thresholds apply to these counts, so that a committee can ask *what
if* and see the answer at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from haemony.model.errors import UsageError
from haemony.quality.cdm import Finding
from haemony.quality.grade import Judged, Level, Verdict, complete, plausible

CORE_SHARE = "core share"
"""Name of the threshold for core elements: the share of patients for whom each is known."""


class NoThreshold(UsageError):
    """A name under which nothing is judged."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"nothing is judged under {', '.join(self.names)}; write {CORE_SHARE!r} or the words "
            "of a rule, as `haemony release show --html` shows them"
        )


class BadThreshold(UsageError):
    """A threshold that is no share."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the threshold of {name!r} is no number between 0 and 1")


def regraded(
    grade: Mapping[str, Any], thresholds: Mapping[str, float], core_share: float
) -> tuple[Verdict, ...]:
    """Judge a contribution anew by other thresholds.

    Args:
        grade: The grade report of a member of a release.
        thresholds: Tolerated share by rule, and the share asked for of core elements.
        core_share: What was asked for of core elements.

    Returns:
        The verdicts, level by level.
    """
    rows = [{k: v for k, v in row.items() if k != "holds"} for row in grade["rules"]]
    judged = tuple(Judged(**row) for row in rows)
    judged = tuple(
        replace(one, tolerance=thresholds.get(one.rule, one.tolerance)) for one in judged
    )
    cdm = tuple(Finding(**row) for row in grade["cdm"])
    known = pl.DataFrame(grade["completeness"])
    return (
        *(_as_it_was(row) for row in grade["levels"] if row["level"] <= Level.CONFORMANT),
        complete(known, thresholds.get(CORE_SHARE, core_share)),
        plausible(judged, cdm),
    )


def _as_it_was(row: Mapping[str, Any]) -> Verdict:
    return Verdict(Level(row["level"]), bool(row["holds"]), tuple(row["reasons"]))


def check_names(thresholds: Mapping[str, float], grades: Iterable[Mapping[str, Any]]) -> None:
    """Refuse thresholds under names that judge nothing, and those that are no shares.

    Raises:
        NoThreshold: With the names.
        BadThreshold: With the name.
    """
    known = {CORE_SHARE} | {row["rule"] for grade in grades for row in grade["rules"]}
    if strange := sorted(set(thresholds) - known):
        raise NoThreshold(strange)
    for name, share in thresholds.items():
        if not 0 <= share <= 1:
            raise BadThreshold(name)
