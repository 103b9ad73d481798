"""Which pairs are worth comparing, found from equal tokens alone and in bounded memory.

All pairs of two sources of 100,000 would be 10¹⁰. Only those are compared that share a token: the
number; the date of birth; on one face, how the given name or the family name sounds; or names, year
of birth and postcode, letter for letter. So a pair is missed only when the date differs in one part
and both names sound different, or in two parts and names, year or postcode are not the same.

A pair with several equal tokens is given out once, by the first. A block (all records with one
token, such as a date that stands for *unknown*) of more pairs than the limit is skipped for that
token; the other tokens still find its true pairs. The skipped blocks and pairs are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haemony.privacy.linkage.encoding import Encodings
from haemony.privacy.linkage.parameters import TOKENS, Token

PASSES = tuple(token for token in range(TOKENS) if token != Token.BORN_SEX.value)
"""The tokens that bring candidates together, in this order."""

LARGEST_BLOCK = 100_000
"""Pairs of one block beyond which it is skipped."""

CHUNK = 1 << 17
"""Pairs given out at once, about."""

Rows = NDArray[np.int64]
Tokens = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Two sides' tokens, those of skipped blocks set to none.

    Attributes:
        left: Tokens of the first side: shape (n, TOKENS).
        right: Tokens of the second side; the first one's for duplicates within one side.
        within: Whether both sides are one, so that a pair is two different rows of it, once.
        skipped_blocks: Blocks above the limit.
        skipped_pairs: Pairs in them, those included that another token still finds.
    """

    left: Tokens
    right: Tokens
    within: bool
    skipped_blocks: int
    skipped_pairs: int

    @classmethod
    def between(cls, left: Encodings, right: Encodings, largest: int = LARGEST_BLOCK) -> Blocks:
        """The blocks of two sources."""
        left.check_comparable(right)
        return cls._limited(left.tokens, right.tokens, largest, within=False)

    @classmethod
    def inside(cls, records: Encodings, largest: int = LARGEST_BLOCK) -> Blocks:
        """The blocks of one source with itself."""
        return cls._limited(records.tokens, records.tokens, largest, within=True)

    @classmethod
    def _limited(cls, left: Tokens, right: Tokens, largest: int, *, within: bool) -> Blocks:
        left, right = left.copy(), right.copy()
        blocks = pairs = 0
        for token in PASSES:
            values, sizes = _sizes(left[:, token], right[:, token])
            over = sizes > largest
            blocks, pairs = blocks + int(over.sum()), pairs + int(sizes[over].sum())
            for side in (left, right):
                side[np.isin(side[:, token], values[over]), token] = 0
        return cls(left, right, within, blocks, pairs)

    def pairs(self, chunk: int = CHUNK) -> Iterator[tuple[Rows, Rows]]:
        """All candidate pairs, each once, in chunks of about the given size."""
        for position, token in enumerate(PASSES):
            earlier = PASSES[:position]
            for left, right in _equal(self.left[:, token], self.right[:, token], chunk):
                fresh = left < right if self.within else np.ones(left.size, np.bool_)
                for other in earlier:
                    value = self.left[left, other]
                    fresh &= (value == 0) | (value != self.right[right, other])
                if fresh.any():
                    yield left[fresh], right[fresh]


def _sizes(left: Tokens, right: Tokens) -> tuple[Tokens, NDArray[np.int64]]:
    """Every token that both sides have, and the pairs of its block."""
    values, counts = np.unique(left[left != 0], return_counts=True)
    others, more = np.unique(right[right != 0], return_counts=True)
    both, first, second = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    return both, counts[first].astype(np.int64) * more[second]


def _equal(left: Tokens, right: Tokens, chunk: int) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows with the same token, in chunks."""
    order = np.argsort(left, kind="stable").astype(np.int64)
    ordered = left[order]
    start = np.searchsorted(ordered, right, "left")
    count = np.where(right == 0, 0, np.searchsorted(ordered, right, "right") - start)
    rows = np.flatnonzero(count)
    ends = np.cumsum(count[rows])
    at = 0
    while at < rows.size:
        done = int(ends[at - 1]) if at else 0
        upto = max(int(np.searchsorted(ends, done + chunk, "right")), at + 1)
        part, sizes = rows[at:upto], count[rows[at:upto]]
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        yield order[np.repeat(start[part], sizes) + offsets], np.repeat(part, sizes)
        at = upto
