"""Every cryptographic step against an answer computed apart from haemony.

HMAC and Ed25519 answers were computed with OpenSSL 3.0; what age makes is opened here by its
published specification (age-encryption.org/v1), on the primitives of ``cryptography``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pyrage
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haemony.parties.custody import key_id
from haemony.privacy import DomainKey, SiteKey
from haemony.privacy.exchange.card import Card, Role
from haemony.privacy.protect import _shift
from haemony.privacy.pseudonyms import person_id

SITE, DOMAIN, SHIFT = (
    SiteKey(bytes(range(32))),
    DomainKey(bytes(range(32, 64))),
    bytes(range(64, 96)),
)


def test_site_pseudonym() -> None:
    """HMAC-SHA-256 of the patient number under the partner's key."""
    expected = "6deed72db149887ff984fa650b35d90d2e5cf215aa5ea9f73eb3b46e598a7c81"

    assert SITE.pseudonym("4711").hex() == expected


def test_patient_key_and_person() -> None:
    """HMAC-SHA-256 of partner and pseudonym under the domain's key; its first 63 bits."""
    key = DOMAIN.patient_key("hospital", SITE.pseudonym("4711"))

    assert key.hex() == "986e6e0e919ea09f385d839f592e9193c63018439471c016a2656289889573ab"
    assert person_id(key) == 5491918775027454031


def test_centre_version_and_key_id() -> None:
    """Centres, versions and names of keys are HMACs as well, never bare hashes."""
    assert SITE.centre("Ulm") == "7f5464e7a979"
    expected = "3927ccdef681db64d04a5b2c61c7de27d8f76a81315999798d1e8ecb9c22a3e8"
    assert SITE.version("ab" * 32) == expected
    assert key_id(SITE.key) == "3eb746086f457b431f617e00485b80d0"


def test_shift_of_the_timeline() -> None:
    """Day 0 of a person lies where the HMAC under the platform's secret puts it."""
    assert _shift(5491918775027454031, SHIFT) == 416


def test_signature() -> None:
    """Ed25519 over the context and the content (RFC 8032), made by OpenSSL."""
    public = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    signature = bytes.fromhex(
        "6ce3af03a10cdd6838a9a0516b6f6792c8ee43ca8c1fece3ade4c177684c16f3"
        "29bf29959322975c03bbbbfdd92b2d8234ea0732b12093a81a64830ab52b8009"
    )
    card = Card(Role.PARTNER, "hospital", public, "")

    assert card.signed(b"a waybill", signature)
    assert not card.signed(b"a waybill!", signature)


def test_fingerprint() -> None:
    """A card's fingerprint is SHA-256 over its canonical JSON, 160 bits of it."""
    card = Card(Role.TRUSTEE, "trust centre", "00" * 32, "age1")
    text = f'{{"encryption":"age1","name":"trust centre","role":"trustee","signing":"{"00" * 32}"}}'

    whole = hashlib.sha256(b"haemony/card/1\0" + text.encode()).hexdigest()

    assert card.fingerprint == whole[:40]


def test_envelopes_are_age_files() -> None:
    """What pyrage seals opens by the specification of age, step by step."""
    identity = pyrage.x25519.Identity.generate()

    sealed = pyrage.encrypt(b"four patients", [identity.to_public()])

    assert opened_by_hand(sealed, bech32(str(identity))) == b"four patients"


def opened_by_hand(sealed: bytes, secret: bytes) -> bytes:
    """Open an age file of one chunk: X25519 stanza, header MAC, payload."""
    header, _, rest = sealed.partition(b"\n---")
    mac, _, payload = rest[1:].partition(b"\n")
    stanza = header.split(b"-> X25519 ")[1].split(b"\n")
    share, body = unpadded(stanza[0]), unpadded(stanza[1])
    key = X25519PrivateKey.from_private_bytes(secret)
    shared = key.exchange(X25519PublicKey.from_public_bytes(share))
    salt = share + key.public_key().public_bytes_raw()
    wrap = hkdf(shared, salt, b"age-encryption.org/v1/X25519")
    file_key = ChaCha20Poly1305(wrap).decrypt(bytes(12), body, None)
    mac_key = hkdf(file_key, None, b"header")
    assert hmac.digest(mac_key, header + b"\n---", "sha256") == unpadded(mac)
    stream = hkdf(file_key, payload[:16], b"payload")
    return ChaCha20Poly1305(stream).decrypt(bytes(11) + b"\x01", payload[16:], None)


def hkdf(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(secret)


def unpadded(text: bytes) -> bytes:
    """Base64 without padding."""
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def bech32(text: str) -> bytes:
    """The 32 bytes of an age identity (BIP 173, checksum not verified)."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    data = text.lower().rpartition("1")[2][:-6]
    bits = "".join(f"{alphabet.index(letter):05b}" for letter in data)
    return int(bits[:256], 2).to_bytes(32, "big")
