"""``haemony risk``, ``haemony anonymise`` and ``haemony release export``: measured anonymity."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from haemony.export import events_of
from haemony.export import export as export_cut
from haemony.harmonise.lesion_hierarchy import lesion_hierarchy
from haemony.intake.readers import read
from haemony.lake.store import write_bytes
from haemony.model.disease import disease
from haemony.model.errors import UsageError
from haemony.privacy import risk as measure
from haemony.privacy.anonymity import draft, icd_o
from haemony.privacy.anonymity.hierarchy import as_text
from haemony.privacy.anonymity.table import check_columns
from haemony.privacy.assessment import assess, describe
from haemony.privacy.blurring import Fresh
from haemony.privacy.courses import course_curve, curve_table
from haemony.privacy.cut import cut
from haemony.privacy.policy import THRESHOLD, Policy
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.report import cut_page
from haemony.workspace import Workspace

FileArgument = Annotated[
    Path, typer.Argument(help="A table: CSV, XLSX, Parquet, SAS, SPSS, Stata, RData.")
]
PolicyOption = Annotated[Path, typer.Option("--policy", help="The policy, a TOML file.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands that work alone on any table."""
    app.command(epilog="Example: haemony risk patients.csv --qi age,sex,centre")(risk)
    app.command(epilog="Example: haemony anonymise patients.csv --policy policy.toml -o cut")(
        anonymise
    )
    group = typer.Typer(no_args_is_help=True, help="How values are told less exactly.")
    group.command("draft", epilog="Example: haemony hierarchy draft patients.csv age -o age.csv")(
        draft_hierarchy
    )
    app.add_typer(group, name="hierarchy")


