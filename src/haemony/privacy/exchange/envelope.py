"""An envelope: one part of a message, encrypted to one party, under a signed waybill.

The file is four lines and a ciphertext: the magic words, the waybill, its Ed25519 signature, the
name of the part, then what age (X25519, ChaCha20-Poly1305) made of the content. The waybill lists
the hash of every ciphertext, so the signature covers them; the content starts with the message, the
sender, the part and the recipient once more, so that nobody can sign another's ciphertext as his
own. Everything is checked before anything is decrypted, and everything is held in memory: no plain
text touches a disk.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyrage

from haemony.privacy.exchange.card import ENCRYPTION, Card, Role, canonical, sign
from haemony.privacy.exchange.refusals import EnvelopeRefused, Refusal
from haemony.privacy.exchange.waybill import Listed, Waybill
from haemony.privacy.keys import Keyring

MAGIC = b"haemony envelope"
LINES = 4
HEAD_BYTES = 65_536
"""Longer heads are not read: a head lists a handful of parts."""

SKEW = timedelta(minutes=10)
"""How far the clocks of two parties may differ."""

VALID = timedelta(days=30)
"""How long an envelope is accepted after it was made."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be sealed: for whom, and the content."""

    to: Card
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose every check held.

    Attributes:
        waybill: Of its message.
        sender: Who signed it.
        part: Which part it is.
        content: What it holds.
    """

    waybill: Waybill
    sender: Card
    part: str
    content: bytes = field(repr=False)


def seal_parts(
    parts: Mapping[str, Part],
    *,
    sender: Card,
    keys: Keyring,
    subject: str,
    number: int,
    now: datetime,
    answers: str = "",
) -> dict[str, bytes]:
    """Seal the parts of one message, each to its own recipient.

    Args:
        parts: Content and recipient, by name of the part.
        sender: Card of who sends.
        keys: Keys of who sends.
        subject: Id of the contribution.
        number: Number of the message about this subject.
        now: The time, with its zone.
        answers: Id of the message this one answers.

    Returns:
        The envelope of every part, by name.
    """
    message = secrets.token_hex(16)
    closed = {
        name: pyrage.encrypt(
            _inner(message, sender.fingerprint, name, part.to.fingerprint) + part.content,
            [part.to.recipient],
        )
        for name, part in parts.items()
    }
    listed = {
        name: Listed(parts[name].to.fingerprint, hashlib.sha256(text).hexdigest(), len(text))
        for name, text in closed.items()
    }
    made = now.replace(microsecond=0)
    waybill = Waybill(message, sender.fingerprint, subject, number, made, answers, listed)
    line = waybill.to_bytes()
    signature = sign(line, keys).hex().encode()
    return {
        name: b"\n".join((MAGIC, line, signature, name.encode(), text))
        for name, text in closed.items()
    }


def peek(envelope: bytes, what: str) -> tuple[Waybill, str]:
    """Read waybill and name of the part; nothing is verified."""
    waybill, _, part, _ = _take_apart(envelope, what)
    return waybill, part


def open_envelope(
    envelope: bytes,
    what: str,
    *,
    me: Card,
    keys: Keyring,
    trusted: Iterable[Card],
    role: Role,
    now: datetime,
) -> Opened:
    """Check and open an envelope.

    Args:
        envelope: Content of the file.
        what: How to call it in errors: its file name.
        me: Card of who opens.
        keys: Keys of who opens.
        trusted: Cards that are trusted here.
        role: The role its sender must have.
        now: The time, with its zone.

    Raises:
        EnvelopeRefused: With the first reason that holds.
    """
    waybill, signature, part, closed = _take_apart(envelope, what)
    sender = _signer(waybill, signature, trusted, role, what)
    _check_part(waybill.parts.get(part), closed, me, what)
    _check_time(waybill.made, now, what)
    try:
        content = pyrage.decrypt(closed, [keys.identity(ENCRYPTION)])
    except pyrage.DecryptError:
        raise EnvelopeRefused(Refusal.WRONG_KEY, what) from None
    inner = _inner(waybill.message, waybill.sender, part, me.fingerprint)
    if not content.startswith(inner):
        raise EnvelopeRefused(Refusal.TAMPERED, what)
    return Opened(waybill, sender, part, content[len(inner) :])


def _signer(
    waybill: Waybill, signature: bytes, trusted: Iterable[Card], role: Role, what: str
) -> Card:
    """The trusted party that signed a waybill."""
    sender = {card.fingerprint: card for card in trusted}.get(waybill.sender)
    if sender is None:
        raise EnvelopeRefused(Refusal.UNKNOWN_SENDER, what, f"fingerprint {waybill.sender}")
    if not sender.signed(waybill.to_bytes(), signature):
        raise EnvelopeRefused(Refusal.TAMPERED, what)
    if sender.role is not role:
        raise EnvelopeRefused(Refusal.WRONG_ROLE, what, f"{sender.role}, not {role}")
    return sender


def _check_part(listed: Listed | None, closed: bytes, me: Card, what: str) -> None:
    """Whether the ciphertext is the one that the waybill lists, and for this party."""
    if listed is None:
        raise EnvelopeRefused(Refusal.TAMPERED, what)
    if listed.to != me.fingerprint:
        raise EnvelopeRefused(Refusal.WRONG_ADDRESS, what)
    if len(closed) < listed.size:
        raise EnvelopeRefused(Refusal.TRUNCATED, what)
    if hashlib.sha256(closed).hexdigest() != listed.sha256:
        raise EnvelopeRefused(Refusal.TAMPERED, what)


def _check_time(made: datetime, now: datetime, what: str) -> None:
    if made > now + SKEW:
        raise EnvelopeRefused(Refusal.SKEW, what)
    if made < now - VALID:
        raise EnvelopeRefused(Refusal.EXPIRED, what)


def _inner(message: str, sender: str, part: str, to: str) -> bytes:
    """The first line of the plain text: what the waybill says of it, out of a carrier's reach."""
    return canonical({"message": message, "sender": sender, "part": part, "to": to}) + b"\n"


def _take_apart(envelope: bytes, what: str) -> tuple[Waybill, bytes, str, bytes]:
    lines = envelope[:HEAD_BYTES].split(b"\n", LINES)
    if lines[0] != MAGIC:
        cut = MAGIC.startswith(envelope[: len(MAGIC)])
        raise EnvelopeRefused(Refusal.TRUNCATED if cut else Refusal.FOREIGN, what)
    if len(lines) <= LINES:
        short = len(envelope) < HEAD_BYTES
        raise EnvelopeRefused(Refusal.TRUNCATED if short else Refusal.FOREIGN, what)
    _, line, signature, part, _ = lines
    waybill = Waybill.from_bytes(line, what)
    head = sum(len(text) + 1 for text in lines[:LINES])
    try:
        return waybill, bytes.fromhex(signature.decode("ascii")), part.decode(), envelope[head:]
    except ValueError:
        raise EnvelopeRefused(Refusal.TAMPERED, what) from None
