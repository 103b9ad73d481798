"""Hardened Bloom-filter encodings: what a partner computes under the linkage key and sends.

Bloom filters of bigrams keep similarity when names are misspelt (Schnell, Bachteler, Reiher 2009,
doi:10.1186/1472-6947-9-41), but plain ones have been broken: by frequencies of whole filters
(Christen et al. 2017), of bit patterns (Christen et al. 2018) and, with double hashing, by algebra
(Niedermeyer et al. 2014). So here

- every bigram's positions come from HMAC-SHA-256 under the key, independently for each field
  (random hashing, Niedermeyer et al. 2014, instead of double hashing);
- every face is salted with part of the date of birth (attribute salting, Niedermeyer et al. 2014),
  so that a name has some thousand encodings instead of one;
- every filter takes the same number of insertions, so that its weight does not tell the name's
  length;
- a share of the bits is flipped (permanent randomised response, Schnell & Borgs 2016), drawn from
  the whole record under the key: the same record always gives the same encoding, and two people
  with the same name give different ones.

Random hashing, salting and flips are among the hardenings that Franke et al. 2021 (EDBT) compare;
four faces and constant insertions are ours. ``docs/explanation/linkage.md`` has the references.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from haemony.privacy.linkage.errors import (
    BadParameters,
    Incomparable,
    MalformedEncoding,
    WeakLinkageKey,
)
from haemony.privacy.linkage.identity import Identity, Normal, normalise
from haemony.privacy.linkage.parameters import (
    STANDARD,
    TOKENS,
    VERSION,
    Face,
    Field,
    Parameters,
    Slot,
    Token,
)
from haemony.privacy.linkage.phonetics import cologne

KEY_BYTES = 32
_DIGEST = 32
_BATCH = 2048
_MEMORY = 1 << 20
"""Hashed bigrams kept while a batch is encoded."""

_MAGIC = b"HLNK"
_HEADER = struct.Struct(">4sBHHHHB16sI")


@dataclass(frozen=True, slots=True)
class LinkageKey:
    """The secret that the partners of one linkage share, and nobody else holds.

    Example:
        >>> LinkageKey.draw()
        LinkageKey()
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < KEY_BYTES:
            raise WeakLinkageKey(len(self.secret), KEY_BYTES)

    @classmethod
    def draw(cls) -> LinkageKey:
        """A fresh key from the system's source of randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def subkey(self, purpose: str) -> bytes:
        """A key of its own for every purpose: HMAC-SHA-256 of its name (RFC 2104)."""
        return _keyed(self.secret, f"haemony/linkage/{VERSION}/{purpose}".encode())

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that tell two keys apart and say nothing else of them."""
        return self.subkey("fingerprint")[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Encodings:
    """The encodings of many records, in the order of the identities they were made from.

    Attributes:
        parameters: Their sizes and noise.
        fingerprint: Of the linkage key.
        present: Which parts each record has, bits of :class:`Field`: shape (n,).
        tokens: Keyed hashes, 0 where a part is missing: shape (n, TOKENS).
        filters: The filters' words: shape (n, parameters.words).
    """

    parameters: Parameters
    fingerprint: bytes
    present: NDArray[np.uint16]
    tokens: NDArray[np.uint64]
    filters: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: NDArray[np.integer] | slice) -> Encodings:
        """The encodings of some records, in the order asked for."""
        return replace(
            self,
            present=self.present[rows],
            tokens=self.tokens[rows],
            filters=self.filters[rows],
        )

    def has(self, part: Field) -> NDArray[np.bool_]:
        """Whether each record has a part: shape (n,)."""
        return np.asarray((self.present & np.uint16(part.value)) != 0)

    def check_comparable(self, other: Encodings) -> None:
        """Refuse encodings of another key or of other sizes.

        Raises:
            Incomparable: When keys or parameters differ.
        """
        if self.fingerprint != other.fingerprint:
            raise Incomparable("linkage keys")
        if self.parameters != other.parameters:
            raise Incomparable("parameters")

    def to_bytes(self) -> bytes:
        """Header, then record after record: the same for one record and for many.

        Layout, all numbers big-endian: magic ``HLNK``, version (1 byte), name bits, insertions,
        home bits, insertions (2 each), flips (1), fingerprint of the key (16), records (4); then
        per record its missing bits (2), tokens (8 each) and filters.
        """
        p = self.parameters
        sizes = (p.name_bits, p.name_hashes, p.home_bits, p.home_hashes, p.flips)
        header = _HEADER.pack(_MAGIC, VERSION, *sizes, self.fingerprint, len(self))
        rows = np.empty(len(self), _row(p))
        rows["present"], rows["tokens"], rows["filters"] = self.present, self.tokens, self.filters
        return header + rows.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Encodings:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            MalformedEncoding: When it is anything else, of another version, or cut short.
        """
        if len(content) < _HEADER.size or content[:4] != _MAGIC:
            raise MalformedEncoding("it does not begin as one")
        _, version, *sizes, fingerprint, count = _HEADER.unpack_from(content)
        if version != VERSION:
            raise MalformedEncoding(f"it has version {version}, and this is version {VERSION}")
        try:
            parameters = Parameters(*sizes)
        except BadParameters as refused:
            raise MalformedEncoding(refused.reason) from None
        row = _row(parameters)
        if len(content) != _HEADER.size + count * row.itemsize:
            raise MalformedEncoding("its length is not that of the records it announces")
        rows = np.frombuffer(content, row, offset=_HEADER.size)
        return cls(
            parameters,
            fingerprint,
            rows["present"].astype(np.uint16),
            rows["tokens"].astype(np.uint64),
            rows["filters"].astype(np.uint64),
        )

    def records(self) -> Iterator[bytes]:
        """Every record by itself, each with the header: what a message carries beside a token."""
        for row in range(len(self)):
            yield self.take(slice(row, row + 1)).to_bytes()

    @classmethod
    def of_records(cls, records: Sequence[bytes]) -> Encodings:
        """Put single records together again.

        Raises:
            MalformedEncoding: When there is none, or one cannot be read.
            Incomparable: When they were made under different keys or parameters.
        """
        if not records:
            raise MalformedEncoding("there is no record")
        header = records[0][: _HEADER.size - 4]
        if any(record[: _HEADER.size - 4] != header for record in records):
            parts = [cls.from_bytes(record) for record in records]
            for part in parts:
                part.check_comparable(parts[0])
        bodies = b"".join(record[_HEADER.size :] for record in records)
        return cls.from_bytes(header + struct.pack(">I", len(records)) + bodies)


def encode(
    identities: Sequence[Identity], key: LinkageKey, parameters: Parameters = STANDARD
) -> Encodings:
    """Encode identities under the linkage key; done at the partner.

    Args:
        identities: Who they are.
        key: The key that all partners of the linkage share.
        parameters: Sizes and noise; the same at all partners.

    Example:
        >>> one = encode([Identity(given="Jördis", family="Qualm")], LinkageKey(bytes(32)))
        >>> other = encode([Identity(given="JOERDIS", family="Qualm")], LinkageKey(bytes(32)))
        >>> one.to_bytes() == other.to_bytes(), len(one.to_bytes())
        (True, 644)
    """
    encoder = _Encoder(key, parameters)
    rows = iter(identities)
    batches = iter(lambda: [normalise(person) for person in islice(rows, _BATCH)], [])
    parts = [encoder.batch(batch) for batch in batches] or [encoder.batch([])]
    present, tokens, filters = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Encodings(parameters, key.fingerprint, present, tokens, filters)


def bigrams(words: Sequence[str]) -> tuple[bytes, ...]:
    """The pairs of neighbouring letters of all words, ends marked, each once and in order.

    Example:
        >>> bigrams(("ANN",))
        (b'AN', b'NN', b'N_', b'_A')
    """
    pairs = {f"_{word}_"[i : i + 2] for word in words for i in range(len(word) + 1)}
    return tuple(pair.encode() for pair in sorted(pairs))


def placed(code: str) -> tuple[bytes, ...]:
    """The pairs of neighbouring characters of a code, with their places."""
    padded = f"_{code}_"
    return tuple(f"{i}{padded[i : i + 2]}".encode() for i in range(len(padded) - 1))


def _row(parameters: Parameters) -> np.dtype[np.void]:
    """One record as it stands in a file."""
    return np.dtype(
        [
            ("present", ">u2"),
            ("tokens", ">u8", (TOKENS,)),
            ("filters", ">u8", (parameters.words,)),
        ]
    )


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


class _Encoder:
    """Subkeys of one linkage key, and the bigrams hashed lately."""

    def __init__(self, key: LinkageKey, parameters: Parameters) -> None:
        self.parameters = parameters
        self._kinds = {slot.kind: key.subkey(slot.kind) for slot in Slot}
        self._token, self._noise = key.subkey("token"), key.subkey("noise")
        self._streams: dict[tuple[bytes, bytes], bytes] = {}
        self._salted: dict[tuple[str, bytes], bytes] = {}

    def batch(
        self, people: Sequence[Normal]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint64], NDArray[np.uint64]]:
        """Missing bits, tokens and filters of some people."""
        if len(self._streams) > _MEMORY:
            self._streams.clear()
        present = np.array([_present(person) for person in people], np.uint16)
        tokens = np.array([self._tokens(p) for p in people], np.uint64).reshape(-1, TOKENS)
        return present, tokens, self._filters(people)

    def _tokens(self, person: Normal) -> list[int]:
        born = person.born
        parts = (born.year, born.month, born.day)
        whole = "" if None in parts else "-".join(map(str, parts))
        names = [token.name for token in Token if token is not Token.FACE]
        alike = (" ".join(person.given), " ".join(person.family), str(born.year), person.postcode)
        values = [
            person.number,
            whole,
            f"{whole}/{person.sex}" if whole and person.sex else "",
            "/".join(alike) if all(alike) and born.year else "",
        ]
        given, family = _sound(person.given), _sound(person.birth_name or person.family)
        for face in Face:
            salt = face.salt(born)
            for name, sound in (("given", given), ("family", family)):
                names.append(name)
                values.append(f"{salt.decode()}/{sound}" if salt and sound else "")
        return [
            self._hash(name, value) if value else 0
            for name, value in zip(names, values, strict=True)
        ]

    def _hash(self, name: str, value: str) -> int:
        digest = _keyed(self._token, f"{name}\0{value}".encode())
        return int.from_bytes(digest[:8], "big") or 1

    def _filters(self, people: Sequence[Normal]) -> NDArray[np.uint64]:
        """The noisy filters of some people, packed."""
        parameters = self.parameters
        bits = np.zeros((len(people), len(Face) * parameters.face_bits), np.uint8)
        filled = np.zeros_like(bits, np.bool_)
        grams = [_grams(person) for person in people]
        salts = [[face.salt(person.born) for face in Face] for person in people]
        for face in Face:
            for slot in Slot:
                words = parameters.place(face, slot)
                rows = [
                    i for i, own in enumerate(grams) if own[slot.value] and salts[i][face.value]
                ]
                hashed = b"".join(
                    self._insertions(salts[i][face.value] or b"", slot, grams[i][slot.value])
                    for i in rows
                )
                places = np.frombuffer(hashed, ">u2").reshape(len(rows), parameters.hashes(slot))
                column = slice(words.start * 64, words.stop * 64)
                index = np.array(rows, np.intp)[:, None]
                bits[index, column.start + places % parameters.bits(slot)] = 1
                filled[rows, column] = True
        bits ^= self._flips(people, bits.shape[1]) & filled
        return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)

    def _insertions(self, salt: bytes, slot: Slot, grams: tuple[bytes, ...]) -> bytes:
        """Two bytes for each insertion; bigrams share the insertions as evenly as they can."""
        each, more = divmod(self.parameters.hashes(slot), len(grams))
        key = self._face_key(slot.kind, salt)
        blocks = (each * 2) // _DIGEST + 1
        return b"".join(
            self._stream(key, gram, blocks)[: 2 * (each + (place < more))]
            for place, gram in enumerate(grams)
        )

    def _face_key(self, kind: str, salt: bytes) -> bytes:
        found = self._salted.get((kind, salt))
        if found is None:
            found = self._salted[kind, salt] = _keyed(self._kinds[kind], salt)
        return found

    def _stream(self, key: bytes, gram: bytes, blocks: int) -> bytes:
        """Pseudo-random bytes of one bigram: HMAC-SHA-256 in counter mode."""
        stream = self._streams.get((key, gram), b"")
        while len(stream) < blocks * _DIGEST:
            stream += _keyed(key, bytes([len(stream) // _DIGEST]) + gram)
            self._streams[key, gram] = stream
        return stream

    def _flips(self, people: Sequence[Normal], size: int) -> NDArray[np.bool_]:
        """Which bits of which record are flipped: SHAKE-256 of the record under the key."""
        if not self.parameters.flips:
            return np.zeros((len(people), size), np.bool_)
        drawn = b"".join(
            hashlib.shake_256(_keyed(self._noise, person.canonical())).digest(size)
            for person in people
        )
        noise = np.frombuffer(drawn, np.uint8).reshape(len(people), size)
        return noise < self.parameters.flips


def _sound(words: tuple[str, ...]) -> str:
    """How the first word of a name sounds; itself where it has no code."""
    return (cologne(words[0]) or words[0]) if words else ""


def _grams(person: Normal) -> tuple[tuple[bytes, ...], ...]:
    """What goes into each slot; nothing into that of a missing part."""
    return (
        bigrams(person.given),
        bigrams(person.family),
        bigrams(person.birth_name),
        placed(person.postcode) if person.postcode else (),
        bigrams(person.place),
    )


def _present(person: Normal) -> int:
    born = person.born
    values = (
        person.given,
        person.family,
        person.birth_name,
        born.year,
        born.month,
        born.day,
        person.sex,
        person.postcode,
        person.place,
        person.number,
    )
    return sum(part.value for part, value in zip(Field, values, strict=True) if value)
