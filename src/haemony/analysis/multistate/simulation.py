"""Where one patient will be when the past matters: simulated courses, with their error stated.

With the clock reset at each state, or with the time of entry among the covariates, the future does
not follow from the present state alone and probabilities have no product form. Courses are then
drawn from the fitted hazards. Each baseline is a step function of its clock; within a step hazards
act as rates, so that with a forward clock the mean of many courses is the probability that
`TransitionCox.predict` gives.

Iacobelli S, Carstensen B (2013) Multiple time scales in multi-state models. Statistics in Medicine
32:5315-5327. doi:10.1002/sim.5976
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import ENTERED
from haemony.analysis.multistate.models import Clock, Component, Patient, TransitionCox, one_patient
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.given import generator, number, times_asked, whole_number
from haemony.analysis.survival.data.response import LATEST
from haemony.analysis.survival.faults import BadCovariate, BeyondFollowUp
from haemony.analysis.survival.intervals import ConfType, confidence_limits

NEVER = np.inf


@dataclass(frozen=True, eq=False)
class SimulatedPrediction:
    """The probabilities of S states at m times, as shares of simulated courses.

    Attributes:
        states: (S,) in the order of the scheme.
        times: (m,) when.
        probability: (m, S) shares.
        monte_carlo_error: (m, S) their standard errors from the number of courses alone.
        std_err: (m, S) standard errors from what the model does not know (coefficients and
            baselines), or None without draws.
        lower: (m, S) lower confidence limit of the latter kind, or None.
        upper: (m, S) upper confidence limit, or None.
        paths: the number of courses.
        draws: how many models were drawn for the standard errors.
        seed: of the random numbers.
        notes: what a reader must know.
    """

    states: tuple[str, ...]
    times: Floats
    probability: Floats
    monte_carlo_error: Floats
    std_err: Floats | None
    lower: Floats | None
    upper: Floats | None
    paths: int
    draws: int
    seed: int
    notes: tuple[str, ...] = ()

    def table(self) -> pl.DataFrame:
        """Tidy: time, state, probability, monte_carlo_error, std_err, lower, upper."""
        size = len(self.states)
        known = {"std_err": self.std_err, "lower": self.lower, "upper": self.upper}
        return pl.DataFrame(
            {
                "time": np.repeat(self.times, size),
                "state": list(self.states) * len(self.times),
                "probability": self.probability.ravel(),
                "monte_carlo_error": self.monte_carlo_error.ravel(),
                **{name: None if a is None else a.ravel() for name, a in known.items()},
            },
            schema_overrides=dict.fromkeys(known, pl.Float64),
        ).with_columns(pl.col(list(known)).fill_nan(None))

    def __str__(self) -> str:
        worst = float(self.monte_carlo_error.max())
        head = f"{self.paths:,} courses, Monte Carlo error at most {worst:.2g}"
        return printing.page(head, printing.grid(self.table()), notes=self.notes)


@dataclass(frozen=True, eq=False)
class _Patient:
    """One patient's covariates, which time of entry may change.

    Attributes:
        model: the fitted transitions.
        table: one row of covariates.
        matrices: the covariates by formula, or None where the time of entry is among them.
    """

    model: TransitionCox
    table: pl.DataFrame
    matrices: Mapping[str, Floats] | None

    @classmethod
    def of(cls, model: TransitionCox, patient: Patient) -> _Patient:
        table = one_patient(patient)
        return cls(model, table, None if model.uses_entry else model.matrices(table))

    def rates(self, part: Component, k: int, shift: Floats, entered: Floats) -> Floats:
        """(m,) relative hazards of courses that entered their state at these times."""
        matrices = self.matrices
        if matrices is None:
            table = pl.DataFrame(
                {name: [self.table[name][0]] * len(entered) for name in self.table.columns}
                | {ENTERED: entered},
                schema_overrides={n: t for n, t in self.table.schema.items() if n != ENTERED},
            )
            matrices = self.model.matrices(table)
        found = self.model.relative_hazards(part, k, matrices, shift)
        return np.broadcast_to(found, entered.shape)


@dataclass(frozen=True, eq=False)
class _Clockwork:
    """The baselines of a model on one grid of its clock.

    Attributes:
        grid: (T,) times of the clock.
        cumulative: by transition, (T + 1,) the cumulative baseline before each step and at the end.
        shift: by transition, what is added to the coefficients.
    """

    grid: Floats
    cumulative: Mapping[int, Floats]
    shift: Mapping[int, Floats]


def simulate(
    model: TransitionCox,
    patient: Patient,
    times: ArrayLike,
    *,
    state: str,
    seed: int,
    since: float = 0.0,
    entered: float | None = None,
    paths: int = 10_000,
    draws: int = 0,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> SimulatedPrediction:
    """Predict one patient's states from the course so far, by simulation.

    Args:
        model: the fitted transitions.
        patient: the covariates, as a mapping or a table of one row; `entered` is added.
        times: (m,) when the state is wanted.
        state: the state at `since`.
        seed: of the random numbers; the same seed gives the same answer.
        since: the time at which the state is known.
        entered: the time at which that state was entered; by default at `since`.
        paths: how many courses are drawn.
        draws: how many models are drawn for standard errors and limits, each with as many courses:
            coefficients from their normal distribution, baselines around theirs.
        conf_type: the scale of the confidence limits.
        level: their coverage.

    Raises:
        BadHistory: times lie before `since`, or `since` before `entered`; or coefficients are so
            poorly known that models cannot be drawn.
        BeyondFollowUp: times lie after what the model has seen (forward clock; with the clock reset
            a note says where courses stay longer than anybody was watched).
        BadCovariate: a covariate is no number, or so far from those of the fit that the hazard
            overflows; or too few courses are asked for.
    """
    wanted = times_asked(times)
    since = number(since, "since")
    begun = since if entered is None else number(entered, "entered")
    if not (wanted.size and begun <= since <= wanted.min() and wanted.max() <= LATEST):
        raise BadHistory(
            "the course so far, the present and the times asked for are not in this order",
            remedy="give entered <= since <= times",
        )
    if wanted.max() > model.until and model.clock is Clock.FORWARD:
        raise BeyondFollowUp(float(wanted.max()), group="the model", last=model.until)
    paths, draws = whole_number(paths, "paths", least=1), whole_number(draws, "draws", least=0)
    if draws == 1:
        raise BadCovariate(
            "draws", reason="are too few to tell an error", remedy="give 0, or at least 50"
        )
    rng = generator(seed)
    start = _Start(model.scheme.state(state), since, begun)
    who = _Patient.of(model, patient)
    shares, longest = _shares(_clockwork(model), who, wanted, start, paths, rng)
    error = np.sqrt(shares * (1 - shares) / paths)
    std_err = lower = upper = None
    if draws:
        drawn = np.stack(
            [_shares(_drawn(model, rng), who, wanted, start, paths, rng)[0] for _ in range(draws)]
        )
        noise = (drawn * (1 - drawn)).mean(axis=0) / paths
        std_err = np.sqrt(np.maximum(drawn.var(axis=0, ddof=1) - noise, 0.0))
        relative = np.divide(std_err, shares, out=np.zeros_like(shares), where=shares > 0)
        lower, upper = confidence_limits(shares, relative, conf_type, level)
    return SimulatedPrediction(
        states=model.scheme.states,
        times=wanted,
        probability=shares,
        monte_carlo_error=error,
        std_err=std_err,
        lower=lower,
        upper=upper,
        paths=paths,
        draws=draws,
        seed=seed,
        notes=_notes(model, longest),
    )


def _notes(model: TransitionCox, longest: float) -> tuple[str, ...]:
    if model.clock is Clock.FORWARD or longest <= model.until:
        return ()
    return (
        f"some courses stay in a state for longer than anybody was watched in one "
        f"({model.until:g}), and are taken to stay there",
    )


@dataclass(frozen=True, slots=True)
class _Start:
    state: int
    since: float
    entered: float


def _clockwork(model: TransitionCox) -> _Clockwork:
    """The fitted baselines, at mean covariates."""
    steps = {k: model.baseline(part, k) for part in model.components for k in part.members}
    none = {k: np.zeros(len(part.positions)) for part in model.components for k in part.members}
    return _on_grid(model.grid, steps, none)


def _drawn(model: TransitionCox, rng: np.random.Generator) -> _Clockwork:
    """A model that could as well be the true one.

    Coefficients are drawn from their normal distribution. A baseline follows its coefficients, and
    each of its steps is multiplied by a gamma variate with mean one and the step's own variance.
    """
    beta = model.coefficients
    if len(beta):
        beta = rng.multivariate_normal(beta, model.covariance, method="eigh")
    steps: dict[int, tuple[Floats, Floats]] = {}
    moved: dict[int, Floats] = {}
    for part in model.components:
        centred = part.fit.centred
        sets = centred.likelihood.sets
        a, b, square = (centred.moment(*powers) for powers in ((0, 2), (1, 2), (0, 2)))
        change = beta[part.positions] - part.fit.coefficients
        drift = (a[:, None] * centred.s1 - b[:, None] * centred.d1) @ change
        shape = centred.hazard**2 / square
        with np.errstate(over="ignore"):
            step = np.exp(-drift / centred.hazard) * centred.hazard * rng.gamma(shape) / shape
        if not np.isfinite(step).all():
            raise BadHistory(
                "so little is known of the coefficients that a drawn hazard is beyond all numbers",
                remedy="leave out covariates without a finite estimate, or give draws=0",
            )
        for k in part.members:
            mine = sets.stratum == part.stratum[k]
            steps[k], moved[k] = (sets.times[mine], step[mine]), change
    return _on_grid(model.grid, steps, moved)


def _on_grid(
    grid: Floats, steps: Mapping[int, tuple[Floats, Floats]], shift: Mapping[int, Floats]
) -> _Clockwork:
    cumulative = {}
    for k, (times, step) in steps.items():
        increments = np.zeros(len(grid))
        increments[np.searchsorted(grid, times)] = step
        cumulative[k] = np.concatenate([[0.0], np.cumsum(increments)])
    return _Clockwork(grid, cumulative, shift)


def _shares(
    clockwork: _Clockwork,
    patient: _Patient,
    wanted: Floats,
    start: _Start,
    paths: int,
    rng: np.random.Generator,
) -> tuple[Floats, float]:
    """(m, S) the shares of courses in each state at each time, and the longest stay in one."""
    model = patient.model
    state = np.full(paths, start.state, dtype=np.intp)
    entered = np.full(paths, start.entered)
    resets = model.clock is Clock.RESET
    begin = start.since - start.entered if resets else start.since
    phase = np.full(paths, float(np.searchsorted(clockwork.grid, begin, side="right")))
    found = np.tile(state, (len(wanted), 1))
    live = np.arange(paths)
    origins = model.scheme.arrows[:, 0]
    while live.size:
        at, target = _next(clockwork, patient, state[live], phase[live], entered[live], rng)
        steps = np.ceil(np.where(np.isfinite(at), at, 0)).astype(np.intp) - 1
        when = np.where(np.isfinite(at), clockwork.grid[np.maximum(steps, 0)], NEVER)
        when = when + entered[live] if resets else when
        goes = when <= wanted.max()
        live, when, target, at = live[goes], when[goes], target[goes], at[goes]
        later = wanted[:, None] >= when
        found[:, live] = np.where(later, target, found[:, live])
        state[live], entered[live] = target, when
        phase[live] = 0.0 if resets else at
        live = live[np.isin(target, origins)]
    stays = (wanted.max() - entered)[np.isin(state, origins)]
    size = len(model.scheme.states)
    shares = np.stack([np.bincount(row, minlength=size) for row in found]) / paths
    return shares, float(stays.max(initial=0.0))


def _next(
    clockwork: _Clockwork,
    patient: _Patient,
    state: Integers,
    phase: Floats,
    entered: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Integers]:
    """When each course moves next, as steps of the clock and parts of one, and where to."""
    model = patient.model
    best, target = np.full(len(state), NEVER), np.zeros(len(state), dtype=np.intp)
    for part in model.components:
        for k in part.members:
            origin, goal = model.scheme.arrows[k]
            mine = np.flatnonzero(state == origin)
            rate = patient.rates(part, k, clockwork.shift[k], entered[mine])
            cumulative = clockwork.cumulative[k]
            whole = phase[mine].astype(np.intp)
            ahead = np.append(np.diff(cumulative), 0.0)[whole]
            met = cumulative[whole] + (phase[mine] - whole) * ahead
            needed = met + rng.exponential(size=len(mine)) / rate
            step = np.searchsorted(cumulative, needed, side="left")
            inside = step < len(cumulative)
            last = np.minimum(step, len(cumulative) - 1)
            before = cumulative[last - 1]
            part_way = (needed - before) / np.where(inside, cumulative[last] - before, 1.0)
            at = np.where(inside, last - 1 + part_way, NEVER)
            sooner = at < best[mine]
            best[mine[sooner]], target[mine[sooner]] = at[sooner], goal
    return best, target
