"""The waybill of a message: who sends what to whom, with the hash of every part, signed.

All parts of one message carry the same waybill, so each recipient knows that there are others, and
none can be exchanged for a part of another message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from haemony.privacy.exchange.card import canonical
from haemony.privacy.exchange.refusals import EnvelopeRefused, Refusal
from haemony.privacy.wire import parsed

PROTOCOL = 1
LARGEST_NUMBER = 2**31

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_MESSAGE = re.compile("[0-9a-f]{32}")
_FINGERPRINT = re.compile("[0-9a-f]{40}")
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """One part of a message, as the waybill lists it.

    Attributes:
        to: Fingerprint of whom it is for.
        sha256: Hash of its ciphertext.
        size: Bytes of its ciphertext.
    """

    to: str
    sha256: str
    size: int

    @property
    def sound(self) -> bool:
        """Whether every part is what it should be."""
        return (
            isinstance(self.size, int)
            and self.size >= 0
            and isinstance(self.to, str)
            and bool(_FINGERPRINT.fullmatch(self.to))
            and isinstance(self.sha256, str)
            and bool(_HASH.fullmatch(self.sha256))
        )


@dataclass(frozen=True, slots=True)
class Waybill:
    """What is sent, readable for everyone who carries it; it names no patient.

    Attributes:
        message: Random id of the message; parts of one message share it.
        sender: Fingerprint of who made it.
        subject: Id of the contribution.
        number: Counts the messages of a sender about a subject upwards.
        made: When it was made.
        answers: Id of the message it answers; empty for the first.
        parts: What it lists, by name.
    """

    message: str
    sender: str
    subject: str
    number: int
    made: datetime
    answers: str
    parts: Mapping[str, Listed]

    @property
    def sound(self) -> bool:
        """Whether every part is what it should be; a subject names files, so it holds no path."""
        return (
            bool(_ID.fullmatch(self.subject))
            and bool(_MESSAGE.fullmatch(self.message))
            and bool(_FINGERPRINT.fullmatch(self.sender))
            and (not self.answers or bool(_MESSAGE.fullmatch(self.answers)))
            and 0 < self.number < LARGEST_NUMBER
            and all(_ID.fullmatch(name) and part.sound for name, part in self.parts.items())
        )

    def to_bytes(self) -> bytes:
        """One line of canonical JSON; what is signed."""
        return canonical(
            {
                "protocol": PROTOCOL,
                "message": self.message,
                "sender": self.sender,
                "subject": self.subject,
                "number": self.number,
                "made": self.made.isoformat(timespec="seconds"),
                "answers": self.answers,
                "parts": {name: asdict(part) for name, part in self.parts.items()},
            }
        )

    @classmethod
    def from_bytes(cls, line: bytes, what: str) -> Waybill:
        """Read a waybill; only one written in just this way is one.

        Raises:
            EnvelopeRefused: When it is none, or of another version of the protocol.
        """
        try:
            given = parsed(line)
            version = given["protocol"]
        except (ValueError, KeyError, TypeError):
            raise EnvelopeRefused(Refusal.FOREIGN, what) from None
        if version != PROTOCOL:
            detail = f"protocol {PROTOCOL} is spoken here"
            raise EnvelopeRefused(Refusal.VERSION, what, detail)
        try:
            made = datetime.fromisoformat(given["made"])
            waybill = cls(
                str(given["message"]),
                str(given["sender"]),
                str(given["subject"]),
                int(given["number"]),
                made,
                str(given["answers"]),
                {name: Listed(**part) for name, part in given["parts"].items()},
            )
            exact = made.tzinfo is not None and waybill.to_bytes() == line and waybill.sound
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            exact = False
        if not exact:
            raise EnvelopeRefused(Refusal.FOREIGN, what)
        return waybill
