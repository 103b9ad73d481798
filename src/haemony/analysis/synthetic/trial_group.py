"""A trial group's contribution in silico: text files, numeric codes, days from diagnosis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from haemony.analysis.synthetic import folder as made
from haemony.analysis.synthetic.aml import (
    Population,
    call_variants,
    draw_aml,
    measured_gaps,
    sequenced_genes,
    withhold,
)
from haemony.analysis.synthetic.draws import generator, happens, positions
from haemony.analysis.synthetic.margins import aml_margins
from haemony.intake.dictionary import Entry

SEQUENCED_SHARE = 0.95
PCR_GAPS = 0.04
"""Shares of patients whose sample went to sequencing, and without a PCR result (choices)."""

_CENTRES = 40
_STREAM = 1
"""Keeps partners of one seed apart: each shape draws from a stream of its own."""

_CLINICAL, _VARIANTS = "clinical_in_silico.csv", "variants_in_silico.tsv"
_PANEL, _KARYOTYPES = "panel_in_silico.tsv", "karyotypes_in_silico.tsv"

_TYPES = ("de novo", "secondary", "therapy-related", "other")
_GRAFTS = ("allogeneic related", "allogeneic unrelated", "haploidentical", "autologous")
_PHASES = ("CR1", "CR2", "first relapse", "first refractory")
_STUDIES = ("in-silico study A", "in-silico study B", "in-silico study C")


def write_trial_group(
    folder: Path,
    *,
    identifier: str = "insilico-trial-group",
    partner: str = "In-silico trial group",
    patients: int = 1540,
    seed: int = 1,
) -> Path:
    """Write a trial group's contribution of in-silico patients.

    Args:
        folder: Where; made if absent.
        identifier: Id of the contribution; patient numbers start with it.
        partner: Who brings it.
        patients: How many.
        seed: Whole number from which everything follows.

    Returns:
        The folder: a clinical CSV file, variant calls, sequenced patients and karyotypes as TSV.

    Example:
        >>> from tempfile import mkdtemp
        >>> made = write_trial_group(Path(mkdtemp()), patients=20)
        >>> sorted(path.suffix for path in made.iterdir())
        ['.csv', '.csv', '.tsv', '.tsv', '.tsv', '.yaml']
    """
    rng = generator(seed, _STREAM)
    population = draw_aml(patients, rng)
    numbers = pl.Series([f"{identifier}-{it + 1:06d}" for it in range(patients)])
    made.write_folder(folder, _description(identifier, partner, patients), _entries())
    _clinical(rng, population, numbers).write_csv(folder / _CLINICAL)
    sequenced = pl.Series(happens(rng, SEQUENCED_SHARE, patients))
    _panel(numbers, sequenced).write_csv(folder / _PANEL, separator="\t")
    calls = call_variants(population, rng)
    _calls(calls, numbers, sequenced).write_csv(folder / _VARIANTS, separator="\t")
    karyotypes = pl.DataFrame({"PATNR": numbers, "ISCN": population.patients["karyotype_iscn"]})
    karyotypes.write_csv(folder / _KARYOTYPES, separator="\t")
    return folder


def _code(values: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
    """Positions from 1 in place of names."""
    codes = {name: place for place, name in enumerate(names, start=1)}
    return values.replace_strict(codes, return_dtype=pl.Int64)


def _clinical(rng: np.random.Generator, population: Population, numbers: pl.Series) -> pl.DataFrame:
    size = numbers.len()
    gaps = {**measured_gaps(), "FLT3ITD": PCR_GAPS, "FLT3TKD": PCR_GAPS, "NPM1": PCR_GAPS}
    _, shares = aml_margins().shares("study patients")
    study = pl.Series(positions(rng, size, shares) + 1)
    centre = pl.Series(rng.integers(1, _CENTRES + 1, size))
    known = population.patients.with_columns(
        population.carries("FLT3_ITD").cast(pl.Int64).alias("FLT3ITD"),
        population.carries("FLT3_TKD").cast(pl.Int64).alias("FLT3TKD"),
        population.carries("NPM1").cast(pl.Int64).alias("NPM1"),
    )
    frame = withhold(rng, known, gaps)
    return frame.select(
        numbers.alias("PATNR"),
        pl.lit(made.IN_SILICO).alias("KIND"),
        study.alias("STUDY"),
        pl.format("in-silico centre {}", centre).alias("CENTRE"),
        pl.col("age").cast(pl.Int64).alias("AGE"),
        pl.when("male").then(1).otherwise(2).alias("SEX"),
        _code(pl.col("aml_type"), _TYPES).alias("AMLTYPE"),
        pl.col("genomic_class").alias("CLASS"),
        pl.col("ecog").fill_null("9").alias("ECOG"),
        pl.col("splenomegaly").cast(pl.Int64).fill_null(9).alias("SPLEEN"),
        pl.col("wbc").fill_null(-9).alias("WBC"),
        pl.col("haemoglobin").fill_null(-9).alias("HB"),
        pl.col("platelets").cast(pl.Int64).fill_null(-9).alias("PLT"),
        pl.col("ldh").cast(pl.Int64).fill_null(-9).alias("LDH"),
        pl.col("marrow_blasts").cast(pl.Int64).fill_null(-9).alias("BMBLAST"),
        pl.col("blood_blasts").cast(pl.Int64).fill_null(-9).alias("PBBLAST"),
        pl.col("FLT3ITD", "FLT3TKD", "NPM1").fill_null(9),
        pl.col("complete_remission_day").alias("CRDAY"),
        pl.col("relapse_day").alias("RELDAY"),
        pl.col("transplant_day").alias("TXDAY"),
        _code(pl.col("transplant_type"), _GRAFTS).alias("TXTYPE"),
        _code(pl.col("transplant_phase"), _PHASES).alias("TXPHASE"),
        pl.col("last_contact_day").alias("LASTDAY"),
        pl.col("dead").cast(pl.Int64).alias("DEAD"),
    )


def _panel(numbers: pl.Series, sequenced: pl.Series) -> pl.DataFrame:
    frame = pl.DataFrame({"PATNR": numbers}).filter(sequenced)
    return frame.with_columns(PANEL=pl.lit("in-silico myeloid panel"))


def _calls(calls: pl.DataFrame, numbers: pl.Series, sequenced: pl.Series) -> pl.DataFrame:
    """The calls of the sequenced patients, under the partner's column names."""
    whose = pl.DataFrame({"PATNR": numbers, "sequenced": sequenced}).with_row_index("patient")
    found = calls.join(
        whose.with_columns(pl.col("patient").cast(pl.Int64)), on="patient", maintain_order="left"
    )
    return found.filter("sequenced").select(
        "PATNR",
        pl.col("gene").alias("GENE"),
        pl.col("chromosome").alias("CHROM"),
        pl.col("type").alias("TYPE"),
        pl.col("consequence").alias("EFFECT"),
        pl.col("coding").replace("", None).alias("HGVSC"),
        pl.col("protein").replace("", None).alias("HGVSP"),
        pl.col("vaf").alias("VAF"),
        pl.col("depth").alias("DP"),
    )


