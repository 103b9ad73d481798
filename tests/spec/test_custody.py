"""Keys over their life, and requests about one patient that two people must approve."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import haemony as hm
from haemony.admission import leave, receive
from haemony.parties import Trustee, custody, requests
from haemony.parties.party import AlreadyThere
from haemony.privacy.exchange import EnvelopeRefused, Refusal
from haemony.privacy.exchange.approval import NotApproved
from support.approvals import approved, approver
from support.contributions import SMALL, contribution
from support.three_parties import NOW, ThreeParties, three_parties

SECRET = "correct horse battery staple"  # noqa: S105


@pytest.fixture
def parties(tmp_path: Path) -> ThreeParties:
    """Three parties, with one contribution of three patients received."""
    made = three_parties(tmp_path)
    bring(made, contribution(tmp_path / "c"))
    return made


def bring(parties: ThreeParties, given: hm.Contribution) -> hm.Release:
    """Seal, relay, receive."""
    sealed = parties.partner.seal(given, parties.post, now=NOW, again=True)
    return receive([sealed.payload, parties.relay(sealed)], parties.platform, now=NOW).release


def persons(release: hm.Release) -> set[int]:
    """The persons of a release."""
    return set(release.table("person")["person_id"])


def test_a_patient_leaves_with_two_approvals(parties: ThreeParties, tmp_path: Path) -> None:
    """The patient is gone from the next release, and does not come back with the next version."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    request = requests.ask_withdrawal(parties.partner, "small", "B", parties.post, now=NOW)
    order = requests.obey_withdrawal(
        parties.trustee, request, approved(request, *people), parties.post, now=NOW
    )

    release = leave(order, parties.platform, now=NOW)
    later = bring(parties, contribution(tmp_path / "d", SMALL.replace("12.5", "12.6")))

    ages = sorted(later.features(["age_at_diagnosis"])["age_at_diagnosis"])
    assert (len(persons(release)), ages) == (2, [47.0, 61.0])
    reasons = set(later.table("set_aside")["reason"])
    assert "the patient has withdrawn" in reasons


def test_one_approval_is_not_enough(parties: ThreeParties, tmp_path: Path) -> None:
    """One person, the same person twice, a stranger, another file: none of them makes two."""
    alice = approver(tmp_path / "alice", "alice", parties.trustee)
    bob = approver(tmp_path / "bob", "bob", parties.trustee)
    stranger = approver(tmp_path / "eve", "eve", parties.platform)
    request = requests.ask_withdrawal(parties.partner, "small", "B", parties.post, now=NOW)
    other = requests.ask_withdrawal(parties.partner, "small", "A", parties.post, now=NOW)
    tries = (
        [],
        approved(request, alice),
        approved(request, alice, alice),
        approved(request, alice, stranger),
        [*approved(request, alice), *approved(other, bob)],
    )

    for approvals in tries:
        with pytest.raises(NotApproved):
            requests.obey_withdrawal(parties.trustee, request, approvals, parties.post, now=NOW)

    assert not parties.trustee.governance.patients_of(0)
    assert persons(parties.platform.lake.latest()) == persons(parties.platform.lake.release(1))


def test_a_request_is_obeyed_once(parties: ThreeParties, tmp_path: Path) -> None:
    """Neither trustee nor platform obeys the same withdrawal a second time."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    request = requests.ask_withdrawal(parties.partner, "small", "B", parties.post, now=NOW)
    approvals = approved(request, *people)
    order = requests.obey_withdrawal(parties.trustee, request, approvals, parties.post, now=NOW)
    leave(order, parties.platform, now=NOW)

    with pytest.raises(EnvelopeRefused) as at_trustee:
        requests.obey_withdrawal(parties.trustee, request, approvals, parties.post, now=NOW)
    with pytest.raises(EnvelopeRefused) as at_platform:
        leave(order, parties.platform, now=NOW)

    assert at_trustee.value.refusal is at_platform.value.refusal is Refusal.REPLAYED


def test_nobody_unknown_leaves(parties: ThreeParties, tmp_path: Path) -> None:
    """A patient whom the trustee has never seen is not withdrawn in silence."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    request = requests.ask_withdrawal(parties.partner, "small", "Z", parties.post, now=NOW)

    with pytest.raises(requests.NotKnown):
        requests.obey_withdrawal(
            parties.trustee, request, approved(request, *people), parties.post, now=NOW
        )


def test_a_patient_is_contacted_again(parties: ThreeParties, tmp_path: Path) -> None:
    """A finding at the platform reaches the partner's own patient number, and nobody else."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    table = parties.platform.lake.latest().features(["age_at_diagnosis"])
    person = table.row(by_predicate=hm_age(34.0), named=True)["person_id"]
    request = requests.ask_recontact(
        parties.platform, "small", person, requests.Reason.FINDING, parties.post, now=NOW
    )

    (path,) = requests.obey_recontact(
        parties.trustee, request, approved(request, *people), parties.post, now=NOW
    )
    found = requests.identify(parties.partner, path, contribution(tmp_path / "c2"), now=NOW)

    assert found == requests.Contact("B", requests.Reason.FINDING)


def hm_age(age: float) -> object:
    """The row of an age."""
    import polars as pl  # noqa: PLC0415

    return pl.col("age_at_diagnosis") == age


def test_new_keys_make_no_new_patients(parties: ThreeParties, tmp_path: Path) -> None:
    """Partner and trustee replace their keys; the persons of the next release are the same."""
    before = persons(parties.platform.lake.latest())
    assert custody.rotate(parties.partner) == "site-1"
    assert custody.rotate(parties.trustee) == "domain-1"

    after = persons(bring(parties, contribution(tmp_path / "d", SMALL.replace("12.5", "12.6"))))
    custody.rotate(parties.partner)
    third = persons(bring(parties, contribution(tmp_path / "e", SMALL.replace("12.5", "12.7"))))

    assert before == after == third


def test_a_new_key_names_new_patients(parties: ThreeParties, tmp_path: Path) -> None:
    """A patient who comes after the trustee's key was replaced has a key under the new one."""
    custody.rotate(parties.trustee)
    more = SMALL + "D,50,f,3.0,100,0,30,,0,\n"

    release = bring(parties, contribution(tmp_path / "d", more))

    assert len(persons(release)) == 4


