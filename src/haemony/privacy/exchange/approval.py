"""Approvals: two people, each with a key of their own, agree to one exact file first.

Who approves is a party as well, with a card that the trustee trusts. An approval is a signature
over the hash of the file, so it cannot be used for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from haemony.model.errors import RefusedByPolicy
from haemony.privacy.exchange.card import Card, Role, canonical, sign
from haemony.privacy.keys import Keyring

NEEDED = 2
"""How many different people must approve."""


class NotApproved(RefusedByPolicy):
    """Too few people have approved."""

    def __init__(self, what: str, found: int) -> None:
        self.what, self.found = what, found
        super().__init__(
            f"{what} needs the approval of {NEEDED} different people whose cards are trusted here, "
            f"and has {found}; each runs `haemony approver approve {what}` with their own key"
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word for one file.

    Attributes:
        of: SHA-256 of the file.
        by: Fingerprint of the person's card.
        signature: Over both.
    """

    of: str
    by: str
    signature: str

    @classmethod
    def give(cls, content: bytes, card: Card, keys: Keyring) -> Approval:
        """Approve a file."""
        of = hashlib.sha256(content).hexdigest()
        return cls(of, card.fingerprint, sign(_said(of, card.fingerprint), keys).hex())

    def to_bytes(self) -> bytes:
        """The approval as a file."""
        return canonical({"approves": self.of, "by": self.by, "signature": self.signature})

    @classmethod
    def from_bytes(cls, content: bytes) -> Approval | None:
        """Read an approval; nothing when it is none."""
        try:
            given = json.loads(content)
            return cls(str(given["approves"]), str(given["by"]), str(given["signature"]))
        except (ValueError, KeyError, TypeError):
            return None


def check_approved(
    content: bytes, what: str, approvals: Iterable[bytes], trusted: Iterable[Card]
) -> tuple[Card, ...]:
    """Who has approved a file.

    Args:
        content: The file.
        what: How to call it in errors.
        approvals: Contents of approval files.
        trusted: Cards that are trusted here.

    Raises:
        NotApproved: When fewer than two different trusted people have.
    """
    of = hashlib.sha256(content).hexdigest()
    people = {card.fingerprint: card for card in trusted if card.role is Role.APPROVER}
    found: dict[str, Card] = {}
    for approval in filter(None, map(Approval.from_bytes, approvals)):
        person = people.get(approval.by)
        if person and approval.of == of and _signed(approval, person):
            found[person.signing] = person
    if len(found) < NEEDED:
        raise NotApproved(what, len(found))
    return tuple(sorted(found.values(), key=lambda person: person.fingerprint))


def _said(of: str, by: str) -> bytes:
    return canonical({"approves": of, "by": by})


def _signed(approval: Approval, person: Card) -> bool:
    try:
        signature = bytes.fromhex(approval.signature)
    except ValueError:
        return False
    return person.signed(_said(approval.of, approval.by), signature)
