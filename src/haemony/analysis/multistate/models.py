"""Cox models for the transitions of a scheme: who moves where, and how much faster than others.

Each transition has a baseline hazard and effects of its own, unless effects or baselines are said
to be shared. Transitions that share nothing are fitted one by one, which is the same as one stacked
fit and needs a fraction of its memory.

Putter H, Fiocco M, Geskus RB (2007) Tutorial in biostatistics: competing risks and multi-state
models. Statistics in Medicine 26:2389-2430. doi:10.1002/sim.2712
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl
from scipy.stats import chi2, norm

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.hazards import Convention, Hazards
from haemony.analysis.multistate.histories import ENTERED, Histories
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.multistate.stacking import Plan, plan
from haemony.analysis.multistate.transitions import (
    TransitionProbabilities,
    transition_probabilities,
)
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.formula import (
    Complete,
    Groups,
    Missing,
    beside_covariates,
    complete,
    read,
)
from haemony.analysis.survival.data.frames import polars_table, tidy
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.intervals import ConfType, normal_quantile
from haemony.analysis.survival.regression.cox import (
    ChiSquared,
    CoxFit,
    LogLikelihood,
    fit_cox,
)
from haemony.analysis.survival.regression.cox_data import CoxData
from haemony.analysis.survival.regression.diagnostics import dfbeta
from haemony.analysis.survival.regression.partial_likelihood import Ties

CoefficientVariance = Literal["model", "robust"]
Patient = pl.DataFrame | Mapping[str, object]
ROW = "row number"
FARTHEST = 100.0
"""The largest logarithm of a relative hazard that is predicted from."""
_LEFT = "Surv(row stop, row event) ~ "


class Clock(Enum):
    """Which time a hazard depends on.

    FORWARD: the time since the origin, whatever the state (a Markov model).
    RESET: the time since the state was entered (a semi-Markov model).
    """

    FORWARD = "forward"
    RESET = "reset"


@dataclass(frozen=True, eq=False)
class Component:
    """Transitions that share effects or baselines, fitted together.

    Attributes:
        members: positions of its transitions.
        positions: (q,) where its coefficients stand among all.
        stratum: the position of each member's baseline.
        fit: the Cox model of the stacked rows.
        patient: (m,) the patient of each stacked row.
    """

    members: tuple[int, ...]
    positions: Integers
    stratum: Mapping[int, int]
    fit: CoxFit
    patient: Integers


@dataclass(frozen=True, eq=False)
class TransitionCox:
    """Cox models of the K transitions of a scheme, with p coefficients altogether.

    Attributes:
        scheme: the states and the transitions.
        clock: the time that the hazards depend on.
        names: (p,) the coefficients' names.
        coefficients: (p,) log hazard ratios.
        standard_errors: (p,) as `variance` says.
        covariance: (p, p) as `variance` says.
        naive_covariance: (p, p) the inverse information.
        log_likelihood: without and with the covariates.
        n: patients analysed.
        rows: rows analysed.
        events: (K,) numbers of each transition.
        missing: rows left out as incomplete.
        notes: what a reader must know, such as transitions that never happened.
        variance: "model", or "robust" for Lin and Wei's sandwich over patients.
        until: the last time under observation, by the clock.
        components: the fits.
    """

    scheme: Scheme
    clock: Clock
    names: tuple[str, ...]
    coefficients: Floats
    standard_errors: Floats
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: LogLikelihood
    n: int
    rows: int
    events: Integers
    missing: Missing
    notes: tuple[str, ...]
    variance: CoefficientVariance
    until: float
    components: tuple[Component, ...]
    _plan: Plan
    _designs: Mapping[str, Design]

    @property
    def likelihood_ratio_test(self) -> ChiSquared:
        """All coefficients zero? Twice the gain in log-likelihood."""
        gain = self.log_likelihood.fitted - self.log_likelihood.null
        return ChiSquared(2 * gain, len(self.names))

    @property
    def infinite(self) -> tuple[str, ...]:
        """The names of coefficients without a finite estimate."""
        return tuple(name for part in self.components for name in part.fit.infinite)

    @property
    def needs_history(self) -> bool:
        """Whether a hazard depends on more than the state and the time since the origin."""
        return self.clock is Clock.RESET or self.uses_entry

    @property
    def uses_entry(self) -> bool:
        """Whether the time at which a state was entered is a covariate."""
        return any(ENTERED in design.columns for design in self._designs.values())

    @cached_property
    def grid(self) -> Floats:
        """(T,) the distinct event times of all transitions, by the model's clock."""
        sets = [part.fit.centred.likelihood.sets.times for part in self.components]
        return np.unique(np.concatenate(sets))

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient.

        The columns are transition, term, estimate, std_err, hazard_ratio, lower, upper, z and p. A
        shared effect names all its transitions. lower and upper are limits of the hazard ratio. A
        coefficient without a finite estimate has no standard error, limits, z and p; one without
        any error no z and p.
        """
        half = normal_quantile(level) * self.standard_errors
        error = self.standard_errors
        z = np.divide(self.coefficients, error, out=np.full_like(error, np.nan), where=error > 0)
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.coefficients + side * half) for side in (0, -1, 1)]
        columns = self._plan.coefficients
        rows = pl.DataFrame(
            {
                "transition": ["; ".join(map(str, c.arrows)) for c in columns],
                "term": [c.term for c in columns],
                "estimate": self.coefficients,
                "std_err": error,
                "hazard_ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
            },
            schema_overrides={"transition": pl.String, "term": pl.String},
        )
        return tidy(rows).with_columns(
            pl.when(~pl.Series(np.isin(self.names, self.infinite), dtype=pl.Boolean)).then(
                pl.col("std_err", "lower", "upper", "z", "p")
            )
        )

    def test(self, *terms: str) -> ChiSquared:
        """Are all coefficients of these terms zero? A Wald test over every transition they are in.

        Raises:
            BadHistory: the models have no such term, or one of its coefficients is not finite.
        """
        mine = [i for i, c in enumerate(self._plan.coefficients) if c.term in terms]
        if not mine:
            known = ", ".join(dict.fromkeys(c.term for c in self._plan.coefficients))
            raise BadHistory(
                f"no term is called {' or '.join(terms)}", remedy=f"choose of: {known}"
            )
        endless = [self.names[i] for i in mine if self.names[i] in self.infinite]
        if endless:
            raise BadHistory(
                f"{', '.join(endless)} has no finite estimate, of which Wald's test says nothing",
                remedy="compare the likelihoods of models with and without it",
            )
        beta, among = self.coefficients[mine], self.covariance[np.ix_(mine, mine)]
        return ChiSquared(float(beta @ np.linalg.solve(among, beta)), len(mine))

    def hazards(self, patient: Patient, *, convention: Convention = "exponential") -> Hazards:
        """The cumulative transition hazards of one patient, with their covariance.

        Args:
            patient: the covariates, as a mapping or a table of one row.
            convention: how a step of the hazard moves people: see `Hazards`.
        """
        kinds, p = len(self.scheme.transitions), len(self.names)
        grid = self.grid
        increments = np.zeros((len(grid), kinds))
        covariance = np.zeros((len(grid), kinds, kinds))
        gradient = np.zeros((len(grid), kinds, p))
        matrices = self.matrices(one_patient(patient))
        for part in self.components:
            centred = part.fit.centred
            sets = centred.likelihood.sets
            a, b, square = (centred.moment(*powers) for powers in ((0, 2), (1, 2), (0, 2)))
            drift = a[:, None] * centred.s1 - b[:, None] * centred.d1
            relative = {k: self._relative(part, k, matrices) for k in part.members}
            for k in part.members:
                mine = np.flatnonzero(sets.stratum == part.stratum[k])
                at = np.searchsorted(grid, sets.times[mine])
                r = relative[k].hazard
                increments[at, k] = r * centred.hazard[mine]
                moved = relative[k].x * centred.hazard[mine, None] - drift[mine]
                gradient[at[:, None], k, part.positions] = r * moved
                for other in part.members:
                    if part.stratum[other] == part.stratum[k]:
                        covariance[at, k, other] = r * relative[other].hazard * square[mine]
        return Hazards(
            scheme=self.scheme,
            times=grid,
            increments=increments,
            covariance=covariance,
            gradient=gradient,
            coefficient_covariance=self.covariance,
            convention=convention,
            until=self.until,
        )

    def predict(
        self,
        patient: Patient,
        *,
        since: float = 0.0,
        convention: Convention = "exponential",
        conf_type: ConfType = "log",
        level: float = 0.95,
    ) -> TransitionProbabilities:
        """Where one patient will be, by the state at a time: transition probabilities with limits.

        The variance has the part of the baseline hazards and that of the coefficients (Andersen,
        Borgan, Gill and Keiding 1993, section VII.2.3), not the part of what was left out.

        Args:
            patient: the covariates, as a mapping or a table of one row.
            since: the time at which the state is known.
            convention: how a step of the hazard moves people: see `Hazards`.
            conf_type: the scale of the confidence limits.
            level: their coverage.

        Raises:
            BadHistory: hazards depend on when states are entered; then use `simulate`.
            BadCovariate: a covariate is no number, or absurdly far from those of the fit.
            BeyondFollowUp: nobody was under observation after `since`.
        """
        if self.needs_history:
            raise BadHistory(
                "these hazards depend on the time at which a state is entered, so the future does "
                "not follow from the state alone",
                remedy="use simulate(model, patient, ...)",
            )
        told = self.hazards(patient, convention=convention)
        return transition_probabilities(told, since=since, conf_type=conf_type, level=level)

    def matrices(self, table: pl.DataFrame) -> Mapping[str, Floats]:
        """The covariates (m, q) of m patients by formula.

        Raises:
            BadCovariate: one that was a number in the fit is none here.
        """
        for design in self._designs.values():
            for name in set(design.columns) - set(design.categories):
                if name in table.columns:
                    _check_number(table[name])
        return {text: design.matrix(table) for text, design in self._designs.items()}

    def relative_hazards(
        self, part: Component, k: int, matrices: Mapping[str, Floats], shift: Floats
    ) -> Floats:
        """(m,) relative hazards of transition k, its coefficients (q,) moved by a shift."""
        x = self._plan.block(k, part.positions, matrices) - part.fit.means
        return self._exponential(part, x, x @ (part.fit.coefficients + shift))

    def _exponential(self, part: Component, x: Floats, scores: Floats) -> Floats:
        """Relative hazards, refused where covariates (m, q) lie absurdly far from the fit's."""
        if not (np.abs(scores) <= FARTHEST).all():
            far = np.abs(x * part.fit.coefficients).max(axis=0)
            worst = self._plan.coefficients[part.positions[int(np.argmax(far))]].term
            raise BadCovariate(
                worst,
                reason="lies so far from its mean in the fit that the hazard is beyond all numbers",
                remedy="check its unit, and whether its coefficient is finite",
            )
        return np.asarray(np.exp(scores))

    def baseline(self, part: Component, k: int) -> tuple[Floats, Floats]:
        """Times and increments of the baseline hazard of transition k, at mean covariates."""
        centred = part.fit.centred
        mine = centred.likelihood.sets.stratum == part.stratum[k]
        return centred.likelihood.sets.times[mine], centred.hazard[mine]

    def _relative(self, part: Component, k: int, matrices: Mapping[str, Floats]) -> _Relative:
        x = self._plan.block(k, part.positions, matrices)[:1] - part.fit.means
        hazard = self._exponential(part, x, x @ part.fit.coefficients)
        return _Relative(x[0], float(hazard[0]))

    def __str__(self) -> str:
        events = ", ".join(
            f"{arrow} {count}"
            for arrow, count in zip(self.scheme.transitions, self.events, strict=True)
        )
        head = f"{self.n} patients, {self.rows} rows, clock {self.clock.value}; {events}"
        shown = printing.grid(self.table(), p_values=("p",)) if self.names else ""
        return printing.page(head, shown, notes=self.notes)


