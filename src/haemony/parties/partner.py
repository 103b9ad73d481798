"""The partner's side: seal a contribution, one half to the trustee, the other to the platform."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from haemony.governance.store import Act, Message
from haemony.intake import Contribution, check
from haemony.lake.store import write_bytes
from haemony.model.disease import disease
from haemony.model.errors import RefusedByPolicy, UsageError
from haemony.parties.custody import retired
from haemony.parties.party import Party, ledger_entry
from haemony.privacy import SiteKey, split
from haemony.privacy.detect import check_identifiers
from haemony.privacy.exchange import (
    EnvelopeRefused,
    Part,
    Refusal,
    Role,
    peek,
    seal_parts,
)
from haemony.privacy.keys import SECRET_BYTES
from haemony.privacy.linkage import LinkageKey
from haemony.privacy.people import BadPeople, read_people
from haemony.privacy.split import People, patients_of

SITE = "site"
LINKAGE = "linkage"
IDENTITIES = "identities"
PAYLOAD = "payload"
SUFFIX = ".haemony"


class WrongPartner(UsageError):
    """The contribution names another partner."""

    def __init__(self, contribution: str, named: str, mine: str) -> None:
        super().__init__(
            f"{contribution} names {named!r} as its partner, and this workspace is that of "
            f"{mine!r}; seal it in the workspace of its own partner, or correct contribution.yaml"
        )


class SealedBefore(RefusedByPolicy):
    """This very version of a contribution was sealed before."""

    def __init__(self, contribution: str, number: int) -> None:
        self.contribution, self.number = contribution, number
        super().__init__(
            f"this version of {contribution} was sealed before, as number {number}: nothing in its "
            "files has changed since; if those envelopes are lost, `haemony partner seal --again`"
        )


class OtherLinkageKey(UsageError):
    """This partner has another linkage key."""

    def __init__(self) -> None:
        super().__init__(
            "this partner has another linkage key, and what was encoded under it would match "
            "nothing any more; agree with the other partners on one, and delete "
            "keys/linkage.key here if it is theirs"
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """The two envelopes of a seal.

    Attributes:
        number: How many seals of this contribution there were, this one included.
        identities: For the trustee.
        payload: For the platform.
    """

    number: int
    identities: Path
    payload: Path


@dataclass(frozen=True)
class Partner(Party):
    """A partner in its workspace."""

    role: Role = Role.PARTNER

    @classmethod
    def init(cls, folder: Path, name: str) -> Partner:
        """Make a workspace; contributions must name their partner just as it is named here."""
        cls.make(folder, Role.PARTNER, name, (SITE,))
        return cls(folder)

    @property
    def site(self) -> SiteKey:
        """The key of its pseudonyms."""
        return SiteKey(self.keys.secret(SITE))

    @property
    def former(self) -> tuple[SiteKey, ...]:
        """The retired keys of its pseudonyms, oldest first."""
        return tuple(SiteKey(self.keys.secret(name)) for name in retired(self))

    @property
    def linkage_key(self) -> LinkageKey:
        """The key that the partners of the linkage share; no trustee or platform holds it.

        Raises:
            NoKey: When this partner has not got it yet.
        """
        return LinkageKey(self.keys.secret(LINKAGE))

    def share_linkage_key(self, fingerprint: str, out: Path, *, now: datetime) -> Path:
        """Seal the linkage key to another partner; one is drawn where there is none yet.

        Args:
            fingerprint: First digits of the other partner's card, which is trusted here.
            out: Folder for the envelope.
            now: The time, with its zone.
        """
        if LINKAGE not in self.keys.names:
            self.keys.make(LINKAGE)
        other = self.card_of(fingerprint)
        part = Part(other, self.keys.secret(LINKAGE))
        before = self.governance.messages(Act.ASKED, self.name, LINKAGE)
        sealed = seal_parts(
            {LINKAGE: part},
            sender=self.card,
            keys=self.keys,
            subject=LINKAGE,
            number=len(before) + 1,
            now=now,
        )[LINKAGE]
        path = out / f"{other.fingerprint[:8]}.{LINKAGE}{SUFFIX}"
        write_bytes(path, sealed)
        waybill, _ = peek(sealed, path.name)
        self.governance.note(Act.ASKED, ledger_entry(waybill, self.name))
        return path

    def take_linkage_key(self, envelope: Path, *, now: datetime) -> None:
        """Take the linkage key that another partner has sealed to this one.

        Raises:
            EnvelopeRefused: With the reason.
            OtherLinkageKey: When this partner has another one.
        """
        with self.auditing():
            opened = self.open(envelope, Role.PARTNER, now)
            if opened.part != LINKAGE or len(opened.content) != SECRET_BYTES:
                raise EnvelopeRefused(Refusal.MALFORMED, envelope.name)
        if LINKAGE not in self.keys.names:
            self.keys.write(LINKAGE, opened.content.hex())
            self.governance.record("linkage key taken", opened.sender.fingerprint)
        elif self.keys.secret(LINKAGE) != opened.content:
            raise OtherLinkageKey

    def version(self, contribution: Contribution) -> str:
        """What the platform knows this version of a contribution by."""
        return self.site.version(contribution.digest)

    def seal(
        self,
        contribution: Contribution,
        out: Path,
        *,
        now: datetime,
        people: Path | None = None,
        again: bool = False,
        allowed: Collection[str] = (),
        watch: Callable[[str], None] = lambda _step: None,
    ) -> Sealed:
        """Part a contribution into identities and payload, and seal each to its recipient.

        Args:
            contribution: What to seal.
            out: Folder for the two envelopes.
            now: The time, with its zone.
            people: A table of who the patients are, encoded for linkage; it never leaves.
            again: Whether a version that was sealed before is sealed once more.
            allowed: Columns (``table.column``) that look like identifiers and were found harmless.
            watch: Told each step by name.

        Raises:
            WrongPartner: When the contribution names another partner.
            SealedBefore: When this version was sealed before.
            NobodyTrusted: When trustee or platform are not known.
            NotSound: When the check found anything that blocks.
            DirectIdentifier: When the dictionary declares a direct identifier.
            IdentifierFound: When something looks like one that nobody has declared.
        """
        if contribution.partner != self.name:
            raise WrongPartner(contribution.id, contribution.partner, self.name)
        trustee, platform = self.only(Role.TRUSTEE), self.only(Role.PLATFORM)
        before = self.governance.messages(Act.SEALED, self.name, contribution.id)
        same = [message for message in before if message.digest == contribution.digest]
        if same and not again:
            raise SealedBefore(contribution.id, same[-1].number)
        watch(f"check {contribution.id}")
        catalogue = disease(contribution.disease).catalogue
        checked = check(contribution, catalogue)
        watch(f"seal {contribution.id}")
        who = People(read_people(people), self.linkage_key) if people else None
        halves = split(checked, self.site, self.former, who)
        if who and people and not who.covers(patients_of(checked)):
            raise BadPeople(people.name, "none of its patients is in the contribution")
        check_identifiers(halves.payload, catalogue, allowed)
        number = max((message.number for message in before), default=0) + 1
        parts = {
            IDENTITIES: Part(trustee, halves.identities.to_bytes()),
            PAYLOAD: Part(platform, halves.payload.to_bytes()),
        }
        envelopes = seal_parts(
            parts,
            sender=self.card,
            keys=self.keys,
            subject=contribution.id,
            number=number,
            now=now,
        )
        paths = {part: out / f"{contribution.id}-{number}.{part}{SUFFIX}" for part in envelopes}
        for part, envelope in envelopes.items():
            write_bytes(paths[part], envelope)
        waybill, _ = peek(envelopes[PAYLOAD], contribution.id)
        self.governance.note(
            Act.SEALED,
            Message(self.name, contribution.id, number, waybill.message, contribution.digest),
        )
        if allowed:
            self.governance.record("columns allowed", contribution.id, {"columns": sorted(allowed)})
        return Sealed(number, paths[IDENTITIES], paths[PAYLOAD])
