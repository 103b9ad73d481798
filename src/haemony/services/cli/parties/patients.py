"""Requests about one patient: withdrawal, recontact, and the approvals they need."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony.admission import leave
from haemony.lake.store import write_bytes
from haemony.model.errors import UsageError
from haemony.parties import Partner, Party, Trustee, requests
from haemony.privacy.exchange import Role, peek
from haemony.privacy.exchange.approval import Approval
from haemony.services.cli.contributions import DataOption, load
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.cli.parties.options import FileOption, OutOption
from haemony.workspace import Workspace


def ask_withdrawal(
    contribution: Annotated[str, typer.Argument(help="Id of the contribution.")],
    patient: Annotated[str, typer.Option(help="Your own number of the patient.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask the trustee that a patient leaves; two people approve there."""
    output = Output(json)
    path = requests.ask_withdrawal(
        Partner(workspace), contribution, patient, out.resolve(), now=datetime.now(UTC)
    )
    output.say(f"Send [bold]{path.name}[/] to the trustee.")
    output.value({"request": str(path)})


def ask_recontact(
    contribution: Annotated[str, typer.Argument(help="Id of the contribution.")],
    person: Annotated[int, typer.Option(help="The person_id of the release.")],
    reason: Annotated[str, typer.Option(help="finding, consent or data.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask the trustee that a partner contacts a patient again; two people approve there."""
    output = Output(json)
    if reason.upper() not in requests.Reason.__members__:
        raise UnknownReason(reason)
    path = requests.ask_recontact(
        Workspace(workspace),
        contribution,
        person,
        requests.Reason[reason.upper()],
        out.resolve(),
        now=datetime.now(UTC),
    )
    output.say(f"Send [bold]{path.name}[/] to the trustee.")
    output.value({"request": str(path)})


class UnknownReason(UsageError):
    """A recontact has one of three reasons."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        names = ", ".join(name.lower() for name in requests.Reason.__members__)
        super().__init__(f"{reason!r} is no reason to contact a patient; give one of: {names}")


def approve(
    file: Annotated[Path, typer.Argument(help="A request, or an order, exactly as it came.")],
    out: FileOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Approve one exact file with your own key; it needs a second person's approval as well."""
    output = Output(json)
    person = Party(workspace, Role.APPROVER)
    given = Approval.give(file.read_bytes(), person.card, person.keys)
    write_bytes(out.resolve(), given.to_bytes())
    person.governance.record("approved", file.name[:255], {"sha256": given.of})
    output.say(f"[bold]{out}[/] holds your approval of {file.name}; send both to whoever needs it.")
    output.value({"approval": str(out), "sha256": given.of})


def obey(
    request: Annotated[Path, typer.Argument(help="A request for withdrawal or recontact.")],
    approvals: Annotated[list[Path], typer.Argument(help="Approvals of two different people.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Carry out a request that two people have approved."""
    output = Output(json)
    trustee, now = Trustee(workspace), datetime.now(UTC)
    _, part = peek(request.read_bytes(), request.name)
    if part == requests.RECONTACT:
        paths = requests.obey_recontact(trustee, request, approvals, out.resolve(), now=now)
    else:
        paths = (requests.obey_withdrawal(trustee, request, approvals, out.resolve(), now=now),)
    receiver = "partner" if part == requests.RECONTACT else "platform"
    output.table(f"Sealed in {out}", ("send to the", "file"), [(receiver, p.name) for p in paths])
    output.value({"sealed": [str(path) for path in paths]})


def take_withdrawal(
    envelope: Annotated[Path, typer.Argument(help="What the trustee sealed.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Make a release without the patient whose withdrawal the trustee has passed on."""
    output = Output(json)
    release = leave(envelope, Workspace(workspace))
    if release is None:
        output.say("The lake is empty; the patient stays out of whatever comes.")
    else:
        output.say(f"Release {release.number} is without the patient. Older releases still hold")
        output.say("the data; `haemony withdraw ID --shred` destroys whole contributions there.")
    output.value({"release": release.number if release else None})


def identify(
    envelope: Annotated[Path, typer.Argument(help="What the trustee sealed.")],
    contribution: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Find out which of your own patients is to be contacted again, and why."""
    output = Output(json)
    found = requests.identify(
        Partner(workspace), envelope, load(contribution, data), now=datetime.now(UTC)
    )
    output.say(f"Patient [bold]{found.patient}[/]: {found.reason}")
    output.value({"patient": found.patient, "reason": found.reason.name.lower()})
