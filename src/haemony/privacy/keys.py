"""The keys of one party: a folder that only its owner can read, one file per key.

A key is never in a configuration, a database or a message; it is read when it is used.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import pyrage

from haemony.model.errors import EnvironmentFault

SECRET_BYTES = 32


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
            "patients cannot be recognised, envelopes opened nor releases verified"
        )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The folder of keys of one party.

    Example:
        >>> import tempfile
        >>> ring = Keyring(Path(tempfile.mkdtemp()) / "keys")
        >>> ring.make("site")
        >>> len(ring.secret("site"))
        32
    """

    folder: Path

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that are there, sorted."""
        found = (path.stem for path in self.folder.glob("*.key"))
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def make(self, name: str) -> None:
        """Draw 32 secret bytes from the system's source of randomness."""
        self.write(name, secrets.token_bytes(SECRET_BYTES).hex())

    def make_identity(self, name: str) -> None:
        """Draw a fresh X25519 identity in age's form."""
        self.write(name, str(pyrage.x25519.Identity.generate()))

    def write(self, name: str, text: str) -> None:
        """Write a new key; an existing one is never overwritten."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def replace(self, name: str) -> None:
        """Put a fresh key in the place of an old one, in one step: it is one or the other."""
        fresh = f".new-{name}"
        self._path(fresh).unlink(missing_ok=True)
        self.make(fresh)
        self._path(fresh).replace(self._path(name))

    def remove(self, name: str) -> None:
        """Overwrite a key and delete its file; what a disk keeps besides is out of reach."""
        path = self._path(name)
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    def secret(self, name: str) -> bytes:
        """The 32 bytes of a symmetric or signing key.

        Raises:
            NoKey: When it is absent or cut short.
            UnsafeKeys: When others can read it.
        """
        try:
            key = bytes.fromhex(self.text(name))
        except ValueError:
            raise NoKey(self._path(name)) from None
        if len(key) != SECRET_BYTES:
            raise NoKey(self._path(name))
        return key

    def identity(self, name: str) -> pyrage.x25519.Identity:
        """The X25519 identity that opens what is encrypted to this party."""
        try:
            return pyrage.x25519.Identity.from_str(self.text(name).strip())
        except pyrage.IdentityError:
            raise NoKey(self._path(name)) from None

    def text(self, name: str) -> str:
        """A key as its file holds it."""
        path = self._path(name)
        try:
            mode = path.stat().st_mode | self.folder.stat().st_mode
            text = path.read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            raise NoKey(path) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnsafeKeys(path)
        return text

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"
