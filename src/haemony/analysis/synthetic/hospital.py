"""A university hospital's contribution in silico: a workbook, an old export, calendar dates.

The clinical table is a workbook with real date cells; laboratory values come from an export with
semicolons, decimal commas and Windows-1252 letters, several rows per patient; expression and
copy-number files lie beside them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import xlsxwriter

from haemony.analysis.synthetic import folder as made
from haemony.analysis.synthetic.aml import Population, draw_aml, measured_gaps, withhold
from haemony.analysis.synthetic.draws import generator, happens
from haemony.analysis.synthetic.omics import write_expression, write_segments
from haemony.intake.dictionary import ColumnType, Entry, Role

SUFFIX = "in_silico"
_CLINICAL, _LABORATORY = f"klinik_{SUFFIX}.xlsx", f"labor_{SUFFIX}.csv"
_EXPRESSION, _SEGMENTS = f"omics/expression_{SUFFIX}.tsv", f"omics/segments_{SUFFIX}.seg"

_FIRST_DIAGNOSIS = date(2008, 1, 1)
_DIAGNOSES = 3650
_STREAM = 3
"""Keeps partners of one seed apart: each shape draws from a stream of its own."""

_MADE = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)

_GENES = ("NPM1", "CEBPA", "IDH1", "IDH2", "DNMT3A", "RUNX1", "TP53", "ASXL1")
_LOCI = {
    "CEBPA": ("CEBPA", "CEBPA_biallelic"),
    "IDH2": ("IDH2_R140", "IDH2_R172"),
    "DNMT3A": ("DNMT3A", "DNMT3A_R882"),
}
_UNTESTED = 0.12
"""Share of patients in whom a gene was not looked at (a choice)."""

_TYPES = {
    "de novo": "de novo",
    "sekundär": "secondary",
    "therapieassoziiert": "therapy-related",
    "sonstige": "other",
}
_GRAFTS = {
    "Familienspender": "allogeneic related",
    "Fremdspender": "allogeneic unrelated",
    "haploident": "haploidentical",
    "autolog": "autologous",
}
_NOT_TESTED = "nicht geprüft"
_DATES = {
    "Remission": "complete_remission_day",
    "Rezidiv": "relapse_day",
    "Transplantation": "transplant_day",
    "Letzter_Kontakt": "last_contact_day",
}


def write_hospital(folder: Path, *, patients: int = 680, seed: int = 3) -> Path:
    """Write a university hospital's contribution of in-silico patients.

    Args:
        folder: Where; made if absent.
        patients: How many.
        seed: Whole number from which everything follows.

    Returns:
        The folder: a clinical workbook, a laboratory export, and two omics files in ``omics``.

    Example:
        >>> from tempfile import mkdtemp
        >>> made = write_hospital(Path(mkdtemp()), patients=20)
        >>> sorted(path.name for path in (made / "omics").iterdir())
        ['expression_in_silico.tsv', 'segments_in_silico.seg']
    """
    rng = generator(seed, _STREAM)
    population = draw_aml(patients, rng)
    numbers = pl.Series("Patient", [f"INSILICO{it + 70_001}" for it in range(patients)])
    diagnosed = _diagnoses(rng, patients)
    made.write_folder(folder, _description(patients), _entries())
    _write_workbook(_clinical(rng, population, numbers, diagnosed), folder / _CLINICAL)
    laboratory = _laboratory(rng, population, numbers, diagnosed)
    exported = laboratory.write_csv(separator=";", line_terminator="\r\n")
    (folder / _LABORATORY).write_bytes(exported.encode("windows-1252"))
    (folder / "omics").mkdir(exist_ok=True)
    write_expression(folder / _EXPRESSION, population, numbers, rng)
    write_segments(folder / _SEGMENTS, population, numbers, rng)
    return folder


def _diagnoses(rng: np.random.Generator, patients: int) -> pl.Series:
    days = pl.Series("days", rng.integers(0, _DIAGNOSES, patients)).to_frame()
    return days.select(pl.lit(_FIRST_DIAGNOSIS) + pl.duration(days="days")).to_series()


def _clinical(
    rng: np.random.Generator, population: Population, numbers: pl.Series, diagnosed: pl.Series
) -> pl.DataFrame:
    results = {
        "FLT3_ITD": population.carries("FLT3_ITD"),
        "FLT3_TKD": population.carries("FLT3_TKD"),
    } | {gene: population.carries(*_LOCI.get(gene, (gene,))) for gene in _GENES}
    words = [
        pl.when(pl.Series(happens(rng, _UNTESTED, numbers.len())))
        .then(pl.lit(_NOT_TESTED))
        .when(found)
        .then(pl.lit("mutiert"))
        .otherwise(pl.lit("Wildtyp"))
        .alias(name)
        for name, found in results.items()
    ]
    kinds = {value: key for key, value in _TYPES.items()}
    grafts = {value: key for key, value in _GRAFTS.items()}
    gaps = {name: measured_gaps()[name] for name in ("ecog", "splenomegaly")}
    frame = withhold(rng, population.patients, gaps)
    spleen = pl.col("splenomegaly")
    return frame.select(
        numbers,
        pl.lit(made.IN_SILICO).alias("Art"),
        diagnosed.alias("Erstdiagnose"),
        pl.col("age").cast(pl.Int64).alias("Alter"),
        pl.when("male").then(pl.lit("männlich")).otherwise(pl.lit("weiblich")).alias("Geschlecht"),
        pl.col("aml_type").replace_strict(kinds).alias("Entstehung"),
        pl.col("ecog").cast(pl.Int64).alias("ECOG"),
        pl.when(spleen)
        .then(pl.lit("ja"))
        .when(~spleen)
        .then(pl.lit("nein"))
        .alias("Milz_vergrößert"),
        *words,
        pl.col("karyotype_iscn").replace("no metaphases", "keine Metaphasen").alias("Karyotyp"),
        *((diagnosed + pl.duration(days=pl.col(day))).alias(name) for name, day in _DATES.items()),
        pl.col("transplant_type").replace_strict(grafts).alias("Spender"),
        pl.when("dead").then(pl.lit("verstorben")).otherwise(pl.lit("lebt")).alias("Status"),
    )


def _write_workbook(frame: pl.DataFrame, path: Path) -> None:
    """Write a workbook whose bytes depend on its content alone."""
    with xlsxwriter.Workbook(path) as workbook:
        workbook.set_properties({"created": _MADE, "title": "In-silico patients"})
        sheet = workbook.add_worksheet("Patienten in silico")
        day = workbook.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_row(0, 0, frame.columns)
        for place, column in enumerate(frame.get_columns()):
            for row, value in enumerate(column, start=1):
                if isinstance(value, date):
                    sheet.write_datetime(row, place, value, day)
                elif value is not None:
                    sheet.write(row, place, value)


def _laboratory(
    rng: np.random.Generator, population: Population, numbers: pl.Series, diagnosed: pl.Series
) -> pl.DataFrame:
    """At diagnosis and in weeks two and five: patient, date, and one column per analyte."""
    measured = ("wbc", "haemoglobin", "platelets", "ldh", "marrow_blasts")
    gaps = {name: measured_gaps()[name] for name in measured}
    known = withhold(rng, population.patients, gaps).with_columns(numbers, diagnosed=diagnosed)
    visits = []
    for week, white, marrow in ((0, 1.0, True), (2, 0.2, False), (5, 0.5, False)):
        days = pl.Series(week * 7 + rng.integers(0, 4 if week else 1, numbers.len()))
        seen = known.with_columns(day=days).filter(pl.col("day") <= pl.col("last_contact_day"))
        visits.append(
            seen.with_columns(
                pl.col("wbc") * white,
                pl.when(pl.lit(marrow)).then("marrow_blasts").alias("marrow_blasts"),
            )
        )
    rows = pl.concat(visits).sort("Patient", "day")
    return rows.select(
        "Patient",
        pl.lit("in silico, keine echten Messungen: Prüfdaten").alias("Bemerkung"),
        (pl.col("diagnosed") + pl.duration(days=pl.col("day"))).alias("Datum"),
        _comma(pl.col("wbc").round(2)).alias("Leukozyten_Tsd_pro_µl"),
        _comma((pl.col("haemoglobin") * 10).round(0)).alias("Hämoglobin_g_pro_l"),
        _comma(pl.col("platelets") * 1000).alias("Thrombozyten_pro_µl"),
        _comma((pl.col("ldh") / 60).round(2)).alias("LDH_µkat_pro_l"),
        _comma(pl.col("marrow_blasts")).alias("KM_Blasten_Prozent"),
    )


def _comma(number: pl.Expr) -> pl.Expr:
    """A number with a decimal comma."""
    return number.cast(pl.String).str.replace(".", ",", literal=True)


def _description(patients: int) -> dict[str, object]:
    layout = {"encoding": "windows-1252", "delimiter": ";", "decimal": ","}
    return {
        "id": "insilico-hospital",
        "title": f"{patients} in-silico adults with acute myeloid leukaemia at a hospital",
        "partner": "In-silico university hospital",
        "source": "hospital",
        "timeline": {"origin": "diagnosis", "column": "Erstdiagnose"},
        "patients": "klinik",
        "tables": {
            "klinik": {"file": _CLINICAL},
            "labor": {"file": _LABORATORY, "layout": layout},
        },
        "expression": {
            "file": _EXPRESSION,
            "orientation": "probes in rows",
            "scale": "logarithm of intensity",
            "names": "gene",
        },
        "segments": {
            "file": _SEGMENTS,
            "measure": "log2 ratio to the reference",
            "assembly": "GRCh38",
        },
    }


def _entries() -> list[Entry]:
    return [*_clinical_entries(), *_laboratory_entries()]


def _date(table: str, column: str, label: str, element: str) -> Entry:
    return Entry(table, column, label, ColumnType.DATE, role=Role.QUASI, element=element)


def _clinical_entries() -> list[Entry]:
    table = "klinik"
    test = {"mutiert": "positive", "Wildtyp": "negative"}
    genes = [
        made.coded(table, gene, f"{gene}-Mutation", gene, test, (_NOT_TESTED,))
        for gene in ("FLT3_ITD", "FLT3_TKD", *_GENES)
    ]
    day_zero = made.unmapped(table, "Erstdiagnose", "Datum der Erstdiagnose", "Day 0.")
    return [
        made.patient(table, "Patient"),
        made.status(table, "Art"),
        replace(day_zero, type=ColumnType.DATE),
        made.number(table, "Alter", "Alter bei Erstdiagnose", "age_at_diagnosis", "a"),
        made.coded(
            table, "Geschlecht", "Geschlecht", "sex", {"männlich": "male", "weiblich": "female"}
        ),
        made.coded(table, "Entstehung", "Entstehung der AML", "aml_type", _TYPES),
        made.coded(table, "ECOG", "ECOG", "ecog", {it: it for it in "01234"}),
        made.coded(
            table,
            "Milz_vergrößert",
            "Milz vergrößert",
            "splenomegaly",
            {"ja": "present", "nein": "absent"},
        ),
        *genes,
        made.text(table, "Karyotyp", "Karyotyp", "karyotype_iscn"),
        *(_date(table, name, name.replace("_", " "), day) for name, day in _DATES.items()),
        made.coded(table, "Spender", "Spender", "transplant_type", _GRAFTS),
        made.coded(
            table, "Status", "Status", "vital_status", {"lebt": "alive", "verstorben": "dead"}
        ),
    ]


def _laboratory_entries() -> list[Entry]:
    table = "labor"
    analytes = (
        ("Leukozyten_Tsd_pro_µl", "Leukozyten", "wbc", "10*3/uL"),
        ("Hämoglobin_g_pro_l", "Hämoglobin", "haemoglobin", "g/L"),
        ("Thrombozyten_pro_µl", "Thrombozyten", "platelets", "/uL"),
        ("LDH_µkat_pro_l", "Laktatdehydrogenase", "ldh", "ukat/L"),
        ("KM_Blasten_Prozent", "Blasten im Knochenmark", "marrow_blasts", "%"),
    )
    values = [
        Entry(
            table,
            column,
            label,
            ColumnType.NUMBER,
            unit,
            role=Role.SENSITIVE,
            element=element,
            at="Datum",
        )
        for column, label, element, unit in analytes
    ]
    return [
        made.patient(table, "Patient"),
        made.unmapped(table, "Bemerkung", "Bemerkung", "Says in every row: in silico."),
        replace(
            made.unmapped(table, "Datum", "Datum der Messung", "Dates the values of its row."),
            type=ColumnType.DATE,
        ),
        *values,
    ]