@dataclass(frozen=True, eq=False)
class _Relative:
    """One patient against the mean of a stacked data set."""

    x: Floats
    hazard: float


def transition_cox(
    histories: Histories,
    formulas: str | Mapping[str, str],
    *,
    same_effect: Mapping[str, Sequence[str]] | None = None,
    same_baseline: Sequence[Sequence[str]] = (),
    clock: Clock = Clock.FORWARD,
    ties: Ties = "efron",
    variance: CoefficientVariance = "model",
) -> TransitionCox:
    """Fit a Cox model to every transition of a scheme (Putter, Fiocco and Geskus 2007).

    Args:
        histories: the courses with their covariates; `entered` is the time at which the current
            state was entered.
        formulas: covariates such as "age + NPM1" for all transitions, or a mapping from
            transitions ("remission -> relapse") to covariates, "*" for all others; a transition
            that is not named has none.
        same_effect: terms whose effect is the same in the transitions listed.
        same_baseline: transitions whose baseline hazards are proportional to each other.
        clock: the time that the hazards depend on.
        ties: Efron's or Breslow's treatment of tied transitions.
        variance: of the coefficients: "model" as mstate has it, "robust" as R's multi-state
            `coxph` has it whenever patients move more than once.

    Raises:
        NothingToAnalyse: no transition is seen among complete rows.
        BadScheme: a transition is named that the scheme does not allow.
        ConstantCovariate: a covariate takes one value in all patients.

    >>> from haemony.analysis.multistate import Scheme, histories_from_rows
    >>> rows = {"id": [1, 2, 3, 4], "from": ["a"] * 4, "to": ["b", None, "b", "b"],
    ...     "start": [0] * 4, "stop": [2, 3, 4, 5], "x": [3, 0, 1, 2]}
    >>> told = histories_from_rows(rows, Scheme.read("", "a -> b"), patient="id", origin="from",
    ...     target="to", start="start", stop="stop")
    >>> transition_cox(told, "x").table().select("transition", "term").row(0)
    ('a -> b', 'x')
    """
    check_choice(variance, "variance", get_args(CoefficientVariance))
    if not isinstance(clock, Clock):
        raise BadHistory("the clock is no Clock", remedy="give Clock.FORWARD or Clock.RESET")
    given = dict(formulas) if isinstance(formulas, Mapping) else {"*": formulas}
    scheme = histories.scheme
    by_transition = _by_transition(scheme, given)
    whole = _complete(histories, tuple(dict.fromkeys(by_transition)))
    kept = whole.table[ROW].to_numpy()
    told = histories.chosen(np.asarray(kept, dtype=np.intp))
    events = np.bincount(told.transition[told.moved], minlength=len(scheme.transitions))
    if not events.any():
        raise NothingToAnalyse(
            "no transition is seen among the complete rows",
            remedy="leave out the variable that is missing most often",
        )
    designs, matrices = {}, {}
    for text in dict.fromkeys(by_transition):
        designs[text], matrices[text] = Design.of(read(_LEFT + text), whole.table)
        single = [name for name, found in designs[text].categories.items() if len(found) < 2]
        if single:
            raise ConstantCovariate(single)
    arranged = plan(
        scheme, by_transition, designs, np.flatnonzero(events), same_effect or {}, same_baseline
    )
    parts = [
        _component(told, arranged, members, matrices, clock, ties)
        for members in arranged.components
    ]
    return _assembled(told, arranged, parts, events, whole.missing, clock, variance, designs)


