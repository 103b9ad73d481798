"""``haemony contribution from-omop``: a partner's own CDM becomes an ordinary contribution."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.markup import escape

from haemony.harmonise.from_omop import About, DayZero, Rewritten, rewrite, write_contribution
from haemony.harmonise.from_omop.rewrite import BESIDE, READ
from haemony.harmonise.omop.cdm import table
from haemony.intake.contribution import DESCRIPTION, SourceKind
from haemony.intake.known import known
from haemony.intake.omop import OmopContribution, Source
from haemony.intake.readers import read
from haemony.model.disease import Disease, disease
from haemony.model.errors import UsageError
from haemony.quality.concepts import concepts
from haemony.quality.omop import typed
from haemony.services.cli.output import JsonFlag, Output

SUFFIXES = (".csv", ".parquet", ".tsv", ".csv.gz", ".tsv.gz")
FILL_IN = "fill in"
SHOWN = 25
"""Lines of what was left out that the terminal shows; the file has all."""

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data files, if it is another one.")
]


class NoTables(UsageError):
    """A folder holds no file that is called like a table of the CDM."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder.name} holds no file called like a table of the CDM (person.csv, "
            f"measurement.parquet …) and no {DESCRIPTION} that names them"
        )


class NotAPair(UsageError):
    """``--also`` was not CONCEPT=ELEMENT with an element of the disease."""

    def __init__(self, text: str, code: str) -> None:
        self.text = text
        super().__init__(
            f"--also {text!r} is not CONCEPT=ELEMENT with a number and an element of {code}; "
            "write e.g. --also 3000905=wbc"
        )


@dataclass(frozen=True)
class Cdm:
    """What lies in the folder.

    Attributes:
        name: A name for the contribution.
        files: The files of every table.
        nulls: How missing values are written, beside the empty cell.
        described: The partner's own description, if there is one.
    """

    name: str
    files: Mapping[str, tuple[Source, ...]]
    nulls: tuple[str, ...] = ()
    described: OmopContribution | None = None


def add_to(group: typer.Typer) -> None:
    """Register the command in the group of contributions."""
    group.command(
        "from-omop",
        epilog="Example: haemony contribution from-omop cdm -o incoming --disease aml",
    )(from_omop)


