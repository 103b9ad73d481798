"""People who approve, each with a key of their own."""

from __future__ import annotations

from pathlib import Path

from haemony.parties import Party
from haemony.privacy.exchange import Role
from haemony.privacy.exchange.approval import Approval


def approver(folder: Path, name: str, *parties: Party) -> Party:
    """A person whose card these parties trust."""
    Party.make(folder, Role.APPROVER, name, ())
    person = Party(folder, Role.APPROVER)
    for party in parties:
        party.trust(person.card.to_bytes(person.keys))
    return person


def approved(file: Path, *people: Party) -> list[Path]:
    """Approvals of a file by these people."""
    paths = []
    for index, person in enumerate(people):
        path = file.with_name(f"{file.name}.{index}.approval")
        given = Approval.give(file.read_bytes(), person.card, person.keys)
        path.write_bytes(given.to_bytes())
        paths.append(path)
    return paths
