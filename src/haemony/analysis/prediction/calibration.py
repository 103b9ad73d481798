"""Do as many have the event as was predicted?

Four answers, from the coarsest to the finest: observed over expected; intercept and slope on the
complementary log-log scale; groups of patients by predicted risk; a smooth curve, with the mean,
median and 90th percentile of its distance from the predictions (ICI, E50, E90).

Austin PC, Harrell FE, van Klaveren D (2020) Graphical calibration curves and the integrated
calibration index (ICI) for survival models. Statistics in Medicine 39:2714-2742,
doi:10.1002/sim.8570. Royston P (2014) Tools for checking calibration of a Cox model in external
validation: approach based on individual event probabilities. Stata Journal 14:738-755. van Geloven
N et al. (2022) Validation of prediction models in the presence of competing risks: a guide through
modern methods. BMJ 377:e069249, doi:10.1136/bmj-2021-069249.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.calibration_lines import HazardLine, Line, PseudoLine, level_of
from haemony.analysis.prediction.faults import BadRisks, check_choice
from haemony.analysis.prediction.judged import Assessed
from haemony.analysis.prediction.observed import observed_risks, pseudo_values
from haemony.analysis.prediction.predictions import Predictions, Risks, predictions
from haemony.analysis.prediction.smoothing import KNOTS, cloglog, fit_cloglog, on_the_scale
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import generator, whole_number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.intervals import ConfType, normal_quantile
from haemony.analysis.survival.printing import grid
from haemony.model.errors import HaemonyError

Smoother = Literal["hazard", "pseudo-values"]
POINTS = 60
FLAT = 1e-8
MEASURES = ("ICI", "E50", "E90")


@dataclass(frozen=True, eq=False)
class Smooth:
    """A smooth calibration curve.

    Attributes:
        predicted: (G,) risks from the lowest to the highest prediction between 0 and 1.
        at_predictions: (n,) the smoothed observed risk at each patient's prediction.
        level: coverage of the limits.
        line: what was fitted.
    """

    predicted: Floats
    at_predictions: Floats
    level: float
    line: Line

    @property
    def observed(self) -> Floats:
        """(G,) the smoothed observed risk at each of `predicted`."""
        return self._band[0]

    @property
    def lower(self) -> Floats:
        """(G,) its lower confidence limit."""
        return self._band[1]

    @property
    def upper(self) -> Floats:
        """(G,) its upper confidence limit."""
        return self._band[2]

    @cached_property
    def _band(self) -> tuple[Floats, Floats, Floats]:
        return self.line.along(self.predicted, self.level)


@dataclass(frozen=True, eq=False)
class CalibrationAt:
    """The calibration of one model at one horizon.

    Attributes:
        model: its name.
        time: the horizon.
        groups: one row per group of predicted risk: group, n, predicted (their mean), observed,
            std_err, lower, upper; observed is null where follow-up is too short.
        smooth: the curve, or None where it cannot be fitted.
        measures: measure, value, std_err, lower, upper.
        predicted: (n,) the predicted risks.
    """

    model: str
    time: float
    groups: pl.DataFrame
    smooth: Smooth | None
    measures: pl.DataFrame
    predicted: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration(Assessed):
    """The calibration of models at horizons.

    Attributes:
        parts: one per horizon and model.
        smoother: how the curves were drawn.
        knots: of their splines.
        draws: bootstrap samples for the limits of ICI, E50 and E90.
    """

    parts: tuple[CalibrationAt, ...]
    smoother: Smoother
    knots: int
    draws: int

    def table(self) -> pl.DataFrame:
        """One row per horizon, model and measure: time, model, measure, value … upper."""
        return self._joined([part.measures for part in self.parts])

    def groups_table(self) -> pl.DataFrame:
        """One row per horizon, model and group: time, model, group, n, predicted … upper."""
        return self._joined([part.groups for part in self.parts])

    def _joined(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(
            frame.select(
                pl.lit(part.time).alias("time"), pl.lit(part.model).alias("model"), pl.all()
            )
            for part, frame in zip(self.parts, frames, strict=True)
        )

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        mine = {"smoother": self.smoother, "knots": self.knots, "draws": self.draws}
        return {**mine, **super().options()}

    def printed(self) -> list[str]:
        """The measures."""
        return [grid(self.table())]


def calibration(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    groups: int = 10,
    smoother: Smoother | None = None,
    knots: int = 4,
    draws: int = 200,
    seed: int = 1,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> Calibration:
    """Compare predicted with observed risks.

    Risks of exactly 0 or 1 have no place on the scale of intercept, slope and curve. These three
    are estimated from the other patients, and a note counts those left out; in ICI, E50 and E90 the
    certain patients stand with the observed risk of their group. Where all risks are equal, or all
    are 0 or 1, intercept, slope and curve are null as far as they do not exist.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; or a `Surv`, or predictions laid out before.
        table: the columns that the formula and the risks name.
        risks: for each model a column, a column per horizon, or an array of probabilities.
        times: horizons.
        cause: the kind of event, where several compete.
        groups: how many groups of equal size; ties can make them fewer.
        smoother: "hazard" is a Cox model on a restricted cubic spline of cloglog(risk) (Austin et
            al. 2020), the default without competing risks; "pseudo-values" fits the same spline to
            jackknife pseudo-values, the default with them.
        knots: 3, 4 or 5 knots of the spline.
        draws: bootstrap samples for the limits of ICI, E50 and E90; 0 leaves them out.
        seed: of these draws.
        conf_type: the scale of the limits of the groups.
        level: coverage of the limits.

    Raises:
        BadRisks: risks cannot be read, or are no probabilities.

    >>> table = pl.DataFrame(
    ...     {"days": [2, 3, 5, 8], "died": [1, 1, 0, 1], "p": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> found = calibration("Surv(days, died) ~ 1", table, risks={"p": "p"}, times=[4], groups=2,
    ...     draws=0)
    >>> found.groups_table().select("predicted", "observed").rows()
    [(0.30000000000000004, 0.0), (0.7, 1.0)]
    """
    found = predictions(formula, table, risks=risks, times=times, cause=cause)
    found.check_probabilities()
    how: Smoother = smoother or ("pseudo-values" if found.competing else "hazard")
    _check(found, how, groups, knots, draws)
    normal_quantile(level)
    notes: list[str] = []
    parts = []
    for i, time in enumerate(found.times):
        task = _Task(found, float(time), pseudo_values(found, float(time)), how, knots, level)
        for j, name in enumerate(found.models):
            predicted = found.risks[j, :, i]
            smooth = task.smooth(predicted)
            drawn = _drawn(task, predicted, draws, seed) if smooth else np.empty((0, 3))
            notes += _notes(f"{name} at {time:g}", predicted, smooth, draws, len(drawn))
            parts.append(
                CalibrationAt(
                    model=name,
                    time=task.time,
                    groups=_groups(found, task.time, predicted, groups, conf_type, level),
                    smooth=smooth,
                    measures=_measures(task, predicted, smooth, drawn),
                    predicted=predicted,
                )
            )
    return Calibration(
        parts=tuple(parts),
        smoother=how,
        knots=knots,
        draws=draws,
        level=level,
        n=len(found),
        missing=found.missing,
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Task:
    """One horizon: the outcomes, their pseudo-values, and how to smooth."""

    found: Predictions
    time: float
    pseudo: Floats
    smoother: Smoother
    knots: int
    level: float

    def fitted(self, predicted: Floats, rows: Integers) -> tuple[Line, Floats] | None:
        """The curve over some rows and the observed risk at each, or None without a curve.

        Risks of 0 and of 1 lie off the scale of the curve: what is observed there is the mean
        pseudo-value of the rows that have them.
        """
        risk = predicted[rows]
        between = on_the_scale(risk)
        line = self._line(risk[between], rows[between])
        if line is None:
            return None
        observed = np.empty(len(risk))
        observed[between] = line.at_predictions()
        for certain in (~between & (risk < 0.5), ~between & (risk > 0.5)):
            if certain.any():
                observed[certain] = np.clip(self.pseudo[rows[certain]].mean(), 0, 1)
        return line, observed

    def _line(self, risk: Floats, rows: Integers) -> Line | None:
        if not risk.size or np.ptp(cloglog(risk)) < FLAT:
            return None
        if self.smoother == "pseudo-values":
            return PseudoLine.of(self.pseudo[rows], risk, self.knots)
        response = Surv.right(self.found.time[rows], self.found.had_event[rows])
        try:
            return HazardLine.of(response, risk, self.knots, self.time)
        except HaemonyError:
            return None

    def smooth(self, predicted: Floats) -> Smooth | None:
        """The curve over all rows with its limits."""
        fitted = self.fitted(predicted, np.arange(len(predicted)))
        if fitted is None:
            return None
        between = predicted[on_the_scale(predicted)]
        grid = np.linspace(between.min(), between.max(), POINTS)
        return Smooth(grid, fitted[1], self.level, fitted[0])


def _distances(observed: Floats, predicted: Floats) -> Floats:
    """The mean, median and 90th percentile of |observed - predicted| over patients (n,)."""
    distance = np.abs(observed - predicted)
    return np.array([distance.mean(), *np.quantile(distance, (0.5, 0.9))])


def _groups(
    found: Predictions,
    time: float,
    predicted: Floats,
    count: int,
    conf_type: ConfType,
    level: float,
) -> pl.DataFrame:
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, count + 1)[1:-1]))
    group = np.unique(np.searchsorted(edges, predicted, side="left"), return_inverse=True)[1]
    sizes = np.bincount(group)
    observed = observed_risks(found, time, groups=group, conf_type=conf_type, level=level)
    return pl.DataFrame(
        {
            "group": np.arange(1, len(sizes) + 1),
            "n": sizes,
            "predicted": np.bincount(group, predicted) / sizes,
        }
    ).with_columns(
        observed["incidence"].alias("observed"), *(observed.select("std_err", "lower", "upper"))
    )


@dataclass(frozen=True, slots=True)
class _Figure:
    """One measure with its standard error and limits; NaN where it is not known."""

    measure: str
    value: float = float("nan")
    std_err: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")


def _measures(task: _Task, predicted: Floats, smooth: Smooth | None, drawn: Floats) -> pl.DataFrame:
    """Observed/expected, intercept, slope, ICI, E50 and E90, with standard errors and limits."""
    figures = [
        _observed_over_expected(task, predicted),
        _coefficient(task, "intercept", predicted),
        _coefficient(task, "slope", predicted),
        *_distance_figures(task.level, predicted, smooth, drawn),
    ]
    return pl.DataFrame([asdict(figure) for figure in figures]).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def _distance_figures(
    level: float, predicted: Floats, smooth: Smooth | None, drawn: Floats
) -> list[_Figure]:
    if smooth is None:
        return [_Figure(name) for name in MEASURES]
    values, tail = _distances(smooth.at_predictions, predicted), (1 - level) / 2
    if len(drawn) < 2:
        return [_Figure(name, float(value)) for name, value in zip(MEASURES, values, strict=True)]
    limits, spread = np.quantile(drawn, (tail, 1 - tail), axis=0), drawn.std(axis=0, ddof=1)
    columns = zip(values, spread, *limits, strict=True)
    return [
        _Figure(name, *map(float, column)) for name, column in zip(MEASURES, columns, strict=True)
    ]


def _observed_over_expected(task: _Task, predicted: Floats) -> _Figure:
    """The ratio of the observed to the mean predicted risk; limits on the log scale."""
    name, expected = "observed/expected", float(predicted.mean())
    row = observed_risks(task.found, task.time, level=task.level)
    observed, std_err = (
        float(row[column].cast(pl.Float64).fill_null(np.nan)[0])
        for column in ("incidence", "std_err")
    )
    if not expected:
        return _Figure(name)
    ratio = observed / expected
    if not observed > 0:
        return _Figure(name, ratio)
    factor = float(np.exp(normal_quantile(task.level) * std_err / observed))
    return _Figure(name, ratio, std_err / expected, ratio / factor, ratio * factor)


def _coefficient(task: _Task, name: str, predicted: Floats) -> _Figure:
    """The intercept with slope one, or the slope, of pseudo-values on cloglog(predicted)."""
    between = on_the_scale(predicted)
    scale, pseudo = cloglog(predicted[between]), task.pseudo[between]
    ones = np.ones((len(scale), 1))
    if not scale.size or (name == "slope" and np.ptp(scale) <= FLAT):
        return _Figure(name)
    if name == "intercept":
        fit = fit_cloglog(ones, pseudo, scale)
    else:
        x = np.column_stack([ones, scale - scale.mean()])
        fit = fit_cloglog(x, pseudo, np.full(len(scale), level_of(pseudo)))
    if not fit.converged:
        return _Figure(name)
    value, std_err = float(fit.coefficients[-1]), float(np.sqrt(fit.covariance[-1, -1]))
    half = normal_quantile(task.level) * std_err
    return _Figure(name, value, std_err, value - half, value + half)


def _drawn(task: _Task, predicted: Floats, draws: int, seed: int) -> Floats:
    """ICI, E50 and E90 (B, 3) in samples with replacement, fewer where no curve could be fitted."""
    rng = generator(seed)
    kept = []
    for _ in range(draws):
        rows = rng.integers(len(predicted), size=len(predicted))
        fitted = task.fitted(predicted, rows)
        if fitted is not None:
            kept.append(_distances(fitted[1], predicted[rows]))
    return np.array(kept).reshape(-1, 3)


def _check(found: Predictions, smoother: Smoother, groups: int, knots: int, draws: int) -> None:
    check_choice("smoother", smoother, ("hazard", "pseudo-values"))
    if smoother == "hazard" and found.competing:
        raise BadRisks(
            "smoother",
            reason="is a model of the hazard, which is not the risk where risks compete",
            remedy="choose 'pseudo-values'",
        )
    whole_number(groups, "groups", least=2)
    whole_number(draws, "draws", least=0)
    whole_number(knots, "knots", least=min(KNOTS), most=max(KNOTS))


def _notes(
    where: str, predicted: Floats, smooth: Smooth | None, draws: int, kept: int
) -> Iterator[str]:
    between = on_the_scale(predicted)
    certain = int(np.count_nonzero(~between))
    if not predicted.any():
        yield f"{where}: every risk is 0, so there is no observed/expected"
    if certain == len(predicted):
        yield f"{where}: every risk is 0 or 1, so there is no intercept, slope or curve"
    elif certain:
        yield (
            f"{where}: {certain} of {len(predicted)} risks are 0 or 1, which no intercept, slope "
            "or curve can fit; these are those of the other patients"
        )
    if certain < len(predicted) and not np.ptp(predicted[between]):
        yield f"{where}: no two risks between 0 and 1 differ, so there is no slope and no curve"
    elif certain < len(predicted) and smooth is None:
        yield f"{where}: no smooth curve could be fitted"
    if smooth and kept < draws:
        yield f"{where}: {draws - kept} of {draws} draws gave no curve"
