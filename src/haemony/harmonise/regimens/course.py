"""Lines of treatment: which rows of drugs belong together, and where the next line begins.

The rules, in the order in which they are asked of each row:

1. A drug of conditioning within :data:`AROUND_TRANSPLANT` days of a transplant belongs to the line
   before it: a transplant starts no line.
2. Steroids, and cytoreduction where it is no regimen of the disease, belong to the line they are
   given in, or to the one that opens within :data:`PREPHASE` days. They make none.
3. More days without treatment than the regimen's gap start a new line, even with the same drugs.
4. A drug that makes a known regimen together with the others combines with them; so does any drug
   within :data:`WINDOW` days while they make none, or within the regimen's own window.
5. A drug of the line's regimen, or one that may follow it as maintenance, stays in the line.
6. Any other drug starts a new line, which takes with it what began within :data:`TOGETHER` days
   before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from haemony.harmonise.regimens.table import Ingredient, Match, Role, ingredients, match, regimens
from haemony.model.errors import UsageError

WINDOW = 28
TOGETHER = 3
PREPHASE = 14
AROUND_TRANSPLANT = 14
GAP = 90
"""Days without treatment that end a line of no known regimen."""

REGIMEN, MAINTENANCE, CONDITIONING = "regimen", "maintenance", "conditioning"
"""As what a row belongs to its line; steroids and cytoreduction by their role."""

LINES = pl.Schema(
    [
        ("person_id", pl.Int64()),
        ("line", pl.Int32()),
        ("regimen", pl.String()),
        ("drugs", pl.List(pl.String)),
        ("start", pl.Int32()),
        ("end", pl.Int32()),
        ("maintenance_start", pl.Int32()),
        ("began", pl.String()),
        ("inferred", pl.String()),
        ("rows", pl.List(pl.Int64)),
    ]
)
"""One line of treatment: ``began`` and ``inferred`` say by which rule, ``rows`` from which rows."""

PLACED = pl.Schema(
    {
        "person_id": pl.Int64,
        "row": pl.Int64,
        "line": pl.Int32,
        "drug": pl.String,
        "phase": pl.String,
    }
)
"""Rows that belong to a line, and as what."""

UNASSIGNED = pl.Schema({"person_id": pl.Int64, "row": pl.Int64, "reason": pl.String})
"""Rows that belong to none."""


class RowsTwice(UsageError):
    """Two rows of drugs have the same number."""

    def __init__(self, twice: int) -> None:
        self.twice = twice
        super().__init__(f"{twice:,} rows share the number of another; give each row its own `row`")


@dataclass(frozen=True)
class Courses:
    """What the drugs of many persons say.

    Attributes:
        lines: Columns as in :data:`LINES`.
        placed: Columns as in :data:`PLACED`.
        unassigned: Columns as in :data:`UNASSIGNED`.
    """

    lines: pl.DataFrame
    placed: pl.DataFrame
    unassigned: pl.DataFrame


@dataclass(frozen=True, slots=True, order=True)
class _Dose:
    """One row of a drug, in the order in which rows are asked: helpers last on their day."""

    start: int
    is_helper: bool
    end: int
    name: str
    row: int

    @property
    def drug(self) -> Ingredient:
        return ingredients()[self.name]


@dataclass
class _Line:
    """A line while it grows: its rows with their phase, and the first day of each drug."""

    began: str
    doses: list[tuple[_Dose, str]] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)
    steroids: dict[str, int] = field(default_factory=dict)
    known: tuple[int, Match | None] = (0, None)

    @property
    def start(self) -> int:
        return min(self.starts.values())

    @property
    def end(self) -> int:
        return max(dose.end for dose, _ in self.doses)

    def take(self, dose: _Dose, phase: str) -> None:
        self.doses.append((dose, phase))

    def combine(self, dose: _Dose) -> None:
        self.starts.setdefault(dose.name, dose.start)
        self.take(dose, REGIMEN)

    def help(self, dose: _Dose) -> None:
        if dose.drug.role is Role.STEROID:
            self.steroids.setdefault(dose.name, dose.start)
        self.take(dose, dose.drug.role.value)

    def found(self, disease: str) -> Match | None:
        """The regimen of its drugs; asked again only when there is a further drug."""
        size = len(self.starts) + len(self.steroids)
        if self.known[0] != size:
            self.known = size, self.found_with(disease)
        return self.known[1]

    def found_with(self, disease: str, *more: _Dose) -> Match | None:
        """The regimen of its drugs together with those of further rows."""
        first = {dose.name: dose.start for dose in more} | self.starts
        near = {n: day for n, day in self.steroids.items() if day <= self.start + WINDOW}
        return match(near | first, disease)


def lines_of(
    drugs: pl.DataFrame,
    *,
    disease: str = "",
    transplants: Mapping[int, Iterable[int]] | None = None,
) -> Courses:
    """Find the lines of treatment of every person.

    Args:
        drugs: ``row`` (a number of its own), ``person_id``, ``drug`` (INN, another name it goes by,
            or its RxNorm ingredient concept), ``start`` and ``end`` in days; a row without an end
            ends on the day it starts. Other columns, a dose for instance, are not looked at.
        disease: Code of the disease; regimens of every disease unless given.
        transplants: Days of the transplants of each person.

    Returns:
        Lines, and every row either in exactly one of them or unassigned with the reason. The order
        of the rows does not matter.

    Raises:
        RowsTwice: When rows share a number.

    Example:
        >>> given = pl.DataFrame({"row": [1, 2], "person_id": [7, 7], "start": [0, 1],
        ...     "drug": ["Cytarabine", "daunorubicin"], "end": [6, 3]})
        >>> lines_of(given, disease="aml").lines["regimen"].to_list()
        ['7+3']
    """
    if twice := drugs.height - drugs["row"].n_unique():
        raise RowsTwice(twice)
    lines: list[tuple[object, ...]] = []
    placed: list[tuple[object, ...]] = []
    lost: list[tuple[object, ...]] = []
    columns = ("row", "person_id", "drug", "start", "end")
    ordered = drugs.select(columns).sort("person_id", "row")
    for (person,), rows in ordered.group_by("person_id", maintain_order=True):
        doses, wrong = _doses(rows, disease)
        days = sorted((transplants or {}).get(int(str(person)), ()))
        reading = _Reading(disease, days)
        reading.read(doses)
        for number, line in enumerate(reading.lines, 1):
            lines.append((person, number, *_told(line, disease)))
            phases = _phases(line, disease)
            placed += [(person, dose.row, number, dose.name, phase) for dose, phase in phases]
        lost += [(person, row, reason) for row, reason in (*wrong, *reading.lost)]
    return Courses(
        pl.DataFrame(lines, schema=LINES, orient="row"),
        pl.DataFrame(placed, schema=PLACED, orient="row").sort("person_id", "row"),
        pl.DataFrame(lost, schema=UNASSIGNED, orient="row").sort("person_id", "row"),
    )


def _doses(rows: pl.DataFrame, disease: str) -> tuple[list[_Dose], list[tuple[int, str]]]:
    """Rows that can be asked, sorted, and those that cannot."""
    doses, wrong = [], []
    for row, _, drug, start, end in rows.iter_rows():
        known = ingredients().get(str(drug).strip().lower())
        if known is None:
            wrong.append((row, "is no drug of the table of ingredients"))
        elif start is None:
            wrong.append((row, "has no day on which it starts"))
        elif end is not None and end < start:
            wrong.append((row, "ends before it starts"))
        else:
            last = start if end is None else end
            doses.append(_Dose(start, _is_helper(known, disease), last, known.name, row))
    return sorted(doses), wrong


def _is_helper(drug: Ingredient, disease: str) -> bool:
    """Whether a drug makes no line of its own in this disease."""
    if drug.role is not Role.CYTOREDUCTION:
        return drug.role is Role.STEROID
    return (drug.name, disease) not in _alone_in()


@cache
def _alone_in() -> frozenset[tuple[str, str]]:
    """Drugs and the diseases in which they are a regimen by themselves."""
    single = (one for one in regimens() if len(one.required) == 1)
    return frozenset((n, d) for one in single for n in one.required[0] for d in one.diseases)


@dataclass
class _Reading:
    """One person's rows on their way into lines."""

    disease: str
    transplants: list[int]
    lines: list[_Line] = field(default_factory=list)
    waiting: list[_Dose] = field(default_factory=list)
    lost: list[tuple[int, str]] = field(default_factory=list)

    def read(self, doses: Iterable[_Dose]) -> None:
        """Ask the rules of each row."""
        for dose in doses:
            if self._is_conditioning(dose):
                self._condition(dose)
            elif dose.is_helper:
                self._help(dose)
            else:
                self._treat(dose)
        self.lost += [(dose.row, _alone(dose)) for dose in self.waiting]

    def _is_conditioning(self, dose: _Dose) -> bool:
        near = (abs(day - dose.start) <= AROUND_TRANSPLANT for day in self.transplants)
        return dose.drug.conditioning and any(near)

    def _condition(self, dose: _Dose) -> None:
        if self.lines:
            self.lines[-1].take(dose, CONDITIONING)
        else:
            self.lost.append((dose.row, "is given around a transplant, and no line is before it"))

    def _help(self, dose: _Dose) -> None:
        """Steroids and cytoreduction belong to the line they fall into, or wait for one."""
        line = self.lines[-1] if self.lines else None
        if line is None or self._pause(line, dose) > self._gap(line):
            self.waiting.append(dose)
        else:
            line.help(dose)

    def _treat(self, dose: _Dose) -> None:
        line = self.lines[-1] if self.lines else None
        if line is None:
            self._open(dose, "the first drug")
        elif (pause := self._pause(line, dose)) > self._gap(line):
            self._open(dose, f"{pause} days without treatment")
        elif dose.name in line.starts or self._combines(line, dose):
            line.combine(dose)
        elif (found := line.found(self.disease)) and dose.name in found.regimen.own:
            line.take(dose, REGIMEN)
        elif found and dose.name in found.regimen.maintenance:
            line.take(dose, MAINTENANCE)
        else:
            self._open(dose, f"a drug that is not of the line before: {dose.name}")

    def _combines(self, line: _Line, dose: _Dose) -> bool:
        """Whether a further drug belongs to the combination that opened the line."""
        if line.found_with(self.disease, dose) is not None:
            return True
        found = line.found(self.disease)
        within = WINDOW if found is None else found.regimen.window_days
        return dose.start - line.start <= within

    def _pause(self, line: _Line, dose: _Dose) -> int:
        """Days since the last treatment; a transplant is one."""
        since = (day for day in self.transplants if line.end < day <= dose.start)
        return dose.start - max([line.end, *since])

    def _gap(self, line: _Line) -> int:
        found = line.found(self.disease)
        return GAP if found is None else found.regimen.gap_days

    def _open(self, dose: _Dose, began: str) -> None:
        """Open a line; it takes what began with it, and the steroids before it."""
        line = _Line(began)
        for other, phase in _moved(self.lines[-1], dose) if self.lines else ():
            if phase in {REGIMEN, MAINTENANCE}:
                line.combine(other)
            else:
                line.help(other)
        for helper in self.waiting:
            if dose.start - helper.start <= PREPHASE:
                line.help(helper)
            else:
                self.lost.append((helper.row, _alone(helper)))
        self.waiting = []
        line.combine(dose)
        self.lines.append(line)


