"""Cox's partial likelihood with its derivatives, for tied deaths after Efron or Breslow.

Cox DR (1972) Regression models and life-tables. JRSS B 34:187-220. Efron B (1977) The efficiency of
Cox's likelihood function for censored data. JASA 72:557-565. Breslow N (1974) Covariance analysis
of censored survival data. Biometrics 30:89-99.

At an event time, S0 and S1 are the sums over the risk set of r and r·x, where r is weight times
relative hazard, and D0 and D1 the same sums over those who die. Efron removes the dead from the
risk set one fraction f = 0, 1/d, ... (d-1)/d at a time; Breslow never does (f = 0). The information
is written as Xᵀ(c·X) minus products of (K, p) matrices, so that it costs two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from haemony.analysis.survival.arrays import Floats, Integers
from haemony.analysis.survival.counts import sums_by
from haemony.analysis.survival.risk_sets import RiskSets

Ties = Literal["efron", "breslow"]
BLOCK = 8192


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """The partial likelihood of one data set, its rows in the order of the risk sets.

    Attributes:
        sets: the risk sets.
        x: (n, p) covariates.
        weight: (n,) case weights.
        offset: (n,) known part of the linear predictor.
        ties: how tied deaths are treated.
    """

    sets: RiskSets
    x: Floats
    weight: Floats
    offset: Floats
    ties: Ties

    @cached_property
    def death_event(self) -> Integers:
        """(E,) the event time of each death."""
        return np.repeat(np.arange(len(self.sets.deaths)), self.sets.deaths)

    @cached_property
    def fraction(self) -> Floats:
        """(E,) the share of the tied deaths that has left the risk set before each death."""
        if self.ties == "breslow":
            return np.zeros(len(self.death_event))
        first = np.cumsum(self.sets.deaths) - self.sets.deaths
        rank = np.arange(len(self.death_event)) - np.repeat(first, self.sets.deaths)
        return rank / self.sets.deaths[self.death_event]

    @cached_property
    def death_weight(self) -> Floats:
        """(E,) the mean weight of the deaths that share an event time."""
        mean = self.sets.sum_of_dead(self.weight) / self.sets.deaths
        return mean[self.death_event]

    def at(self, beta: Floats) -> Moments:
        """Everything about the likelihood at coefficients (p,)."""
        eta = self.offset + self.x @ beta
        with np.errstate(over="ignore"):
            relative_hazard = np.exp(eta)
        return Moments(self, eta, relative_hazard)


@dataclass(frozen=True, eq=False)
class Moments:
    """The partial likelihood at one value of the coefficients.

    Attributes:
        likelihood: the data.
        eta: (n,) linear predictor, offset included.
        relative_hazard: (n,) its exponential.
    """

    likelihood: PartialLikelihood
    eta: Floats
    relative_hazard: Floats

    @cached_property
    def risk(self) -> Floats:
        """(n,) weight times relative hazard."""
        return self.likelihood.weight * self.relative_hazard

    @cached_property
    def s0(self) -> Floats:
        """(K,) total risk at each event time."""
        return self.likelihood.sets.sum_at_risk(self.risk)

    @cached_property
    def d0(self) -> Floats:
        """(K,) total risk of those who die."""
        return self.likelihood.sets.sum_of_dead(self.risk)

    @cached_property
    def s1(self) -> Floats:
        """(K, p) risk-weighted covariates of those at risk."""
        return self.likelihood.sets.sum_at_risk(self.risk, self.likelihood.x)

    @cached_property
    def d1(self) -> Floats:
        """(K, p) risk-weighted covariates of those who die."""
        return self.likelihood.sets.sum_of_dead(self.risk, self.likelihood.x)

    @cached_property
    def denominator(self) -> Floats:
        """(E,) the risk left in the risk set at each death."""
        event = self.likelihood.death_event
        return self.s0[event] - self.likelihood.fraction * self.d0[event]

    def moment(self, fractions: int, inverses: int) -> Floats:
        """(K,) sums over tied deaths of weight · f^fractions / denominator^inverses."""
        part = self.likelihood
        values = part.death_weight * part.fraction**fractions / self.denominator**inverses
        return sums_by(part.death_event, values, len(part.sets.deaths))

    @cached_property
    def hazard(self) -> Floats:
        """(K,) increments of the baseline hazard (at covariates 0)."""
        return self.moment(0, 1)

    @cached_property
    def shielded(self) -> Floats:
        """(K,) the part of the increment to which those who die are not exposed (Efron)."""
        return self.moment(1, 1)

    @cached_property
    def expected(self) -> Floats:
        """(n,) weighted number of events expected of each row."""
        return self.risk * self.exposure()

    def exposure(self, multiplier: Floats | None = None) -> Floats:
        """(n,) baseline hazard met by each row, each event time's share times a multiplier (K,)."""
        hazard, shielded = self.hazard, self.shielded
        if multiplier is not None:
            hazard, shielded = hazard * multiplier, shielded * multiplier
        sets, met = self.likelihood.sets, self.likelihood.sets.sum_while_at_risk(hazard)
        met[sets.died] -= shielded[self.likelihood.death_event]
        return met

    @cached_property
    def log_likelihood(self) -> float:
        """The log partial likelihood."""
        part = self.likelihood
        dead = part.sets.died
        gain = part.weight[dead] @ self.eta[dead]
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(gain - part.death_weight @ np.log(self.denominator))

    def score(self, multiplier: Floats | None = None) -> Floats:
        """(p,) the derivative of the log-likelihood, event times times a multiplier (K,)."""
        part = self.likelihood
        if multiplier is None:
            return part.x.T @ (part.weight * part.sets.died - self.expected)
        died = np.zeros(len(part.weight))
        died[part.sets.died] = multiplier[part.death_event]
        return part.x.T @ (part.weight * died - self.risk * self.exposure(multiplier))

    def information(self, multiplier: Floats | None = None) -> Floats:
        """(p, p) minus the second derivative, event times times a multiplier (K,).

        With multipliers g and g² these are the blocks that belong to covariates times g(t).
        """
        scale = np.ones_like(self.s0) if multiplier is None else multiplier
        expected = self.expected if multiplier is None else self.risk * self.exposure(multiplier)
        total = weighted_square(self.likelihood.x, expected)
        a, b, c = (scale * self.moment(fractions, 2) for fractions in (0, 1, 2))
        cross = self.s1.T @ (b[:, None] * self.d1)
        means = self.s1.T @ (a[:, None] * self.s1) + self.d1.T @ (c[:, None] * self.d1)
        return total - (means - cross - cross.T)

    def score_rows(self) -> Floats:
        """(n, p) each row's share of the score (unweighted): the score residuals."""
        part = self.likelihood
        a, b, c = (self.moment(fractions, 2)[:, None] for fractions in (0, 1, 2))
        met = part.sets.sum_while_at_risk(a * self.s1 - b * self.d1)
        event = part.death_event
        met[part.sets.died] -= (b * self.s1 - c * self.d1)[event]
        rows = self.relative_hazard[:, None] * (met - part.x * self.exposure()[:, None])
        rows[part.sets.died] += part.x[part.sets.died] - self.mean_at_death()[event]
        return rows

    def mean_at_death(self) -> Floats:
        """(K, p) mean covariates of the risk set, averaged over the tied deaths."""
        part = self.likelihood
        deaths = len(part.sets.deaths)
        inverse = np.bincount(part.death_event, 1 / self.denominator, deaths)
        shield = np.bincount(part.death_event, part.fraction / self.denominator, deaths)
        sums = inverse[:, None] * self.s1 - shield[:, None] * self.d1
        return np.asarray(sums / part.sets.deaths[:, None])


def weighted_square(x: Floats, weight: Floats) -> Floats:
    """The (p, p) product xᵀ diag(weight) x of x (n, p), in blocks that fit a cache."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for begin in range(0, len(x), BLOCK):
        rows = x[begin : begin + BLOCK]
        total += rows.T @ (weight[begin : begin + BLOCK, None] * rows)
    return total
