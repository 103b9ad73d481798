"""Fits every pair of alterations with and without its product, over risk sets that all pairs share.

For one pair there are four kinds of patients at risk: with neither, the first, the second or both.
Their numbers at each event time are all that the partial likelihood of two effects and their
product needs. Tied deaths are treated after Breslow. Patients not tested for one of the two count
in no risk set of that pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haemony.analysis.genomics.findings import Findings
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.regression.risk_sets import RiskSets

PORTION = 64
MOST_STEPS = 40
EXACT, QUICK = 1e-13, 1e-3
FARTHEST = 15.0
LONGEST = 2.0
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class PairFits:
    """What is found for P pairs.

    Attributes:
        effects: (P, 2) log hazard ratios of the two alterations without their product.
        full: (P, 3) the same beside their product, and the product's; beyond 10 they are infinite.
        std_err: (P,) of the product's log hazard ratio.
        statistic: (P,) twice the gain in log-likelihood by the product, chi-squared on one degree
            of freedom; NaN where the product says nothing new.
        score_statistic: (P,) Rao's score statistic of the product, NaN likewise.
    """

    effects: Floats
    full: Floats
    std_err: Floats
    statistic: Floats
    score_statistic: Floats

    def chosen(self, rows: Integers) -> PairFits:
        """The fits of some of the pairs."""
        return PairFits(
            self.effects[rows],
            self.full[rows],
            self.std_err[rows],
            self.statistic[rows],
            self.score_statistic[rows],
        )


@dataclass(frozen=True, eq=False)
class Follow:
    """The follow-up of n patients, whose risk sets are found once.

    Attributes:
        sets: who is at risk when.
        risk: (n,) relative hazard of each patient for other reasons, in the patients' order.
    """

    sets: RiskSets
    risk: Floats

    def fit(self, findings: Findings, first: Integers, second: Integers) -> PairFits:
        """Fit each pair to rounding error.

        Args:
            findings: of the n patients.
            first: (P,) position of each pair's first alteration.
            second: (P,) of its second.
        """
        known = _Known(self.sets, self.risk, findings.carried, findings.tested)
        portions = [
            _fit_all(known.four_kinds(first[part], second[part])) for part in _portions(len(first))
        ]
        return PairFits(*(np.concatenate(parts) for parts in zip(*portions, strict=True)))

    def statistics(
        self,
        findings: Findings,
        first: Integers,
        second: Integers,
        patients: Integers,
        start: Floats,
    ) -> Floats:
        """(P,) statistics when the findings of patients (n,) belong to the follow-ups, to 1e-3.

        Args:
            findings: of the n patients.
            first: (P,) position of each pair's first alteration.
            second: (P,) of its second.
            patients: (n,) whose findings and risk each follow-up gets.
            start: (P, 2) effects to start from.
        """
        known = _Known(
            self.sets,
            self.risk[patients],
            findings.carried[patients],
            findings.tested[patients],
        )
        found = np.empty(len(first))
        for part in _portions(len(first)):
            table = known.four_kinds(first[part], second[part])
            effects = table.fit(_with_zero(start[part]), product=False, settled=QUICK)
            found[part] = table.gain(effects, QUICK)[1]
        return found


def _portions(pairs: int) -> list[slice]:
    return [slice(begin, begin + PORTION) for begin in range(0, pairs, PORTION)]


def _with_zero(effects: Floats) -> Floats:
    return np.column_stack([effects, np.zeros(len(effects))])


def _fit_all(table: FourKinds) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    size = table.dead.shape[1]
    null = table.fit(np.zeros((size, 3)), product=False, settled=EXACT)
    full, statistic = table.gain(null, EXACT)
    score, curve = table.derivatives(null)
    variance, left = _product(curve, score)
    known = variance > 0
    rao = np.divide(left**2, variance, out=np.full(size, np.nan), where=known)
    at_peak = _product(table.derivatives(full)[1], score)[0]
    std_err = np.divide(1, np.sqrt(at_peak), out=np.full(size, np.inf), where=at_peak > 0)
    return null[:, :2], full, std_err, statistic, rao


@dataclass(frozen=True, eq=False)
class _Known:
    """Findings of those followed."""

    sets: RiskSets
    risk: Floats
    carried: Floats
    tested: Floats

    def four_kinds(self, first: Integers, second: Integers) -> FourKinds:
        a, b = self.carried[:, first], self.carried[:, second]
        tested_a, tested_b = self.tested[:, first], self.tested[:, second]
        both, with_a, with_b = a * b, a * tested_b, b * tested_a
        everybody = tested_a * tested_b
        if everybody.all():
            everybody = everybody[:, :1]
        n, n_a, n_b, n_ab = (
            self.sets.sum_at_risk(self.risk, Covariates.plain(rows))
            for rows in (everybody, with_a, with_b, both)
        )
        dead = self.sets.died
        return FourKinds(
            deaths=self.sets.sum_of_dead(np.ones(len(self.risk)), Covariates.plain(everybody)),
            dead=np.stack([rows[dead].sum(axis=0) for rows in (with_a, with_b, both)]),
            neither=n - n_a - n_b + n_ab,
            only_a=n_a - n_ab,
            only_b=n_b - n_ab,
            both=n_ab,
        )


@dataclass(frozen=True, eq=False)
class FourKinds:
    """Sums over the risk sets (K, P) of some pairs, and their deaths.

    Attributes:
        deaths: (K, P) or (K, 1) at each event time.
        dead: (3, P) in all, with the first, the second, both.
        neither: (K, P) risk of patients with neither alteration.
        only_a: with the first alone.
        only_b: with the second alone.
        both: with both.
    """

    deaths: Floats
    dead: Floats
    neither: Floats
    only_a: Floats
    only_b: Floats
    both: Floats

    def fit(self, effects: Floats, *, product: bool, settled: float) -> Floats:
        """(P, 3) effects by Newton's method, the product's held at its start unless asked for."""
        for _ in range(MOST_STEPS):
            score, curve = self.derivatives(effects, product=product)
            step = _step(score, curve, product=product)
            gain = np.einsum("ip,pi->p", score, step)
            step = np.clip(step, -LONGEST, LONGEST)
            effects = np.clip(effects + step, -FARTHEST, FARTHEST)
            if gain.max(initial=0.0) < settled:
                break
        return effects

    def gain(self, null: Floats, settled: float) -> tuple[Floats, Floats]:
        """Effects (P, 3) with the product, and twice the log-likelihood gained over those without.

        NaN where the product carries no information of its own.
        """
        score, curve = self.derivatives(null)
        known = _product(curve, score)[0] > 0
        full = self.fit(null, product=True, settled=settled)
        statistic = 2 * (self.log_likelihood(full) - self.log_likelihood(null))
        return full, np.where(known, np.maximum(statistic, 0.0), np.nan)

    def log_likelihood(self, effects: Floats) -> Floats:
        """(P,) log partial likelihoods."""
        total = self._total(effects)[0]
        gained = np.einsum("ip,pi->p", self.dead, effects)
        return np.asarray(gained - (self.deaths * np.log(total)).sum(axis=0))

    def derivatives(self, effects: Floats, *, product: bool = True) -> tuple[Floats, Floats]:
        """Score (3, P) and information (6, P): aa, bb, ab, az, bz, zz with z the product.

        Without the product its own parts (az, bz, zz) are left out.
        """
        total, share_a, share_b, share = self._total(effects)
        share /= total
        share_a /= total
        share_a += share
        share_b /= total
        share_b += share
        with_a, with_b, with_both = (self.deaths * part for part in (share_a, share_b, share))
        a, b, z = (part.sum(axis=0) for part in (with_a, with_b, with_both))
        curve = [a - _dot(with_a, share_a), b - _dot(with_b, share_b), z - _dot(with_a, share_b)]
        if product:
            curve += [z - _dot(with_both, part) for part in (share_a, share_b, share)]
        return self.dead - np.stack([a, b, z]), np.stack(curve)

    def _total(self, effects: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """(K, P) risk of all, of those with the first alone, the second alone, both."""
        a, b, z = np.exp(effects.T)
        share_a, share_b, share = self.only_a * a, self.only_b * b, self.both * (a * b * z)
        total = self.neither + share_a
        total += share_b
        total += share
        np.maximum(total, np.finfo(np.float64).tiny, out=total)
        return total, share_a, share_b, share


def _dot(left: Floats, right: Floats) -> Floats:
    """(P,) sums over the event times of products (K, P)."""
    return np.asarray(np.einsum("kp,kp->p", left, right))


def _step(score: Floats, curve: Floats, *, product: bool) -> Floats:
    """(P, 3) Newton steps."""
    u, v, _ = score
    if not product:
        return _with_zero(_solve(curve, u, v))
    variance, left = _product(curve, score)
    step = np.divide(left, variance, out=np.zeros_like(left), where=variance > 0)
    return np.column_stack([_solve(curve, u - curve[3] * step, v - curve[4] * step), step])


def _product(curve: Floats, score: Floats) -> tuple[Floats, Floats]:
    """(P,) information on the product and its score, the two effects being estimated.

    The information is zero where the product follows from the effects.
    """
    aa, bb, _, az, bz, own = curve
    slope = _solve(curve, az, bz)
    variance = own - slope[:, 0] * az - slope[:, 1] * bz
    sound = (variance > 1e-8 * own) & (own > NOTHING) & (np.minimum(aa, bb) > NOTHING)
    left = score[2] - slope[:, 0] * score[0] - slope[:, 1] * score[1]
    return np.where(sound, variance, 0.0), left


def _solve(curve: Floats, u: Floats, v: Floats) -> Floats:
    """(P, 2) solutions of the systems [[aa, ab], [ab, bb]]; zero where singular."""
    aa, bb, ab = curve[:3]
    determinant = aa * bb - ab**2
    sound = determinant > 1e-10 * np.maximum(aa * bb, NOTHING)
    safe = np.where(sound, determinant, 1.0)
    both = np.stack([bb * u - ab * v, aa * v - ab * u], axis=1) / safe[:, None]
    return np.where(sound[:, None], both, 0.0)
