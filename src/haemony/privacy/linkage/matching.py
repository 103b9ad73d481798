"""Link two sources, or find duplicates in one: same, to be reviewed, or different.

The trustee does this with encodings alone. What is *same* is merged by whoever asked; what is to be
*reviewed* goes back to the partners, who alone can look at names. Every other pair is *different*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from haemony.privacy.linkage.blocking import LARGEST_BLOCK, Blocks, Rows
from haemony.privacy.linkage.comparison import Compared, compare
from haemony.privacy.linkage.encoding import Encodings
from haemony.privacy.linkage.weights import Patterns, Weights, born_by_chance, learn


class Reason(Enum):
    """Why a pair is put before people."""

    UNSURE = "too much differs to be sure"
    GIVEN_NAME = "all but the given name agrees: twins, or one person"
    RIVAL = "one of the two has a better partner"
    NUMBER = "the number agrees, the rest does not"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which a pair is taken for one person, or put before people.

    Attributes:
        same: From here it is one person: by default, when that is likelier than not.
        review: From here it is reviewed.
        largest_block: Pairs of one block beyond which it is skipped.
    """

    same: float = 0.50
    review: float = 0.05
    largest_block: int = LARGEST_BLOCK


@dataclass(frozen=True, slots=True)
class Counts:
    """What was compared, and what came of it.

    Attributes:
        left: Records of the first source.
        right: Records of the second one; 0 when duplicates in one were sought.
        candidates: Pairs that share a token and were compared.
        same: Pairs taken for one person.
        review: Pairs to be reviewed.
        different: Compared pairs that are neither.
        skipped_blocks: Blocks that were too large for one of the tokens.
        skipped_pairs: Pairs in them, unless another token brought them together.
    """

    left: int
    right: int
    candidates: int
    same: int
    review: int
    different: int
    skipped_blocks: int
    skipped_pairs: int


@dataclass(frozen=True)
class Linkage:
    """The outcome of one linkage.

    Attributes:
        same: Pairs taken for one person: ``left`` and ``right`` (rows), ``weight`` (bits),
            ``probability``; sorted by rows.
        review: Pairs to be reviewed, the same columns and ``reason``, likeliest first.
        counts: How many of what.
        weights: The weights used; give them on to decide later contributions alike.
    """

    same: pl.DataFrame
    review: pl.DataFrame
    counts: Counts
    weights: Weights


@dataclass(frozen=True, slots=True)
class Candidates:
    """Compared pairs that are worth deciding on, and what was seen in all of them.

    Attributes:
        rows: Rows of the first source.
        others: Rows of the second one.
        compared: Their levels.
        patterns: Patterns of all pairs with the same date of birth.
        seen: All pairs that were compared.
    """

    rows: Rows
    others: Rows
    compared: Compared
    patterns: Patterns
    seen: int

    @classmethod
    def of(cls, chunks: Iterable[tuple[Rows, Rows, Compared]]) -> Candidates:
        """Gather chunks of compared pairs; those without any name in common are only counted."""
        patterns, seen = Patterns(), 0
        parts: list[tuple[NDArray[np.generic], ...]] = []
        for rows, others, compared in chunks:
            patterns.add(compared)
            seen += rows.size
            kept = (compared.given > 0) | (compared.family > 0) | (compared.number > 0)
            parts.append((rows[kept], others[kept], *(part[kept] for part in compared)))
        if not parts:
            none = np.zeros(0, np.int64)
            nothing = Compared(*(np.zeros(0, np.int8),) * len(Compared._fields))
            return cls(none, none, nothing, patterns, seen)
        rows, others, *levels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(rows, others, Compared(*levels), patterns, seen)


def link(
    left: Encodings,
    right: Encodings,
    *,
    weights: Weights | None = None,
    thresholds: Thresholds | None = None,
) -> Linkage:
    """Find the people that two sources have in common.

    Each source is taken to have each person once (:func:`deduplicate` tells), so that of several
    likely partners only the best is *same*; the others are reviewed.

    Args:
        left: First source.
        right: Second source, encoded under the same key and parameters.
        weights: Weights to decide by; learnt from the pairs when left out.
        thresholds: Where *same* and *review* begin, and the limit of a block.

    Raises:
        Incomparable: When keys or parameters differ.

    Example:
        >>> from haemony.privacy.linkage import Identity, LinkageKey, encode
        >>> key = LinkageKey.draw()
        >>> def person(family: str) -> Identity:
        ...     born = BirthDate(1957, 3, 12)
        ...     return Identity("Jördis", family, born=born, postcode="69120")
        >>> from haemony.privacy.linkage import BirthDate
        >>> here, there = encode([person("Qualmert")], key), encode([person("Qalmert")], key)
        >>> link(here, there).same.select("left", "right").rows()
        [(0, 0)]
    """
    thresholds = thresholds or Thresholds()
    blocks = Blocks.between(left, right, thresholds.largest_block)
    found = Candidates.of(_compared(blocks, left, right))
    if weights is None:
        pairs = len(left) * len(right)
        weights = learn(found.patterns, born_by_chance(left, right), pairs)
    return decide(found, weights, thresholds, blocks, (len(left), len(right)))


