"""The trustee's side: turn site pseudonyms into patient keys, and pass on nothing but those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from haemony.governance.store import Act, Patient, Review
from haemony.lake.store import left_staged, staged
from haemony.model.errors import UsageError
from haemony.parties.linking import Links, find_links
from haemony.parties.partner import IDENTITIES, PAYLOAD, SUFFIX
from haemony.parties.party import Party, ledger_entry
from haemony.privacy import DomainKey
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
from haemony.privacy.identities import Identities, KeyTable
from haemony.privacy.linkage.errors import Incomparable
from haemony.privacy.pseudonyms import PatientKey, SitePseudonym, person_id
from haemony.privacy.wire import Malformed

DOMAIN = "domain"
KEYS = "keys"


class Decision(StrEnum):
    """What people decide on a pair."""

    SAME = "same"
    DIFFERENT = "different"


class NoSuchReview(UsageError):
    """No open pair has this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"no open pair has the number {number}; `haemony trustee reviews` lists")


@dataclass(frozen=True)
class Trustee(Party):
    """The trusted third party in its workspace."""

    role: Role = Role.TRUSTEE

    @classmethod
    def init(cls, folder: Path, name: str) -> Trustee:
        """Make a workspace with the key of a new domain."""
        cls.make(folder, Role.TRUSTEE, name, (DOMAIN,))
        return cls(folder)

    @property
    def domain(self) -> DomainKey:
        """The key of its patient keys."""
        return DomainKey(self.keys.secret(DOMAIN))

    def relay(self, envelope: Path, out: Path, *, now: datetime) -> Path:
        """Relay one envelope at a time, however many processes try."""
        with self.locked():
            return self._relay(envelope, out, now=now)

    def _relay(self, envelope: Path, out: Path, *, now: datetime) -> Path:
        """Open identities, and seal the patient keys of their tokens to the platform.

        Args:
            envelope: What the partner sealed for the trustee.
            out: Folder for the envelope to the platform.
            now: The time, with its zone.

        Raises:
            EnvelopeRefused: With the reason; nothing has changed, and the audit has an entry.
        """
        what = envelope.name
        with self.auditing():
            opened = self.open(envelope, Role.PARTNER, now)
            path = out / f"{opened.waybill.subject}-{opened.waybill.number}.{KEYS}{SUFFIX}"
            if self._finished(path, opened):
                return path
            self.check_order(Act.RELAYED, opened.waybill, opened.sender.name, what)
            platform = self._platform_of(opened, what)
            try:
                identities = Identities.from_bytes(opened.content)
            except Malformed:
                raise EnvelopeRefused(Refusal.MALFORMED, what) from None
            known = self._known(identities, opened.sender.name, what)
            links = self._links(identities, known, what)
        partner = opened.sender.name
        given = self._keys_of(identities, partner, known, links)
        lines = self._lines(identities, partner, given, known)
        answer = self._answer(identities, given, lines)
        waybill = opened.waybill
        sealed = seal_parts(
            {KEYS: Part(platform, answer.to_bytes())},
            sender=self.card,
            keys=self.keys,
            subject=waybill.subject,
            number=waybill.number,
            now=now,
            answers=waybill.message,
        )
        entry = ledger_entry(waybill, partner)
        with staged(path, sealed[KEYS]):
            self.governance.remember(lines, Act.RELAYED, entry, links.unsure)
        details = {"patients": len(given), "new": len(lines), "linked": len(links.same)}
        self.governance.record("relayed", waybill.subject, details)
        return path

    def _finished(self, path: Path, opened: Opened) -> bool:
        """Put an answer in place that a kill left behind after the ledger had its entry."""
        waybill = opened.waybill
        seen = self.governance.messages(Act.RELAYED, opened.sender.name, waybill.subject)
        if not any(message.message == waybill.message for message in seen):
            return False
        for left in left_staged(path):
            answer, _ = peek(left.read_bytes(), left.name)
            if answer.answers == waybill.message:
                left.replace(path)
                return True
        return False

    def key_of(self, partner: str, pseudonym: SitePseudonym) -> PatientKey | None:
        """The patient key that a pseudonym of a partner was given; none when it never came."""
        found = self.governance.patients([pseudonym])
        mine = [PatientKey(line.patient_key) for line in found if line.partner == partner]
        return mine[0] if mine else None

    def _platform_of(self, opened: Opened, what: str) -> Card:
        """The platform to which the other part of the message is addressed."""
        other = opened.waybill.parts.get(PAYLOAD)
        if opened.part != IDENTITIES or other is None:
            raise EnvelopeRefused(Refusal.MALFORMED, what)
        for card in self.trusted:
            if card.role is Role.PLATFORM and card.fingerprint == other.to:
                return card
        detail = f"its payload goes to a platform not trusted here, fingerprint {other.to}"
        raise EnvelopeRefused(Refusal.UNKNOWN_SENDER, what, detail)

    def _known(self, identities: Identities, partner: str, what: str) -> dict[bytes, Patient]:
        """What the map holds of these pseudonyms, present or former."""
        asked = {*identities.pseudonyms.values(), *chain(*identities.former.values())}
        found = self.governance.patients(sorted(asked))
        if any(line.partner != partner for line in found):
            raise EnvelopeRefused(Refusal.SHARED_PSEUDONYM, what)
        return {line.pseudonym: line for line in found}

    def _links(self, identities: Identities, known: Mapping[bytes, Patient], what: str) -> Links:
        """Patients who have come before under another pseudonym, by their encodings."""
        if identities.encodings is None:
            return Links({}, ())
        tokens = sorted(identities.pseudonyms)
        fresh = [
            row
            for row, token in enumerate(tokens)
            if not {identities.pseudonyms[token], *identities.former.get(token, ())} & known.keys()
        ]
        if not fresh:
            return Links({}, ())
        new = [identities.pseudonyms[tokens[row]] for row in fresh]
        try:
            encodings = identities.encodings.take(np.array(fresh))
            return find_links(new, encodings, self.governance.encoded())
        except Incomparable:
            raise EnvelopeRefused(Refusal.OTHER_LINKAGE, what) from None

    def _keys_of(
        self,
        identities: Identities,
        partner: str,
        known: Mapping[bytes, Patient],
        links: Links,
    ) -> dict[SitePseudonym, PatientKey]:
        """The patient key of every pseudonym: the one it, or the patient it is, was given."""
        domain = self.domain
        linked = {line.pseudonym: line for line in self.governance.patients(links.same.values())}
        keys = {}
        for token, pseudonym in identities.pseudonyms.items():
            names = (pseudonym, *identities.former.get(token, ()))
            earlier = next((known[name] for name in names if name in known), None)
            target = links.same.get(pseudonym, pseudonym)
            earlier = earlier or linked.get(target)
            keys[pseudonym] = (
                PatientKey(earlier.patient_key) if earlier else domain.patient_key(partner, target)
            )
        return keys

    def _lines(
        self,
        identities: Identities,
        partner: str,
        given: Mapping[SitePseudonym, PatientKey],
        known: Mapping[bytes, Patient],
    ) -> list[Patient]:
        """What is new in the map."""
        left = self._left(given.values())
        names = [identities.pseudonyms[token] for token in sorted(identities.pseudonyms)]
        encoded = identities.encodings.records() if identities.encodings else repeat(None)
        return [
            Patient(partner, name, given[name], person_id(given[name]), given[name] in left, code)
            for name, code in zip(names, encoded, strict=False)
            if name not in known
        ]

    def _answer(
        self,
        identities: Identities,
        given: Mapping[SitePseudonym, PatientKey],
        lines: Sequence[Patient],
    ) -> KeyTable:
        """A key for everyone who has not withdrawn, and who is known from elsewhere."""
        left = self._left(given.values())
        keys = {
            token: given[name]
            for token, name in identities.pseudonyms.items()
            if given[name] not in left
        }
        here = Counter(given.values())
        elsewhere = self.governance.shared_keys(sorted(here))
        fresh = {line.patient_key for line in lines}
        held = {line.patient_key for line in self.governance.patients_by_key(sorted(fresh))}
        shared = elsewhere | held | {key for key, times in here.items() if times > 1}
        return KeyTable(
            keys,
            frozenset(token for token, key in keys.items() if key in shared),
            frozenset(identities.pseudonyms) - keys.keys(),
        )

    def _left(self, keys: Iterable[PatientKey]) -> set[bytes]:
        """Those of the keys whose patient has withdrawn, wherever from."""
        found = self.governance.patients_by_key(sorted(set(keys)))
        return {line.patient_key for line in found if line.withdrawn}

    def reviews(self) -> list[Review]:
        """Pairs of patients who may be one, for people to decide."""
        return self.governance.reviews()

    def decide(self, number: int, same: Decision) -> None:
        """Decide on a pair; *same* makes the later patient the earlier one from the next relay on.

        Raises:
            NoSuchReview: When no open pair has this number.
        """
        with self.locked():
            self._decide(number, same)

    def _decide(self, number: int, same: Decision) -> None:
        pairs = {pair.id: pair for pair in self.reviews() if pair.decision == "open"}
        if number not in pairs:
            raise NoSuchReview(number)
        pair = pairs[number]
        held = self.governance.patients([pair.held])[0]
        self.governance.decide(number, same.value, pair.new, held)
        self.governance.record("linkage decided", str(number), {"decision": same.value})
