"""What agreement is worth: Fellegi–Sunter weights, learnt from the pairs themselves.

Each part of an identity agrees with probability m in two records of one person and u in records of
two people; log₂(m/u) is its weight (Fellegi & Sunter 1969, doi:10.1080/01621459.1969.10501049).
Nobody labels pairs here. Among pairs with the same date of birth, true pairs and strangers who
share it are both frequent, and whether names, homes and numbers agree is nearly independent given
which of the two they are: a mixture whose parts the EM algorithm finds (Winkler 1988; Jaro 1989,
doi:10.1080/01621459.1989.10478785). For the date itself, u is counted and m is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haemony.privacy.linkage.comparison import LEVELS, MISSING, Born, Compared
from haemony.privacy.linkage.encoding import Encodings
from haemony.privacy.linkage.parameters import Token

Floats = NDArray[np.float64]

LEARNT = ("sex", "given", "family", "home", "number")
"""Parts whose probabilities are learnt."""

BORN_M = (0.001, 0.004, 0.010, 0.002, 0.983)
"""How dates of birth of one person agree, by :class:`Born`: assumed, three times the errors that
Cardinal et al. 2023 (doi:10.1186/s12911-023-02176-6) measured."""

ONE_PART_DATES = 57
"""Dates that differ from one in a part so that a face survives: 30 days, 11 months, 16 years."""

DATES_OF_A_YEAR = 365

SWAPPED_DATES = 132 / 365
"""Share of dates whose day and month can be swapped to give another date."""

FEWEST_MATCHES = 30
"""Expected true pairs below which nothing is learnt and the default weights count."""

_ROUNDS, _SMALL, _PRIOR = 500, 1e-7, 0.5

_DEFAULT_M = {
    "sex": (0.005, 0.995),
    "given": (0.010, 0.010, 0.030, 0.950),
    "family": (0.045, 0.015, 0.030, 0.910),
    "home": (0.200, 0.150, 0.650),
    "number": (0.050, 0.950),
}
_DEFAULT_U = {
    "sex": (0.500, 0.500),
    "given": (0.880, 0.090, 0.020, 0.010),
    "family": (0.920, 0.070, 0.007, 0.003),
    "home": (0.979, 0.018, 0.003),
    "number": (0.999999, 0.000001),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Probabilities of every level of agreement, in one person's pairs and in strangers'.

    Attributes:
        m: By part, the probability of each level in two records of one person.
        u: The same for two people.
        prior: Share of true pairs among all pairs.
        learnt: Whether the pairs taught them; else they are the defaults.
    """

    m: Compared
    u: Compared
    prior: float
    learnt: bool

    def score(self, compared: Compared) -> Floats:
        """The weight of every pair in bits: the sum over parts of log₂(m/u), missing ones 0."""
        total = np.zeros(len(compared.born))
        for levels, m, u in zip(compared, self.m, self.u, strict=True):
            table = np.append(np.log2(np.asarray(m) / np.asarray(u)), 0.0)
            total += table[np.where(levels == MISSING, len(m), levels)]
        return total

    def probability(self, score: Floats) -> Floats:
        """The probability that a pair of that weight is one person, given the share of such."""
        odds = np.log2(self.prior / (1 - self.prior)) + score
        return np.asarray(1 / (1 + np.exp2(-np.clip(odds, -500, 500))))


class Patterns:
    """How often each pattern of agreement occurred among pairs with the same date of birth."""

    def __init__(self) -> None:
        self._shape = tuple(getattr(LEVELS, part) + 1 for part in LEARNT)
        self.counts = np.zeros(self._shape, np.int64)

    def add(self, compared: Compared) -> None:
        """Count the patterns of some pairs."""
        same = compared.born == Born.SAME
        levels = [getattr(compared, part)[same].astype(np.int64) + 1 for part in LEARNT]
        flat = np.ravel_multi_index(levels, self._shape)
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self._shape)


