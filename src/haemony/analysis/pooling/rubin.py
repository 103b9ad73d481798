"""Combines the analyses of several imputed data sets into one.

Rubin DB (1987) Multiple Imputation for Nonresponse in Surveys. Wiley. Barnard J, Rubin DB (1999)
Small-sample degrees of freedom with multiple imputation. Biometrika 86:948-955. Marshall A et al
(2009) Combining estimates of interest in prognostic modelling studies after multiple imputation.
BMC Medical Research Methodology 9:57, for survival on the complementary log-log scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import stdtrit
from scipy.stats import norm
from scipy.stats import t as student

from haemony.analysis.pooling.faults import NothingToPool
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.given import figures, number
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import normal_quantile

Scale = Literal["cloglog", "plain"]
LARGEST = 1e100


class Fit(Protocol):
    """What a fitted model must say of itself to be pooled."""

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) the coefficients' names."""

    @property
    def coefficients(self) -> Floats:
        """(p,) estimates."""

    @property
    def covariance(self) -> Floats:
        """(p, p) of the estimates."""

    @property
    def events(self) -> int:
        """Rows with the event."""


class Curves(Protocol):
    """What estimated curves must say of themselves to be pooled."""

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """group, time, survival (or state and incidence), std_err, lower, upper."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """Estimates from m imputed data sets, combined by Rubin's rules.

    Attributes:
        names: (p,) of the estimates.
        estimates: (p,) means over the imputations.
        standard_errors: (p,) that know how uncertain the imputation is.
        covariance: (p, p) total: within plus (1 + 1/m) between.
        within: (p, p) mean covariance.
        between: (p, p) covariance of the estimates between imputations.
        df: (p,) degrees of freedom after Barnard and Rubin.
        increase: (p,) relative increase of the variance that missing values cause.
        proportion: (p,) share of the total variance that lies between imputations (lambda).
        fmi: (p,) fraction of information that is missing.
        imputations: m.
        notes: what a reader must know.
    """

    names: tuple[str, ...]
    estimates: Floats
    standard_errors: Floats
    covariance: Floats
    within: Floats
    between: Floats
    df: Floats
    increase: Floats
    proportion: Floats
    fmi: Floats
    imputations: int
    notes: tuple[str, ...]

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per estimate: term, estimate, std_err, ratio, lower, upper, t, df, p, fmi.

        ratio, lower and upper are exponentials: hazard or odds ratios.
        """
        half = _quantile(self.df, level) * self.standard_errors
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            statistic = self.estimates / self.standard_errors
            ratios = [np.exp(self.estimates + side * half) for side in (0, -1, 1)]
        return pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.estimates,
                "std_err": self.standard_errors,
                "ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "t": statistic,
                "df": self.df,
                "p": 2 * _tail(np.abs(statistic), self.df),
                "fmi": self.fmi,
            },
            schema_overrides={"term": pl.String},
        )

    def __str__(self) -> str:
        """The table under the number of imputations."""
        return printing.page(
            f"{self.imputations} imputations",
            printing.grid(self.table(), p_values=("p",)),
            notes=self.notes,
        )


