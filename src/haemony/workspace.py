"""The platform's workspace: one folder with configuration, keys, governance store and lake.

Keys are made at ``haemony init`` and never leave their folder, which only its owner can read. To
try everything on one machine, the platform can keep the workspaces of partners and of a trustee in
a folder beside its lake; each has its own keys, and they exchange the same sealed files as parties
that are far apart.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from haemony.lake import Lake
from haemony.lake.signing import Signer
from haemony.model.errors import RefusedByPolicy
from haemony.parties import Partner, Party, Trustee
from haemony.privacy.exchange import Role

SECRETS = ("shift", "signing", "cuts")
LOCAL = "parties"


class ComesSealed(RefusedByPolicy):
    """This platform takes only what its partners sealed."""

    def __init__(self) -> None:
        super().__init__(
            "this workspace holds the platform alone, and contributions reach it sealed: the "
            "partner seals (`haemony partner seal`), the trustee relays, and `haemony platform "
            "receive` takes both envelopes"
        )


@dataclass(frozen=True)
class Workspace(Party):
    """An opened workspace of a platform.

    Args:
        folder: A folder that ``haemony init`` made.

    Raises:
        NotAWorkspace: When it is none.
    """

    role: Role = Role.PLATFORM

    def __init__(self, folder: Path | str) -> None:
        object.__setattr__(self, "folder", Path(folder))
        object.__setattr__(self, "role", Role.PLATFORM)
        self.__post_init__()

    @classmethod
    def init(cls, folder: Path, name: str = "platform", *, alone: bool = False) -> Workspace:
        """Make a workspace with fresh keys.

        Args:
            folder: Absent or empty.
            name: How the platform is called.
            alone: Whether trustee and partners sit elsewhere, as they should.

        Raises:
            AlreadyThere: When the folder holds anything.
        """
        cls.make(folder, Role.PLATFORM, name, SECRETS)
        workspace = cls(folder)
        (folder / "lake").mkdir()
        if not alone:
            trustee = Trustee.init(folder / LOCAL / "trustee", "trustee on this machine")
            introduce(workspace, trustee)
        return workspace

    @cached_property
    def lake(self) -> Lake:
        """The releases."""
        return Lake(self.folder / "lake", Signer(self.keys.secret("signing")))

    @property
    def shift_key(self) -> bytes:
        """The secret that places every patient's day 0."""
        return self.keys.secret("shift")

    @property
    def trustee(self) -> Trustee:
        """The trustee on this machine.

        Raises:
            ComesSealed: When the trustee sits elsewhere.
        """
        folder = self.folder / LOCAL / "trustee"
        if not folder.is_dir():
            raise ComesSealed
        return Trustee(folder)

    def partner(self, name: str) -> Partner:
        """A partner on this machine; made, and introduced to the others, when it first brings data.

        Raises:
            ComesSealed: When partners sit elsewhere.
        """
        trustee = self.trustee
        folder = self.folder / LOCAL / _folder_name(name)
        if not folder.is_dir():
            partner = Partner.init(folder, name)
            introduce(partner, trustee)
            introduce(partner, self)
        return Partner(folder)


def introduce(one: Party, other: Party) -> None:
    """Let two parties on one machine trust each other's card."""
    one.trust(other.card.to_bytes(other.keys))
    other.trust(one.card.to_bytes(one.keys))


def _folder_name(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
