"""Who a patient is, and the one spelling that is compared.

Partners write names differently: Müller, Mueller, Muller; "Dr. von Ahn", "Ahn". Before anything is
encoded, every identity is brought into a normal form, at the partner. What the normal form cannot
mend (typing errors, given and family name in each other's place, a name changed at marriage) is the
comparison's business. Identities never appear in a ``repr``, a log or an error message.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum

from haemony.privacy.linkage.errors import UnreadableBirthDate

LONGEST = 40
"""Letters of a name that count; what follows is cut, so that no encoding is overfull."""

_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "þ": "th",
        "ħ": "h",
        "ı": "i",
        "'": None,
        "’": None,
        "‘": None,
        "`": None,
        "´": None,
    }
)
_DIGRAPHS = (("AE", "A"), ("OE", "O"), ("UE", "U"))
_TITLE_WORDS = (
    "DR DRES PROF PROFESSOR DIPL ING MED PHIL RER NAT HC HABIL MAG MSC BSC PD PHD MD MR MRS MS "
    "HERR FRAU JR SR JUN SEN"
)
_TITLES = frozenset(_TITLE_WORDS.split())
_PARTICLE_WORDS = (
    "VON VOM ZU ZUM ZUR VAN DE DEN DER DES DEL DELLA DI DA DO DOS DU LA LE LES EL AL BIN IBN BEN "
    "TEN TER AF AV OF UND Y"
)
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_PLACEHOLDERS = frozenset(
    ("N N", "NN", "UNBEKANNT", "UNKNOWN", "OHNE", "KEINE", "NONE", "NULL", "NA", "X", "XX", "XXX")
)
_DATE = re.compile(
    r"(?P<y>\d{4})(?:-(?P<m>\d{1,2})(?:-(?P<d>\d{1,2}))?)?"
    r"|(?P<y2>\d{4})(?P<m2>\d{2})(?P<d2>\d{2})"
    r"|(?:(?:(?P<d3>\d{1,2})\.)?(?P<m3>\d{1,2})\.)(?P<y3>\d{4})"
)


class Sex(Enum):
    """Sex as identity documents state it."""

    FEMALE = "f"
    MALE = "m"
    OTHER = "x"


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A date of birth whose parts may each be unknown.

    Attributes:
        year: Four digits.
        month: 1 to 12.
        day: 1 to 31.

    Example:
        >>> BirthDate.parse("12.03.1957") == BirthDate(1957, 3, 12)
        True
        >>> BirthDate.parse("1957-00-00") == BirthDate(1957)
        True
    """

    year: int | None = field(default=None, repr=False)
    month: int | None = field(default=None, repr=False)
    day: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        limits = ((self.year, 1800, 2200), (self.month, 1, 12), (self.day, 1, 31))
        if any(part is not None and not low <= part <= high for part, low, high in limits):
            raise UnreadableBirthDate

    @classmethod
    def parse(cls, text: str) -> BirthDate:
        """Read YYYY-MM-DD, YYYYMMDD or DD.MM.YYYY; 00 and absent parts are unknown.

        Raises:
            UnreadableBirthDate: For any other form. The forms with slashes are among them: they
                mean different days in different countries.
        """
        if not text.strip():
            return cls()
        found = _DATE.fullmatch(text.strip())
        if found is None:
            raise UnreadableBirthDate
        parts = found.groupdict()
        year, month, day = (
            next((int(v) for k, v in parts.items() if k[0] == p and v), 0) for p in "ymd"
        )
        return cls(year or None, month or None, day or None)


@dataclass(frozen=True, slots=True)
class Identity:
    """One person as a partner's files have them; every part may be missing (empty, None).

    Attributes:
        given: Given names, all of them.
        family: Family name in use.
        birth_name: Family name at birth, where it is recorded.
        born: Date of birth.
        sex: Sex.
        postcode: Postcode of the home.
        place: Town of the home.
        number: National or insurance number, one for life.

    Example:
        >>> Identity(given="Jördis", family="Qualm")
        Identity()
    """

    given: str = field(default="", repr=False)
    family: str = field(default="", repr=False)
    birth_name: str = field(default="", repr=False)
    born: BirthDate = field(default=BirthDate(), repr=False)
    sex: Sex | None = field(default=None, repr=False)
    postcode: str = field(default="", repr=False)
    place: str = field(default="", repr=False)
    number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Normal:
    """An identity in normal form; an empty part is a missing one.

    Attributes:
        given: Given names, folded, in order.
        family: Parts of the family name without titles and particles.
        birth_name: Parts of the name at birth.
        born: Date of birth.
        sex: One letter.
        postcode: Letters and digits.
        place: Words of the place.
        number: Letters and digits.
    """

    given: tuple[str, ...] = field(repr=False)
    family: tuple[str, ...] = field(repr=False)
    birth_name: tuple[str, ...] = field(repr=False)
    born: BirthDate = field(repr=False)
    sex: str = field(repr=False)
    postcode: str = field(repr=False)
    place: tuple[str, ...] = field(repr=False)
    number: str = field(repr=False)

    def canonical(self) -> bytes:
        """The whole identity as one unambiguous line of bytes."""
        born = (self.born.year, self.born.month, self.born.day)
        parts = (
            *(" ".join(words) for words in (self.given, self.family, self.birth_name, self.place)),
            *("" if part is None else str(part) for part in born),
            self.sex,
            self.postcode,
            self.number,
        )
        return "\x1f".join(parts).encode()


def fold(text: str) -> str:
    """Upper-case letters and digits without accents, words parted by one space.

    Umlauts and their transliterations fall together: the dots and the e after A, O and U both go.

    Example:
        >>> fold("Müller"), fold("Mueller"), fold("MULLER"), fold("Strauß-d'Orléans")
        ('MULLER', 'MULLER', 'MULLER', 'STRAUSS DORLEANS')
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    upper = " ".join(kept.upper().split())
    for pair, single in _DIGRAPHS:
        upper = upper.replace(pair, single)
    return upper


def normalise(identity: Identity) -> Normal:
    """Bring an identity into normal form.

    Example:
        >>> normalise(Identity(family="Dr. von der Höhe")).family
        ('HOHE',)
    """
    given, family = _name(identity.given), _name(identity.family)
    birth_name = _name(identity.birth_name)
    postcode = fold(identity.postcode).replace(" ", "")
    return Normal(
        given,
        family,
        birth_name,
        identity.born,
        identity.sex.value if identity.sex else "",
        "" if len(set(postcode)) == 1 else postcode[:LONGEST],
        _name(identity.place),
        fold(identity.number).replace(" ", ""),
    )


def _name(text: str) -> tuple[str, ...]:
    """The words of a name that count."""
    folded = fold(text)
    if folded in _PLACEHOLDERS:
        return ()
    words = [word for word in folded.split() if word not in _TITLES]
    telling = [word for word in words if word not in _PARTICLES]
    return tuple(" ".join(telling or words)[:LONGEST].split())
