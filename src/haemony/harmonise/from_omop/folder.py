"""Write what came back from OMOP as the folder of a contribution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml

from haemony.harmonise.from_omop.day_zero import DAY_0
from haemony.harmonise.from_omop.rewrite import Rewritten
from haemony.intake.contribution import DESCRIPTION, SourceKind
from haemony.intake.dictionary import write_dictionary
from haemony.model.errors import UsageError

DICTIONARY = "dictionary.csv"
LEFT_OUT = "left_out.csv"
PERSONS_LEFT_OUT = "persons_left_out.csv"
SHOWN = 12


class FolderTaken(UsageError):
    """The folder holds a contribution already; nothing is written over a person's work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder.name} holds a {DESCRIPTION} already; give another folder with -o, or move "
            "it away"
        )


@dataclass(frozen=True)
class About:
    """What the contribution says of itself, beside its tables.

    Attributes:
        id: Stable name, lower case.
        title: What it is, in one line.
        partner: Who brings it.
        contact: Whom to ask.
        disease: Code of the disease.
        source: Where the data come from.
        cut_off: Date the data were frozen, or ``not stated``.
        conditions: Conditions of use as GA4GH Data Use Ontology codes.
        in_silico: Whether the patients are simulated.
    """

    id: str
    title: str
    partner: str
    contact: str
    disease: str
    source: SourceKind
    cut_off: str
    conditions: tuple[str, ...]
    in_silico: bool


def write_contribution(rewritten: Rewritten, about: About, folder: Path) -> tuple[Path, ...]:
    """Write description, dictionary, data files and the two lists of what was left out.

    Args:
        rewritten: The tables.
        about: What the contribution says of itself.
        folder: Where; made if absent.

    Returns:
        The files, the description first.

    Raises:
        FolderTaken: When a contribution lies there.
    """
    if (folder / DESCRIPTION).exists():
        raise FolderTaken(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for sheet in rewritten.sheets:
        paths.append(folder / f"{sheet.name}.csv")
        sheet.frame.write_csv(paths[-1])
    entries = [entry for sheet in rewritten.sheets for entry in sheet.entries]
    write_dictionary(entries, folder / DICTIONARY)
    rewritten.left_out.write_csv(folder / LEFT_OUT)
    rewritten.persons_left.write_csv(folder / PERSONS_LEFT_OUT)
    text = _comments(rewritten) + yaml.safe_dump(
        _described(rewritten, about), sort_keys=False, allow_unicode=True, width=100
    )
    (folder / DESCRIPTION).write_text(text, encoding="utf-8", newline="\n")
    lists = (folder / LEFT_OUT, folder / PERSONS_LEFT_OUT)
    return (folder / DESCRIPTION, folder / DICTIONARY, *paths, *lists)


def _described(rewritten: Rewritten, about: About) -> dict[str, object]:
    return {
        "id": about.id,
        "title": about.title,
        "partner": about.partner,
        "contact": about.contact,
        "disease": about.disease,
        "source": about.source.value,
        "data_cut_off": about.cut_off,
        "conditions_of_use": list(about.conditions),
        "in_silico": about.in_silico,
        "timeline": {"origin": rewritten.origin.value, "column": DAY_0},
        "patients": rewritten.sheets[0].name,
        "tables": {sheet.name: {"file": f"{sheet.name}.csv"} for sheet in rewritten.sheets},
    }


def _comments(rewritten: Rewritten) -> str:
    """What a curator should know before reading on; counts and concepts, no person."""
    left, lost = rewritten.left_out, rewritten.persons_left
    lines = [
        "Made from tables of the OMOP CDM by `haemony contribution from-omop`.",
        f"Of {rewritten.persons:,} persons {rewritten.patients:,} take part.",
        *(f"  {n:,} left out: {reason}" for reason, n in _reasons(lost)),
        f"{left['rows'].sum():,} rows of the CDM found no element; {LEFT_OUT} counts all of them:",
        *(f"  {line}" for line in _worst(left)),
        f"{LEFT_OUT} and {PERSONS_LEFT_OUT} are for you alone: no table below names them.",
    ]
    return "".join(f"# {line}\n" for line in lines)


def _reasons(lost: pl.DataFrame) -> list[tuple[str, int]]:
    counts = lost.group_by("reason").len().sort("reason")
    return [(str(reason), int(n)) for reason, n in counts.iter_rows()]


def _worst(left: pl.DataFrame) -> list[str]:
    counts = left.group_by("table", "reason").agg(
        pl.col("rows").sum(), pl.col("concept_id").n_unique().alias("concepts")
    )
    ranked = counts.sort(["rows", "table", "reason"], descending=[True, False, False])
    return [
        f"{table}: {rows:,} rows of {concepts:,} concepts: {reason}"
        for table, reason, rows, concepts in ranked.head(SHOWN).iter_rows()
    ]
