"""A trusted party that turns hostile: what it signs is refused, and nobody else's data suffer."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import haemony as hm
from haemony.admission import leave, receive
from haemony.governance.store import EVERYWHERE
from haemony.intake.dictionary import ColumnType, Entry, Role
from haemony.parties import Party, requests
from haemony.parties.party import NameTaken
from haemony.privacy.exchange import EnvelopeRefused, Part, Refusal, seal_parts
from haemony.privacy.exchange.approval import Approval
from haemony.privacy.exchange.card import Card, NoCard
from haemony.privacy.exchange.card import Role as PartyRole
from haemony.privacy.identities import KeyTable
from haemony.privacy.payload import Payload
from haemony.privacy.split import NumbersFound
from haemony.privacy.wire import Malformed, pack, unpack
from support.contributions import ENTRIES, SMALL, contribution
from support.three_parties import NOW, ThreeParties, another_partner, three_parties


@pytest.fixture
def parties(tmp_path: Path) -> ThreeParties:
    """Three parties."""
    return three_parties(tmp_path)


def bring(parties: ThreeParties, given: hm.Contribution) -> hm.Release:
    """Seal, relay, receive."""
    sealed = parties.partner.seal(given, parties.post, now=NOW, again=True)
    return receive([sealed.payload, parties.relay(sealed)], parties.platform, now=NOW).release


def withdrawal(parties: ThreeParties, folder: Path, patient: str) -> Path:
    """An approved withdrawal, obeyed by the trustee."""
    request = requests.ask_withdrawal(parties.partner, "small", patient, parties.post, now=NOW)
    paths = []
    for name in ("alice", "bob"):
        place = folder / f"{name}-{patient}"
        Party.make(place, PartyRole.APPROVER, f"{name} {patient}", ())
        person = Party(place, PartyRole.APPROVER)
        parties.trustee.trust(person.card.to_bytes(person.keys))
        path = place / "ok"
        given = Approval.give(request.read_bytes(), person.card, person.keys)
        path.write_bytes(given.to_bytes())
        paths.append(path)
    return requests.obey_withdrawal(parties.trustee, request, paths, parties.post, now=NOW)


def test_everybody_can_leave_one_by_one(parties: ThreeParties, tmp_path: Path) -> None:
    """The last patient leaves as the first did, and a new version brings none of them back."""
    bring(parties, contribution(tmp_path / "c"))
    for patient in "ABC":
        release = leave(withdrawal(parties, tmp_path, patient), parties.platform, now=NOW)

    again = bring(parties, contribution(tmp_path / "d", SMALL.replace("12.5", "12.6")))

    assert release is not None
    assert release.table("person").is_empty()
    assert again.table("person").is_empty()


def test_who_leaves_stays_out_of_what_is_on_its_way(parties: ThreeParties, tmp_path: Path) -> None:
    """Sealed and relayed before the withdrawal, received after it: the patient does not appear."""
    bring(parties, contribution(tmp_path / "c"))
    rows = SMALL.replace("B,34", "X,34").replace("C,47", "Y,47")
    other = contribution(tmp_path / "d", rows, id="other")
    sealed = parties.partner.seal(other, parties.post, now=NOW)
    keys = parties.relay(sealed)
    leave(withdrawal(parties, tmp_path, "A"), parties.platform, now=NOW)

    release = receive([sealed.payload, keys], parties.platform, now=NOW).release

    assert release.table("person").height == 4
    assert sorted(release.features(["age_at_diagnosis"])["age_at_diagnosis"]) == [34, 34, 47, 47]


def test_two_contributions_of_one_partner_share_nobody(
    parties: ThreeParties, tmp_path: Path
) -> None:
    """The partner's own patients count once as well, in whatever order their envelopes arrive."""
    more = SMALL.replace("C,47", "D,52")
    given = [contribution(tmp_path / "1", id="one"), contribution(tmp_path / "2", more, id="two")]
    sealed = [parties.seal(each) for each in given]
    keys = [parties.relay(each) for each in sealed]

    receive([sealed[1].payload, keys[1]], parties.platform, now=NOW)
    release = receive([sealed[0].payload, keys[0]], parties.platform, now=NOW).release

    assert release.table("person").height == 4


def test_a_withdrawal_from_an_empty_lake_counts(parties: ThreeParties, tmp_path: Path) -> None:
    """The patient leaves before anything was received."""
    sealed = parties.partner.seal(contribution(tmp_path / "c"), parties.post, now=NOW)
    keys = parties.relay(sealed)

    assert leave(withdrawal(parties, tmp_path, "A"), parties.platform, now=NOW) is None
    assert len(parties.platform.governance.withdrawn_persons(EVERYWHERE)) == 1
    release = receive([sealed.payload, keys], parties.platform, now=NOW).release
    assert release.table("person").height == 2


def test_requests_may_be_obeyed_in_any_order(parties: ThreeParties, tmp_path: Path) -> None:
    """The withdrawal of one patient does not overtake that of another."""
    bring(parties, contribution(tmp_path / "c"))
    first = withdrawal(parties, tmp_path, "A")
    second = withdrawal(parties, tmp_path, "B")

    for order in (second, first):
        release = leave(order, parties.platform, now=NOW)

    assert release is not None
    assert release.table("person").height == 1


