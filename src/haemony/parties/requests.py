"""Requests about one patient, which only the trustee can answer, and only when two people approve.

Withdrawal: partner → trustee → platform. The patient's number never leaves the partner, and the
platform learns which of its persons leaves, nothing else. Recontact: platform → trustee → partner.
The partner learns which of its patients is meant and why, and the platform nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from haemony.governance.store import Act, Message
from haemony.intake import Contribution
from haemony.lake.store import staged, write_bytes
from haemony.model.errors import UsageError
from haemony.parties.partner import SUFFIX, Partner
from haemony.parties.party import Party, ledger_entry
from haemony.parties.trustee import Trustee
from haemony.privacy.exchange import (
    Card,
    EnvelopeRefused,
    Opened,
    Part,
    Refusal,
    Role,
    peek,
    seal_parts,
)
from haemony.privacy.exchange.approval import check_approved
from haemony.privacy.pseudonyms import SitePseudonym
from haemony.privacy.wire import Malformed, parsed

WITHDRAWAL = "withdrawal"
WITHDRAWN = "withdrawn"
RECONTACT = "recontact"
CONTACT = "contact"


class Reason(StrEnum):
    """Why a patient is contacted again; a closed list, so that no finding travels in words."""

    FINDING = "a finding that matters for the patient's care"
    CONSENT = "a question about consent"
    DATA = "a question about the data"


class NotKnown(UsageError):
    """The trustee's map does not hold the patient."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is about a patient whom the trustee has never seen from this partner; look "
            "whether it is the number and the contribution that were sealed"
        )


class NotHere(UsageError):
    """No patient of a contribution has the pseudonym that is asked for."""

    def __init__(self, contribution: str) -> None:
        super().__init__(
            f"no patient of {contribution} is meant; give the contribution, in the version that "
            "was sealed, that the file's name says"
        )


