"""The example study on the AMLSG trials gives the figures that were published.

Papaemmanuil E et al. (2016) Genomic classification and prognosis in acute myeloid leukemia. New
England Journal of Medicine 374:2209-2221. Medians, tests and rates as R's survival package gives
them on the same data.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import haemony as hm
from haemony import study

CLASSES = {
    "NPM1": 418,
    "chromatin or spliceosome": 275,
    "TP53 or aneuploidy": 199,
    "drivers, no class": 166,
    "inv(16)": 81,
    "CEBPA, biallelic": 66,
    "no drivers": 62,
    "t(15;17)": 60,
    "t(8;21)": 60,
    "two or more classes": 56,
    "KMT2A fusion": 44,
    "inv(3)": 20,
    "IDH2 R172": 18,
    "t(6;9)": 15,
}
FIVE_YEARS = {
    "inv(16)": 0.79,
    "t(15;17)": 0.76,
    "CEBPA, biallelic": 0.72,
    "IDH2 R172": 0.58,
    "t(8;21)": 0.55,
    "NPM1": 0.48,
    "no drivers": 0.46,
    "drivers, no class": 0.38,
    "t(6;9)": 0.33,
    "chromatin or spliceosome": 0.28,
    "two or more classes": 0.27,
    "KMT2A fusion": 0.23,
    "TP53 or aneuploidy": 0.17,
    "inv(3)": 0.10,
}


@pytest.fixture(scope="module")
def result(amlsg_release: hm.Release) -> study.StudyResult:
    """The example study, run on the trials."""
    example = files("haemony.diseases.aml") / "studies" / "overall_survival.toml"
    return study.run(study.parse(example.read_text(encoding="utf-8")), amlsg_release)


@pytest.fixture(scope="module")
def written(result: study.StudyResult, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Its results as they are written."""
    folder: Path = tmp_path_factory.mktemp("report")
    result.write(folder)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


def test_every_patient_of_the_trials_is_studied(result: study.StudyResult) -> None:
    """1,540 adults, none lost, 904 deaths."""
    (survival,) = result.endpoints

    assert (result.cohort.people, result.cohort.table.height) == (1540, 1540)
    assert (survival.curve.n, survival.curve.events) == (1540, 904)


def test_median_survival_is_the_published_one(result: study.StudyResult) -> None:
    """850 days (95% CI 739 to 1,008, log transform)."""
    median = result.endpoints[0].curve.median

    assert (median.value, median.lower, median.upper) == (850, 739, 1008)


def test_medians_by_study(result: study.StudyResult) -> None:
    """07-04 1,593 days, 98A 855, 98B 361."""
    medians = {curve.group: curve.median.value for curve in result.survival[1].curves}

    assert medians == {"AMLSG 07-04": 1593, "AML HD98A": 855, "AML HD98B": 361}


def test_class_counts(result: study.StudyResult) -> None:
    """The classes have the sizes that the paper prints."""
    assert {curve.group: curve.n for curve in result.survival[2].curves} == CLASSES


def test_logrank_by_class(result: study.StudyResult) -> None:
    """252.4 on 13 degrees of freedom."""
    test = result.survival[2].test

    assert test is not None
    assert (round(test.statistic, 1), test.df) == (252.4, 13)


def test_five_year_survival_by_class(written: dict[str, Any]) -> None:
    """The classes range from .79 to .10, as written in the results."""
    groups = written["survival"][2]["groups"]

    found = {g["label"]: next(a for a in g["at"] if a["time"] == 5) for g in groups}

    assert {label: round(at["survival"], 2) for label, at in found.items()} == FIVE_YEARS


def test_the_model_says_who_is_not_in_it(result: study.StudyResult) -> None:
    """14 patients lack a white cell count; all others are in the model."""
    fit = result.models[0].fit

    assert (fit.n, fit.events) == (1526, 896)
    assert fit.missing.by_variable == {"wbc": 14}
    assert fit.converged


def test_quality_and_conditions_travel_with_the_numbers(written: dict[str, Any]) -> None:
    """The contribution's level and its conditions of use stand beside the results."""
    (source,) = written["provenance"]["sources"]

    assert source["patients"] == 1540
    assert source["level"] >= 0
    assert source["conditions"] == ["DUO:0000042"]
    assert written["provenance"]["in_silico"] is False


def test_the_template_of_an_external_control_gives_the_figures_of_r(
    amlsg_release: hm.Release, tmp_path: Path
) -> None:
    """AMLSG 07-04 beside HD98A weighted to look like it: `glm`, then `coxph` and `survfit`.

    R 4.2 with survival 3.5-3: hazard ratio 0.82690 (0.70435 to 0.97077), three-year survival
    0.48206 and 0.52993. Only 3 patients of HD98B are under 61; nothing is written of them.
    """
    plan = study.load(study.new(tmp_path / "plan", "external-control"))

    result = study.run(plan, amlsg_release)

    (found,) = result.weighted
    assert found.groups == (
        ("AML HD98A", 502, 293),
        ("AML HD98B", 3, 2),
        ("AMLSG 07-04", 681, 342),
    )
    pair, small = found.pairs
    ratio = pair.weighted.effects[0]
    assert (ratio.value, ratio.lower, ratio.upper) == pytest.approx(
        (0.8268981598, 0.7043487399, 0.9707699153), rel=1e-8
    )
    later = next(at for at in pair.at if at.days == pytest.approx(3 * 365.25))
    assert later.others is not None
    assert later.treated is not None
    assert (later.others.value, later.treated.value) == pytest.approx(
        (0.4820623690, 0.5299330888), abs=1e-9
    )
    assert (later.others.lower, later.treated.upper) == pytest.approx(
        (0.4384899083, 0.5692915129), abs=1e-9
    )
    assert pair.worst < 0.02
    assert small.others == "AML HD98B"
    assert {"groups hardly overlap", "groups still differ"} <= {
        one.doubt.value for one in result.cautions if one.key == "weighted[1]"
    }
    assert all(change.compared and not change.refused for change in result.sensitivities)