def deduplicate(
    records: Encodings,
    *,
    weights: Weights | None = None,
    thresholds: Thresholds | None = None,
) -> Linkage:
    """Find the people that one source has more than once; :func:`group` makes groups of the pairs.

    Args:
        records: The source.
        weights: Weights to decide by; learnt from the pairs when left out.
        thresholds: Where *same* and *review* begin, and the limit of a block.
    """
    thresholds = thresholds or Thresholds()
    blocks = Blocks.inside(records, thresholds.largest_block)
    found = Candidates.of(_compared(blocks, records, records))
    if weights is None:
        pairs = len(records) * (len(records) - 1) // 2
        weights = learn(found.patterns, born_by_chance(records, None), pairs)
    return decide(found, weights, thresholds, blocks, (len(records), 0))


def link_to_held(
    held: Iterable[Encodings],
    new: Encodings,
    *,
    weights: Weights | None = None,
    thresholds: Thresholds | None = None,
) -> Iterator[Linkage]:
    """Compare a new contribution with earlier ones, one after the other.

    Only one earlier contribution is in memory at a time; give an iterator that reads them from
    disk. Each is taken to have each person once, and the same new record may be found in several.

    Args:
        held: Encodings of the earlier contributions.
        new: Encodings of the new one: ``right`` in every outcome.
        weights: Weights to decide by; learnt anew for each when left out.
        thresholds: Where *same* and *review* begin.
    """
    for earlier in held:
        yield link(earlier, new, weights=weights, thresholds=thresholds)


def group(records: int, pairs: pl.DataFrame) -> NDArray[np.int64]:
    """Put the pairs of one source together: records of one person get one number.

    Groups are closed under pairs: if A is B and B is C, then A is C, whatever A and C looked like.

    Args:
        records: Records of the source.
        pairs: ``left`` and ``right``, as in :attr:`Linkage.same`.

    Example:
        >>> group(4, pl.DataFrame({"left": [0, 1], "right": [1, 3]})).tolist()
        [0, 0, 1, 0]
    """
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    graph = coo_array((np.ones(left.size), (left, right)), shape=(records, records))
    labels = connected_components(graph, directed=False)[1]
    first = np.unique(labels, return_index=True)[1]
    return np.argsort(np.argsort(first))[labels].astype(np.int64)


def _compared(
    blocks: Blocks, left: Encodings, right: Encodings
) -> Iterator[tuple[Rows, Rows, Compared]]:
    for rows, others in blocks.pairs():
        yield rows, others, compare(left, right, rows, others)


def decide(
    found: Candidates,
    weights: Weights,
    thresholds: Thresholds,
    blocks: Blocks,
    sizes: tuple[int, int],
) -> Linkage:
    """Turn compared pairs into *same*, *review* and *different*."""
    score = weights.score(found.compared)
    probability = weights.probability(score)
    likely = probability >= thresholds.same
    given = found.compared.given == 0
    number = (found.compared.number == 1) & (probability < thresholds.review)
    same = likely & ~given
    rival = np.zeros_like(same)
    if not blocks.within:
        best = _one_to_one(found.rows, found.others, np.where(same, score, -np.inf))
        rival, same = same & ~best, best
    review = ~same & ((probability >= thresholds.review) | number)
    reasons = np.select(
        [rival, number, likely & given],
        [Reason.RIVAL.value, Reason.NUMBER.value, Reason.GIVEN_NAME.value],
        Reason.UNSURE.value,
    )
    table = pl.DataFrame(
        {
            "left": found.rows,
            "right": found.others,
            "weight": score,
            "probability": probability,
            "reason": reasons.astype(object).tolist(),
        },
        schema_overrides={"reason": pl.String},
    )
    counts = Counts(
        *sizes,
        found.seen,
        int(same.sum()),
        int(review.sum()),
        found.seen - int(same.sum()) - int(review.sum()),
        blocks.skipped_blocks,
        blocks.skipped_pairs,
    )
    return Linkage(
        table.filter(pl.Series(same)).drop("reason").sort("left", "right"),
        table.filter(pl.Series(review)).sort(
            ["weight", "left", "right"], descending=[True, False, False]
        ),
        counts,
        weights,
    )


def _one_to_one(rows: Rows, others: Rows, score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Best pairs first, each record once; equal ones in the order of rows."""
    chosen = np.zeros(rows.size, np.bool_)
    taken: set[int] = set()
    used: set[int] = set()
    for at in np.lexsort((others, rows, -score)):
        if score[at] == -np.inf:
            break
        row, other = int(rows[at]), int(others[at])
        if row not in taken and other not in used:
            taken.add(row)
            used.add(other)
            chosen[at] = True
    return chosen
