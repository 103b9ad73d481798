"""``haemony init`` and ``haemony events``: the workspace itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haemony.parties import Party
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(epilog="Example: haemony init commons")(init)
    app.command(epilog="Example: haemony events -w commons --json")(events)


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")], json: JsonFlag = False
) -> None:
    """Make a workspace with all three parties on this machine, to try everything out.

    Where partners and trustee have machines of their own, each makes its own workspace: haemony
    partner init, haemony trustee init, haemony platform init.
    """
    output = Output(json)
    workspace = Workspace.init(folder)
    output.say(f"[bold]{folder}[/] is a workspace. Its keys lie in {folder}/keys, for you alone;")
    output.say("back them up now: without them patients cannot be recognised again.")
    output.say(f"Next: [bold]haemony admit CONTRIBUTION -w {folder}[/]")
    output.value({"workspace": str(workspace.folder)})


def events(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
    """List what happened in a workspace, oldest first."""
    output = Output(json)
    rows = Party.at(workspace).governance.events()
    table = [(row["at"].isoformat(" ", "seconds"), row["action"], row["subject"]) for row in rows]
    output.table("Events", ("when (UTC)", "what", "of"), table)
    output.value(rows)
