"""Pools estimates of several sources, and says how much the sources differ.

DerSimonian R, Laird N (1986) Meta-analysis in clinical trials. Controlled Clinical Trials 7:177-88.
Viechtbauer W (2005) Bias and efficiency of meta-analytic variance estimators in the random-effects
model. Journal of Educational and Behavioral Statistics 30:261-293. Paule RC, Mandel J (1982)
Consensus values and weighting factors. Journal of Research of the NBS 87:377-385. Hartung J, Knapp
G (2001) A refined method for the meta-analysis of controlled clinical trials with binary outcome.
Statistics in Medicine 20:3875-89. Röver C, Knapp G, Friede T (2015) Hartung-Knapp-Sidik-Jonkman
approach and its modification for random-effects meta-analysis with few studies. BMC Medical
Research Methodology 15:99. Higgins JPT, Thompson SG, Spiegelhalter DJ (2009) A re-evaluation
of random-effects meta-analysis. JRSS A 172:137-159. Viechtbauer W (2007) Confidence intervals for
the amount of heterogeneity in meta-analysis. Statistics in Medicine 26:37-52.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import chi2, norm
from scipy.stats import t as student

from haemony.analysis.pooling.faults import NothingToPool
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import tidy
from haemony.analysis.survival.data.given import figures
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import normal_quantile

Method = Literal["fixed", "dersimonian-laird", "reml", "paule-mandel"]
Test = Literal["normal", "hartung-knapp", "hartung-knapp-adhoc"]
Prediction = Literal["as test", "higgins"]
MOST_STEPS = 1000
LARGEST = 1e100
NOTABLE = 0.9
"""Below this share of the usual variance, Hartung and Knapp's is remarked on."""
ALONE = "a single source: nothing is pooled, and heterogeneity is unknown"


@dataclass(frozen=True, eq=False)
class MetaAnalysis:
    """The pooled estimate of k sources, on the scale of the estimates (log hazard ratios, say).

    Attributes:
        labels: (k,) the sources.
        estimates: (k,) their estimates.
        std_errs: (k,) their standard errors.
        weights: (k,) their shares in the pooled estimate, adding up to one.
        estimate: the pooled estimate.
        std_err: its standard error.
        lower: its lower confidence limit.
        upper: its upper confidence limit.
        p: the p-value of no effect.
        tau2: the variance between sources.
        tau2_interval: its confidence limits by the Q profile; NaN for a single source.
        q: Cochran's Q.
        q_df: its degrees of freedom.
        i2: the share of the variation that lies between sources, in percent.
        h2: the total variation in units of that within sources.
        prediction: limits for the effect in a new source; NaN with a fixed effect or too few.
        method: how tau2 was estimated.
        test: how the confidence limits were made.
        level: the coverage of all limits.
        notes: what a reader must know.
        predicted_by: how the limits for a new source were made.
    """

    labels: tuple[str, ...]
    estimates: Floats
    std_errs: Floats
    weights: Floats
    estimate: float
    std_err: float
    lower: float
    upper: float
    p: float
    tau2: float
    tau2_interval: tuple[float, float]
    q: float
    q_df: int
    i2: float
    h2: float
    prediction: tuple[float, float]
    method: Method
    test: Test
    level: float
    notes: tuple[str, ...]
    predicted_by: Prediction

    @property
    def q_p(self) -> float:
        """The p-value of one effect in all sources."""
        return float(chi2.sf(self.q, self.q_df)) if self.q_df else float("nan")

    def table(self) -> pl.DataFrame:
        """The rows of a forest plot; kinds are source, pooled and prediction.

        Columns: kind, label, estimate, std_err, lower, upper, their exponentials ratio,
        ratio_lower and ratio_upper, and weight.
        """
        z = normal_quantile(self.level)
        nan = float("nan")
        estimate = np.concatenate([self.estimates, [self.estimate, nan]])
        lower = np.concatenate(
            [self.estimates - z * self.std_errs, [self.lower, self.prediction[0]]]
        )
        upper = np.concatenate(
            [self.estimates + z * self.std_errs, [self.upper, self.prediction[1]]]
        )
        with np.errstate(over="ignore"):
            ratios = [np.exp(values) for values in (estimate, lower, upper)]
        rows = pl.DataFrame(
            {
                "kind": ["source"] * len(self.labels) + ["pooled", "prediction"],
                "label": [*self.labels, self.method, "a new source"],
                "estimate": estimate,
                "std_err": np.concatenate([self.std_errs, [self.std_err, nan]]),
                "lower": lower,
                "upper": upper,
                "ratio": ratios[0],
                "ratio_lower": ratios[1],
                "ratio_upper": ratios[2],
                "weight": np.concatenate([self.weights, [1.0, nan]]),
            }
        )
        return tidy(rows)

    def leave_one_out(self) -> pl.DataFrame:
        """The pooled estimate without each source in turn, one row each.

        Columns: left_out, estimate, std_err, lower, upper, p, tau2, i2, q.
        """
        rows = []
        for i, label in enumerate(self.labels):
            rest = np.arange(len(self.labels)) != i
            if not rest.any():
                continue
            without = meta(
                self.estimates[rest],
                self.std_errs[rest],
                [name for name, stays in zip(self.labels, rest, strict=True) if stays],
                method=self.method,
                test=self.test,
                prediction=self.predicted_by,
                level=self.level,
            )
            names = ("estimate", "std_err", "lower", "upper", "p", "tau2", "i2", "q")
            rows.append({"left_out": label} | {name: getattr(without, name) for name in names})
        return pl.DataFrame(rows)

    def __str__(self) -> str:
        """The forest as a table, and the heterogeneity."""
        shown = self.table().drop("ratio", "ratio_lower", "ratio_upper")
        low, high = self.tau2_interval
        limits = f" ({low:.3g} to {high:.3g})" if self.q_df else ""
        found = f"tau² = {self.tau2:.4g}{limits}, I² = {self.i2:.1f} %, H² = {self.h2:.3g}"
        test = f"Q = {self.q:.4g} on {self.q_df} df, p = {printing.p_value(self.q_p)}"
        return printing.page(printing.grid(shown), (found, test), notes=self.notes)


