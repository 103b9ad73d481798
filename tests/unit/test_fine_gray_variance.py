"""The variance of Fine and Gray's model with censoring by group, against loops over the paper.

Fine JP, Gray RJ (1999) A proportional hazards model for the subdistribution of a competing risk.
JASA 94:496-509, section 3.3. A patient's share of the score is eta, from the model, and psi, from
the estimate of G, which each group of censoring has for itself:

    psi_i = the integral over u of q(u) / Y(u) dM_i(u), M_i the martingale of i's censoring,
    q(u)  = the sum over j, with a competing event before u, of the integral over s >= u of
            (z_j - mean z(s)) w_j(s) exp(z_j beta) dL(s),

where Y counts those at risk of censoring and j runs over i's group, as the weights w_j rest on the
G of that group alone. The baseline hazard L is that of all patients, so an event of any group is
an increment of it. `cmprsk::crr(cengroup=)` counts the events of the same group alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from haemony.analysis.survival import Surv, fine_gray
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers

Increments = Literal["all events", "events of the group"]
TIMES = np.array([3, 5, 6, 8, 9, 11, 13, 14, 17, 18, 20, 23, 25, 26, 30, 31], dtype=np.float64)
KINDS = np.array([2, 2, 1, 0, 2, 0, 1, 2, 0, 1, 2, 0, 1, 1, 0, 1])
GROUPS = np.array([1, 2, 1, 1, 2, 2, 2, 1, 2, 1, 1, 1, 2, 1, 1, 2])
X = np.array([0.3, 1.2, -0.4, 0.9, -1.1, 0.2, 1.5, -0.7, 0.0, 0.8, -0.2, 1.1, -1.3, 0.6, -0.5, 0.4])
CRR = 0.312506621283757


class Loops:
    """Fine and Gray's quantities at one coefficient, by their definitions."""

    def __init__(
        self, time: Floats, kind: Integers, group: Integers, x: Floats, weight: Floats
    ) -> None:
        self.time, self.kind, self.group, self.x, self.case = time, kind, group, x, weight
        self.events = np.unique(time[kind == 1])
        self.w = np.array([[self.fading(i, s) for s in self.events] for i in range(len(time))])

    def uncensored(self, s: float, group: int) -> float:
        """G(s-) of a group, by Kaplan and Meier; 0 after its last follow-up."""
        mine = self.group == group
        if s > self.time[mine].max():
            return 0.0
        kept = 1.0
        for u in np.unique(self.time[mine & (self.kind == 0) & (self.time < s)]):
            gone = self.case[mine & (self.time == u) & (self.kind == 0)].sum()
            kept *= 1 - gone / self.case[mine & (self.time >= u)].sum()
        return kept

    def fading(self, i: int, s: float) -> float:
        """The weight of a patient in the risk set of an event time."""
        if self.time[i] >= s:
            return 1.0
        if self.kind[i] != 2:
            return 0.0
        group = int(self.group[i])
        return self.uncensored(s, group) / self.uncensored(float(self.time[i]), group)

    def means(self, beta: float) -> tuple[Floats, Floats, Floats]:
        """At each event time the weighted risk set, its mean and variance of x."""
        risk = (self.case * np.exp(beta * self.x))[:, None] * self.w
        total = risk.sum(axis=0)
        mean = self.x @ risk / total
        return total, mean, self.x**2 @ risk / total - mean**2

    def dying(self, group: int | None = None) -> Floats:
        """The weight of events at each event time, of all patients or of one group."""
        mine = np.ones(len(self.time), dtype=bool) if group is None else self.group == group
        died = mine & (self.kind == 1)
        return np.array([self.case[died & (self.time == s)].sum() for s in self.events])

    def coefficient(self) -> float:
        """The maximum, by Newton's steps."""
        beta = 0.0
        for _ in range(50):
            _, mean, spread = self.means(beta)
            own = self.case[self.kind == 1] @ self.x[self.kind == 1]
            beta += (own - self.dying() @ mean) / (self.dying() @ spread)
        return float(beta)

    def influence(
        self, beta: float, increments: Increments = "all events", *, after: bool = False
    ) -> Floats:
        """(n,) how far each patient moves the coefficient; `after`: Y without the censored."""
        total, mean, spread = self.means(beta)
        shares = [
            self.eta(i, beta, total, mean) + self.psi(i, beta, total, mean, increments, after)
            for i in range(len(self.time))
        ]
        return np.array(shares) / (self.dying() @ spread)

    def eta(self, i: int, beta: float, total: Floats, mean: Floats) -> float:
        """The share of the model: (x - mean) dN less what was expected."""
        lived = np.exp(beta * self.x[i]) * self.w[i] * self.dying() / total
        own = self.x[i] - mean[self.events == self.time[i]].sum() if self.kind[i] == 1 else 0.0
        return float(own - (self.x[i] - mean) @ lived)

    def psi(
        self, i: int, beta: float, total: Floats, mean: Floats, increments: Increments, after: bool
    ) -> float:
        """The share of the estimate of G in the patient's group."""
        mine, share = self.group == self.group[i], 0.0
        for u in np.unique(self.time[mine & (self.kind == 0) & (self.time <= self.time[i])]):
            gone = np.count_nonzero(mine & (self.time == u) & (self.kind == 0))
            at_risk = np.count_nonzero(mine & (self.time >= u))
            pull = self.pull(float(u), mine, beta, total, mean, increments)
            base = at_risk - gone if after else at_risk
            if base:
                own = float(self.kind[i] == 0 and self.time[i] == u)
                share += pull / base * (own - gone / at_risk)
        return share

    def pull(
        self,
        u: float,
        mine: Flags,
        beta: float,
        total: Floats,
        mean: Floats,
        increments: Increments,
    ) -> float:
        """q(u) of a group."""
        counted = self.dying(None if increments == "all events" else int(self.group[mine][0]))
        ahead = self.events >= u
        return float(
            sum(
                ((self.x[j] - mean) * self.w[j] * np.exp(beta * self.x[j]) * counted / total)[
                    ahead
                ].sum()
                for j in np.flatnonzero(mine & (self.kind == 2) & (self.time < u))
            )
        )


