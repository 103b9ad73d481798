"""``init``, ``partner seal``, ``trustee relay``, ``platform receive``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony.admission import receive as receive_envelopes
from haemony.parties import Partner, Party, Trustee
from haemony.privacy.exchange import Role
from haemony.services.cli.contributions import DataOption, load, say_admission
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.cli.parties.options import FolderArgument, NameOption, OutOption, plain
from haemony.workspace import Workspace


def partner_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a partner's workspace; its contributions name their partner just so."""
    _made(Partner.init(folder, name), folder, Output(json))


def trustee_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a trustee's workspace, with the key of a new domain."""
    _made(Trustee.init(folder, name), folder, Output(json))


def platform_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a platform's workspace, without partners or trustee beside it."""
    _made(Workspace.init(folder, name, alone=True), folder, Output(json))


def approver_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make an approver's workspace: a key of their own, and a card for the trustee."""
    Party.make(folder, Role.APPROVER, name, ())
    _made(Party(folder, Role.APPROVER), folder, Output(json))


def _made(party: Party, folder: Path, output: Output) -> None:
    output.say(f"[bold]{folder}[/] is the {party.role}'s workspace. Its keys lie in")
    output.say(f"{folder}/keys, for you alone; back them up now.")
    output.say(
        f"Next: [bold]haemony {party.role} card -w {folder} -o {party.role}-card.json[/], and send "
        "the card to the other parties"
    )
    output.value({"workspace": str(party.folder), **plain(party.card)})


def seal(
    contribution: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    out: OutOption,
    data: DataOption = None,
    people: Annotated[
        Path | None,
        typer.Option(help="A table of who the patients are, encoded for linkage; never sent."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Seal a version once more whose envelopes were lost.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="A column (table.column) that you looked at and that names nobody."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Part a contribution: identities sealed to the trustee, everything else to the platform."""
    output = Output(json)
    partner = Partner(workspace)
    given = load(contribution, data)
    with output.progress("sealing") as watch:
        now = datetime.now(UTC)
        sealed = partner.seal(
            given,
            out.resolve(),
            now=now,
            people=people,
            again=again,
            allowed=allow or (),
            watch=watch,
        )
    rows = [
        ("identities", "trustee", sealed.identities.name),
        ("payload", "platform", sealed.payload.name),
    ]
    output.table(f"Sealed in {out}", ("what", "send to the", "file"), rows)
    output.value(
        {
            "number": sealed.number,
            "identities": str(sealed.identities),
            "payload": str(sealed.payload),
        }
    )


def relay(
    envelopes: Annotated[list[Path], typer.Argument(help="Identities that partners sealed.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Give every patient a key, and seal the keys to the platform."""
    output = Output(json)
    trustee = Trustee(workspace)
    written: list[Path] = []
    for path in envelopes:
        written.append(trustee.relay(path, out.resolve(), now=datetime.now(UTC)))
    rows = [("keys", "platform", path.name) for path in written]
    output.table(f"Sealed in {out}", ("what", "send to the", "file"), rows)
    output.value({"keys": [str(path) for path in written]})


def receive(
    envelopes: Annotated[list[Path], typer.Argument(help="Payloads and keys, in any order.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Take payloads and their keys into the lake, as one new release."""
    output = Output(json)
    opened = Workspace(workspace)
    with output.progress("receiving") as watch:
        admission = receive_envelopes(envelopes, opened, watch)
    say_admission(admission, workspace, output)
