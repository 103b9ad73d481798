"""What all parties have: a folder, keys, a card, cards they trust, and a ledger with audit."""

from __future__ import annotations

import fcntl
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from haemony.governance import GovernanceStore
from haemony.governance.store import Act, Message
from haemony.lake.store import TEMPORARY, write_bytes, writing
from haemony.model.errors import HaemonyError, UsageError
from haemony.privacy.exchange import (
    Card,
    EnvelopeRefused,
    Opened,
    Refusal,
    Role,
    Waybill,
    open_envelope,
)
from haemony.privacy.exchange.card import ENCRYPTION, SIGNING, check_name
from haemony.privacy.keys import Keyring

CONFIGURATION = "haemony.toml"

_TEMPLATE = """\
# Configuration of a haemony workspace; see docs/reference/configuration.md.
[party]
format = 1
role = "{role}"
name = "{name}"

[governance]
# SQLite beside this file; any SQLAlchemy URL of a PostgreSQL database works too.
url = "sqlite:///governance.sqlite"
"""


class NotAWorkspace(UsageError):
    """The folder is no workspace of this role."""

    def __init__(self, folder: Path, role: Role) -> None:
        self.folder, self.role = folder, role
        command = "haemony init" if role is Role.PLATFORM else f"haemony {role} init"
        super().__init__(
            f"{folder} is no haemony workspace of a {role}; `{command} {folder}` makes one"
        )


