"""Is acting on a model's risks better than acting on everybody, or on nobody?

Net benefit counts true positives less false positives, these weighed by the odds of the risk at
which one would act. With censored follow-up the risk among those above a threshold is estimated by
Kaplan–Meier, or by Aalen and Johansen where risks compete.

Vickers AJ, Elkin EB (2006) Decision curve analysis. Medical Decision Making 26:565-574,
doi:10.1177/0272989X06295361. Vickers AJ, Cronin AM, Elkin EB, Gonen M (2008) Extensions to decision
curve analysis. BMC Medical Informatics and Decision Making 8:53, doi:10.1186/1472-6947-8-53.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.faults import BadRisks, floats
from haemony.analysis.prediction.judged import Assessed
from haemony.analysis.prediction.predictions import Predictions, Risks, predictions
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import generator, whole_number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.printing import grid

TREAT_ALL, TREAT_NONE = "Treat all", "Treat none"
ROUNDING = 1e-12
PERCENT = np.arange(1, 100) / 100


@dataclass(frozen=True, eq=False, kw_only=True)
class DecisionCurve(Assessed):
    """Net benefit of S strategies (treat none, treat all, then the models) at P thresholds.

    Attributes:
        strategies: (S,) their names.
        times: (T,) horizons.
        thresholds: (P,) risks at which one would act.
        net_benefit: (T, S, P) true positives per patient, net of false ones; NaN where the
            follow-up of those above a threshold ends before the horizon.
        drawn: (B, T, S, P) the same in samples with replacement.
    """

    strategies: tuple[str, ...]
    times: Floats
    thresholds: Floats
    net_benefit: Floats
    drawn: Floats

    def table(self) -> pl.DataFrame:
        """One row per horizon, strategy and threshold: net_benefit, std_err, lower, upper."""
        return self._frame(self.net_benefit, self.drawn, "net_benefit", self.strategies)

    def differences(self, reference: str = TREAT_ALL) -> pl.DataFrame:
        """Each other strategy less the reference: time, strategy, threshold, difference … upper.

        Raises:
            BadRisks: there is no such strategy.
        """
        if reference not in self.strategies:
            raise BadRisks(
                reference,
                reason="is no strategy",
                remedy=f"choose {' or '.join(map(repr, self.strategies))}",
            )
        base = self.strategies.index(reference)
        others = [i for i in range(len(self.strategies)) if i != base]
        difference = self.net_benefit[:, others] - self.net_benefit[:, [base]]
        drawn = self.drawn[:, :, others] - self.drawn[:, :, [base]]
        names = tuple(self.strategies[i] for i in others)
        return self._frame(difference, drawn, "difference", names)

    def _frame(
        self, values: Floats, drawn: Floats, name: str, strategies: tuple[str, ...]
    ) -> pl.DataFrame:
        tail = (1 - self.level) / 2
        limits, std_err = np.full((2, *values.shape), np.nan), np.full(values.shape, np.nan)
        if len(drawn) > 1:
            limits, std_err = np.quantile(drawn, (tail, 1 - tail), axis=0), drawn.std(0, ddof=1)
        points = len(self.thresholds)
        return pl.DataFrame(
            {
                "time": np.repeat(self.times, len(strategies) * points),
                "strategy": list(np.repeat(strategies, points)) * len(self.times),
                "threshold": np.tile(self.thresholds, len(strategies) * len(self.times)),
                name: values.ravel(),
                "std_err": std_err.ravel(),
                "lower": limits[0].ravel(),
                "upper": limits[1].ravel(),
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        return {"draws": len(self.drawn), **super().options()}

    def printed(self) -> list[str]:
        """The net benefit at a few thresholds."""
        shown = self.table().filter(
            pl.col("threshold").is_in(self._shown()), pl.col("strategy") != TREAT_NONE
        )
        return [grid(shown)]

    def _shown(self) -> list[float]:
        """The thresholds that print: at most nine."""
        step = max(1, len(self.thresholds) // 9)
        return [float(value) for value in self.thresholds[step - 1 :: step]]


def decision_curve(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    thresholds: ArrayLike = PERCENT,
    draws: int = 200,
    seed: int = 1,
    level: float = 0.95,
) -> DecisionCurve:
    """Estimate the net benefit of acting on predicted risks.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; or a `Surv`, or predictions laid out before.
        table: the columns that the formula and the risks name.
        risks: for each model a column, a column per horizon, or an array of probabilities.
        times: horizons.
        cause: the kind of event, where several compete.
        thresholds: (P,) risks between 0 and 1, ascending; one acts at or above them.
        draws: bootstrap samples of patients for the limits, which are percentiles; 0 for none.
        seed: of these draws.
        level: coverage of the limits.

    Raises:
        BadRisks: risks are no probabilities, or thresholds do not ascend between 0 and 1.

    >>> table = pl.DataFrame(
    ...     {"days": [2, 3, 8, 8], "died": [1, 1, 0, 0], "p": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> decision_curve("Surv(days, died) ~ 1", table, risks={"p": "p"}, times=[4],
    ...     thresholds=[0.3], draws=0).table()["net_benefit"].round(4).to_list()
    [0.0, 0.2857, 0.3929]
    """
    found = predictions(formula, table, risks=risks, times=times, cause=cause)
    found.check_probabilities()
    at = np.atleast_1d(floats("thresholds", thresholds))
    if not at.size or not (np.diff(at) > 0).all() or not ((at > 0) & (at < 1)).all():
        raise BadRisks(
            "thresholds", reason="do not ascend between 0 and 1", remedy="give risks such as 0.1"
        )
    whole_number(draws, "draws", least=0)
    normal_quantile(level)
    for taken in {TREAT_ALL, TREAT_NONE} & set(found.models):
        raise BadRisks(taken, reason="is a strategy's name", remedy="name your model otherwise")
    ones, n = np.ones(len(found)), len(found)
    rng = generator(seed)
    weights = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(draws))
    drawn = [_net_benefit(found, at, weight.astype(np.float64)) for weight in weights]
    shape = (len(found.times), len(found.models) + 2, at.size)
    return DecisionCurve(
        strategies=(TREAT_NONE, TREAT_ALL, *found.models),
        times=found.times,
        thresholds=at,
        net_benefit=_net_benefit(found, at, ones),
        drawn=np.array(drawn).reshape(-1, *shape),
        level=level,
        n=n,
        missing=found.missing,
    )


def _net_benefit(found: Predictions, thresholds: Floats, weight: Floats) -> Floats:
    """(T, S, P) of weighted patients."""
    odds = thresholds / (1 - thresholds)
    everyone = np.zeros(len(found), dtype=np.intp)
    parts = []
    for i, time in enumerate(found.times):
        clock = _Clock.of(found, float(time))
        treated, had = _above(found, clock, everyone, 1, weight)
        strategies = [np.zeros(thresholds.size), had - odds * (treated - had)]
        for risk in found.risks[:, :, i]:
            band = np.searchsorted(thresholds, risk, side="right") - 1
            treated, had = _above(found, clock, band, thresholds.size, weight)
            strategies.append(had - odds * (treated - had))
        parts.append(strategies)
    return np.array(parts)


@dataclass(frozen=True, eq=False)
class _Clock:
    """Ends of follow-up on the K distinct times until a horizon; those later share place K."""

    place: Integers
    size: int
    to_the_end: bool

    @classmethod
    def of(cls, found: Predictions, time: float) -> Self:
        times = np.unique(found.time[found.time <= time])
        place = np.minimum(np.searchsorted(times, found.time), times.size)
        return cls(place, times.size + 1, bool(times.size and times[-1] == time))


def _above(
    found: Predictions, clock: _Clock, band: Integers, bands: int, weight: Floats
) -> tuple[Floats, Floats]:
    """Shares (P,) of patients in each band or a higher one, and of them with the event too."""

    def table(chosen: Floats) -> Floats:
        cell = (band + 1) * clock.size + clock.place
        counts = np.bincount(cell, chosen, (bands + 1) * clock.size)
        by_band = counts.reshape(bands + 1, clock.size)[1:]
        return np.asarray(np.cumsum(by_band[::-1], axis=0)[::-1])

    leaving = table(weight)
    event = table(weight * found.had_event)[:, :-1]
    any_event = table(weight * found.response.died)[:, :-1]
    at_risk = np.maximum(np.cumsum(leaving[:, ::-1], axis=1)[:, :0:-1], 1e-300)
    survival = np.cumprod(np.maximum(1 - any_event / at_risk, 0.0), axis=1)
    before = np.column_stack([np.ones(bands), survival])
    risk = np.sum(before[:, :-1] * event / at_risk, axis=1)
    treated = leaving.sum(axis=1)
    watched = leaving[:, -2 if clock.to_the_end else -1 :].sum(axis=1) > 0
    known = watched | (before[:, -1] < ROUNDING) | (treated == 0)
    share = treated / weight.sum()
    return share, np.where(known, share * risk, np.nan)
