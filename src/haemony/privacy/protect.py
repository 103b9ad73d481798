"""Protect: patient numbers become persons, direct identifiers are refused, sites become pseudonyms.

What comes out holds no patient number and no column the dictionary did not map. Rows that name no
patient, or one without a row in the patient table, are kept aside with the reason.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from haemony.intake.check import CheckReport
from haemony.intake.contribution import Contribution
from haemony.intake.dictionary import Entry, Role
from haemony.model.errors import HaemonyError, RefusedByPolicy
from haemony.privacy.pseudonyms import Partner, Trustee, person_id
from haemony.privacy.timeline import as_days, count_days, origins

PERSON = "person_id"
ROW = "source_row"
ANCHOR = "anchor"

EPOCH = date(2000, 1, 1)
SHIFT_DAYS = 730
"""Day 0 of every patient lies at a secret place within this many days of the epoch."""

SET_ASIDE = pl.Schema(
    {
        "stage": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "element": pl.String,
        "reason": pl.String,
    }
)
"""One kept-aside row or value: where it stands in the source, and why it was not used."""


class DirectIdentifier(RefusedByPolicy):
    """A contribution still carries a column that names people."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"direct identifiers never leave the partner, and {', '.join(columns)} "
            "is declared as one; take it out of the file and the dictionary, then try again"
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
class ProtectedTable:
    """One table without patient numbers.

    Attributes:
        name: Its name in the contribution.
        file: The file it came from.
        frame: ``person_id``, ``source_row``, and the mapped columns as exact text; dates as days.
        entries: What these columns mean and feed.
        decimal: Decimal mark of its numbers.
    """

    name: str
    file: str
    frame: pl.DataFrame
    entries: tuple[Entry, ...]
    decimal: str


@dataclass(frozen=True)
class Protected:
    """A contribution that no longer says who its patients are.

    Attributes:
        contribution: What it came from.
        anchors: ``person_id`` and ``anchor``, the shifted date of day 0, sorted by person.
        tables: Its tables, by name.
        set_aside: Rows kept aside, columns as in :data:`SET_ASIDE`.
        rows_in: Rows read, by file.
        problems: What the check found.
    """

    contribution: Contribution
    anchors: pl.DataFrame
    tables: Mapping[str, ProtectedTable]
    set_aside: pl.DataFrame
    rows_in: Mapping[str, int]
    problems: pl.DataFrame


def protect(
    checked: CheckReport,
    *,
    partner: Partner,
    trustee: Trustee,
    shift_key: bytes,
    withdrawn: Collection[int] = (),
) -> Protected:
    """Replace identities by pseudonyms under two keys, and dates by a shifted timeline.

    Args:
        checked: A contribution whose check found nothing that blocks.
        partner: Derives site pseudonyms.
        trustee: Derives patient keys.
        shift_key: Secret of the platform from which each person's day 0 is placed.
        withdrawn: Persons who have left; their rows are kept aside.

    Raises:
        DirectIdentifier: When the dictionary declares a direct identifier.
        NotSound: When the check found anything that blocks.
    """
    contribution = checked.contribution
    _refuse(checked)
    everyone = _persons(checked, partner, trustee)
    persons = {patient: person for patient, person in everyone.items() if person not in withdrawn}
    left = everyone.keys() - persons.keys()
    day_zero = origins(checked)
    tables: dict[str, ProtectedTable] = {}
    aside: list[pl.DataFrame] = []
    for name, raw in checked.tables.items():
        column = contribution.dictionary.patient_column(name) or ""
        patients = raw.frame[column].str.strip_chars()
        kept = patients.is_in(list(persons)).fill_null(value=False)
        gone = patients.is_in(list(left)).fill_null(value=False)
        numbered = raw.frame.with_row_index(ROW).with_columns(
            pl.col(ROW).cast(pl.Int64) + raw.row_number(0)
        )
        stray, lost = numbered.filter(~kept & ~gone), numbered.filter(gone)
        aside.append(
            _aside(raw.path.name, column, stray, "the patient has no row in the patient table")
        )
        aside.append(_aside(raw.path.name, column, lost, "the patient has withdrawn"))
        entries = contribution.dictionary.mapped(name)
        columns = {entry.column for entry in entries} | {entry.at for entry in entries if entry.at}
        dated = numbered.with_columns(count_days(checked, name, patients, day_zero))
        frame = dated.filter(kept).select(
            patients.filter(kept).replace_strict(persons, return_dtype=pl.Int64).alias(PERSON),
            ROW,
            *sorted(columns & set(raw.frame.columns)),
        )
        tables[name] = ProtectedTable(
            name,
            raw.path.name,
            _hide_sites(frame, contribution, name, partner),
            as_days(entries),
            raw.layout.decimal or ".",
        )
    return Protected(
        contribution,
        _anchors(sorted(persons.values()), shift_key),
        tables,
        pl.concat(aside),
        {raw.path.name: raw.frame.height for raw in checked.tables.values()},
        checked.problems,
    )


