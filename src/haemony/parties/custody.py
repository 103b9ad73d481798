"""Keys over their life: replace, destroy with a signed record, back up and bring back.

A replaced key is *retired*: it stays under a number (``site-1``) so that patients whom it named are
recognised once more, and is destroyed when it is no longer needed. Destruction, and whatever else
cannot be undone, needs an order that two people have approved.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pyrage

from haemony.lake.store import write_bytes, writing
from haemony.model.errors import RefusedByPolicy, UsageError
from haemony.parties.party import CONFIGURATION, AlreadyThere, Party
from haemony.privacy.exchange.approval import check_approved
from haemony.privacy.exchange.card import Role, canonical, sign
from haemony.privacy.exchange.envelope import SKEW, VALID

PASSPHRASE = 15
"""Letters that a passphrase has at least (NIST SP 800-63B-4)."""

_KEPT = ("keys", "trusted", "records", "parties", CONFIGURATION, "governance.sqlite")
_REPLACED = {Role.PARTNER: "site", Role.TRUSTEE: "domain"}


class NotReplaceable(UsageError):
    """A key is not one that is replaced or destroyed in this way."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"the key {name!r} is not replaced or destroyed in this way: the partner's `site` and "
            "the trustee's `domain` are replaced with `rotate`, and what it retires (`site-1`) is "
            "destroyed; an exchange key ends when its card is distrusted"
        )


class NotThisOrder(RefusedByPolicy):
    """An order was not given by this party, was changed, or was carried out before."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is no open order of this party: it was changed, is another's, is older than "
            "30 days, or was carried out before; make a new one with `order`"
        )


class WeakPassphrase(UsageError):
    """A passphrase is too short."""

    def __init__(self) -> None:
        super().__init__(
            f"a passphrase has at least {PASSPHRASE} letters: whoever reads the backup can try as "
            "many as they like; take several words"
        )


class NoBackup(UsageError):
    """A file is no backup, or the passphrase is another."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} cannot be opened: it is no backup of haemony, is damaged, or the passphrase "
            "is another"
        )


def rotate(party: Party) -> str:
    """Replace the key of a partner's or trustee's pseudonyms; the old one is retired.

    Patients keep their patient keys: a partner's next seal names them under old and new key, and
    the trustee's map knows everyone it has seen.

    Returns:
        The name under which the old key is retired.

    Raises:
        NotReplaceable: When the party has no such key.
    """
    name = _REPLACED.get(party.role)
    if name is None:
        raise NotReplaceable("shift")
    number = 1 + max((int(old.partition("-")[2]) for old in retired(party)), default=0)
    old = f"{name}-{number}"
    text = party.keys.text(name)
    with party.locked():
        party.keys.write(old, text)
        party.keys.replace(name)
    details = {"key": key_id(bytes.fromhex(text)), "retired as": old}
    party.governance.record("key replaced", name, details)
    return old


def retired(party: Party) -> tuple[str, ...]:
    """Names of the retired keys that still exist, oldest first."""
    name = _REPLACED.get(party.role, "")
    found = [key for key in party.keys.names if re.fullmatch(rf"{name}-\d+", key)]
    return tuple(sorted(found, key=lambda key: int(key.partition("-")[2])))


def key_id(key: bytes) -> str:
    """Names a key without giving it away: an HMAC under the key of a fixed text."""
    return hmac.digest(key, b"haemony/key-id/1", "sha256").hex()[:32]


def order_destruction(party: Party, name: str, reason: str, now: datetime) -> bytes:
    """Write the order to destroy a key; two people approve it before it is carried out.

    Args:
        party: Whose key it is.
        name: Name of the key, such as ``site-1``.
        reason: Why, for the record.
        now: The time, with its zone.

    Raises:
        NotReplaceable: For a key of the exchange or of the releases.
    """
    if not re.fullmatch(r"(site|domain)-\d+", name):
        raise NotReplaceable(name)
    order = {
        "order": "destroy key",
        "party": party.card.fingerprint,
        "name": name,
        "key": key_id(party.keys.secret(name)),
        "reason": reason,
        "made": now.isoformat(timespec="seconds"),
    }
    return canonical({**order, "signature": sign(canonical(order), party.keys).hex()})


