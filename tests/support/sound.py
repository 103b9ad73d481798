"""One sound contribution of in-silico patients, and how to spoil it.

Three tables as a partner would bring them: clinical data with calendar dates, variant calls, and
laboratory values of several visits, of which the first repeats a value of the clinical table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

import haemony as hm
from haemony.analysis.synthetic.aml import Population, call_variants, draw_aml, sequenced_genes
from haemony.analysis.synthetic.draws import generator
from haemony.harmonise.cytogenetics import Reading
from haemony.intake.dictionary import ColumnType, Entry, Role, Status, write_dictionary

AML = hm.disease("aml")
PATIENTS, SEED = 48, 7
BEGIN = np.datetime64("2009-02-03")

Row = Mapping[str, str]
Cell = str | Callable[[Row], str]

FLAGS = {"0": "negative", "1": "positive"}
STATED = ("normal_karyotype", "complex_karyotype", "t_8_21", "inv_16")
SUBSTITUTION = re.compile(r"c\.\d+([ACGT])>([ACGT])")


@dataclass(frozen=True)
class Source:
    """A contribution before it is written.

    Attributes:
        tables: Cells as text, by name of the table; each is written to a file of its name.
        entries: Lines of the dictionary.
        description: Fields of ``contribution.yaml``.
        spoilt: What is done to the bytes of a file before it is written.
    """

    tables: Mapping[str, pl.DataFrame]
    entries: tuple[Entry, ...]
    description: Mapping[str, Any]
    spoilt: Mapping[str, Callable[[bytes], bytes]]

    def rows(self, table: str) -> Sequence[Row]:
        """The rows of a table."""
        return self.tables[table].rows(named=True)

    def put(self, table: str, column: str, at: Sequence[int], cell: Cell) -> Source:
        """Write a cell into some rows of a column."""
        rows = self.rows(table)
        texts = [row[column] for row in rows]
        for place in at:
            texts[place] = cell if isinstance(cell, str) else cell(rows[place])
        return self.with_table(table, self.tables[table].with_columns(pl.Series(column, texts)))

    def append(self, table: str, rows: Iterable[Row]) -> Source:
        """Add rows at the end of a table."""
        frame = self.tables[table]
        more = pl.DataFrame(list(rows), frame.schema, orient="row")
        return self.with_table(table, pl.concat([frame, more]))

    def with_table(self, table: str, frame: pl.DataFrame) -> Source:
        """Another frame in place of a table."""
        return replace(self, tables={**self.tables, table: frame})

    def declare(self, column: str, change: Callable[[Entry], Entry]) -> Source:
        """Change what the dictionary says of a column."""
        lines = (change(entry) if entry.column == column else entry for entry in self.entries)
        return replace(self, entries=tuple(lines))

    def spoil(self, table: str, change: Callable[[bytes], bytes]) -> Source:
        """Change the bytes of a file."""
        return replace(self, spoilt={**self.spoilt, table: change})

    def spoil_lines(
        self, table: str, at: Sequence[int], change: Callable[[bytes], bytes]
    ) -> Source:
        """Change the lines of some rows of a file."""

        def spoil(content: bytes) -> bytes:
            lines = content.split(b"\n")
            for place in at:
                lines[place + 1] = change(lines[place + 1])
            return b"\n".join(lines)

        return self.spoil(table, spoil)

    def write(self, folder: Path) -> hm.Contribution:
        """Write the folder and load it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.tables.items():
            content = frame.write_csv(null_value="").encode()
            (folder / f"{name}.csv").write_bytes(self.spoilt.get(name, bytes)(content))
        text = yaml.safe_dump(dict(self.description), sort_keys=False)
        (folder / "contribution.yaml").write_text(text, encoding="utf-8")
        write_dictionary(self.entries, folder / "dictionary.csv")
        return hm.Contribution.load(folder)


