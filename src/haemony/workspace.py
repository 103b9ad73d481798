"""A workspace: one folder with configuration, keys, governance store and lake.

Keys are made at ``haemony init`` and never leave their folder, which only its owner can read. The
partner's and the trustee's key live here behind the interfaces where separate parties will sit.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from haemony.governance import GovernanceStore
from haemony.lake import Lake
from haemony.lake.signing import Signer
from haemony.lake.store import writing
from haemony.model.errors import EnvironmentFault, UsageError
from haemony.privacy import KeyedPartner, KeyedTrustee

CONFIGURATION = "haemony.toml"
KEYS = ("partners", "trustee", "shift", "signing")

_TEMPLATE = """\
# Configuration of a haemony workspace; see docs/reference/configuration.md.
[workspace]
format = 1

[governance]
# SQLite beside this file; any SQLAlchemy URL of a PostgreSQL database works too.
url = "sqlite:///governance.sqlite"
"""


class NotAWorkspace(UsageError):
    """The folder is no workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder} is no haemony workspace; `haemony init {folder}` makes one")


class AlreadyThere(UsageError):
    """The folder is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder} exists and is not empty; choose another for `haemony init`")


class UnsafeKeys(EnvironmentFault):
    """Keys that others can read are no keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} can be read by others; `chmod 600 {path}` (700 for the folder), and think "
            "about who may have read it: a key that leaked must be replaced"
        )


class NoKey(EnvironmentFault):
    """A key is absent or cut short."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"the key {path} is absent or cut short; bring it back from the backup: without it "
            "patients cannot be recognised nor releases verified"
        )


@dataclass(frozen=True)
class Workspace:
    """An opened workspace.

    Args:
        folder: A folder that ``haemony init`` made.

    Raises:
        NotAWorkspace: When it is none.
    """

    folder: Path

    def __init__(self, folder: Path | str) -> None:
        object.__setattr__(self, "folder", Path(folder).resolve())
        if not (self.folder / CONFIGURATION).is_file():
            raise NotAWorkspace(Path(folder))

    @classmethod
    def init(cls, folder: Path) -> Workspace:
        """Make a workspace with fresh keys.

        Raises:
            AlreadyThere: When the folder holds anything.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyThere(folder)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            keys = folder / "keys"
            keys.mkdir(mode=0o700)
            for name in KEYS:
                _write_key(keys / f"{name}.key", secrets.token_bytes(32))
            (folder / "lake").mkdir()
            (folder / CONFIGURATION).write_text(_TEMPLATE, encoding="utf-8")
        workspace = cls(folder)
        workspace.governance.upgrade()
        workspace.governance.record("workspace made", folder.name)
        return workspace

    @cached_property
    def lake(self) -> Lake:
        """The releases."""
        return Lake(self.folder / "lake", Signer(self._key("signing")))

    @cached_property
    def governance(self) -> GovernanceStore:
        """The governance store, at the URL of the configuration."""
        settings = tomllib.loads((self.folder / CONFIGURATION).read_text(encoding="utf-8"))
        url = str(settings["governance"]["url"])
        beside = "sqlite:///"
        if url.startswith(beside) and not url.startswith(f"{beside}/"):
            url = f"{beside}{self.folder / url.removeprefix(beside)}"
        return GovernanceStore(url)

    @property
    def trustee(self) -> KeyedTrustee:
        """The trustee of this domain."""
        return KeyedTrustee(self._key("trustee"))

    @property
    def shift_key(self) -> bytes:
        """The secret that places every patient's day 0."""
        return self._key("shift")

    def partner(self, name: str) -> KeyedPartner:
        """A partner with a key of its own, derived from the partners' secret."""
        message = b"haemony/partner/1\0" + name.encode()
        return KeyedPartner(name, hmac.digest(self._key("partners"), message, "sha256"))

    def _key(self, name: str) -> bytes:
        path = self.folder / "keys" / f"{name}.key"
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            raise NoKey(path) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnsafeKeys(path)
        try:
            key = bytes.fromhex(text)
        except ValueError:
            raise NoKey(path) from None
        if len(key) != 32:
            raise NoKey(path)
        return key


def _write_key(path: Path, key: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex())
