"""The platform's side: bring payload and patient keys together, and open both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from haemony.governance.store import Act, Message
from haemony.parties.partner import PAYLOAD
from haemony.parties.party import Party, ledger_entry
from haemony.parties.trustee import KEYS
from haemony.privacy.exchange import (
    EnvelopeRefused,
    Opened,
    Refusal,
    Role,
    Waybill,
    peek,
)
from haemony.privacy.identities import KeyTable
from haemony.privacy.payload import Payload
from haemony.privacy.wire import Malformed


@dataclass(frozen=True)
class Arrival:
    """A contribution that has arrived: payload and keys of one seal.

    Attributes:
        payload: What the partner sealed.
        keys: What the trustee answered.
        entry: How the ledger will remember it.
    """

    payload: Payload
    keys: KeyTable
    entry: Message


@dataclass(frozen=True, slots=True)
class _Pair:
    payload: Path
    keys: Path


def arrivals(envelopes: Sequence[Path], platform: Party, now: datetime) -> Iterator[Arrival]:
    """Open what has arrived, one contribution at a time.

    Args:
        envelopes: Payloads and keys, in any order.
        platform: Who opens them.
        now: The time, with its zone.

    Raises:
        EnvelopeRefused: With the reason; an audit entry is left.
    """
    with platform.auditing():
        pairs = _pairs(envelopes)
    for pair in pairs:
        with platform.auditing():
            arrival = _open(pair, platform, now)
        yield arrival


def subjects(envelopes: Sequence[Path], platform: Party) -> list[str]:
    """The contributions that the payloads among these envelopes say they are, in their order.

    Raises:
        EnvelopeRefused: When one is no envelope; an audit entry is left.
    """
    with platform.auditing():
        heads = [peek(path.read_bytes(), path.name) for path in envelopes]
    return [waybill.subject for waybill, part in heads if part == PAYLOAD]


def _pairs(envelopes: Sequence[Path]) -> list[_Pair]:
    """Put every payload beside the keys that answer it, in the order of the payloads."""
    payloads: dict[str, Path] = {}
    keys: dict[str, Path] = {}
    for path in envelopes:
        waybill, part = peek(path.read_bytes(), path.name)
        if part == PAYLOAD:
            payloads[waybill.message] = path
        elif part == KEYS:
            keys[waybill.answers] = path
        else:
            raise EnvelopeRefused(Refusal.WRONG_ADDRESS, path.name, f"it is the part {part!r}")
    for message, path in (*payloads.items(), *keys.items()):
        if message not in payloads or message not in keys:
            raise EnvelopeRefused(Refusal.NOT_A_PAIR, path.name)
    return [_Pair(path, keys[message]) for message, path in payloads.items()]


def _open(pair: _Pair, platform: Party, now: datetime) -> Arrival:
    sealed = _opened(pair.payload, platform, Role.PARTNER, now)
    answer = _opened(pair.keys, platform, Role.TRUSTEE, now)
    what, waybill, partner = pair.payload.name, sealed.waybill, sealed.sender.name
    if not _belong(sealed, answer):
        raise EnvelopeRefused(Refusal.NOT_A_PAIR, what)
    platform.check_order(Act.RECEIVED, waybill, partner, what)
    try:
        payload, keys = Payload.from_bytes(sealed.content), KeyTable.from_bytes(answer.content)
    except Malformed:
        raise EnvelopeRefused(Refusal.MALFORMED, what) from None
    if (payload.description.id, payload.description.partner) != (waybill.subject, partner):
        raise EnvelopeRefused(Refusal.MALFORMED, what)
    if not keys.keys.keys() <= set(payload.tokens):
        raise EnvelopeRefused(Refusal.NOT_A_PAIR, what)
    return Arrival(payload, keys, ledger_entry(waybill, partner, payload.digest))


def _belong(sealed: Opened, answer: Opened) -> bool:
    """Whether the keys answer this payload: not only by id, also by subject and number."""

    def name(waybill: Waybill) -> tuple[str, int]:
        return waybill.subject, waybill.number

    parts = sealed.part, answer.part
    return (
        parts == (PAYLOAD, KEYS)
        and answer.waybill.answers == sealed.waybill.message
        and name(answer.waybill) == name(sealed.waybill)
    )


def _opened(path: Path, platform: Party, role: Role, now: datetime) -> Opened:
    return platform.open(path, role, now)