@cache
def sound() -> Source:
    """The contribution in which nothing is wrong."""
    rng = generator(SEED, 9)
    population = draw_aml(PATIENTS, SEED)
    calls = call_variants(population, rng)
    names = [f"S-{place:03d}" for place in range(PATIENTS)]
    dates = [BEGIN + 41 * place for place in range(PATIENTS)]
    tables = {
        "clinical": _clinical(population, calls, names, dates),
        "variants": _variants(calls, names),
        "laboratory": _laboratory(population, names, dates),
    }
    return Source(tables, ENTRIES, DESCRIPTION, {})


def _clinical(
    population: Population, calls: pl.DataFrame, names: list[str], dates: list[np.datetime64]
) -> pl.DataFrame:
    reading = Reading(AML.catalogue)
    mutated = set(calls.filter(pl.col("gene") == "NPM1")["patient"])
    codes = {"negative": "0", "positive": "1"}
    rows = []
    for place, one in enumerate(population.patients.iter_rows(named=True)):

        def on(day: int | None, place: int = place) -> str:
            return "" if day is None else str(dates[place] + day)

        told = reading.of(one["karyotype_iscn"])
        rows.append(
            {
                "patient": names[place],
                "kind": "in silico",
                "diagnosed": str(dates[place]),
                "age": f"{one['age']:.0f}",
                "sex": "m" if one["male"] else "f",
                "type": one["aml_type"],
                "wbc": str(one["wbc"]),
                "hb": str(one["haemoglobin"]),
                "plt": f"{one['platelets']:.0f}",
                "flt3_itd": str(int(population.carries("FLT3_ITD")[place])),
                "cebpa": str(int(population.carries("CEBPA", "CEBPA_biallelic")[place])),
                "npm1": str(int(place in mutated)),
                "karyotype": one["karyotype_iscn"],
                **{name: codes.get(told.get(name, ""), "") for name in STATED},
                "remission": on(one["complete_remission_day"]),
                "relapse": on(one["relapse_day"]),
                "transplant": on(one["transplant_day"]),
                "donor": one["transplant_type"] or "",
                "last_contact": on(one["last_contact_day"]),
                "dead": str(int(one["dead"])),
                "cause": "disease" if one["dead"] else "",
            }
        )
    return pl.DataFrame(rows)


