"""The risk of event data: how well p events that somebody knows of a person find her course.

Every event of a course is a quasi-identifier, so classes of equal courses would leave nothing. The
adversary is bounded instead: she knows p of a person's events, with their days as precisely as they
are released, and looks for everybody who has them all. With n such people (the person is one of
them) her risk is 1/n. The share of subsets with n = 1 is the unicity of de Montjoye, Hidalgo,
Verleysen, Blondel 2013 (doi:10.1038/srep01376); the adversary of bounded power is that of El Emam,
Arbuckle 2013, *Anonymizing Health Data*, chapter on longitudinal data.

An adversary who also knows that something did *not* happen is stronger than this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.disclosure import THRESHOLD
from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.anonymity.table import check_columns, distinct

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

BITSETS = 128 * 2**20
"""Bytes for the bitsets of the commonest items; rarer items are looked up by their people."""

CHUNK = 16 * 2**20
"""Bytes of bitsets, or people of rare items, that are worked on at a time."""

MOST_KNOWN = 5
"""The most events that the curve gives an adversary."""


class Precision(Enum):
    """How precisely days are told; periods count from day 0."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    NONE = "none"

    def period(self, day: pl.Expr) -> pl.Expr:
        """The period that a day falls in; a month has 365.25/12 days."""
        if self is Precision.NONE:
            return pl.lit(0, dtype=pl.Int64)
        return (day / _DAYS[self]).floor().cast(pl.Int64)


_DAYS = {
    Precision.DAY: 1.0,
    Precision.WEEK: 7.0,
    Precision.MONTH: 365.25 / 12,
    Precision.QUARTER: 365.25 / 4,
}


@dataclass(frozen=True, slots=True)
class Estimated:
    """A figure from drawn subsets.

    Attributes:
        value: The estimate.
        error: Its standard error from drawing subsets and persons; 0 where nothing was drawn.
    """

    value: float
    error: float


@dataclass(frozen=True)
class CourseRisk:
    """The risk from an adversary who knows p events.

    Attributes:
        precision: Of the days, as released and as known.
        known: Events that the adversary knows; all where a person has fewer.
        threshold: What a single risk should not exceed.
        persons: People in the table.
        looked_at: People whose subsets were looked at.
        short: People with fewer than ``known`` events.
        subsets: Subsets looked at.
        complete: Whether these are all subsets of all people.
        mean: Mean risk, 1/n, over people and the subsets of each.
        unique: Share of subsets that nobody else has.
        above_threshold: Share of subsets whose risk exceeds the threshold.
        highest: Highest risk of a subset; the true one may be higher unless ``complete``.
        ever_unique: Share of people of whom a subset looked at is unique; the true share is higher
            unless ``complete``, and its error speaks of the people drawn alone.
    """

    precision: Precision
    known: int
    threshold: float
    persons: int
    looked_at: int
    short: int
    subsets: int
    complete: bool
    mean: Estimated
    unique: Estimated
    above_threshold: Estimated
    highest: float
    ever_unique: Estimated


def course_risk(
    events: pl.DataFrame,
    known: int,
    precision: Precision = Precision.DAY,
    *,
    person: str = "person",
    event: str = "event",
    day: str = "day",
    threshold: float = THRESHOLD,
    draws: int = 10,
    people: int = 20_000,
    seed: int = 0,
) -> CourseRisk:
    """Measure the risk from an adversary who knows p events of a person.

    Events of the same name in the same period count once. An unknown day is a period of its own.

    Args:
        events: A long table, one row per event.
        known: Events that the adversary knows.
        precision: How precisely days are told.
        person: Column that says whose event it is.
        event: Column with the name of the event.
        day: Column with the day, counted from the person's day 0.
        threshold: What a single risk should not exceed.
        draws: Subsets drawn per person, each afresh; where there are no more, all are looked at.
        people: People drawn at most; everybody is always among those who may share a subset.
        seed: Of every draw.

    Raises:
        NoSuchColumn: When a column is missing.
        BadModel: When a row names no person or no event, the table is empty, or a number makes no
            sense.

    Example:
        >>> events = pl.DataFrame({
        ...     "person": ["A", "A", "B", "B", "C"],
        ...     "event": ["remission", "relapse", "remission", "relapse", "remission"],
        ...     "day": [30, 200, 33, 900, 31],
        ... })
        >>> one = course_risk(events, 1, Precision.MONTH)
        >>> one.unique.value, round(one.ever_unique.value, 3)
        (0.5, 0.667)
        >>> course_risk(events, 2, Precision.NONE).mean
        Estimated(value=0.4444444444444444, error=0.0)
    """
    _check(known, threshold, draws, people)
    index = _Index.of(events, precision, person=person, event=event, day=day)
    return _risk(index, known, precision, threshold, draws, people, seed)


