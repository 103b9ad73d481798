"""The trustee's side: turn site pseudonyms into patient keys, and pass on nothing but those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from haemony.governance.store import Act, Patient
from haemony.lake.store import write_bytes
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
    open_envelope,
    seal_parts,
)
from haemony.privacy.identities import Identities, KeyTable
from haemony.privacy.payload import Malformed
from haemony.privacy.pseudonyms import PatientKey, SitePseudonym, person_id

DOMAIN = "domain"
KEYS = "keys"


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
            opened = open_envelope(
                envelope.read_bytes(),
                what,
                me=self.card,
                keys=self.keys,
                trusted=self.trusted,
                role=Role.PARTNER,
                now=now,
            )
            self.check_order(Act.RELAYED, opened.waybill, opened.sender.name, what)
            platform = self._platform_of(opened, what)
            try:
                identities = Identities.from_bytes(opened.content)
            except Malformed:
                raise EnvelopeRefused(Refusal.MALFORMED, what) from None
            known = self._known(identities, opened.sender.name, what)
        given = self._keys_of(identities, opened.sender.name, known)
        left = {line.patient_key for line in known.values() if line.withdrawn}
        answer = KeyTable.of(identities, lambda name: None if given[name] in left else given[name])
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
        path = out / f"{waybill.subject}-{waybill.number}.{KEYS}{SUFFIX}"
        write_bytes(path, sealed[KEYS])
        partner = opened.sender.name
        self.governance.remember(
            [
                Patient(partner, name, key, person_id(key), key in left)
                for name, key in given.items()
                if name not in known
            ],
            Act.RELAYED,
            ledger_entry(waybill, partner),
        )
        return path

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

    def _keys_of(
        self, identities: Identities, partner: str, known: Mapping[bytes, Patient]
    ) -> dict[SitePseudonym, PatientKey]:
        """The patient key of every pseudonym: the one it was given, else a new one."""
        domain = self.domain
        keys = {}
        for token, pseudonym in identities.pseudonyms.items():
            names = (pseudonym, *identities.former.get(token, ()))
            earlier = next((known[name] for name in names if name in known), None)
            keys[pseudonym] = (
                PatientKey(earlier.patient_key)
                if earlier
                else domain.patient_key(partner, pseudonym)
            )
        return keys
