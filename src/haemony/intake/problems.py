"""What a check finds: one thing that is not as it should be, and the way to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

WRONG_SHARE = 0.05
"""Above this share of wrong cells in a mapped column the dictionary contradicts the data."""


class Severity(StrEnum):
    """What a problem means for admission."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be; ``row`` 0 stands for the whole column or file."""

    severity: Severity
    file: str
    row: int
    column: str
    value_class: str
    rule: str
    fix: str


PROBLEMS = pl.Schema(
    {
        "severity": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "value_class": pl.String,
        "rule": pl.String,
        "fix": pl.String,
    }
)


def whole(severity: Severity, file: str, column: str, rule: str, fix: str) -> Problem:
    """A problem of a whole column or file."""
    return Problem(severity, file, 0, column, "", rule, fix)