def markov_test(
    histories: Histories, formulas: str | Mapping[str, str] = "1", *, ties: Ties = "efron"
) -> pl.DataFrame:
    """Does it matter when a state was entered? One test per transition out of an entered state.

    Under the Markov property the time at which the current state was entered adds nothing to a
    clock-forward model with the same covariates. One row per transition: transition, estimate,
    std_err, hazard_ratio (per unit of time), statistic and p (likelihood-ratio test).

    Args:
        histories: the courses.
        formulas: the other covariates, as `transition_cox` takes them.
        ties: the treatment of tied transitions.
    """
    scheme = histories.scheme
    given = {"*": formulas} if isinstance(formulas, str) else dict(formulas)
    base = _by_transition(scheme, given)
    reached = {arrow.target for arrow in scheme.transitions}
    rows = []
    for k, arrow in enumerate(scheme.transitions):
        mine = (histories.transition == k).any()
        varies = (
            np.ptp(
                histories.covariates[ENTERED].to_numpy()[
                    histories.origin == scheme.state(arrow.origin)
                ]
            )
            if mine
            else 0.0
        )
        if arrow.origin not in reached or not mine or not varies:
            continue
        alone = histories.chosen(histories.origin == scheme.state(arrow.origin))
        without = transition_cox(alone, {str(arrow): base[k]}, ties=ties)
        with_it = transition_cox(alone, {str(arrow): f"{base[k]} + {ENTERED}"}, ties=ties)
        gain = 2 * (with_it.log_likelihood.fitted - without.log_likelihood.fitted)
        row = with_it.table().filter(
            (pl.col("transition") == str(arrow)) & (pl.col("term") == ENTERED)
        )
        rows.append(
            row.select("transition", "estimate", "std_err", "hazard_ratio").with_columns(
                statistic=pl.lit(gain), p=pl.lit(float(chi2.sf(max(gain, 0.0), 1)))
            )
        )
    if not rows:
        raise NothingToAnalyse(
            "no state is entered at different times and left again",
            remedy="the Markov property needs no test here",
        )
    return pl.concat(rows)


