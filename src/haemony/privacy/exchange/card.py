"""A card says who a party is: role, name and public keys, signed by itself.

Cards are exchanged openly, by mail for instance; their fingerprints are compared over another way,
by telephone for instance, before a card is trusted.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haemony.model.errors import UsageError
from haemony.privacy.keys import Keyring
from haemony.privacy.wire import parsed

SIGNING = "exchange-signing"
ENCRYPTION = "exchange-encryption"


class Role(StrEnum):
    """What a party does."""

    PARTNER = "partner"
    TRUSTEE = "trustee"
    PLATFORM = "platform"
    APPROVER = "approver"


class BadName(UsageError):
    """A party cannot be called so."""

    def __init__(self) -> None:
        super().__init__(
            "a party's name has 1 to 120 letters, digits, spaces and . , - & ' ( ) and neither "
            "begins nor ends with a space"
        )


def check_name(name: object) -> None:
    """Refuse a name that could pass for something else on a screen or in a file.

    Raises:
        BadName: When it has other signs, or is not in its normal form (Unicode NFKC).
    """
    if not isinstance(name, str) or not 0 < len(name) <= 120 or name != name.strip():
        raise BadName
    if unicodedata.normalize("NFKC", name) != name:
        raise BadName
    if not all(letter.isalnum() or letter in " .,-&'()" for letter in name):
        raise BadName


class NoCard(UsageError):
    """A file is no card, or was changed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is no card of haemony or was changed; ask its owner for the file that "
            "`haemony partner card` (or trustee, platform) writes"
        )


@dataclass(frozen=True, slots=True)
class Card:
    """The public side of a party.

    Attributes:
        role: What the party does.
        name: How it is called; contributions name their partner by it.
        signing: Ed25519 public key, hexadecimal.
        encryption: X25519 recipient in age's form.
    """

    role: Role
    name: str
    signing: str
    encryption: str

    @classmethod
    def of(cls, role: Role, name: str, keys: Keyring) -> Card:
        """The card of a party that holds these keys."""
        signing = Ed25519PrivateKey.from_private_bytes(keys.secret(SIGNING)).public_key()
        encryption = keys.identity(ENCRYPTION).to_public()
        return cls(role, name, signing.public_bytes_raw().hex(), str(encryption))

    @property
    def fingerprint(self) -> str:
        """160 bits of SHA-256 over the card, hexadecimal."""
        return hashlib.sha256(b"haemony/card/1\0" + canonical(asdict(self))).hexdigest()[:40]

    @property
    def spoken(self) -> str:
        """The fingerprint in groups of four, to be read aloud."""
        whole = self.fingerprint
        return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))

    @property
    def recipient(self) -> pyrage.x25519.Recipient:
        """Whom to encrypt to."""
        return pyrage.x25519.Recipient.from_str(self.encryption)

    def to_bytes(self, keys: Keyring) -> bytes:
        """The card as a file, signed by its owner."""
        content = canonical(asdict(self))
        signed = {"card": asdict(self), "signature": sign(content, keys).hex()}
        return json.dumps(signed, indent=2, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "the file") -> Card:
        """Read a card and check that its owner signed it.

        Raises:
            NoCard: When it is none, or was changed.
        """
        try:
            given = parsed(content)
            card = cls(**{**given["card"], "role": Role(given["card"]["role"])})
            check_name(card.name)
            _ = card.recipient
            whole = card.signed(canonical(asdict(card)), bytes.fromhex(given["signature"]))
        except (ValueError, KeyError, TypeError, AttributeError, pyrage.RecipientError, BadName):
            raise NoCard(name) from None
        if not whole:
            raise NoCard(name)
        return card

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card from a file."""
        return cls.from_bytes(path.read_bytes(), path.name)

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Whether this party signed these bytes."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.signing))
            key.verify(signature, b"haemony/exchange/1\0" + content)
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(content: bytes, keys: Keyring) -> bytes:
    """Sign bytes with the exchange key of a party (Ed25519, RFC 8032)."""
    key = Ed25519PrivateKey.from_private_bytes(keys.secret(SIGNING))
    return key.sign(b"haemony/exchange/1\0" + content)


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no white space: one value, one spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
