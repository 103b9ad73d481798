"""Cox models with extras equal R's, on eight real cohorts.

The figures that R gave are kept in `r/cox_more.csv`, so the comparison runs without R; where R is
installed, a last test has R compute them again.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from support.cohorts_cox_more import COHORTS
from support.cox_more_answers import answers
from support.survival_cohorts import SHARED_DATA

HERE = Path(__file__).parent
SCRIPT, KEPT = HERE / "r" / "make_cox_more.R", HERE / "r" / "cox_more.csv"
TOLERANCE = {
    "log-likelihood": 1e-9,
    "zph km": 1e-6,
    "firth coefficient": 2e-6,
    "firth log-likelihood": 1e-9,
    "net coefficient": 1e-7,
}
LOOSE = {("leuksurv", "gamma"): 1e-6, ("leuksurv", "gaussian"): 1e-6}
"""Where R itself searches for the variance of a frailty; for gamma it stops 2.4e-7 short of the
highest marginal likelihood, which shows in the degrees of freedom."""
SHORT = {("leuksurv", "gamma", "df"): 5e-5}


def read_reference(path: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """R's figures as (dataset, analysis, quantity) -> label -> value."""
    figures: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            key = (row["dataset"], row["analysis"], row["quantity"])
            figures[key][row["label"]] = float(row["value"])
    return figures


REFERENCE = read_reference(KEPT)


def needs_data() -> None:
    """Skip a comparison whose patients are not here."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data are not at HAEMONY_SHARED_DATA or ../shared/data")


@pytest.mark.parametrize(
    ("dataset", "analysis", "quantity"), REFERENCE, ids=[": ".join(key) for key in REFERENCE]
)
def test_a_figure_equals_rs(dataset: str, analysis: str, quantity: str) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    needs_data()
    expected = REFERENCE[dataset, analysis, quantity]

    found = answers(dataset, analysis)[quantity]

    allowed = max(
        TOLERANCE.get(quantity, 1e-8),
        LOOSE.get((dataset, analysis), 0.0),
        SHORT.get((dataset, analysis, quantity), 0.0),
    )
    for label, value in expected.items():
        assert abs(found[label] - value) <= allowed * max(1.0, abs(value)), (label, value)


def test_enough_is_compared() -> None:
    """At least 120 figures of at least eight cohorts."""
    assert sum(map(len, REFERENCE.values())) >= 120
    assert len({dataset for dataset, _, _ in REFERENCE}) >= 8


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_still_gives_the_kept_figures(tmp_path: Path) -> None:
    """The reference table is what R computes from these patients today."""
    needs_data()
    for name, read in COHORTS.items():
        read().write_csv(tmp_path / f"{name}.csv")
    figures = tmp_path / "figures.csv"

    done = subprocess.run(
        ["Rscript", SCRIPT, tmp_path, figures], capture_output=True, text=True, check=False
    )

    if "there is no package called" in done.stderr:
        pytest.skip("R is here without its package survival")
    assert done.returncode == 0, done.stderr
    again = read_reference(figures)
    lasso = {key for key in REFERENCE if key[1].startswith("elastic net")}
    assert REFERENCE.keys() - again.keys() <= lasso
    for case, found in again.items():
        expected = REFERENCE[case]
        worst = max(
            abs(found[label] - value) / max(1.0, abs(value)) for label, value in expected.items()
        )
        assert np.isfinite(worst), case
        assert worst <= (1e-6 if case[2].startswith("firth") else 1e-9), (case, worst)
