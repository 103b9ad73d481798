"""``haemony study …``: one question, from protocol to report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony import study
from haemony.lake.signing import Signer
from haemony.model.disease import disease as disease_of
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="Ask a release a question.")
    group.command(epilog="Example: haemony study new my-question -t natural-history")(new)
    group.command(epilog="Example: haemony study templates")(templates)
    group.command(epilog="Example: haemony study endpoints aml")(endpoints)
    group.command(epilog="Example: haemony study freeze my-question/study.toml")(freeze)
    group.command(epilog="Example: haemony study run my-question/study.toml -o report -w commons")(
        run
    )
    app.add_typer(group, name="study")


def new(
    folder: Annotated[Path, typer.Argument(help="A folder for the protocol.")],
    template: Annotated[
        str, typer.Option("--template", "-t", help="What to start from; see `study templates`.")
    ] = "prognostic-factor",
    json: JsonFlag = False,
) -> None:
    """Write a commented protocol to start from."""
    output = Output(json)
    path = study.new(folder, template)
    output.say(f"Edit [bold]{path}[/], then: haemony study freeze {path}")
    output.say(f"     and: haemony study run {path} -o report")
    output.value({"protocol": str(path), "template": template})


def templates(json: JsonFlag = False) -> None:
    """List the protocols to start from."""
    output = Output(json)
    known = study.templates()
    output.table("Templates", ("name", "is about"), list(known.items()))
    output.say("\nhaemony study new DIR -t NAME writes one.")
    output.value([{"name": name, "title": title} for name, title in known.items()])


def endpoints(
    disease: Annotated[str, typer.Argument(help="Code of a disease, such as aml.")],
    json: JsonFlag = False,
) -> None:
    """List the endpoints of a disease with their rules, what it cannot tell, and response criteria.

    What a disease cannot tell stands there with the reason.
    """
    output = Output(json)
    known = disease_of(disease)
    ends = known.endpoints.values()
    rows = [(end.name, end.version, end.origin.value, end.events) for end in ends]
    heads = ("name", "version", "from", "to")
    output.table(f"Endpoints: {known.name}", heads, rows)
    missing = [(one.name, one.label, one.reason) for one in known.unavailable.values()]
    output.say("")
    output.table("Not available", ("name", "endpoint", "why"), missing)
    if known.responses:
        output.say("")
        output.table(
            "Response criteria",
            ("criteria", "code", "response", "element", "value"),
            [(r.criteria, r.code, r.label, r.element, r.value) for r in known.responses],
        )
    output.value(
        {
            "disease": known.code,
            "endpoints": [
                {
                    "name": end.name,
                    "label": end.label,
                    "version": end.version,
                    "origin": end.origin.value,
                    "definition": end.definition,
                    "competing": list(end.competing),
                    "source": end.source,
                }
                for end in ends
            ],
            "unavailable": [
                {"name": name, "label": label, "reason": why} for name, label, why in missing
            ],
            "responses": [
                {
                    "criteria": r.criteria,
                    "disease": r.disease,
                    "code": r.code,
                    "label": r.label,
                    "rule": r.rule,
                    "element": r.element,
                    "value": r.value,
                    "source": r.source,
                }
                for r in known.responses
            ],
        }
    )


def freeze(
    protocol: Annotated[Path, typer.Argument(help="The protocol, study.toml.")],
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-w",
            help="Sign with the key of this workspace, and ask it for earlier runs.",
        ),
    ] = None,
    release: Annotated[
        int | None,
        typer.Option(help="The release whose data could be seen by now; none unless given."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Freeze a plan: its hash, its text and the time are kept beside it.

    Every later change of the plan is listed by the report. The record says that no data were seen,
    which release could be, or how often the workspace ran the question before.
    """
    output = Output(json)
    asked = study.load(protocol)
    home = None if workspace is None else Workspace(workspace)
    signer = None if home is None else Signer(home.keys.secret("signing"))
    seen = []
    if release is not None:
        known = "" if home is None else f", manifest {home.lake.release(release).manifest.sha256}"
        seen.append(f"after release {release}{known} could be seen")
    runs = None if home is None else study.earlier_runs(asked, home.governance)
    if runs:
        seen.append(runs.words)
    frozen = study.freeze(
        asked, datetime.now(UTC), seen=", ".join(seen) or study.BEFORE, signer=signer
    )
    path = study.write_record(frozen, study.file_of(protocol).parent)
    output.say(f"Frozen {frozen.at}, {frozen.seen}: [bold]{frozen.sha256}[/]")
    output.say(f"Keep [bold]{path}[/] beside the protocol; publish the hash to prove the date.")
    if home is None:
        output.say("Nobody was asked whether the question had been run before: give -w for that.")
    output.value(
        {"record": str(path), "sha256": frozen.sha256, "at": frozen.at, "seen": frozen.seen}
    )


def run(
    protocol: Annotated[
        Path,
        typer.Argument(help="The protocol, study.toml; or the name of one that ships, as amlsg."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the report.")] = Path(
        "report"
    ),
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Run a study: cohort, analyses, warnings, and the source of every number."""
    output = Output(json)
    home = Workspace(workspace)
    lake = home.lake
    there = study.file_of(protocol).is_file()
    ships = None if there else study.packaged(str(protocol), lake.latest().disease)
    asked = ships or study.load(protocol)
    frozen = None if ships else study.read_record(study.file_of(protocol).parent)
    release = lake.release(asked.release)
    with output.progress("running the study") as watch:
        result = study.run(asked, release, watch=watch, frozen=frozen, ledger=home.governance)
        written = result.write(out)
    _tell(result, output)
    output.say(f"Open [bold]{out / 'report.html'}[/]")
    output.value(
        {
            "report": str(out / "report.html"),
            "files": [str(path) for path in written],
            "cautions": [
                {"doubt": c.doubt.value, "where": c.key, "cause": c.cause, "remedy": c.remedy}
                for c in result.cautions
            ],
            "deviations": [
                {"where": d.where, "frozen": d.before, "run": d.after} for d in result.deviations
            ],
        }
    )


def _tell(result: study.StudyResult, output: Output) -> None:
    """Say what a reader must know before opening the report."""
    if result.cautions:
        rows = [
            (c.doubt.value, c.title or "the whole study", f"{c.cause}; {c.remedy}")
            for c in result.cautions
        ]
        output.table("Before believing it", ("warning", "where", "what and what to do"), rows)
        output.say("")
    if result.deviations:
        rows = [(d.where, d.before or "–", d.after or "–") for d in result.deviations]
        output.table("Changed since the plan was frozen", ("where", "frozen", "run"), rows)
        output.say("")