def _by_transition(scheme: Scheme, given: Mapping[str, str]) -> list[str]:
    """The covariates of each transition."""
    named = {scheme.transition(name): text for name, text in given.items() if name != "*"}
    others = given.get("*", "1")
    return [named.get(k, others) or "1" for k in range(len(scheme.transitions))]


def _complete(histories: Histories, texts: Sequence[str]) -> Complete:
    """The rows that have all covariates of all formulas."""
    for text in texts:
        beside = beside_covariates(read(f"{_LEFT}{text}"))
        if beside:
            raise BadFormula(text, reason=f"a transition has no {beside}")
    rows = histories.covariates.with_columns(
        pl.Series(ROW, np.arange(len(histories))),
        pl.Series("row stop", histories.stop),
        pl.Series("row event", histories.moved.astype(np.int64)),
    )
    return complete(_LEFT + " + ".join(texts), rows, also=[ROW])


def _component(
    told: Histories,
    arranged: Plan,
    members: tuple[int, ...],
    matrices: Mapping[str, Floats],
    clock: Clock,
    ties: Ties,
) -> Component:
    positions = arranged.positions(members)
    rows = [np.flatnonzero(told.origin == told.scheme.arrows[k, 0]) for k in members]
    blocks = [
        arranged.block(k, positions, {text: x[mine] for text, x in matrices.items()})
        for k, mine in zip(members, rows, strict=True)
    ]
    index = np.concatenate(rows)
    event = np.concatenate(
        [told.transition[mine] == k for k, mine in zip(members, rows, strict=True)]
    )
    labels = tuple(dict.fromkeys(arranged.baseline[k] for k in members))
    stratum = {k: labels.index(arranged.baseline[k]) for k in members}
    codes = np.repeat([stratum[k] for k in members], [len(mine) for mine in rows])
    begin = told.covariates[ENTERED].to_numpy()[index] if clock is Clock.RESET else 0.0
    weights = np.ones(len(index)) if told.weights is None else told.weights[index]
    data = CoxData(
        response=Surv.delayed(told.start[index] - begin, told.stop[index] - begin, event),
        x=np.concatenate(blocks),
        names=tuple(arranged.coefficients[i].name for i in positions),
        terms=tuple((arranged.coefficients[i].name, (j,)) for j, i in enumerate(positions)),
        strata=Groups(labels, codes.astype(np.intp)),
        cluster=None,
        weights=weights,
        offset=np.zeros(len(index)),
    )
    return Component(members, positions, stratum, fit_cox(data, ties=ties), told.patient[index])