def risk(
    file: FileArgument,
    qi: Annotated[str, typer.Option("--qi", help="Quasi-identifiers, separated by commas.")] = "",
    events: Annotated[
        str, typer.Option(help="Of a table of events: columns of person, event and day.")
    ] = "",
    threshold: Annotated[
        float, typer.Option(help="The highest risk of one record that is accepted.")
    ] = THRESHOLD,
    population: Annotated[
        Path | None,
        typer.Option(help="A table of everybody they may be confused with, themselves included."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Measure how easily people could be found again in a table.

    By --qi for one row per person; by --events for courses, from an adversary who knows some of a
    person's events. With --population also for an adversary who does not know who is in the table.
    """
    output = Output(json)
    if events:
        person, event, day = (*(name.strip() for name in events.split(",")), "", "", "")[:3]
        frame = read(file).frame
        check_columns(frame, [person, event, day])
        rows = frame.select(
            pl.col(person).alias("person"),
            pl.col(event).alias("event"),
            pl.col(day).cast(pl.Float64, strict=False).alias("day"),
        )
        say_courses(rows, file.name, threshold, output)
        return
    columns = [name.strip() for name in qi.split(",") if name.strip()]
    everybody = read(population).frame if population else None
    found = measure(read(file).frame, columns, threshold, everybody)
    plain = describe(found)
    output.table(f"Risk of {file.name} by {', '.join(columns)}", ("", ""), rows_of(plain))
    sizes = [(row["size"], row["classes"], row["rows"]) for row in plain["class sizes"][:12]]
    output.table("Smallest classes", ("records alike", "classes", "records"), sizes)
    output.value({"file": file.name, "quasi-identifiers": columns, "threshold": threshold, **plain})


def say_courses(rows: pl.DataFrame, what: str, threshold: float, output: Output) -> None:
    """The risk of courses, by what is known and how precisely days are told."""
    curve = curve_table(course_curve(rows, threshold=threshold, people=2_000))
    told = [
        (
            row["precision"],
            row["known"],
            f"{row['mean']:.4f}",
            f"{row['unique']:.1%}",
            f"{row['above_threshold']:.1%}",
        )
        for row in curve.iter_rows(named=True)
    ]
    output.table(
        f"Courses of {what}: an adversary knows some events of a person",
        ("days told to the", "events known", "mean risk", "alone", "above threshold"),
        told,
    )
    output.value(curve.to_dicts())


def courses(
    number: Annotated[
        int | None, typer.Argument(help="Number of the release; the latest unless given.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="The highest risk of one person that is accepted.")
    ] = THRESHOLD,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Measure how well one to five events of a course find a patient, at each precision of days."""
    output = Output(json)
    release = Workspace(workspace).lake.release(number)
    say_courses(events_of(release), f"release {release.number}", threshold, output)


class OnlyReleases(UsageError):
    """A policy asks for what only a release can give."""

    def __init__(self, policy: Path) -> None:
        super().__init__(
            f"{policy.name} asks for attacks or a reference model, which run on releases alone; "
            "take those sections out for a table of your own, or use `haemony release export`"
        )


def rows_of(plain: dict[str, object]) -> list[tuple[str, str]]:
    """A described risk, a line each."""
    return [
        (name, _told(name, value)) for name, value in plain.items() if not isinstance(value, list)
    ]


def _told(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if name.startswith("share") else f"{value:.4f}"
    return f"{value:,}"


def anonymise(
    file: FileArgument,
    policy: PolicyOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the cut; made if absent.")],
    json: JsonFlag = False,
) -> None:
    """Cut a table to what may leave under a policy, with the risk before and after.

    Numbers that the policy blurs are blurred anew in each run: two runs must not both leave.
    """
    output = Output(json)
    rules = Policy.read(policy)
    if rules.attacks or rules.utility:
        raise OnlyReleases(policy)
    raw = read(file).frame
    with output.progress("anonymising"):
        made = cut(raw, rules, Fresh())
    assessment = assess(made)
    folder = out.resolve()
    write_bytes(folder / "cut.csv", made.frame.write_csv().encode())
    text = jsons.dumps(assessment, ensure_ascii=False, indent=2)
    write_bytes(folder / "assessment.json", text.encode())
    write_bytes(folder / "assessment.html", cut_page(assessment, file.name).encode())
    say(assessment, output)
    output.say(f"[bold]{out}/cut.csv[/] may leave; [bold]{out}/assessment.html[/] says why.")
    output.value({"out": str(folder), **assessment})


def draft_hierarchy(
    file: FileArgument,
    column: Annotated[str, typer.Argument(help="The column.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    karyotypes: Annotated[
        bool, typer.Option("--karyotypes", help="The column holds karyotypes in ISCN.")
    ] = False,
    icd_o_codes: Annotated[
        bool, typer.Option("--icd-o", help="The column holds ICD-O-3 morphologies or sites.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Propose a hierarchy for a column: one row per value, ever more general to the right.

    Karyotypes become their leading abnormality, then the ELN's cytogenetic risk. ICD-O-3 codes
    become their range; morphologies with their behaviour (9861/3) and sites (C77.3) are recognised.
    """
    output = Output(json)
    frame = read(file).frame
    check_columns(frame, [column])
    known = as_text(frame[column].drop_nulls()).to_list()
    if karyotypes:
        drafted = lesion_hierarchy(column, known, disease("aml").catalogue).with_missing()
    elif icd_o_codes:
        drafted = icd_o(column, known).with_missing()
    else:
        drafted = draft(_numbers_if_all_are(frame[column]))
    drafted.write(out)
    output.say(f"[bold]{out}[/] has {drafted.size} values on {drafted.height} levels; correct it.")
    output.value({"out": str(out), "values": drafted.size, "levels": drafted.height})


def _numbers_if_all_are(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() != texts.null_count() or texts.len() == texts.null_count():
        return texts
    whole = bool((numbers.drop_nulls() == numbers.drop_nulls().floor()).all())
    return numbers.cast(pl.Int64) if whole else numbers


def say(assessment: dict[str, dict[str, dict[str, object]]], output: Output) -> None:
    """The risk before and after, side by side, and what was lost."""
    before, after = (dict(rows_of(assessment["risk"][when])) for when in ("before", "after"))
    rows = [(name, before[name], after[name]) for name in before]
    output.table("Risk", ("", "before", "after"), rows)
    lost = [(name, f"{value:.4f}") for name, value in assessment["utility"]["loss"].items()]
    output.table("Loss", ("quasi-identifier", "loss"), lost)


def export(
    policy: PolicyOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder for the cut.")],
    number: Annotated[
        int | None, typer.Argument(help="Number of the release; the latest unless given.")
    ] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Cut a release to what may leave under a policy; refused when it misses the policy."""
    output = Output(json)
    opened = Workspace(workspace)
    rules = Policy.read(policy)
    with output.progress("exporting") as watch:
        made = export_cut(
            opened.lake.release(number),
            rules,
            opened,
            out.resolve(),
            source=policy,
            page=lambda assessment: cut_page(assessment, "a release of the lake"),
            watch=watch,
        )
    say(made.assessment, output)
    if model := made.assessment["utility"]["reference model"]:
        changes = [(t["term"], f"{t['change']:+.4f}") for t in model["terms"]]
        output.table("Reference model", ("term", "change of the log hazard ratio"), changes)
    output.say(f"[bold]{out}[/] may leave for {rules.recipient}; assessment.html says why.")
    output.value({"out": str(made.folder), **made.assessment})
