"""A curious trustee without the key: frequencies name many in plain filters, nobody in ours."""

from __future__ import annotations

import numpy as np
import pytest
from linkage_attacks import (
    alike_filters,
    equal_filters,
    given_names,
    guessed_by_rank,
    unhardened,
)

from haemony.analysis.synthetic.identities import draw_sources
from haemony.privacy.linkage import Encodings, LinkageKey, Parameters, encode
from haemony.privacy.linkage.parameters import FACE_TOKENS, Face, Slot, Token

PEOPLE = draw_sources(3000, seed=7).left
NAMES = given_names(PEOPLE)
KEY = LinkageKey(bytes(range(32)))


@pytest.fixture(scope="module")
def encodings() -> Encodings:
    """What the trustee holds."""
    return encode(PEOPLE, KEY)


def test_plain_filters_fall_to_frequencies() -> None:
    """The attack works: without salt and noise, frequent names are read off."""
    plain = [row.tobytes() for row in unhardened(NAMES)]

    assert guessed_by_rank(plain, NAMES) > 0.5


@pytest.mark.parametrize("face", Face)
def test_frequencies_name_hardly_anybody_in_ours(encodings: Encodings, face: Face) -> None:
    """Less than always guessing the most frequent name would, by each of three attacks."""
    always = max(NAMES.count(name) for name in set(NAMES)) / len(NAMES)
    place = encodings.parameters.place(face, Slot.GIVEN)
    bits = np.ascontiguousarray(encodings.filters[:, place])
    column = Token.FACE.value + FACE_TOKENS * face.value

    for groups in (
        equal_filters(encodings, face),
        alike_filters(bits, 0.68).tolist(),
        encodings.tokens[:, column].tolist(),
    ):
        assert guessed_by_rank(groups, NAMES) < always


def test_salt_alone_already_stops_it_and_noise_makes_every_filter_unique() -> None:
    """Which hardening does what."""
    salted = encode(PEOPLE, KEY, Parameters(flips=0))
    noisy = encode(PEOPLE, KEY)

    assert guessed_by_rank(equal_filters(salted, Face.YEAR_MONTH), NAMES) < 0.01
    known = [name != "" for name in NAMES]
    filters = [f for f, k in zip(equal_filters(noisy, Face.YEAR_MONTH), known, strict=True) if k]
    assert len(set(filters)) > 0.99 * len(filters)