def _refuse(checked: CheckReport) -> None:
    direct = tuple(e.column for e in checked.contribution.dictionary if e.role is Role.DIRECT)
    if direct:
        raise DirectIdentifier(direct)
    if not checked.sound:
        first = checked.problems.filter(pl.col("severity") == "error").row(0, named=True)
        where = " ".join(filter(None, (first["file"], first["column"])))
        raise NotSound(checked.contribution.id, checked.errors, f"{where}: {first['rule']}")


def _master(checked: CheckReport) -> list[str]:
    contribution = checked.contribution
    column = contribution.dictionary.patient_column(contribution.patients) or ""
    patients = checked.tables[contribution.patients].frame[column].str.strip_chars()
    return [patient for patient in patients.to_list() if patient]


def _persons(checked: CheckReport, partner: Partner, trustee: Trustee) -> dict[str, int]:
    return {
        patient: person_id(trustee.key_for(partner.name, partner.pseudonym_for(patient)))
        for patient in _master(checked)
    }


def _anchors(persons: list[int], shift_key: bytes) -> pl.DataFrame:
    """Place day 0 of every person under the platform's secret; it never leaves the platform."""
    anchors = [EPOCH + timedelta(days=_shift(person, shift_key)) for person in persons]
    return pl.DataFrame(
        {PERSON: persons, ANCHOR: anchors}, schema={PERSON: pl.Int64, ANCHOR: pl.Date}
    )


def _shift(person: int, key: bytes) -> int:
    digest = hmac.digest(key, b"haemony/shift/1\0" + person.to_bytes(8, "big"), "sha256")
    return int.from_bytes(digest[:8], "big") % SHIFT_DAYS


def _aside(file: str, column: str, rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.select(
        pl.lit("protect").alias("stage"),
        pl.lit(file).alias("file"),
        pl.col(ROW).alias("row"),
        pl.lit(column).alias("column"),
        pl.lit("").alias("element"),
        pl.lit(reason).alias("reason"),
    ).cast(SET_ASIDE)


def _hide_sites(
    frame: pl.DataFrame, contribution: Contribution, table: str, partner: Partner
) -> pl.DataFrame:
    """Replace the names of treatment centres by pseudonyms under the partner's key."""
    sites = [e for e in contribution.dictionary.mapped(table) if e.element == "centre"]
    return frame.with_columns(
        _site_pseudonyms(frame[entry.column], entry, partner) for entry in sites
    )


def _site_pseudonyms(names: pl.Series, entry: Entry, partner: Partner) -> pl.Series:
    hidden = {
        name: hmac.digest(
            partner.pseudonym_for(f"centre\0{name}"), b"haemony/centre/1", "sha256"
        ).hex()[:12]
        for name in names.unique().drop_nulls().to_list()
        if name not in entry.missing
    }
    return names.replace(hidden)
