"""Grade tables that a partner brings in OMOP already, by the same public levels as any other data.

The files are read as they are and typed by the CDM's own declarations; then every check runs,
whichever level it belongs to, so that a curator gets the whole list at once. What each check means,
which level it belongs to, what it tolerates and how to mend it stands in ``cdm_rules.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl

from haemony.harmonise.omop.cdm import Field, Table, table
from haemony.intake.cells import parse
from haemony.intake.dictionary import ColumnType, Entry
from haemony.intake.omop import OmopContribution
from haemony.intake.readers import RawTable, UnreadableFile, read
from haemony.intake.readers.errors import MissingFile
from haemony.model.disease import Disease
from haemony.model.tables import rows
from haemony.quality.cdm import Finding, check_cdm
from haemony.quality.completeness import check_completeness
from haemony.quality.concepts import domains
from haemony.quality.grade import COMPUTED, Level, Verdict, reached
from haemony.quality.mapping import check_mapping
from haemony.quality.plausibility import check_plausibility


@dataclass(frozen=True, slots=True)
class CdmRule:
    """What a check of OMOP tables asks for.

    Attributes:
        check: The name that findings carry.
        level: The quality level it belongs to.
        tolerance: Largest share that may break it.
        counts: What its findings count: rows, patients, columns, files or tables.
        title: The truth it asks for.
        why: Why it matters to whoever uses the data.
        mend: What the partner can do.
    """

    check: str
    level: Level
    tolerance: float
    counts: str
    title: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """A finding with its rule, and whether it stands against the rule's level."""

    finding: Finding
    rule: CdmRule
    blocks: bool

    @property
    def extent(self) -> str:
        """How many of how many: ``3,186 of 3,212 rows``."""
        return f"{self.finding.broken:,} of {self.finding.rows:,} {self.rule.counts}"

    @property
    def reason(self) -> str:
        """What was found, how often, and why it matters."""
        finding = self.finding
        return f"{finding.where}: {finding.explanation} ({self.extent}). {self.rule.why}"


@dataclass(frozen=True)
class OmopGrade:
    """The level that OMOP tables reach, and everything that was found on the way.

    Attributes:
        patients: Rows of the person table, each person once.
        rows: Rows of every table.
        verdicts: Level by level.
        findings: By level, in the order of the rules; those within their tolerance too.
    """

    patients: int
    rows: Mapping[str, int]
    verdicts: tuple[Verdict, ...]
    findings: tuple[Weighed, ...]

    @property
    def level(self) -> Level:
        """The highest level below which every level holds."""
        return reached(self.verdicts)

    def of(self, level: Level) -> tuple[Weighed, ...]:
        """The findings that belong to a level."""
        return tuple(weighed for weighed in self.findings if weighed.rule.level == level)


@cache
def cdm_rules() -> Mapping[str, CdmRule]:
    """The rules by name, level by level.

    Raises:
        TableSlip: When a line of ``cdm_rules.csv`` is not a rule.

    Example:
        >>> cdm_rules()["gender concept"].level.name
        'PLAUSIBLE'
    """
    return {
        row["check"]: CdmRule(
            row["check"],
            Level(int(row["level"])),
            float(row["tolerance"]),
            row["counts"],
            row["title"],
            row["why"],
            row["mend"],
        )
        for _, row in rows(files("haemony.quality") / "cdm_rules.csv")
    }


def grade_contribution(contribution: OmopContribution, disease: Disease) -> OmopGrade:
    """Read a contribution of OMOP tables and grade it.

    Args:
        contribution: Which files hold which table.
        disease: Its core elements and its share of patients that must have them.

    Raises:
        UnknownTable: When the description names a table that the CDM does not have.
        MissingFile: When a file is not there.
        UnknownMappingColumn: When the mapping table lacks a column that the description names.
    """
    tables: dict[str, pl.DataFrame] = {}
    found: list[Finding] = []
    for name in contribution.tables:
        frame, slips = _brought(contribution, table(name))
        found += slips
        if frame is not None:
            tables[name] = frame
    if contribution.mapping:
        try:
            found += check_mapping(contribution.mapping, domains(tables))
        except MissingFile:
            raise
        except UnreadableFile as fault:
            found.append(_unreadable("mapping table", contribution.mapping.source[0], fault))
    return grade_tables(tables, disease, found)


def grade_tables(
    tables: Mapping[str, pl.DataFrame], disease: Disease, found: Iterable[Finding] = ()
) -> OmopGrade:
    """Grade OMOP tables, wherever they come from.

    Args:
        tables: Tables by name, shaped as the CDM declares them.
        disease: Its core elements and its share of patients that must have them.
        found: What reading them found already.

    Returns:
        The level reached and every finding.

    Example:
        >>> from haemony.model.disease import disease
        >>> grade_tables({}, disease("aml")).level.name
        'RECEIVED'
    """
    every = [
        *found,
        *_absent_person(tables),
        *check_cdm(tables),
        *check_completeness(tables, disease),
        *check_plausibility(tables),
    ]
    weighed = [_weigh(finding) for finding in every]
    order = list(cdm_rules())
    weighed.sort(key=lambda w: order.index(w.rule.check))
    verdicts = tuple(_verdict(level, weighed) for level in COMPUTED)
    persons = tables["person"]["person_id"].n_unique() if "person" in tables else 0
    heights = {name: frame.height for name, frame in tables.items()}
    return OmopGrade(persons, heights, verdicts, tuple(weighed))


