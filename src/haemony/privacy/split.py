"""At the partner: one checked contribution becomes identities and payload, tied by random tokens.

This is the only place that sees patient numbers, names of centres and calendar dates. Cells of a
typed column that its dictionary does not allow are blacked out, so that a name in the wrong column
does not travel; their place is kept, and the platform counts them as what they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from haemony.intake.cells import parse
from haemony.intake.check import CheckReport
from haemony.intake.contribution import Contribution
from haemony.intake.dictionary import ColumnType, Entry, Role
from haemony.model.errors import HaemonyError, RefusedByPolicy
from haemony.privacy.identities import Identities
from haemony.privacy.linkage import Encodings, Identity, LinkageKey, encode
from haemony.privacy.omics import profiles
from haemony.privacy.payload import ROW, SET_ASIDE, TOKEN, Payload, Table
from haemony.privacy.pseudonyms import SiteKey
from haemony.privacy.timeline import UNREADABLE, as_days, count_days, in_days, origins

TOKEN_BYTES = 16
CENTRE = "centre"
AWAITS = "a person has confirmed the mapping"
SAME_NUMBERS = 0.5
"""From this share on, cells that equal their patient's number are no chance."""

_NUMERIC = {ColumnType.INTEGER, ColumnType.NUMBER}


class DirectIdentifier(RefusedByPolicy):
    """A contribution still carries a column that names people."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"direct identifiers never leave the partner, and {', '.join(columns)} "
            "is declared as one; take it out of the file and the dictionary, then try again"
        )


class NumbersFound(RefusedByPolicy):
    """A mapped column repeats the patient numbers."""

    def __init__(self, table: str, column: str, cells: int) -> None:
        self.table, self.column, self.cells = table, column, cells
        super().__init__(
            f"nothing is sealed: {cells} cells of {table}.{column} are the patient's own number; "
            "take the column out, or correct what the dictionary maps it to"
        )


class NotSound(HaemonyError):
    """A contribution with blocking findings cannot be admitted."""

    def __init__(self, contribution: str, errors: int, first: str) -> None:
        self.contribution, self.errors = contribution, errors
        super().__init__(
            f"{contribution} has {errors} blocking finding{'s' * (errors > 1)}, first: {first}; "
            "`haemony contribution check` lists all of them with the way to mend each"
        )


@dataclass(frozen=True)
class People:
    """Who the patients of a partner are, and the key under which that is encoded.

    Attributes:
        known: Identity by patient number; patients without one are encoded as unknown.
        key: The key that the partners of the linkage share.
    """

    known: Mapping[str, Identity]
    key: LinkageKey

    def covers(self, patients: Sequence[str]) -> bool:
        """Whether any of these patients is known here."""
        return any(patient in self.known for patient in patients)

    def encoded(self, patients: Sequence[str]) -> Encodings:
        """The encodings of patients, in the order asked for."""
        return encode([self.known.get(patient, Identity()) for patient in patients], self.key)


@dataclass(frozen=True)
class Split:
    """The two halves of a contribution; only the token stands in both.

    Attributes:
        identities: For the trustee.
        payload: For the platform.
    """

    identities: Identities
    payload: Payload


def draw_token() -> str:
    """A token that nobody can guess and that says nothing: 128 random bits, hexadecimal."""
    return secrets.token_hex(TOKEN_BYTES)


def split(
    checked: CheckReport,
    site: SiteKey,
    former: tuple[SiteKey, ...] = (),
    people: People | None = None,
    draw: Callable[[], str] = draw_token,
) -> Split:
    """Part a contribution into identities and payload.

    Args:
        checked: A contribution whose check found nothing that blocks.
        site: The partner's key.
        former: Keys that the partner has replaced.
        people: Who the patients are, to be encoded for linkage; nothing unless given.
        draw: Where tokens come from.

    Raises:
        DirectIdentifier: When the dictionary declares a direct identifier.
        NotSound: When the check found anything that blocks.
    """
    contribution = checked.contribution
    _refuse(checked)
    tokens = {patient: draw() for patient in patients_of(checked)}
    identities = Identities(
        {token: site.pseudonym(patient) for patient, token in tokens.items()},
        {token: tuple(old.pseudonym(p) for old in former) for p, token in tokens.items() if former},
        people.encoded(sorted(tokens, key=lambda patient: tokens[patient])) if people else None,
    )
    day_zero = origins(checked)
    tables: dict[str, Table] = {}
    aside = [pl.DataFrame(schema=SET_ASIDE)]
    for name in checked.tables:
        tables[name], stray = _by_token(checked, name, tokens, day_zero, site)
        aside.append(stray)
    measured, left = profiles(contribution, checked.sampled, tokens)
    for each in measured:
        _check_probes(each.probes["probe"], tokens, each.file)
    payload = Payload(
        contribution.description,
        site.version(contribution.digest),
        tuple(sorted(tokens.values())),
        tables,
        pl.concat([*aside, left]),
        _rows_in(checked),
        _told(checked),
        measured,
    )
    return Split(identities, payload)


def _rows_in(checked: CheckReport) -> dict[str, int]:
    """Records of every file; of a matrix that is no table, its samples."""
    contribution, sampled = checked.contribution, checked.sampled
    rows: dict[str, int] = {}
    if sampled.expression and contribution.expression:
        rows[contribution.expression.path.name] = sampled.expression.samples.height
    if sampled.segments is not None and contribution.segments:
        rows[contribution.segments.path.name] = sampled.segments.height
    return rows | {raw.path.name: raw.frame.height for raw in checked.tables.values()}


def _told(checked: CheckReport) -> pl.DataFrame:
    """What the check found of columns that travel; rules may list values of the others."""
    mapped = {entry.column for entry in checked.contribution.dictionary.mapped()}
    unlisted = pl.col("rule").str.replace("one of: .*", "one that the dictionary lists")
    about = pl.col("column").is_in([*mapped, ""]) | (pl.col("rule") == AWAITS)
    return checked.problems.filter(about).with_columns(unlisted)


def _refuse(checked: CheckReport) -> None:
    direct = tuple(e.column for e in checked.contribution.dictionary if e.role is Role.DIRECT)
    if direct:
        raise DirectIdentifier(direct)
    if not checked.sound:
        first = checked.problems.filter(pl.col("severity") == "error").row(0, named=True)
        where = " ".join(filter(None, (first["file"], first["column"])))
        raise NotSound(checked.contribution.id, checked.errors, f"{where}: {first['rule']}")


def patients_of(checked: CheckReport) -> list[str]:
    """The patient numbers of the patient table, in its order."""
    contribution = checked.contribution
    frame = checked.tables[contribution.patients].frame
    patients = contribution.dictionary.patients(contribution.patients, frame)
    return patients.drop_nulls().to_list()


def _by_token(
    checked: CheckReport,
    name: str,
    tokens: dict[str, str],
    day_zero: dict[str, object],
    site: SiteKey,
) -> tuple[Table, pl.DataFrame]:
    """One table with tokens for patients, and its rows of patients whom nobody knows."""
    raw, contribution = checked.tables[name], checked.contribution
    column = contribution.dictionary.patient_column(name) or ""
    patients = contribution.dictionary.patients(name, raw.frame)
    known = patients.is_in(list(tokens)).fill_null(value=False)
    entries = contribution.dictionary.mapped(name)
    columns = {column for entry in entries for column in entry.needs}
    numbered = raw.frame.with_row_index(ROW).with_columns(
        pl.col(ROW).cast(pl.Int64) + raw.row_number(0)
    )
    decimal = raw.layout.decimal or "."
    shipped = numbered.with_columns(
        _blacked_out(numbered, contribution, name, c, decimal) for c in sorted(columns)
    ).with_columns(count_days(checked, name, patients, day_zero))
    times = {entry.at for entry in entries if entry.at} - {entry.column for entry in entries}
    shipped = shipped.with_columns(in_days(checked, name, times))
    frame = shipped.filter(known).select(
        patients.filter(known).replace_strict(tokens, return_dtype=pl.String).alias(TOKEN),
        ROW,
        *sorted(columns & set(raw.frame.columns)),
    )
    hidden, entries = _hide_centres(frame, entries, site)
    _check_numbers(hidden, patients.filter(known), name)
    stray = numbered.filter(~known).select(
        pl.lit("protect").alias("stage"),
        pl.lit(raw.path.name).alias("file"),
        pl.col(ROW).alias("row"),
        pl.lit(column).alias("column"),
        pl.lit("").alias("element"),
        pl.when(patients.filter(~known).is_null())
        .then(pl.lit("the row names no patient"))
        .otherwise(pl.lit("the patient has no row in the patient table"))
        .alias("reason"),
    )
    said = tuple(_bare(entry) for entry in as_days(entries))
    return Table(name, raw.path.name, hidden, said, decimal), stray.cast(SET_ASIDE)


def _blacked_out(
    frame: pl.DataFrame, contribution: Contribution, table: str, column: str, decimal: str
) -> pl.Series:
    """A column without the cells that no line of the dictionary allows."""
    texts = frame[column]
    declared = [entry for entry in contribution.dictionary.of(table) if entry.column == column]
    if not all(entry.values or entry.type in _NUMERIC for entry in declared):
        return texts
    wrong = [parse(texts, entry, decimal).wrong for entry in declared]
    return pl.select(
        pl.when(pl.all_horizontal(wrong)).then(pl.lit(UNREADABLE)).otherwise(texts).alias(column)
    ).to_series()


def _hide_centres(
    frame: pl.DataFrame, entries: tuple[Entry, ...], site: SiteKey
) -> tuple[pl.DataFrame, tuple[Entry, ...]]:
    """Replace the names of treatment centres by pseudonyms, in the cells and in the dictionary."""
    hidden: dict[str, dict[str, str | None]] = {}
    said = []
    for entry in entries:
        if entry.element != CENTRE:
            said.append(entry)
            continue
        names = {*frame[entry.column].drop_nulls().unique(), *entry.values} - {UNREADABLE}
        told: dict[str, str | None] = {name: site.centre(name) for name in names}
        hidden[entry.column] = told | dict.fromkeys(entry.missing)
        kept = {site.centre(name): "" for name in entry.values}
        said.append(replace(entry, values=kept, value_map={}, missing=()))
    frame = frame.with_columns(pl.col(name).replace(names) for name, names in hidden.items())
    return frame, tuple(said)


def _bare(entry: Entry) -> Entry:
    """What the platform needs of a dictionary line: no label, no note, no meaning in words."""
    return replace(entry, label="", note="", values=dict.fromkeys(entry.values, ""))


def _check_numbers(frame: pl.DataFrame, patients: pl.Series, table: str) -> None:
    """Refuse a column that repeats the patient numbers: the partner knows them, and so can tell.

    Raises:
        NumbersFound: With the column.
    """
    for column in frame.drop(TOKEN, ROW).get_columns():
        cells = column.str.strip_chars()
        same = int((cells == patients).sum())
        if same >= SAME_NUMBERS * max(int(cells.is_not_null().sum()), 1):
            raise NumbersFound(table, column.name, same)


def _check_probes(probes: pl.Series, tokens: Mapping[str, str], file: str) -> None:
    """Refuse a matrix whose probes are patients: it lies on its other side.

    Raises:
        NumbersFound: With the file.
    """
    same = int(probes.is_in(list(tokens)).sum())
    if same >= SAME_NUMBERS * max(min(probes.len(), len(tokens)), 1):
        raise NumbersFound(file, "the names of its probes", same)
