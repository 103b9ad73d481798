"""Cox models for the transitions of a scheme: who moves where, and how much faster than others.

Each transition has a baseline hazard and effects of its own, unless effects or baselines are said
to be shared. Transitions that share nothing are fitted one by one, which is the same as one stacked
fit and needs a fraction of its memory.

Putter H, Fiocco M, Geskus RB (2007) Tutorial in biostatistics: competing risks and multi-state
models. Statistics in Medicine 26:2389-2430. doi:10.1002/sim.2712
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from scipy.stats import norm

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.hazards import Convention, Hazards
from haemony.analysis.multistate.histories import ENTERED
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.multistate.stacking import Plan
from haemony.analysis.multistate.transitions import (
    TransitionProbabilities,
    transition_probabilities,
)
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import polars_table, tidy
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType, normal_quantile
from haemony.analysis.survival.regression.cox import ChiSquared, CoxFit, LogLikelihood

ROW = "row number"
"""A column beside the covariates that counts the rows."""
CoefficientVariance = Literal["model", "robust"]
Patient = pl.DataFrame | Mapping[str, object]
FARTHEST = 100.0
"""The largest logarithm of a relative hazard that is predicted from."""


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
