"""``haemony commons``: every public source haemony knows, in one release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from haemony.admission import admit
from haemony.intake import Contribution
from haemony.intake.known import at_hand
from haemony.model.errors import UsageError, meant
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.workspace import Workspace


class NothingKnown(UsageError):
    """No folder holds the files of a source that haemony knows."""

    def __init__(self, data: Path) -> None:
        self.data = data
        super().__init__(
            f"{data} holds no folder of a source that haemony knows; give the folder that holds "
            "one folder per source, named as `found_in` in its contribution.yaml says"
        )


class UnknownSource(UsageError):
    """A source that is asked for is not at hand."""

    def __init__(self, names: Sequence[str], there: Sequence[str], data: Path) -> None:
        self.names, self.there = tuple(names), tuple(there)
        guess = "".join(meant(name, there, most=2) for name in names)
        listed = f"{data} holds {', '.join(there)}" if there else f"{data} holds none that it knows"
        super().__init__(
            f"haemony finds no files of a source {' or '.join(map(repr, names))}; {guess}{listed}"
        )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog="Example: haemony commons sources -w commons")(commons)


def commons(
    data: Annotated[Path, typer.Argument(help="Folder with one folder per source.")],
    only: Annotated[
        list[str] | None, typer.Option(help="Id of a contribution; all unless given.")
    ] = None,
    workspace: WorkspaceOption = Path("commons"),
    json: JsonFlag = False,
) -> None:
    """Bring every public source that haemony knows and you hold into one release.

    Descriptions and dictionaries ship with haemony; the files stay with their owners, under their
    own conditions of use. The workspace is made where there is none.
    """
    output = Output(json)
    there = dict(at_hand(data))
    if not there:
        raise NothingKnown(data)
    if absent := [name for name in only or () if name not in there]:
        raise UnknownSource(absent, sorted(there), data)
    found = {name: at for name, at in there.items() if not only or name in only}
    opened = Workspace(workspace) if workspace.exists() else Workspace.init(workspace)
    with output.progress("admitting") as watch:
        given = [Contribution.load(*places) for places in found.values()]
        release = admit(given, opened, watch).release
    members = release.manifest.members
    rows = [(m.id, m.facts["disease"], m.facts["title"], m.patients, m.level) for m in members]
    columns = ("contribution", "disease", "title", "patients", "level")
    output.table(f"Release {release.number}", columns, rows)
    patients = sum(member.patients for member in members)
    output.say(f"[bold]{patients:,}[/] patients; next: haemony release show -w {workspace}")
    if any(member.facts["in_silico"] for member in members):
        output.say("[bold]Holds in silico patients[/]: simulated, not real.")
    output.value(
        {
            "release": release.number,
            "manifest": release.manifest.sha256,
            "patients": patients,
            "contributions": [dict(zip(columns, row, strict=True)) for row in rows],
        }
    )