def meta(
    estimates: ArrayLike,
    std_errs: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    method: Method = "reml",
    test: Test = "normal",
    prediction: Prediction = "as test",
    level: float = 0.95,
) -> MetaAnalysis:
    """Pool k estimates.

    Defaults are those of R's `metafor::rma`.

    Args:
        estimates: (k,) such as log hazard ratios.
        std_errs: (k,) their standard errors.
        labels: (k,) the sources.
        method: how the variance between sources is estimated; "fixed" sets it to zero.
        test: "normal", or "hartung-knapp" (t with k - 1 degrees of freedom and a variance from the
            scatter of the estimates; 0 where they all agree, as in metafor, with a note), or
            "hartung-knapp-adhoc", which takes that scatter as at least 1 (metafor's "adhoc").
        prediction: limits for a new source from the quantile of the test, or from t with k - 2
            degrees of freedom ("higgins").
        level: coverage of all limits.

    Raises:
        NothingToPool: no estimate was given.
        BadCovariate: estimates or errors are no numbers, or beyond all bounds.

    >>> found = meta([-0.5, -0.2, 0.1], [0.2, 0.25, 0.3], method="dersimonian-laird")
    >>> round(found.estimate, 3), round(found.tau2, 4), round(found.i2, 1)
    (-0.255, 0.0279, 31.4)
    """
    y, s, names = _checked(estimates, std_errs, labels)
    for value, name, choices in (
        (method, "method", tuple(_ESTIMATORS)),
        (test, "test", get_args(Test)),
        (prediction, "prediction", get_args(Prediction)),
    ):
        check_choice(value, name, choices)
    v = s**2
    tau2 = _ESTIMATORS[method](y, v) if len(y) > 1 else 0.0
    w = 1 / (v + tau2)
    centre = float(w @ y / w.sum())
    tested = _tested(y, w, centre, test, level)
    std_err, quantile = tested.std_err, tested.quantile
    q = float(((y - 1 / v @ y / (1 / v).sum()) ** 2) @ (1 / v))
    i2, h2 = _shares(q, tau2, v, method)
    return MetaAnalysis(
        labels=names,
        estimates=y,
        std_errs=s,
        weights=w / w.sum(),
        estimate=centre,
        std_err=std_err,
        lower=centre - quantile * std_err,
        upper=centre + quantile * std_err,
        p=tested.p,
        tau2=tau2,
        tau2_interval=_profile(y, v, level),
        q=q,
        q_df=len(y) - 1,
        i2=i2,
        h2=h2,
        prediction=(float("nan"), float("nan"))
        if method == "fixed"
        else _predicted(centre, std_err, tau2, quantile, len(y), prediction, level),
        method=method,
        test=test,
        level=level,
        notes=(*_notes(len(y), method), *tested.notes),
        predicted_by=prediction,
    )