def course_curve(
    events: pl.DataFrame,
    *,
    known: Iterable[int] = range(1, MOST_KNOWN + 1),
    precisions: Iterable[Precision] = tuple(Precision),
    person: str = "person",
    event: str = "event",
    day: str = "day",
    threshold: float = THRESHOLD,
    draws: int = 10,
    people: int = 20_000,
    seed: int = 0,
) -> tuple[CourseRisk, ...]:
    """Measure the risk for several p and precisions; arguments as in :func:`course_risk`.

    Example:
        >>> events = pl.DataFrame({"person": [1, 2, 2], "event": ["relapse"] * 3,
        ...                        "day": [100, 101, 400]})
        >>> both = [Precision.DAY, Precision.WEEK]
        >>> for point in course_curve(events, known=[1], precisions=both):
        ...     print(point.precision.value, point.known, point.unique.value)
        day 1 1.0
        week 1 0.25
    """
    known = tuple(known)
    points = []
    for precision in precisions:
        index = _Index.of(events, precision, person=person, event=event, day=day)
        for p in known:
            _check(p, threshold, draws, people)
            points.append(_risk(index, p, precision, threshold, draws, people, seed))
    return tuple(points)


def curve_table(points: Iterable[CourseRisk]) -> pl.DataFrame:
    """The curve as a table to publish: one row per precision and p, each figure with its error."""
    return pl.DataFrame(
        [
            {
                "precision": point.precision.value,
                "known": point.known,
                "mean": point.mean.value,
                "mean_error": point.mean.error,
                "unique": point.unique.value,
                "unique_error": point.unique.error,
                "above_threshold": point.above_threshold.value,
                "above_threshold_error": point.above_threshold.error,
                "highest": point.highest,
                "ever_unique": point.ever_unique.value,
                "complete": point.complete,
            }
            for point in points
        ]
    )


