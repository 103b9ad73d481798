"""Three parties: what each accepts, what it refuses, and what it can learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.admission import receive
from haemony.model.errors import Exit, HaemonyError
from haemony.parties import Partner, Trustee
from haemony.parties.partner import SealedBefore, WrongPartner
from haemony.parties.party import NameTaken, NobodyTrusted, Party
from haemony.privacy.exchange import EnvelopeRefused, Refusal, Waybill, peek
from haemony.privacy.exchange.card import sign
from haemony.privacy.keys import NoKey, UnsafeKeys
from haemony.workspace import ComesSealed, introduce
from support.contributions import SMALL, contribution
from support.three_parties import NOW, ThreeParties, another_partner, three_parties

FEATURES = ["age_at_diagnosis", "sex", "NPM1", "os_days", "os_event"]


@pytest.fixture
def parties(tmp_path: Path) -> ThreeParties:
    """Three fresh parties that trust each other."""
    return three_parties(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> hm.Contribution:
    """A contribution of three patients."""
    return contribution(tmp_path / "c")


def state(party: Party) -> dict[str, bytes]:
    """Every file of a workspace but its ledger and the lake's lock."""
    return {
        str(path.relative_to(party.folder)): path.read_bytes()
        for path in sorted(party.folder.rglob("*"))
        if path.is_file() and path.name not in {"governance.sqlite", ".lock"}
    }


def refused(party: Party, action: Callable[[], object]) -> Refusal:
    """The reason an action is refused; checks that nothing changed but one audit entry."""
    before, events = state(party), len(party.governance.events())
    with pytest.raises(EnvelopeRefused) as caught:
        action()
    assert state(party) == before
    new = party.governance.events()[events:]
    reason = {"reason": caught.value.refusal.name.lower()}
    assert [(event["action"], event["details"]) for event in new] == [("envelope refused", reason)]
    assert caught.value.exit_code is Exit.REFUSED
    return caught.value.refusal


def test_sealed_relayed_received(parties: ThreeParties, small: hm.Contribution) -> None:
    """Three parties that exchange nothing but files make a release of the contribution."""
    sealed = parties.seal(small)
    keys = parties.relay(sealed)

    admission = receive([keys, sealed.payload], parties.platform, now=NOW)

    table = admission.release.features(FEATURES)
    assert admission.admitted == ("small",)
    assert table.sort("age_at_diagnosis").drop("person_id").rows() == [
        (34.0, "male", "negative", 1200, False),
        (47.0, "female", None, 20, True),
        (61.0, "female", "positive", 850, True),
    ]


