"""Groups of covariates whose effects are drawn from one normal distribution each.

The effects of a group are its mean plus independent deviations of one variance. A flat prior on the
mean leaves a quadratic penalty on the deviations from the group's average alone, so that the means
need no columns of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which of p covariates belong to which of q groups.

    Attributes:
        names: (q,) of the groups.
        code: (p,) the group of each covariate; -1 where its effect is not shrunk.
        centred: (q,) whether a group's mean is estimated; otherwise it is zero.
    """

    names: tuple[str, ...]
    code: Integers
    centred: Flags

    @cached_property
    def members(self) -> tuple[Integers, ...]:
        """The positions of each group's covariates."""
        return tuple(np.flatnonzero(self.code == group) for group in range(len(self.names)))

    @cached_property
    def size(self) -> Integers:
        """(q,) covariates per group."""
        return np.array([len(mine) for mine in self.members], dtype=np.intp)

    @property
    def dimension(self) -> Integers:
        """(q,) directions in which a group is shrunk: one less where its mean is estimated."""
        return self.size - self.centred

    def means(self, beta: Floats) -> Floats:
        """(q,) the mean of each group, given effects (p,)."""
        means = np.array([beta[mine].mean() if len(mine) else 0.0 for mine in self.members])
        return np.where(self.centred, means, 0.0)

    def squares(self, beta: Floats) -> Floats:
        """(q,) sums of squared deviations of effects (p,) from their group's mean."""
        means = self.means(beta)
        pairs = zip(self.members, means, strict=True)
        return np.array([np.sum((beta[mine] - mean) ** 2) for mine, mean in pairs])

    def traces(self, covariance: Floats) -> Floats:
        """(q,) total variance of these deviations under a covariance (p, p) of the effects."""
        blocks = [covariance[np.ix_(mine, mine)] for mine in self.members]
        shift = [block.mean() * len(block) if len(block) else 0.0 for block in blocks]
        total = np.array([np.trace(block) for block in blocks])
        return total - np.where(self.centred, shift, 0.0)

    def penalty(self, variances: Floats) -> Floats:
        """(p, p) the precision of the effects, given the groups' variances (q,)."""
        precision = np.zeros((len(self.code), len(self.code)))
        for mine, centred, variance in zip(self.members, self.centred, variances, strict=True):
            shrunk = np.eye(len(mine)) - (1 / len(mine) if centred and len(mine) else 0.0)
            precision[np.ix_(mine, mine)] = shrunk / variance
        return precision

    def about_known_means(self) -> Blocks:
        """The same groups with means that are taken as known."""
        return Blocks(self.names, self.code, np.zeros_like(self.centred))
