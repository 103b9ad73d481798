"""A Cox model for each kind of event, and the cumulative incidences that they imply together.

Prentice RL et al. (1978) The analysis of failure times in the presence of competing risks.
Biometrics 34:541-554. Cheng SC, Fine JP, Wei LJ (1998) Prediction of cumulative incidence function
under the proportional hazards model. Biometrics 54:219-228.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.nelson_aalen import SurvivalFrom
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import complete
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.partial_likelihood import Ties

BLOCK = 2_000_000
"""Patients times event times that a prediction holds at once."""


@dataclass(frozen=True, eq=False)
class CauseSpecificCox:
    """Cox models of the same covariates, one for each kind of event.

    Attributes:
        fits: the fitted models by kind of event, in the order of the kinds.
        notes: what a reader must know, the models' own notes included.
    """

    fits: Mapping[str, CoxFit]
    notes: tuple[str, ...]

    def __getitem__(self, cause: str) -> CoxFit:
        """The model of one kind of event."""
        if str(cause) not in self.fits:
            raise BadCovariate(
                "cause", reason="has no model", remedy=f"choose one of {', '.join(self.fits)}"
            )
        return self.fits[str(cause)]

    def __str__(self) -> str:
        first = next(iter(self.fits.values()))
        events = ", ".join(f"{fit.events:,} {cause}" for cause, fit in self.fits.items())
        return printing.page(
            f"{printing.counted(first.n, None, first.missing.rows)}; events: {events}",
            printing.grid(self.table(), p_values=("p",)),
            notes=self.notes,
        )

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """The tables of all models, with the kind of event in the column cause."""
        return pl.concat(
            fit.table(level).select(pl.lit(cause).alias("cause"), pl.all())
            for cause, fit in self.fits.items()
        )

    def predict(
        self,
        rows: Tabular | ArrayLike,
        times: ArrayLike,
        *,
        cause: str | None = None,
        strata: Sequence[str] | None = None,
        survival_from: SurvivalFrom = "product",
    ) -> pl.DataFrame:
        """Cumulative incidence of new patients: row, time, incidence.

        Args:
            rows: a table with the covariates (and strata) of m patients, or an (m, p) array.
            times: when; times after the last follow-up of a stratum give null.
            cause: the kind of event; the first by default.
            strata: (m,) stratum labels such as "study=07-04"; read from a table by itself.
            survival_from: event-free survival as the "product" of one less the hazards, or as the
                "exponential" of less their sum.
        """
        check_choice(survival_from, "survival_from", get_args(SurvivalFrom))
        fit = self[next(iter(self.fits)) if cause is None else cause]
        wanted = times_asked(times)
        x, codes, known = fit.read_rows(rows, strata)
        risks = [
            np.exp(predictors(x, model.means, model.coefficients) + known)
            for model in self.fits.values()
        ]
        incidence = np.full((len(x), len(wanted)), np.nan)
        position = list(self.fits.values()).index(fit)
        for code, label in enumerate(fit.data.strata.labels):
            mine = np.flatnonzero(codes == code)
            curves = self._increments(label)
            last = fit.data.response.stop[fit.data.strata.codes == code].max()
            for part in np.array_split(mine, 1 + len(mine) * len(curves[0]) // BLOCK):
                found = _incidence(curves, [risk[part] for risk in risks], position, survival_from)
                at = np.searchsorted(curves[0], wanted, side="right")
                incidence[part] = np.where(wanted <= last, found[:, at], np.nan)
        return pl.DataFrame(
            {
                "row": np.repeat(np.arange(len(x)), len(wanted)),
                "time": np.tile(wanted, len(x)),
                "incidence": incidence.ravel(),
            }
        ).with_columns(pl.col("incidence").fill_nan(None))

    def _increments(self, stratum: str) -> tuple[Floats, list[Floats]]:
        """The event times (T,) of a stratum, and each kind's baseline hazard there."""
        tables = [
            fit.baseline_hazard().filter(pl.col("stratum") == stratum) for fit in self.fits.values()
        ]
        times = np.unique(np.concatenate([table["time"].to_numpy() for table in tables]))
        hazards = []
        for table in tables:
            hazard = np.zeros(len(times))
            place = np.searchsorted(times, table["time"].to_numpy())
            hazard[place] = np.diff(table["hazard"].to_numpy(), prepend=0.0)
            hazards.append(hazard)
        return times, hazards


