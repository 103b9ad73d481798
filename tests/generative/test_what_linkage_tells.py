"""What linkage tells whom, and what a carrier sees: lines of docs/explanation/three-parties.md.

Where a party must not learn a secret, two worlds that differ only in it give that party the same
bytes, or what it computes about the truth is what it computes about a stranger. Where the table
says that a party can learn something, the test shows how. All people are in silico.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import haemony as hm
from haemony.analysis.synthetic.identities import draw_sources
from haemony.governance.store import Patient
from haemony.intake import check
from haemony.parties.linking import find_links
from haemony.privacy import DomainKey, SiteKey, Split, split
from haemony.privacy.identities import Identities, KeyTable
from haemony.privacy.linkage import Encodings, Field, Identity, LinkageKey, encode, link
from haemony.privacy.pseudonyms import SitePseudonym, person_id
from haemony.privacy.split import People
from support.contributions import contribution
from support.three_parties import three_parties

CATALOGUE = hm.disease("aml").catalogue
SITE, OTHER, DOMAIN = SiteKey(b"s" * 32), SiteKey(b"o" * 32), DomainKey(b"d" * 32)
KEY = LinkageKey(b"k" * 32)
POPULATION = draw_sources(120, seed=3, overlap=0.0)

few = settings(max_examples=10)
several = st.lists(st.sampled_from(range(120)), min_size=3, max_size=3, unique=True)
values = st.lists(st.integers(19, 89), min_size=3, max_size=3)
keys = st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY.secret)


def people(rows: list[int], source: str = "left") -> list[Identity]:
    """Some people of a source; no two sources share anybody."""
    return [getattr(POPULATION, source)[row] for row in rows]


def divided(who: list[Identity], ages: list[int], key: LinkageKey = KEY) -> Split:
    """A contribution of these people, parted with the same tokens each time."""
    rows = [f"P{i},{age},f,10,100,1,30,,1," for i, age in enumerate(ages)]
    header = "patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype"
    tokens = itertools.count()
    known = People({f"P{i}": one for i, one in enumerate(who)}, key)
    with TemporaryDirectory() as folder:
        written = contribution(Path(folder) / "c", "\n".join((header, *rows, "")))
        checked = check(written, CATALOGUE)
        assert checked.sound
        return split(checked, SITE, people=known, draw=lambda: f"{next(tokens):032x}")


def relayed(identities: Identities) -> KeyTable:
    """What the trustee answers where nobody is linked."""
    return KeyTable.of(identities, lambda name: DOMAIN.patient_key("hospital", name))


def encodings(half: Split) -> Encodings:
    """What the trustee receives of names."""
    assert half.identities.encodings is not None
    return half.identities.encodings


@few
@given(several, values, values)
def test_the_trustee_sees_no_clinical_value(
    rows: list[int], one: list[int], other: list[int]
) -> None:
    """With encodings beside the pseudonyms it still receives the same whatever the values are."""
    first, second = divided(people(rows), one), divided(people(rows), other)

    assert first.identities.to_bytes() == second.identities.to_bytes()


@few
@given(several, values)
def test_the_platform_sees_nothing_of_names(rows: list[int], ages: list[int]) -> None:
    """Payload and keys are the same bytes whoever the patients are, as long as nobody is linked."""
    first = divided(people(rows), ages)
    second = divided(people(rows, "right"), ages)

    assert first.payload.to_bytes() == second.payload.to_bytes()
    assert relayed(first.identities).to_bytes() == relayed(second.identities).to_bytes()


@few
@given(several, keys)
def test_without_the_linkage_key_no_name_can_be_tested(rows: list[int], guessed: bytes) -> None:
    """Who encodes the very people under another key finds none of them.

    As many bits agree as with strangers: by chance.
    """
    held = encode(people(rows), KEY)
    guess = encode(people(rows), LinkageKey(guessed))
    forced = replace(guess, fingerprint=held.fingerprint)
    strangers = replace(
        encode(people(rows, "right"), LinkageKey(guessed)), fingerprint=held.fingerprint
    )

    assert not link(held, forced).same.height
    assert not (held.tokens[held.tokens != 0][:, None] == guess.tokens[guess.tokens != 0]).any()
    truth, chance = _agreeing(held, forced), _agreeing(held, strangers)
    assert abs(truth - chance) < 0.05


def _agreeing(one: Encodings, other: Encodings) -> float:
    """Share of the filters' bits that agree, record by record."""
    differing = np.bitwise_count(one.filters ^ other.filters).sum()
    return 1 - float(differing) / (one.filters.size * 64)


@few
@given(several)
def test_the_trustee_learns_who_is_alike_and_what_is_missing(rows: list[int]) -> None:
    """Two partners' encodings of one person are found to be one, and an absent part is seen."""
    mine = people(rows)
    theirs = [replace(one, place="", postcode="") for one in mine]

    found = link(encode(mine, KEY), encode(theirs, KEY))

    assert sorted(found.same.select("left", "right").rows()) == [(i, i) for i in range(3)]
    assert not encode(theirs, KEY).has(Field.POSTCODE).any()


@few
@given(several)
def test_partner_and_trustee_together_can_test_a_name(rows: list[int]) -> None:
    """The partner's key and the trustee's encodings tell whether a guessed person is there."""
    held = encode(people(rows), KEY)

    guessed = link(held, encode(people(rows[:1]), KEY)).same
    stranger = link(held, encode(people(rows[:1], "right"), KEY)).same

    assert guessed.select("left", "right").rows() == [(0, 0)]
    assert not stranger.height


@few
@given(several)
def test_partner_and_platform_together_can_lay_a_bait(rows: list[int]) -> None:
    """A record of a guessed name gets the patient key of the person of another partner."""
    pseudonyms = [OTHER.pseudonym(f"T{row}") for row in rows]
    records = encode(people(rows), KEY).records()
    held = [
        Patient("trial", bytes(name), DOMAIN.patient_key("trial", name), index, encoding=record)
        for index, (name, record) in enumerate(zip(pseudonyms, records, strict=True))
    ]
    bait = SITE.pseudonym("bait")

    links = find_links([bait], encode(people(rows[:1]), KEY), {"trial": held})

    assert links.same == {bait: SitePseudonym(held[0].pseudonym)}
    named = DOMAIN.patient_key("trial", links.same[bait])
    assert person_id(named) == person_id(held[0].patient_key)


@settings(max_examples=4)
@given(several, values)
def test_a_carrier_sees_waybills_and_sizes(rows: list[int], ages: list[int]) -> None:
    """No pseudonym, patient key, number or value stands in an envelope, spelled or in bytes."""
    clinical = "\n".join((
        "patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype",
        *(f'CANARY{row},{age},f,10,100,1,30,,1,"46,XX,t(8;21)[20]"'
          for row, age in zip(rows, ages, strict=True)), "",
    ))  # fmt: skip
    with TemporaryDirectory() as folder:
        parties = three_parties(Path(folder))
        sealed = parties.seal(contribution(Path(folder) / "c", clinical))
        keys = parties.relay(sealed)
        carried = b"".join(path.read_bytes() for path in (sealed.identities, sealed.payload, keys))
        site = parties.partner.site
        names = [site.pseudonym(f"CANARY{row}") for row in rows]

        known = [parties.trustee.key_of("hospital", name) for name in names]

    assert all(known)
    for secret in (*names, *filter(None, known)):
        assert bytes(secret) not in carried
        assert bytes(secret).hex().encode() not in carried
    for word in (b"CANARY", b"46,XX", b"karyotype", b"npm1"):
        assert word not in carried
