"""Signatures of manifests and tombstones: Ed25519, detached, beside what they sign."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haemony.lake.manifest import canonical


@dataclass(frozen=True, slots=True)
class Signer:
    """Holds the platform's signing key.

    Example:
        >>> signer = Signer(bytes(32))
        >>> verified(b"release", signer.sign(b"release"), signer.public)
        True
    """

    seed: bytes = field(repr=False)

    @property
    def public(self) -> str:
        """The public key, hexadecimal."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw().hex()

    def sign(self, content: bytes) -> bytes:
        """A detached signature with the key that made it."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(content)
        return canonical({"ed25519": self.public, "signature": signature.hex()})


def verified(content: bytes, signature: bytes, public: str) -> bool:
    """Whether a detached signature was made over this content by this key."""
    try:
        given = json.loads(signature)
        if given["ed25519"] != public:
            return False
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(given["signature"]), content)
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True