def rubin(
    estimates: ArrayLike,
    covariances: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    complete_df: float = float("inf"),
) -> Pooled:
    """Combine the estimates of m imputed data sets.

    Args:
        estimates: (m, p).
        covariances: (m, p, p), or variances (m, p).
        names: (p,) of the estimates.
        complete_df: the degrees of freedom that complete data would have had.

    Raises:
        NothingToPool: fewer than two imputations.
        BadCovariate: covariances have negative variances or do not fit the estimates.

    >>> found = rubin([[1.0], [1.2], [1.1]], [[0.04], [0.05], [0.03]])
    >>> found.estimates.round(2), found.covariance.round(4)
    (array([1.1]), array([[0.0533]]))
    """
    q, u = np.atleast_2d(figures(estimates, "estimates")), figures(covariances, "covariances")
    if q.ndim != 2:
        raise BadCovariate(
            "estimates",
            reason=f"have {q.ndim} dimensions",
            remedy="give one row per imputation, one column per estimate",
        )
    m, p = q.shape
    if m < 2:
        raise NothingToPool("one imputation tells nothing of its error", remedy="impute at least 5")
    u = np.array([np.diag(row) for row in u]) if u.ndim == 2 else u
    if u.shape != (m, p, p) or not (np.isfinite(q).all() and np.isfinite(u).all()):
        raise BadCovariate(
            "covariances",
            reason=f"have shape {u.shape} or missing values, for {m} imputations of {p} estimates",
            remedy="give one finite covariance per imputation",
        )
    variances = np.diagonal(u, axis1=1, axis2=2)
    if (variances < 0).any() or not np.allclose(u, u.transpose(0, 2, 1)):
        raise BadCovariate(
            "covariances",
            reason="have negative variances or are not symmetric",
            remedy="give the covariance matrices, or the squares of the standard errors",
        )
    if max(np.abs(q).max(initial=0.0), variances.max(initial=0.0)) > LARGEST:
        raise BadCovariate(
            "estimates",
            reason="or their variances are so large that sums overflow",
            remedy="leave out coefficients without a finite estimate",
        )
    if names is not None and len(names) != p:
        raise BadCovariate(
            "names", reason=f"are {len(names)} for {p} estimates", remedy="give one for each"
        )
    if complete_df != np.inf:
        complete_df = number(complete_df, "complete_df", above=0)
    within, centre = u.mean(axis=0), q.mean(axis=0)
    between = (q - centre).T @ (q - centre) / (m - 1)
    total = within + (1 + 1 / m) * between
    inside, outside = np.diag(within), (1 + 1 / m) * np.diag(between)
    variance = np.diag(total)
    proportion = np.divide(outside, variance, out=np.zeros(p), where=variance > 0)
    unsure = np.where(outside > 0, np.inf, 0.0)
    increase = np.divide(outside, inside, out=unsure, where=inside > 0)
    df = _degrees(proportion, m, complete_df)
    finite = np.isfinite(increase)
    known = np.where(finite, increase, 0.0)
    fmi = np.where(finite, (known + 2 / (df + 3)) / (known + 1), 1.0)
    return Pooled(
        names=tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(p)),
        estimates=centre,
        standard_errors=np.sqrt(variance),
        covariance=total,
        within=within,
        between=between,
        df=df,
        increase=increase,
        proportion=proportion,
        fmi=fmi,
        imputations=m,
        notes=_notes(fmi, m),
    )


def pool_fits(fits: Sequence[Fit], *, complete_df: float | None = None) -> Pooled:
    """Combine the same model fitted to each imputed data set.

    Args:
        fits: Cox models, logistic regressions, or anything with names, coefficients, covariance.
        complete_df: the degrees of freedom of complete data; events less coefficients by default.
    """
    if len({fit.names for fit in fits}) > 1:
        raise BadCovariate(
            "fits",
            reason="do not have the same coefficients in every imputation",
            remedy="merge levels that are so rare that some imputations lack them",
        )
    if not fits:
        raise NothingToPool("no fit was given", remedy="fit the model to each imputed table")
    unbounded = Counter(name for fit in fits for name in getattr(fit, "infinite", ()))
    events = min(fit.events for fit in fits)
    spare = max(1.0, float(events - len(fits[0].names)))
    pooled = rubin(
        [fit.coefficients for fit in fits],
        [fit.covariance for fit in fits],
        names=fits[0].names,
        complete_df=spare if complete_df is None else complete_df,
    )
    notes = [
        f"{name} has no finite estimate in {count} imputations: do not read what is pooled of it"
        for name, count in unbounded.items()
    ]
    return replace(pooled, notes=(*pooled.notes, *notes))


@dataclass(frozen=True, eq=False)
class PooledCurves:
    """Curves of m imputed data sets at chosen times, combined by Rubin's rules.

    Attributes:
        frame: one row per group, time (and state): survival or incidence, std_err, lower, upper,
            fmi; null where a data set has no curve there. Limits are null where it is 0 or 1.
        imputations: m.
        scale: on which the curves were averaged.
    """

    frame: pl.DataFrame
    imputations: int
    scale: str

    def table(self) -> pl.DataFrame:
        """The rows of `frame`."""
        return self.frame

    def __str__(self) -> str:
        """The table under the number of imputations."""
        head = f"{self.imputations} imputations, pooled on the {self.scale} scale"
        return printing.page(head, printing.grid(self.frame))