def test_nobody_replaces_anothers_contribution(parties: ThreeParties, tmp_path: Path) -> None:
    """A contribution of the same id from another partner is refused; the first one stays."""
    before = bring(parties, contribution(tmp_path / "c"))
    other = another_partner(parties, tmp_path / "evil", "clinic")
    sealed = other.seal(contribution(tmp_path / "b", partner="clinic"), parties.post / "b", now=NOW)
    keys = parties.trustee.relay(sealed.identities, parties.post / "b", now=NOW)

    with pytest.raises(EnvelopeRefused) as caught:
        receive([sealed.payload, keys], parties.platform, now=NOW)

    assert caught.value.refusal is Refusal.OTHER_PARTNER
    assert parties.platform.lake.latest().manifest == before.manifest


@pytest.mark.parametrize(
    ("subject", "number"),
    [("../../escaped", 1), ("/tmp/evil", 1), ("a\0b", 1), ("small", 2**63), ("small", 0)],  # noqa: S108
)
def test_a_waybill_names_no_path(
    parties: ThreeParties, tmp_path: Path, subject: str, number: int
) -> None:
    """What is signed is still checked: subjects are ids, numbers are small."""
    part = {"identities": Part(parties.trustee.card, b"{}")}
    sealed = seal_parts(part, sender=parties.partner.card, keys=parties.partner.keys,
                        subject=subject, number=number, now=NOW)  # fmt: skip
    path = tmp_path / "x.identities.haemony"
    path.write_bytes(sealed["identities"])

    with pytest.raises(EnvelopeRefused) as caught:
        parties.trustee.relay(path, parties.post, now=NOW)

    assert caught.value.refusal is Refusal.FOREIGN
    assert not parties.post.exists()


