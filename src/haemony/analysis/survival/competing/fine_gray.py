"""Regression on the cumulative incidence of one event while others compete.

Fine JP, Gray RJ (1999) A proportional hazards model for the subdistribution of a competing risk.
JASA 94:496-509. Geskus RB (2011) Cause-specific cumulative incidence estimation and the Fine and
Gray model under both left truncation and right censoring. Biometrics 67:39-49.

R fits the model in two ways, which differ where times are tied. The convention "cmprsk" is that of
`cmprsk::crr`: Breslow's ties, those with an event can still be censored that day, and a variance
that knows that the censoring distribution was estimated. The convention "finegray" is that of
`survival::finegray` with `coxph`: Efron's ties, events come before censoring, and Lin and Wei's
variance over patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.competing.competing_data import Arrays, CompetingData, competing_data
from haemony.analysis.survival.competing.subdistribution import Censoring, SubdistributionSets
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate, ConstantCovariate, NothingToAnalyse
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import FEW_CLUSTERS, ChiSquared, LogLikelihood
from haemony.analysis.survival.regression.new_patients import (
    check_near,
    covariates_of,
    known_of,
    strata_of,
)
from haemony.analysis.survival.regression.newton import (
    Maximum,
    distance,
    has_inverse,
    inverse,
    maximise,
)
from haemony.analysis.survival.regression.partial_likelihood import Moments, Ties
from haemony.analysis.survival.regression.risk_sets import ByRows, RiskSets
from haemony.analysis.survival.regression.sandwich import Shares
from haemony.analysis.survival.regression.scaled import Scaled

Convention = Literal["cmprsk", "finegray"]
FineGrayVariance = Literal["fine-gray", "robust", "model"]


@dataclass(frozen=True, eq=False)
class FineGray:
    """A fitted Fine–Gray model with p coefficients.

    Attributes:
        cause: the kind of event modelled.
        names: (p,) the coefficients' names.
        coefficients: (p,) log subdistribution hazard ratios.
        standard_errors: (p,) of them.
        covariance: (p, p) of the coefficients.
        log_likelihood: the log pseudo-likelihood without and with the covariates.
        n: rows analysed.
        events: rows with the event modelled.
        competing: rows with another event.
        convention: whose convention for ties, censoring and variance.
        ties: how tied events were treated.
        variance: which variance was asked for.
        converged: whether the maximum was reached.
        missing: rows left out as incomplete.
        notes: what a reader must know.
        data: what was fitted.
    """

    cause: str
    names: tuple[str, ...]
    coefficients: Floats
    standard_errors: Floats
    covariance: Floats
    log_likelihood: LogLikelihood
    n: int
    events: int
    competing: int
    convention: Convention
    ties: Ties
    variance: FineGrayVariance
    converged: bool
    missing: Missing
    notes: tuple[str, ...]
    data: CompetingData
    infinite: tuple[str, ...]
    _moments: Moments

    def __str__(self) -> str:
        said = []
        if has_inverse(self.covariance):
            test = self.wald_test
            said = [printing.said_of_test("Wald test", test.statistic, test.df, test.p)]
        return printing.page(
            (
                f"{printing.counted(self.n, self.events, self.missing.rows)}, "
                f"{self.competing:,} with a competing event",
                f"Subdistribution hazard of {self.cause}: {self.ties.capitalize()} ties, "
                f"convention of {self.convention}, variance {self.variance}",
            ),
            printing.grid(self.table(), p_values=("p",)),
            *said,
            notes=self.notes,
        )

    @property
    def wald_test(self) -> ChiSquared:
        """All coefficients zero? Their squared distance from zero in standard errors.

        Raises:
            NothingToAnalyse: their robust variance has no inverse.
        """
        return ChiSquared(distance(self.coefficients, self.covariance), len(self.names))

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient: term, estimate, std_err, hazard_ratio, lower, upper, z, p.

        lower and upper are confidence limits of the subdistribution hazard ratio. A coefficient
        without a finite estimate has no standard error, limits, z and p.
        """
        known = ~np.isin(self.names, self.infinite)
        z = self.coefficients / self.standard_errors
        half = normal_quantile(level) * self.standard_errors
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.coefficients + side * half) for side in (0, -1, 1)]
        frame = pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.coefficients,
                "std_err": self.standard_errors,
                "hazard_ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
            },
            schema_overrides={"term": pl.String},
        )
        shown = pl.when(pl.lit(pl.Series(known, dtype=pl.Boolean)))
        return frame.with_columns(shown.then(pl.col("std_err", "lower", "upper", "z", "p")))

    @cached_property
    def baseline(self) -> pl.DataFrame:
        """Cumulative subdistribution hazard at mean covariates: stratum, time, hazard."""
        sets = self._moments.likelihood.sets
        labels = self.data.cox.strata.labels
        hazard = np.concatenate(
            [
                np.cumsum(self._moments.hazard[begin:end])
                for begin, end in zip(sets.bounds[:-1], sets.bounds[1:], strict=True)
            ]
        )
        return pl.DataFrame(
            {
                "stratum": [labels[code] for code in sets.stratum],
                "time": sets.times,
                "hazard": hazard,
            }
        )

    def predict(
        self,
        rows: Tabular | ArrayLike,
        times: ArrayLike,
        *,
        strata: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Cumulative incidence of new patients: row, time, incidence.

        Args:
            rows: a table with the covariates (and strata) of m patients, or an (m, p) array.
            times: when; times after the last follow-up of a stratum give null.
            strata: (m,) stratum labels such as "study=07-04"; read from a table by itself.
        """
        x = covariates_of(rows, self.names, self.data.design)
        codes = strata_of(rows, self.data.cox.strata, strata, len(x))
        wanted = times_asked(times)
        away = predictors(x, self.data.cox.means, self.coefficients)
        away += known_of(rows, self.data.design, len(x))
        check_near(away)
        relative = np.exp(away)
        hazards = np.vstack([self._hazard_at(code, wanted) for code in range(len(self._labels))])
        incidence = -np.expm1(-relative[:, None] * hazards[codes])
        return pl.DataFrame(
            {
                "row": np.repeat(np.arange(len(x)), len(wanted)),
                "time": np.tile(wanted, len(x)),
                "incidence": incidence.ravel(),
            }
        ).with_columns(pl.col("incidence").fill_nan(None))

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.data.cox.strata.labels

    def _hazard_at(self, code: int, times: Floats) -> Floats:
        """(m,) cumulative hazard of one stratum, NaN after its last follow-up."""
        mine = self.baseline.filter(pl.col("stratum") == self._labels[code])
        steps = np.concatenate([[0.0], mine["hazard"].to_numpy()])
        position = np.searchsorted(mine["time"].to_numpy(), times, side="right")
        last = self.data.cox.response.stop[self.data.cox.strata.codes == code].max()
        return np.where(times <= last, steps[position], np.nan)


def fine_gray(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    cause: str | None = None,
    convention: Convention = "cmprsk",
    variance: FineGrayVariance | None = None,
    ties: Ties | None = None,
    censoring_by: str | ArrayLike | None = None,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
) -> FineGray:
    """Fit a proportional subdistribution hazards model (Fine and Gray 1999).

    Args:
        formula: such as "Surv(days, outcome) ~ age + NPM1", where outcome is an Enum whose first
            category means censored, or whole numbers with 0 for censored; with `strata(study)` and
            `cluster(centre)`; or a `Surv` with several states. One row per patient.
        table: the columns that the formula names; incomplete rows are left out and counted.
        cause: the kind of event to model, such as "relapse" or "1"; the first by default.
        convention: "cmprsk" for R's `cmprsk::crr`, "finegray" for `survival::finegray` and `coxph`;
            late entry needs the latter.
        variance: "fine-gray" knows that the censoring distribution was estimated, the default of
            "cmprsk"; "robust" is Lin and Wei's over patients or clusters, the default of
            "finegray"; "model" is the inverse information.
        ties: Breslow's or Efron's treatment; the convention's own by default.
        censoring_by: a column, or (n,) labels, within which alone censoring is alike (`cengroup` of
            `crr`, `strata()` in a `finegray` formula). The variance of Fine and Gray then counts
            the events of all groups in the baseline hazard, as their formula has it; `crr` counts
            those of one group alone, so its standard errors are a little different.
        covariates: (n, p) numbers, when a `Surv` is given.
        names: (p,) names of these covariates.
        strata: (n,) labels, when a `Surv` is given.
        cluster: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights; the censoring distribution is estimated
            without them, as in `finegray`.

    Raises:
        NothingToAnalyse: nobody had the event.
        ConstantCovariate: a covariate never varies.
        CollinearCovariates: covariates cannot be told apart.
        BadCovariate: no event is called like the cause, or options exclude each other.

    >>> table = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6, 7, 8], "x": [1, 0, 1, 0, 1, 1, 0, 0],
    ...     "outcome": [1, 2, 1, 1, 0, 2, 1, 0]})
    >>> fine_gray("Surv(days, outcome) ~ x", table).coefficients.round(4)
    array([0.4979])
    """
    check_choice(convention, "convention", get_args(Convention))
    arrays = Arrays(covariates, names, strata, cluster)
    data = competing_data(formula, table, arrays, cause, weights, censoring_by)
    own: Ties = "breslow" if convention == "cmprsk" else "efron"
    usual: FineGrayVariance = "fine-gray" if convention == "cmprsk" else "robust"
    return fit_fine_gray(data, convention=convention, ties=ties or own, variance=variance or usual)


def fit_fine_gray(
    data: CompetingData, *, convention: Convention, ties: Ties, variance: FineGrayVariance
) -> FineGray:
    """Fit a Fine–Gray model to data that are already numeric."""
    check_choice(ties, "ties", get_args(Ties))
    check_choice(variance, "variance", get_args(FineGrayVariance))
    response, cause = data.cox.response, data.cause
    _check_fit(data, convention, ties, variance)
    grid = Grid.of(response)
    censoring = Censoring.of(
        response,
        grid,
        data.censoring_group,
        "events at risk" if convention == "cmprsk" else "events first",
    )
    sets = _risk_sets(data, censoring, grid)
    scaled = Scaled.of(data.cox, ties, sets)
    top = maximise(scaled.partial, data.cox.names, scaled.span)
    covariance = _covariance(data, top, sets, censoring, grid, variance)
    covariance = covariance / np.outer(scaled.scale, scaled.scale)
    infinite = tuple(data.cox.names[i] for i in np.flatnonzero(top.runaway))
    return FineGray(
        cause=response.states[cause - 1],
        names=data.cox.names,
        coefficients=top.beta / scaled.scale,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        log_likelihood=LogLikelihood(top.start, top.moments.log_likelihood),
        n=len(response),
        events=int(np.count_nonzero(response.event == cause)),
        competing=int(np.count_nonzero(response.died & (response.event != cause))),
        convention=convention,
        ties=ties,
        variance=variance,
        converged=top.converged,
        missing=data.missing,
        notes=(
            *(data.design.notes if data.design else ()),
            *_notes(infinite, top),
            *(() if has_inverse(covariance) else (FEW_CLUSTERS,)),
        ),
        data=data,
        infinite=infinite,
        _moments=top.moments,
    )


def _check_fit(
    data: CompetingData, convention: Convention, ties: Ties, variance: FineGrayVariance
) -> None:
    response = data.cox.response
    if not (response.event == data.cause).any():
        raise NothingToAnalyse(
            f"nobody had the event {response.states[data.cause - 1]!r}",
            remedy="check the coding of the event and which rows were dropped as incomplete",
        )
    if response.start is not None and (convention == "cmprsk" or variance == "fine-gray"):
        raise BadCovariate(
            "convention",
            reason="'cmprsk' and its variance do not provide for late entry",
            remedy="choose convention='finegray' with variance='robust'",
        )
    if variance == "fine-gray" and ties == "efron":
        raise BadCovariate(
            "variance",
            reason="of Fine and Gray is that of Breslow's ties",
            remedy="choose ties='breslow' or variance='robust'",
        )
    constant = data.cox.columns.span == 0
    if constant.any():
        raise ConstantCovariate([data.cox.names[i] for i in np.flatnonzero(constant)])


def _risk_sets(data: CompetingData, censoring: Censoring, grid: Grid) -> SubdistributionSets:
    """Who is at risk of the event modelled, those who had another one fading away."""
    response, strata = data.cox.response, data.cox.strata.codes
    modelled = response.event == data.cause
    alone = RiskSets.of(Surv(response.stop, modelled.astype(np.intp), response.start), strata)
    return SubdistributionSets.extend(alone, strata, response.died & ~modelled, censoring, grid)


def _covariance(
    data: CompetingData,
    top: Maximum[Moments],
    sets: SubdistributionSets,
    censoring: Censoring,
    grid: Grid,
    variance: FineGrayVariance,
) -> Floats:
    """(p, p) of the coefficients of scaled covariates."""
    naive = inverse(top.information)
    if variance == "model":
        return naive
    blocks = top.moments.score_blocks()
    if variance == "fine-gray":
        lost = _from_censoring(top.moments, sets, censoring, grid, data.cox.response)
        blocks = ((part, rows + lost(part)) for part, rows in blocks)
    meat = Shares.of(blocks, data.cox.cluster, len(naive)).square
    return np.asarray(naive @ meat @ naive)


def _from_censoring(
    moments: Moments,
    sets: SubdistributionSets,
    censoring: Censoring,
    grid: Grid,
    response: Surv,
) -> ByRows:
    """Each row's share of the score through the estimate of censoring, for a slice of rows.

    Censoring at u takes weight from the rows that fade across u: those whose competing event came
    before, at event times from u on (which is how `cmprsk` sees ties).
    """
    size, shape = len(grid.times), (sets.fade.shape[1], len(grid.times), moments.likelihood.x.width)
    drift, height = np.zeros(shape), np.zeros(shape)
    for code in range(len(drift)):
        change = _all_across(moments, sets, grid, code)
        at_risk, censored = censoring.at_risk[:, code], censoring.censored[:, code]
        some = at_risk > 0
        np.divide(change, at_risk[:, None], out=height[code], where=some[:, None])
        share_lost = np.divide(censored, at_risk, out=np.zeros(size), where=some)
        np.cumsum(height[code] * share_lost[:, None], axis=0, out=drift[code])

    def shares(part: slice) -> Floats:
        group, stop = censoring.group[part], grid.stop[part]
        rows = -drift[group, stop]
        left = response.event[part] == 0
        rows[left] += height[group[left], stop[left]]
        return rows

    return shares


def _all_across(moments: Moments, sets: SubdistributionSets, grid: Grid, code: int) -> Floats:
    """(T, p) what is lost of the score with the weight of one censoring group across each time."""
    x, risk, fading = moments.likelihood.x, moments.risk, sets.fading_of(code)
    events, size = np.searchsorted(grid.times, sets.times), len(grid.times)
    change = np.zeros((size, x.width))
    for begin, end in zip(sets.bounds[:-1], sets.bounds[1:], strict=True):
        span = slice(begin, end)
        hazard = sets.fade[span, code] * moments.hazard[span]
        mean_hazard = moments.s1[span] * (hazard / moments.s0[span])[:, None]
        mine = np.flatnonzero((fading.since >= begin) & (fading.since < end))
        rows = fading.rows[mine]
        share, stop = risk[rows] * fading.own[mine], grid.stop[rows]
        begun = _before(x.total_of(rows, stop, share, size))
        begun *= _ahead(events[span], hazard, size)[:, None]
        change += begun
        begun = _ahead(events[span], mean_hazard, size)
        begun *= _before(sums_by(stop, share, size))[:, None]
        change -= begun
    return change


def _ahead(events: Integers, values: Floats, size: int) -> Floats:
    """(T, ...) what lies ahead of each of T times, or there, of values (K, ...) at event times."""
    at = np.zeros((size, *values.shape[1:]))
    at[events] = values
    return suffix_sums(at)


def _before(values: Floats) -> Floats:
    """Sums of all that precedes each element, along the first axis."""
    sums = np.cumsum(values, axis=0)
    sums -= values
    return sums


def _notes(infinite: tuple[str, ...], top: Maximum[Moments]) -> tuple[str, ...]:
    if infinite:
        return tuple(
            f"{name} has no finite estimate: the likelihood keeps rising as its coefficient grows "
            f"(a group without events, or one that always comes first); its standard error and "
            f"Wald p-value mean nothing"
            for name in infinite
        )
    if not top.converged:
        return (f"the fit did not converge in {top.steps} steps; do not use it",)
    return ()