def pool_curves(
    curves: Sequence[Curves],
    times: ArrayLike,
    *,
    scale: Scale = "cloglog",
    level: float = 0.95,
) -> PooledCurves:
    """Combine survival or incidence curves of each imputed data set at given times.

    Args:
        curves: Kaplan–Meier, Aalen–Johansen or weighted curves, one per imputed table.
        times: when.
        scale: where the mean is taken and the normal distribution assumed: complementary log-log,
            or the probability itself.
        level: coverage of the limits.
    """
    check_choice(scale, "scale", get_args(Scale))
    if len(curves) < 2:
        raise NothingToPool("one imputation tells nothing of its error", remedy="impute at least 5")
    frames = [one.at(times) for one in curves]
    value = "survival" if "survival" in frames[0].columns else "incidence"
    keys = [name for name in ("group", "time", "state") if name in frames[0].columns]
    alike = all(frame.columns == frames[0].columns for frame in frames)
    if not alike or any(not frame.select(keys).equals(frames[0].select(keys)) for frame in frames):
        raise BadCovariate(
            "curves",
            reason="are not of one kind with the same groups",
            remedy="estimate the same curves for each table, and merge groups that are too rare",
        )
    p = np.array([frame[value].cast(pl.Float64).to_numpy() for frame in frames])
    se = np.array([frame["std_err"].cast(pl.Float64).to_numpy() for frame in frames])
    columns = _combined(p, se, scale, falls=value == "survival", level=level)
    named = {value if name == "value" else name: found for name, found in columns.items()}
    frame = (
        frames[0]
        .select(keys)
        .with_columns([pl.Series(name, found).fill_nan(None) for name, found in named.items()])
    )
    return PooledCurves(frame, len(frames), scale)


def _combined(p: Floats, se: Floats, scale: str, *, falls: bool, level: float) -> dict[str, Floats]:
    """value, std_err, lower, upper, fmi (r,) of probabilities (m, r)."""
    inner = np.all((p > 0) & (p < 1) & np.isfinite(se), axis=0)
    found = {name: np.full(p.shape[1], np.nan) for name in ("std_err", "lower", "upper", "fmi")}
    value = p.mean(axis=0)
    if inner.any():
        survival = p[:, inner] if falls else 1 - p[:, inner]
        if scale == "plain":
            q, spread, back = survival, se[:, inner], _same
        else:
            q = np.log(-np.log(survival))
            spread, back = se[:, inner] / np.abs(survival * np.log(survival)), _from_cloglog
        variance = (spread**2).mean(axis=0) + (1 + 1 / len(q)) * q.var(axis=0, ddof=1)
        proportion = (1 + 1 / len(q)) * q.var(axis=0, ddof=1) / variance
        df = _degrees(proportion, len(q), float("inf"))
        half = _quantile(df, level) * np.sqrt(variance)
        centre = q.mean(axis=0)
        limits = np.sort(
            [np.clip(back(centre - half), 0, 1), np.clip(back(centre + half), 0, 1)], 0
        )
        pooled = back(centre)
        value[inner] = pooled if falls else 1 - pooled
        slope = 1.0 if scale == "plain" else np.abs(pooled * np.log(pooled))
        found["std_err"][inner] = np.sqrt(variance) * slope
        found["lower"][inner] = limits[0] if falls else 1 - limits[1]
        found["upper"][inner] = limits[1] if falls else 1 - limits[0]
        increase = proportion / (1 - proportion)
        found["fmi"][inner] = (increase + 2 / (df + 3)) / (increase + 1)
    return {"value": value} | found


def _same(values: Floats) -> Floats:
    return values


def _from_cloglog(values: Floats) -> Floats:
    return np.exp(-np.exp(values))


def _degrees(proportion: Floats, m: int, complete_df: float) -> Floats:
    """Barnard and Rubin's degrees of freedom (p,); infinite where nothing is missing."""
    with np.errstate(divide="ignore"):
        old = np.where(proportion > 0, (m - 1) / proportion**2, np.inf)
    if np.isinf(complete_df):
        return np.asarray(old)
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - proportion)
    with np.errstate(invalid="ignore"):
        both = old * observed / (old + observed)
    return np.where(np.isinf(old), observed, both)


def _quantile(df: Floats, level: float) -> Floats:
    """(p,) two-sided quantiles of t, the normal one where df is infinite."""
    z = normal_quantile(level)
    known = np.isfinite(df)
    return np.where(known, stdtrit(np.where(known, df, 1.0), (1 + level) / 2), z)


def _tail(statistic: Floats, df: Floats) -> Floats:
    known = np.isfinite(df)
    return np.where(known, student.sf(statistic, np.where(known, df, 1.0)), norm.sf(statistic))


def _notes(fmi: Floats, m: int) -> tuple[str, ...]:
    worst = float(fmi.max(initial=0.0))
    if 100 * worst <= m:
        return ()
    return (
        f"up to {100 * worst:.0f} % of the information is missing: impute at least that many times "
        f"(here {m}) for figures that would come out the same again",
    )
