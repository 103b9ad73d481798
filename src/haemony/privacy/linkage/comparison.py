"""How alike two encodings are: the shared bigrams of every name, as levels of agreement.

Only faces that carry the same salt can be compared; equal tokens say which these are. On each, the
overlap of two filters is counted, freed from what noise and chance add, and put together as the
Dice coefficient of the two sets of bigrams. Faces that agree are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haemony.privacy.linkage.blocking import Rows
from haemony.privacy.linkage.encoding import Encodings
from haemony.privacy.linkage.parameters import FACE_TOKENS, Face, Field, Parameters, Slot, Token

Levels = NDArray[np.int8]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

MISSING = -1

NAME_STEPS = (0.35, 0.62, 0.86)
"""Dice coefficients from which a name agrees a little, well, and as good as fully."""

ALIKE = 2
"""The level from which a name agrees well."""

POSTCODE_STEPS = (0.5, 0.85)
PLACE_STEP = 0.7


class Born(IntEnum):
    """How two dates of birth agree."""

    NEITHER = 0
    YEAR = 1
    ONE_PART_DIFFERS = 2
    SWAPPED = 3
    SAME = 4


class Compared(NamedTuple):
    """Levels of agreement of many pairs, one array per part, :data:`MISSING` where unknown."""

    born: Levels
    sex: Levels
    given: Levels
    family: Levels
    home: Levels
    number: Levels


LEVELS = Compared(5, 2, 4, 4, 3, 2)  # type: ignore[arg-type]
"""How many levels each part has; the highest is agreement."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """The rows of two sources that are compared."""

    left: Encodings
    right: Encodings
    alive: NDArray[np.bool_]

    def has(self, left: Field, right: Field) -> NDArray[np.bool_]:
        return self.left.has(left) & self.right.has(right)

    def dice(self, left: Slot, right: Slot) -> Floats:
        """Dice coefficients of two slots over the faces that agree; 0 where there is none."""
        parameters = self.left.parameters
        shared = np.zeros(len(self.left))
        mean = np.zeros(len(self.left))
        for face in Face:
            own = self.left.filters[:, parameters.place(face, left)]
            other = self.right.filters[:, parameters.place(face, right)]
            overlap, size = _overlap(own, other, parameters)
            shared += np.where(self.alive[:, face.value], overlap, 0)
            mean += np.where(self.alive[:, face.value], size, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(mean > 0, shared / mean, 0.0)
        return np.clip(found, 0.0, 1.0)


def compare(left: Encodings, right: Encodings, rows: Rows, others: Rows) -> Compared:
    """Compare pairs of records.

    Args:
        left: First source.
        right: Second source, under the same key and parameters.
        rows: Rows of the first source: shape (pairs,).
        others: Rows of the second one, pair by pair.
    """
    one, two = left.take(rows), right.take(others)
    same = _same_tokens(one, two)
    sides = _Sides(one, two, _alive(same))
    given, family = _names(sides)
    alike = same[:, Token.ALIKE.value]
    return Compared(
        _born(same, sides.alive),
        _sex(sides, same, given),
        np.where(alike, LEVELS.given - 1, given).astype(np.int8),
        np.where(alike, LEVELS.family - 1, family).astype(np.int8),
        np.where(alike, LEVELS.home - 1, _home(sides)).astype(np.int8),
        _where(sides.has(Field.NUMBER, Field.NUMBER), same[:, Token.NUMBER.value].astype(np.int8)),
    )


def dice(
    left: Encodings, right: Encodings, slot: Slot, face: Face, rows: Rows, others: Rows
) -> Floats:
    """Dice coefficients of one slot on one face, whether or not the salts agree."""
    place = left.parameters.place(face, slot)
    overlap, size = _overlap(
        left.filters[rows, place], right.filters[others, place], left.parameters
    )
    return np.clip(overlap / size, 0.0, 1.0)


def _overlap(left: Words, right: Words, parameters: Parameters) -> tuple[Floats, Floats]:
    """Estimated shared bits and mean number of bits of two filters, noise and chance removed.

    Each bit was flipped with probability p, independently. So of m bits E|A| = (1-2p)a + pm, and
    E|A∧B| = (1-2p)²c + p(|A| + |B|) - p²m with a and c before the flips; two unrelated filters
    share ab/m by chance.
    """
    bits = left.shape[1] * 64
    flip = parameters.flips / 256
    keep = 1 - 2 * flip
    a, b = (np.bitwise_count(side).sum(1, dtype=np.int64) for side in (left, right))
    both = np.bitwise_count(left & right).sum(1, dtype=np.int64)
    common = (both - flip * (a + b) + flip * flip * bits) / keep**2
    a, b = (a - flip * bits) / keep, (b - flip * bits) / keep
    chance = a * b / bits
    return common - chance, (a + b) / 2 - chance


def _same_tokens(left: Encodings, right: Encodings) -> NDArray[np.bool_]:
    return np.asarray((left.tokens == right.tokens) & (left.tokens != 0))


def _alive(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The faces of each pair that are known to carry the same salt: shape (pairs, faces)."""
    faces = same[:, Token.FACE.value :].reshape(-1, len(Face), FACE_TOKENS).any(axis=2)
    return np.asarray(faces | same[:, [Token.BORN.value]])


