"""One patient at two partners: found at the trustee, counted once at the platform (in silico)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.admission import receive
from haemony.analysis.synthetic.identities import TwoSources, draw_sources
from haemony.parties import Partner
from haemony.parties.partner import OtherLinkageKey
from haemony.parties.trustee import Decision, NoSuchReview
from haemony.privacy.exchange import EnvelopeRefused, Refusal
from haemony.privacy.keys import NoKey
from haemony.privacy.linkage import Identity
from haemony.privacy.people import BadPeople, read_people
from haemony.workspace import introduce
from support.contributions import contribution
from support.three_parties import NOW, ThreeParties, another_partner, three_parties

HEADER = "patient,given_names,family_name,birth_name,birth_date,sex,postcode,place"


def written(path: Path, prefix: str, people: tuple[Identity, ...]) -> Path:
    """The table of who the patients are, as a partner keeps it."""
    rows = [HEADER]
    for index, one in enumerate(people):
        born = one.born
        date = f"{born.year or 0:04}-{born.month or 0:02}-{born.day or 0:02}" if born.year else ""
        sex = one.sex.value if one.sex else ""
        cells = (one.given, one.family, one.birth_name, date, sex, one.postcode, one.place)
        rows.append(f"{prefix}{index}," + ",".join(cell.replace(",", " ") for cell in cells))
    path.write_text("\n".join((*rows, "")), encoding="utf-8")
    return path


def clinical(prefix: str, count: int) -> str:
    """As many patients, with values of their own."""
    header = "patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype"
    rows = [f'{prefix}{i},{20 + i % 60},f,{5 + i % 90}.5,{100 + i},0,30,,0,"46,XX[20]"'
            for i in range(count)]  # fmt: skip
    return "\n".join((header, *rows, ""))


@pytest.fixture(scope="module")
def sources() -> TwoSources:
    """Two in-silico sources of 150 people each, 45 of them in both."""
    return draw_sources(150, seed=7, overlap=0.3)


@pytest.fixture
def parties(tmp_path: Path) -> ThreeParties:
    """A registry as the first partner."""
    return three_parties(tmp_path, "registry")


def share(parties: ThreeParties, other: Partner) -> None:
    """Let the other partner have the linkage key of the first."""
    introduce(parties.partner, other)
    path = parties.partner.share_linkage_key(other.card.fingerprint, parties.post, now=NOW)
    other.take_linkage_key(path, now=NOW)


def bring(parties: ThreeParties, partner: Partner, folder: Path, name: str, people: Path,
          count: int) -> hm.Release:  # fmt: skip
    """Seal with identities, relay, receive."""
    given = contribution(folder, clinical(name, count), id=name, partner=partner.name)
    sealed = partner.seal(given, parties.post, now=NOW, people=people, again=True)
    keys = parties.trustee.relay(sealed.identities, parties.post, now=NOW)
    return receive([sealed.payload, keys], parties.platform, now=NOW).release


def test_nobody_counts_twice(parties: ThreeParties, sources: TwoSources, tmp_path: Path) -> None:
    """Of 300 records of 255 people the release counts very nearly 255, and says who came twice."""
    trial = another_partner(parties, tmp_path / "trial", "trial")
    share(parties, trial)
    one = written(tmp_path / "one.csv", "r", sources.left)
    two = written(tmp_path / "two.csv", "t", sources.right)

    bring(parties, parties.partner, tmp_path / "a", "r", one, 150)
    release = bring(parties, trial, tmp_path / "b", "t", two, 150)

    persons = release.table("person")["person_id"]
    assert persons.n_unique() == persons.len()
    found = 300 - persons.len()
    open_ = [pair for pair in parties.trustee.reviews() if pair.decision == "open"]
    assert found <= 45
    assert found + len(open_) >= 45 - 2
    aside = release.table("set_aside").filter(pl.col("reason") == "the same patient came with r")
    assert aside.height == found


def test_people_decide_what_is_unsure(
    parties: ThreeParties, sources: TwoSources, tmp_path: Path
) -> None:
    """A decision counts from the next relay on, and only open pairs are decided."""
    trial = another_partner(parties, tmp_path / "trial", "trial")
    share(parties, trial)
    one = written(tmp_path / "one.csv", "r", sources.left)
    twin = replace(sources.left[0], given="Xaveria", sex=None)
    two = written(tmp_path / "two.csv", "t", (twin, *sources.right[1:]))
    bring(parties, parties.partner, tmp_path / "a", "r", one, 150)
    before = bring(parties, trial, tmp_path / "b", "t", two, 150)
    pair = next(pair for pair in parties.trustee.reviews() if pair.decision == "open")

    parties.trustee.decide(pair.id, Decision.SAME)
    after = bring(parties, trial, tmp_path / "c", "t", two, 150)

    assert after.table("person").height == before.table("person").height - 1
    with pytest.raises(NoSuchReview):
        parties.trustee.decide(pair.id, Decision.DIFFERENT)


def test_without_identities_nobody_is_linked(
    parties: ThreeParties, sources: TwoSources, tmp_path: Path
) -> None:
    """A partner that sends no encodings has its patients counted as they come."""
    one = written(tmp_path / "one.csv", "r", sources.left)
    parties.partner.keys.make("linkage")
    bring(parties, parties.partner, tmp_path / "a", "r", one, 150)
    trial = another_partner(parties, tmp_path / "trial", "trial")
    given = contribution(tmp_path / "b", clinical("t", 150), id="t", partner="trial")
    sealed = trial.seal(given, parties.post, now=NOW)
    keys = parties.trustee.relay(sealed.identities, parties.post, now=NOW)

    release = receive([sealed.payload, keys], parties.platform, now=NOW).release

    assert release.table("person").height == 300


def test_two_linkage_keys_do_not_mix(
    parties: ThreeParties, sources: TwoSources, tmp_path: Path
) -> None:
    """Encodings under another key are refused; nobody is silently missed."""
    trial = another_partner(parties, tmp_path / "trial", "trial")
    for partner in (parties.partner, trial):
        partner.keys.make("linkage")
    one = written(tmp_path / "one.csv", "r", sources.left)
    two = written(tmp_path / "two.csv", "t", sources.right)
    bring(parties, parties.partner, tmp_path / "a", "r", one, 150)

    with pytest.raises(EnvelopeRefused) as caught:
        bring(parties, trial, tmp_path / "b", "t", two, 150)
    introduce(parties.partner, trial)
    path = parties.partner.share_linkage_key(trial.card.fingerprint, parties.post, now=NOW)
    with pytest.raises(OtherLinkageKey):
        trial.take_linkage_key(path, now=NOW)

    assert caught.value.refusal is Refusal.OTHER_LINKAGE


def test_no_name_leaves_the_partner(
    parties: ThreeParties, sources: TwoSources, tmp_path: Path
) -> None:
    """Neither names nor the linkage key lie in an envelope, at the trustee or at the platform."""
    parties.partner.keys.make("linkage")
    one = written(tmp_path / "one.csv", "r", sources.left)
    bring(parties, parties.partner, tmp_path / "a", "r", one, 150)
    names = {one.family for one in sources.left if len(one.family) > 5}
    secret = parties.partner.keys.text("linkage")
    texts = [*(name.encode() for name in names), secret.encode(), bytes.fromhex(secret)]

    for folder in (parties.trustee.folder, parties.platform.folder, parties.post):
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert not any(text in content for text in texts), path


def test_a_linkage_key_is_needed(
    parties: ThreeParties, sources: TwoSources, tmp_path: Path
) -> None:
    """Without a key nothing is encoded, rather than under a key nobody shares."""
    one = written(tmp_path / "one.csv", "r", sources.left)

    with pytest.raises(NoKey, match="linkage"):
        bring(parties, parties.partner, tmp_path / "a", "r", one, 150)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,born\nA,1960-01-01\n", "name, born is not known"),
        ("given_names\nAnna\n", "nobody is named"),
        ("patient,sex\nA,f\nA,m\n", "the patient of row 3 came before"),
        ("patient,sex\nA,woman\n", "sex in row 2 is none of f, m, x"),
    ],
)
def test_a_wrong_table_of_people_says_so(tmp_path: Path, text: str, said: str) -> None:
    """What cannot be understood is named by column and row, never by what stands there."""
    path = tmp_path / "people.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BadPeople) as caught:
        read_people(path)

    assert said in str(caught.value)
    assert "Anna" not in str(caught.value)
