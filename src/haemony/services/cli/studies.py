"""``haemony study …``: one question, from protocol to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haemony import study
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="Ask a release a question.")
    group.command(epilog="Example: haemony study new my-question")(new)
    group.command(epilog="Example: haemony study run my-question/study.toml -o report -w commons")(
        run
    )
    app.add_typer(group, name="study")


def new(
    folder: Annotated[Path, typer.Argument(help="A folder for the protocol.")],
    json: JsonFlag = False,
) -> None:
    """Write a commented protocol to start from."""
    output = Output(json)
    path = study.new(folder)
    output.say(f"Edit [bold]{path}[/], then: haemony study run {path} -o report")
    output.value({"protocol": str(path)})


def run(
    protocol: Annotated[Path, typer.Argument(help="The protocol, study.toml.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the report.")] = Path(
        "report"
    ),
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Run a study: cohort, baseline table, Kaplan–Meier, Cox, and the source of every number."""
    output = Output(json)
    asked = study.load(protocol)
    release = Workspace(workspace).lake.release(asked.release)
    with output.progress("running the study") as watch:
        result = study.run(asked, release, watch=watch)
        written = result.write(out)
    output.say(f"Open [bold]{out / 'report.html'}[/]")
    output.value({"report": str(out / "report.html"), "files": [str(path) for path in written]})
