"""Read every cell of a contribution against its dictionary and report every problem at once.

A problem is named by file, row, column, the *class* of the value, the rule it breaks and the way
to mend it. Cell contents never appear: what a report shows beyond classes is only what the steward
typed into the dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

import polars as pl

from haemony.intake.cells import DATE_FORMS, parse, value_class
from haemony.intake.contribution import DESCRIPTION, Contribution
from haemony.intake.dictionary import EVERY, ColumnType, Condition, Entry, Role, Status
from haemony.intake.omics import Sampled, sampled
from haemony.intake.problems import PROBLEMS, WRONG_SHARE, Problem, Severity, whole
from haemony.intake.readers import RawTable
from haemony.intake.suspicions import Suspicion, assemblies, day_numbers, suspicions
from haemony.model.disease import DIAGNOSIS
from haemony.model.element import Catalogue, Element, Identifying, ValueType
from haemony.model.errors import EnvironmentFault, HaemonyError

RECORDS_OF_MANY = "variant_"
"""Elements of which a patient has many rows: a table of calls may be the only one of a source."""


@dataclass(frozen=True)
class CheckReport:
    """A contribution as it was read, with everything that is wrong with it.

    Attributes:
        contribution: What was checked.
        tables: The tables that could be read, by name.
        problems: One row per problem, columns as in :data:`PROBLEMS`.
        cells: Cells read.
        sampled: Its expression matrix and its segments, as far as they can be read.
    """

    contribution: Contribution
    tables: dict[str, RawTable]
    problems: pl.DataFrame
    cells: int
    sampled: Sampled = field(default_factory=Sampled)

    @property
    def errors(self) -> int:
        """How many problems block admission."""
        return self.problems.filter(pl.col("severity") == Severity.ERROR).height

    @property
    def sound(self) -> bool:
        """Whether the contribution can be admitted (warnings allowed)."""
        return self.errors == 0

    def summary(self) -> pl.DataFrame:
        """Problems counted by rule: one row per severity, file, column, rule and fix."""
        return (
            self.problems.group_by("severity", "file", "column", "rule", "fix", maintain_order=True)
            .agg(pl.len().alias("count"), pl.col("row").first().alias("first_row"))
            .sort("severity", "file", "column", "rule")
        )


def check(contribution: Contribution, catalogue: Catalogue) -> CheckReport:
    """Check a contribution against its dictionary and the catalogue of its disease.

    Args:
        contribution: What a partner brings.
        catalogue: The elements its columns may feed.

    Returns:
        Everything found; nothing is raised for what is wrong with the data.
    """
    tables: dict[str, RawTable] = {}
    found: list[Problem | pl.DataFrame] = []
    for name, (path, _) in contribution.tables.items():
        try:
            tables[name] = contribution.read(name)
        except EnvironmentFault:
            raise
        except HaemonyError as fault:
            found.append(whole(Severity.ERROR, path.name, "", "the file can be read", str(fault)))
    for name, table in tables.items():
        found.extend(_defects(table))
        found.extend(_declared(contribution, name, table))
        found.extend(_cell_problems(contribution, name, table))
        found.extend(_suspicious(contribution, name, table, catalogue))
    found.extend(_entry_problems(contribution, catalogue))
    found.extend(_origin_problems(contribution))
    found.extend(_diagnosis_problems(contribution, catalogue))
    found.extend(_attachment_problems(contribution))
    found.extend(_patients(contribution, tables))
    measured, doubts = sampled(contribution, tables)
    found.extend(doubts)
    cells = sum(table.frame.height * table.frame.width for table in tables.values())
    return CheckReport(contribution, tables, _frame(found), cells + measured.cells, measured)


def _frame(found: list[Problem | pl.DataFrame]) -> pl.DataFrame:
    singles = [
        (p.severity, p.file, p.row, p.column, p.value_class, p.rule, p.fix)
        for p in found
        if isinstance(p, Problem)
    ]
    frames = [p for p in found if isinstance(p, pl.DataFrame)]
    first = pl.DataFrame(singles, schema=PROBLEMS, orient="row")
    return pl.concat([first, *frames]).sort("severity", "file", "column", "row", "rule")


def _rows(
    table: RawTable, where: pl.Series, column: str, severity: Severity, rule: str, fix: str
) -> pl.DataFrame:
    """One problem per marked row of one column."""
    text = table.frame[column] if column in table.frame.columns else pl.Series([""]).clear()
    return (
        pl.DataFrame({"text": text, "bad": where})
        .with_row_index("index")
        .filter("bad")
        .select(
            pl.lit(severity.value).alias("severity"),
            pl.lit(table.path.name).alias("file"),
            (pl.col("index").cast(pl.Int64) + table.row_number(0)).alias("row"),
            pl.lit(column).alias("column"),
            value_class(pl.col("text")).alias("value_class"),
            pl.lit(rule).alias("rule"),
            pl.lit(fix).alias("fix"),
        )
    )


def _defects(table: RawTable) -> Iterator[Problem]:
    for defect in table.defects:
        yield Problem(
            Severity.NOTE if defect.kind.is_notice else Severity.ERROR,
            table.path.name,
            defect.row or 0,
            defect.column or "",
            "",
            f"the file is well formed: {defect.kind}",
            defect.message,
        )


def _declared(contribution: Contribution, name: str, table: RawTable) -> Iterator[Problem]:
    declared = contribution.dictionary.columns(name)
    patterns = [column for column in declared if EVERY in column]
    for column in table.frame.columns:
        if column not in declared and not any(fnmatchcase(column, p) for p in patterns):
            fix = "add a line for it to the dictionary; `status` unmapped with a `note` will do"
            yield whole(
                Severity.ERROR, table.path.name, column, "every column is in the dictionary", fix
            )
    for column in declared:
        if column not in table.frame.columns and column not in patterns:
            fix = "correct the spelling in the dictionary, or take its line out"
            rule = "every column of the dictionary is in the file"
            yield whole(Severity.ERROR, table.path.name, column, rule, fix)
    if contribution.dictionary.patient_column(name) is None:
        fix = f"give one column of {name!r} the role {Role.PATIENT.value!r}"
        yield whole(Severity.ERROR, table.path.name, "", "every table names its patients", fix)


def _cell_problems(
    contribution: Contribution, name: str, table: RawTable
) -> Iterator[pl.DataFrame | Problem]:
    decimal = table.layout.decimal or "."
    seen: set[str] = set()
    for entry in contribution.dictionary.of(name):
        if entry.column not in table.frame.columns or entry.column in seen:
            continue
        seen.add(entry.column)
        wrong = parse(table.frame[entry.column], entry, decimal).wrong
        if not wrong.any():
            continue
        rule, fix = _cell_rule(entry)
        yield _rows(table, wrong, entry.column, Severity.WARNING, rule, fix)
        share = wrong.sum() / max(1, table.frame.height)
        if share > WRONG_SHARE and entry.element:
            yield whole(
                Severity.ERROR,
                table.path.name,
                entry.column,
                f"at most {WRONG_SHARE:.0%} of a mapped column's cells contradict the dictionary",
                f"{share:.0%} do: correct the type, the permitted values or the missing codes",
            )


def _suspicious(
    contribution: Contribution, name: str, table: RawTable, catalogue: Catalogue
) -> Iterator[pl.DataFrame]:
    """Columns whose cells are suspicious together."""
    seen: set[str] = set()
    for entry in contribution.dictionary.of(name):
        if entry.column not in table.frame.columns or entry.column in seen:
            continue
        doubts = list(_doubts(table, entry, catalogue))
        seen |= {entry.column} if doubts else set()
        for one in doubts:
            yield _rows(table, one.cells, entry.column, Severity.WARNING, one.rule, one.fix)


def _doubts(table: RawTable, entry: Entry, catalogue: Catalogue) -> Iterator[Suspicion]:
    """What is suspicious about the cells of one column, as one line of the dictionary has it."""
    cells = table.frame[entry.column]
    if entry.type is ColumnType.DATE:
        yield from day_numbers(cells)
    if not entry.element or entry.status is not Status.CONFIRMED or entry.element not in catalogue:
        return
    if entry.element == "variant_assembly":
        meant = {text: code for text, code in entry.value_map.items() if code}
        yield from assemblies(cells.str.strip_chars().replace(meant))
    if entry.type in {ColumnType.INTEGER, ColumnType.NUMBER}:
        numbers = parse(cells, entry, table.layout.decimal or ".").values
        yield from suspicions(numbers, catalogue[entry.element], entry.unit)


def _cell_rule(entry: Entry) -> tuple[str, str]:
    if entry.values:
        allowed = ", ".join(entry.values)
        return f"one of: {allowed}", "correct the cell, or declare the value in the dictionary"
    kinds = {
        ColumnType.INTEGER: "a whole number",
        ColumnType.NUMBER: "a finite number",
        ColumnType.DATE: "a date as YYYY-MM-DD",
    }
    return kinds.get(entry.type, "text"), "correct the cell, or declare its text as a missing code"


def _entry_problems(contribution: Contribution, catalogue: Catalogue) -> Iterator[Problem]:
    for entry in contribution.dictionary:
        file = (
            contribution.tables[entry.table][0].name if entry.table in contribution.tables else ""
        )
        if not file:
            rule = "every table of the dictionary is listed in contribution.yaml"
            yield whole(Severity.ERROR, entry.table, entry.column, rule, "add it under `tables:`")
            continue
        if entry.at and not _is_time(contribution, entry):
            rule = f"the column of its day, {entry.at!r}, is a date or a number of days"
            fix = "correct `at`, or give that column the type date or integer in the dictionary"
            yield whole(Severity.ERROR, file, entry.column, rule, fix)
        if entry.condition and not _is_declared(contribution, entry.table, entry.condition):
            rule = f"the column of its condition, {entry.where!r}, lists these values"
            fix = "write COLUMN=value, a column of the same table and a value that it lists"
            yield whole(Severity.ERROR, file, entry.column, rule, fix)
        for severity, rule, fix in _entry_rules(entry, catalogue):
            yield whole(severity, file, entry.column, rule, fix)


def _is_declared(contribution: Contribution, table: str, condition: Condition) -> bool:
    """Whether the column of a condition is in the dictionary and may hold its texts."""
    declared = [e for e in contribution.dictionary.of(table) if e.column == condition.column]
    listed = {value for entry in declared for value in entry.values}
    return bool(declared) and (not listed or listed.issuperset(condition.texts))


def _is_time(contribution: Contribution, entry: Entry) -> bool:
    """Whether the column an entry's day stands in can hold days or dates."""
    times = {ColumnType.DATE, ColumnType.INTEGER, ColumnType.NUMBER}
    declared = contribution.dictionary.of(entry.table)
    return any(other.column == entry.at and other.type in times for other in declared)