@dataclass(frozen=True)
class _Index:
    """Who has which items; an item is an event in a period.

    Attributes:
        starts: (persons + 1,) where each person's items begin.
        items: (rows,) items by person, ascending.
        item_starts: (items + 1,) where each item's people begin.
        holders: (rows,) people by item, ascending.
    """

    starts: Counts
    items: Counts = field(repr=False)
    item_starts: Counts
    holders: Counts = field(repr=False)

    @classmethod
    def of(
        cls, events: pl.DataFrame, precision: Precision, *, person: str, event: str, day: str
    ) -> _Index:
        check_columns(events, [person, event, day])
        nameless = events.select((pl.col(person).is_null() | pl.col(event).is_null()).sum()).item()
        if nameless or events.is_empty():
            raise BadModel(
                f"{nameless} rows name no person or no event" if nameless else "there is no event",
                remedy="give every event its person and its name",
            )
        who, persons = _coded(events[person])
        what, _ = _coded(events[event])
        when, periods = _coded(events.select(precision.period(pl.col(day))).to_series())
        item, items = _coded(pl.Series(what * periods + when))
        rows = np.sort(who * items + item)  # np.unique hashes, which takes ten times as long here
        who, item = np.divmod(rows[np.diff(rows, prepend=-1) > 0], items)
        by_item = np.argsort(item, kind="stable")
        return cls(
            _starts(who, persons),
            item,
            _starts(item, items),
            who[by_item],
        )

    @property
    def persons(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def sizes(self) -> Counts:
        """Items of each person."""
        return np.diff(self.starts)

    @cached_property
    def held(self) -> Counts:
        """People of each item."""
        return np.diff(self.item_starts)

    @cached_property
    def _keys(self) -> Counts:
        """Person and item of every row as one number, ascending."""
        return np.repeat(np.arange(self.persons), self.sizes) * len(self.held) + self.items

    @cached_property
    def _common(self) -> tuple[Counts, NDArray[np.uint64]]:
        """The bitset row of each item, -1 without one; and the bitsets of the commonest items."""
        words = -(-self.persons // 64)
        room = max(BITSETS // (8 * words), 1)
        chosen = np.argsort(-self.held, kind="stable")[:room]
        row = np.full(len(self.held), -1, dtype=np.int64)
        row[chosen] = np.arange(len(chosen))
        bits = np.zeros((len(chosen), words * 64 // 8), dtype=np.uint8)
        step = max(CHUNK // (words * 64), 1)
        for start in range(0, len(chosen), step):
            block = chosen[start : start + step]
            flags = np.zeros((len(block), words * 64), dtype=np.bool_)
            for here, item in enumerate(block.tolist()):
                flags[here, self.holders[self.item_starts[item] : self.item_starts[item + 1]]] = (
                    True
                )
            bits[start : start + step] = np.packbits(flags, axis=1)
        return row, bits.view(np.uint64)

    def sharing(self, subsets: Counts) -> Counts:
        """How many people (subsets,) have all items of each subset (subsets, p)."""
        ordered = np.sort(subsets, axis=1)
        size = len(self.held)
        number, first = distinct(
            [column.astype(np.int32) for column in ordered.T], [size] * ordered.shape[1]
        )
        return self._sharing(ordered[first])[number]

    def _sharing(self, subsets: Counts) -> Counts:
        row, _ = self._common
        found = np.empty(len(subsets), dtype=np.int64)
        common = (row[subsets] >= 0).all(axis=1)
        found[common] = self._by_bits(subsets[common])
        found[~common] = self._by_holders(subsets[~common])
        return found

    def _by_bits(self, subsets: Counts) -> Counts:
        row, bits = self._common
        found = np.empty(len(subsets), dtype=np.int64)
        step = max(CHUNK // (8 * bits.shape[1]), 1)
        for start in range(0, len(subsets), step):
            block = row[subsets[start : start + step]]
            shared = bits[block[:, 0]]
            for column in range(1, block.shape[1]):
                shared &= bits[block[:, column]]
            found[start : start + step] = np.bitwise_count(shared).sum(axis=1)
        return found

    def _by_holders(self, subsets: Counts) -> Counts:
        """From the people of the rarest item, keep those who have the others, too."""
        order = np.argsort(self.held[subsets], axis=1, kind="stable")
        rising = np.take_along_axis(subsets, order, axis=1)
        found = np.zeros(len(subsets), dtype=np.int64)
        for block in _blocks(self.held[rising[:, 0]]):
            count = self.held[rising[block, 0]]
            subset = np.repeat(np.arange(block.start, block.stop), count)
            offset = np.arange(len(subset)) - np.repeat(np.cumsum(count) - count, count)
            holder = self.holders[self.item_starts[rising[subset, 0]] + offset]
            for column in range(1, rising.shape[1]):
                key = holder * len(self.held) + rising[subset, column]
                place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
                has = self._keys[place] == key
                subset, holder = subset[has], holder[has]
            found[block] = np.bincount(subset - block.start, minlength=block.stop - block.start)
        return found


def _blocks(sizes: Counts) -> Iterator[slice]:
    """Slices whose sizes add up to a chunk, or hold one element."""
    total = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = total[start - 1] if start else 0
        stop = max(int(np.searchsorted(total, before + CHUNK // 32, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def _coded(values: pl.Series) -> tuple[Counts, int]:
    """Number the different values in their order, an empty cell last; and how many there are."""
    kinds = values.unique().sort(nulls_last=True)
    if values.dtype.is_integer() and not values.null_count():
        return np.searchsorted(kinds.to_numpy(), values.to_numpy()).astype(np.int64), len(kinds)
    places = pl.DataFrame({"value": kinds, "place": np.arange(len(kinds))})
    found = values.to_frame("value").join(
        places, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    return found["place"].to_numpy().astype(np.int64), len(kinds)


def _starts(numbers: Counts, count: int) -> Counts:
    return np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=count))])


def _check(known: int, threshold: float, draws: int, people: int) -> None:
    if min(known, draws, people) < 1:
        raise BadModel(
            "known events, draws and people must be at least 1", remedy="choose positive numbers"
        )
    if not 0 < threshold <= 1:
        raise BadModel(f"the threshold is {threshold}", remedy="choose it above 0 and up to 1")


def _risk(
    index: _Index,
    known: int,
    precision: Precision,
    threshold: float,
    draws: int,
    people: int,
    seed: int,
) -> CourseRisk:
    rng = np.random.default_rng([seed, known, list(Precision).index(precision)])
    chosen = np.arange(index.persons)
    if people < index.persons:
        chosen = np.sort(rng.choice(index.persons, people, replace=False))
    owner, subsets, complete = _subsets(index, chosen, known, draws, rng)
    risks = 1 / index.sharing(subsets)
    spread = _Spread(owner, complete[owner], len(chosen), index.persons)
    return CourseRisk(
        precision=precision,
        known=known,
        threshold=threshold,
        persons=index.persons,
        looked_at=len(chosen),
        short=int((index.sizes < known).sum()),
        subsets=len(subsets),
        complete=bool(complete.all()) and len(chosen) == index.persons,
        mean=spread.mean(risks),
        unique=spread.mean((risks == 1).astype(np.float64)),
        above_threshold=spread.mean((risks > threshold).astype(np.float64)),
        highest=float(risks.max()),
        ever_unique=spread.ever(risks == 1),
    )


def _subsets(
    index: _Index, chosen: Counts, known: int, draws: int, rng: np.random.Generator
) -> tuple[Counts, Counts, NDArray[np.bool_]]:
    """Subsets (s, p) of the chosen people's items, whose (s,), and of whom all are there."""
    sizes = index.sizes[chosen]
    owners, subsets = [], []
    all_there = np.zeros(len(chosen), dtype=np.bool_)
    for size in np.unique(sizes).tolist():
        take = min(size, known)
        if math.comb(size, take) > draws:
            continue
        here = np.flatnonzero(sizes == size)
        all_there[here] = True
        parts = np.array(list(combinations(range(size), take)), dtype=np.int64)
        parts = np.pad(parts, ((0, 0), (0, known - take)), mode="edge")
        places = index.starts[chosen[here]][:, None, None] + parts
        owners.append(np.repeat(here, len(parts)))
        subsets.append(index.items[places].reshape(-1, known))
    rest = np.flatnonzero(~all_there)
    for _ in range(draws if len(rest) else 0):
        places = index.starts[chosen[rest]][:, None] + _drawn(sizes[rest], known, rng)
        owners.append(rest)
        subsets.append(index.items[places])
    return np.concatenate(owners), np.concatenate(subsets), all_there


def _drawn(sizes: Counts, count: int, rng: np.random.Generator) -> Counts:
    """Distinct positions (n, count) below each size, every subset as likely (Floyd's way)."""
    chosen = np.empty((len(sizes), count), dtype=np.int64)
    for step in range(count):
        last = sizes - count + step
        position = rng.integers(0, last + 1)
        taken = (chosen[:, :step] == position[:, None]).any(axis=1)
        chosen[:, step] = np.where(taken, last, position)
    return chosen


@dataclass(frozen=True)
class _Spread:
    """Means over people of means over their subsets, with the error of two-stage sampling.

    Cochran 1977, *Sampling Techniques*, section 10.3; subsets count as drawn with replacement.

    Attributes:
        owner: (s,) whose subset, among the people looked at.
        exact: (s,) whether all subsets of that person are there.
        people: People looked at.
        persons: People in the table.
    """

    owner: Counts
    exact: NDArray[np.bool_]
    people: int
    persons: int

    @cached_property
    def _draws(self) -> Counts:
        return np.bincount(self.owner, minlength=self.people)

    def mean(self, values: Floats) -> Estimated:
        means = np.bincount(self.owner, weights=values, minlength=self.people) / self._draws
        share = self.people / self.persons
        between = float(means.var(ddof=1)) if self.people > 1 else 0.0
        drawn = ~self.exact
        if drawn.any() and self._draws[self.owner[drawn]].min() == 1:
            # One draw each does not tell the spread within a person; that among people bounds it.
            return Estimated(float(means.mean()), math.sqrt(between / self.people))
        off = np.where(drawn, (values - means[self.owner]) ** 2, 0.0)
        squares = np.bincount(self.owner, weights=off, minlength=self.people)
        within = float((squares / (self._draws * np.maximum(self._draws - 1, 1))).sum())
        variance = (1 - share) * between / self.people + share * within / self.people**2
        return Estimated(float(means.mean()), math.sqrt(variance))

    def ever(self, hits: NDArray[np.bool_]) -> Estimated:
        found = np.bincount(self.owner[hits], minlength=self.people) > 0
        share, rate = self.people / self.persons, float(found.mean())
        return Estimated(rate, math.sqrt((1 - share) * rate * (1 - rate) / self.people))