def fitted(time: Floats, kind: Integers, group: Integers, x: Floats) -> tuple[float, float]:
    """Our coefficient and its variance."""
    response = Surv.right(time, kind, states=("1", "2"))
    fit = fine_gray(response, covariates=x, censoring_by=group)
    return float(fit.coefficients[0]), float(fit.covariance[0, 0])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_the_variance_is_that_of_the_paper(groups: int, tied: bool) -> None:
    """Loops over patients, event times and censored times give the same, whatever the groups."""
    rng = np.random.default_rng(10 * groups + tied)
    group = rng.integers(1, groups + 1, 40)
    x = rng.normal(size=40)
    time, censored = rng.exponential(np.exp(-x / 2)), rng.exponential(2.0 / group)
    kind = np.where(censored < time, 0, rng.integers(1, 3, 40))
    time = np.minimum(time, censored)
    time = np.ceil(8 * time) if tied else time
    loops = Loops(time, kind, group, x, np.ones(40))

    coefficient, variance = fitted(time, kind, group, x)

    assert coefficient == pytest.approx(loops.coefficient(), abs=1e-8)
    assert variance == pytest.approx(np.sum(loops.influence(coefficient) ** 2), rel=1e-9)


def test_the_groups_of_the_formula_are_those_of_the_derivative() -> None:
    """With Greenwood's risk sets it is what each patient's weight does to the estimate, exactly."""
    ones = np.ones(len(TIMES))
    loops = Loops(TIMES, KINDS, GROUPS, X, ones)
    step, moved = 1e-5, []
    for row in np.eye(len(TIMES)):
        up, down = (
            Loops(TIMES, KINDS, GROUPS, X, ones + side * step * row).coefficient()
            for side in (1, -1)
        )
        moved.append((up - down) / (2 * step))

    exact = loops.influence(loops.coefficient(), after=True)

    assert exact == pytest.approx(np.array(moved), abs=1e-8)


def test_crr_counts_the_events_of_the_same_group_alone() -> None:
    """R's figure is that of the loops with this one change, and is not ours.

    crr(time, kind, x, cengroup = group, gtol = 1e-13, maxiter = 200)$var
    """
    loops = Loops(TIMES, KINDS, GROUPS, X, np.ones(len(TIMES)))

    coefficient, variance = fitted(TIMES, KINDS, GROUPS, X)
    as_in_r = np.sum(loops.influence(loops.coefficient(), "events of the group") ** 2)

    assert as_in_r == pytest.approx(CRR, rel=1e-10)
    assert variance == pytest.approx(np.sum(loops.influence(coefficient) ** 2), rel=1e-9)
    assert abs(variance / CRR - 1) > 1e-3
