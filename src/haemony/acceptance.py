"""One contribution's last step: the quality committee signs, and it becomes *accepted* (level 4).

The committee signs a document that says exactly what is accepted: the contribution as the latest
release holds it, the level that rules gave it, and the queries that are still open. Two people sign
with keys of their own. A new release then carries their names and the open queries; a new version
of the contribution starts again at the level its rules give.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from haemony.admission import answers_of
from haemony.lake import Release
from haemony.lake.manifest import Member, canonical
from haemony.model.errors import RefusedByPolicy, UsageError
from haemony.privacy.exchange.approval import check_approved
from haemony.quality.answers import State
from haemony.quality.grade import Level
from haemony.workspace import Workspace

FORMAT = "haemony-acceptance/1"


class NotInRelease(UsageError):
    """The latest release holds no contribution of this name."""

    def __init__(self, contribution: str, known: Iterable[str]) -> None:
        self.contribution = contribution
        super().__init__(
            f"the latest release holds no {contribution!r}; it holds {', '.join(known) or 'none'}"
        )


class NotPlausible(RefusedByPolicy):
    """Only what reached level 3 can be accepted."""

    def __init__(self, contribution: str, level: int) -> None:
        self.contribution, self.level = contribution, level
        super().__init__(
            f"{contribution} is at level {level} and can be accepted from level 3 on; "
            "`haemony release show` says what stands against it"
        )


class OtherContent(RefusedByPolicy):
    """The document is not about what the latest release holds."""

    def __init__(self, document: str) -> None:
        super().__init__(
            f"{document} is not about what the latest release holds or asks now; write it anew "
            "with `haemony release acceptance`, and have it signed again"
        )


def document(workspace: Workspace, contribution: str) -> bytes:
    """What a committee signs when it accepts a contribution of the latest release.

    Args:
        workspace: The platform.
        contribution: Its id.

    Raises:
        NotInRelease: When the latest release holds no such contribution.
        NotPlausible: When it has not reached level 3.
    """
    manifest = workspace.lake.latest().manifest
    member = manifest.member(contribution)
    if member is None:
        raise NotInRelease(contribution, [one.id for one in manifest.members])
    if member.level < Level.PLAUSIBLE:
        raise NotPlausible(contribution, member.level)
    return canonical(
        {
            "format": FORMAT,
            "contribution": member.id,
            "title": member.facts["title"],
            "patients": member.patients,
            "digest": member.digest,
            "made by": member.made_by,
            "grade": hashlib.sha256(canonical(_counted(member))).hexdigest(),
            "open queries": _open(workspace, member),
        }
    )


def accept(workspace: Workspace, signed: Path, approvals: Iterable[Path]) -> Release:
    """Make a new release in which a contribution is accepted.

    Args:
        workspace: The platform; it trusts the cards of the committee.
        signed: What :func:`document` wrote.
        approvals: Approvals of two different people.

    Returns:
        The new release; the latest one where the contribution is accepted already.

    Raises:
        OtherContent: When the document is not about what the latest release holds.
        NotApproved: When too few people have signed it.
        NotInRelease, NotPlausible: As for :func:`document`.
    """
    content = signed.read_bytes()
    try:
        contribution = str(json.loads(content)["contribution"])
    except (ValueError, KeyError, TypeError):
        raise OtherContent(signed.name) from None
    now = document(workspace, contribution)
    if now != content:
        raise OtherContent(signed.name)
    words = [path.read_bytes() for path in approvals]
    people = check_approved(content, signed.name, words, workspace.trusted)
    names = [card.name for card in people]
    release = workspace.lake.accepted(contribution, names, json.loads(now)["open queries"])
    workspace.governance.record("accepted", contribution, {"by": names})
    return release


def _counted(member: Member) -> dict[str, Any]:
    """What the rules say of a contribution, without what people have said since."""
    return {name: part for name, part in member.grade.items() if name not in {"queries", "levels"}}


def _open(workspace: Workspace, member: Member) -> list[dict[str, Any]]:
    """The queries that are not accepted, as they stand now."""
    decided = answers_of(workspace, member.id)
    states = {key: answer.state for key, answer in decided.items()}
    return [
        {"key": query["key"], "impact": query["impact"], "patients": query["patients"]}
        for query in member.grade.get("queries", ())
        if states.get(query["key"], State(query["state"])) is not State.ACCEPTED
    ]