def _entry_rules(entry: Entry, catalogue: Catalogue) -> Iterator[tuple[Severity, str, str]]:
    if entry.role is Role.DIRECT:
        yield (
            Severity.ERROR,
            "no direct identifier leaves the partner",
            "take the column out of the file; identities go to the trusted third party alone",
        )
    if entry.status is Status.SUGGESTED:
        yield (
            Severity.WARNING,
            "a person has confirmed the mapping",
            "set `status` to confirmed, or to unmapped with a note; until then it is not used",
        )
    if EVERY in entry.column and entry.status is not Status.UNMAPPED:
        fix = "set `status` to unmapped, or write one line for each column"
        yield Severity.ERROR, "a pattern of columns is unmapped", fix
    if entry.status is Status.UNMAPPED and not entry.note:
        fix = "write the reason into `note`"
        yield Severity.ERROR, "an unmapped column says why", fix
    if entry.type is ColumnType.DATE and entry.unit not in DATE_FORMS:
        fix = f"write one of: {', '.join(filter(None, DATE_FORMS))}"
        yield Severity.ERROR, "the form of a date is one that haemony reads", fix
    if entry.status is not Status.CONFIRMED or entry.role in {Role.PATIENT, Role.DIRECT}:
        return
    if not entry.element:
        fix = "name its element, or set `status` to unmapped and say why"
        yield Severity.ERROR, "a confirmed column feeds an element", fix
    elif entry.element not in catalogue:
        fix = "`haemony elements` lists the names"
        yield Severity.ERROR, f"the catalogue holds the element {entry.element!r}", fix
    else:
        yield from _mapping_rules(entry, catalogue[entry.element])


