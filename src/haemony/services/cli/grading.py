"""``haemony contribution grade``: how far a partner's OMOP tables have come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from haemony.intake.known import known
from haemony.intake.omop import OmopContribution
from haemony.model.disease import disease
from haemony.model.errors import Exit
from haemony.quality.grade import Level
from haemony.quality.omop import OmopGrade, grade_contribution
from haemony.services.cli.output import JsonFlag, Output, exit_with
from haemony.services.report.omop import omop_grade_page

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data files, if it is another one.")
]


def add_to(group: typer.Typer) -> None:
    """Register the command in the group of contributions."""
    group.command(epilog="Example: haemony contribution grade incoming/cdm --html grade.html")(
        grade
    )


def grade(
    folder: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    data: DataOption = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with every finding.")] = None,
    json: JsonFlag = False,
) -> None:
    """Grade OMOP tables (`source: omop`): the quality level they reach, and why not the next."""
    output = Output(json)
    shipped = known(str(folder))
    where = folder if shipped is None or folder.exists() else shipped
    contribution = OmopContribution.load(where, data)
    with output.progress(f"grading {contribution.id}"):
        graded = grade_contribution(contribution, disease(contribution.disease))
    if html:
        html.write_text(omop_grade_page(contribution, graded), encoding="utf-8")
    _show(contribution, graded, output)
    if html:
        output.say(f"Every finding with the way to mend it: [bold]{html}[/]")
    output.value(_value(contribution, graded))
    if graded.level < Level.PLAUSIBLE:
        exit_with(Exit.FINDINGS)


def _show(contribution: OmopContribution, graded: OmopGrade, output: Output) -> None:
    for verdict in graded.verdicts:
        holds = "[green]holds[/]" if verdict.holds else "[red]does not hold[/]"
        output.say(f"level {verdict.level.value} {verdict.level.name.lower()}: {holds}")
        for weighed in graded.of(verdict.level):
            finding = weighed.finding
            text = f"{finding.where}: {finding.explanation}: {weighed.extent}"
            output.say(f"  {escape(text)}{'' if weighed.blocks else ' (tolerated)'}")
    level = graded.level.value if graded.level is not Level.UNGRADED else "none"
    output.say(f"{contribution.id}: {graded.patients:,} patients; quality level {level}")


def _value(contribution: OmopContribution, graded: OmopGrade) -> dict[str, object]:
    return {
        "contribution": contribution.id,
        "in_silico": contribution.in_silico,
        "level": graded.level.value,
        "patients": graded.patients,
        "rows": graded.rows,
        "levels": [
            {
                "level": verdict.level.value,
                "name": verdict.level.name.lower(),
                "holds": verdict.holds,
                "reasons": verdict.reasons,
            }
            for verdict in graded.verdicts
        ],
        "findings": [
            {
                "check": weighed.rule.check,
                "level": weighed.rule.level.value,
                "table": weighed.finding.table,
                "field": weighed.finding.field,
                "broken": weighed.finding.broken,
                "of": weighed.finding.rows,
                "counts": weighed.rule.counts,
                "blocks": weighed.blocks,
                "what": weighed.finding.explanation,
                "why": weighed.rule.why,
                "mend": weighed.rule.mend,
            }
            for weighed in graded.findings
        ],
    }
