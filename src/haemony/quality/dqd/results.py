"""What every check found, and its verdict under thresholds that may be changed at will.

Counting reads the data, judging does not: the same counts are judged anew under other thresholds in
milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from haemony.quality.dqd.definitions import Check, Level, Severity
from haemony.quality.dqd.tallies import Tally
from haemony.quality.dqd.thresholds import Thresholds


class Status(StrEnum):
    """The verdict on a check; exactly one of these."""

    FAILED = "failed"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"
    ERROR = "error"


class Impact(StrEnum):
    """How much a failure matters to whoever uses the data."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What counting gave: a tally, or why there is none."""

    check: Check
    tally: Tally | None = None
    not_applicable: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A check with its verdict.

    Attributes:
        outcome: What was counted.
        threshold: Largest share that may break it, in percent; none means that no row may.
        status: The verdict.
    """

    outcome: Outcome
    threshold: float | None
    status: Status

    @property
    def check(self) -> Check:
        """What was asked."""
        return self.outcome.check

    @property
    def tally(self) -> Tally:
        """What was counted.

        Raises:
            ValueError: When the check was not judged.
        """
        if self.outcome.tally is None:
            raise ValueError(f"{self.check.id} was not judged: {self.reason}")
        return self.outcome.tally

    @property
    def reason(self) -> str:
        """Why there is no verdict; empty where there is one."""
        return self.outcome.not_applicable or self.outcome.error

    @property
    def share(self) -> float:
        """The share that breaks it, between 0 and 1; 0 where nothing was counted."""
        tally = self.outcome.tally
        return tally.broken / tally.rows if tally and tally.rows else 0.0

    @property
    def percent(self) -> float:
        """The share in percent, to two decimals."""
        return round(100 * self.share, 2)

    @property
    def impact(self) -> Impact:
        """High for what breaks the CDM, medium for its conventions, low for the source's own ways.

        What characterises the source is medium when half of the rows or more break it.
        """
        severity = self.check.type.severity
        if severity is Severity.FATAL:
            return Impact.HIGH
        if severity is Severity.CONVENTION or self.share >= 0.5:
            return Impact.MEDIUM
        return Impact.LOW

    @property
    def examples(self) -> tuple[str, ...]:
        """Up to three rows that break it, as ``haemony trace`` takes them: ``death/31``."""
        counts_patients = self.check.type.level is Level.TABLE
        table = "person" if counts_patients else self.check.table
        return tuple(f"{table}/{key}" for key in self.tally.examples)

    @property
    def question(self) -> str:
        """What to ask the partner."""
        tally = self.tally
        words = {"broken": f"{tally.broken:,}", "rows": f"{tally.rows:,}", **self.check.words}
        return self.check.type.question.format(**words)


@dataclass(frozen=True)
class Results:
    """The verdicts on every check.

    Attributes:
        outcomes: What was counted, in the order of the checks.
        thresholds: Under which they are judged.
    """

    outcomes: tuple[Outcome, ...]
    thresholds: Thresholds

    def judged(self, thresholds: Thresholds | Mapping[str, float]) -> Results:
        """The same counts under other thresholds; no data are read.

        Args:
            thresholds: Read from a file, or in percent by the id of the check.
        """
        if not isinstance(thresholds, Thresholds):
            thresholds = Thresholds.by_id(thresholds)
        return Results(self.outcomes, thresholds)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, check: str) -> Result:
        """The result of a check by its id."""
        return self._by_id[check]

    @cached_property
    def all(self) -> tuple[Result, ...]:
        """Every result, in the order of the checks."""
        return tuple(self._judge(outcome) for outcome in self.outcomes)

    @cached_property
    def _by_id(self) -> dict[str, Result]:
        return {result.check.id: result for result in self.all}

    def of(self, status: Status) -> tuple[Result, ...]:
        """The results with one verdict."""
        return tuple(result for result in self.all if result.status is status)

    @property
    def failures(self) -> tuple[Result, ...]:
        """What failed: by impact, then by the patients or rows concerned."""
        order = list(Impact)
        return tuple(sorted(self.of(Status.FAILED), key=lambda r: _rank(r, order)))

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many checks had which verdict."""
        found = Counter(result.status for result in self.all)
        return {status: found[status] for status in Status}

    def _judge(self, outcome: Outcome) -> Result:
        threshold = self.thresholds.of(outcome.check)
        if outcome.tally is None:
            status = Status.ERROR if outcome.error else Status.NOT_APPLICABLE
        else:
            failed = _fails(outcome.tally, threshold)
            status = Status.FAILED if failed else Status.PASSED
        return Result(outcome, threshold, status)


def _fails(tally: Tally, threshold: float | None) -> bool:
    """More than the threshold, or at all where none is tolerated."""
    if not threshold:
        return tally.broken > 0
    return tally.rows > 0 and 100 * tally.broken / tally.rows > threshold


def _rank(result: Result, order: Iterable[Impact]) -> tuple[int, int, int, str]:
    tally = result.tally
    place = list(order).index(result.impact)
    return place, -(tally.patients or 0), -tally.broken, result.check.id
