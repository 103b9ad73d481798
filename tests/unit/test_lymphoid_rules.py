"""The clinical rules of lymphomas and lymphoid leukaemias: what breaks them and what does not."""

from __future__ import annotations

import polars as pl
import pytest

import haemony as hm

CASES = {
    "transformation into lymphoma lies within follow-up": (
        "cll",
        {"transformation_day": 900, "last_contact_day": 800},
        {"transformation_day": 700, "last_contact_day": 800},
    ),
    "a day of treatment means treated": (
        "cll",
        {"treatment_start_day": 30, "treated_after": "no"},
        {"treatment_start_day": None, "treated_after": "no"},
    ),
    "the IGHV status follows from the identity": (
        "cll",
        {"ighv_status": "unmutated", "ighv_identity": 95.0},
        {"ighv_status": "borderline", "ighv_identity": 97.4},
    ),
    "a loss of 13q14 on both chromosomes is a loss": (
        "cll",
        {"del_13q_both": "positive", "del_13q": "negative"},
        {"del_13q_both": "negative", "del_13q": "positive"},
    ),
    "a loss of 13q14 on one chromosome is a loss": (
        "cll",
        {"del_13q_one": "positive", "del_13q": "negative"},
        {"del_13q_one": "positive", "del_13q": "positive"},
    ),
    "stage C is anaemia or thrombocytopenia": (
        "cll",
        {"binet": "C", "haemoglobin": 12.0, "platelets": 150.0},
        {"binet": "C", "haemoglobin": 12.0, "platelets": 80.0},
    ),
    "a clone of TP53 is a mutation": (
        "cll",
        {"TP53_clone": 12.0, "TP53": "negative"},
        {"TP53_clone": 0.0, "TP53": "negative"},
    ),
    "a raised LDH lies above its limit": (
        "nhl",
        {"ldh_raised": "raised", "ldh_ratio": 1.0},
        {"ldh_raised": "normal", "ldh_ratio": 1.0},
    ),
    "a double hit has MYC rearranged": (
        "nhl",
        {"double_hit": "MYC and BCL2", "MYC_rearranged": "negative"},
        {"double_hit": "none", "MYC_rearranged": "negative"},
    ),
    "a double hit has its second gene rearranged": (
        "nhl",
        {"double_hit": "triple hit", "BCL2_rearranged": "positive", "BCL6_rearranged": "negative"},
        {
            "double_hit": "MYC and BCL2",
            "BCL2_rearranged": "positive",
            "BCL6_rearranged": "negative",
        },
    ),
    "the dark-zone signature belongs to germinal-centre lymphoma": (
        "nhl",
        {"dark_zone_signature": "positive", "cell_of_origin": "ABC"},
        {"dark_zone_signature": "positive", "cell_of_origin": "GCB"},
    ),
    "extranodal sites are extranodal disease": (
        "nhl",
        {"extranodal_sites": 2, "extranodal_disease": "absent"},
        {"extranodal_sites": 0, "extranodal_disease": "absent"},
    ),
    "marrow involvement is stage IV": (
        "hodgkin",
        {"marrow_involvement": "present", "ann_arbor": "II"},
        {"marrow_involvement": "present", "ann_arbor": "IV"},
    ),
    "mantle cell lymphoma has cyclin D1 or t(11;14)": (
        "nhl",
        {
            "diagnosis": "mantle cell lymphoma",
            "cyclin_D1": "negative",
            "t_11_14": "negative",
        },
        {
            "diagnosis": "mantle cell lymphoma",
            "cyclin_D1": "negative",
            "t_11_14": "positive",
        },
    ),
    "class-defining fusions of lymphoblasts exclude each other": (
        "all",
        {
            "BCR_ABL1": "positive",
            "KMT2A_AFF1": "positive",
            "TCF3_PBX1": None,
            "ETV6_RUNX1": "negative",
        },
        {
            "BCR_ABL1": "positive",
            "KMT2A_AFF1": None,
            "TCF3_PBX1": None,
            "ETV6_RUNX1": "negative",
        },
    ),
    "t(9;22) makes BCR::ABL1": (
        "all",
        {"t_9_22": "positive", "BCR_ABL1": "negative"},
        {"t_9_22": "negative", "BCR_ABL1": "positive"},
    ),
    "t(4;11) makes KMT2A::AFF1": (
        "all",
        {"t_4_11": "positive", "KMT2A_AFF1": "negative"},
        {"t_4_11": "positive", "KMT2A_AFF1": "positive"},
    ),
    "only BCR::ABL1 has its protein": (
        "all",
        {"bcr_abl1_protein": "p190", "BCR_ABL1": "negative"},
        {"bcr_abl1_protein": None, "BCR_ABL1": "negative"},
    ),
    "a B-cell leukaemia has a B-cell phenotype": (
        "all",
        {"diagnosis": "B-cell acute lymphoblastic leukaemia", "immunophenotype": "cortical T"},
        {"diagnosis": "B-cell acute lymphoblastic leukaemia", "immunophenotype": "pro-B"},
    ),
    "a T-cell leukaemia has a T-cell phenotype": (
        "all",
        {"diagnosis": "T-cell acute lymphoblastic leukaemia", "immunophenotype": "pre-B"},
        {"diagnosis": "T-cell acute lymphoblastic leukaemia", "immunophenotype": "T"},
    ),
    "a leukaemia is not both hyperdiploid and hypodiploid": (
        "all",
        {"hyperdiploidy": "positive", "hypodiploidy": "positive"},
        {"hyperdiploidy": "negative", "hypodiploidy": "positive"},
    ),
    "a continuous remission has no relapse": (
        "all",
        {"continuous_remission": "yes", "relapse": "yes"},
        {"continuous_remission": "no", "relapse": "yes"},
    ),
}


def holds(rule: str, disease: str, patient: dict[str, object]) -> bool | None:
    """Whether a rule of a disease holds for one patient; nothing when it cannot be judged."""
    (found,) = [one for one in hm.disease(disease).rules if one.name == rule]
    judged = pl.DataFrame([patient]).select(pl.sql_expr(found.expression).alias("holds"))
    answer: bool | None = judged["holds"].item()
    return answer


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_tells_broken_from_kept(rule: str) -> None:
    """The first patient breaks the rule, the second does not, and both are of its elements."""
    disease, broken, kept = CASES[rule]
    catalogue = hm.disease(disease).catalogue

    assert set(broken) | set(kept) <= set(catalogue)
    assert holds(rule, disease, broken) is False
    assert holds(rule, disease, kept) is not False


@pytest.mark.parametrize("identity", [97.99, 98.0])
def test_ighv_turns_at_98_per_cent(identity: float) -> None:
    """Below 98 % identity a gene is mutated, at 98 % it is not."""
    rule = "the IGHV status follows from the identity"

    mutated = holds(rule, "cll", {"ighv_status": "mutated", "ighv_identity": identity})
    unmutated = holds(rule, "cll", {"ighv_status": "unmutated", "ighv_identity": identity})

    assert (mutated, unmutated) == (identity < 98, identity >= 98)


def test_every_rule_of_lymphoid_disease_has_a_case() -> None:
    """No rule of these diseases is without a patient who breaks it."""
    shared = {rule.name for rule in hm.disease("aml").rules}
    own = {rule.name for code in ("cll", "nhl", "all") for rule in hm.disease(code).rules}

    assert own - shared == set(CASES)