def _mapping_rules(entry: Entry, element: Element) -> Iterator[tuple[Severity, str, str]]:
    numeric = entry.type in {ColumnType.INTEGER, ColumnType.NUMBER}
    if element.type is ValueType.DAY:
        numeric = numeric or entry.type is ColumnType.DATE
    if element.type.is_numeric and not numeric:
        yield Severity.ERROR, f"{element.name} takes numbers", "correct the column's type"
    has_unit = element.unit and element.type.is_numeric and entry.type is not ColumnType.DATE
    if has_unit and entry.unit not in element.units:
        fix = f"write one of: {', '.join(element.units)}"
        yield Severity.ERROR, f"the unit of {element.name} can be converted", fix
    if element.codes:
        unknown = sorted(set(entry.value_map.values()) - set(element.codes) - {""})
        if unknown:
            fix = f"{', '.join(unknown)} is none of: {', '.join(element.codes)}"
            yield Severity.ERROR, f"value_map gives values of {element.name}", fix
        unmapped = sorted(set(entry.values) - set(entry.value_map))
        if unmapped:
            fix = "complete value_map (`code=` with nothing after it sets a value aside)"
            yield Severity.ERROR, "every permitted value is mapped", fix
    if element.identifying is Identifying.PATIENT:
        yield Severity.ERROR, "patient numbers have a role, not an element", "empty `element`"


