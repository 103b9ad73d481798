"""Pre-registration: a plan is frozen before its answer is known, and later changes are shown.

`haemony study freeze` writes a record beside the protocol: the whole plan, its hash, when, and what
of the data could be seen by then. A run compares the plan it is given with the record and lists
every difference, key by key. The ledger of the workspace keeps every run, so a plan that is frozen
after its question was run says so.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from haemony.analysis.protocol import Protocol
from haemony.lake.signing import Signer, verified
from haemony.model.errors import HaemonyError, UsageError

FORMAT = "haemony-frozen/1"
RECORD = "study.frozen.json"
BEFORE = "before seeing data"


class AlreadyFrozen(UsageError):
    """The plan is frozen; a second record would hide the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} exists: this plan is frozen. Change study.toml and run it, and the report "
            "lists every change; a new plan belongs in a folder of its own"
        )


class BrokenRecord(HaemonyError):
    """The record of a frozen plan is not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path}: {reason}; restore the record from a backup, or the plan counts as not frozen"
        )


@dataclass(frozen=True, slots=True)
class Frozen:
    """A plan as it was frozen.

    Attributes:
        protocol: the text of the plan.
        at: when, as ISO 8601 in UTC.
        seen: what of the data could be seen by then: "before seeing data", a release's number and
            manifest, or how often the question had been run.
        haemony: the version of the program.
        public_key: the key that signed the record; empty without a signature.
        signature: the signature, in hexadecimal; empty without.
    """

    protocol: str
    at: str
    seen: str
    haemony: str
    public_key: str = ""
    signature: str = ""

    @property
    def sha256(self) -> str:
        """Hash of the plan."""
        return hashlib.sha256(self.protocol.encode()).hexdigest()

    @property
    def time(self) -> datetime:
        """When."""
        return _utc(datetime.fromisoformat(self.at))

    @property
    def signed(self) -> bool:
        """Whether the record carries a signature."""
        return bool(self.signature)

    def encode(self) -> str:
        """The record as a file."""
        whole = {"format": FORMAT, "sha256": self.sha256, **asdict(self)}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"

    @property
    def said(self) -> bytes:
        """What a signature is over."""
        return "\0".join((FORMAT, self.sha256, self.at, self.seen, self.haemony)).encode()


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of a question that came before.

    Attributes:
        count: how many; at least one.
        first: the day of the first, as ISO 8601.
    """

    count: int
    first: str

    @property
    def words(self) -> str:
        """What a record and a report say.

        >>> Runs(2, "2026-03-01").words
        'after 2 runs of this question, the first on 2026-03-01'
        """
        if self.count == 1:
            return f"after a run of this question on {self.first}"
        return f"after {self.count:,} runs of this question, the first on {self.first}"


