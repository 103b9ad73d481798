"""How much may break a check: the defaults of the R package, and what a committee sets instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from haemony.model.errors import UsageError
from haemony.model.tables import TableSlip, rows
from haemony.quality.dqd.definitions import Check, checks, types

Place = tuple[str, str, str, str]
"""Check, table, field, concepts; what is empty stands for all."""

_COLUMNS = {"check", "table", "field", "concept", "threshold"}
_SUFFIX = "Threshold"


class UnknownCheck(UsageError):
    """No check bears this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"no check is called {name!r}; `docs/reference/checks.md` lists the check types, and "
            "`haemony release check --dqd` writes the ids of all checks"
        )


@dataclass(frozen=True)
class Thresholds:
    """Largest shares in percent, by place; a check that none names keeps its default.

    Example:
        >>> check = next(c for c in checks() if c.id.endswith("completeness_death"))
        >>> Thresholds({("measurePersonCompleteness", "", "", ""): 50}).of(check)
        50
        >>> Thresholds({}).of(check)
        100.0
    """

    given: Mapping[Place, float]

    @classmethod
    def read(cls, file: Path) -> Thresholds:
        """Read a table of thresholds: ours, or one of the R package's.

        Ours has the columns check, table, field, concept and threshold (percent). An empty cell
        stands for all; the more of a check a row names, the more it weighs. The R package's has a
        row per table, field or concept and a column ``<check>Threshold`` per check type.

        Raises:
            TableSlip: When a line cannot be understood.
            UnknownCheck: When a check type is none of the 27.
        """
        given: dict[Place, float] = {}
        for line, row in rows(file):
            for place, text in _entries(file, line, row):
                if place[0] not in types():
                    raise UnknownCheck(place[0])
                given[place] = _percent(file, line, text)
        return cls(given)

    @classmethod
    def by_id(cls, given: Mapping[str, float]) -> Thresholds:
        """Thresholds by the id of the check.

        Raises:
            UnknownCheck: When no check has this id.
        """
        known = {check.id: check for check in checks()}
        if unknown := sorted(given.keys() - known.keys()):
            raise UnknownCheck(unknown[0])
        return cls({_place(known[name]): most for name, most in given.items()})

    def of(self, check: Check) -> float | None:
        """The threshold of a check: the most specific one given, else its default."""
        if self.given:
            name, *rest = _place(check)
            for named in _BY_WEIGHT:
                parts = [part if keep else "" for part, keep in zip(rest, named, strict=True)]
                found = self.given.get((name, parts[0], parts[1], parts[2]))
                if found is not None:
                    return found
        return check.threshold


_BY_WEIGHT = sorted(product((True, False), repeat=3), key=lambda named: -sum(named))


def _place(check: Check) -> Place:
    return check.type.name, check.table, check.field, check.concept_text


def _entries(file: Path, line: int, row: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """The thresholds of one line."""
    if "cdmTableName" in row:
        place = [row.get(f"cdm{part}Name", "").lower() for part in ("Table", "Field")]
        concept = row.get("conceptId", "").replace(" ", "")
        for column, text in row.items():
            name = column.removesuffix(_SUFFIX)
            if name != column and name in types() and text not in {"", "NA"}:
                yield (name, place[0], place[1], concept), text
        return
    if lacking := sorted(_COLUMNS - row.keys()):
        raise TableSlip(file.name, line, f"there is no column {lacking[0]}")
    concept = row["concept"].replace(" ", "")
    yield (row["check"], row["table"].lower(), row["field"].lower(), concept), row["threshold"]


def _percent(file: Path, line: int, text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100:
        reason = f"{text!r} is not a percentage between 0 and 100"
        raise TableSlip(file.name, line, reason)
    return percent