def _origin_problems(contribution: Contribution) -> Iterator[Problem]:
    """Where day 0 is a date, the patient table has it, and dates can be counted from it."""
    file = contribution.tables[contribution.patients][0].name
    column = contribution.origin_column
    if column:
        entries = [
            e for e in contribution.dictionary.of(contribution.patients) if e.column == column
        ]
        if not any(entry.type is ColumnType.DATE for entry in entries):
            fix = f"give {column!r} the type date in the dictionary, or correct timeline.column"
            rule = "the column of day 0 is a date of the patient table"
            yield whole(Severity.ERROR, file, column, rule, fix)
        return
    for entry in contribution.dictionary.mapped():
        if entry.type is ColumnType.DATE:
            fix = "name the date of day 0 under timeline.column in contribution.yaml"
            yield whole(Severity.ERROR, file, entry.column, "dates are counted from day 0", fix)


def _diagnosis_problems(contribution: Contribution, catalogue: Catalogue) -> Iterator[Problem]:
    """The diagnosis of a whole contribution is one that the catalogue holds."""
    known = catalogue[DIAGNOSIS].codes
    if contribution.diagnosis and contribution.diagnosis not in known:
        near = get_close_matches(contribution.diagnosis, known, n=3) or known
        fix = f"write one of: {', '.join(near)}"
        yield whole(Severity.ERROR, DESCRIPTION, "", "the diagnosis is in the catalogue", fix)