def destroy(
    party: Party, order: bytes, what: str, approvals: Iterable[bytes], now: datetime
) -> Path:
    """Carry out an approved order: overwrite the key, delete it, and leave a signed record.

    Args:
        party: Whose key it is.
        order: What :func:`order_destruction` wrote.
        what: How to call the order in errors.
        approvals: Approvals of two different people.
        now: The time, with its zone.

    Returns:
        The record.

    Raises:
        NotThisOrder: When the order is not one of this party's, or was carried out.
        NotApproved: When too few people have approved.
    """
    given = _verified(party, order, what)
    made = datetime.fromisoformat(given["made"])
    if not now - VALID <= made <= now + SKEW:
        raise NotThisOrder(what)
    people = check_approved(order, what, approvals, party.trusted)
    name = str(given["name"])
    if name not in party.keys.names or key_id(party.keys.secret(name)) != given["key"]:
        raise NotThisOrder(what)
    record = {
        "record": "key destroyed",
        "order": hashlib.sha256(order).hexdigest(),
        "name": name,
        "key": given["key"],
        "reason": given["reason"],
        "approved by": [person.fingerprint for person in people],
        "done": now.isoformat(timespec="seconds"),
    }
    signed = {**record, "signature": sign(canonical(record), party.keys).hex()}
    path = party.folder / "records" / f"destroyed-{given['key']}.json"
    write_bytes(path, canonical(signed))
    party.keys.remove(name)
    party.governance.record("key destroyed", name, {"key": given["key"]})
    return path


def _verified(party: Party, order: bytes, what: str) -> dict[str, str]:
    try:
        given = json.loads(order)
        signature = bytes.fromhex(given.pop("signature"))
        mine = given["party"] == party.card.fingerprint and given["order"] == "destroy key"
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotThisOrder(what) from None
    if not mine or not party.card.signed(canonical(given), signature):
        raise NotThisOrder(what)
    return dict(given)


def back_up(party: Party, passphrase: str) -> bytes:
    """Everything that cannot be made again: keys, trusted cards, ledger; sealed by a passphrase.

    Args:
        party: Whose workspace is backed up; a lake is not part of it.
        passphrase: At least :data:`PASSPHRASE` letters.

    Raises:
        WeakPassphrase: When it is shorter.
    """
    if len(passphrase) < PASSPHRASE:
        raise WeakPassphrase
    party.governance.close()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in _KEPT:
            for path in _files(party.folder / part):
                archive.writestr(str(path.relative_to(party.folder)), path.read_bytes())
    party.governance.record("backed up", party.role)
    return bytes(pyrage.passphrase.encrypt(whole.getvalue(), passphrase))


def recover(backup: bytes, what: str, passphrase: str, folder: Path) -> Party:
    """Bring a party back from its backup.

    Args:
        backup: What :func:`back_up` gave.
        what: How to call it in errors.
        passphrase: The one it was sealed with.
        folder: Absent or empty.

    Raises:
        NoBackup: When it cannot be opened.
        AlreadyThere: When the folder holds anything.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyThere(folder)
    try:
        archive = zipfile.ZipFile(io.BytesIO(pyrage.passphrase.decrypt(backup, passphrase)))
    except (pyrage.DecryptError, zipfile.BadZipFile):
        raise NoBackup(what) from None
    with writing(folder), archive:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700)
        archive.extractall(folder)
        for keys in folder.rglob("keys"):
            keys.chmod(0o700)
            for path in keys.iterdir():
                path.chmod(0o600)
    party = Party.at(folder)
    party.governance.upgrade()
    party.governance.record("recovered from a backup", party.role)
    return party


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
