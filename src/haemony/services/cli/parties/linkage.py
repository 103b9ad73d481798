"""Linkage: one key among the partners, and the pairs that the trustee's people decide."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony.parties import Partner, Trustee
from haemony.parties.trustee import Decision
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.cli.parties.options import OutOption


def share(
    fingerprint: Annotated[str, typer.Argument(help="First digits of the other partner's card.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Seal the linkage key to another partner; one is drawn where there is none yet."""
    output = Output(json)
    path = Partner(workspace).share_linkage_key(fingerprint, out.resolve(), now=datetime.now(UTC))
    output.say(f"Send [bold]{path.name}[/] to that partner, and to nobody else.")
    output.value({"envelope": str(path)})


def take(
    envelope: Annotated[Path, typer.Argument(help="What another partner sealed.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Take the linkage key that another partner has sealed to this one."""
    output = Output(json)
    Partner(workspace).take_linkage_key(envelope, now=datetime.now(UTC))
    output.say("This partner encodes under the shared linkage key from now on.")
    output.value({"taken": True})


def reviews(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
    """List the pairs of patients who may be one, and what was decided."""
    output = Output(json)
    pairs = Trustee(workspace).reviews()
    rows = [(p.id, f"{p.probability:.2f}", p.reason, p.decision) for p in pairs]
    output.table("Pairs that may be one patient", ("pair", "likely", "why", "decision"), rows)
    output.value(
        [
            {
                "pair": p.id,
                "probability": p.probability,
                "reason": p.reason,
                "held": p.held.hex(),
                "new": p.new.hex(),
                "decision": p.decision,
            }
            for p in pairs
        ]
    )


def decide(
    pair: Annotated[int, typer.Argument(help="Number of the pair.")],
    decision: Annotated[Decision, typer.Argument(help="same or different.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Decide on a pair; it counts from the next relay of either contribution on."""
    output = Output(json)
    Trustee(workspace).decide(pair, decision)
    output.say(f"Pair {pair}: {decision}.")
    output.value({"pair": pair, "decision": decision.value})
