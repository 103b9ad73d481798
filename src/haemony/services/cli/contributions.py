"""``haemony contribution …``, ``haemony admit`` and ``haemony withdraw``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from haemony.admission import Admission
from haemony.admission import admit as admit_contributions
from haemony.admission import withdraw as withdraw_contribution
from haemony.intake import CheckReport, Contribution
from haemony.intake import check as check_contribution
from haemony.intake.contribution import dictionary_of
from haemony.intake.dictionary import Role
from haemony.intake.draft import Draft, DraftedColumn, Memory, write_draft
from haemony.intake.draft import draft as draft_contribution
from haemony.intake.known import dictionaries, known
from haemony.intake.readers import Layout, RawTable, read, tables
from haemony.model.disease import disease
from haemony.model.errors import Exit
from haemony.services.cli import from_omop, grading
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption, exit_with
from haemony.services.report import check_page
from haemony.workspace import Workspace

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data files, if it is another one.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="Draft, check and show contributions.")
    group.command(epilog="Example: haemony contribution draft export.csv mutations.tsv -o trial")(
        draft
    )
    group.command(epilog="Example: haemony contribution check incoming/hospital --html check.html")(
        check
    )
    group.command(epilog="Example: haemony contribution card incoming/hospital")(card)
    grading.add_to(group)
    from_omop.add_to(group)
    app.add_typer(group, name="contribution")
    app.command(epilog="Example: haemony admit incoming/trial incoming/hospital -w commons")(admit)
    app.command(epilog="Example: haemony withdraw hospital --patient 4711 -w commons")(withdraw)


def draft(
    files: Annotated[list[Path], typer.Argument(help="Data files of any format haemony reads.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the draft to.")],
    code: Annotated[str, typer.Option("--disease", help="Code of the disease.")] = "aml",
    like: Annotated[
        list[Path] | None, typer.Option(help="Folder of a contribution that was accepted.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write a first description and dictionary of some files; a person confirms every line."""
    output = Output(json)
    catalogue = disease(code).catalogue
    with output.progress("drafting") as watch:
        raw: list[RawTable] = []
        for file in files:
            watch(f"reading {file.name}")
            raw += _tables_of(file)
        watch("looking for elements")
        learned = dictionaries() | {folder.name: dictionary_of(folder) for folder in like or ()}
        drafted = draft_contribution(raw, catalogue, Memory.of(learned))
        written = write_draft(drafted, folder, code)
    _show_draft(drafted, written, folder, output)


def _tables_of(file: Path) -> list[RawTable]:
    """Every table of a file: each sheet of a workbook, each data frame of an R file."""
    names = tables(file)
    return [read(file, Layout(table=name)) for name in names] if len(names) > 1 else [read(file)]


def _show_draft(drafted: Draft, written: Sequence[Path], folder: Path, output: Output) -> None:
    for table in drafted.tables:
        rows = [_drafted_row(column) for column in table.columns]
        title = f"{table.name} ({table.raw.path.name})"
        output.table(title, ("column", "type", "element", "score", "evidence"), rows)
    lines = drafted.columns
    suggested = sum(bool(column.entry.element) for column in lines)
    output.say(f"{len(lines):,} columns, for {suggested:,} of them an element is suggested.")
    output.say(
        f"Next: complete [bold]{folder}/contribution.yaml[/], confirm the lines of "
        f"dictionary.csv, then [bold]haemony contribution check {folder}[/]"
    )
    output.value(
        {
            "folder": str(folder),
            "files": [path.relative_to(folder).as_posix() for path in written],
            "patients": drafted.patients,
            "columns": [_as_json(column) for column in lines],
        }
    )


def _drafted_row(column: DraftedColumn) -> tuple[object, ...]:
    entry, best = column.entry, next(iter(column.suggestions), None)
    if not entry.element or best is None:
        role = entry.role.value if entry.role is not Role.OTHER else ""
        return entry.column, entry.type.value, f"({role})" if role else "", "", entry.note
    return entry.column, entry.type.value, entry.element, f"{best.score:.2f}", best.evidence[0]


