"""Who is studied: criteria applied in order, every person left out counted.

A person whose value is unknown is not a person who fails a criterion; the two are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from haemony.model.errors import UsageError


class CannotJudge(UsageError):
    """A criterion does not fit the values of its column."""

    def __init__(self, label: str, element: str, reason: str) -> None:
        self.label, self.element, self.reason = label, element, reason
        super().__init__(
            f"study.toml, the criterion {label!r} cannot be judged: {element!r} {reason}"
            f"{'' if reason.endswith('?') else ';'} correct its condition"
        )


@dataclass(frozen=True, slots=True)
class Known:
    """The value is there, whatever it is."""

    def met(self, column: str) -> pl.Expr:
        """True where known, null otherwise: nobody fails it, some are unknown."""
        return pl.when(pl.col(column).is_not_null()).then(pl.lit(value=True))

    @property
    def words(self) -> str:
        """The condition as people read it."""
        return "known"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these."""

    values: tuple[str | float, ...]

    def met(self, column: str) -> pl.Expr:
        """Whether each row meets it; null where the value is unknown."""
        return pl.any_horizontal(pl.col(column) == value for value in self.values)

    @property
    def words(self) -> str:
        """The condition as people read it."""
        return " or ".join(
            f"{value:g}" if not isinstance(value, str) else value for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Within:
    """The number lies between two limits, both included."""

    low: float
    high: float

    def met(self, column: str) -> pl.Expr:
        """Whether each row meets it; null where the value is unknown."""
        return pl.col(column).is_between(self.low, self.high)

    @property
    def words(self) -> str:
        """The condition as people read it.

        >>> Within(18, float("inf")).words, Within(18, 60).words
        ('at least 18', '18 to 60')
        """
        if self.high == float("inf"):
            return f"at least {self.low:g}"
        if self.low == float("-inf"):
            return f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


Condition = Known | OneOf | Within
"""What a criterion may ask of one value."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that every member of a cohort has in common.

    Attributes:
        label: what the reader is told, such as "adults".
        element: the column it judges.
        condition: what it asks of the value.
    """

    label: str
    element: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Step:
    """What one criterion did.

    Attributes:
        criterion: the criterion.
        before: people it was applied to.
        not_met: people left out because their value does not meet it.
        missing: people left out because their value is unknown.
    """

    criterion: Criterion
    before: int
    not_met: int
    missing: int

    @property
    def remaining(self) -> int:
        """People who went on to the next criterion."""
        return self.before - self.not_met - self.missing


@dataclass(frozen=True, eq=False)
class Cohort:
    """The people studied, and how they were found.

    Attributes:
        table: one row per member.
        people: how many there were at the beginning.
        steps: one per criterion, in order.
    """

    table: pl.DataFrame
    people: int
    steps: tuple[Step, ...]

    def attrition(self) -> pl.DataFrame:
        """One row per criterion: label, before, not_met, missing, remaining."""
        return pl.DataFrame(
            {
                "label": [step.criterion.label for step in self.steps],
                "before": [step.before for step in self.steps],
                "not_met": [step.not_met for step in self.steps],
                "missing": [step.missing for step in self.steps],
                "remaining": [step.remaining for step in self.steps],
            }
        )


def select(people: pl.DataFrame, criteria: Iterable[Criterion]) -> Cohort:
    """Keep the people who meet every criterion, and count those who leave at each.

    Args:
        people: one row per person.
        criteria: applied in this order.

    Raises:
        CannotJudge: when a condition does not fit its column: a limit on a category, or a value
            that the category does not have.

    >>> people = pl.DataFrame({"age": [17, 40, 71, None]})
    >>> cohort = select(people, [Criterion("adults", "age", Within(18, float("inf")))])
    >>> cohort.table["age"].to_list(), cohort.steps[0].not_met, cohort.steps[0].missing
    ([40, 71], 1, 1)
    """
    left, steps = people, []
    for criterion in criteria:
        _check(criterion, left.schema[criterion.element])
        verdict = left.select(criterion.condition.met(criterion.element).alias("met"))["met"]
        missing = verdict.null_count()
        kept = left.filter(verdict.fill_null(value=False))
        steps.append(Step(criterion, left.height, left.height - kept.height - missing, missing))
        left = kept
    return Cohort(left, people.height, tuple(steps))


def _check(criterion: Criterion, dtype: pl.DataType) -> None:
    condition = criterion.condition
    if isinstance(condition, Within) and not dtype.is_numeric():
        raise CannotJudge(criterion.label, criterion.element, "is not a number")
    if not isinstance(condition, OneOf):
        return
    texts = [value for value in condition.values if isinstance(value, str)]
    if dtype.is_numeric() and texts:
        raise CannotJudge(criterion.label, criterion.element, "is a number, not a text")
    if not dtype.is_numeric() and len(texts) < len(condition.values):
        raise CannotJudge(criterion.label, criterion.element, "is a text, not a number")
    if isinstance(dtype, pl.Enum):
        unknown = [value for value in texts if value not in dtype.categories]
        if unknown:
            raise CannotJudge(criterion.label, criterion.element, _no_value(unknown, dtype))


MANY = 12
"""How many values of an element a message lists; of more, it names those that are near."""


def _no_value(unknown: Sequence[str], dtype: pl.Enum) -> str:
    """Which values an element lacks, and which ones may have been meant."""
    values = dtype.categories.to_list()
    said = f"has no value {' or '.join(map(repr, unknown))}"
    near = [one for text in unknown for one in _near(text, values)]
    if near:
        return f"{said}; did you mean {' or '.join(map(repr, near))}?"
    if len(values) > MANY:
        return f"{said} among its {len(values)}, which `haemony elements` lists"
    return f"{said} among {', '.join(map(repr, values))}"


def _near(text: str, values: Sequence[str]) -> list[str]:
    """The values that resemble a text, in letters or in their initials."""
    initials = [one for one in values if _initials(one) == text.casefold()]
    return initials or get_close_matches(text, values, n=2)


def _initials(text: str) -> str:
    return "".join(word[0] for word in text.casefold().split())