class Ledger(Interface):
    """Where a workspace keeps what happened."""

    def record(self, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Append an event."""

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first, each with `at`, `action`, `subject` and `details`."""
        ...


RUN = "study run"
"""The action under which a ledger keeps a run."""


def remember(protocol: Protocol, release: int, ledger: Ledger) -> None:
    """Keep in a ledger that a plan was run; of its words hashes alone."""
    details = {
        "question": _identity(protocol.question),
        "title": _identity(protocol.title),
        "release": release,
    }
    ledger.record(RUN, protocol.sha256, details)


def earlier_runs(
    protocol: Protocol, ledger: Ledger, *, before: datetime | None = None
) -> Runs | None:
    """The runs of a question that a ledger knows, or None.

    A question is known by its plan's `question` or `title`, whatever else the plan says.

    Args:
        protocol: The plan.
        ledger: The governance store of the workspace.
        before: The time before which runs count; any run unless given.
    """
    question, title = _identity(protocol.question), _identity(protocol.title)
    times = [
        _utc(event["at"])
        for event in ledger.events()
        if event["action"] == RUN
        and (event["details"]["question"] == question or event["details"]["title"] == title)
    ]
    known = [time for time in times if before is None or time < before]
    return Runs(len(known), min(known).date().isoformat()) if known else None


def _identity(words: str) -> str:
    """A text by its words: spaces and capitals tell nothing apart."""
    return hashlib.sha256(" ".join(words.casefold().split()).encode()).hexdigest()


def _utc(at: datetime) -> datetime:
    """A time of a ledger, which may come back without the zone that it was written in."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference between the plan that was frozen and the plan that was run.

    Attributes:
        where: the block and key, such as "cox “NPM1, given age”, formula".
        before: what the frozen plan says; empty where it says nothing.
        after: what the plan that was run says; empty where it says nothing.
    """

    where: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """Whether something was added, removed or changed."""
        return "added" if not self.before else "removed" if not self.after else "changed"


def freeze(
    protocol: Protocol, now: datetime, *, seen: str = BEFORE, signer: Signer | None = None
) -> Frozen:
    r"""Freeze a plan.

    Args:
        protocol: The plan.
        now: When.
        seen: What of the data could be seen by then.
        signer: Who signs the record; nobody unless given.

    >>> from haemony.analysis.protocol import parse
    >>> made = parse('title = "Age"\nquestion = "How old?"\nseed = 1')
    >>> freeze(made, datetime(2026, 1, 2, tzinfo=UTC)).at
    '2026-01-02T00:00:00+00:00'
    """
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    plain = Frozen(protocol.text, at, seen, version("haemony"))
    if signer is None:
        return plain
    signature = signer.sign(plain.said).hex()
    return Frozen(protocol.text, at, seen, plain.haemony, signer.public, signature)


def write_record(frozen: Frozen, folder: Path) -> Path:
    """Write a record beside its protocol.

    Raises:
        AlreadyFrozen: When one is there.
    """
    path = folder / RECORD
    if path.exists():
        raise AlreadyFrozen(path)
    path.write_text(frozen.encode(), encoding="utf-8", newline="\n")
    return path


def read_record(folder: Path) -> Frozen | None:
    """The record of a folder, or None where nothing was frozen.

    Raises:
        BrokenRecord: When it was changed after it was written.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        stated, form = given.pop("sha256"), given.pop("format")
        frozen = Frozen(**given)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BrokenRecord(path, "it is not a record that haemony wrote") from None
    if form != FORMAT:
        raise BrokenRecord(path, f"its format is {form!r}, not {FORMAT!r}")
    if stated != frozen.sha256:
        raise BrokenRecord(path, "the plan in it does not have the hash that it states")
    if frozen.signed and not _holds(frozen):
        raise BrokenRecord(path, "its signature does not fit what it says")
    return frozen


def deviations(frozen: Frozen, protocol: Protocol) -> tuple[Deviation, ...]:
    r"""Every difference between the frozen plan and another, in the order of the plan.

    Comments and the order of keys are no differences; blocks are matched by their titles.

    >>> from haemony.analysis.protocol import parse
    >>> text = 'title = "Age"\nquestion = "How old?"\nseed = 1'
    >>> old = freeze(parse(text), datetime(2026, 1, 2, tzinfo=UTC))
    >>> [one.where for one in deviations(old, parse(text.replace("1", "2")))]
    ['seed']
    """
    old, new = _flat(tomllib.loads(frozen.protocol)), _flat(tomllib.loads(protocol.text))
    return tuple(
        Deviation(where, old.get(where, ""), new.get(where, ""))
        for where in dict.fromkeys([*old, *new])
        if old.get(where, "") != new.get(where, "")
    )


def _holds(frozen: Frozen) -> bool:
    try:
        return verified(frozen.said, bytes.fromhex(frozen.signature), frozen.public_key)
    except ValueError:
        return False


def _flat(table: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Every key of a plan with its value as text; blocks are called by their titles."""
    found: dict[str, str] = {}
    for key, value in table.items():
        here = f"{where}, {key}" if where else key
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for name, block in _named(value):
                found |= _flat(block, f"{here} “{name}”")
        elif isinstance(value, dict) and where == "" and key == "pooling":
            found |= _flat(value, here)
        else:
            found[here] = _shown(value)
    return found


def _named(blocks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Blocks with what they are called: title, name or label, counted where several share one."""
    seen: dict[str, int] = {}
    for position, block in enumerate(blocks, 1):
        called = str(
            block.get("title") or block.get("name") or block.get("label") or f"number {position}"
        )
        seen[called] = seen.get(called, 0) + 1
        yield (called if seen[called] == 1 else f"{called} ({seen[called]})"), block


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value or "“”"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_shown(inner)}" for key, inner in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