def _checked(
    estimates: ArrayLike, std_errs: ArrayLike, labels: Sequence[str] | None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    y = np.atleast_1d(figures(estimates, "estimates"))
    s = np.atleast_1d(figures(std_errs, "std_errs"))
    if not y.size:
        raise NothingToPool("no source has an estimate", remedy="check the sources one by one")
    names = tuple(labels) if labels is not None else tuple(f"source {i + 1}" for i in range(len(y)))
    if y.ndim > 1 or y.shape != s.shape or len(names) != len(y):
        raise BadCovariate(
            "estimates",
            reason=f"are {len(y)}, with {len(s)} standard errors and {len(names)} labels",
            remedy="give one of each per source",
        )
    if not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise BadCovariate(
            "estimates",
            reason="or their standard errors are not finite, or an error is not positive",
            remedy="leave out sources without an estimate",
        )
    if max(np.abs(y).max(), s.max()) > LARGEST or s.min() < 1 / LARGEST:
        raise BadCovariate(
            "estimates",
            reason="or their standard errors are so large or so small that weights overflow",
            remedy="leave out sources without a finite estimate, and check the scale",
        )
    return y, s, names


@dataclass(frozen=True, slots=True)
class _Tested:
    """A standard error with the quantile for its interval, the p-value, and what to know."""

    std_err: float
    quantile: float
    p: float
    notes: tuple[str, ...] = ()


def _tested(y: Floats, w: Floats, centre: float, test: Test, level: float) -> _Tested:
    std_err, normal = float(1 / np.sqrt(w.sum())), normal_quantile(level)
    df = len(y) - 1
    if test == "normal" or not df:
        notes = () if test == "normal" else ("with one source the test is the normal one",)
        return _Tested(std_err, normal, float(2 * norm.sf(abs(centre) / std_err)), notes)
    scatter, notes = float(w @ (y - centre) ** 2 / df), ()
    if test == "hartung-knapp-adhoc":
        scatter = max(1.0, scatter)
    elif scatter < NOTABLE:
        notes = (
            f"the sources agree so well that Hartung and Knapp's variance is {scatter:.2g} times "
            "the usual one; test='hartung-knapp-adhoc' never takes less than that (Röver 2015)",
        )
    std_err *= float(np.sqrt(scatter))
    if std_err:
        p = float(2 * student.sf(abs(centre) / std_err, df))
    else:
        p = 0.0 if centre else float("nan")
    return _Tested(std_err, float(stdtrit(df, (1 + level) / 2)), p, notes)


def _predicted(
    centre: float,
    std_err: float,
    tau2: float,
    quantile: float,
    k: int,
    prediction: Prediction,
    level: float,
) -> tuple[float, float]:
    if prediction == "higgins":
        if k < 3:
            return float("nan"), float("nan")
        quantile = float(stdtrit(k - 2, (1 + level) / 2))
    half = quantile * float(np.sqrt(std_err**2 + tau2))
    return centre - half, centre + half


def _shares(q: float, tau2: float, v: Floats, method: Method) -> tuple[float, float]:
    """I² in percent and H²."""
    df = len(v) - 1
    if not df:
        return 0.0, 1.0
    if method == "fixed":
        return max(0.0, 100 * (q - df) / q) if q else 0.0, q / df
    w = 1 / v
    typical = df / float(w.sum() - (w @ w) / w.sum())
    return 100 * tau2 / (tau2 + typical), tau2 / typical + 1


def _general_q(tau2: float, y: Floats, v: Floats) -> float:
    w = 1 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def _profile(y: Floats, v: Floats, level: float) -> tuple[float, float]:
    """The between variances for which Q is not surprising."""
    df = len(y) - 1
    if not df:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    return (
        _where_q_is(float(chi2.isf(tail, df)), y, v),
        _where_q_is(float(chi2.isf(1 - tail, df)), y, v),
    )


def _where_q_is(height: float, y: Floats, v: Floats) -> float:
    """The between variance at which the generalised Q falls to a height; 0 if it starts below."""
    if _general_q(0.0, y, v) <= height:
        return 0.0
    high = float(np.var(y) + v.max())
    while _general_q(high, y, v) > height:
        high *= 2
    return float(brentq(lambda t: _general_q(t, y, v) - height, 0.0, high, xtol=1e-15, rtol=1e-14))


def _fixed(_y: Floats, _v: Floats) -> float:
    return 0.0


def _dersimonian_laird(y: Floats, v: Floats) -> float:
    w = 1 / v
    return max(0.0, (_general_q(0.0, y, v) - (len(y) - 1)) / float(w.sum() - (w @ w) / w.sum()))


def _paule_mandel(y: Floats, v: Floats) -> float:
    return _where_q_is(len(y) - 1, y, v)


def _reml(y: Floats, v: Floats) -> float:
    """Fisher scoring from Hedges' estimate, halving steps that lead below zero."""
    tau2 = max(0.0, float(y.var(ddof=1) - v.mean()))
    for _ in range(MOST_STEPS):
        w = 1 / (v + tau2)
        total = w.sum()
        centred = w * (y - w @ y / total)
        trace = float(total - (w @ w) / total)
        square = float(w @ w - 2 * (w**3).sum() / total + ((w @ w) / total) ** 2)
        step = (float(centred @ centred) - trace) / square
        while tau2 + step < 0:
            step /= 2
        tau2 += step
        if abs(step) <= 1e-15 * max(tau2, 1e-6):
            break
    return tau2 if tau2 > 1e-10 * float(v.min()) else 0.0


_ESTIMATORS: dict[str, Callable[[Floats, Floats], float]] = {
    "fixed": _fixed,
    "dersimonian-laird": _dersimonian_laird,
    "reml": _reml,
    "paule-mandel": _paule_mandel,
}


def _notes(k: int, method: Method) -> tuple[str, ...]:
    if k == 1:
        return (ALONE,)
    if k < 5 and method != "fixed":
        return (f"the variance between sources rests on {k} sources and is poorly known",)
    return ()
