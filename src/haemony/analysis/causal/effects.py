"""What the analyses of a trial answer with, and how several stand side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from haemony.analysis.causal.contrasts import survival_difference
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.trial import EVENT, FOLLOWED, INCOMPLETE, PATIENT, WEIGHT, Enrolled
from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.kaplan_meier import KaplanMeier
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit


@dataclass(frozen=True, eq=False)
class Effect:
    """The hazard ratio of an exposure under one design.

    Attributes:
        design: how the exposure was turned into groups, in words.
        origin: time zero, in words.
        exposure: the name of the exposure.
        covariates: what it was adjusted for, as a formula's right side.
        n: patients.
        exposed: patients whose exposure counts in this design.
        fit: the Cox model.
        rows: the rows that were fitted.
        curves: weighted survival curves of the strategies, where the design has them.
        missing: rows left out as incomplete.
        attrition: (reason, rows) of all who were left out.
        notes: what a reader must know.
    """

    design: str
    origin: str
    exposure: str
    covariates: str
    n: int
    exposed: int
    fit: CoxFit
    rows: pl.DataFrame
    curves: KaplanMeier | None
    missing: Missing
    attrition: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    @property
    def position(self) -> int:
        """Which coefficient of the Cox model is the exposure's."""
        return self.fit.names.index(self.exposure)

    @property
    def estimate(self) -> float:
        """The log hazard ratio."""
        return float(self.fit.coefficients[self.position])

    @property
    def std_err(self) -> float:
        """Its standard error; robust where patients have several rows or weights."""
        return float(self.fit.standard_errors[self.position])

    @property
    def hazard_ratio(self) -> float:
        """The hazard of the exposed against that of the others."""
        return float(np.exp(self.estimate))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence limits of the hazard ratio; NaN when it has no finite estimate."""
        if self.exposure in self.fit.infinite:
            return float("nan"), float("nan")
        half = normal_quantile(level) * self.std_err
        return float(np.exp(self.estimate - half)), float(np.exp(self.estimate + half))

    def survival_difference(self, time: float, level: float = 0.95) -> pl.DataFrame:
        """Survival under the exposure less that without it, at a time; one row.

        Raises:
            BadCovariate: the design has no weighted curves.
        """
        if self.curves is None:
            raise BadCovariate(
                "curves",
                reason=f"do not belong to the design {self.design!r}",
                remedy="use clone_censor_weight",
            )
        compared = f"{FOLLOWED} ~ {self.exposure} + cluster({PATIENT})"
        return survival_difference(compared, self.rows, time=time, weights=WEIGHT, level=level)

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row: design, origin, n, exposed, events, hazard_ratio, lower, upper, p, covariates.

        events is the number of rows that end with the event; clones count each time.
        """
        lower, upper = self.interval(level)
        return pl.DataFrame(
            [
                {
                    "design": self.design,
                    "origin": self.origin,
                    "n": self.n,
                    "exposed": self.exposed,
                    "events": self.fit.events,
                    "hazard_ratio": self.hazard_ratio,
                    "lower": lower,
                    "upper": upper,
                    "p": float(2 * norm.sf(abs(self.estimate / self.std_err)))
                    if np.isfinite(lower)
                    else None,
                    "covariates": self.covariates,
                }
            ],
            schema_overrides={"p": pl.Float64},
        ).with_columns(pl.col("lower", "upper").fill_nan(None))

    def __str__(self) -> str:
        """Who is in it and who is not, the hazard ratio, the covariates, and the notes."""
        others = [(why, count) for why, count in self.attrition if why != INCOMPLETE]
        gone = left_out(self.missing, others)
        return printing.page(
            (self._counted(), *([gone] if gone else [])),
            (
                f"{self.exposure}, {self.design}, from {self.origin}, {self.exposed} exposed:",
                self._ratio(),
                f"adjusted for {self.covariates or 'nothing'}",
            ),
            notes=self.notes,
        )

    def _counted(self) -> str:
        """Patients, and those with the event, whose rows can be several."""
        died = self.rows.filter(pl.col(EVENT) == 1)[PATIENT].n_unique()
        rows = "" if died == self.fit.events else f" (in {self.fit.events:,} rows)"
        return f"{printing.counted(self.n, died, 0)}{rows}"

    def _ratio(self) -> str:
        lower, upper = self.interval()
        if self.exposure in self.fit.infinite:
            return "hazard ratio without a finite estimate"
        known = np.isfinite(lower) and np.isfinite(upper)
        limits = f"{lower:.3g} to {upper:.3g}" if known else "limits not known"
        return f"hazard ratio {self.hazard_ratio:.3g} ({limits})"


def effect(
    enrolled: Enrolled,
    design: str,
    fit: CoxFit,
    rows: pl.DataFrame,
    *,
    n: int,
    exposed: int,
    notes: tuple[str, ...] = (),
    curves: KaplanMeier | None = None,
    covariates: str | None = None,
) -> Effect:
    """The effect that a fit of some rows of enrolled patients shows."""
    trial = enrolled.trial
    return Effect(
        design=design,
        origin=trial.origin,
        exposure=trial.exposure,
        covariates=trial.confounders if covariates is None else covariates,
        n=n,
        exposed=exposed,
        fit=fit,
        rows=rows,
        curves=curves,
        missing=enrolled.missing,
        attrition=enrolled.attrition,
        notes=(*notes, *enrolled.notes, *fit.notes),
    )


def side_by_side(*effects: Effect, level: float = 0.95) -> pl.DataFrame:
    """Several effects as one table, one row each, in the order given."""
    return pl.concat(one.table(level) for one in effects)