def _attachment_problems(contribution: Contribution) -> Iterator[Problem]:
    for attachment in contribution.attachments:
        name = attachment.path.name
        if not attachment.path.is_file() or not attachment.path.stat().st_size:
            rule = "every attachment is there and not empty"
            yield whole(Severity.ERROR, name, "", rule, "add the file, or take it out of the list")
        else:
            fix = f"{attachment.kind} has no table in the lake yet; its hash is kept"
            yield whole(Severity.NOTE, name, "", "attachments are received, not harmonised", fix)


def _patients(contribution: Contribution, tables: dict[str, RawTable]) -> Iterator[pl.DataFrame]:
    """Keys, duplicates, and patients in one table and not in another."""
    dictionary = contribution.dictionary
    ids = {
        name: dictionary.patients(name, table.frame)
        for name, table in tables.items()
        if (column := dictionary.patient_column(name)) in table.frame.columns and column
    }
    for name, patients in ids.items():
        column = dictionary.patient_column(name) or ""
        rule, fix = "every row names its patient", "fill the cell in; the row is kept aside"
        yield _rows(tables[name], patients.is_null(), column, Severity.WARNING, rule, fix)
    master = ids.get(contribution.patients)
    if master is None:
        return
    if not master.len():
        file = tables[contribution.patients].path.name
        yield _frame([whole(Severity.ERROR, file, "", "the patient table has rows", "add them")])
    column = dictionary.patient_column(contribution.patients) or ""
    yield from _twice(contribution, tables[contribution.patients], master, column)
    master_file = tables[contribution.patients].path.name
    for name, patients in ids.items():
        if name != contribution.patients:
            column = dictionary.patient_column(name) or ""
            yield _absent(tables[name], patients, master)
            yield _strays(tables[name], column, patients, master, master_file)


def _twice(
    contribution: Contribution, table: RawTable, master: pl.Series, column: str
) -> Iterator[pl.DataFrame]:
    """Patients with several rows in the patient table; a table of calls may have many of each."""
    mapped = contribution.dictionary.mapped(contribution.patients)
    if any(entry.element.startswith(RECORDS_OF_MANY) for entry in mapped):
        return
    twice = master.is_duplicated() & master.is_not_null()
    repeated = master.len() - master.null_count() - master.drop_nulls().n_unique()
    file = table.path.name
    if contribution.samples:
        rule = f"{repeated:,} rows are further samples of a patient"
        fix = "the first sample's values are used, others that differ are kept aside"
        yield _frame([whole(Severity.NOTE, file, column, rule, fix)] if repeated else [])
        return
    rule, fix = "one row per patient", "merge the rows; until then the first row's values are used"
    yield _rows(table, twice, column, Severity.WARNING, rule, fix)
    if repeated > WRONG_SHARE * master.len():
        rule = f"at most {WRONG_SHARE:.0%} of the rows repeat a patient"
        fix = "merge the rows, name another table under `patients`, or say `rows: samples`"
        yield _frame([whole(Severity.ERROR, file, column, rule, fix)])


def _strays(
    table: RawTable, column: str, patients: pl.Series, master: pl.Series, master_file: str
) -> pl.DataFrame:
    """Rows of patients whom the patient table does not know."""
    stray = ~patients.is_in(master.to_list()) & patients.is_not_null()
    rule = f"the patient has a row in {master_file}"
    fix = "add the patient there; until then the row is kept aside"
    return _rows(table, stray, column, Severity.WARNING, rule, fix)


def _absent(table: RawTable, patients: pl.Series, master: pl.Series) -> pl.DataFrame:
    """How many patients of the patient table have no row here."""
    known = master.drop_nulls().unique()
    absent = known.len() - int(known.is_in(patients.implode()).sum())
    rule = f"{absent:,} of {known.len():,} patients have no row in this file"
    note = whole(Severity.NOTE, table.path.name, "", rule, "expected, or ask the source")
    return _frame([note] if absent else [])
