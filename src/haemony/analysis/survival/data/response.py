"""Follow-up as the analyses see it: when a patient comes under observation, leaves it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.faults import BadResponse

LATEST = 1e20
OUTLYING = 1e5
TIE_TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))


@dataclass(frozen=True, eq=False)
class Surv:
    """Censored follow-up of n patients or of n intervals of patients.

    Build one with `Surv.right` or `Surv.delayed`; a formula's `Surv(...)` builds one from columns.

    Attributes:
        stop: (n,) end of follow-up, in any unit of time.
        event: (n,) 0 where censored, otherwise 1 + the position in `states`.
        start: (n,) time at which observation begins, or None when everyone starts at the origin.
        states: the kinds of event; one unless risks compete.
    """

    stop: Floats
    event: Integers
    start: Floats | None = None
    states: tuple[str, ...] = ("event",)

    def __post_init__(self) -> None:
        _same_length(self)
        _finite(self)
        _ordered(self)
        if self.event.size and not 0 <= self.event.min() <= self.event.max() <= len(self.states):
            raise BadResponse(
                "an event is neither 0 (censored) nor one of the event kinds",
                remedy="code events as 0 and 1, or as truth values",
            )

    @classmethod
    def right(
        cls, time: ArrayLike, event: ArrayLike, *, states: tuple[str, ...] = ("event",)
    ) -> Self:
        """Follow-up from the origin to `time`.

        >>> Surv.right([5, 8, 8], [True, False, True]).died.sum()
        np.int64(2)
        """
        return cls(_floats(time), _codes(event), None, states)

    @classmethod
    def delayed(
        cls,
        start: ArrayLike,
        stop: ArrayLike,
        event: ArrayLike,
        *,
        states: tuple[str, ...] = ("event",),
    ) -> Self:
        """Follow-up over (start, stop], for delayed entry or covariates that change."""
        return cls(_floats(stop), _codes(event), _floats(start), states)

    def __len__(self) -> int:
        return len(self.stop)

    def __str__(self) -> str:
        late = "" if self.start is None else ", delayed entry"
        kinds = "" if len(self.states) == 1 else f" of {len(self.states)} kinds"
        return f"{len(self):,} follow-ups, {self.died.sum():,} events{kinds}{late}"

    @property
    def died(self) -> Flags:
        """(n,) whether follow-up ends with an event of any kind."""
        return self.event > 0

    def reversed(self) -> Surv:
        """The same follow-up with censoring as the event: how long patients were watched."""
        return Surv(self.stop, (self.event == 0).astype(np.intp), self.start)


@dataclass(frozen=True, eq=False)
class Grid:
    """All times of a response as positions on one sorted list of distinct times.

    Attributes:
        times: (T,) sorted distinct times, starts included.
        stop: (n,) position of each end of follow-up.
        start: (n,) position of each start, or None without delayed entry.
    """

    times: Floats
    stop: Integers
    start: Integers | None

    @classmethod
    def of(cls, response: Surv) -> Self:
        """Place a response on its grid; times closer than rounding error count as tied.

        Raises:
            BadResponse: some follow-ups are so short that they end where they start.
        """
        if response.start is None:
            times, stop = distinct(response.stop)
            return cls(times, stop, None)
        times, both = distinct(np.concatenate([response.start, response.stop]))
        start, stop = np.split(both, 2)
        short = int(np.count_nonzero(start >= stop))
        if short:
            raise BadResponse(
                f"{short} follow-ups are shorter than rounding error beside the other times",
                remedy="give the times in a smaller unit, or leave these rows out",
            )
        return cls(times, stop, start)


def distinct(values: Floats) -> tuple[Floats, Integers]:
    """Sorted distinct values (k,) and the position (n,) of each value among them.

    Values that differ by less than rounding error relative to their mean are one value, as R's
    `timefix` has it: 0.1 + 0.2 days and 0.3 days are the same day.

    Raises:
        BadResponse: times differ so much that the largest alone make others tied.

    >>> distinct(np.array([3.0, 1.0, 3.0]))
    (array([1., 3.]), array([1, 0, 1]))
    """
    if _few_integers(values):
        lowest = values.min()
        codes = (values - lowest).astype(np.intp)
        present = np.bincount(codes) > 0
        return np.flatnonzero(present) + lowest, (np.cumsum(present) - 1)[codes]
    exact, inverse = np.unique(values, return_inverse=True)
    gaps, mean = np.diff(exact), float(np.abs(exact).mean())
    apart = gaps > TIE_TOLERANCE * max(1.0, mean)
    if not apart.all() and mean > OUTLYING * max(1.0, float(np.median(np.abs(exact)))):
        raise BadResponse(
            "some times are so much larger than most that different times would be tied",
            remedy="check whether a code for a missing time was read as one",
        )
    group = np.concatenate([[0], np.cumsum(apart)])
    return exact[np.concatenate([[True], apart])], group[inverse]


def _few_integers(values: Floats) -> bool:
    """Whether values are whole numbers in a range that can be counted rather than sorted."""
    if not values.size or np.ptp(values) > 4 * values.size + 10_000:
        return False
    return bool(np.array_equal(values, np.rint(values)))


def _floats(values: ArrayLike) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadResponse("times are not all numbers", remedy="give them as numbers") from error


def _codes(values: ArrayLike) -> Integers:
    given = np.asarray(values)
    with np.errstate(invalid="ignore"):
        numeric = given if given.dtype.kind in "biuf" else np.zeros(0)
        codes = numeric.astype(np.intp, copy=False)
    if not np.array_equal(codes, given):
        raise BadResponse("events are not whole numbers", remedy="code events as 0 and 1")
    return codes


def _same_length(response: Surv) -> None:
    columns = (response.stop, response.event, response.start)
    shapes = {column.shape for column in columns if column is not None}
    if shapes != {(len(response.stop),)}:
        raise BadResponse(
            f"times and events have different shapes {sorted(shapes)}",
            remedy="give one-dimensional arrays of the same length",
        )


def _finite(response: Surv) -> None:
    times = [response.stop] if response.start is None else [response.stop, response.start]
    missing = sum(int(np.count_nonzero(~np.isfinite(time))) for time in times)
    if missing:
        raise BadResponse(
            f"{missing} times are missing or infinite", remedy="leave these rows out, or mend them"
        )
    absurd = sum(int(np.count_nonzero(np.abs(time) > LATEST)) for time in times)
    if absurd:
        raise BadResponse(
            f"{absurd} times are so large that no unit explains them, and all others would be tied",
            remedy="check whether a code for a missing time was read as one",
        )


def _ordered(response: Surv) -> None:
    if response.start is None:
        wrong = int(np.count_nonzero(response.stop < 0))
        reason = f"{wrong} follow-ups end before the time origin"
    else:
        wrong = int(np.count_nonzero(response.stop <= response.start))
        reason = f"{wrong} follow-ups end at or before their start"
    if wrong:
        raise BadResponse(reason, remedy="check the time origin of these rows, or leave them out")