def _weigh(finding: Finding) -> Weighed:
    rule = cdm_rules()[finding.check]
    return Weighed(finding, rule, finding.broken > rule.tolerance * finding.rows)


def _verdict(level: Level, weighed: Iterable[Weighed]) -> Verdict:
    against = tuple(w.reason for w in weighed if w.rule.level == level and w.blocks)
    return Verdict(level, not against, against)


def _absent_person(tables: Mapping[str, pl.DataFrame]) -> Iterator[Finding]:
    if "person" not in tables:
        yield Finding("table", "person", "", 1, 1, "the person table was not brought")
    elif not tables["person"].height:
        yield Finding("table", "person", "", 1, 1, "the person table has no rows")


def _brought(
    contribution: OmopContribution, declared: Table
) -> tuple[pl.DataFrame | None, list[Finding]]:
    """All files of one table as one frame, typed; none when no file could be read."""
    frames: list[pl.DataFrame] = []
    found: list[Finding] = []
    for path, layout in contribution.tables[declared.name]:
        try:
            raw = read(path, layout)
        except MissingFile:
            raise
        except UnreadableFile as fault:
            found.append(_unreadable(declared.name, path, fault))
            continue
        found += _slips(raw, declared)
        frame, wrong = typed(raw, declared, contribution.nulls)
        found += wrong
        frames.append(frame)
    return (pl.concat(frames, how="diagonal") if frames else None), found


def _unreadable(name: str, path: Path, fault: UnreadableFile) -> Finding:
    return Finding("readable file", name, "", 1, 1, f"{path.name}: {fault.cause}; {fault.remedy}")


def _slips(raw: RawTable, declared: Table) -> Iterator[Finding]:
    """Flaws of the file, and columns that the CDM does not know."""
    flaws = [defect for defect in raw.defects if not defect.kind.is_notice]
    if flaws:
        kinds = ", ".join(sorted({defect.kind.value for defect in flaws}))
        text = f"{raw.path.name} is flawed: {kinds}"
        yield Finding("sound file", declared.name, "", len(flaws), raw.frame.height, text)
    names = _names(raw)
    for column in raw.frame.columns:
        if names.get(column.strip().lower()) != column or column.strip().lower() not in (
            declared.schema
        ):
            text = f"{raw.path.name} has a column that {declared.name} of the CDM does not have"
            yield Finding("declared column", declared.name, column, 1, raw.frame.width, text)


def _names(raw: RawTable) -> dict[str, str]:
    """The file's own column for every name in lower case; the first where two agree."""
    names: dict[str, str] = {}
    for column in raw.frame.columns:
        names.setdefault(column.strip().lower(), column)
    return names


def typed(
    raw: RawTable, declared: Table, nulls: tuple[str, ...] = ()
) -> tuple[pl.DataFrame, list[Finding]]:
    """Give the cells of a file the types that the CDM declares.

    Args:
        raw: The file as it is.
        declared: The table it holds.
        nulls: How missing values are written, beside the empty cell.

    Returns:
        Every declared field, then the columns that the CDM does not know, as text; and what could
        not be understood.

    Example:
        >>> from haemony.intake.readers import Layout
        >>> deaths = pl.DataFrame({"PERSON_ID": ["1", "two"], "death_date": ["-", "2003-05-01"]})
        >>> raw = RawTable("death", Path("death.csv"), deaths, Layout())
        >>> frame, wrong = typed(raw, table("death"), ("-",))
        >>> frame["person_id"].to_list(), [finding.where for finding in wrong]
        ([1, None], ['death.person_id'])
    """
    names = _names(raw)
    columns: list[pl.Series] = []
    wrong: list[Finding] = []
    for field in declared.fields:
        if field.name not in names:
            columns.append(pl.Series(field.name, [None] * raw.frame.height, dtype=field.dtype))
            continue
        text = _known(raw.frame[names[field.name]], nulls)
        values = _values(text, field, raw.layout.decimal or ".").alias(field.name)
        broken = text.len() - text.null_count() - (values.len() - values.null_count())
        if broken:
            said = f"{field.name} is declared as {field.datatype} and holds something else"
            wrong.append(Finding("type", declared.name, field.name, broken, raw.frame.height, said))
        columns.append(values)
    more = [name for name in names if name not in declared.schema]
    columns += [_known(raw.frame[names[name]], nulls).alias(name) for name in more]
    return pl.DataFrame(columns), wrong


def _known(raw: pl.Series, nulls: tuple[str, ...]) -> pl.Series:
    text = raw.str.strip_chars()
    return text.set(text.is_in(["", *nulls]).fill_null(value=True), None)


def _values(text: pl.Series, field: Field, decimal: str) -> pl.Series:
    """Null where a cell is not of the declared type."""
    if field.datatype == "integer":  # not by way of a float: keys may need all 64 bits
        return text.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)
    if field.datatype == "float":
        return parse(text, Entry("", field.name, type=ColumnType.NUMBER), decimal).values
    if field.datatype == "date":
        midnight = text.str.replace(r"[ T]00:00(:00(\.0+)?)?$", "")
        return parse(midnight, Entry("", field.name, type=ColumnType.DATE)).values
    if field.datatype == "datetime":
        return _moments(text)
    return text


def _moments(text: pl.Series) -> pl.Series:
    """ISO 8601 to the second; a date alone is its midnight."""
    shaped = text.str.replace("T", " ", literal=True).str.replace(r"(\.\d+)?Z?$", "")
    shaped = shaped.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1} 00:00")
    shaped = shaped.str.replace(r"^(.{10} \d{2}:\d{2})$", "${1}:00")
    return shaped.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
