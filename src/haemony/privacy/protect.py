"""At the platform: payload and patient keys, joined by token, become persons on a shifted timeline.

What comes out holds no token and no patient key. Rows of patients to whom the trustee gives no key,
and of patients who have withdrawn, are kept aside with the reason.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType

import polars as pl

from haemony.intake.contribution import Description
from haemony.privacy.identities import KeyTable
from haemony.privacy.omics import COLUMN, Profiles
from haemony.privacy.payload import ROW, SET_ASIDE, TOKEN, Payload, Table
from haemony.privacy.pseudonyms import person_id

PERSON = "person_id"
ANCHOR = "anchor"

EPOCH = date(2000, 1, 1)
SHIFT_DAYS = 730
"""Day 0 of every patient lies at a secret place within this many days of the epoch."""


@dataclass(frozen=True)
class Protected:
    """A contribution that no longer says who its patients are.

    Attributes:
        description: What the contribution says of itself.
        digest: Hash of its files under the partner's key: the identity of this version.
        anchors: ``person_id`` and ``anchor``, the shifted date of day 0, sorted by person.
        tables: Its tables, by name.
        set_aside: Rows kept aside, columns as in :data:`~haemony.privacy.payload.SET_ASIDE`.
        rows_in: Rows read, by file.
        problems: What the check found.
        profiles: Its expression matrix and its segments.
    """

    description: Description
    digest: str
    anchors: pl.DataFrame
    tables: Mapping[str, Table]
    set_aside: pl.DataFrame
    rows_in: Mapping[str, int]
    problems: pl.DataFrame
    profiles: tuple[Profiles, ...] = ()


def protect(
    payload: Payload,
    keys: KeyTable,
    *,
    shift_key: bytes,
    withdrawn: Collection[int] = (),
    elsewhere: Mapping[int, str] = MappingProxyType({}),
) -> Protected:
    """Replace tokens by persons, and place every person on a timeline of its own.

    Args:
        payload: What the partner sealed.
        keys: What the trustee answered.
        shift_key: Secret of the platform from which each person's day 0 is placed.
        withdrawn: Persons who have left; their rows are kept aside.
        elsewhere: Persons who came with another contribution, and its id; nobody counts twice, so
            their rows are kept aside as well.
    """
    known = {token: person_id(keys.keys[token]) for token in payload.tokens if token in keys.keys}
    reasons = {
        token: f"the same patient came with {elsewhere[person]}"
        for token, person in known.items()
        if person in elsewhere
    }
    gone = [token for token in payload.tokens if known.get(token) in {None, *withdrawn}]
    reasons |= dict.fromkeys(gone, "the patient has withdrawn")
    persons = {token: person for token, person in known.items() if token not in reasons}
    tables: dict[str, Table] = {}
    aside = [payload.set_aside]
    for name, table in payload.tables.items():
        tables[name] = replace(table, frame=_by_person(table.frame, persons))
        aside.append(_left(table.file, table.frame, reasons))
    profiles = tuple(
        replace(each, frame=_by_person(each.frame, persons)) for each in payload.profiles
    )
    aside += [_left(each.file, each.frame, reasons, each.element) for each in payload.profiles]
    return Protected(
        payload.description,
        payload.digest,
        _anchors(sorted(set(persons.values())), shift_key),
        tables,
        pl.concat(aside),
        payload.rows_in,
        payload.problems,
        profiles,
    )


def _anchors(persons: list[int], shift_key: bytes) -> pl.DataFrame:
    """Place day 0 of every person under the platform's secret; it never leaves the platform."""
    anchors = [EPOCH + timedelta(days=_shift(person, shift_key)) for person in persons]
    return pl.DataFrame(
        {PERSON: persons, ANCHOR: anchors}, schema={PERSON: pl.Int64, ANCHOR: pl.Date}
    )


def _shift(person: int, key: bytes) -> int:
    digest = hmac.digest(key, b"haemony/shift/1\0" + person.to_bytes(8, "big"), "sha256")
    return int.from_bytes(digest[:8], "big") % SHIFT_DAYS


def _by_person(frame: pl.DataFrame, persons: Mapping[str, int]) -> pl.DataFrame:
    """The rows of the persons who stay, under their ids."""
    here = frame.filter(pl.col(TOKEN).is_in(list(persons)))
    person = pl.Series(PERSON, [persons[token] for token in here[TOKEN]], dtype=pl.Int64)
    return here.select(person, pl.exclude(TOKEN))


def _left(
    file: str, frame: pl.DataFrame, reasons: Mapping[str, str], element: str = ""
) -> pl.DataFrame:
    """The rows of those who do not stay, kept aside."""
    rows = frame.filter(pl.col(TOKEN).is_in(list(reasons)))
    return rows.select(
        pl.lit("protect").alias("stage"),
        pl.lit(file).alias("file"),
        pl.col(ROW).alias("row"),
        (pl.col(COLUMN) if COLUMN in rows.columns else pl.lit("")).alias("column"),
        pl.lit(element).alias("element"),
        pl.Series("reason", [reasons[token] for token in rows[TOKEN]], dtype=pl.String),
    ).cast(SET_ASIDE)
