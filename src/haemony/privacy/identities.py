"""What goes to the trustee, and what it answers: tokens with pseudonyms, tokens with patient keys.

Both tables are sorted by their random tokens, so that their order says nothing of the files' order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from haemony.privacy.payload import Malformed
from haemony.privacy.pseudonyms import PatientKey, SitePseudonym


@dataclass(frozen=True, slots=True)
class Identities:
    """Who the patients of one seal are, for the trustee alone.

    Attributes:
        pseudonyms: Site pseudonym of every token.
        former: Pseudonyms of the same patients under keys that the partner has since replaced, so
            that the trustee recognises them.
    """

    pseudonyms: Mapping[str, SitePseudonym]
    former: Mapping[str, tuple[SitePseudonym, ...]]

    def to_bytes(self) -> bytes:
        """JSON: a list of token, pseudonym and former pseudonyms."""
        rows = [
            [token, pseudonym.hex(), [old.hex() for old in self.former.get(token, ())]]
            for token, pseudonym in sorted(self.pseudonyms.items())
        ]
        return json.dumps(rows).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Identities:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else, or names a token or a pseudonym twice.
        """
        rows = _rows(content, 3)
        pseudonyms = {str(token): SitePseudonym(_key(text)) for token, text, _ in rows}
        former = {str(token): tuple(SitePseudonym(_key(t)) for t in old) for token, _, old in rows}
        if not len(rows) == len(pseudonyms) == len(set(pseudonyms.values())):
            raise Malformed("a token or a pseudonym stands there twice")
        return cls(pseudonyms, {token: old for token, old in former.items() if old})


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The trustee's answer, for the platform alone: patient key of every token it gives one.

    Attributes:
        keys: Patient key by token. A token without a key belongs to a patient who has withdrawn.
    """

    keys: Mapping[str, PatientKey]

    @classmethod
    def of(
        cls, identities: Identities, key_of: Callable[[SitePseudonym], PatientKey | None]
    ) -> KeyTable:
        """Ask for the key of every pseudonym."""
        asked = {token: key_of(pseudonym) for token, pseudonym in identities.pseudonyms.items()}
        return cls({token: key for token, key in asked.items() if key is not None})

    def to_bytes(self) -> bytes:
        """JSON: a list of token and patient key."""
        return json.dumps([[token, key.hex()] for token, key in sorted(self.keys.items())]).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> KeyTable:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else, or names a token twice.
        """
        rows = _rows(content, 2)
        keys = {str(token): PatientKey(_key(text)) for token, text in rows}
        if len(keys) != len(rows):
            raise Malformed("a token stands there twice")
        return cls(keys)


def _rows(content: bytes, width: int) -> list[list[Any]]:
    try:
        rows = json.loads(content)
    except ValueError:
        raise Malformed("no table of tokens") from None
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or len(row) != width for row in rows
    ):
        raise Malformed("no table of tokens")
    return rows


def _key(text: object) -> bytes:
    try:
        key = bytes.fromhex(str(text))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Malformed("a key has not 32 bytes")
    return key