def from_omop(
    folder: Annotated[Path, typer.Argument(help="Folder of OMOP CDM tables, CSV or Parquet.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    code: Annotated[
        str | None, typer.Option("--disease", help="Code of the disease; the description's.")
    ] = None,
    origin: Annotated[
        DayZero | None,
        typer.Option(help="What day 0 is; the time origin that is stated, or the diagnosis."),
    ] = None,
    origin_concept: Annotated[
        list[int] | None,
        typer.Option(help="Concept that is the diagnosis here; several by repeating."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="CONCEPT=ELEMENT that it stands for here.")
    ] = None,
    source: Annotated[
        SourceKind | None, typer.Option(help="Where the data come from; by the type concepts.")
    ] = None,
    data: DataOption = None,
    json: JsonFlag = False,
) -> None:
    """Turn OMOP tables into a contribution: what elements can say; the rest is listed."""
    output = Output(json)
    cdm = find(folder, data)
    chosen = _disease(code, cdm)
    with output.progress("reading OMOP tables") as watch:
        tables, slips = load(cdm, watch)
        watch("looking for elements")
        rewritten = rewrite(
            tables,
            chosen,
            wanted=origin,
            origin_concepts=origin_concept or (),
            also=_pairs(also or (), chosen),
        )
        watch("writing")
        about = about_of(cdm, tables, chosen, source or rewritten.source)
        written = write_contribution(rewritten, about, out)
    _show(rewritten, about, out, slips, output)
    output.value(_value(rewritten, about, out, written, slips))


def find(folder: Path, data: Path | None = None) -> Cdm:
    """Find the tables: by the description that lies there or ships with haemony, or by name.

    Raises:
        NoTables: When there is neither.
    """
    shipped = known(str(folder))
    where = folder if shipped is None or folder.exists() else shipped
    if (where / DESCRIPTION).is_file():
        described = OmopContribution.load(where, data)
        return Cdm(described.id, described.tables, described.nulls, described)
    wanted = {*READ, *BESIDE}
    files: dict[str, tuple[Source, ...]] = {}
    for path in sorted((data or folder).iterdir() if (data or folder).is_dir() else ()):
        name = path.name.lower()
        suffix = next((end for end in SUFFIXES if name.endswith(end)), "")
        if suffix and name.removesuffix(suffix) in wanted:
            files[name.removesuffix(suffix)] = ((path, None),)
    if not files:
        raise NoTables(folder)
    return Cdm(re.sub(r"[^a-z0-9_.-]+", "-", folder.resolve().name.lower()).strip("-"), files)


def load(
    cdm: Cdm, watch: Callable[[str], None] = lambda _step: None
) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Read the tables that the way back needs; cells of another type than declared are named."""
    tables: dict[str, pl.DataFrame] = {}
    slips: list[str] = []
    for name in (*READ, *BESIDE):
        frames = []
        for path, layout in cdm.files.get(name, ()):
            watch(f"reading {path.name}")
            frame, wrong = typed(read(path, layout), table(name), cdm.nulls)
            frames.append(table(name).shape(frame))
            slips += [f"{w.where}: {w.explanation} ({w.broken:,} of {w.rows:,})" for w in wrong]
        if frames:
            tables[name] = pl.concat(frames)
    return tables, slips


def about_of(
    cdm: Cdm, tables: Mapping[str, pl.DataFrame], chosen: Disease, source: SourceKind
) -> About:
    """What the contribution says of itself: by the description, or by CDM_SOURCE."""
    if (said := cdm.described) is not None:
        return About(
            said.id,
            said.title,
            said.partner,
            said.contact,
            chosen.code,
            source,
            said.cut_off,
            said.conditions,
            said.in_silico,
        )
    itself = tables.get("cdm_source", table("cdm_source").empty()).head(1)
    told = next(iter(itself.iter_rows(named=True)), {})
    return About(
        cdm.name or "cdm",
        f"{told.get('cdm_source_name') or cdm.name}, from tables of the OMOP CDM",
        told.get("cdm_holder") or FILL_IN,
        FILL_IN,
        chosen.code,
        source,
        str(told.get("source_release_date") or "not stated"),
        (),
        in_silico=False,
    )


def _disease(code: str | None, cdm: Cdm) -> Disease:
    named = code or (cdm.described.disease if cdm.described else None)
    if named is None:
        raise typer.BadParameter("name the disease, e.g. --disease aml")
    return disease(named)


def _pairs(texts: Sequence[str], chosen: Disease) -> dict[int, str]:
    pairs = {}
    for text in texts:
        concept, _, element = text.partition("=")
        if not concept.strip().isdigit() or element.strip() not in chosen.catalogue:
            raise NotAPair(text, chosen.code)
        pairs[int(concept)] = element.strip()
    return pairs


def near(concept: int | None, chosen: Disease) -> str:
    """The element that a concept without one may stand for, by what haemony knows of concepts."""
    found = concepts().get(concept) if concept is not None else None
    return found.element if found and found.element in chosen.catalogue else ""


def _show(
    rewritten: Rewritten, about: About, out: Path, slips: Sequence[str], output: Output
) -> None:
    chosen = disease(about.disease)
    elements = sorted({e.element for s in rewritten.sheets for e in s.entries if e.element})
    output.say(
        f"{rewritten.patients:,} of {rewritten.persons:,} persons; day 0: {rewritten.origin}; "
        f"{len(elements):,} elements; {len(rewritten.sheets):,} files"
    )
    reasons = rewritten.persons_left.group_by("reason").len().sort("reason")
    for reason, count in reasons.iter_rows():
        output.say(f"  {count:,} persons left out: {escape(reason)}")
    _show_left_out(rewritten, chosen, out, output)
    for slip in slips:
        output.say(f"  {escape(slip)}")
    output.say(f"Next: [bold]haemony contribution check {out}[/]")


def _show_left_out(rewritten: Rewritten, chosen: Disease, out: Path, output: Output) -> None:
    """What found no element, in short, and what may be one under another concept."""
    left = rewritten.left_out
    counts = left.group_by("table", "element", "reason").agg(
        pl.col("concept_id").n_unique().alias("concepts"), pl.col("rows").sum()
    )
    ranked = counts.sort("rows", "table", "element", "reason", descending=[True, *[False] * 3])
    columns = ("table", "element", "reason", "concepts", "rows")
    title = f"Left out ({left.height:,} lines in {out.name}/left_out.csv)"
    if left.height:
        output.table(title, columns, ranked.select(columns).head(SHOWN).rows())
    for row in left.filter(pl.col("element") == "").iter_rows(named=True):
        element = near(row["concept_id"], chosen)
        if element and chosen.catalogue[element].table == row["table"]:
            output.say(
                f"  {row['rows']:,} rows may be {element}: --also {row['concept_id']}={element}"
            )


def _values_of(rewritten: Rewritten) -> dict[str, int]:
    """How many values each element has, in all its columns."""
    counts: Counter[str] = Counter()
    for sheet in rewritten.sheets:
        for entry in filter(lambda e: e.element, sheet.entries):
            counts[entry.element] += sheet.frame[entry.column].drop_nulls().len()
    return dict(counts)


def _value(
    rewritten: Rewritten, about: About, out: Path, written: Sequence[Path], slips: Sequence[str]
) -> dict[str, object]:
    chosen = disease(about.disease)
    return {
        "contribution": about.id,
        "folder": str(out),
        "files": [path.name for path in written],
        "origin": rewritten.origin.value,
        "persons": rewritten.persons,
        "patients": rewritten.patients,
        "elements": _values_of(rewritten),
        "left_out": [
            {**row, "near": near(row["concept_id"], chosen)}
            for row in rewritten.left_out.to_dicts()
        ],
        "slips": list(slips),
    }
