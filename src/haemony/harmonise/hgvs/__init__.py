"""HGVS names of coding and protein changes, read as language.

A name either is read in full, with every liberty it takes noted, or comes back as `Unreadable` with
its text and the reason. Nothing is looked up and nothing is guessed: a name that contradicts itself
is not repaired.
"""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from haemony.harmonise.hgvs.names import (
    Change,
    Coding,
    Consequence,
    Place,
    Protein,
    Residue,
    Unreadable,
)
from haemony.harmonise.hgvs.nucleotides import read_nucleotides
from haemony.harmonise.hgvs.proteins import read_protein

__all__ = [
    "Change",
    "Coding",
    "Consequence",
    "Place",
    "Protein",
    "Residue",
    "Unreadable",
    "parse",
    "table",
]

NAMES = pl.Schema(
    {
        "text": pl.String,
        "name": pl.String,
        "short": pl.String,
        "change": pl.String,
        "consequence": pl.String,
        "position": pl.Int64,
        "notes": pl.String,
        "unread": pl.String,
    }
)
"""One row per text: its canonical name, or why it is not read."""

_HEAD = re.compile(
    r"(?:(?P<accession>[A-Za-z][A-Za-z0-9_.\-]*)(?:\([A-Za-z0-9_.\-]+\))?:)?"
    r"(?:(?P<level>[cgmnp])\.)?(?P<body>.*)",
    re.DOTALL,
)


def parse(text: str, level: str = "") -> Coding | Protein | Unreadable:
    """Read one HGVS name.

    Args:
        text: The name, with or without its reference sequence.
        level: What a name without prefix is about (``p``, ``c``); without it, such a name is not
            read, because ``C123T`` is a cysteine to some and a cytosine to others.

    Example:
        >>> parse("NM_000546.6:c.743G>A").position
        743
        >>> parse("p.W288Cfs*12").name
        'p.Trp288CysfsTer12'
        >>> parse("ITD").reason
        'no prefix such as c. or p.'
    """
    return _parse(text, level)


@lru_cache(maxsize=1 << 16)
def _parse(text: str, level: str) -> Coding | Protein | Unreadable:
    match = _HEAD.fullmatch(text.strip().replace("%3D", "="))
    if match is None:
        return Unreadable(text, "no HGVS name")
    found, accession = match["level"] or level, match["accession"] or ""
    if not found:
        return Unreadable(text, "no prefix such as c. or p.")
    if not match["body"]:
        return Unreadable(text, "nothing behind the prefix")
    if found == "p":
        return read_protein(match["body"], accession, text)
    return read_nucleotides(match["body"], accession, found, text)


def table(texts: pl.Series, level: str = "") -> pl.DataFrame:
    """Read a column of names, in its order: columns as in :data:`NAMES`.

    Args:
        texts: The names; an absent one gives a row of nulls.
        level: As for :func:`parse`.
    """
    distinct = texts.unique().drop_nulls()
    rows = [_row(text, parse(text, level)) for text in distinct]
    known = pl.DataFrame(rows, schema=NAMES, orient="row")
    return texts.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")


def _row(text: str, found: Coding | Protein | Unreadable) -> tuple[str | int | None, ...]:
    if isinstance(found, Unreadable):
        return text, None, None, None, None, None, None, found.reason
    short = found.short if isinstance(found, Protein) else found.name
    notes = "; ".join(found.notes) or None
    return text, found.name, short, found.change, found.consequence, found.position, notes, None
