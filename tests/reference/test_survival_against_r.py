"""Every survival statistic equals R's `survival`, on a made-up cohort and on the AMLSG trials.

The figures that R gave are kept in `r/survival_*.csv`, so the comparison runs without R; where R is
installed, a last test has R compute them again.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.analysis import survival
from support import survival_cohorts
from support.survival_answers import answers

HERE = Path(__file__).parent
SCRIPT = HERE / "r" / "make_reference.R"
COHORTS: Mapping[str, Callable[[], pl.DataFrame]] = {
    "synthetic": survival_cohorts.synthetic,
    "amlsg": survival_cohorts.amlsg,
}
TOLERANCE = defaultdict(
    lambda: 1e-8,
    {
        "log-likelihood": 1e-9,
        "surv": 1e-12,
        "std.err": 1e-12,
        "lower": 1e-12,
        "upper": 1e-12,
        "pstate": 1e-12,
        "n.risk": 1e-12,
        "n.event": 1e-12,
        "n.censor": 1e-12,
        "concordance": 1e-12,
        "concordance se": 1e-12,
        "statistic": 1e-10,
        "observed": 1e-10,
        "expected": 1e-10,
        "zph km": 1e-6,
        "zph rank": 1e-6,
        "zph identity": 1e-6,
        "zph log": 1e-6,
    },
)


def needs_data(cohort: str) -> None:
    """Skip a comparison whose patients are not here."""
    if cohort == "amlsg" and not (survival_cohorts.SHARED_DATA / "amlsg").exists():
        pytest.skip("the AMLSG files are not at HAEMONY_SHARED_DATA or ../shared/data")


def read_reference(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """R's figures as (analysis, quantity) -> label -> value."""
    figures: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            value = float("nan") if row["value"] == "NA" else float(row["value"])
            figures[row["analysis"], row["quantity"]][row["label"]] = value
    return figures


REFERENCE = {cohort: read_reference(HERE / "r" / f"survival_{cohort}.csv") for cohort in COHORTS}
CASES = [
    pytest.param(cohort, analysis, quantity, id=f"{cohort}: {analysis}: {quantity}")
    for cohort, figures in REFERENCE.items()
    for analysis, quantity in figures
]


@pytest.mark.parametrize(("cohort", "analysis", "quantity"), CASES)
def test_a_figure_equals_rs(cohort: str, analysis: str, quantity: str) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    needs_data(cohort)
    expected = REFERENCE[cohort][analysis, quantity]

    found = answers(cohort, analysis)[quantity]

    worst = worst_difference(found, expected)
    assert (
        worst <= TOLERANCE[quantity.split(" lower", maxsplit=1)[0].split(" upper", maxsplit=1)[0]]
    ), (
        worst,
        len(expected),
    )


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("cohort", COHORTS)
def test_r_still_gives_the_kept_figures(cohort: str, tmp_path: Path) -> None:
    """The reference tables are what R computes from these patients today."""
    needs_data(cohort)
    table, figures = tmp_path / "patients.csv", tmp_path / "figures.csv"
    COHORTS[cohort]().write_csv(table)

    done = subprocess.run(
        ["Rscript", SCRIPT, table, figures, cohort], capture_output=True, text=True, check=False
    )

    if "there is no package called" in done.stderr:
        pytest.skip("R is here without its package survival")
    assert done.returncode == 0, done.stderr
    again = read_reference(figures)
    assert again.keys() == REFERENCE[cohort].keys()
    for case, expected in REFERENCE[cohort].items():
        assert worst_difference(again[case], expected) <= 1e-9, case


def test_the_published_figures_of_amlsg() -> None:
    """1,540 patients, 904 deaths, and the medians and the test that the trials' papers print."""
    needs_data("amlsg")
    table = survival_cohorts.amlsg()

    everyone = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table).curves[0]
    by_study = survival.kaplan_meier("Surv(os_days, os_event) ~ study", table)
    watched = survival.follow_up("Surv(os_days, os_event) ~ study", table)
    test = survival.logrank("Surv(os_days, os_event) ~ class", table)

    assert (everyone.n, everyone.events) == (1540, 904)
    assert (everyone.median.value, everyone.median.lower, everyone.median.upper) == (850, 739, 1008)
    assert sorted(by_study.median["median"]) == [361, 855, 1593]
    assert sorted(watched.median["median"]) == [1827, 2753, 2782]
    assert (round(test.statistic, 1), test.df) == (252.4, 13)


def worst_difference(found: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """The largest difference, relative where figures exceed one; unknown must meet unknown."""
    assert set(expected) <= set(found), sorted(set(expected) - set(found))[:5]
    mine = np.array([found[label] for label in expected])
    theirs = np.array(list(expected.values()))
    assert (np.isnan(mine) == np.isnan(theirs)).all(), np.array(list(expected))[
        np.isnan(mine) != np.isnan(theirs)
    ][:5]
    scale = np.maximum(1.0, np.abs(theirs))
    return float(np.nanmax(np.abs(mine - theirs) / scale, initial=0.0))