def test_a_key_is_destroyed_with_two_approvals_and_a_record(
    parties: ThreeParties, tmp_path: Path
) -> None:
    """The retired key is gone, the record is signed, and the order cannot be used again."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    custody.rotate(parties.trustee)
    text = parties.trustee.keys.text("domain-1")
    order = tmp_path / "order.json"
    order.write_bytes(custody.order_destruction(parties.trustee, "domain-1", "leaked", NOW))
    with pytest.raises(NotApproved):
        custody.destroy(parties.trustee, order.read_bytes(), "order", [], NOW)
    approvals = [path.read_bytes() for path in approved(order, *people)]

    record = custody.destroy(parties.trustee, order.read_bytes(), "order", approvals, NOW)

    given = json.loads(record.read_bytes())
    signature = bytes.fromhex(given.pop("signature"))
    assert parties.trustee.card.signed(custody.canonical(given), signature)
    assert given["approved by"] == sorted(person.card.fingerprint for person in people)
    assert "domain-1" not in parties.trustee.keys.names
    everything = b"".join(p.read_bytes() for p in parties.trustee.folder.rglob("*") if p.is_file())
    assert text.encode() not in everything
    parties.trustee.keys.write("domain-1", "00" * 32)
    with pytest.raises(custody.NotThisOrder):
        custody.destroy(parties.trustee, order.read_bytes(), "order", approvals, NOW)


def test_an_order_of_somebody_else_is_not_obeyed(parties: ThreeParties, tmp_path: Path) -> None:
    """Neither another party's order nor a changed one destroys anything."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    other = Trustee.init(tmp_path / "other", "other")
    for party in (other, parties.trustee):
        custody.rotate(party)
    theirs = custody.order_destruction(other, "domain-1", "why not", NOW)
    changed = custody.order_destruction(parties.trustee, "domain-1", "old", NOW).replace(
        b"old", b"new"
    )

    for order in (theirs, changed, b"{}", b"\xff"):
        path = tmp_path / "order.json"
        path.write_bytes(order)
        approvals = [p.read_bytes() for p in approved(path, *people)]
        with pytest.raises(custody.NotThisOrder):
            custody.destroy(parties.trustee, order, "order", approvals, NOW)


def test_keys_of_the_exchange_are_not_destroyed_so(parties: ThreeParties) -> None:
    """Without its signing key a party could not record what it destroyed; nor is one in use."""
    for name in ("exchange-signing", "domain"):
        with pytest.raises(custody.NotReplaceable):
            custody.order_destruction(parties.trustee, name, "mistake", NOW)
    with pytest.raises(custody.NotReplaceable):
        custody.rotate(parties.platform)


def test_a_lost_workspace_comes_back(parties: ThreeParties, tmp_path: Path) -> None:
    """From a backup, partner and trustee recognise their patients, and envelopes still open."""
    before = persons(parties.platform.lake.latest())
    backups = [custody.back_up(party, SECRET) for party in (parties.partner, parties.trustee)]
    sealed = parties.partner.seal(
        contribution(tmp_path / "d", SMALL.replace("12.5", "12.6")), parties.post, now=NOW
    )

    partner, trustee = (
        custody.recover(backup, "b", SECRET, tmp_path / f"recovered{index}")
        for index, backup in enumerate(backups)
    )
    keys = Trustee(trustee.folder).relay(sealed.identities, parties.post, now=NOW)
    after = persons(receive([sealed.payload, keys], parties.platform, now=NOW).release)

    assert before == after
    assert partner.card == parties.partner.card
    assert (partner.folder / "keys" / "site.key").stat().st_mode & 0o077 == 0


def test_a_backup_is_safe_and_careful(parties: ThreeParties, tmp_path: Path) -> None:
    """Short passphrases, wrong ones, damaged files and taken folders are refused."""
    with pytest.raises(custody.WeakPassphrase):
        custody.back_up(parties.partner, "short")
    backup = custody.back_up(parties.partner, SECRET)

    assert parties.partner.keys.text("site").encode() not in backup
    with pytest.raises(custody.NoBackup):
        custody.recover(backup, "b", SECRET + "!", tmp_path / "r1")
    with pytest.raises(custody.NoBackup):
        custody.recover(backup[:-20], "b", SECRET, tmp_path / "r2")
    with pytest.raises(AlreadyThere):
        custody.recover(backup, "b", SECRET, parties.partner.folder)


def test_requests_grow_old(parties: ThreeParties, tmp_path: Path) -> None:
    """A withdrawal is asked for again when it lay about for more than a month."""
    people = [approver(tmp_path / name, name, parties.trustee) for name in ("alice", "bob")]
    request = requests.ask_withdrawal(parties.partner, "small", "B", parties.post, now=NOW)

    with pytest.raises(EnvelopeRefused) as caught:
        requests.obey_withdrawal(
            parties.trustee,
            request,
            approved(request, *people),
            parties.post,
            now=NOW + timedelta(days=40),
        )

    assert caught.value.refusal is Refusal.EXPIRED
