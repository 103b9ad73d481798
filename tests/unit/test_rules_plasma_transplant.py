"""The clinical rules of plasma-cell disorders and of transplants, each broken once by hand."""

from __future__ import annotations

import polars as pl
import pytest

import haemony as hm
from haemony.quality.wide import column_type

Patient = dict[str, object]

DATED = {
    "neutrophil recovery": "neutrophil_recovery",
    "platelet recovery": "platelet_recovery",
    "acute GvHD": "acute_gvhd",
    "acute GvHD of grade II": "acute_gvhd_2_4",
    "acute GvHD of grade III": "acute_gvhd_3_4",
    "chronic GvHD": "chronic_gvhd",
    "extensive chronic GvHD": "chronic_gvhd_extensive",
    "CMV reactivation": "cmv_reactivation",
    "graft failure": "graft_failure",
}
"""Events of which a source may tell the day, or yes or no, or both."""

BROKEN: dict[str, Patient] = {
    **{
        f"{text} lies within follow-up": {f"{event}_day": 20, "last_contact_day": 19}
        for text, event in DATED.items()
    },
    **{
        f"a day of {text} is never beside a no": {f"{event}_day": 20, event: "no"}
        for text, event in DATED.items()
    },
    "an infusion of donor lymphocytes lies within follow-up": {
        "donor_lymphocytes_day": 400, "last_contact_day": 399,
    },
    "acute GvHD of grade III is also of grade II": {
        "acute_gvhd_3_4": "yes", "acute_gvhd_2_4": "no",
    },
    "the grade of acute GvHD agrees with its yes or no": {
        "acute_gvhd_grade": "I", "acute_gvhd_2_4": "yes",
    },
    "extensive chronic GvHD is chronic GvHD": {
        "chronic_gvhd_extensive": "yes", "chronic_gvhd": "no",
    },
    "an autologous graft does not attack its host": {"donor": "self", "acute_gvhd_2_4": "yes"},
    "an HLA-identical sibling matches in every allele": {
        "donor": "HLA-identical sibling", "hla_match": "9/10",
    },
    "reduced conditioning spares the full dose of irradiation": {
        "conditioning_intensity": "reduced intensity", "tbi_dose": 12.0,
    },
    "the EBMT score agrees with the age": {"age_at_transplant": 41.0, "ebmt_score": 1},
    "progression to malignancy lies within follow-up": {
        "plasma_cell_malignancy_day": 20, "last_contact_day": 19,
    },
    "a named malignancy has a day": {"plasma_cell_malignancy": "amyloidosis"},
    "ISS I has its albumin and beta-2-microglobulin": {
        "iss": "I", "albumin": 3.4, "beta2_microglobulin": 2.0,
    },
    "ISS III has its beta-2-microglobulin": {"iss": "II", "beta2_microglobulin": 5.5},
    "R-ISS agrees with ISS": {"r_iss": "III", "iss": "II"},
    "R2-ISS I is ISS I": {"r2_iss": "I", "iss": "II"},
    "the light chain ratio agrees with the chains": {
        "flc_ratio": 10.0, "kappa_free": 10.0, "lambda_free": 100.0,
    },
    "Waldenström macroglobulinaemia makes IgM": {
        "diagnosis": "Waldenström macroglobulinaemia", "heavy_chain": "IgG",
    },
    "a gammopathy of undetermined significance is small": {
        "diagnosis": "monoclonal gammopathy", "m_protein": 3.1,
    },
    "myeloma has plasma cells in the marrow or a plasmacytoma": {
        "diagnosis": "multiple myeloma", "marrow_plasma_cells": 9.0, "plasmacytoma": "none",
    },
    "translocations of IGH exclude each other": {"t_4_14": "positive", "t_11_14": "positive"},
    "copies of 1q21 agree with 1q gain": {"copies_1q21": "3", "gain_1q": "negative"},
    "a monoclonal protein has a chain": {"heavy_chain": "none", "light_chain": "none"},
    "observation begins before it ends": {"entry_day": 20, "last_contact_day": 19},
    "a relapse with a day is a relapse": {"relapse": "no", "relapse_day": 20},
}  # fmt: skip
"""A patient who breaks each rule; all that is not named is not known."""

SOUND: Patient = {
    "last_contact_day": 500, "entry_day": 500, "relapse": "yes", "relapse_day": 300,
    "neutrophil_recovery": "yes", "neutrophil_recovery_day": 15, "donor_lymphocytes_day": 400,
    "platelet_recovery": "yes", "platelet_recovery_day": 20, "acute_gvhd": "yes",
    "acute_gvhd_day": 25, "acute_gvhd_2_4": "yes", "acute_gvhd_2_4_day": 30,
    "acute_gvhd_3_4": "no", "acute_gvhd_grade": "II", "chronic_gvhd": "yes",
    "chronic_gvhd_day": 120, "chronic_gvhd_extensive": "no", "graft_failure": "no",
    "cmv_reactivation": "yes", "cmv_reactivation_day": 40, "donor": "HLA-identical sibling",
    "hla_match": "10/10", "conditioning_intensity": "reduced intensity", "tbi_dose": 2.0,
    "age_at_transplant": 41.0, "ebmt_score": 2, "diagnosis": "multiple myeloma", "iss": "I",
    "r_iss": "II", "r2_iss": "II", "albumin": 3.5, "beta2_microglobulin": 3.4,
    "flc_ratio": 10.0, "kappa_free": 100.0, "lambda_free": 10.0, "heavy_chain": "IgG",
    "light_chain": "kappa", "m_protein": 5.0, "marrow_plasma_cells": 40.0,
    "plasmacytoma": "none", "t_4_14": "positive", "t_11_14": "negative", "copies_1q21": "3",
    "gain_1q": "positive", "plasma_cell_malignancy": "multiple myeloma",
    "plasma_cell_malignancy_day": 500,
}  # fmt: skip
"""A patient who breaks none, with as much known as one can have."""


def judged(patient: Patient, name: str) -> bool | None:
    """What one rule says of one patient; nothing where a value it needs is missing."""
    disease = hm.disease("myeloma")
    (rule,) = (rule for rule in disease.rules if rule.name == name)
    columns = {
        element.name: pl.Series([patient.get(element.name)], dtype=_plain(column_type(element)))
        for element in disease.catalogue.values()
        if element.name in rule.expression
    }
    answer: bool | None = pl.DataFrame(columns).select(pl.sql_expr(rule.expression)).item()
    return answer


def _plain(dtype: pl.DataType) -> pl.DataType:
    """Categories as rules see them: as text."""
    return pl.String() if isinstance(dtype, pl.Enum) else dtype


@pytest.mark.parametrize("name", BROKEN)
def test_who_breaks_a_rule_is_found(name: str) -> None:
    """One contradiction is enough, whatever else is unknown."""
    assert judged(BROKEN[name], name) is False


@pytest.mark.parametrize("name", BROKEN)
def test_who_is_consistent_breaks_none(name: str) -> None:
    """A patient of whom nearly everything is known and nothing contradicts itself is sound."""
    assert judged(SOUND, name) is not False


@pytest.mark.parametrize("name", BROKEN)
def test_who_is_unknown_breaks_none(name: str) -> None:
    """What is not known contradicts nothing."""
    assert judged({}, name) is not False


def test_every_code_of_the_cases_is_one_of_the_catalogue() -> None:
    """A rule that names a value its element does not have would never be broken."""
    catalogue = hm.disease("myeloma").catalogue
    for patient in (SOUND, *BROKEN.values()):
        for name, value in patient.items():
            codes = catalogue[name].codes
            assert not codes or value in codes, (name, value)