def _moved(line: _Line, dose: _Dose) -> list[tuple[_Dose, str]]:
    """Take the rows of the line before that began together with a drug that starts a new one.

    The first rows of its drugs stay: what made a line is never taken away from it.
    """
    late = [
        (other, phase)
        for other, phase in line.doses
        if phase != CONDITIONING
        and other.start >= dose.start - TOGETHER
        and other.start > line.start + TOGETHER
        and line.starts.get(other.name) != other.start
    ]
    line.doses = [pair for pair in line.doses if pair not in late]
    return late


def _alone(dose: _Dose) -> str:
    """Why a row that makes no line is in none."""
    return f"is {dose.drug.role.value} outside every line"


def _phases(line: _Line, disease: str) -> list[tuple[_Dose, str]]:
    """The rows with their phase; maintenance is what goes on alone after all else has ended."""
    since = _maintenance_from(line, disease)
    if since is None:
        return line.doses
    return [
        (dose, MAINTENANCE if phase == REGIMEN and dose.start >= since else phase)
        for dose, phase in line.doses
    ]


def _maintenance_from(line: _Line, disease: str) -> int | None:
    """The first day on which nothing but maintenance is given; none where there is no such day."""
    found = line.found(disease)
    kept = found.regimen.maintenance if found else frozenset()
    treated = [dose for dose, phase in line.doses if phase in {REGIMEN, MAINTENANCE}]
    others = [dose.end for dose in treated if dose.name not in kept]
    others += [dose.end for dose, phase in line.doses if phase == Role.STEROID]
    if not others:
        return None
    alone = (d.start for d in treated if d.name in kept and d.start > max(others))
    return min(alone, default=None)


def _told(line: _Line, disease: str) -> tuple[object, ...]:
    """A line in the columns of :data:`LINES`, less person and number."""
    found = line.found(disease)
    said = f"no regimen of the table is made of these drugs within {WINDOW} days"
    if found is not None:
        said = f"drugs that start within {found.regimen.window_days} days of each other"
        said += "".join(f"; without {absent}, which no row names" for absent in found.absent)
    return (
        found.regimen.name if found else None,
        sorted(line.starts),
        line.start,
        line.end,
        _maintenance_from(line, disease),
        line.began,
        said,
        sorted(dose.row for dose, _ in line.doses),
    )
