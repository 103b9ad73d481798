"""``haemony demo``: the main job in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haemony.services import demo as demos
from haemony.services.cli.output import JsonFlag, Output


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog="Example: haemony demo try-it")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where everything is written.")] = Path(
        "haemony-demo"
    ),
    amlsg: Annotated[
        Path | None, typer.Option(help="Folder of the real AMLSG files, for the first partner.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """From three partners' files to evidence: make, check, admit, study, report."""
    output = Output(json)
    with output.progress("demo") as watch:
        made = demos.run(folder, amlsg, watch)
    members = made.release.manifest.members
    rows = [(m.facts["title"], m.patients, m.level) for m in members]
    output.table(f"Release {made.release.number}", ("contribution", "patients", "level"), rows)
    output.say("\nPatients made [bold]in silico[/] are simulated, not real.\n")
    output.say(f"Three parties, each with keys of its own, exchanged the envelopes in {made.post}:")
    output.say("the partners sealed, the trustee relayed, the platform received.\n")
    output.say(f"Open [bold]{made.report}[/]  the study")
    output.say(f"     [bold]{made.quality}[/]  the quality of what went into it")
    output.say(f"Then: haemony release show -w {folder / 'commons'}")
    output.value(
        {
            "release": made.release.number,
            "patients": sum(member.patients for member in members),
            "report": str(made.report),
            "quality": str(made.quality),
        }
    )
