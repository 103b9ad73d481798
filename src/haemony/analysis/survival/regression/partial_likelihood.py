"""Cox's partial likelihood with its derivatives, for tied deaths after Efron or Breslow.

Cox DR (1972) Regression models and life-tables. JRSS B 34:187-220. Efron B (1977) The efficiency of
Cox's likelihood function for censored data. JASA 72:557-565. Breslow N (1974) Covariance analysis
of censored survival data. Biometrics 30:89-99.

At an event time, S0 and S1 are the sums over the risk set of r and r·x, where r is weight times
relative hazard, and D0 and D1 the same sums over those who die. Efron removes the dead from the
risk set one fraction f = 0, 1/d, ... (d-1)/d at a time; Breslow never does (f = 0). The score
needs these sums alone. The information is Xᵀ(c·X), with c the events expected of each row, less
the squares UᵀU and VᵀV of two (K, p) matrices: three symmetric products, each half the work of a
matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from haemony.analysis.survival.data.arrays import Floats, Integers, constant
from haemony.analysis.survival.data.columns import SMALL_BLOCK, Covariates, weighted_square
from haemony.analysis.survival.regression.risk_sets import RiskSets

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """The partial likelihood of one data set.

    Attributes:
        sets: the risk sets.
        x: (n, p) covariates.
        weight: (n,) case weights.
        offset: (n,) known part of the linear predictor.
        ties: how tied deaths are treated.
    """

    sets: RiskSets
    x: Covariates
    weight: Floats
    offset: Floats
    ties: Ties

    @cached_property
    def weighted(self) -> bool:
        """Whether a weight is not one."""
        return bool((self.weight != 1).any())

    @cached_property
    def death_event(self) -> Integers:
        """(E,) the event time of each death."""
        return np.repeat(np.arange(len(self.sets.deaths)), self.sets.deaths)

    @cached_property
    def first_death(self) -> Integers:
        """(K,) the position among the deaths of the first of each event time."""
        return np.cumsum(self.sets.deaths) - self.sets.deaths

    @cached_property
    def fraction(self) -> Floats:
        """(E,) the share of the tied deaths that has left the risk set before each death."""
        deaths = self.sets.deaths
        if self.ties == "breslow":
            return constant(0.0, int(deaths.sum()))
        rank = np.arange(int(deaths.sum())) - np.repeat(self.first_death, deaths)
        return rank / np.repeat(deaths, deaths)

    @cached_property
    def mean_weight(self) -> Floats:
        """(K,) the mean weight of the deaths that share an event time."""
        if not self.weighted:
            return np.ones(len(self.sets.deaths))
        return self.sets.sum_of_dead(self.weight) / self.sets.deaths

    @cached_property
    def death_weight(self) -> Floats:
        """(E,) the same for each death."""
        return np.repeat(self.mean_weight, self.sets.deaths)

    @cached_property
    def observed(self) -> Floats:
        """(p,) the weighted covariates of the rows that die, summed."""
        return self.x.total(self._dead_weight)

    @cached_property
    def observed_offset(self) -> float:
        """The weighted offsets of the rows that die, summed."""
        return float(self._dead_weight @ self.offset) if self.offset.any() else 0.0

    @property
    def _dead_weight(self) -> Floats:
        died = self.sets.died.astype(np.float64)
        return self.weight * died if self.weighted else died

    def predictors(self, beta: Floats) -> Floats:
        """(n,) the linear predictors of coefficients (p,), offsets included."""
        eta = self.x @ beta
        eta += self.offset
        return eta

    def at(self, beta: Floats) -> Moments:
        """Everything about the likelihood at coefficients (p,)."""
        eta = self.predictors(beta)
        with np.errstate(over="ignore"):
            relative_hazard = np.exp(eta, out=eta)
        return Moments(self, beta, relative_hazard)


@dataclass(frozen=True, eq=False)
class Moments:
    """The partial likelihood at one value of the coefficients.

    Attributes:
        likelihood: the data.
        beta: (p,) the coefficients.
        relative_hazard: (n,) exponentials of the linear predictors.
    """

    likelihood: PartialLikelihood
    beta: Floats
    relative_hazard: Floats

    @property
    def risk(self) -> Floats:
        """(n,) weight times relative hazard; not kept, for it is cheap and long."""
        part = self.likelihood
        return part.weight * self.relative_hazard if part.weighted else self.relative_hazard

    @cached_property
    def _totals(self) -> tuple[Floats, Floats]:
        return self.likelihood.sets.sums(self.risk)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        return self.likelihood.sets.sums(self.risk, self.likelihood.x)

    @property
    def s0(self) -> Floats:
        """(K,) total risk at each event time."""
        return self._totals[0]

    @property
    def d0(self) -> Floats:
        """(K,) total risk of those who die."""
        return self._totals[1]

    @property
    def s1(self) -> Floats:
        """(K, p) risk-weighted covariates of those at risk."""
        return self._sums[0]

    @property
    def d1(self) -> Floats:
        """(K, p) risk-weighted covariates of those who die."""
        return self._sums[1]

    @cached_property
    def denominator(self) -> Floats:
        """(E,) the risk left in the risk set at each death."""
        part = self.likelihood
        left = np.repeat(self.d0, part.sets.deaths)
        left *= -part.fraction
        left += np.repeat(self.s0, part.sets.deaths)
        return left

    def _over_deaths(self, values: Floats) -> Floats:
        """(K,) sums of values (E,) of the deaths."""
        return np.add.reduceat(values, self.likelihood.first_death)

    def moment(self, fractions: int, inverses: int) -> Floats:
        """(K,) sums over tied deaths of weight · f^fractions / denominator^inverses."""
        part = self.likelihood
        values = np.reciprocal(self.denominator) ** inverses
        if fractions:
            values *= part.fraction**fractions
        return part.mean_weight * self._over_deaths(values)

    @cached_property
    def hazard(self) -> Floats:
        """(K,) increments of the baseline hazard (at covariates 0)."""
        return self.moment(0, 1)

    @cached_property
    def shielded(self) -> Floats:
        """(K,) the part of the increment to which those who die are not exposed (Efron)."""
        return self.moment(1, 1)

    def expected(self, multiplier: Floats | None = None) -> Floats:
        """(n,) weighted events expected of each row, event times times a multiplier (K,)."""
        expected = self.exposure(multiplier)
        expected *= self.risk
        return expected

    def exposure(self, multiplier: Floats | None = None) -> Floats:
        """(n,) baseline hazard met by each row, each event time's share times a multiplier (K,)."""
        hazard, shielded = self.hazard, self.shielded
        if multiplier is not None:
            hazard, shielded = hazard * multiplier, shielded * multiplier
        return self.likelihood.sets.sum_while_at_risk(hazard, shielded)

    @cached_property
    def log_likelihood(self) -> float:
        """The log partial likelihood."""
        part = self.likelihood
        with np.errstate(divide="ignore", invalid="ignore"):
            loss = part.mean_weight @ self._over_deaths(np.log(self.denominator))
            return float(part.observed @ self.beta + part.observed_offset - loss)

    def score(self, multiplier: Floats | None = None) -> Floats:
        """(p,) the derivative of the log-likelihood, event times times a multiplier (K,)."""
        part = self.likelihood
        hazard, shielded, observed = self.hazard, self.shielded, part.observed
        if multiplier is not None:
            hazard, shielded = hazard * multiplier, shielded * multiplier
            observed = multiplier @ part.sets.sum_of_dead(part.weight, part.x)
        return observed - (hazard @ self.s1 - shielded @ self.d1)

    def information(self, multiplier: Floats | None = None) -> Floats:
        """(p, p) minus the second derivative, event times times a multiplier (K,).

        With multipliers g and g² these are the blocks that belong to covariates times g(t).
        """
        u, v, tied = self._means()
        if multiplier is None:
            return self.likelihood.x.square(self.expected()) - u.T @ u - v.T @ v
        total = self.likelihood.x.square(self.expected(multiplier))
        return total - weighted_square(u, multiplier) - weighted_square(v, multiplier[tied])

    def _means(self) -> tuple[Floats, Floats, Integers]:
        """Two matrices (K, p) and (T, p) whose squares sum the means squared over all deaths.

        With a, b and c the sums over tied deaths of f^0, f^1 and f^2 / denominator², the sum of
        (S1 - f D1)(S1 - f D1)ᵀ / denominator² is completed to one square, and to another of D1
        at the T event times with ties.
        """
        part = self.likelihood
        square = np.reciprocal(self.denominator) ** 2
        root = np.sqrt(part.mean_weight * self._over_deaths(square))
        u = root[:, None] * self.s1
        tied = np.flatnonzero(part.sets.deaths > 1)
        if part.ties == "breslow" or not tied.size:
            return u, u[:0], tied[:0]
        square *= part.fraction
        b = (part.mean_weight * self._over_deaths(square))[tied] / root[tied]
        square *= part.fraction
        c = (part.mean_weight * self._over_deaths(square))[tied]
        d1 = self.d1[tied]
        u[tied] -= b[:, None] * d1
        return u, np.sqrt(np.maximum(c - b**2, 0.0))[:, None] * d1, tied

    def score_rows(self) -> Floats:
        """(n, p) each row's share of the score (unweighted): the score residuals."""
        rows = np.empty((len(self.likelihood.x), self.likelihood.x.width))
        for part, share in self._residuals():
            rows[part] = share
        return rows

    def score_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Each row's share of the score, weighted, by blocks: which rows, and shares (m, p)."""
        for part, rows in self._residuals():
            yield part, rows * self.likelihood.weight[part, None]

    def _residuals(self) -> Iterator[tuple[slice, Floats]]:
        part = self.likelihood
        a, b, c = (self.moment(fractions, 2)[:, None] for fractions in (0, 1, 2))
        met = part.sets.while_at_risk(a * self.s1 - b * self.d1, b * self.s1 - c * self.d1)
        exposure = part.sets.while_at_risk(self.hazard, self.shielded)
        mean = self.mean_at_death()
        for block, x in part.x.blocks(SMALL_BLOCK):
            place = part.sets.place[block]
            died = place % 2 == 1
            rows = met(block)
            rows -= x * exposure(block)[:, None]
            rows *= self.relative_hazard[block, None]
            rows[died] += x[died] - mean[place[died] // 2]
            yield block, rows

    def mean_at_death(self) -> Floats:
        """(K, p) mean covariates of the risk set, averaged over the tied deaths."""
        part = self.likelihood
        inverse = 1 / self.denominator
        sums = self._over_deaths(inverse)[:, None] * self.s1
        sums -= self._over_deaths(part.fraction * inverse)[:, None] * self.d1
        return np.asarray(sums / part.sets.deaths[:, None])
