"""Encodings: fixed under a fixed key, blind without it, and telling no more than they say."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import numpy as np
import pytest

from haemony.analysis.synthetic.identities import draw_sources
from haemony.privacy.linkage import (
    BirthDate,
    Encodings,
    Field,
    Identity,
    LinkageKey,
    Parameters,
    Sex,
    encode,
)
from haemony.privacy.linkage.comparison import dice
from haemony.privacy.linkage.errors import (
    BadParameters,
    Incomparable,
    MalformedEncoding,
    WeakLinkageKey,
)
from haemony.privacy.linkage.parameters import TOKENS, Face, Slot

KEY = LinkageKey(bytes(range(32)))
OTHER_KEY = LinkageKey(bytes(range(1, 33)))
QUIET = Parameters(flips=0)
PERSON = Identity(
    given="Jördis Anna",
    family="Qualm-Zaster",
    birth_name="Vombel",
    born=BirthDate(1957, 3, 12),
    sex=Sex.FEMALE,
    postcode="69120",
    place="Dröhnstedt",
    number="A 123 456 789",
)


def bits_set(encodings: Encodings, face: Face, slot: Slot) -> set[int]:
    """The places of the ones of the first record's filter."""
    words = encodings.filters[0, encodings.parameters.place(face, slot)]
    return set(np.flatnonzero(np.unpackbits(words.astype(">u8").view(np.uint8))).tolist())


def test_the_encoding_of_a_person_under_a_key_is_fixed() -> None:
    """A known answer: any change of what is hashed must raise the version."""
    content = encode([PERSON], KEY).to_bytes()

    assert len(content) == 644
    assert hashlib.sha256(content).hexdigest() == KNOWN


KNOWN = "dd54740a1aa504308ff28b0d4496651e2d6a0520c5f5f8be865fa911d40735e8"


def test_a_filter_is_what_the_documentation_says() -> None:
    """Worked out by hand: HMAC-SHA-256 of salt, then of each bigram in counter mode."""
    person = Identity(given="Ute", born=BirthDate(1957, 3, 12))
    salted = hmac.digest(
        hmac.digest(KEY.secret, b"haemony/linkage/1/name", "sha256"), b"YEAR_MONTH:1957-3", "sha256"
    )
    expected = set()
    for gram, insertions in ((b"E_", 16), (b"TE", 16), (b"UT", 16), (b"_U", 16)):
        stream = hmac.digest(salted, b"\0" + gram, "sha256")
        expected |= {
            int.from_bytes(stream[2 * i : 2 * i + 2], "big") % 256 for i in range(insertions)
        }

    assert bits_set(encode([person], KEY, QUIET), Face.YEAR_MONTH, Slot.GIVEN) == expected


def test_one_person_spelt_in_two_ways_has_one_encoding() -> None:
    """What the normal form makes equal is equal to the last bit, noise included."""
    same = replace(PERSON, given="JOERDIS ANNA", family="Dr. Qualm Zaster", number="a123456789")

    assert encode([PERSON], KEY).to_bytes() == encode([same], KEY).to_bytes()


def test_encoding_one_by_one_and_together_are_the_same() -> None:
    """A record's encoding depends on no other record."""
    people = draw_sources(50, seed=3).left

    together = encode(people, KEY)

    assert b"".join(together.records()) == b"".join(encode([p], KEY).to_bytes() for p in people)


def test_without_the_key_encodings_are_unrelated() -> None:
    """The same people under another key: no token in common, and similarities around nought."""
    people = draw_sources(400, seed=4).left
    one, other = encode(people, KEY), encode(people, OTHER_KEY)
    rows = np.arange(400)

    assert not np.any((one.tokens == other.tokens) & (one.tokens != 0))
    for face in Face:
        for slot in (Slot.GIVEN, Slot.FAMILY):
            alike = dice(one, other, slot, face, rows, rows)
            strangers = dice(one, other, slot, face, rows, np.roll(rows, 7))
            assert abs(alike.mean() - strangers.mean()) < 4 * strangers.std() / np.sqrt(200)
            assert alike.mean() < 0.1


def test_a_name_has_another_encoding_for_another_date_of_birth() -> None:
    """Salting: two people of one name share nothing on a face whose part of the date differs."""
    born = [BirthDate(1940 + i % 60, 1 + i % 12, 1 + i % 28) for i in range(200)]
    people = [Identity(given="Ute", family="Qualm", born=day) for day in born]
    encodings = encode(people, KEY)
    one, other = np.arange(100), np.arange(100) + 100

    for face in Face:
        salts = [face.salt(day) for day in born]
        apart = np.array([salts[a] != salts[b] for a, b in zip(one, other, strict=True)])
        alike = dice(encodings, encodings, Slot.FAMILY, face, one[apart], other[apart])
        assert alike.mean() < 0.1


def test_the_dice_coefficient_survives_hashing_and_noise() -> None:
    """Estimated from noisy filters, it is that of the bigrams, on average within 0.08."""
    words = [("QUALMERT", "QUALMERT"), ("QUALMERT", "QALMERT"), ("QUALMERT", "VOMBEL")]
    exact = [1.0, 14 / 17, 0.0]
    for (first, second), dice_of_bigrams in zip(words, exact, strict=True):
        found = []
        for day in range(1, 29):
            born = BirthDate(1957, 3, day)
            one = encode([Identity(family=first, born=born)], KEY)
            two = encode([Identity(family=second, born=born, place="X-Stadt")], KEY)
            row = np.array([0])
            found += [float(dice(one, two, Slot.FAMILY, face, row, row)[0]) for face in Face]
        assert np.mean(found) == pytest.approx(dice_of_bigrams, abs=0.08)


