"""What goes to the trustee, and what it answers: tokens with pseudonyms, tokens with patient keys.

Both tables are sorted by their random tokens, so that their order says nothing of the files' order.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from haemony.privacy.linkage import Encodings
from haemony.privacy.linkage.errors import MalformedEncoding
from haemony.privacy.pseudonyms import PatientKey, SitePseudonym
from haemony.privacy.wire import Malformed, pack, parsed, plain, unpack

KEY_BYTES = 32
_MEANING = {False: "k", True: "s"}
WITHDRAWN = "w"


@dataclass(frozen=True, slots=True)
class Identities:
    """Who the patients of one seal are, for the trustee alone.

    Attributes:
        pseudonyms: Site pseudonym of every token.
        former: Pseudonyms of the same patients under keys that the partner has since replaced, so
            that the trustee recognises them.
        encodings: Encoded names and dates of birth by which the trustee finds one patient at two
            partners, in the order of the sorted tokens; none where the partner sends none.
    """

    pseudonyms: Mapping[str, SitePseudonym]
    former: Mapping[str, tuple[SitePseudonym, ...]]
    encodings: Encodings | None = None

    def to_bytes(self) -> bytes:
        """JSON: token, pseudonym and former pseudonyms of every patient; encodings in Base64."""
        rows = [
            [token, pseudonym.hex(), [old.hex() for old in self.former.get(token, ())]]
            for token, pseudonym in sorted(self.pseudonyms.items())
        ]
        encoded = self.encodings.to_bytes() if self.encodings else b""
        return pack({"rows": rows, "encodings": b64encode(encoded).decode()})

    @classmethod
    def from_bytes(cls, content: bytes) -> Identities:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else, or names a token or a pseudonym twice.
        """
        given = _dict(unpack(content))
        rows = _rows(given.get("rows"), 3)
        pseudonyms = {str(token): SitePseudonym(_key(text)) for token, text, _ in rows}
        if not all(isinstance(old, list) for _, _, old in rows):
            raise Malformed("former pseudonyms are no list")
        former = {str(token): tuple(SitePseudonym(_key(t)) for t in old) for token, _, old in rows}
        if not len(rows) == len(pseudonyms) == len(set(pseudonyms.values())):
            raise Malformed("a token or a pseudonym stands there twice")
        encodings = _encodings(str(given.get("encodings", "")), len(rows))
        return cls(pseudonyms, {token: old for token, old in former.items() if old}, encodings)


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The trustee's answer, for the platform alone: patient key of every token it gives one.

    Attributes:
        keys: Patient key by token.
        shared: Tokens of patients whom the trustee knows from elsewhere as well.
        withdrawn: Tokens of patients who have withdrawn.
    """

    keys: Mapping[str, PatientKey]
    shared: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, identities: Identities, key_of: Callable[[SitePseudonym], PatientKey | None]
    ) -> KeyTable:
        """Ask for the key of every pseudonym."""
        asked = {token: key_of(pseudonym) for token, pseudonym in identities.pseudonyms.items()}
        gone = frozenset(token for token, key in asked.items() if key is None)
        return cls({t: key for t, key in asked.items() if key is not None}, frozenset(), gone)

    def to_bytes(self) -> bytes:
        """One row of the same length per token: token, key and what it means.

        A token without a key has random bytes in its place, so that the size of the envelope says
        nothing but how many patients there are.
        """
        rows = [
            [token, key.hex(), _MEANING[token in self.shared]] for token, key in self.keys.items()
        ]
        rows += [[token, secrets.token_hex(KEY_BYTES), WITHDRAWN] for token in self.withdrawn]
        return plain({"rows": sorted(rows)})

    @classmethod
    def from_bytes(cls, content: bytes) -> KeyTable:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else, or names a token twice.
        """
        rows = _rows(_dict(parsed(content)).get("rows"), 3)
        meaning = {str(token): str(said) for token, _, said in rows}
        keys = {str(token): PatientKey(_key(text)) for token, text, _ in rows}
        if len(meaning) != len(rows) or not set(meaning.values()) <= {
            *_MEANING.values(),
            WITHDRAWN,
        }:
            raise Malformed("a token stands there twice, or says what nobody knows")
        gone = frozenset(token for token, said in meaning.items() if said == WITHDRAWN)
        shared = frozenset(token for token, said in meaning.items() if said == _MEANING[True])
        return cls({t: key for t, key in keys.items() if t not in gone}, shared, gone)


def _dict(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Malformed("no table of tokens")
    return given


def _encodings(text: str, rows: int) -> Encodings | None:
    if not text:
        return None
    try:
        encodings = Encodings.from_bytes(b64decode(text, validate=True))
    except (ValueError, MalformedEncoding):
        raise Malformed("no encodings") from None
    if len(encodings) != rows:
        raise Malformed("as many encodings as patients are needed")
    return encodings


def _rows(rows: object, width: int) -> list[list[Any]]:
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or len(row) != width or not isinstance(row[0], str)
        for row in rows
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
