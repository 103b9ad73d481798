"""Causal and pooled analyses equal R's, on AMLSG, EBMT, Hodgkin lymphoma and 24 English districts.

R's figures are kept in `r/causal.csv`, so the comparison runs without R; where R is installed, a
last test has it compute them again (metafor and mice as well, where they are).
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.analysis import causal
from support.causal_answers import ADJUSTED, ANALYSES, FROM_DIAGNOSIS, answers, effects
from support.cohorts_causal import TABLES, remission
from support.survival_cohorts import SHARED_DATA

HERE = Path(__file__).parent
TABLE, SCRIPT = HERE / "r" / "causal.csv", HERE / "r" / "make_causal.R"
FOLDERS = {
    "remission": "amlsg",
    "filled": "amlsg",
    "hodgkin": "lymphoma_pmh",
    "platelets": "ebmt",
    "districts": "leuksurv_nw_england",
    "trials": "amlsg",
}
OPTIONAL = ("meta ", "rubin ")
TOLERANCE = defaultdict(
    lambda: 1e-8,
    {"surv": 1e-12, "pstate": 1e-12, "survival": 1e-10, "n": 0.0, "events": 0.0},
)
Figures = dict[tuple[str, str, str], dict[str, float]]


def read_reference(path: Path) -> Figures:
    """R's figures as (dataset, analysis, quantity) -> label -> value."""
    figures: Figures = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["dataset"], row["analysis"], row["quantity"])
            figures[key][row["label"]] = float(row["value"])
    return figures


REFERENCE = read_reference(TABLE)
CASES = sorted({(dataset, analysis) for dataset, analysis, _ in REFERENCE})


def needs_data(dataset: str) -> None:
    """Skip a comparison whose patients are not here."""
    if not (SHARED_DATA / FOLDERS[dataset]).exists():
        pytest.skip(f"{FOLDERS[dataset]} is not at HAEMONY_SHARED_DATA or ../shared/data")


def apart(found: dict[str, float], expected: dict[str, float]) -> float:
    """The largest difference, relative where figures exceed one."""
    assert set(expected) <= set(found), sorted(set(expected) - set(found))[:5]
    mine, theirs = (np.array([one[label] for label in expected]) for one in (found, expected))
    assert np.isfinite(mine).all()
    return float(np.max(np.abs(mine - theirs) / np.maximum(1.0, np.abs(theirs))))


@pytest.mark.parametrize(("dataset", "analysis"), CASES)
def test_the_figures_of_an_analysis_equal_rs(dataset: str, analysis: str) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    needs_data(dataset)
    expected = {q: v for (d, a, q), v in REFERENCE.items() if (d, a) == (dataset, analysis)}

    found = answers(dataset, analysis)

    for quantity, values in expected.items():
        worst = apart(found[quantity], values)
        assert worst <= TOLERANCE[quantity.removesuffix(" 0").removesuffix(" 1")], (quantity, worst)


def test_there_are_enough_figures() -> None:
    """At least sixty figures are compared, and each analysis is one of ours."""
    assert sum(map(len, REFERENCE.values())) >= 60
    assert {(d, a) for d, analyses in ANALYSES.items() for a in analyses} == set(CASES)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_still_gives_the_kept_figures(tmp_path: Path) -> None:
    """The reference table is what R computes from these patients today."""
    for dataset in FOLDERS:
        needs_data(dataset)
    for name, table in TABLES.items():
        table().write_csv(tmp_path / f"{name}.csv")
    figures = tmp_path / "figures.csv"

    done = subprocess.run(
        ["Rscript", SCRIPT, tmp_path, figures], capture_output=True, text=True, check=False
    )

    if "there is no package called" in done.stderr:
        pytest.skip("R is here without survival or riskRegression")
    assert done.returncode == 0, done.stderr
    again = read_reference(figures)
    for key in REFERENCE.keys() - again.keys():
        assert key[1].startswith(OPTIONAL), key
    for key, values in again.items():
        assert apart(values, REFERENCE[key]) <= 1e-9, key


def test_the_allograft_in_first_remission() -> None:
    """The estimates side by side: about .73 against a naive .65, and what the diagnosis clock does.

    1,269 patients reach remission and 345 have an allograft in first remission; adjusted for age,
    sex, white cells and ELN class (unknown apart) on the 1,260 with known white cells.
    """
    needs_data("remission")
    table = remission()
    found = effects()

    shown = causal.side_by_side(*found.values())

    remitted = table.filter(pl.col("cr_day").is_not_null())
    assert (remitted.height, remitted["graft"].count()) == (1269, 345)
    assert set(shown["covariates"]) == {ADJUSTED}
    assert shown["n"].to_list() == [1260, 1260, 1526, 1526, 1125, 1260]
    ratio = {name: effect.hazard_ratio for name, effect in found.items()}
    assert ratio["time-dependent from remission"] == pytest.approx(0.73, abs=0.01)
    assert ratio["naive from remission"] == pytest.approx(0.65, abs=0.015)
    assert ratio["naive from diagnosis"] < ratio["time-dependent from diagnosis"] - 0.1
    assert ratio["time-dependent from diagnosis"] < ratio["time-dependent from remission"]
    assert "immortal time" in found["naive from remission"].notes[0]
    assert not any("immortal" in note for note in found["landmark"].notes)


def test_the_diagnosis_clock_keeps_a_bias() -> None:
    """With never-remitters as controls, adjusted for age and a known ELN class: .63 and .47."""
    needs_data("remission")
    known = remission().filter(pl.col("eln") != "unknown")
    trial = replace(FROM_DIAGNOSIS, confounders="age + eln")

    dependent = causal.time_dependent(trial, known)
    naive = causal.naive_ever_exposed(trial, known)

    assert (dependent.n, naive.n) == (1411, 1411)
    assert (round(dependent.hazard_ratio, 2), round(naive.hazard_ratio, 2)) == (0.63, 0.47)
