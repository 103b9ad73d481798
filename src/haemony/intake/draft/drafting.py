"""From tables as they were read to a first dictionary; nothing in it is more than a suggestion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from haemony.intake.dictionary import ColumnType, Entry, Role, Status
from haemony.intake.draft import identity
from haemony.intake.draft.column import Column, look_at
from haemony.intake.draft.evidence import is_medical
from haemony.intake.draft.identity import Suspicion
from haemony.intake.draft.knowledge import unit_of
from haemony.intake.draft.memory import NOTHING, Memory
from haemony.intake.draft.pairs import WAITS, came, pairs
from haemony.intake.draft.suggest import ENOUGH, Known, Suggestion, rank
from haemony.intake.readers import RawTable
from haemony.model.element import Catalogue, Identifying, ValueType

_ROLES = {
    Identifying.QUASI: Role.QUASI,
    Identifying.SENSITIVE: Role.SENSITIVE,
    Identifying.OTHER: Role.SENSITIVE,
}


@dataclass(frozen=True, slots=True)
class DraftedColumn:
    """One line of the drafted dictionary with all suggestions for it, best first."""

    entry: Entry
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True)
class DraftedTable:
    """One table of the draft.

    Attributes:
        name: Its name in the contribution.
        raw: The table as it was read.
        columns: Its drafted columns, in file order.
        one_row_per_patient: Whether its patient column has each patient once.
    """

    name: str
    raw: RawTable
    columns: tuple[DraftedColumn, ...]
    one_row_per_patient: bool


@dataclass(frozen=True)
class Draft:
    """A first dictionary of some files.

    Attributes:
        tables: Its tables, in the order given.
    """

    tables: tuple[DraftedTable, ...]

    @property
    def patients(self) -> str:
        """The table that most likely has one row per patient; empty if none seems to."""
        one_each = [table for table in self.tables if table.one_row_per_patient]
        widest = max(one_each, key=lambda table: len(table.columns), default=None)
        return widest.name if widest else ""

    @property
    def columns(self) -> tuple[DraftedColumn, ...]:
        """The columns of all tables."""
        return tuple(column for table in self.tables for column in table.columns)


def draft(tables: Sequence[RawTable], catalogue: Catalogue, memory: Memory = NOTHING) -> Draft:
    """Draft a dictionary.

    Args:
        tables: Tables as they were read.
        catalogue: The elements their columns may feed.
        memory: What contributions before have taught.

    Returns:
        A line for every column. Every line has the status *suggested*: nothing is used before a
        person confirms it. Columns suspected to identify people show none of their values.

    Example:
        >>> import polars as pl
        >>> from pathlib import Path
        >>> from haemony.intake.readers import Layout, RawTable
        >>> from haemony.model.disease import disease
        >>> frame = pl.DataFrame({"Pat-ID": ["P1", "P2"], "Leukozyten (G/l)": ["3.1", "88"]})
        >>> raw = RawTable("klinik", Path("klinik.csv"), frame, Layout())
        >>> patient, wbc = draft([raw], disease("aml").catalogue).columns
        >>> patient.entry.role.value, wbc.entry.element, wbc.entry.unit
        ('patient identifier', 'wbc', '10*9/L')
    """
    names = _names(tables)
    looked = {
        name: _with_units([look_at(raw, column, name) for column in raw.frame.columns])
        for name, raw in zip(names, tables, strict=True)
    }
    patients = identity.patient_columns(looked)
    known = Known(catalogue, memory)
    return Draft(
        tuple(
            _table(name, raw, looked[name], patients.get(name), known)
            for name, raw in zip(names, tables, strict=True)
        )
    )


def _names(tables: Sequence[RawTable]) -> list[str]:
    """A name for every table: short, in small letters, and no two alike."""
    names: list[str] = []
    for raw in tables:
        name = re.sub(r"[^a-z0-9]+", "_", raw.name.lower()).strip("_") or "table"
        alike = sum(other == name or other.startswith(f"{name}_") for other in names)
        names.append(f"{name}_{alike + 1}" if name in names else name)
    return names


def _with_units(columns: list[Column]) -> list[Column]:
    """Give columns the unit that a unit column beside them states in all rows."""
    units = {
        column.name: unit
        for column in columns
        if column.distinct == 1 and (unit := unit_of(str(column.texts[0])))
    }
    return [_with_unit(column, units) for column in columns]


def _with_unit(column: Column, units: Mapping[str, str]) -> Column:
    for name, unit in units.items():
        if name != column.name and _is_unit_of(name, column.name):
            return replace(column, unit=unit, unit_why=f"{name} says {unit} in all rows")
        if name == column.name:
            return replace(column, notes=(*column.notes, f"a unit column: {unit}"))
    return column


def _is_unit_of(unit_column: str, column: str) -> bool:
    one, other = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (unit_column, column))
    rest = one.removeprefix(other) if other else one
    return rest in {"u", "unit", "units", "einheit", "uom"}


def _table(
    name: str,
    raw: RawTable,
    columns: Sequence[Column],
    patient: Column | None,
    known: Known,
) -> DraftedTable:
    suspicions = [_suspicion(column, columns, patient) for column in columns]
    open_ = [
        column
        for column, suspicion in zip(columns, suspicions, strict=True)
        if not (suspicion and suspicion.hides)
    ]
    suggested = rank(open_, known)
    ranked = dict(zip([column.name for column in open_], suggested, strict=True))
    twins = _twins(open_)
    beside = pairs(open_)
    drafted = tuple(
        _conditional(
            _column(column, suspicion, ranked.get(column.name, ()), twins, known.catalogue),
            beside.get(column.name),
            known.catalogue,
        )
        for column, suspicion in zip(columns, suspicions, strict=True)
    )
    return DraftedTable(name, raw, drafted, bool(patient and patient.is_unique))


def _suspicion(
    column: Column, columns: Sequence[Column], patient: Column | None
) -> Suspicion | None:
    if column is patient:
        how = "each value once" if column.is_unique else "several rows per value"
        return Suspicion(Role.PATIENT, f"seems to name the patient: {how}")
    medical = is_medical(column)
    found = (
        identity.direct(column, medical=medical)
        or identity.early_dates(column, columns)
        or identity.early_years(column, columns)
    )
    if found is None and identity.looks_like_patient(column):
        return Suspicion(
            Role.DIRECT, "seems to name the patient or the sample a second time; take it out"
        )
    return found or identity.quasi(column)


def _twins(columns: Sequence[Column]) -> dict[str, str]:
    """Columns whose cells repeat an earlier column in every row."""
    seen: dict[tuple[int, int], Column] = {}
    twins = {}
    for column in columns:
        key = column.texts.len(), hash(tuple(column.texts.head(50).to_list()))
        earlier = seen.setdefault(key, column)
        if earlier is not column and column.distinct > 2 and earlier.texts.equals(column.texts):
            twins[column.name] = earlier.name
    return twins


def _column(
    column: Column,
    suspicion: Suspicion | None,
    suggestions: tuple[Suggestion, ...],
    twins: Mapping[str, str],
    catalogue: Catalogue,
) -> DraftedColumn:
    if suspicion and suspicion.hides:
        return DraftedColumn(_hidden(column, suspicion), ())
    best = suggestions[0] if suggestions and suggestions[0].score >= ENOUGH else None
    notes = list(column.notes)
    if suspicion:
        notes.append(suspicion.why)
    if column.name in twins:
        notes.append(f"repeats {twins[column.name]} in all rows")
    if best:
        said = "; ".join(best.evidence)
        notes.insert(0, f"suggested {best.element} ({best.score:.2f}): {said}")
    else:
        notes.insert(0, "no element suggested: name one, or set status to unmapped and say why")
    role = suspicion.role if suspicion else Role.OTHER
    if best and role is Role.OTHER:
        role = _ROLES.get(catalogue[best.element].identifying, Role.OTHER)
    entry = Entry(
        table=column.table,
        column=column.name,
        label=column.label,
        type=column.type,
        unit=(best.unit if best and best.unit else column.unit),
        values=column.values,
        missing=column.missing,
        role=role,
        element=best.element if best else "",
        value_map=best.value_map if best else {},
        status=Status.SUGGESTED,
        note="; ".join(notes),
    )
    return DraftedColumn(entry, suggestions)


def _conditional(
    drafted: DraftedColumn, state: Column | None, catalogue: Catalogue
) -> DraftedColumn:
    """Let the time of an event speak only where the column beside it says that the event came."""
    entry = drafted.entry
    if not entry.element or entry.element in WAITS or state is None or "=" in state.name:
        return drafted
    value = came(state)
    if catalogue[entry.element].type is not ValueType.DAY or not value:
        return drafted
    where = f"{state.name}={value}"
    note = f"{entry.note}; taken as a time only where {where}: confirm it, or empty `where`"
    return replace(drafted, entry=replace(entry, where=where, note=note))


def _hidden(column: Column, suspicion: Suspicion) -> Entry:
    """A line that shows nothing of the cells, not even their type beyond text or date."""
    kind = ColumnType.DATE if column.type is ColumnType.DATE else ColumnType.TEXT
    note = suspicion.why
    if suspicion.role is Role.DIRECT:
        note += "; take the column out of the file, or correct the role if this is wrong"
    return Entry(
        table=column.table,
        column=column.name,
        label=column.label,
        type=kind,
        role=suspicion.role,
        status=Status.SUGGESTED,
        note=note,
    )