def test_the_weight_of_a_filter_does_not_tell_the_length_of_a_name() -> None:
    """Names of 3 and of 12 letters: the same insertions, so the same distribution of ones."""
    born = [BirthDate(1930 + i % 60, 1 + i % 12, 1 + i % 28) for i in range(300)]
    letters = "ABCDEFGHIKLMNOPRSTUVWZ"
    rng = np.random.default_rng(1)

    def weights(length: int) -> np.ndarray:
        names = ["".join(rng.choice(list(letters), length, replace=False)) for _ in born]
        people = [Identity(family=n, born=b) for n, b in zip(names, born, strict=True)]
        encodings = encode(people, KEY)
        place = encodings.parameters.place(Face.YEAR_DAY, Slot.FAMILY)
        return np.bitwise_count(encodings.filters[:, place]).sum(1)

    short, long = weights(3), weights(12)
    error = np.sqrt(short.var() / 300 + long.var() / 300)
    assert abs(short.mean() - long.mean()) < 4 * error
    assert short.std() == pytest.approx(long.std(), rel=0.25)


def test_noise_flips_the_stated_share_of_bits_and_spares_missing_parts() -> None:
    """BLIP: about 10 of 256 bits, and none in the filter of a missing part."""
    people = [replace(p, birth_name="") for p in draw_sources(300, seed=8).left if p.given]
    noisy, quiet = encode(people, KEY), encode(people, KEY, QUIET)
    place = noisy.parameters.place(Face.YEAR_MONTH, Slot.GIVEN)
    known = noisy.tokens[:, 4] != 0

    flipped = np.bitwise_count(noisy.filters[known, place] ^ quiet.filters[known, place]).sum()

    assert flipped / (known.sum() * 256) == pytest.approx(10 / 256, rel=0.05)
    absent = noisy.parameters.place(Face.YEAR_MONTH, Slot.BIRTH_NAME)
    assert not noisy.filters[:, absent].any()


def test_a_missing_part_says_only_that_it_is_missing() -> None:
    """One bit per part; its filters and tokens are empty, and nothing else changes but noise."""
    for part, change in {
        Field.GIVEN: {"given": ""},
        Field.BIRTH_NAME: {"birth_name": ""},
        Field.SEX: {"sex": None},
        Field.POSTCODE: {"postcode": ""},
        Field.NUMBER: {"number": ""},
        Field.DAY: {"born": BirthDate(1957, 3)},
    }.items():
        whole, less = encode([PERSON], KEY, QUIET), encode([replace(PERSON, **change)], KEY, QUIET)  # type: ignore[arg-type]
        assert whole.present[0] ^ less.present[0] == part.value
        ones = less.filters & ~whole.filters
        assert not ones.any()
        assert np.all(
            (less.tokens == whole.tokens) | (less.tokens == 0) | (part is Field.BIRTH_NAME)
        )


def test_nothing_known_is_an_empty_encoding() -> None:
    """An identity without any part has no token and no bit."""
    empty = encode([Identity()], KEY)

    assert not empty.present.any()
    assert not empty.tokens.any()
    assert not empty.filters.any()


def test_what_is_written_is_read() -> None:
    """Files and single records come back as they were."""
    encodings = encode(draw_sources(20, seed=2).left, KEY)

    for again in (
        Encodings.from_bytes(encodings.to_bytes()),
        Encodings.of_records(list(encodings.records())),
    ):
        assert again.to_bytes() == encodings.to_bytes()
        assert again.tokens.shape == (20, TOKENS)
    assert len(Encodings.from_bytes(encode([], KEY).to_bytes())) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"XXXX" + content[4:],
        lambda content: content[:4] + b"\x09" + content[5:],
        lambda content: content[:10],
        lambda _: b"",
    ],
)
def test_damaged_bytes_are_refused(damage: object) -> None:
    """Cut short, too long, of another kind or version: refused, not guessed."""
    content = encode([PERSON], KEY).to_bytes()

    with pytest.raises(MalformedEncoding):
        Encodings.from_bytes(damage(content))  # type: ignore[operator]


def test_a_header_that_asks_for_impossible_sizes_is_refused() -> None:
    """A filter of 3 bits is no filter."""
    content = encode([PERSON], KEY).to_bytes()

    with pytest.raises(MalformedEncoding):
        Encodings.from_bytes(content[:5] + b"\0\3" + content[7:])


def test_records_of_different_keys_are_not_put_together() -> None:
    """Nor are sources compared that were encoded under different keys or parameters."""
    mine, other = encode([PERSON], KEY), encode([PERSON], OTHER_KEY)

    with pytest.raises(Incomparable, match="linkage keys"):
        Encodings.of_records([mine.to_bytes(), other.to_bytes()])
    with pytest.raises(Incomparable, match="parameters"):
        mine.check_comparable(encode([PERSON], KEY, QUIET))


def test_a_short_key_is_refused_and_a_key_never_shows_itself() -> None:
    """32 bytes or more; no key material in messages."""
    with pytest.raises(WeakLinkageKey, match="32"):
        LinkageKey(b"password")
    assert repr(KEY) == "LinkageKey()"
    assert KEY.secret not in encode([PERSON], KEY).to_bytes()


@pytest.mark.parametrize(
    "sizes", [{"name_bits": 200}, {"home_bits": 32}, {"name_hashes": 0}, {"flips": 128}]
)
def test_parameters_that_give_no_encoding_are_refused(sizes: dict[str, int]) -> None:
    """Sizes are powers of two, and noise leaves something."""
    with pytest.raises(BadParameters):
        Parameters(**sizes)