def _assembled(
    told: Histories,
    arranged: Plan,
    parts: Sequence[Component],
    events: Integers,
    missing: Missing,
    clock: Clock,
    variance: CoefficientVariance,
    designs: Mapping[str, Design],
) -> TransitionCox:
    p = len(arranged.coefficients)
    beta, naive = np.zeros(p), np.zeros((p, p))
    for part in parts:
        beta[part.positions] = part.fit.coefficients
        naive[np.ix_(part.positions, part.positions)] = part.fit.naive_covariance
    covariance = _sandwich(told, parts, p) if variance == "robust" else naive
    never = [str(told.scheme.transitions[k]) for k in np.flatnonzero(events == 0)]
    notes = [note for part in parts for note in part.fit.notes]
    notes += [note for design in designs.values() for note in design.notes]
    notes += [f"{arrow} never happened: its hazard is zero" for arrow in never]
    return TransitionCox(
        scheme=told.scheme,
        clock=clock,
        names=tuple(coefficient.name for coefficient in arranged.coefficients),
        coefficients=beta,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=LogLikelihood(
            sum(part.fit.log_likelihood.null for part in parts),
            sum(part.fit.log_likelihood.fitted for part in parts),
        ),
        n=told.n,
        rows=len(told),
        events=events,
        missing=missing,
        notes=tuple(dict.fromkeys(notes)),
        variance=variance,
        until=max(float(part.fit.data.response.stop.max()) for part in parts),
        components=tuple(parts),
        _plan=arranged,
        _designs=designs,
    )


def _sandwich(told: Histories, parts: Sequence[Component], p: int) -> Floats:
    """Lin and Wei's sandwich (p, p), a patient's rows of all transitions taken together."""
    influence = np.zeros((told.n, p))
    for part in parts:
        if len(part.positions):
            rows = part.fit.data.weights[:, None] * dfbeta(part.fit)
            sums = [np.bincount(part.patient, column, told.n) for column in rows.T]
            influence[:, part.positions] = np.column_stack(sums)
    return np.asarray(influence.T @ influence)


def _check_number(column: pl.Series) -> None:
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise BadCovariate(
            column.name, reason="is not a number, as it was in the fit", remedy="give a number"
        )


def one_patient(patient: Patient) -> pl.DataFrame:
    """One patient's covariates as a table of one row.

    Raises:
        BadHistory: they are those of several patients, or of none.
    """
    if not isinstance(patient, Mapping):
        table = polars_table(patient)
    else:
        table = pl.DataFrame({name: [value] for name, value in patient.items()} or {ROW: [0]})
    if table.height != 1:
        raise BadHistory(
            f"a prediction is for one patient, and {table.height} rows are given",
            remedy="give one row, or values under their names",
        )
    return table