@dataclass(frozen=True, slots=True)
class Leaving:
    """Who leaves, and what the ledger remembers once it is done."""

    person: int
    entry: Message


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to contact again.

    Attributes:
        patient: The partner's own number.
        reason: Why.
    """

    patient: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Answer:
    path: Path
    envelope: bytes


def ask_withdrawal(
    partner: Partner, contribution: str, patient: str, out: Path, *, now: datetime
) -> Path:
    """At the partner: ask the trustee that a patient leaves.

    Args:
        partner: Whose patient it is.
        contribution: Id of the contribution.
        patient: The partner's own number.
        out: Folder for the envelope to the trustee.
        now: The time, with its zone.
    """
    trustee = partner.only(Role.TRUSTEE)
    keys = (partner.site, *partner.former)
    content = {"pseudonyms": [key.pseudonym(patient).hex() for key in keys]}
    return _ask(partner, trustee, WITHDRAWAL, contribution, content, out, now)


def obey_withdrawal(
    trustee: Trustee, request: Path, approvals: Iterable[Path], out: Path, *, now: datetime
) -> Path:
    """At the trustee: an approved withdrawal; tells the platform which person leaves.

    Args:
        trustee: Whose map names the patient.
        request: What :func:`ask_withdrawal` wrote.
        approvals: Approvals of two different people.
        out: Folder for the envelope to the platform.
        now: The time, with its zone.

    Raises:
        NotApproved: When too few people have approved.
        EnvelopeRefused: With the reason.
        NotKnown: When the trustee has never seen the patient.
    """
    opened = _request(trustee, request, WITHDRAWAL, Role.PARTNER, now)
    check_approved(request.read_bytes(), request.name, _contents(approvals), trustee.trusted)
    names = _names(_read(opened, request.name), request.name)
    partner = opened.sender.name
    lines = [line for line in trustee.governance.patients(names) if line.partner == partner]
    if not lines:
        raise NotKnown(request.name)
    person = lines[0].person_id
    platform = trustee.only(Role.PLATFORM)
    answer = _answer(trustee, platform, WITHDRAWN, opened, {"person": person}, out, now)
    with staged(answer.path, answer.envelope), trustee.locked():
        trustee.governance.forget(person, Act.OBEYED, ledger_entry(opened.waybill, partner))
    trustee.governance.record("withdrawal obeyed", opened.waybill.subject)
    return answer.path


def leaving(platform: Party, envelope: Path, *, now: datetime) -> Leaving:
    """At the platform: the person that an obeyed withdrawal is about.

    Raises:
        EnvelopeRefused: With the reason.
    """
    opened = _request(platform, envelope, WITHDRAWN, Role.TRUSTEE, now)
    person = _person(_read(opened, envelope.name), envelope.name)
    return Leaving(person, ledger_entry(opened.waybill, opened.sender.name))


def ask_recontact(
    platform: Party, contribution: str, person: int, reason: Reason, out: Path, *, now: datetime
) -> Path:
    """At the platform: ask the trustee that a patient is contacted again.

    Args:
        platform: Who asks.
        contribution: Id of the contribution with which the person came.
        person: The person of the release.
        reason: Why.
        out: Folder for the envelope to the trustee.
        now: The time, with its zone.
    """
    trustee = platform.only(Role.TRUSTEE)
    content = {"person": person, "reason": reason.name}
    return _ask(platform, trustee, RECONTACT, contribution, content, out, now)


def obey_recontact(
    trustee: Trustee, request: Path, approvals: Iterable[Path], out: Path, *, now: datetime
) -> tuple[Path, ...]:
    """At the trustee: an approved recontact; tells every partner that brought the patient.

    Args:
        trustee: Whose map names the patient.
        request: What :func:`ask_recontact` wrote.
        approvals: Approvals of two different people.
        out: Folder for the envelopes to the partners.
        now: The time, with its zone.

    Raises:
        NotApproved: When too few people have approved.
        EnvelopeRefused: With the reason.
        NotKnown: When the trustee has never seen the patient.
    """
    opened = _request(trustee, request, RECONTACT, Role.PLATFORM, now)
    check_approved(request.read_bytes(), request.name, _contents(approvals), trustee.trusted)
    asked = _read(opened, request.name)
    lines = trustee.governance.patients_of(_person(asked, request.name))
    partners = {card.name: card for card in trustee.trusted if card.role is Role.PARTNER}
    known = [partner for partner in partners if any(line.partner == partner for line in lines)]
    if not known:
        raise NotKnown(request.name)
    reason = _reason(asked, request.name)
    answers = []
    for name in known:
        names = [line.pseudonym.hex() for line in lines if line.partner == name]
        content = {"pseudonyms": names, "reason": reason.name}
        answers.append(_answer(trustee, partners[name], CONTACT, opened, content, out, now))
    with ExitStack() as stack:
        for answer in answers:
            stack.enter_context(staged(answer.path, answer.envelope))
        trustee.governance.note(Act.OBEYED, ledger_entry(opened.waybill, opened.sender.name))
    trustee.governance.record("recontact obeyed", opened.waybill.subject)
    return tuple(answer.path for answer in answers)


def _reason(asked: dict[str, Any], what: str) -> Reason:
    """One of the closed list; free words do not travel."""
    try:
        return Reason[str(asked["reason"])]
    except KeyError:
        raise EnvelopeRefused(Refusal.MALFORMED, what) from None


def identify(
    partner: Partner, envelope: Path, contribution: Contribution, *, now: datetime
) -> Contact:
    """At the partner: which of its own patients an obeyed recontact is about.

    Args:
        partner: Who opens.
        envelope: What :func:`obey_recontact` wrote.
        contribution: The contribution that holds the patient.
        now: The time, with its zone.

    Raises:
        EnvelopeRefused: With the reason.
        NotHere: When the contribution holds no such patient.
    """
    opened = _request(partner, envelope, CONTACT, Role.TRUSTEE, now)
    asked = _read(opened, envelope.name)
    reason = _reason(asked, envelope.name)
    wanted = {SitePseudonym(name) for name in _names(asked, envelope.name)}
    column = contribution.dictionary.patient_column(contribution.patients) or ""
    patients = contribution.read(contribution.patients).frame[column].str.strip_chars()
    keys = (partner.site, *partner.former)
    for patient in patients.drop_nulls().to_list():
        if any(key.pseudonym(patient) in wanted for key in keys):
            partner.governance.note(Act.OBEYED, ledger_entry(opened.waybill, opened.sender.name))
            partner.governance.record("recontact received", contribution.id)
            return Contact(patient, reason)
    raise NotHere(contribution.id)


def _ask(
    sender: Party,
    to: Card,
    part: str,
    subject: str,
    content: Mapping[str, object],
    out: Path,
    now: datetime,
) -> Path:
    before = sender.governance.messages(Act.ASKED, sender.name, subject)
    number = max((message.number for message in before), default=0) + 1
    sealed = seal_parts(
        {part: Part(to, json.dumps(content).encode())},
        sender=sender.card,
        keys=sender.keys,
        subject=subject,
        number=number,
        now=now,
    )[part]
    path = out / f"{subject}-{number}.{part}{SUFFIX}"
    write_bytes(path, sealed)
    waybill, _ = peek(sealed, path.name)
    sender.governance.note(Act.ASKED, ledger_entry(waybill, sender.name))
    return path


def _answer(
    trustee: Trustee,
    to: Card,
    part: str,
    opened: Opened,
    content: Mapping[str, object],
    out: Path,
    now: datetime,
) -> _Answer:
    waybill = opened.waybill
    sealed = seal_parts(
        {part: Part(to, json.dumps(content).encode())},
        sender=trustee.card,
        keys=trustee.keys,
        subject=waybill.subject,
        number=_next(trustee, waybill.subject),
        now=now,
        answers=waybill.message,
    )[part]
    path = out / f"{waybill.subject}-{waybill.number}.{to.fingerprint[:8]}.{part}{SUFFIX}"
    answered, _ = peek(sealed, path.name)
    trustee.governance.note(Act.ASKED, ledger_entry(answered, trustee.name))
    return _Answer(path, sealed)


def _next(party: Party, subject: str) -> int:
    before = party.governance.messages(Act.ASKED, party.name, subject)
    return max((message.number for message in before), default=0) + 1


def _request(party: Party, envelope: Path, part: str, role: Role, now: datetime) -> Opened:
    """Open a request that comes for the first time."""
    what = envelope.name
    with party.auditing():
        opened = party.open(envelope, role, now)
        if opened.part != part:
            raise EnvelopeRefused(Refusal.MALFORMED, what, f"it is the part {opened.part!r}")
        seen = party.governance.messages(Act.OBEYED, opened.sender.name, opened.waybill.subject)
        if any(message.message == opened.waybill.message for message in seen):
            raise EnvelopeRefused(Refusal.REPLAYED, what)
    return opened


def _read(opened: Opened, what: str) -> dict[str, Any]:
    try:
        given = parsed(opened.content)
    except Malformed:
        given = None
    if not isinstance(given, dict):
        raise EnvelopeRefused(Refusal.MALFORMED, what)
    return given


def _person(given: dict[str, Any], what: str) -> int:
    person = given.get("person")
    if not isinstance(person, int) or not 0 <= person < 2**63:
        raise EnvelopeRefused(Refusal.MALFORMED, what)
    return person


def _names(given: dict[str, Any], what: str) -> list[bytes]:
    try:
        return [bytes.fromhex(text) for text in given["pseudonyms"]]
    except (KeyError, TypeError, ValueError):
        raise EnvelopeRefused(Refusal.MALFORMED, what) from None


def _contents(paths: Iterable[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]