def _variants(calls: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The calls with a place for each: the same change lies at the same place."""
    kinds = sorted({(row["gene"], row["coding"]) for row in calls.iter_rows(named=True)})
    places = {kind: 20_000_000 + 1009 * number for number, kind in enumerate(kinds)}
    rows = []
    for one in calls.iter_rows(named=True):
        single = SUBSTITUTION.fullmatch(one["coding"])
        reference, alternate = single.groups() if single else ("-", "TCTG")
        rows.append(
            {
                "patient": names[one["patient"]],
                "gene": one["gene"],
                "chromosome": one["chromosome"],
                "assembly": "GRCh38",
                "position": str(places[one["gene"], one["coding"]]),
                "reference": reference,
                "alternate": alternate,
                "coding": one["coding"],
                "protein": one["protein"],
                "variant_type": one["type"],
                "vaf": str(one["vaf"]),
                "depth": str(one["depth"]),
                "call": "accepted",
            }
        )
    return pl.DataFrame(rows)


def _laboratory(
    population: Population, names: list[str], dates: list[np.datetime64]
) -> pl.DataFrame:
    rows = []
    for place, one in enumerate(population.patients.iter_rows(named=True)):
        for day in (0, 7, 14):
            if day > one["last_contact_day"]:
                continue
            rows.append(
                {
                    "patient": names[place],
                    "on": str(dates[place] + day),
                    "hb_g_per_l": f"{one['haemoglobin'] * 10 + day:.0f}",
                    "ldh": f"{one['ldh'] + day:.0f}",
                    "visit": str(day),
                }
            )
    return pl.DataFrame(rows)


def _number(table: str, column: str, element: str, unit: str, at: str = "") -> Entry:
    return Entry(table, column, type=ColumnType.NUMBER, unit=unit, element=element, at=at)


def _date(column: str, element: str) -> Entry:
    return Entry("clinical", column, type=ColumnType.DATE, element=element)


def _coded(table: str, column: str, element: str, codes: Mapping[str, str]) -> Entry:
    return Entry(table, column, type=ColumnType.CATEGORY, values=dict.fromkeys(codes, ""),
                 element=element, value_map=dict(codes))  # fmt: skip


def _same(element: str) -> dict[str, str]:
    return {code: code for code in AML.catalogue[element].codes}


def _unmapped(table: str, column: str, kind: ColumnType = ColumnType.TEXT) -> Entry:
    return Entry(table, column, type=kind, status=Status.UNMAPPED, note="Beside the others.")


ENTRIES = (
    Entry("clinical", "patient", role=Role.PATIENT),
    _unmapped("clinical", "kind"),
    _unmapped("clinical", "diagnosed", ColumnType.DATE),
    Entry("clinical", "age", type=ColumnType.INTEGER, unit="a", element="age_at_diagnosis"),
    _coded("clinical", "sex", "sex", {"f": "female", "m": "male"}),
    _coded("clinical", "type", "aml_type", _same("aml_type")),
    _number("clinical", "wbc", "wbc", "10*9/L"),
    _number("clinical", "hb", "haemoglobin", "g/dL"),
    _number("clinical", "plt", "platelets", "10*9/L"),
    _coded("clinical", "flt3_itd", "FLT3_ITD", FLAGS),
    _coded("clinical", "cebpa", "CEBPA", FLAGS),
    _coded("clinical", "npm1", "NPM1", FLAGS),
    Entry("clinical", "karyotype", element="karyotype_iscn"),
    *(_coded("clinical", name, name, FLAGS) for name in STATED),
    _date("remission", "complete_remission_day"),
    _date("relapse", "relapse_day"),
    _date("transplant", "transplant_day"),
    _coded("clinical", "donor", "transplant_type", _same("transplant_type")),
    _date("last_contact", "last_contact_day"),
    _coded("clinical", "dead", "vital_status", {"0": "alive", "1": "dead"}),
    _coded("clinical", "cause", "cause_of_death", _same("cause_of_death")),
    Entry("variants", "patient", role=Role.PATIENT),
    *(
        Entry("variants", column, element=f"variant_{column}")
        for column in ("gene", "chromosome", "assembly", "reference", "alternate", "coding",
                       "protein")
    ),
    Entry("variants", "position", type=ColumnType.INTEGER, element="variant_position"),
    Entry("variants", "variant_type", element="variant_type"),
    _number("variants", "vaf", "variant_allele_fraction", "%"),
    _number("variants", "depth", "variant_depth", ""),
    _coded("variants", "call", "variant_call", _same("variant_call")),
    Entry("laboratory", "patient", role=Role.PATIENT),
    _unmapped("laboratory", "on", ColumnType.DATE),
    replace(_number("laboratory", "hb_g_per_l", "haemoglobin", "g/L", "on"), precedence=2),
    _number("laboratory", "ldh", "ldh", "U/L", "on"),
    _unmapped("laboratory", "visit"),
)  # fmt: skip

DESCRIPTION: Mapping[str, Any] = {
    "id": "sound",
    "title": "In-silico patients in whom nothing is wrong",
    "partner": "hospital",
    "contact": "nobody",
    "disease": "aml",
    "source": "registry",
    "conditions_of_use": ["DUO:0000042"],
    "in_silico": True,
    "timeline": {"origin": "diagnosis", "column": "diagnosed"},
    "patients": "clinical",
    "tables": {
        "clinical": {"file": "clinical.csv"},
        "variants": {"file": "variants.csv"},
        "laboratory": {"file": "laboratory.csv"},
    },
    "assays": [
        {
            "name": "panel",
            "method": "sequencing",
            "calls": "variants",
            "tested": "clinical",
            "genes": list(sequenced_genes()),
        }
    ],
}
