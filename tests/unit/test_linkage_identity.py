"""One spelling for one person, before anything is encoded; and nothing of it in a message."""

from __future__ import annotations

import pytest

from haemony.privacy.linkage import BirthDate, Identity, Sex, normalise
from haemony.privacy.linkage.errors import UnreadableBirthDate
from haemony.privacy.linkage.identity import LONGEST
from haemony.privacy.linkage.phonetics import cologne


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Müller", ("MULLER",)),
        ("MUELLER", ("MULLER",)),
        ("muller", ("MULLER",)),
        ("Dr. med. von der Qualm", ("QUALM",)),
        ("Qualm-Zaster", ("QUALM", "ZASTER")),
        ("O’Zaster", ("OZASTER",)),
        ("Štrbić", ("STRBIC",)),
        ("Łęski", ("LESKI",)),
        ("Søæn", ("SOAN",)),
        ("Strauß", ("STRAUSS",)),
        ("de la", ("DE", "LA")),
        ("  ", ()),
        ("unbekannt", ()),
        ("N.N.", ()),
        ("Ковалёв", ("КОВАЛЕВ",)),
    ],
)
def test_spellings_of_one_name_fall_together(written: str, normal: tuple[str, ...]) -> None:
    """Accents, umlauts, case, punctuation, titles and particles do not count."""
    assert normalise(Identity(family=written)).family == normal


def test_placeholders_of_a_postcode_are_missing_values() -> None:
    """00000 and 99999 are nowhere."""
    assert normalise(Identity(postcode="00000")).postcode == ""
    assert normalise(Identity(postcode="D-69 120")).postcode == "D69120"


def test_overlong_names_are_cut() -> None:
    """A pasted paragraph does not overfill a filter."""
    assert len(normalise(Identity(given="ab" * 500)).given[0]) == LONGEST


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("1957-03-12", (1957, 3, 12)),
        ("19570312", (1957, 3, 12)),
        ("12.03.1957", (1957, 3, 12)),
        ("3.1957", (1957, 3, None)),
        ("1957-03", (1957, 3, None)),
        ("00.00.1957", (1957, None, None)),
        ("1957", (1957, None, None)),
        ("", (None, None, None)),
    ],
)
def test_dates_of_birth_are_read_in_parts(
    written: str, parts: tuple[int | None, int | None, int | None]
) -> None:
    """Any part may be unknown, and 00 is unknown."""
    assert BirthDate.parse(written) == BirthDate(*parts)


@pytest.mark.parametrize("written", ["03/12/1957", "12. März 1957", "57-03-12", "1957-13-01"])
def test_ambiguous_dates_are_refused_without_being_repeated(written: str) -> None:
    """Slashes mean different days in different countries; the message does not quote the value."""
    with pytest.raises(UnreadableBirthDate) as refused:
        BirthDate.parse(written)

    assert written not in str(refused.value)


def test_an_identity_never_shows_itself() -> None:
    """Neither it nor its normal form prints a value."""
    person = Identity("Jördis", "Qualm", born=BirthDate(1957, 3, 12), sex=Sex.FEMALE)

    assert repr(person) == "Identity()"
    assert "QUALM" not in repr(normalise(person))
    assert "1957" not in repr(person.born)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("MULLERLUDENSCHEIDT", "65752682"),
        ("WIKIPEDIA", "3412"),
        ("BRESCHNEW", "17863"),
        ("MEIER", "67"),
        ("SCHMIDT", "862"),
        ("SCHMITT", "862"),
        ("PHILIPP", "351"),
        ("XAVER", "4837"),
    ],
)
def test_cologne_phonetics(word: str, code: str) -> None:
    """Codes as published examples have them (Postel 1969)."""
    assert cologne(word) == code
