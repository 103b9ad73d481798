"""The manifest of a release: what it holds, from whom, at which quality, under which hashes.

It is canonical JSON (sorted keys, no blanks), carries no clock and no path, and is signed beside
itself with Ed25519 (RFC 8032). The same inputs, keys and code give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = "haemony-release/1"
COMMON = ""
"""The owner of partitions that belong to no contribution: vocabulary and metadata."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One file of a table, from one contribution."""

    table: str
    contribution: str
    sha256: str
    content: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Member:
    """One contribution in a release.

    Attributes:
        id: Its stable name.
        number: Its number in the lake, the upper half of its row ids; never reused.
        digest: Hash of the files it was made from.
        made_by: Code version and catalogue hash it was harmonised with.
        patients: How many persons it brought.
        level: Quality level reached.
        facts: Title, partner, disease, source, origin, conditions of use, in silico or not.
        grade: The grade report: verdicts, completeness, rules, account, comparison.
    """

    id: str
    number: int
    digest: str
    made_by: str
    patients: int
    level: int
    facts: Mapping[str, Any]
    grade: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What one release holds."""

    number: int
    parent: str | None
    version: str
    members: tuple[Member, ...]
    partitions: tuple[Partition, ...]

    @property
    def content(self) -> str:
        """Hash of what the release says, whatever program wrote its files."""
        whole = hashlib.sha256()
        for part in self.partitions:
            whole.update(f"{part.table}\0{part.contribution}\0{part.content}\n".encode())
        return whole.hexdigest()

    def encode(self) -> bytes:
        """The canonical bytes that are hashed and signed."""
        return canonical(
            {
                "format": FORMAT,
                "number": self.number,
                "parent": self.parent,
                "haemony": self.version,
                "content": self.content,
                "contributions": [asdict(member) for member in self.members],
                "partitions": [asdict(partition) for partition in self.partitions],
            }
        )

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes: the identity of the release."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def decode(cls, content: bytes) -> Manifest:
        """Read a manifest back."""
        given = json.loads(content)
        return cls(
            given["number"],
            given["parent"],
            given["haemony"],
            tuple(Member(**member) for member in given["contributions"]),
            tuple(Partition(**partition) for partition in given["partitions"]),
        )

    def of(self, table: str) -> tuple[Partition, ...]:
        """The partitions of one table."""
        return tuple(part for part in self.partitions if part.table == table)

    def member(self, contribution: str) -> Member | None:
        """A contribution by its id."""
        return next((member for member in self.members if member.id == contribution), None)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that have rows, in alphabetical order."""
        return tuple(sorted({part.table for part in self.partitions}))


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no blanks and exact text: one value, one sequence of bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def ordered(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    """Partitions in the one order a manifest lists them in."""
    return tuple(sorted(partitions, key=lambda part: (part.table, part.contribution)))
