"""What a party can learn, alone or with another: the table of docs/explanation/three-parties.md.

Each property compares two worlds that differ only in a secret. When everything a party holds is the
same in both, byte by byte, it cannot learn that secret, however it computes. Tokens are drawn alike
in both worlds, as they are random and say nothing.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import assume, given, settings
from hypothesis import strategies as st

import haemony as hm
from haemony.intake import check
from haemony.privacy import DomainKey, SiteKey, Split, split
from haemony.privacy.identities import Identities, KeyTable
from haemony.privacy.payload import Payload
from haemony.privacy.pseudonyms import person_id
from haemony.privacy.wire import plain, unpack
from support.contributions import contribution

CATALOGUE = hm.disease("aml").catalogue
SITE, DOMAIN = SiteKey(b"s" * 32), DomainKey(b"d" * 32)

few = settings(max_examples=20)
numbers = st.lists(
    st.text("abcdefghijkmnpqrstuvwxyz23456789", min_size=5, max_size=9), min_size=3, max_size=3,
    unique=True,
)  # fmt: skip
values = st.tuples(
    st.lists(st.integers(19, 89), min_size=3, max_size=3),
    st.lists(st.floats(0.5, 300).map(lambda x: round(x, 1)), min_size=3, max_size=3),
    st.lists(st.integers(1, 4000), min_size=3, max_size=3),
)
keys = st.binary(min_size=32, max_size=32)


def divided(patients: list[str], clinical: tuple[list[float], ...], site: SiteKey = SITE) -> Split:
    """A contribution with these patients and values, parted with the same tokens each time."""
    rows = [
        f"{patient},{age},f,{wbc},{days},1,{min(days, 30)},,1,46,XX[20]"
        for patient, age, wbc, days in zip(patients, *clinical, strict=True)
    ]
    rows = [row.replace("46,XX[20]", '"46,XX[20]"') for row in rows]
    header = "patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype"
    tokens = itertools.count()
    with TemporaryDirectory() as folder:
        written = contribution(Path(folder) / "c", "\n".join((header, *rows, "")))
        checked = check(written, CATALOGUE)
        assert checked.sound
        return split(checked, site, draw=lambda: f"{next(tokens):032x}")


def relayed(identities: Identities, domain: DomainKey = DOMAIN) -> KeyTable:
    """What the trustee answers."""
    return KeyTable.of(identities, lambda name: domain.patient_key("hospital", name))


def without_version(payload: Payload) -> bytes:
    """The payload without its version, which is an HMAC under the partner's key."""
    return replace(payload, digest="").to_bytes()


@few
@given(numbers, values, values)
def test_the_trustee_sees_no_clinical_value(
    patients: list[str], one: tuple[list[float], ...], other: tuple[list[float], ...]
) -> None:
    """Whatever the clinical values are, the trustee receives and answers the same bytes."""
    first, second = divided(patients, one), divided(patients, other)

    assert first.identities.to_bytes() == second.identities.to_bytes()
    assert relayed(first.identities).to_bytes() == relayed(second.identities).to_bytes()


@few
@given(numbers, numbers, values)
def test_the_platform_sees_no_patient_number(
    one: list[str], other: list[str], clinical: tuple[list[float], ...]
) -> None:
    """Whatever the patients are called, the payload is the same but for its keyed version."""
    assume(one != other)
    first, second = divided(one, clinical), divided(other, clinical)

    assert without_version(first.payload) == without_version(second.payload)
    assert first.payload.digest != second.payload.digest


@few
@given(numbers, values, keys, keys)
def test_the_platform_cannot_test_a_guess(
    patients: list[str], clinical: tuple[list[float], ...], mine: bytes, theirs: bytes
) -> None:
    """Who knows a patient number but not both keys computes another person."""
    assume(mine != SITE.key and theirs != DOMAIN.key)
    half = divided(patients, clinical)
    persons = {person_id(key) for key in relayed(half.identities).keys.values()}

    for site, domain in ((SiteKey(mine), DOMAIN), (SITE, DomainKey(theirs))):
        guesses = {
            person_id(domain.patient_key("hospital", site.pseudonym(patient)))
            for patient in patients
        }
        assert not guesses & persons


@few
@given(numbers, values)
def test_the_platform_sees_no_site_pseudonym(
    patients: list[str], clinical: tuple[list[float], ...]
) -> None:
    """Neither payload nor keys hold a pseudonym, in bytes or spelled out."""
    half = divided(patients, clinical)
    held = plain(unpack(half.payload.to_bytes())) + relayed(half.identities).to_bytes()

    for pseudonym in half.identities.pseudonyms.values():
        assert pseudonym not in held
        assert pseudonym.hex().encode() not in held


@few
@given(numbers, numbers, values)
def test_trustee_and_platform_together_see_no_patient_number(
    one: list[str], other: list[str], clinical: tuple[list[float], ...]
) -> None:
    """With all they hold they know who is the same, and whose values are whose, by pseudonym alone.

    Two worlds whose patients have other numbers, and whose partner has a key that hides them as
    well: renaming the pseudonyms of one world gives everything that both hold in the other.
    """
    assume(one != other)
    first, second = divided(one, clinical), divided(other, clinical)
    renamed = {
        old.hex(): new.hex()
        for old, new in zip(
            first.identities.pseudonyms.values(), second.identities.pseudonyms.values(), strict=True
        )
    }
    text = plain(unpack(first.identities.to_bytes())).decode()
    text = re.sub("[0-9a-f]{64}", lambda found: renamed[found.group()], text)

    assert text == plain(unpack(second.identities.to_bytes())).decode()
    assert without_version(first.payload) == without_version(second.payload)


@few
@given(numbers, values)
def test_partner_and_platform_recognise_the_partners_own_rows(
    patients: list[str], clinical: tuple[list[float], ...]
) -> None:
    """They always can, by the place of a row: the table says so, and this shows how."""
    half = divided(patients, clinical)
    table = half.payload.tables["clinical"].frame

    rows = dict(zip(table["source_row"], table["token"], strict=True))

    assert [half.identities.pseudonyms[rows[row]] for row in (2, 3, 4)] == [
        SITE.pseudonym(patient) for patient in patients
    ]


@few
@given(numbers, values, values)
def test_partner_and_trustee_together_see_no_other_partners_values(
    patients: list[str], one: tuple[list[float], ...], other: tuple[list[float], ...]
) -> None:
    """All they receive about another partner is the same whatever its patients' values are."""
    theirs = SiteKey(b"o" * 32)
    first, second = divided(patients, one, theirs), divided(patients, other, theirs)

    assert first.identities == second.identities
    assert not {*first.identities.pseudonyms.values()} & {SITE.pseudonym(p) for p in patients}


@few
@given(numbers, values)
def test_all_three_together_know_everything(
    patients: list[str], clinical: tuple[list[float], ...]
) -> None:
    """Three keys in one hand name every patient: nothing protects against that."""
    half = divided(patients, clinical)
    answer = relayed(half.identities)

    for patient in patients:
        key = DOMAIN.patient_key("hospital", SITE.pseudonym(patient))
        token = next(token for token, given in answer.keys.items() if given == key)
        assert token in half.payload.tokens