class AlreadyThere(UsageError):
    """The folder is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder} exists and is not empty; choose another folder")


class NobodyTrusted(UsageError):
    """No party of a role is trusted, or more than one where one is needed."""

    def __init__(self, role: Role, mine: Role, found: int) -> None:
        self.role = role
        cause = f"{found} cards of a {role} are trusted" if found else f"no {role} is trusted"
        super().__init__(
            f"{cause} in this workspace and one is needed; `haemony {mine} trust CARD` adds one, "
            f"`haemony {mine} distrust FINGERPRINT` takes one away"
        )


class NameTaken(UsageError):
    """Another card of the same role and name is trusted."""

    def __init__(self, other: Card) -> None:
        self.other = other
        super().__init__(
            f"another card of a {other.role} of this name, or with one of these keys, is trusted, "
            f"fingerprint {other.spoken}; if that party has new keys, distrust the old card first"
        )


class UnknownCard(UsageError):
    """No trusted card has this fingerprint."""

    def __init__(self) -> None:
        super().__init__(
            "no trusted card starts with this fingerprint, or several do; list them with `trusted`"
        )


@dataclass(frozen=True)
class Party:
    """A party in its workspace.

    Args:
        folder: Its workspace.
        role: What it does.

    Raises:
        NotAWorkspace: When the folder is no workspace of this role.
    """

    folder: Path
    role: Role

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())
        if self._settings.get("party", {}).get("role") != self.role:
            raise NotAWorkspace(self.folder, self.role)

    @classmethod
    def make(cls, folder: Path, role: Role, name: str, secrets: tuple[str, ...]) -> None:
        """Make a workspace with fresh keys.

        Args:
            folder: Absent or empty.
            role: What the party does.
            name: How it is called.
            secrets: Names of the 32-byte keys it has beside those of the exchange.

        Raises:
            AlreadyThere: When the folder holds anything.
            BadName: When a party cannot be called so.
        """
        check_name(name)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyThere(folder)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(stat.S_IRWXU)
            keys = Keyring(folder / "keys")
            for secret in (*secrets, SIGNING):
                keys.make(secret)
            keys.make_identity(ENCRYPTION)
            text = _TEMPLATE.format(role=role, name=name)
            (folder / CONFIGURATION).write_text(text, encoding="utf-8")
        party = Party(folder, role)
        party.governance.upgrade()
        party.governance.record("workspace made", f"{role} {name}"[:255])

    @classmethod
    def at(cls, folder: Path) -> Party:
        """The party whose workspace this is, whatever its role."""
        for role in Role:
            try:
                return Party(folder, role)
            except NotAWorkspace:
                continue
        raise NotAWorkspace(folder, Role.PLATFORM)

    @cached_property
    def _settings(self) -> dict[str, dict[str, str]]:
        try:
            return tomllib.loads((self.folder / CONFIGURATION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    @property
    def name(self) -> str:
        """How the party is called."""
        return str(self._settings["party"]["name"])

    @property
    def keys(self) -> Keyring:
        """Its keys."""
        return Keyring(self.folder / "keys")

    @cached_property
    def card(self) -> Card:
        """Its card as of now."""
        return Card.of(self.role, self.name, self.keys)

    @cached_property
    def governance(self) -> GovernanceStore:
        """Its ledger, at the URL of the configuration."""
        url = str(self._settings["governance"]["url"])
        beside = "sqlite:///"
        if url.startswith(beside) and not url.startswith(f"{beside}/"):
            url = f"{beside}{self.folder / url.removeprefix(beside)}"
        store = GovernanceStore(url)
        store.keep_current()
        return store

    @property
    def trusted(self) -> tuple[Card, ...]:
        """The cards it trusts, sorted by their fingerprint."""
        paths = sorted((self.folder / "trusted").glob("*.json"))
        return tuple(Card.read(path) for path in paths if not path.name.startswith(TEMPORARY))

    def trust(self, card: bytes) -> Card:
        """Trust a card from now on.

        Raises:
            NoCard: When it is none.
            NameTaken: When another card of this role and name, or of one of its keys, is trusted.
        """
        known = Card.from_bytes(card)
        for other in self.trusted:
            named = (other.role, other.name.casefold()) == (known.role, known.name.casefold())
            keyed = other.signing == known.signing or other.encryption == known.encryption
            if other != known and (named or keyed):
                raise NameTaken(other)
        write_bytes(self.folder / "trusted" / f"{known.fingerprint}.json", card)
        self.governance.record("card trusted", f"{known.role} {known.fingerprint}")
        return known

    def distrust(self, fingerprint: str) -> Card:
        """Trust a card no longer.

        Args:
            fingerprint: Its first digits.

        Raises:
            UnknownCard: When none, or more than one, starts so.
        """
        gone = self.card_of(fingerprint)
        with writing(self.folder):
            (self.folder / "trusted" / f"{gone.fingerprint}.json").unlink()
        self.governance.record("card distrusted", f"{gone.role} {gone.fingerprint}")
        return gone

    def card_of(self, fingerprint: str) -> Card:
        """The trusted card whose fingerprint starts so.

        Raises:
            UnknownCard: When none, or more than one, does.
        """
        start = fingerprint.replace(" ", "").lower()
        found = [card for card in self.trusted if card.fingerprint.startswith(start)]
        if len(found) != 1:
            raise UnknownCard
        return found[0]

    def only(self, role: Role) -> Card:
        """The one trusted card of a role.

        Raises:
            NobodyTrusted: When there is none, or more than one.
        """
        found = [card for card in self.trusted if card.role is role]
        if len(found) != 1:
            raise NobodyTrusted(role, self.role, len(found))
        return found[0]

    def open(self, envelope: Path, role: Role, now: datetime) -> Opened:
        """Check and open an envelope that a trusted party of a role has sealed to this one.

        Raises:
            EnvelopeRefused: With the first reason that holds.
        """
        return open_envelope(
            envelope.read_bytes(),
            envelope.name,
            me=self.card,
            keys=self.keys,
            trusted=self.trusted,
            role=role,
            now=now,
        )

    @contextmanager
    def auditing(self) -> Iterator[None]:
        """Leave an audit entry of every envelope that is refused inside."""
        try:
            yield
        except EnvelopeRefused as refused:
            details = {"reason": refused.refusal.name.lower()}
            self.governance.record("envelope refused", refused.what[:255], details)
            raise
        except HaemonyError:
            raise
        except Exception as fault:  # noqa: BLE001 whatever a message does, it leaves an entry
            self.governance.record("envelope refused", type(fault).__name__, {"reason": "fault"})
            raise EnvelopeRefused(Refusal.MALFORMED, "an envelope") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change what this party knows; the others wait."""
        with (self.folder / ".lock").open("w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def check_order(self, act: Act, waybill: Waybill, partner: str, what: str) -> None:
        """Refuse a message that this party has seen, or that comes after a later one.

        Raises:
            EnvelopeRefused: With the reason.
        """
        seen = self.governance.messages(act, partner, waybill.subject)
        if any(message.message == waybill.message for message in seen):
            raise EnvelopeRefused(Refusal.REPLAYED, what)
        highest = max((message.number for message in seen), default=0)
        if waybill.number <= highest:
            detail = f"number {waybill.number} after number {highest}"
            raise EnvelopeRefused(Refusal.OUT_OF_ORDER, what, detail)


def ledger_entry(waybill: Waybill, partner: str, digest: str = "") -> Message:
    """How a ledger remembers a message."""
    return Message(partner, waybill.subject, waybill.number, waybill.message, digest)