def cause_specific_cox(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    ties: Ties = "efron",
) -> CauseSpecificCox:
    """Fit a Cox model to each kind of event, the other kinds censored (Prentice et al. 1978).

    Args:
        formula: such as "Surv(days, outcome) ~ age + NPM1", where outcome is an Enum whose first
            category means censored, or whole numbers with 0 for censored; or a `Surv` with several
            states.
        table: the columns that the formula names; incomplete rows are left out and counted.
        covariates: (n, p) numbers, when a `Surv` is given.
        names: (p,) names of these covariates.
        strata: (n,) labels, when a `Surv` is given.
        cluster: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        ties: Efron's or Breslow's treatment of tied events.

    Raises:
        NothingToAnalyse: nobody had any event.

    >>> table = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6, 7, 8], "x": [1, 0, 1, 0, 1, 1, 0, 0],
    ...     "outcome": [1, 2, 1, 1, 0, 2, 1, 0]})
    >>> fit = cause_specific_cox("Surv(days, outcome) ~ x", table)
    >>> fit.table().select("cause", pl.col("estimate").round(4)).rows()
    [('1', 0.8341), ('2', 0.4904)]
    """
    if isinstance(formula, Surv):
        response = formula
        tables: list[Tabular | None] = [None] * len(response.states)
        formulas: list[str | Surv] = [
            Surv(response.stop, (response.event == kind + 1).astype(np.intp), response.start)
            for kind in range(len(response.states))
        ]
    else:
        read = complete(
            formula,
            table,
            weights=weights,
            competing=True,
            covariates=covariates,
            strata=strata,
            cluster=cluster,
        )
        response, column = read.response, read.model.response[-1]
        whole = polars_table(table) if table is not None else read.table
        tables = [whole.with_columns(_is(whole[column], state)) for state in response.states]
        formulas = [formula] * len(tables)
    happened = np.bincount(response.event, minlength=len(response.states) + 1)[1:]
    if not happened.any():
        raise NothingToAnalyse("nobody had an event", remedy="check the coding of the event")
    fits = {
        state: cox(
            one,
            rows,
            weights=weights,
            names=names,
            ties=ties,
            covariates=covariates,
            strata=strata,
            cluster=cluster,
        )
        for state, one, rows, count in zip(response.states, formulas, tables, happened, strict=True)
        if count
    }
    absent = [f"nobody had the event {state!r}" for state in response.states if state not in fits]
    own = [f"{state}: {note}" for state, fit in fits.items() for note in fit.notes]
    return CauseSpecificCox(fits, (*absent, *own))


def _is(event: pl.Series, state: str) -> pl.Series:
    """Whether each row had an event of this kind; unknown where the event is."""
    if isinstance(event.dtype, pl.Enum):
        return (event == state).alias(event.name)
    known = event.cast(pl.Float64).fill_nan(None)
    return (known == float(state)).alias(event.name)


def _incidence(
    curves: tuple[Floats, list[Floats]],
    risks: list[Floats],
    position: int,
    survival_from: SurvivalFrom,
) -> Floats:
    """(m, T + 1) incidence of one kind of event before the first and after each event time."""
    _, hazards = curves
    each = [risk[:, None] * hazard for risk, hazard in zip(risks, hazards, strict=True)]
    total = np.sum(each, axis=0)
    if survival_from == "product":
        after = np.cumprod(np.maximum(1 - total, 0.0), axis=1)
        each = [part / np.maximum(total, 1.0) for part in each]  # nobody dies more than once
    else:
        after = np.exp(-np.cumsum(total, axis=1))
    first = np.ones((len(after), 1))
    before = np.hstack([first, after[:, :-1]])
    return np.hstack([0 * first, np.minimum(np.cumsum(before * each[position], axis=1), 1.0)])
