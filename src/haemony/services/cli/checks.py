"""``haemony release check``: the checks of OHDSI's DataQualityDashboard on a release."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.markup import escape

from haemony.harmonise.vocabulary import Vocabulary
from haemony.lake import Release
from haemony.model.element import LOCAL_CONCEPTS
from haemony.model.errors import Exit
from haemony.quality import dqd
from haemony.quality.dqd import Result, Results, Status, Thresholds
from haemony.quality.dqd.definitions import VOCABULARY, checked
from haemony.quality.dqd.document import encode
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption, exit_with
from haemony.services.report.checks import checks_page
from haemony.workspace import Workspace

SHOWN = 25
"""Failures that the terminal shows; the page and the JSON show all."""

_WORDS = {Status.ERROR: "not possible"}


def add_to(group: typer.Typer) -> None:
    """Register the command in the group of releases."""
    group.command(epilog="Example: haemony release check -w commons --html checks.html")(check)


def check(
    number: Annotated[
        int | None, typer.Argument(help="Number of the release; the latest unless given.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the committee.")] = None,
    dqd_file: Annotated[
        Path | None,
        typer.Option("--dqd", help="Write every result as the DataQualityDashboard's JSON."),
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(help="Table of thresholds in percent: ours, or one of the R package's."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask the check types of OHDSI's DataQualityDashboard of every table of a release.

    Ends with 1 when a check fails. Concepts are looked up in the vocabulary that is loaded.
    """
    output = Output(json)
    release = Workspace(workspace).lake.release(number)
    vocabulary = Vocabulary.at(workspace)
    chosen = Thresholds.read(thresholds) if thresholds else Thresholds({})
    with output.progress(f"checking release {release.number}") as watch:
        results = dqd.run(tables_of(release, vocabulary), watch=watch).judged(chosen)
    _write(results, release, vocabulary, html, dqd_file)
    _show(results, release, output)
    for path in (html, dqd_file):
        if path:
            output.say(f"Written to [bold]{path}[/]")
    output.value(_value(results, release, vocabulary))
    if results.counts[Status.FAILED] or results.counts[Status.ERROR]:
        exit_with(Exit.FINDINGS)


def tables_of(release: Release, vocabulary: Vocabulary | None) -> dict[str, pl.LazyFrame]:
    """Every table that a CDM has; those without rows are empty.

    With a vocabulary loaded, concepts are looked up there and, if they are ours, in the release.
    """
    tables = {table.name: release.scan(table.name) for table in checked()}
    labels = release.scan("concept")
    if vocabulary is None:
        return {**tables, "concept": labels}
    ours = labels.filter(pl.col("concept_id") >= LOCAL_CONCEPTS)
    looked_up = {
        name: vocabulary.scan(name) for name in sorted(VOCABULARY & vocabulary.files.keys())
    }
    concept = pl.concat([looked_up["concept"], ours], how="diagonal_relaxed")
    return {**tables, **looked_up, "concept": concept}


def _write(
    results: Results,
    release: Release,
    vocabulary: Vocabulary | None,
    html: Path | None,
    dqd_file: Path | None,
) -> None:
    if html:
        facts = {"in_silico": _in_silico(release), "source": _source(release, vocabulary)}
        page = checks_page(results, f"release {release.number}", facts)
        html.write_text(page, encoding="utf-8")
    if dqd_file:
        metadata = _metadata(release, vocabulary)
        dqd_file.write_text(encode(results, metadata), encoding="utf-8")


def _source(release: Release, vocabulary: Vocabulary | None) -> str:
    concepts = f"Vocabulary {vocabulary.version}" if vocabulary else "No vocabulary is loaded"
    return f"Manifest {release.manifest.sha256[:16]}, haemony {version('haemony')}. {concepts}."


def _in_silico(release: Release) -> str:
    members = release.manifest.members
    simulated = [member for member in members if member.facts["in_silico"]]
    if not simulated:
        return ""
    if len(simulated) == len(members):
        return "these patients are simulated."
    patients = sum(member.patients for member in simulated)
    return f"{patients:,} of these patients are simulated."


def _metadata(release: Release, vocabulary: Vocabulary | None) -> Mapping[str, str]:
    simulated = _in_silico(release)
    return {
        "cdmSourceName": f"haemony release {release.number}",
        "cdmSourceAbbreviation": f"release {release.number}",
        "sourceDescription": f"In silico: {simulated}" if simulated else "a haemony data commons",
        "cdmEtlReference": f"manifest {release.manifest.sha256}",
        "cdmVersion": "5.4",
        "vocabularyVersion": vocabulary.version if vocabulary else "none loaded",
        "dqdVersion": f"haemony {version('haemony')}, after 2.8.4",
    }


def _show(results: Results, release: Release, output: Output) -> None:
    failures = results.failures
    for result in failures[:SHOWN]:
        output.say(escape(_line(result)))
    if len(failures) > SHOWN:
        output.say(f"… and {len(failures) - SHOWN} more; --html shows all of them")
    for result in results.of(Status.ERROR)[:SHOWN]:
        output.say(f"not possible: {result.check.id}: {result.reason}")
    counts = results.counts
    said = ", ".join(f"{counts[status]:,} {_WORDS.get(status, status.value)}" for status in Status)
    output.say(f"Release {release.number}: {len(results):,} checks: [bold]{said}[/]")


def _line(result: Result) -> str:
    """One failure: where, which check, how many of how many, whom it concerns."""
    asked, tally = result.check, result.tally
    where = f"{asked.table}.{asked.field}" if asked.field else asked.table
    concept = f" {asked.concept_text}" if asked.concepts else ""
    whom = "" if tally.patients is None else f"; {tally.patients:,} patients"
    return (
        f"{result.impact.value}: {where}{concept}: {asked.type.name}: "
        f"{tally.broken:,} of {tally.rows:,} ({result.percent:g} %, "
        f"{result.threshold or 0:g} % tolerated){whom}"
    )


def _value(results: Results, release: Release, vocabulary: Vocabulary | None) -> dict[str, object]:
    return {
        "release": release.number,
        "manifest": release.manifest.sha256,
        "in_silico": bool(_in_silico(release)),
        "vocabulary": vocabulary.version if vocabulary else None,
        "checks": len(results),
        "counts": {status.value: number for status, number in results.counts.items()},
        "failed": [
            {
                "id": result.check.id,
                "check": result.check.type.name,
                "table": result.check.table,
                "field": result.check.field,
                "concepts": list(result.check.concepts),
                "broken": result.tally.broken,
                "of": result.tally.rows,
                "percent": result.percent,
                "threshold": result.threshold,
                "patients": result.tally.patients,
                "examples": list(result.examples),
                "impact": result.impact.value,
                "question": result.question,
            }
            for result in results.failures
        ],
        "errors": [{"id": r.check.id, "why": r.reason} for r in results.of(Status.ERROR)],
    }