def _as_json(column: DraftedColumn) -> dict[str, object]:
    entry = column.entry
    return {
        "table": entry.table,
        "column": entry.column,
        "type": entry.type.value,
        "unit": entry.unit,
        "values": dict(entry.values),
        "missing": entry.missing,
        "role": entry.role.value,
        "element": entry.element,
        "status": entry.status.value,
        "note": entry.note,
        "suggestions": [
            {
                "element": found.element,
                "score": found.score,
                "unit": found.unit,
                "value_map": dict(found.value_map),
                "evidence": found.evidence,
            }
            for found in column.suggestions
        ],
    }


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    data: DataOption = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with every problem.")] = None,
    json: JsonFlag = False,
) -> None:
    """Check a contribution against its dictionary: every problem, and how to mend it."""
    output = Output(json)
    contribution = load(folder, data)
    with output.progress(f"checking {contribution.id}"):
        report = check_contribution(contribution, disease(contribution.disease).catalogue)
    if html:
        html.write_text(check_page(report), encoding="utf-8")
        output.say(f"{report.problems.height:,} problems listed in [bold]{html}[/]")
    _show(report, output)
    output.value(
        {
            "contribution": contribution.id,
            "sound": report.sound,
            "cells": report.cells,
            "errors": report.errors,
            "problems": report.problems.to_dicts(),
        }
    )
    if not report.sound:
        exit_with(Exit.FINDINGS)


def _show(report: CheckReport, output: Output) -> None:
    rows = [
        (
            row["severity"],
            row["file"],
            row["column"],
            row["first_row"] or "",
            row["count"],
            row["rule"],
            row["fix"],
        )
        for row in report.summary().iter_rows(named=True)
    ]
    if rows:
        columns = ("severity", "file", "column", "first row", "count", "rule", "how to mend it")
        output.table("Problems", columns, rows)
    verdict = (
        "[green]can be admitted[/]"
        if report.sound
        else f"[red]cannot be admitted[/]: {report.errors} finding(s) block"
    )
    output.say(f"{report.contribution.id}: {report.cells:,} cells read; {verdict}")


def card(
    folder: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    data: DataOption = None,
    json: JsonFlag = False,
) -> None:
    """Show what a contribution is: who, what, conditions of use, and what its columns feed."""
    output = Output(json)
    contribution = load(folder, data)
    facts = {
        "id": contribution.id,
        "title": contribution.title,
        "partner": contribution.partner,
        "contact": contribution.contact,
        "disease": contribution.disease,
        "source": contribution.source.value,
        "in silico": contribution.in_silico,
        "time origin": contribution.origin.value,
        "data cut-off": contribution.cut_off,
        "conditions of use": ", ".join(contribution.conditions),
        "tables": ", ".join(path.name for path, _ in contribution.tables.values()),
        "columns": len(contribution.dictionary.entries),
        "mapped": len(contribution.dictionary.mapped()),
    }
    output.table(contribution.title, ("", ""), list(facts.items()))
    output.value(facts)


def admit(
    folders: Annotated[list[Path], typer.Argument(help="Folders of contributions.")],
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Take contributions into the lake as one release: seal, relay, receive, harmonise, grade."""
    output = Output(json)
    opened = Workspace(workspace)
    contributions = [load(folder, data) for folder in folders]
    with output.progress("admitting") as watch:
        admission = admit_contributions(contributions, opened, watch)
    say_admission(admission, workspace, output)


def say_admission(admission: Admission, workspace: Path, output: Output) -> None:
    """Say what an admission did."""
    release = admission.release
    members = {member.id: member for member in release.manifest.members}
    rows = [
        (m.id, m.patients, m.level, "yes" if m.id in admission.admitted else "no")
        for m in members.values()
    ]
    output.table(f"Release {release.number}", ("contribution", "patients", "level", "new"), rows)
    if not admission.admitted:
        output.say("Nothing was new: the latest release holds these versions already.")
    else:
        output.say(f"Next: [bold]haemony release show -w {workspace}[/]")
    output.value(
        {
            "release": release.number,
            "manifest": release.manifest.sha256,
            "admitted": admission.admitted,
            "unchanged": admission.unchanged,
            "levels": {name: member.level for name, member in members.items()},
        }
    )


def withdraw(
    contribution: Annotated[str, typer.Argument(help="Id of the contribution.")],
    patient: Annotated[
        str | None, typer.Option(help="The partner's number of one patient; else all of it.")
    ] = None,
    shred: Annotated[
        bool, typer.Option("--shred", help="Also destroy the data in older releases.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Make a release without a contribution, or without one of its patients."""
    output = Output(json)
    opened = Workspace(workspace)
    release = withdraw_contribution(contribution, opened, patient)
    shredded = opened.lake.shred(contribution, "withdrawn") if shred else ()
    output.say(f"Release {release.number} is without it.")
    if shredded:
        output.say(
            f"{len(shredded)} partitions of older releases were destroyed; tombstones say so."
        )
    elif not shred:
        output.say("Older releases still hold the data; --shred destroys whole partitions there.")
    output.value({"release": release.number, "shredded": shredded})


def load(folder: Path, data: Path | None) -> Contribution:
    """A contribution by its folder, or one whose dictionary comes with haemony by its name."""
    shipped = known(str(folder))
    return Contribution.load(folder if shipped is None or folder.exists() else shipped, data)
