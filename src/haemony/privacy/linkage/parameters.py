"""What an encoding is made of: faces, slots, sizes. One fixed layout, described once.

A record is encoded four times. Each of these *faces* is salted with another part of the date of
birth, so that no bit of one face means the same in two people whose part differs, and so that an
error in one part of the date spoils some faces and leaves others whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag

from haemony.privacy.linkage.errors import BadParameters
from haemony.privacy.linkage.identity import BirthDate

VERSION = 1
"""Version of the layout and of everything that is hashed."""

WORD = 64


class Face(Enum):
    """Which parts of the date of birth salt a face.

    A wrong day leaves YEAR_MONTH whole, a wrong month YEAR_DAY, a year wrong in its last digit
    DAYS_DECADE, one wrong in its decade DAYS_UNIT. In the last two, day and month are taken without
    their order, so that they survive being swapped.
    """

    YEAR_MONTH = 0
    YEAR_DAY = 1
    DAYS_UNIT = 2
    DAYS_DECADE = 3

    def salt(self, born: BirthDate) -> bytes | None:
        """The salt of one person; None when a part is unknown."""
        year, month, day = born.year, born.month, born.day
        if self is Face.YEAR_MONTH:
            parts: tuple[int | None, ...] = (year, month)
        elif self is Face.YEAR_DAY:
            parts = (year, day)
        elif year is None or month is None or day is None:
            return None
        else:
            last = year % 10 if self is Face.DAYS_UNIT else year // 10
            parts = (min(day, month), max(day, month), last)
        if None in parts:
            return None
        return f"{self.name}:{'-'.join(map(str, parts))}".encode()


class Slot(Enum):
    """The filters of a face. The names share one kind, so that each can be compared with each."""

    GIVEN = 0
    FAMILY = 1
    BIRTH_NAME = 2
    POSTCODE = 3
    PLACE = 4

    @property
    def kind(self) -> str:
        """Slots of one kind are hashed with the same key and have the same size."""
        return "name" if self.value <= Slot.BIRTH_NAME.value else self.name.lower()


class Token(Enum):
    """Keyed hashes that are only ever equal or not; they also bring candidates together.

    ALIKE is names, year of birth and postcode in one, for records whose date says no more.
    """

    NUMBER = 0
    BORN = 1
    BORN_SEX = 2
    ALIKE = 3
    FACE = 4


FACE_TOKENS = 2
"""Tokens of one face: how the given name sounds, how the family name (at birth) sounds."""

TOKENS = Token.FACE.value + FACE_TOKENS * len(Face)


class Field(IntFlag):
    """Which parts of an identity are there: one bit each, all that is said of a missing one."""

    GIVEN = 1
    FAMILY = 2
    BIRTH_NAME = 4
    YEAR = 8
    MONTH = 16
    DAY = 32
    SEX = 64
    POSTCODE = 128
    PLACE = 256
    NUMBER = 512


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sizes of the filters and strength of the noise; part of every encoding's header.

    Attributes:
        name_bits: Bits of a filter of a name.
        name_hashes: Insertions into it, whatever the length of the name.
        home_bits: Bits of the filters of postcode and place.
        home_hashes: Insertions into them.
        flips: Bits flipped at random, out of 256.
    """

    name_bits: int = 256
    name_hashes: int = 64
    home_bits: int = 128
    home_hashes: int = 36
    flips: int = 10

    def __post_init__(self) -> None:
        for bits in (self.name_bits, self.home_bits):
            if bits < WORD or bits & (bits - 1) or bits > 1 << 15:
                raise BadParameters("a filter has a power of two of bits, from 64 to 32,768")
        if not 0 < self.name_hashes <= 255 or not 0 < self.home_hashes <= 255:
            raise BadParameters("a filter takes 1 to 255 insertions")
        if not 0 <= self.flips < 128:
            raise BadParameters("less than half of the bits can be flipped (0 to 127 of 256)")

    def bits(self, slot: Slot) -> int:
        """Size of one filter."""
        return self.name_bits if slot.kind == "name" else self.home_bits

    def hashes(self, slot: Slot) -> int:
        """Insertions into one filter."""
        return self.name_hashes if slot.kind == "name" else self.home_hashes

    @property
    def face_bits(self) -> int:
        """Bits of all filters of one face."""
        return sum(self.bits(slot) for slot in Slot)

    @property
    def words(self) -> int:
        """64-bit words of all filters of one record."""
        return len(Face) * self.face_bits // WORD

    def place(self, face: Face, slot: Slot) -> slice:
        """Where the words of one filter stand among those of a record."""
        start = face.value * self.face_bits
        start += sum(self.bits(other) for other in Slot if other.value < slot.value)
        return slice(start // WORD, (start + self.bits(slot)) // WORD)


STANDARD = Parameters()
"""The set whose figures are published."""
