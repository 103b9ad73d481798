"""Finds effects and the variances of their groups together.

Effects climb the penalised partial likelihood by Newton's method; after each step the variance of
each group becomes its squared deviations divided by the degrees of freedom that the data have used
on them. The fixed points are those of the EM algorithm, which divides the expected squares by the
group's size (Schall R (1991) Estimation in generalized linear models with random effects.
Biometrika 78:719-727), but a variance that tends to zero gets there in few steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from haemony.analysis.random_effects.blocks import Blocks
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.regression.newton import check_independent, inverse, solve
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood
from haemony.analysis.survival.regression.scaled import Scaled

Estimator = Literal["reml", "ml", "blup"]

MOST_ROUNDS = 300
MOST_HALVINGS = 30
STEADY = 1e-7
CONVERGED = 1e-20
SETTLED = 1e-6
STILL_MOVING = 0.1
FARTHEST = 200.0
LEAST_VARIANCE = 1e-6
FIRST_VARIANCE = 0.1
TOGETHER = 60
"""Rounds after which the slowest variance alone is moved, which the others then follow."""
FAR_DOWN = -0.5
"""A variance that should fall so far yet, in logarithms, tends to zero."""
TURN = 8
"""So many rounds are given to the others each time."""


@dataclass(frozen=True, eq=False)
class Shrinkage:
    """How the variances of q groups are found.

    Attributes:
        estimator: "reml" allows for the estimation of the means, "ml" takes them as known, "blup"
            ignores the uncertainty of the effects.
        fixed: (q,) variances that are given; NaN where they are estimated.
        prior_df: weight of the prior variance, in degrees of freedom (scaled inverse chi-squared).
        prior_variance: what the variances are thought to be.
    """

    estimator: Estimator
    fixed: Floats
    prior_df: float
    prior_variance: float

    def __post_init__(self) -> None:
        if self.estimator not in get_args(Estimator):
            raise BadCovariate(
                "estimator",
                reason="is not a known estimator of variances",
                remedy=f"choose one of {', '.join(get_args(Estimator))}",
            )
        if not (self.fixed[~np.isnan(self.fixed)] > 0).all():
            raise BadCovariate(
                "variances",
                reason="are not all positive",
                remedy="give positive numbers; infinity means no shrinkage",
            )
        if not (0 <= self.prior_df < np.inf and 0 < self.prior_variance < np.inf):
            raise BadCovariate(
                "prior_df and prior_variance",
                reason="are not a prior",
                remedy="give degrees of freedom of at least 0 and a positive variance",
            )


@dataclass(frozen=True, eq=False)
class Posterior:
    """The effects given the data and the variances.

    Attributes:
        beta: (p,) their mode.
        variances: (q,) of the groups.
        information: (p, p) of the data alone, at the mode.
        penalty: (p, p) precision that the groups add.
        moments: the likelihood at the mode.
        start: the log-likelihood at effects zero.
        runaway: (p,) effects that grow without bound.
        rounds: steps taken.
        converged: whether effects and variances have settled.
    """

    beta: Floats
    variances: Floats
    information: Floats
    penalty: Floats
    moments: Moments
    start: float
    runaway: Flags
    rounds: int
    converged: bool

    @property
    def penalised(self) -> float:
        """The log partial likelihood less the penalty, at the mode."""
        return _height(self.moments, self.beta, self.penalty)


@dataclass(frozen=True, eq=False)
class _State:
    beta: Floats
    here: Moments
    information: Floats


def shrink(scaled: Scaled, blocks: Blocks, how: Shrinkage, names: Sequence[str]) -> Posterior:
    """Find effects and variances.

    At first all variances are hurried every third round. One that tends to zero can still creep
    when the others stand: it slows down as it falls. Then it is put to zero once, and rises again
    if the data ask for it.

    Args:
        scaled: the likelihood of covariates divided by their scale; effects are per unit of the
            scaled one, variances those of effects per unit of the original.
        blocks: the groups of the covariates.
        how: which variances are estimated, and by what.
        names: (p,) of the covariates.

    Raises:
        CollinearCovariates: effects that are not shrunk cannot be told apart.
    """
    likelihood, scale = scaled.partial, scaled.scale
    free = np.isnan(how.fixed) & (blocks.dimension > 0)
    variances = np.where(blocks.dimension > 0, how.fixed, np.inf)
    variances[free] = how.prior_variance if how.prior_df else FIRST_VARIANCE
    beta = np.zeros(len(names))
    here = likelihood.at(beta)
    state = _State(beta, here, here.information())
    check_independent(state.information + _penalty(blocks, variances, scale), names)
    rounds, before, steady = 0, np.zeros(len(variances)), not free.any()
    dropped = np.zeros(len(variances), dtype=bool)
    for rounds in range(1, MOST_ROUNDS + 1):
        if steady:
            break
        state, gain = _step(likelihood, state, _penalty(blocks, variances, scale))
        wanted = _wanted(blocks, how, variances, state, scale)
        change = np.log(np.where(free, wanted, 1.0)) - np.log(np.where(free, variances, 1.0))
        moving = np.where(free & (variances > LEAST_VARIANCE), np.abs(change), 0.0)
        steady = gain < SETTLED and bool((moving < STEADY).all())
        if rounds <= TOGETHER:
            change = _hurried(change, before, 0.95) if rounds % 3 == 0 else change
        elif rounds % TURN == 0:
            slowest = moving == moving.max(initial=0.0)
            change = np.where(slowest, _hurried(change, before, 0.9995), change)
            falling = slowest & (change < FAR_DOWN) & ~dropped
            change[falling] = np.log(LEAST_VARIANCE / variances[falling])
            dropped |= falling
        before = change
        variances = np.where(
            free, np.maximum(variances * np.exp(change), LEAST_VARIANCE), variances
        )
    return _settle(scaled, state, blocks, variances, here.log_likelihood, rounds, steady)


def _settle(
    scaled: Scaled,
    state: _State,
    blocks: Blocks,
    variances: Floats,
    start: float,
    rounds: int,
    steady: bool,
) -> Posterior:
    """Climb to the mode, the variances being what they are."""
    penalty = _penalty(blocks, variances, scaled.scale)
    gain = np.inf
    for _ in range(MOST_ROUNDS):
        following, gain = _step(scaled.partial, state, penalty)
        rounds += 1
        stuck = following.beta is state.beta
        if gain < CONVERGED * max(1.0, abs(state.here.log_likelihood)) or stuck:
            break
        step, state = following.beta - state.beta, following
        if gain < SETTLED and (np.abs(step) * scaled.span > STILL_MOVING).any():
            break
    last = solve(state.information + penalty, state.here.score() - penalty @ state.beta)
    runaway = np.abs(last) * scaled.span > STILL_MOVING
    return Posterior(
        beta=state.beta,
        variances=variances,
        information=state.information,
        penalty=penalty,
        moments=state.here,
        start=start,
        runaway=runaway,
        rounds=rounds,
        converged=steady and gain < SETTLED and not runaway.any(),
    )


def _penalty(blocks: Blocks, variances: Floats, scale: Floats) -> Floats:
    return np.asarray(blocks.penalty(variances) / np.outer(scale, scale))


def _height(here: Moments, beta: Floats, penalty: Floats) -> float:
    return here.log_likelihood - 0.5 * float(beta @ penalty @ beta)


def _step(likelihood: PartialLikelihood, state: _State, penalty: Floats) -> tuple[_State, float]:
    """One Newton step, halved until it does not lead down, and the gain that it promised."""
    uphill = state.here.score() - penalty @ state.beta
    step = solve(state.information + penalty, uphill)
    gain = float(uphill @ step)
    height = _height(state.here, state.beta, penalty)
    height -= 1e-12 * abs(height)
    for halving in range(MOST_HALVINGS):
        beta = state.beta + step / 2**halving
        if np.abs(likelihood.x @ beta).max(initial=0.0) > FARTHEST:
            continue
        there = likelihood.at(beta)
        if _height(there, beta, penalty) >= height:
            return _State(beta, there, there.information()), gain
    return state, gain


def _wanted(
    blocks: Blocks, how: Shrinkage, variances: Floats, state: _State, scale: Floats
) -> Floats:
    """(q,) the variances that follow from the effects as they are."""
    squares = blocks.squares(state.beta / scale)
    if how.estimator == "blup":
        used = np.maximum(blocks.dimension, 1).astype(np.float64)
    else:
        about = blocks if how.estimator == "reml" else blocks.about_known_means()
        precision = state.information + _penalty(about, variances, scale)
        spread = about.traces(inverse(precision) / np.outer(scale, scale))
        with np.errstate(invalid="ignore"):
            used = np.maximum(about.dimension - spread / variances, 1e-12)
    wanted = (squares + how.prior_df * how.prior_variance) / (used + how.prior_df)
    return np.asarray(np.maximum(wanted, LEAST_VARIANCE**2))


def _hurried(change: Floats, before: Floats, most: float) -> Floats:
    """Where a sequence of ever smaller changes will lead (Aitken), their ratio capped."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(before == 0, 0.0, change / before)
    return np.asarray(np.clip(change / (1 - np.clip(ratio, 0.0, most)), -3.0, 3.0))
