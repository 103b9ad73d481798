"""At the trustee: find the patients of a new contribution among those that came before.

Everything here works on encodings: the trustee has no key to them and sees no name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.governance.store import Patient, Review
from haemony.privacy.linkage import Encodings, deduplicate, group, link
from haemony.privacy.pseudonyms import SitePseudonym

Held = Mapping[str, Sequence[Patient]]


@dataclass(frozen=True)
class Links:
    """What was found.

    Attributes:
        same: For a new pseudonym, that of the patient it is: one held before, or the first of
            several new ones of one patient.
        unsure: Pairs for people to decide.
    """

    same: Mapping[SitePseudonym, SitePseudonym]
    unsure: tuple[Review, ...]


def find_links(new: Sequence[SitePseudonym], encodings: Encodings, held: Held) -> Links:
    """Find new patients among held ones, and among each other.

    Args:
        new: Pseudonyms that the trustee has not seen before.
        encodings: Their encodings, in the same order.
        held: The patients with encodings that came before, by partner.
    """
    unsure: list[Review] = []
    alone = deduplicate(encodings)
    numbers = group(len(new), alone.same)
    first = {int(number): new[row] for row, number in reversed(list(enumerate(numbers)))}
    same = {name: first[int(numbers[row])] for row, name in enumerate(new)}
    unsure += _reviews(alone.review, new, new)
    for patients in held.values():
        names = [SitePseudonym(one.pseudonym) for one in patients]
        earlier = Encodings.of_records([one.encoding for one in patients if one.encoding])
        found = link(earlier, encodings)
        for row in found.same.iter_rows(named=True):
            target = names[row["left"]]
            number = int(numbers[row["right"]])
            for index in np.flatnonzero(numbers == number):
                same[new[int(index)]] = target
        unsure += _reviews(found.review, names, new)
    return Links({name: other for name, other in same.items() if name != other}, tuple(unsure))


def _reviews(
    pairs: pl.DataFrame, left: Sequence[SitePseudonym], right: Sequence[SitePseudonym]
) -> list[Review]:
    return [
        Review(left[row["left"]], right[row["right"]], row["probability"], row["reason"])
        for row in pairs.iter_rows(named=True)
    ]
