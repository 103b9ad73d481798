"""Keys over their life: ``rotate``, ``order``, ``destroy``, ``backup``, ``recover``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony.lake.store import write_bytes
from haemony.parties import Party, custody
from haemony.privacy.exchange import Role
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.cli.parties.options import (
    Command,
    FileOption,
    FolderArgument,
    PassphraseOption,
    plain,
)


def commands_of(role: Role, folder: str) -> tuple[tuple[str, Command, str], ...]:
    """The commands that a holder of pseudonymisation keys has."""
    key = {Role.PARTNER: "site", Role.TRUSTEE: "domain"}[role]
    return (
        ("rotate", _rotate_of(role), f"-w {folder}"),
        (
            "order",
            _order_of(role),
            f'{key}-1 --reason "no longer needed" -w {folder} -o order.json',
        ),
        ("destroy", _destroy_of(role), f"order.json a.approval b.approval -w {folder}"),
        ("backup", backup_of(role), f"-w {folder} -o {folder}.backup"),
        ("recover", recover_of(role), f"{folder}.backup new-{folder}"),
    )


def _rotate_of(role: Role) -> Command:
    def rotate(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
        """Replace the key of the pseudonyms; patients stay the persons they are."""
        output = Output(json)
        old = custody.rotate(Party(workspace, role))
        output.say(f"The old key is retired as [bold]{old}[/] and still recognises patients.")
        output.value({"retired": old})

    return rotate


def _order_of(role: Role) -> Command:
    def order(
        name: Annotated[str, typer.Argument(help="Name of the key, such as site-1.")],
        reason: Annotated[str, typer.Option(help="Why, for the record.")],
        out: FileOption,
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Write the order to destroy a key; two people approve it before `destroy`."""
        output = Output(json)
        given = custody.order_destruction(Party(workspace, role), name, reason, datetime.now(UTC))
        write_bytes(out.resolve(), given)
        output.say(f"[bold]{out}[/] needs the approvals of two people: haemony approver approve")
        output.value({"order": str(out)})

    return order


def _destroy_of(role: Role) -> Command:
    def destroy(
        order: Annotated[Path, typer.Argument(help="The order.")],
        approvals: Annotated[list[Path], typer.Argument(help="Approvals of two people.")],
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Destroy a key for good, and leave a signed record of it."""
        output = Output(json)
        record = custody.destroy(
            Party(workspace, role),
            order.read_bytes(),
            order.name,
            [path.read_bytes() for path in approvals],
            datetime.now(UTC),
        )
        output.say(f"The key is gone; [bold]{record}[/] says so, signed.")
        output.value({"record": str(record)})

    return destroy


def backup_of(role: Role) -> Command:
    """The command that backs a party up."""

    def backup(
        out: FileOption,
        passphrase: PassphraseOption,
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Back up keys, trusted cards and ledger under a passphrase; a lake is not part of it."""
        output = Output(json)
        write_bytes(out.resolve(), custody.back_up(Party(workspace, role), passphrase))
        output.say(f"[bold]{out}[/] holds everything that cannot be made again. Keep it apart")
        output.say("from the machine and from the passphrase, and try `recover` once.")
        output.value({"backup": str(out)})

    return backup


def recover_of(role: Role) -> Command:
    """The command that brings a party back."""

    def recover(
        backup: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
        folder: FolderArgument,
        passphrase: PassphraseOption,
        json: JsonFlag = False,
    ) -> None:
        """Bring a workspace back from its backup."""
        output = Output(json)
        party = custody.recover(backup.read_bytes(), backup.name, passphrase, folder)
        output.say(f"[bold]{folder}[/] is the workspace of the {party.role} {party.name} again.")
        if party.role is not role:
            output.say(f"The backup is that of a {party.role}, not of a {role}.")
        output.value({"workspace": str(folder), **plain(party.card)})

    return recover
