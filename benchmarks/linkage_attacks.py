"""What a curious trustee would try without the key: name people by frequencies.

Three guesses at the given name, each with the strongest knowledge an attacker can have: the exact
frequency of every given name among the very records attacked.

- *equal filters*: the most frequent filter is the most frequent name, and so on (the idea of
  Christen et al. 2017);
- *alike filters*: noise makes equal names unequal, so records are first put together by similarity;
- *equal tokens*: the same with the blocking tokens of a name's sound.

And one that asks for less, :func:`frequent_in_largest`: not who has which name, but whether large
groups of equal tokens have frequent names more often than people at large.

``python benchmarks/linkage.py --attack`` prints what they name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from haemony.privacy.linkage import Encodings, Identity, normalise
from haemony.privacy.linkage.encoding import bigrams
from haemony.privacy.linkage.parameters import Face, Slot


def given_names(people: Sequence[Identity]) -> list[str]:
    """The given names as they are encoded; the truth, and the attacker's knowledge."""
    return [" ".join(normalise(person).given) for person in people]


def guessed_by_rank(groups: Sequence[Hashable], names: Sequence[str]) -> float:
    """Share of records guessed right: the r-th largest group is said to have the r-th name."""
    ranked = [name for name, _ in Counter(names).most_common()]
    by_size = [group for group, _ in Counter(groups).most_common()]
    guess = dict(zip(by_size, ranked, strict=False))
    return float(np.mean([guess.get(g) == name for g, name in zip(groups, names, strict=True)]))


def equal_filters(encodings: Encodings, face: Face) -> list[bytes]:
    """Records by the bytes of their filter of the given name."""
    place = encodings.parameters.place(face, Slot.GIVEN)
    return [row.tobytes() for row in encodings.filters[:, place]]


def alike_filters(bits: NDArray[np.uint64], least: float) -> NDArray[np.int64]:
    """Records put together when the Dice coefficient of their filters is at least so high."""
    weight = np.bitwise_count(bits).sum(1, dtype=np.int64)
    rows, others = [], []
    for row in range(len(bits)):
        both = np.bitwise_count(bits[row] & bits[row + 1 :]).sum(1, dtype=np.int64)
        close = np.flatnonzero(2 * both >= least * (weight[row] + weight[row + 1 :]))
        rows.append(np.full(close.size, row))
        others.append(close + row + 1)
    left, right = np.concatenate(rows), np.concatenate(others)
    graph = coo_array((np.ones(left.size), (left, right)), shape=(len(bits), len(bits)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def frequent_in_largest(
    groups: NDArray[np.uint64], names: Sequence[str], largest: int = 100, frequent: int = 10
) -> tuple[float, float]:
    """How often one of the most frequent names stands in the largest groups, and how often at all.

    Args:
        groups: Tokens of all records, 0 where a record has none.
        names: Their names.
        largest: How many groups to look at.
        frequent: How many names to say.
    """
    common = {name for name, _ in Counter(names).most_common(frequent)}
    sizes = Counter(groups[groups != 0].tolist())
    wanted = [group for group, _ in sizes.most_common(largest)]
    hit = np.array([name in common for name in names])
    return float(hit[np.isin(groups, np.array(wanted, np.uint64))].mean()), float(hit.mean())


def unhardened(names: Sequence[str], bits: int = 256, hashes: int = 8) -> NDArray[np.uint64]:
    """The baseline: one unsalted filter per name, every bigram at ``hashes`` random places."""
    places: dict[bytes, NDArray[np.int64]] = {}
    rng = np.random.default_rng(0)
    filters = np.zeros((len(names), bits), np.uint8)
    for row, name in enumerate(names):
        for gram in bigrams(name.split()):
            if gram not in places:
                places[gram] = rng.integers(0, bits, hashes)
            filters[row, places[gram]] = 1
    return np.packbits(filters, axis=1).view(np.uint64)
