"""How many are in which state when: the Aalen–Johansen estimate of any multi-state model.

Aalen OO, Johansen S (1978) An empirical transition matrix for non-homogeneous Markov chains based
on censored observations. Scandinavian Journal of Statistics 5:141-150. State occupation is right
without the Markov property as long as censoring is independent (Datta S, Satten GA 2001, Statistics
and Probability Letters 55:403-411). Standard errors are the infinitesimal jackknife, as R's
`survfit(Surv(start, stop, state), id = , istate = )` has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import Histories
from haemony.analysis.multistate.jackknife import Course, influences, variance
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.multistate.steps import Steps, integrals, spread
from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.steps import Curves
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.complete import groups_of, known_columns
from haemony.analysis.survival.data.frames import readable, tidy
from haemony.analysis.survival.data.given import number, times_asked
from haemony.analysis.survival.data.response import LATEST
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BeyondFollowUp, NothingToAnalyse
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

Start = str | Mapping[str, float] | None
Shares = Literal["fixed", "estimated"]
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Occupation:
    """The share of one group in each of S states at its T distinct times.

    Attributes:
        group: its name; "all" without groups.
        n: the number of patients.
        states: (S,) in the order of the scheme.
        since: the time from which on it is estimated.
        times: (T,) in the unit of the histories.
        n_risk: (T, S) under observation in each state just before each time.
        n_entered: (T, S) entering each state.
        n_censored: (T,) leaving observation.
        start: (S,) the shares at `since`.
        probability: (T, S) the shares after each time.
        std_err: (T, S) their standard errors (infinitesimal jackknife).
        lower: (T, S) lower confidence limit.
        upper: (T, S) upper confidence limit.
    """

    group: str
    n: int
    states: tuple[str, ...]
    since: float
    times: Floats
    n_risk: Floats
    n_entered: Floats
    n_censored: Floats
    start: Floats
    probability: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    _course: Course

    @property
    def settled(self) -> bool:
        """Whether nobody can move any more after the last time."""
        transient = [self.states.index(s) for s in self._course.steps.scheme.transient]
        return bool(self.probability[-1, transient].sum() <= ROUNDING)

    def stay(self, horizon: float, level: float = 0.95) -> pl.DataFrame:
        """The mean time spent in each state up to a horizon: state, mean, std_err, lower, upper.

        Raises:
            BadHistory: the horizon is no time after the beginning.
            BeyondFollowUp: it lies after the last time and somebody can still move.
        """
        course, steps = self._course, self._course.steps
        horizon = later(horizon, self.since)
        if horizon > self.times[-1] and not self.settled:
            raise BeyondFollowUp(horizon, group=self.group, last=float(self.times[-1]))
        ahead = integrals(self.times, steps.matrices, self.since, horizon)
        mean = self.start @ ahead[0]
        std_err = np.sqrt(np.square(influences(course, ahead)).sum(axis=0))
        half = normal_quantile(level) * std_err
        span = horizon - self.since
        return pl.DataFrame(
            {
                "state": self.states,
                "mean": mean,
                "std_err": std_err,
                "lower": np.maximum(mean - half, 0.0),
                "upper": np.minimum(mean + half, span),
            }
        )

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """The shares at given times, one row per time and state."""
        times, size = times_asked(times), len(self.states)
        position = np.searchsorted(self.times, times, side="right")
        known = (times >= self.since) & ((times <= self.times[-1]) | self.settled)

        def held(first: Floats, values: Floats) -> Floats:
            return np.where(known[:, None], np.vstack([first, values])[position], np.nan).ravel()

        sure = np.where(self.start > 0, self.start, np.nan)
        first_se = np.sqrt(np.square(self._course.start).sum(axis=0))
        if first_se.any():
            sure = np.full(size, np.nan)
        return tidy(
            pl.DataFrame(
                {
                    "group": [self.group] * (len(times) * size),
                    "time": np.repeat(times, size),
                    "state": list(self.states) * len(times),
                    "probability": held(self.start, self.probability),
                    "std_err": held(first_se, self.std_err),
                    "lower": held(sure, self.lower),
                    "upper": held(sure, self.upper),
                }
            )
        )

    def table(self) -> pl.DataFrame:
        """All of them, from the beginning on."""
        return self.at(np.concatenate([[self.since], self.times]))

    def __str__(self) -> str:
        """Six moments of it."""
        middle = np.unique(np.linspace(0, len(self.times) - 1, 6).astype(int))
        columns = {s: self.probability[middle, i] for i, s in enumerate(self.states)}
        shown = pl.DataFrame({"time": self.times[middle], **columns})
        return printing.page(f"{self.group}: {self.n} patients", printing.grid(shown))


@dataclass(frozen=True, eq=False)
class StateOccupation(Curves[Occupation]):
    """State occupation: probability, std_err, lower and upper of each state at each time.

    They are unknown, so null, before the start, and after the last time of a group unless nobody
    there can move any more.

    Attributes:
        curves: one set of curves per group, in their order.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        left_out: patients whom the histories left out, by reason.
    """

    left_out: Mapping[str, int]

    def stay(self, horizon: float) -> pl.DataFrame:
        """The mean time in each state up to a horizon: group, state, mean, std_err, lower, upper.

        Raises:
            BadHistory: the horizon is no time after the beginning.
            BeyondFollowUp: it lies after the last time of a group where somebody can still move.
        """
        return pl.concat(
            curve.stay(horizon, self.level).select(pl.lit(curve.group).alias("group"), pl.all())
            for curve in self.curves
        )

    def __str__(self) -> str:
        """Six moments of each curve, and the patients left out."""
        notes = [f"left out: {count} ({reason})" for reason, count in self.left_out.items()]
        return printing.page(*map(str, self.curves), notes=notes)


def occupation(
    histories: Histories,
    *,
    by: str | Sequence[str] = (),
    start: Start = None,
    since: float | None = None,
    shares: Shares = "fixed",
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> StateOccupation:
    """Estimate the probability of being in each state over time (Aalen and Johansen 1978).

    Args:
        histories: the courses.
        by: covariates whose combinations are compared.
        start: the state in which everybody is, or the share in each state, at the beginning; by
            default the shares of those under observation then.
        since: the time of beginning; what happens at that very time has happened (R's `start.time`
            counts it as still to come). By default that of the first row, and the shares are those
            just before the first transition.
        shares: whether shares taken from the data count as known, as in R's `survfit`, or as
            estimates with an error of their own, as in its influence matrix.
        conf_type: the scale of the confidence limits, as R's `survfit` has it.
        level: coverage of the limits.

    Raises:
        NothingToAnalyse: nobody is under observation, or nothing ever happens.
        BadHistory: the start is no distribution over the states.

    >>> from haemony.analysis.multistate import ILLNESS_DEATH, Moment, histories
    >>> table = pl.DataFrame({"ill_day": [2, None, 3], "day": [5, 4, 9], "died": [1, 0, 0]})
    >>> told = histories(table, ILLNESS_DEATH, [Moment("ill", "ill_day"),
    ...     Moment("dead", "day", status="died")], until="day")
    >>> occupation(told).at(6)["probability"].round(4).to_list()
    [0.3333, 0.3333, 0.3333]
    """
    told = histories if since is None else histories.since(number(since, "since"))
    if not len(told):
        raise NothingToAnalyse(
            "nobody is under observation after the beginning", remedy="begin earlier"
        )
    check_choice(shares, "shares", get_args(Shares))
    columns = [by] if isinstance(by, str) else list(by)
    readable(told.covariates, known_columns(columns, told.covariates.columns))
    if any(told.covariates[column].null_count() for column in columns):
        raise BadHistory(
            f"{' or '.join(map(repr, columns))} is missing in some patients",
            remedy="leave these patients out first, or make missing a category",
        )
    of = groups_of(told.covariates, columns)
    limits = _Limits(conf_type, level)
    curves = tuple(
        _curve(label, told.chosen(of.codes == code), _Beginning(start, since, shares), limits)
        for code, label in enumerate(of.labels)
    )
    return StateOccupation(curves, conf_type, level, histories.left_out)


def later(horizon: float, since: float) -> float:
    """A horizon, refused unless it is a time after the beginning.

    Raises:
        BadHistory: it is not.
    """
    if not since < number(horizon, "horizon") <= LATEST:
        raise BadHistory(
            f"the horizon is no time after the beginning at {since:g}",
            remedy="give a later time, in the unit of the histories",
        )
    return float(horizon)


@dataclass(frozen=True, slots=True)
class _Beginning:
    start: Start
    since: float | None
    shares: Shares


@dataclass(frozen=True, slots=True)
class _Limits:
    conf_type: ConfType
    level: float


def _curve(group: str, told: Histories, begin: _Beginning, limits: _Limits) -> Occupation:
    if not told.moved.any():
        raise NothingToAnalyse(
            f"no transition is seen in {group!r}", remedy="check the states and the time origin"
        )
    steps = Steps.of(told)
    first, influence = _shares(told, steps, begin)
    course = Course(told, steps, spread(first, steps.matrices), influence)
    probability = course.probability[1:]
    std_err = np.sqrt(np.maximum(variance(course), 0.0))
    relative = np.divide(std_err, probability, out=np.zeros_like(std_err), where=probability > 0)
    lower, upper = confidence_limits(probability, relative, limits.conf_type, limits.level)
    entered = np.zeros_like(probability)
    np.add.at(entered.T, told.scheme.arrows[:, 1], steps.n_event.T)
    return Occupation(
        group=group,
        n=told.n,
        states=told.scheme.states,
        since=float(told.start.min()) if begin.since is None else begin.since,
        times=steps.times,
        n_risk=steps.n_risk,
        n_entered=entered,
        n_censored=steps.n_censored,
        start=first,
        probability=probability,
        std_err=std_err,
        lower=lower,
        upper=upper,
        _course=course,
    )


def _shares(told: Histories, steps: Steps, begin: _Beginning) -> tuple[Floats, Floats]:
    """The shares (S,) at the beginning and each patient's influence (N, S) on them."""
    size = len(told.scheme.states)
    influence = np.zeros((told.n, size))
    if begin.start is not None:
        return starting_shares(told.scheme, begin.start), influence
    if begin.since is None:
        moment = int(np.flatnonzero(steps.n_event.any(axis=1))[0])
        present = np.flatnonzero((steps.first <= moment) & (moment <= steps.last))
    else:
        present = np.flatnonzero((told.start <= begin.since) & (begin.since < told.stop))
    if not present.size:
        raise NothingToAnalyse(
            "nobody is under observation at the beginning", remedy="begin later, or give `start`"
        )
    weight = steps.weight[present]
    shares = np.bincount(told.origin[present], weight, size) / weight.sum()
    if begin.shares == "fixed":
        return shares, influence
    pulls = weight[:, None] * (np.eye(size)[told.origin[present]] - shares) / weight.sum()
    np.add.at(influence, told.patient[present], pulls)
    return shares, influence


def starting_shares(scheme: Scheme, start: str | Mapping[str, float]) -> Floats:
    """(S,) shares from the name of a state or from shares by name.

    Raises:
        BadHistory: they are not shares of one whole.
    """
    given = {start: 1.0} if isinstance(start, str) else start
    shares = np.zeros(len(scheme.states))
    for state, share in given.items():
        shares[scheme.state(state)] = number(share, "start")
    if shares.min() < 0 or abs(shares.sum() - 1) > 1e-9:
        raise BadHistory(
            "the shares at the start do not add up to one", remedy="give one share per state"
        )
    return shares
