"""Curves, tests and competing-risks models equal R's on twelve real cohorts.

The figures that R gave are kept in `r/curves.csv`, so the comparison runs without R; where R is
installed, a last test has R compute them again.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from support.cohorts_curves import CURVES, cohort
from support.curves_answers import answers
from support.survival_cohorts import SHARED_DATA

HERE = Path(__file__).parent / "r"
PACKAGES = ("survival", "cmprsk", "riskRegression", "prodlim", "mvtnorm")
TOLERANCE: Mapping[str, float] = defaultdict(
    lambda: 1e-12,
    {"logrank": 1e-10, "trend": 1e-10, "pairwise": 1e-10, "gray": 1e-10}
    | {"crr": 1e-8, "finegray": 1e-8, "cause": 1e-8, "csc": 1e-8},
)
INTEGRATED = {"maxcombo 3": 1e-8, "maxcombo 4": 1e-5}
"""R integrates the singular normal distribution of four tests to five decimals only."""
Figures = dict[tuple[str, str, str], dict[str, float]]


@cache
def read_reference(path: Path) -> Figures:
    """R's figures as (dataset, analysis, quantity) -> label -> value."""
    figures: Figures = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            value = float("nan") if row["value"] == "NA" else float(row["value"])
            figures[row["dataset"], row["analysis"], row["quantity"]][row["label"]] = value
    return figures


KEPT = read_reference(HERE / "curves.csv")
CASES = sorted({(dataset, analysis) for dataset, analysis, _ in KEPT})


@pytest.fixture(autouse=True)
def shared_cohorts() -> None:
    """Skip where the patients are not here."""
    if not (SHARED_DATA / "ebmt").exists():
        pytest.skip("the shared cohorts are not at HAEMONY_SHARED_DATA or ../shared/data")


@pytest.mark.parametrize(("dataset", "analysis"), CASES, ids=str)
def test_an_analysis_equals_rs(dataset: str, analysis: str) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    mine = answers(dataset)

    for (name, kind, quantity), expected in KEPT.items():
        if (name, kind) == (dataset, analysis):
            found = mine[analysis, quantity]
            assert found.keys() == expected.keys(), quantity
            assert worst(found, expected) <= tolerance(analysis, quantity), quantity


def test_the_suite_is_wide() -> None:
    """Twelve cohorts, and two thousand figures."""
    assert {dataset for dataset, _, _ in KEPT} == set(CURVES)
    assert sum(map(len, KEPT.values())) > 2000


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_still_gives_the_kept_figures(tmp_path: Path) -> None:
    """The reference table is what R computes from these patients today."""
    folder, figures = tmp_path / "cohorts", tmp_path / "figures.csv"
    folder.mkdir()
    for name in CURVES:
        cohort(name).write_csv(folder / f"{name}.csv")

    done = subprocess.run(
        ["Rscript", HERE / "make_curves.R", folder, figures],
        capture_output=True,
        text=True,
        check=False,
    )

    if "there is no package called" in done.stderr:
        pytest.skip(f"R is here without one of its packages {', '.join(PACKAGES)}")
    assert done.returncode == 0, done.stderr
    again = read_reference(figures)
    assert again.keys() == KEPT.keys()
    for case, expected in KEPT.items():
        assert worst(again[case], expected) <= 1e-9, case


def tolerance(analysis: str, quantity: str) -> float:
    """The accuracy promised for a figure."""
    if quantity == "p" and analysis in INTEGRATED:
        return INTEGRATED[analysis]
    if quantity == "log-likelihood":
        return 1e-9
    return TOLERANCE[analysis.split(maxsplit=1)[0]]


def worst(found: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """The largest difference, relative where figures exceed one; NaN never passes."""
    return max(
        abs(found[label] - value) / max(1.0, abs(value)) for label, value in expected.items()
    )