def _born(same: NDArray[np.bool_], alive: NDArray[np.bool_]) -> Levels:
    swapped = alive[:, Face.DAYS_UNIT.value] & alive[:, Face.DAYS_DECADE.value]
    found = np.where(same[:, Token.ALIKE.value], Born.YEAR, Born.NEITHER)
    found = np.where(alive.any(axis=1), Born.ONE_PART_DIFFERS, found)
    found = np.where(swapped, Born.SWAPPED, found)
    return np.where(same[:, Token.BORN.value], Born.SAME, found).astype(np.int8)


def _sex(sides: _Sides, same: NDArray[np.bool_], given: Levels) -> Levels:
    """Sex counts where the dates are the same, which salt its token, and the given names differ.

    Whoever has the same given name has the same sex; to count both would be to count one twice.
    """
    known = sides.has(Field.SEX, Field.SEX) & same[:, Token.BORN.value] & (given < ALIKE)
    return _where(known, same[:, Token.BORN_SEX.value].astype(np.int8))


def _where(known: NDArray[np.bool_], levels: Levels) -> Levels:
    return np.where(known, levels, MISSING).astype(np.int8)


def _graded(coefficients: Floats, steps: tuple[float, ...]) -> Levels:
    return np.searchsorted(np.array(steps), coefficients, side="right").astype(np.int8)


def _names(sides: _Sides) -> tuple[Levels, Levels]:
    """Given and family name, turned round where they were swapped.

    Of family name and name at birth on either side, the two that agree best count.
    """
    comparable = sides.alive.any(axis=1)
    given = sides.dice(Slot.GIVEN, Slot.GIVEN)
    family = sides.dice(Slot.FAMILY, Slot.FAMILY)
    for one, other in (
        (Slot.FAMILY, Slot.BIRTH_NAME),
        (Slot.BIRTH_NAME, Slot.FAMILY),
        (Slot.BIRTH_NAME, Slot.BIRTH_NAME),
    ):
        family = np.maximum(family, sides.dice(one, other))
    crossed = sides.dice(Slot.GIVEN, Slot.FAMILY), sides.dice(Slot.FAMILY, Slot.GIVEN)
    low, high = NAME_STEPS[0], NAME_STEPS[1]
    turned = (np.minimum(*crossed) >= high) & (np.maximum(given, family) < low)
    given, family = np.where(turned, crossed[0], given), np.where(turned, crossed[1], family)
    return (
        _where(sides.has(Field.GIVEN, Field.GIVEN) & comparable, _graded(given, NAME_STEPS)),
        _where(
            _any_family(sides.left) & _any_family(sides.right) & comparable,
            _graded(family, NAME_STEPS),
        ),
    )


def _any_family(records: Encodings) -> NDArray[np.bool_]:
    return records.has(Field.FAMILY) | records.has(Field.BIRTH_NAME)


def _home(sides: _Sides) -> Levels:
    """2: the same postcode; 1: a similar one, or the same place; 0: neither."""
    comparable = sides.alive.any(axis=1)
    by_code = sides.has(Field.POSTCODE, Field.POSTCODE) & comparable
    by_place = sides.has(Field.PLACE, Field.PLACE) & comparable
    code = _graded(sides.dice(Slot.POSTCODE, Slot.POSTCODE), POSTCODE_STEPS)
    place = _graded(sides.dice(Slot.PLACE, Slot.PLACE), (PLACE_STEP,))
    level = np.maximum(np.where(by_code, code, 0), np.where(by_place, place, 0))
    return _where(by_code | by_place, level.astype(np.int8))
