"""Survival of a whole cohort if everybody had a certain value: curves adjusted by a Cox model.

Makuch RW (1982) Adjusted survival curve estimation using covariates. Journal of Chronic Diseases
35:437-443, doi:10.1016/0021-9681(82)90058-3. Each patient's curve is predicted with the value
set, and the curves are averaged: not the curve of an average patient, which is nobody's.

The standard error is that of the Cox model (Tsiatis 1981) carried through the average; the cohort's
own covariates are taken as given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.faults import BadCovariate, BeyondFollowUp
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit

Setting = Mapping[str, object]


@dataclass(frozen=True, eq=False)
class StandardisedSurvival:
    """Average survival of one cohort under S settings at T times.

    Attributes:
        settings: (S,) names of the settings.
        times: (T,) when.
        survival: (S, T) average probability of being alive.
        covariance: (T, S, S) of the settings' survival at each time.
        n: patients averaged over.
        conf_type: the scale of confidence limits.
        level: their coverage.
    """

    settings: tuple[str, ...]
    times: Floats
    survival: Floats
    covariance: Floats
    n: int
    conf_type: ConfType
    level: float

    def table(self) -> pl.DataFrame:
        """One row per setting and time: setting, time, survival, std_err, lower, upper."""
        std_err = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2).T)
        log_se = np.divide(
            std_err, self.survival, out=np.zeros_like(std_err), where=self.survival > 0
        )
        lower, upper = confidence_limits(
            self.survival.ravel(), log_se.ravel(), self.conf_type, self.level
        )
        return pl.DataFrame(
            {
                "setting": np.repeat(self.settings, len(self.times)),
                "time": np.tile(self.times, len(self.settings)),
                "survival": self.survival.ravel(),
                "std_err": std_err.ravel(),
                "lower": lower,
                "upper": upper,
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))

    def differences(self) -> pl.DataFrame:
        """Each later setting less the first: setting, against, time, difference, std_err, …, p."""
        half = normal_quantile(self.level)
        frames = []
        for i in range(1, len(self.settings)):
            difference = self.survival[i] - self.survival[0]
            v = self.covariance
            std_err = np.sqrt(np.maximum(v[:, i, i] + v[:, 0, 0] - 2 * v[:, i, 0], 0.0))
            z = np.divide(difference, std_err, out=np.full_like(std_err, np.nan), where=std_err > 0)
            frames.append(
                pl.DataFrame(
                    {
                        "setting": [self.settings[i]] * len(self.times),
                        "against": [self.settings[0]] * len(self.times),
                        "time": self.times,
                        "difference": difference,
                        "std_err": std_err,
                        "lower": difference - half * std_err,
                        "upper": difference + half * std_err,
                        "p": 2 * norm.sf(np.abs(z)),
                    }
                )
            )
        if not frames:
            raise BadCovariate(
                "settings", reason="are only one", remedy="give two settings to compare"
            )
        return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))

    def __str__(self) -> str:
        """Print the curves."""
        return printing.page(printing.counted(self.n, None, 0), printing.grid(self.table()))


def standardised_survival(
    fit: CoxFit,
    table: Tabular,
    settings: Mapping[str, Setting],
    times: ArrayLike,
    *,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> StandardisedSurvival:
    """Average the survival that a Cox model predicts for a cohort, with columns set to values.

    Args:
        fit: a Cox model fitted to a table.
        table: the cohort, with the model's covariates and strata; rows must be complete.
        settings: under each name, the columns to set, such as {"mutated": {"NPM1": "positive"}}; an
            empty setting leaves everybody as they are.
        times: when.
        conf_type: the scale of confidence limits.
        level: their coverage.

    Raises:
        BeyondFollowUp: a time lies after the last follow-up of a stratum.
        BadCovariate: a covariate is missing in the cohort, or a value is not one the fit knows.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0], "sex": [0, 0, 0, 0, 1, 1, 1]})
    >>> fit = cox("Surv(days, died) ~ x + sex", table)
    >>> both = standardised_survival(fit, table, {"men": {"sex": 0}, "women": {"sex": 1}}, [2])
    >>> both.survival.shape
    (2, 1)
    """
    wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
    cohort = polars_table(table)
    worlds = [fit.read_rows(_set(cohort, setting)) for setting in settings.values()]
    survival = np.zeros((len(worlds), len(wanted)))
    covariance = np.zeros((len(wanted), len(worlds), len(worlds)))
    for code in range(len(fit.data.strata.labels)):
        _check_times(fit, code, wanted)
    for t, time in enumerate(wanted):
        parts = [_average(fit, x, codes, float(time)) for x, codes in worlds]
        slopes = np.array([part.slope for part in parts])
        heights = np.array([part.height for part in parts])
        noise = np.array([_baseline_variance(fit, code, float(time)) for code in _codes(fit)])
        survival[:, t] = [part.survival for part in parts]
        covariance[t] = slopes @ fit.covariance @ slopes.T + (heights * noise) @ heights.T
    return StandardisedSurvival(
        tuple(settings), wanted, survival, covariance, cohort.height, conf_type, level
    )


@dataclass(frozen=True, eq=False)
class Average:
    """Average survival, and its derivatives in coefficients (p,) and baseline hazards (strata,)."""

    survival: float
    slope: Floats
    height: Floats


def _average(fit: CoxFit, x: Floats, codes: Integers, time: float) -> Average:
    survival, slope = 0.0, np.zeros(len(fit.names))
    height = np.zeros(len(fit.data.strata.labels))
    for code in _codes(fit):
        mine = x[codes == code] - fit.means
        hazard, drift = _baseline(fit, code, time)
        relative = np.exp(mine @ fit.coefficients)
        alive = np.exp(-relative * hazard)
        lost = alive * relative
        survival += float(alive.sum())
        slope -= hazard * (mine.T @ lost) - drift * lost.sum()
        height[code] = -lost.sum()
    return Average(survival / len(x), slope / len(x), height / len(x))


def _baseline(fit: CoxFit, code: int, time: float) -> tuple[float, Floats]:
    """The cumulative baseline hazard of a stratum, and minus its derivative (p,)."""
    mine = np.flatnonzero((fit.sets.stratum == code) & (fit.sets.times <= time))
    a, b = (fit.centred.moment(fractions, 2)[mine] for fractions in (0, 1))
    drift = a @ fit.centred.s1[mine] - b @ fit.centred.d1[mine]
    return float(fit.centred.hazard[mine].sum()), drift


def _baseline_variance(fit: CoxFit, code: int, time: float) -> float:
    mine = (fit.sets.stratum == code) & (fit.sets.times <= time)
    return float(fit.centred.moment(0, 2)[mine].sum())


def _codes(fit: CoxFit) -> range:
    return range(len(fit.data.strata.labels))


def _set(cohort: pl.DataFrame, setting: Setting) -> pl.DataFrame:
    for name in setting:
        if name not in cohort.columns:
            raise BadCovariate(name, reason="is no column of the cohort", remedy="check its name")
    try:
        return cohort.with_columns(
            pl.lit(value).cast(_wide(cohort[name].dtype)).alias(name)
            for name, value in setting.items()
        )
    except pl.exceptions.PolarsError as error:
        raise BadCovariate(
            ", ".join(setting),
            reason="cannot take the value it is set to",
            remedy="use a value of the column's own kind",
        ) from error


def _wide(dtype: pl.DataType) -> pl.DataType:
    """A type that holds what a column of this type may be set to."""
    return pl.Float64() if dtype.is_integer() else dtype


def _check_times(fit: CoxFit, code: int, times: Floats) -> None:
    last = float(fit.data.response.stop[fit.data.strata.codes == code].max())
    if times.max() > last:
        raise BeyondFollowUp(float(times.max()), group=fit.data.strata.labels[code], last=last)