HOSTILE = {
    "deep": b"[" * 200_000,
    "not a number": b'{"rows": [NaN]}',
    "no JSON": b"\xff\xfe",
    "a list": b"[]",
    "rows of numbers": b'{"rows": [[1, 2, 3]]}',
    "huge number": b'{"rows": 1e999999}',
    "former is a number": json.dumps({"rows": [["0" * 32, "00" * 32, 5]]}).encode(),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("part", ["identities", "payload", "keys"])
def test_hostile_content_is_refused(
    parties: ThreeParties, tmp_path: Path, content: bytes, part: str
) -> None:
    """Validly signed nonsense ends in a refusal with an audit entry, in each kind of envelope."""
    squeezed = content if part == "keys" else zlib.compress(content)
    if part == "identities":
        sealed = {
            part: seal(
                parties.partner,
                {part: (parties.trustee, squeezed), "payload": (parties.platform, b"")},
            )[part]
        }
        act: Callable[[], object] = lambda: parties.trustee.relay(  # noqa: E731
            put(tmp_path, sealed)[0], parties.post, now=NOW
        )
        party: Party = parties.trustee
    else:
        given = parties.partner.seal(contribution(tmp_path / "c"), parties.post, now=NOW)
        keys = parties.relay(given)
        paths = forged(parties, tmp_path, given.payload, keys, part, squeezed)
        act = lambda: receive(paths, parties.platform, now=NOW)  # noqa: E731
        party = parties.platform

    with pytest.raises(EnvelopeRefused) as caught:
        act()

    assert caught.value.refusal is Refusal.MALFORMED
    assert party.governance.events()[-1]["action"] == "envelope refused"


def seal(sender: Party, parts: dict[str, tuple[Party, bytes]], answers: str = "",
         number: int = 9) -> dict[str, bytes]:  # fmt: skip
    """Validly signed envelopes of any content."""
    return seal_parts(
        {name: Part(to.card, content) for name, (to, content) in parts.items()},
        sender=sender.card, keys=sender.keys, subject="small", number=number, now=NOW,
        answers=answers,
    )  # fmt: skip


def put(folder: Path, sealed: dict[str, bytes]) -> list[Path]:
    """Write envelopes to files."""
    paths = []
    for name, envelope in sealed.items():
        path = folder / f"forged.{name}.haemony"
        path.write_bytes(envelope)
        paths.append(path)
    return paths


def forged(parties: ThreeParties, folder: Path, payload: Path, keys: Path, part: str,
           content: bytes) -> list[Path]:  # fmt: skip
    """A payload, or keys, of hostile content beside an honest other half."""
    from haemony.privacy.exchange import peek  # noqa: PLC0415

    if part == "payload":
        sealed = seal(parties.partner, {"payload": (parties.platform, content),
                                        "identities": (parties.trustee, b"")})  # fmt: skip
        message = peek(sealed["payload"], "x")[0].message
        answer = seal(parties.trustee,
                      {"keys": (parties.platform, KeyTable({}).to_bytes())}, message)  # fmt: skip
        return put(folder, {"payload": sealed["payload"], **answer})
    waybill, _ = peek(payload.read_bytes(), "x")
    answer = seal(parties.trustee, {"keys": (parties.platform, content)}, waybill.message,
                  waybill.number)  # fmt: skip
    assert keys.is_file()
    return [payload, *put(folder, answer)]


def test_a_bomb_is_not_unpacked() -> None:
    """More than the limit is never built, however small it comes."""
    bomb = zlib.compress(b'"' + b"a" * 10_000_000 + b'"')

    with pytest.raises(Malformed):
        unpack(bomb, largest=1_000_000)


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given["tokens"].append(given["tokens"][0]),
        lambda given: given["tokens"].pop(),
        lambda given: given["tables"][0]["columns"]["token"]["at"].__setitem__(0, None),
        lambda given: given["tables"][0]["columns"]["token"]["at"].__setitem__(0, 99),
        lambda given: given["tables"][0]["columns"]["token"]["at"].__setitem__(0, -1),
        lambda given: given["tables"][0]["columns"].pop("source_row"),
        lambda given: given["tables"][0]["columns"].update(source_row=["1", "2", "3"]),
        lambda given: given["tables"][0]["columns"].update(source_row=[1, 2]),
        lambda given: given["tables"][0]["entries"][0].update(precedence="x"),
        lambda given: given["tables"][0]["entries"][0].update(values=[1]),
        lambda given: given["problems"].pop("rule"),
        lambda given: given.update(rows_in=[1]),
        lambda given: given.update(digest="0" * 100_000),
        lambda given: given["description"].update(
            assays=[{"name": "a", "method": "m", "calls": "x", "tested": "y", "genes": []}]
        ),
    ],
)
def test_a_payload_fits_together(
    tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    """A payload with any part out of place is none."""
    from haemony.intake import check  # noqa: PLC0415
    from haemony.privacy import SiteKey, split  # noqa: PLC0415

    checked = check(contribution(tmp_path / "c"), hm.disease("aml").catalogue)
    given = unpack(split(checked, SiteKey(bytes(32))).payload.to_bytes())
    assert Payload.from_bytes(pack(given)).tables["clinical"].frame.height == 3
    change(given)

    with pytest.raises(Malformed):
        Payload.from_bytes(pack(given))


def test_patient_numbers_in_a_mapped_column_stop_the_seal(
    parties: ThreeParties, tmp_path: Path
) -> None:
    """A column that repeats the patient's own number is found whatever it is called."""
    rows = "patient,again,wbc\n" + "".join(f"{7000 + i},{7000 + i},5\n" for i in range(9))
    entries = (
        Entry("clinical", "patient", role=Role.PATIENT),
        Entry("clinical", "again", element="karyotype_iscn"),
        Entry("clinical", "wbc", type=ColumnType.NUMBER, unit="10*9/L", element="wbc"),
    )

    with pytest.raises(NumbersFound, match=r"clinical\.again"):
        parties.seal(contribution(tmp_path / "c", rows, entries))


def test_words_of_the_dictionary_stay(parties: ThreeParties, tmp_path: Path) -> None:
    """Labels, notes and names of centres reach the platform neither in cells nor in words."""
    from haemony.intake import check  # noqa: PLC0415
    from haemony.privacy import SiteKey, split  # noqa: PLC0415

    rows = SMALL.replace("\n", ",", 1).replace("karyotype,", "karyotype,centre\n", 1)
    lines = SMALL.strip().split("\n")
    table = "\n".join([f"{lines[0]},centre", *(f"{line},Canary Clinic" for line in lines[1:]), ""])
    assert rows
    entries = (
        *ENTRIES[:-1],
        Entry("clinical", "karyotype", "ask Canary Nurse", element="karyotype_iscn",
              note="Canary Note"),
        Entry("clinical", "centre", type=ColumnType.CATEGORY, element="centre",
              values={"Canary Clinic": "Canary Town"}, missing=("Canary Missing",)),
    )  # fmt: skip
    checked = check(contribution(tmp_path / "c", table, entries), hm.disease("aml").catalogue)

    payload = split(checked, SiteKey(bytes(32))).payload.to_bytes()

    assert b"Canary" not in zlib.decompress(payload)
    release = bring(parties, contribution(tmp_path / "d", table, entries))
    assert release.table("care_site").height == 1


def test_a_card_cannot_pass_for_another(parties: ThreeParties, tmp_path: Path) -> None:
    """Names with line breaks, markup or look-alike spaces are no names; keys belong to one card."""
    from dataclasses import asdict  # noqa: PLC0415

    from haemony.privacy.exchange.card import canonical, sign  # noqa: PLC0415

    trustee = parties.trustee

    def named(name: object) -> bytes:
        card = Card(PartyRole.PARTNER, name, trustee.card.signing,  # type: ignore[arg-type]
                    trustee.card.encryption)  # fmt: skip
        signature = sign(canonical(asdict(card)), trustee.keys).hex()
        return json.dumps({"card": asdict(card), "signature": signature}).encode()

    for name in ("a\nb", "[bold]a", "a ", "", 5, None, "x" * 121, "\x1b[8mA"):
        with pytest.raises(NoCard):
            Card.from_bytes(named(name))
    with pytest.raises(NameTaken):
        parties.partner.trust(named("another name"))
    assert tmp_path.is_dir()
