"""``haemony release …`` and ``haemony trace``."""

from __future__ import annotations

import json as jsons
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from haemony.acceptance import accept as sign_off
from haemony.acceptance import document
from haemony.duplicates import Screened, screen_release
from haemony.export import exposure
from haemony.intake.readers import read
from haemony.lake import Release
from haemony.lake.lake import Health
from haemony.lake.lineage import Trace, trace_row
from haemony.lake.manifest import Member
from haemony.lake.store import write_bytes
from haemony.model.disease import disease
from haemony.model.errors import Exit
from haemony.privacy.anonymity.table import check_columns
from haemony.privacy.assessment import describe
from haemony.quality.differences import differences
from haemony.quality.grade import Level, reached
from haemony.quality.profile import Guard, Profile
from haemony.quality.thresholds import check_names, regraded
from haemony.services.cli import checks
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption, exit_with
from haemony.services.cli.privacy import courses, export, rows_of
from haemony.services.report import grade_page, profile_page
from haemony.workspace import Workspace

NumberArgument = Annotated[
    int | None, typer.Argument(help="Number of the release; the latest unless given.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="List, show, verify and compare releases.")
    group.command("list", epilog="Example: haemony release list -w commons")(list_)
    group.command(epilog="Example: haemony release show 2 -w commons --html grade.html")(show)
    group.command(epilog="Example: haemony release verify -w commons")(verify)
    group.command(epilog="Example: haemony release diff 1 2 -w commons")(diff)
    group.command(epilog="Example: haemony release export --policy cut.toml -w commons -o cut")(
        export
    )
    group.command("courses", epilog="Example: haemony release courses -w commons")(courses)
    group.command("screen", epilog="Example: haemony release screen -w commons")(screen)
    group.command(epilog="Example: haemony release profile -w commons --html profile.html")(profile)
    checks.add_to(group)
    group.command(epilog="Example: haemony release compare amlsg sal_ctab -w commons")(compare)
    group.command(epilog="Example: haemony release regrade --thresholds strict.csv -w commons")(
        regrade
    )
    group.command(epilog="Example: haemony release acceptance amlsg -o accept.json -w commons")(
        acceptance
    )
    group.command(
        epilog="Example: haemony release accept accept.json --approval a.json --approval b.json"
    )(accept)
    app.add_typer(group, name="release")
    app.command(epilog="Example: haemony trace measurement/4294967297 -w commons")(trace)


def list_(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
    """List the releases of the lake."""
    output = Output(json)
    lake = Workspace(workspace).lake
    rows = []
    for number in lake.numbers:
        manifest = lake.release(number).manifest
        patients = sum(member.patients for member in manifest.members)
        rows.append((number, len(manifest.members), patients, manifest.sha256[:16]))
    output.table("Releases", ("release", "contributions", "patients", "manifest"), rows)
    keys = ("release", "contributions", "patients", "manifest")
    output.value([dict(zip(keys, row, strict=True)) for row in rows])


def show(
    number: NumberArgument = None,
    html: Annotated[Path | None, typer.Option(help="Write the grade report as a page.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Show a release: contributions, quality levels with reasons, tables."""
    output = Output(json)
    release = Workspace(workspace).lake.release(number)
    manifest = release.manifest
    if html:
        html.write_text(grade_page(release), encoding="utf-8")
        output.say(f"The grade report is in [bold]{html}[/]")
    rows = [(m.id, m.facts["title"], m.patients, m.level, _not_next(m)) for m in manifest.members]
    output.table(
        f"Release {manifest.number}",
        ("contribution", "title", "patients", "level", "why this level"),
        rows,
    )
    exposed = exposure(release)
    if exposed:
        plain = describe(exposed)
        named = ", ".join(exposed.quasi_identifiers)
        output.table(f"Risk inside the platform, by {named}", ("", ""), rows_of(plain))
    counts = [(name, sum(part.rows for part in manifest.of(name))) for name in manifest.tables]
    output.table("Tables", ("table", "rows"), counts)
    if any(member.facts["in_silico"] for member in manifest.members):
        output.say("[bold]Holds in silico patients[/]: simulated, not real.")
    output.say(f"manifest {manifest.sha256}")
    output.value(
        {
            "release": manifest.number,
            "manifest": manifest.sha256,
            "contributions": [
                {"id": m.id, "patients": m.patients, "level": m.level, **m.facts, "grade": m.grade}
                for m in manifest.members
            ],
            "risk": describe(exposed) if exposed else None,
            "tables": dict(counts),
        }
    )


def profile(
    number: NumberArgument = None,
    html: Annotated[Path | None, typer.Option(help="Write the profile as a page.")] = None,
    threshold: Annotated[
        int, typer.Option(help="Fewer people than this are not counted in public.")
    ] = Guard().threshold,
    base: Annotated[
        int, typer.Option(help="Counts are told as the nearest multiple of this.")
    ] = Guard().base,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Say what a release holds of each variable, in figures that anyone may see.

    Counts are rounded, small ones are not told, quantiles are means over neighbours, and the
    smallest and largest values stay inside.
    """
    output = Output(json)
    guard = Guard(threshold, base)
    release = Workspace(workspace).lake.release(number)
    with output.progress("profiling"):
        found = release.profiles(guard)
    if html:
        html.write_text(profile_page(release, found, guard), encoding="utf-8")
        output.say(f"The profile is in [bold]{html}[/]")
    rows = [(one.name, one.label, one.unit, *_told(one)) for one in found]
    columns = ("variable", "label", "unit", "known", "share", "median", "quartiles")
    output.table(f"What release {release.number} holds", columns, rows)
    output.value(
        {
            "release": release.number,
            "manifest": release.manifest.sha256,
            "threshold": guard.threshold,
            "base": guard.base,
            "variables": [one.plain() for one in found],
        }
    )


def _told(one: Profile) -> tuple[str, ...]:
    few = one.known is None
    share = "" if one.completeness is None else f"{one.completeness:.0%}"
    known = "few" if few else f"{one.known:,}"
    low, middle, high = (one.quantiles.get(part) for part in (0.25, 0.5, 0.75))
    quartiles = "" if low is None or high is None else f"{low:g} to {high:g}"
    return known, share, "" if middle is None else f"{middle:g}", quartiles


def regrade(
    thresholds: Annotated[
        Path, typer.Option("--thresholds", help="CSV of `name,threshold`; see reference/quality.")
    ],
    number: NumberArgument = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask which level each contribution would reach by other thresholds; nothing is changed."""
    output = Output(json)
    given = _thresholds(thresholds)
    members = Workspace(workspace).lake.release(number).manifest.members
    check_names(given, (member.grade for member in members))
    rows = []
    for member in members:
        share = disease(str(member.facts["disease"])).core_share
        verdicts = regraded(member.grade, given, share)
        reasons = next(("; ".join(v.reasons) for v in verdicts if not v.holds), "")
        rows.append((member.id, member.level, int(reached(verdicts)), reasons))
    columns = ("contribution", "level", "would be", "why not the next")
    output.table("By these thresholds", columns, rows)
    output.value([dict(zip(columns, row, strict=True)) for row in rows])


def _thresholds(path: Path) -> dict[str, float]:
    """Shares by name, from a CSV of two columns."""
    frame = read(path).frame
    check_columns(frame, ["name", "threshold"])
    shares = frame["threshold"].cast(pl.Float64, strict=False).fill_null(-1.0)
    return dict(zip(frame["name"].fill_null(""), shares, strict=True))


def compare(
    first: Annotated[str, typer.Argument(help="Id of a contribution.")],
    second: Annotated[str, typer.Argument(help="Id of another; the same one with --was.")] = "",
    was: Annotated[
        int | None, typer.Option(help="Compare with the second as this release held it.")
    ] = None,
    number: Annotated[int | None, typer.Option("--release", help="Number of the release.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Say what differs between two sources, or two versions of one, before they are pooled.

    Time origins, definitions, evidence, values used, completeness and distributions. Nothing is
    corrected.
    """
    output = Output(json)
    lake = Workspace(workspace).lake
    new, old = lake.release(number), lake.release(number if was is None else was)
    elements = new.variables
    names = [e.name for e in elements if e.name in old.disease.catalogue]
    other = second or first
    with output.progress("comparing"):
        one = new.side(first, names)
        two = old.side(other, names, f"{other} of release {old.number}" if was is not None else "")
        found = differences(one, two, [e for e in elements if e.name in names])
    rows = [(d.kind.value, d.element, f"{d.size:.2f}", d.text) for d in found]
    output.table(
        f"Before {one.name} and {two.name} are pooled",
        ("what", "element", "size", "in words"),
        rows,
    )
    if not found:
        output.say("Nothing differs that would matter.")
    output.value([asdict(difference) for difference in found])


def _not_next(member: Member) -> str:
    for verdict in member.grade["levels"]:
        if not verdict["holds"]:
            return "; ".join(verdict["reasons"])
        if verdict["level"] == Level.ACCEPTED:
            names, left = ", ".join(verdict["by"]), len(verdict["open queries"])
            return f"accepted by {names} with {left} open {'query' if left == 1 else 'queries'}"
    return "level 4 is given by the quality committee"


def acceptance(
    contribution: Annotated[str, typer.Argument(help="Its id.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The document to sign.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Write what the quality committee signs to accept a contribution: level 4.

    It names the contribution as the latest release holds it, and the queries that are still open.
    """
    output = Output(json)
    content = document(Workspace(workspace), contribution)
    write_bytes(out.resolve(), content)
    told = jsons.loads(content)
    left = told["open queries"]
    rows = [(query["key"], query["impact"], query["patients"]) for query in left]
    if rows:
        output.table("Queries still open", ("key", "impact", "patients"), rows)
    output.say(f"[bold]{out}[/] needs two signatures: haemony approver approve {out}")
    output.value({"out": str(out), **told})


def accept(
    signed: Annotated[Path, typer.Argument(help="What `release acceptance` wrote.")],
    approval: Annotated[list[Path], typer.Option(help="Two of them, of different people.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Publish a release in which a contribution is accepted, signed by two of the committee."""
    output = Output(json)
    release = sign_off(Workspace(workspace), signed, approval)
    rows = [(m.id, m.level, _not_next(m)) for m in release.manifest.members]
    output.table(f"Release {release.number}", ("contribution", "level", "why this level"), rows)
    output.value(
        {
            "release": release.number,
            "levels": {member.id: member.level for member in release.manifest.members},
        }
    )


def screen(
    number: NumberArgument = None, workspace: WorkspaceOption = Path(), json: JsonFlag = False
) -> None:
    """Look for patients who may be in two contributions: a warning, nothing is merged.

    Patients are suspicious who agree in sex, age and every baseline value that both know.
    """
    output = Output(json)
    release = Workspace(workspace).lake.release(number)
    with output.progress("comparing") as watch:
        found = []
        for one in screen_release(release):
            watch(f"{one.first} with {one.second}")
            found.append(one)
    rows = [(f"{one.first}, {one.second}", len(one.columns), *_alike(one)) for one in found]
    output.table(
        "Patients alike", ("contributions", "values", "pairs", "by chance", "verdict"), rows
    )
    output.value([_screened(one) for one in found])


def _alike(one: Screened) -> tuple[object, ...]:
    if one.found is None:
        return ("", "", "too few values are known in both")
    verdict = "ask both partners" if one.found.alarming else "no more than chance"
    return one.found.found, f"{one.found.expected:.1f}", verdict


def _screened(one: Screened) -> dict[str, object]:
    found = one.found
    counted = found and {
        "pairs": found.found,
        "expected by chance": found.expected,
        "at most": found.expected_high,
        "alarming": found.alarming,
    }
    return {"first": one.first, "second": one.second, "values": one.columns, "found": counted}


def verify(
    number: NumberArgument = None, workspace: WorkspaceOption = Path(), json: JsonFlag = False
) -> None:
    """Compare every file of a release with its hash, and the manifest with its signature."""
    output = Output(json)
    with output.progress("verifying"):
        found = Workspace(workspace).lake.verify(number)
    bad = [
        (part.table, part.contribution or "(common)", health.value, part.sha256[:16])
        for part, health in found.partitions
        if health is not Health.INTACT
    ]
    if bad:
        output.table("Not intact", ("table", "contribution", "state", "sha256"), bad)
    signature = "signed" if found.signed else "the signature does not fit"
    count = len(found.partitions)
    output.say(
        f"Release {found.number}: [bold]{found.state.value}[/], {signature}, {count} partitions"
    )
    output.value(
        {
            "release": found.number,
            "state": found.state.value,
            "signed": found.signed,
            "partitions": [
                {
                    "table": p.table,
                    "contribution": p.contribution,
                    "sha256": p.sha256,
                    "state": h.value,
                }
                for p, h in found.partitions
            ],
        }
    )
    if found.state in {Health.DAMAGED, Health.MISSING}:
        exit_with(Exit.FINDINGS)


def diff(
    first: Annotated[int, typer.Argument(help="Number of a release.")],
    second: Annotated[int, typer.Argument(help="Number of another.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Compare two releases: contributions that came, left or changed, and rows per table."""
    output = Output(json)
    lake = Workspace(workspace).lake
    old, new = lake.release(first), lake.release(second)
    changes = [{"contribution": name, "change": change} for name, change in _changes(old, new)]
    rows = []
    for name in sorted({*old.manifest.tables, *new.manifest.tables}):
        before, after = (sum(p.rows for p in r.manifest.of(name)) for r in (old, new))
        if [p.sha256 for p in old.manifest.of(name)] != [p.sha256 for p in new.manifest.of(name)]:
            rows.append((name, before, after, after - before))
    output.table("Contributions", ("contribution", "change"), [tuple(c.values()) for c in changes])
    output.table(
        "Tables that differ", ("table", f"release {first}", f"release {second}", "difference"), rows
    )
    if not changes and not rows:
        output.say("The two releases say the same.")
    keys = ("table", "before", "after", "difference")
    tables = [dict(zip(keys, row, strict=True)) for row in rows]
    output.value({"contributions": changes, "tables": tables})


def _changes(old: Release, new: Release) -> list[tuple[str, str]]:
    before = {member.id: member for member in old.manifest.members}
    after = {member.id: member for member in new.manifest.members}
    changes = []
    for name in sorted({*before, *after}):
        if name not in after:
            changes.append((name, "left"))
        elif name not in before:
            changes.append((name, f"came with {after[name].patients} patients"))
        elif before[name].digest != after[name].digest:
            changes.append((name, "superseded by a new version"))
        elif before[name] != after[name]:
            delta = after[name].patients - before[name].patients
            changes.append((name, f"same version, {delta:+d} patients"))
    return changes


def trace(
    reference: Annotated[str, typer.Argument(help="TABLE/ID of a row of the release.")],
    number: Annotated[int | None, typer.Option("--release", help="Number of the release.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Lead a row of a release back to the file, row and column it came from."""
    output = Output(json)
    traces = trace_row(Workspace(workspace).lake.release(number), reference)
    rows = [(t.contribution, t.file, t.where, t.columns) for t in traces]
    output.table(f"{reference} comes from", ("contribution", "file", "row", "column(s)"), rows)
    output.value([_plain(t) for t in traces])


def _plain(found: Trace) -> dict[str, object]:
    return {
        "contribution": found.contribution,
        "digest": found.digest,
        "file": found.file,
        "row": found.row,
        "columns": found.columns,
    }
