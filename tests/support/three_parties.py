"""Partner, trustee and platform far apart: three workspaces that trust each other's cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import haemony as hm
from haemony.parties import Partner, Sealed, Trustee
from haemony.workspace import introduce

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class ThreeParties:
    """Three parties, and the folder in which their envelopes travel."""

    partner: Partner
    trustee: Trustee
    platform: hm.Workspace
    post: Path

    def seal(self, contribution: hm.Contribution, now: datetime = NOW) -> Sealed:
        """Seal at the partner."""
        return self.partner.seal(contribution, self.post, now=now)

    def relay(self, sealed: Sealed, now: datetime = NOW) -> Path:
        """Relay at the trustee."""
        return self.trustee.relay(sealed.identities, self.post, now=now)


def three_parties(folder: Path, name: str = "hospital") -> ThreeParties:
    """Make three parties that trust each other."""
    partner = Partner.init(folder / "partner", name)
    trustee = Trustee.init(folder / "trustee", "trust centre")
    platform = hm.Workspace.init(folder / "platform", alone=True)
    for one, other in ((partner, trustee), (partner, platform), (trustee, platform)):
        introduce(one, other)
    return ThreeParties(partner, trustee, platform, folder / "post")


def another_partner(parties: ThreeParties, folder: Path, name: str) -> Partner:
    """A further partner of the same trustee and platform."""
    partner = Partner.init(folder, name)
    introduce(partner, parties.trustee)
    introduce(partner, parties.platform)
    return partner
