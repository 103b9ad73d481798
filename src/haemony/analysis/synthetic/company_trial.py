"""A company's randomised trial in silico: SAS transport files, SI units, months from randomisation.

The margins are those of RATIFY (Stone et al. N Engl J Med 2017;377:454-64): 717 patients aged 18 to
59 with a FLT3 mutation, two arms, hazard ratio of death 0.78. Nothing else is taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyreadstat

from haemony.analysis.synthetic import folder as made
from haemony.analysis.synthetic.aml import Population, draw_aml, measured_gaps, withhold
from haemony.analysis.synthetic.draws import generator, happens
from haemony.analysis.synthetic.margins import Flags, Integers, Margins, aml_margins
from haemony.intake.dictionary import Entry

MONTH = 30.4375
"""Days in a month."""

HAEMOGLOBIN_MMOL = 1.61145
"""g/dL of haemoglobin in 1 mmol/L of its monomer (64,458 g/mol by four)."""

KATAL = 60.0
"""U/L in 1 µkat/L."""

ARMS = ("in-silico midostaurin", "in-silico placebo")
_TREATED, _CONTROL = ARMS

_SPREAD = 0.90
"""Exponent that turns the hazard ratio of death into one of every transition: relapse and the death
that follows are both rarer, so that each needs a little less. Found by simulation."""

_HARDER = 1.14
"""Factor on all hazards that brings four-year survival to the published one; by simulation."""

_ITD, _TKD = "FLT3_ITD", "FLT3_TKD"
_TESTED = ("NPM1", "CEBPA", "IDH1", "IDH2", "DNMT3A", "RUNX1", "TP53", "ASXL1", "WT1")
_LOCI = {
    "CEBPA": ("CEBPA", "CEBPA_biallelic"),
    "IDH2": ("IDH2_R140", "IDH2_R172"),
    "DNMT3A": ("DNMT3A", "DNMT3A_R882"),
}
_NOT_DONE = 0.06
_SITES = 60
_STREAM = 2
"""Keeps partners of one seed apart: each shape draws from a stream of its own."""

_STAMP = re.compile(rb"\d{2}[A-Z]{3}\d{2}:\d{2}:\d{2}:\d{2}")
_FIXED_STAMP = b"01JAN25:00:00:00"
_HEADER = 640
"""Bytes of the library and member headers, where the writer puts the time of writing."""

_POOL = 12
"""Patients drawn for each one that the trial takes."""


def write_company_trial(folder: Path, *, patients: int = 717, seed: int = 2) -> Path:
    """Write a randomised trial of in-silico patients with FLT3-mutated leukaemia.

    Args:
        folder: Where; made if absent.
        patients: How many, in both arms together.
        seed: Whole number from which everything follows.

    Returns:
        The folder: subjects, laboratory, genetics and times as SAS transport files (version 5).

    Example:
        >>> from tempfile import mkdtemp
        >>> made = write_company_trial(Path(mkdtemp()), patients=20)
        >>> len(list(made.glob("*.xpt")))
        4
    """
    rng = generator(seed, _STREAM)
    population, treated = draw_trial(patients, rng)
    numbers = pl.Series([f"INSILICO-{it + 1:05d}" for it in range(patients)])
    frame = population.patients.with_columns(
        USUBJID=numbers, KIND=pl.lit(made.IN_SILICO), treated=treated
    )
    made.write_folder(folder, _description(patients), _entries())
    _write_xport(_subjects(rng, frame), folder / "adsl_in_silico.xpt", "ADSL")
    _write_xport(_laboratory(rng, frame), folder / "lb_in_silico.xpt", "LB")
    _write_xport(_genetics(rng, population, frame), folder / "gf_in_silico.xpt", "GF")
    _write_xport(_times(frame), folder / "adtte_in_silico.xpt", "ADTTE")
    return folder


def draw_trial(patients: int, rng: np.random.Generator) -> tuple[Population, pl.Series]:
    """Draw the patients of a randomised trial in FLT3-mutated leukaemia.

    Args:
        patients: How many.
        rng: Where random numbers come from.

    Returns:
        The patients, and whether each was randomised to the drug. Sex and kind of FLT3 mutation
        are met exactly, the hazard ratio of death within sampling error.
    """
    margins = aml_margins()
    ratio = margins.of("trial death hazard ratio")["midostaurin"] ** _SPREAD
    size = _POOL * patients + 500
    drug = happens(rng, 0.5, size)
    pool = draw_aml(size, rng, _HARDER * np.where(drug, ratio, 1.0))
    arms, shares = margins.shares("trial patients")
    treated = round(patients * float(shares[arms.index("midostaurin")]))
    chosen = np.concatenate(
        [
            _stratified(pool, drug, treated, margins),
            _stratified(pool, ~drug, patients - treated, margins),
        ]
    )
    order = rng.permutation(chosen)
    return pool.only(pl.Series(order)), pl.Series(drug[order])


def _stratified(pool: Population, arm: Flags, patients: int, margins: Margins) -> Integers:
    """The first eligible patients of an arm, by sex and kind of mutation."""
    frame = pool.patients
    young = frame["age"].is_between(
        margins.one("trial age lowest (a)"), margins.one("trial age highest (a)")
    )
    fitting = (frame["genomic_class"] != "t(15;17)") & (frame["aml_type"] != "therapy-related")
    eligible = arm & (young & fitting).to_numpy()
    itd, tkd = pool.carries(_ITD).to_numpy(), pool.carries(_TKD).to_numpy()
    kinds, shares = margins.shares("trial FLT3 patients")
    with_itd = float(sum(s for kind, s in zip(kinds, shares, strict=True) if kind != "TKD"))
    male = frame["male"].to_numpy()
    women = round(patients * margins.one("trial female share"))
    found = []
    for sex, wanted in ((~male, women), (male, patients - women)):
        first = round(wanted * with_itd)
        found.append(np.flatnonzero(eligible & sex & itd)[:first])
        found.append(np.flatnonzero(eligible & sex & tkd & ~itd)[: wanted - first])
    return np.concatenate(found)


def _subjects(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    arm = pl.when("treated").then(pl.lit(_TREATED)).otherwise(pl.lit(_CONTROL))
    ecog = withhold(rng, frame.select("ecog"), {"ecog": measured_gaps()["ecog"]})
    site = pl.Series(rng.integers(1, _SITES + 1, frame.height))
    return frame.select(
        "USUBJID",
        "KIND",
        pl.lit("INSILICO-P3").alias("STUDYID"),
        pl.format("IS{}", site.cast(pl.String).str.zfill(3)).alias("SITEID"),
        pl.col("age").alias("AGE"),
        pl.when("male").then(pl.lit("M")).otherwise(pl.lit("F")).alias("SEX"),
        arm.alias("ARM"),
        pl.col("aml_type").str.to_uppercase().alias("AMLTYPE"),
        ecog["ecog"].cast(pl.Float64).alias("ECOG"),
    )


def _laboratory(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    measured = ("wbc", "haemoglobin", "platelets", "ldh", "marrow_blasts", "blood_blasts")
    gaps = {name: share for name, share in measured_gaps().items() if name in measured}
    known = withhold(rng, frame.select("USUBJID", *measured), gaps)
    return known.select(
        "USUBJID",
        pl.col("wbc").alias("WBC"),
        (pl.col("haemoglobin") / HAEMOGLOBIN_MMOL).round(2).alias("HGB"),
        pl.col("platelets").alias("PLAT"),
        (pl.col("ldh") / KATAL).round(2).alias("LDH"),
        (pl.col("marrow_blasts") / 100).alias("BLASTBM"),
        (pl.col("blood_blasts") / 100).alias("BLASTPB"),
    )


def _genetics(
    rng: np.random.Generator, population: Population, frame: pl.DataFrame
) -> pl.DataFrame:
    """Results by gene, as the central laboratory reported them, and the karyotype."""
    results = {"FLT3ITD": population.carries(_ITD), "FLT3TKD": population.carries(_TKD)}
    done = {name: np.ones(frame.height, dtype=bool) for name in results}
    for gene in _TESTED:
        results[gene] = population.carries(*_LOCI.get(gene, (gene,)))
        done[gene] = ~happens(rng, _NOT_DONE, frame.height)
    words = [
        pl.when(pl.Series(~done[name]))
        .then(pl.lit("NOT DONE"))
        .when(found)
        .then(pl.lit("DETECTED"))
        .otherwise(pl.lit("NOT DETECTED"))
        .alias(name)
        for name, found in results.items()
    ]
    return frame.select("USUBJID", *words, pl.col("karyotype_iscn").alias("ISCN"))


def _times(frame: pl.DataFrame) -> pl.DataFrame:
    def months(day: str) -> pl.Expr:
        return (pl.col(day) / MONTH).round(3)

    return frame.select(
        "USUBJID",
        months("complete_remission_day").alias("CRMO"),
        months("relapse_day").alias("RELMO"),
        months("transplant_day").alias("HSCTMO"),
        pl.when(pl.col("transplant_day").is_not_null())
        .then(pl.col("transplant_type").str.to_uppercase())
        .otherwise(pl.lit(""))
        .alias("HSCTTYPE"),
        months("last_contact_day").alias("OSMO"),
        pl.col("dead").cast(pl.Float64).alias("OSEVT"),
    )


def _write_xport(frame: pl.DataFrame, path: Path, name: str) -> None:
    """Write a SAS transport file, version 5, without the clock that the writer puts into it."""
    labels = {entry.column: entry.label for entry in _entries()}
    pyreadstat.write_xport(
        frame.with_columns(pl.selectors.string().fill_null("")),
        str(path),
        table_name=name,
        column_labels=[labels[column] for column in frame.columns],
        file_format_version=5,
    )
    content = path.read_bytes()
    head = _STAMP.sub(_FIXED_STAMP, content[:_HEADER])
    path.write_bytes(head + content[_HEADER:])


def _description(patients: int) -> dict[str, object]:
    tables = {"adsl": "adsl", "lb": "lb", "gf": "gf", "adtte": "adtte"}
    return {
        "id": "insilico-company-trial",
        "title": (
            f"In-silico phase 3 trial: {patients} adults with FLT3-mutated acute myeloid "
            "leukaemia, two arms"
        ),
        "partner": "In-silico company",
        "source": "trial",
        "timeline": {"origin": "randomisation"},
        "patients": "adsl",
        "tables": {name: {"file": f"{file}_in_silico.xpt"} for name, file in tables.items()},
    }


def _entries() -> list[Entry]:
    return [*_subject_entries(), *_measured_entries(), *_genetic_entries(), *_time_entries()]


def _upper(*names: str) -> Mapping[str, str]:
    return {name.upper(): name for name in names}


def _subject_entries() -> list[Entry]:
    table = "adsl"
    return [
        made.patient(table, "USUBJID"),
        made.status(table, "KIND"),
        made.coded(table, "STUDYID", "Study", "study", {"INSILICO-P3": "in-silico phase 3"}),
        made.text(table, "SITEID", "Site", "centre"),
        made.number(table, "AGE", "Age at diagnosis", "age_at_diagnosis", "a"),
        made.coded(table, "SEX", "Sex", "sex", {"M": "male", "F": "female"}),
        made.text(table, "ARM", "Planned arm", "arm"),
        made.coded(
            table, "AMLTYPE", "Type of AML", "aml_type", _upper("de novo", "secondary", "other")
        ),
        made.coded(table, "ECOG", "ECOG", "ecog", {it: it for it in "01234"}),
    ]


def _measured_entries() -> list[Entry]:
    table = "lb"
    return [
        made.patient(table, "USUBJID"),
        made.number(table, "WBC", "Leukocytes (10^9/L)", "wbc", "10*9/L"),
        made.number(table, "HGB", "Haemoglobin (mmol/L)", "haemoglobin", "mmol/L"),
        made.number(table, "PLAT", "Platelets (10^9/L)", "platelets", "10*9/L"),
        made.number(table, "LDH", "Lactate dehydrogenase (ukat/L)", "ldh", "ukat/L"),
        made.number(table, "BLASTBM", "Marrow blasts (fraction)", "marrow_blasts", "1"),
        made.number(table, "BLASTPB", "Blood blasts (fraction)", "blood_blasts", "1"),
    ]


def _genetic_entries() -> list[Entry]:
    table = "gf"
    words = {"DETECTED": "positive", "NOT DETECTED": "negative"}
    names = {"FLT3ITD": _ITD, "FLT3TKD": _TKD} | {gene: gene for gene in _TESTED}
    results = [
        made.coded(table, column, f"{element} result", element, words, ("NOT DONE",))
        for column, element in names.items()
    ]
    karyotype = made.text(table, "ISCN", "Karyotype (ISCN)", "karyotype_iscn")
    return [made.patient(table, "USUBJID"), *results, karyotype]


def _time_entries() -> list[Entry]:
    table = "adtte"
    grafts = ("allogeneic related", "allogeneic unrelated", "haploidentical", "autologous")
    since = "randomisation (months)"
    return [
        made.patient(table, "USUBJID"),
        made.number(table, "CRMO", f"Remission, from {since}", "complete_remission_day", "mo"),
        made.number(table, "RELMO", f"Relapse, from {since}", "relapse_day", "mo"),
        made.number(table, "HSCTMO", f"Transplant, from {since}", "transplant_day", "mo"),
        made.coded(table, "HSCTTYPE", "Transplant type", "transplant_type", _upper(*grafts)),
        made.number(table, "OSMO", f"Last, from {since}", "last_contact_day", "mo"),
        made.coded(table, "OSEVT", "Death", "vital_status", {"0": "alive", "1": "dead"}),
    ]