def _description(identifier: str, partner: str, patients: int) -> dict[str, object]:
    return {
        "id": identifier,
        "title": f"{patients} in-silico adults with acute myeloid leukaemia in three trials",
        "partner": partner,
        "source": "trial",
        "timeline": {"origin": "diagnosis"},
        "patients": "clinical",
        "tables": {
            "clinical": {"file": _CLINICAL},
            "panel": {"file": _PANEL},
            "variants": {"file": _VARIANTS},
            "karyotypes": {"file": _KARYOTYPES},
        },
        "assays": [
            {
                "name": "in-silico myeloid panel",
                "method": "sequencing",
                "calls": "variants",
                "tested": "panel",
                "genes": list(sequenced_genes()),
            }
        ],
    }


def _classes() -> dict[str, str]:
    return {name: name for name in aml_margins().classes}


def _numbered(names: tuple[str, ...]) -> dict[str, str]:
    return {str(place): name for place, name in enumerate(names, start=1)}


def _entries() -> list[Entry]:
    return [*_clinical_entries(), *_genetic_entries()]


def _clinical_entries() -> list[Entry]:
    table, gap, nine = "clinical", ("-9", "-9.0"), ("9",)
    test = {"0": "negative", "1": "positive"}
    return [
        made.patient(table, "PATNR"),
        made.status(table, "KIND"),
        made.coded(table, "STUDY", "In-silico trial", "study", _numbered(_STUDIES)),
        made.text(table, "CENTRE", "In-silico treatment centre", "centre"),
        made.number(table, "AGE", "Age at diagnosis", "age_at_diagnosis", "a"),
        made.coded(table, "SEX", "Sex", "sex", {"1": "male", "2": "female"}),
        made.coded(table, "AMLTYPE", "Type of AML", "aml_type", _numbered(_TYPES)),
        made.coded(table, "CLASS", "Genomic class", "genomic_class", _classes()),
        made.coded(
            table, "ECOG", "ECOG performance status", "ecog", {it: it for it in "01234"}, nine
        ),
        made.coded(
            table, "SPLEEN", "Splenomegaly", "splenomegaly", {"0": "absent", "1": "present"}, nine
        ),
        made.number(table, "WBC", "White cells", "wbc", "10*9/L", gap),
        made.number(table, "HB", "Haemoglobin", "haemoglobin", "g/dL", gap),
        made.number(table, "PLT", "Platelets", "platelets", "10*9/L", gap),
        made.number(table, "LDH", "Lactate dehydrogenase", "ldh", "U/L", gap),
        made.number(table, "BMBLAST", "Blasts in marrow", "marrow_blasts", "%", gap),
        made.number(table, "PBBLAST", "Blasts in blood", "blood_blasts", "%", gap),
        made.coded(table, "FLT3ITD", "FLT3-ITD by PCR", "FLT3_ITD", test, nine),
        made.coded(table, "FLT3TKD", "FLT3-TKD by PCR", "FLT3_TKD", test, nine),
        made.coded(table, "NPM1", "NPM1 by PCR", "NPM1", test, nine),
        made.number(table, "CRDAY", "Day of first remission", "complete_remission_day", "d"),
        made.number(table, "RELDAY", "Day of first relapse", "relapse_day", "d"),
        made.number(table, "TXDAY", "Day of transplant", "transplant_day", "d"),
        made.coded(table, "TXTYPE", "Donor", "transplant_type", _numbered(_GRAFTS)),
        made.coded(table, "TXPHASE", "Phase", "transplant_phase", _numbered(_PHASES)),
        made.number(table, "LASTDAY", "Day of last contact", "last_contact_day", "d"),
        made.coded(table, "DEAD", "Dead", "vital_status", {"0": "alive", "1": "dead"}),
    ]


def _genetic_entries() -> list[Entry]:
    calls = "variants"
    return [
        made.patient("panel", "PATNR"),
        made.unmapped("panel", "PANEL", "Panel", "The same for all; named under `assays`."),
        made.patient(calls, "PATNR"),
        made.text(calls, "GENE", "Gene", "variant_gene"),
        made.text(calls, "CHROM", "Chromosome", "variant_chromosome"),
        made.text(calls, "TYPE", "Kind of variant", "variant_type"),
        made.text(calls, "EFFECT", "Consequence", "variant_consequence"),
        made.text(calls, "HGVSC", "Change of the coding sequence", "variant_coding"),
        made.text(calls, "HGVSP", "Change of the protein", "variant_protein"),
        made.number(calls, "VAF", "Allele fraction", "variant_allele_fraction", "%"),
        made.number(calls, "DP", "Depth", "variant_depth", ""),
        made.patient("karyotypes", "PATNR"),
        made.text("karyotypes", "ISCN", "Karyotype", "karyotype_iscn"),
    ]