def born_by_chance(left: Encodings, right: Encodings | None) -> float:
    """The share of pairs with the same date of birth, counted from the tokens.

    Args:
        left: One source.
        right: The other one; None for pairs within one.
    """
    one = left.tokens[:, Token.BORN.value]
    values, counts = np.unique(one[one != 0], return_counts=True)
    if right is None:
        pairs, equal = counts.sum() * (counts.sum() - 1), (counts * (counts - 1)).sum()
    else:
        other = right.tokens[:, Token.BORN.value]
        others, more = np.unique(other[other != 0], return_counts=True)
        _, first, second = np.intersect1d(values, others, return_indices=True)
        pairs, equal = counts.sum() * more.sum(), (counts[first] * more[second]).sum()
    return float(np.clip(equal / pairs if pairs else 0.0, 1e-7, 0.1))


def default(chance: float, pairs: int, expected: float) -> Weights:
    """Weights that nothing was learnt for.

    Args:
        chance: Share of pairs with the same date of birth.
        pairs: All pairs.
        expected: True pairs to be expected.
    """
    prior = min(max(expected, 1.0) / max(pairs, 2), 0.5)
    return _complete(_DEFAULT_M, _DEFAULT_U, chance, prior, learnt=False)


def learn(patterns: Patterns, chance: float, pairs: int) -> Weights:
    """Learn weights from the patterns of pairs with the same date of birth.

    With fewer than 30 true pairs to be expected, the defaults are used.

    Args:
        patterns: What was seen.
        chance: Share of pairs with the same date of birth.
        pairs: All pairs of the two sources.
    """
    seen = np.argwhere(patterns.counts > 0)
    counts = patterns.counts[patterns.counts > 0].astype(np.float64)
    if counts.sum() < FEWEST_MATCHES:
        return default(chance, pairs, counts.sum())
    m, u = _start(_DEFAULT_M), _start(_DEFAULT_U)
    share = 0.05
    for _ in range(_ROUNDS):
        one = share * _likelihood(seen, m)
        two = (1 - share) * _likelihood(seen, u)
        true = counts * one / (one + two)
        before, share = share, float(true.sum() / counts.sum())
        m, u = _shares(seen, true), _shares(seen, counts - true)
        if abs(share - before) < _SMALL * share:
            break
    matches = share * counts.sum()
    if matches < FEWEST_MATCHES or not _told_apart(m, u):
        return default(chance, pairs, matches)
    prior = min(matches / BORN_M[Born.SAME] / pairs, 0.5)
    return _complete(_named(m), _named(u), chance, prior, learnt=True)


def _start(probabilities: dict[str, tuple[float, ...]]) -> list[Floats]:
    return [np.array(probabilities[part]) for part in LEARNT]


def _likelihood(seen: NDArray[np.int64], probabilities: list[Floats]) -> Floats:
    """Probability of every pattern; a missing part (position 0) says nothing."""
    total = np.ones(len(seen))
    for column, own in enumerate(probabilities):
        total *= np.concatenate([[1.0], own])[seen[:, column]]
    return total


def _shares(seen: NDArray[np.int64], weights: Floats) -> list[Floats]:
    """Shares of the levels among weighted patterns, half a pair added to each level."""
    found = []
    for column, part in enumerate(LEARNT):
        size = getattr(LEVELS, part)
        count = np.bincount(seen[:, column], weights, minlength=size + 1)[1:] + _PRIOR
        found.append(count / count.sum())
    return found


def _told_apart(m: list[Floats], u: list[Floats]) -> bool:
    """Whether the first class is the one whose names agree."""
    names = [LEARNT.index(part) for part in ("given", "family")]
    return all(m[i][-1] > 0.5 and u[i][-1] < 0.5 for i in names)


def _named(probabilities: list[Floats]) -> dict[str, tuple[float, ...]]:
    return {
        part: tuple(float(p) for p in own) for part, own in zip(LEARNT, probabilities, strict=True)
    }


def _complete(
    m: dict[str, tuple[float, ...]],
    u: dict[str, tuple[float, ...]],
    chance: float,
    prior: float,
    *,
    learnt: bool,
) -> Weights:
    """Put the date of birth beside what was learnt."""
    differs, swapped = ONE_PART_DATES * chance, SWAPPED_DATES * chance
    year = DATES_OF_A_YEAR * chance
    rest = max(1 - year - differs - swapped - chance, 1e-3)
    born_u = (rest, year, differs, swapped, chance)
    return Weights(
        Compared(born=BORN_M, **m),  # type: ignore[arg-type]
        Compared(born=born_u, **u),  # type: ignore[arg-type]
        prior,
        learnt,
    )