def test_the_same_patients_stay_the_same_persons(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """Tokens are new in every seal; the persons of a corrected contribution are not."""
    first = parties.seal(small)
    persons = receive([first.payload, parties.relay(first)], parties.platform, now=NOW).release
    corrected = contribution(tmp_path / "d", SMALL.replace("12.5", "12.6"))

    second = parties.seal(corrected)
    again = receive([second.payload, parties.relay(second)], parties.platform, now=NOW).release

    assert second.number == 2
    assert again.number == 2
    assert set(again.table("person")["person_id"]) == set(persons.table("person")["person_id"])


def test_two_contributions_arrive_together(parties: ThreeParties, tmp_path: Path) -> None:
    """Any number of payloads and keys make one release."""
    other = another_partner(parties, tmp_path / "other", "clinic")
    mine = parties.seal(contribution(tmp_path / "a", id="one"))
    theirs = other.seal(
        contribution(tmp_path / "b", id="two", partner="clinic"), parties.post, now=NOW
    )
    keys = [parties.trustee.relay(s.identities, parties.post, now=NOW) for s in (mine, theirs)]

    admission = receive([*keys, theirs.payload, mine.payload], parties.platform, now=NOW)

    assert set(admission.admitted) == {"one", "two"}
    assert admission.release.table("person").height == 6


def flip(path: Path, place: float) -> None:
    """Change one byte at a place between the beginning (0) and the end (1)."""
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("part", ["identities", "payload", "keys"])
def test_a_changed_byte_is_refused(
    parties: ThreeParties, small: hm.Contribution, part: str, place: float
) -> None:
    """Wherever a byte of an envelope changes, it is refused and nothing else happens."""
    sealed = parties.seal(small)
    if part == "identities":
        flip(sealed.identities, place)
        refused(parties.trustee, lambda: parties.relay(sealed))
        return
    keys = parties.relay(sealed)
    flip(sealed.payload if part == "payload" else keys, place)

    refused(parties.platform, lambda: receive([sealed.payload, keys], parties.platform, now=NOW))


@pytest.mark.parametrize("share", [0.0, 0.005, 0.2, 0.5, 0.999])
def test_a_cut_envelope_is_refused(
    parties: ThreeParties, small: hm.Contribution, share: float
) -> None:
    """An envelope of which an end is missing is called cut short."""
    sealed = parties.seal(small)
    content = sealed.identities.read_bytes()
    sealed.identities.write_bytes(content[: int(share * len(content))])

    assert refused(parties.trustee, lambda: parties.relay(sealed)) is Refusal.TRUNCATED


def test_a_file_of_another_kind_is_refused(parties: ThreeParties, tmp_path: Path) -> None:
    """A spreadsheet sent by mistake is no envelope."""
    stray = tmp_path / "letter.csv"
    stray.write_text(SMALL, encoding="utf-8")

    reason = refused(parties.trustee, lambda: parties.trustee.relay(stray, parties.post, now=NOW))

    assert reason is Refusal.FOREIGN


def test_a_replayed_envelope_is_refused(parties: ThreeParties, small: hm.Contribution) -> None:
    """The same envelope is accepted once, at the trustee and at the platform."""
    sealed = parties.seal(small)
    keys = parties.relay(sealed)
    receive([sealed.payload, keys], parties.platform, now=NOW)

    at_trustee = refused(parties.trustee, lambda: parties.relay(sealed))
    at_platform = refused(
        parties.platform, lambda: receive([sealed.payload, keys], parties.platform, now=NOW)
    )

    assert at_trustee is at_platform is Refusal.REPLAYED


def test_an_earlier_envelope_after_a_later_one_is_refused(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """Reordered on the way, the older contribution does not replace the newer one."""
    old = parties.seal(small)
    new = parties.seal(contribution(tmp_path / "d", SMALL.replace("12.5", "12.6")))
    parties.relay(new)

    assert refused(parties.trustee, lambda: parties.relay(old)) is Refusal.OUT_OF_ORDER


def test_an_envelope_for_somebody_else_is_refused(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """A payload sent to the trustee, and identities sent to the platform, are not opened."""
    sealed = parties.seal(small)
    keys = parties.relay(sealed)

    at_trustee = refused(
        parties.trustee,
        lambda: parties.trustee.relay(sealed.payload, parties.post, now=NOW),
    )
    at_platform = refused(
        parties.platform, lambda: receive([sealed.identities, keys], parties.platform, now=NOW)
    )

    assert at_trustee is at_platform is Refusal.WRONG_ADDRESS


def test_a_stranger_is_refused(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """A partner whom the trustee does not trust cannot bring anything."""
    stranger = Partner.init(tmp_path / "stranger", "hospital")
    for party in (parties.trustee, parties.platform):
        stranger.trust(party.card.to_bytes(party.keys))
    sealed = stranger.seal(small, parties.post, now=NOW)

    assert refused(parties.trustee, lambda: parties.relay(sealed)) is Refusal.UNKNOWN_SENDER


def test_nobody_speaks_for_the_trustee(parties: ThreeParties, small: hm.Contribution) -> None:
    """Keys that a partner signed itself, as if it were the trustee, are refused by role."""
    sealed = parties.seal(small)
    keys = parties.relay(sealed)

    reason = refused(
        parties.platform,
        lambda: receive([sealed.payload, resigned(keys, parties)], parties.platform, now=NOW),
    )

    assert reason is Refusal.WRONG_ROLE


def resigned(keys: Path, parties: ThreeParties) -> Path:
    """The trustee's envelope with the partner's name and signature on its waybill."""
    lines = keys.read_bytes().split(b"\n", 4)
    waybill = Waybill.from_bytes(lines[1], "x")
    line = replace(waybill, sender=parties.partner.card.fingerprint).to_bytes()
    lines[1:3] = [line, sign(line, parties.partner.keys).hex().encode()]
    keys.write_bytes(b"\n".join(lines))
    return keys


def test_a_ciphertext_cannot_be_signed_by_somebody_else(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """A partner that puts its own signature on another's identities is found out inside."""
    thief = another_partner(parties, tmp_path / "thief", "thief")
    sealed = parties.seal(small)
    lines = sealed.identities.read_bytes().split(b"\n", 4)
    waybill = Waybill.from_bytes(lines[1], "x")
    line = replace(waybill, sender=thief.card.fingerprint).to_bytes()
    lines[1:3] = [line, sign(line, thief.keys).hex().encode()]
    sealed.identities.write_bytes(b"\n".join(lines))

    assert refused(parties.trustee, lambda: parties.relay(sealed)) is Refusal.TAMPERED


def test_a_lost_opening_key_is_said(parties: ThreeParties, small: hm.Contribution) -> None:
    """An envelope for an earlier encryption key of the same party cannot be opened."""
    sealed = parties.seal(small)
    (parties.trustee.folder / "keys" / "exchange-encryption.key").unlink()
    parties.trustee.keys.make_identity("exchange-encryption")

    with pytest.raises(EnvelopeRefused) as caught:
        Trustee(parties.trustee.folder).relay(sealed.identities, parties.post, now=NOW)

    assert caught.value.refusal is Refusal.WRONG_ADDRESS


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (NOW + timedelta(minutes=11), Refusal.SKEW),
        (NOW - timedelta(days=31), Refusal.EXPIRED),
    ],
)
def test_clocks_that_differ_are_noticed(
    parties: ThreeParties, small: hm.Contribution, made: datetime, reason: Refusal
) -> None:
    """An envelope from the future, or from long ago, is refused."""
    sealed = parties.seal(small, now=made)

    assert refused(parties.trustee, lambda: parties.relay(sealed)) is reason


def test_small_differences_of_clocks_are_borne(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """Five minutes in the future are within what clocks differ."""
    sealed = parties.seal(small, now=NOW + timedelta(minutes=5))

    assert parties.relay(sealed).is_file()


def test_another_version_of_the_protocol_is_refused(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """An old protocol is named as the reason, before anything else is looked at."""
    sealed = parties.seal(small)
    content = sealed.identities.read_bytes()
    sealed.identities.write_bytes(content.replace(b'"protocol":1', b'"protocol":0', 1))

    assert refused(parties.trustee, lambda: parties.relay(sealed)) is Refusal.VERSION


def test_a_partner_does_not_seal_twice_by_accident(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """The same files are sealed once; a second time only when asked for, under a new number."""
    parties.seal(small)
    with pytest.raises(SealedBefore):
        parties.seal(small)

    again = parties.partner.seal(small, parties.post, now=NOW, again=True)

    assert again.number == 2


def test_the_same_pseudonym_from_two_partners_is_refused(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """Two partners with one key (a copied workspace) are found out by the trustee."""
    parties.relay(parties.seal(small))
    copy = another_partner(parties, tmp_path / "copy", "clinic")
    site = parties.partner.keys.text("site")
    (copy.folder / "keys" / "site.key").write_text(site, encoding="ascii")
    theirs = copy.seal(
        contribution(tmp_path / "b", id="other", partner="clinic"), parties.post, now=NOW
    )

    assert refused(parties.trustee, lambda: parties.relay(theirs)) is Refusal.SHARED_PSEUDONYM


def test_keys_of_another_seal_are_refused(
    parties: ThreeParties, small: hm.Contribution, tmp_path: Path
) -> None:
    """Payload 1 does not go with the keys of payload 2."""
    first = parties.seal(small)
    parties.relay(first)
    second = parties.seal(contribution(tmp_path / "d", SMALL.replace("12.5", "12.6")))
    keys = parties.relay(second)

    reason = refused(
        parties.platform, lambda: receive([first.payload, keys], parties.platform, now=NOW)
    )

    assert reason is Refusal.NOT_A_PAIR


def test_a_contribution_of_another_partner_is_not_sealed(
    parties: ThreeParties, tmp_path: Path
) -> None:
    """A partner seals only what names it."""
    with pytest.raises(WrongPartner):
        parties.seal(contribution(tmp_path / "c", partner="clinic"))


def test_without_cards_nothing_is_sealed(small: hm.Contribution, tmp_path: Path) -> None:
    """A partner that knows no trustee says so."""
    alone = Partner.init(tmp_path / "alone", "hospital")

    with pytest.raises(NobodyTrusted, match="no trustee is trusted"):
        alone.seal(small, tmp_path / "post", now=NOW)


def test_a_second_card_of_the_same_name_is_not_trusted(
    parties: ThreeParties, tmp_path: Path
) -> None:
    """Nobody slips in under the name of a trusted party."""
    double = Partner.init(tmp_path / "double", "hospital")

    with pytest.raises(NameTaken):
        parties.trustee.trust(double.card.to_bytes(double.keys))


def test_a_platform_alone_takes_nothing_unsealed(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """Where the parties sit apart, `admit` does not pretend to be all three."""
    with pytest.raises(ComesSealed):
        hm.admit([small], parties.platform)


def test_a_key_that_others_can_read_or_that_is_gone_stops_the_party(
    parties: ThreeParties, small: hm.Contribution
) -> None:
    """Loose permissions and lost keys are named with the file."""
    path = parties.partner.folder / "keys" / "site.key"
    path.chmod(0o644)
    with pytest.raises(UnsafeKeys):
        parties.seal(small)
    path.unlink()

    with pytest.raises(NoKey):
        parties.seal(small)


def test_an_unreadable_cell_does_not_travel(parties: ThreeParties, tmp_path: Path) -> None:
    """A name typed into the column of sex reaches neither payload nor lake; its place does."""
    slip = SMALL.replace("B,34,m,", "B,34,Annegret Musterfrau,") + 17 * "X{0},50,f,1,9,0,,,0,\n"
    rows = slip.format(0)
    lines = rows.split("\n")
    numbered = [line.replace("X0", f"X{index}") for index, line in enumerate(lines)]
    given = contribution(tmp_path / "slip", "\n".join(numbered))

    sealed = parties.seal(given)
    release = receive([sealed.payload, parties.relay(sealed)], parties.platform, now=NOW).release

    aside = release.table("set_aside").filter(pl.col("column") == "sex")
    assert aside.select("row", "reason").rows() == [(3, "not what the dictionary declares")]
    assert not list(found(parties.platform.folder, "Musterfrau"))


def found(folder: Path, canary: str) -> Iterator[Path]:
    """Files below a folder that hold a text, also inside Parquet."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path).select(pl.selectors.string())
            if any(canary in (text or "") for column in frame for text in column):
                yield path
        elif canary.encode() in path.read_bytes():
            yield path


def test_no_patient_number_is_outside_the_partner(parties: ThreeParties, tmp_path: Path) -> None:
    """Patient numbers stand neither in an envelope nor anywhere at trustee and platform."""
    canaries = [f"canary-{letter * 6}" for letter in "xyz"]
    rows = SMALL
    for letter, canary in zip("ABC", canaries, strict=True):
        rows = rows.replace(f"\n{letter},", f"\n{canary},")
    sealed = parties.seal(contribution(tmp_path / "k", rows))
    receive([sealed.payload, parties.relay(sealed)], parties.platform, now=NOW)

    for canary in canaries:
        for folder in (parties.trustee.folder, parties.platform.folder, parties.post):
            assert not list(found(folder, canary)), folder.name


def test_everybody_keeps_only_what_is_theirs(parties: ThreeParties) -> None:
    """No key of one party is among the keys of another."""
    keys = [
        {party.keys.text(name) for name in party.keys.names}
        for party in (parties.partner, parties.trustee, parties.platform)
    ]

    assert sum(map(len, keys)) == len(set().union(*keys)) == 11


def test_errors_name_no_patient(parties: ThreeParties, small: hm.Contribution) -> None:
    """What a refusal says holds file names and fingerprints, and nothing of the content."""
    sealed = parties.seal(small)
    waybill, part = peek(sealed.payload.read_bytes(), "x")

    assert part == "payload"
    assert set(waybill.parts) == {"identities", "payload"}
    for refusal in Refusal:
        said = str(EnvelopeRefused(refusal, "a.haemony"))
        assert "a.haemony is refused: " in said
        assert isinstance(EnvelopeRefused(refusal, "a"), HaemonyError)


def test_introductions_are_mutual(parties: ThreeParties, tmp_path: Path) -> None:
    """After two parties are introduced each trusts the other, and can stop doing so."""
    other = Partner.init(tmp_path / "o", "clinic")
    introduce(other, parties.trustee)

    gone = parties.trustee.distrust(other.card.fingerprint[:12])

    assert gone == other.card
    assert other.card not in parties.trustee.trusted
    assert parties.trustee.card in other.trusted
