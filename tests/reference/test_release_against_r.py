"""From partners' files through OMOP and back: the release gives the figures that R gave.

The reference table was made by R's ``survival`` on the source files (``r/make_reference.R``); here
the same analyses run on what a statistician gets from the release.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony.analysis import survival

R = Path(__file__).parent / "r" / "survival_amlsg.csv"
CLOSE = {"rel": 1e-6, "abs": 1e-6}
WANTED = [
    "age_at_diagnosis", "NPM1", "FLT3_ITD", "wbc", "study", "genomic_class", "os_days", "os_event",
]  # fmt: skip


def r_says(analysis: str, quantity: str) -> dict[str, float]:
    """The figures of one analysis, by label."""
    with R.open(encoding="utf-8", newline="") as file:
        return {
            row["label"]: float(row["value"])
            for row in csv.DictReader(file)
            if (row["analysis"], row["quantity"]) == (analysis, quantity)
        }


@pytest.fixture(scope="module")
def table(amlsg_release: hm.Release) -> pl.DataFrame:
    """The columns of the analyses, from the release."""
    return amlsg_release.features(WANTED)


def test_kaplan_meier(table: pl.DataFrame) -> None:
    """Survival, standard error and numbers at risk at eight times."""
    curve = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table)
    expected = {name: r_says("km", name) for name in ("surv", "std.err", "n.risk")}
    days = [int(label.rpartition("@ ")[2]) for label in expected["surv"]]

    at = curve.at(days)

    assert at["survival"].to_list() == pytest.approx(list(expected["surv"].values()), **CLOSE)
    assert at["std_err"].to_list() == pytest.approx(list(expected["std.err"].values()), **CLOSE)
    at_risk = curve.numbers_at_risk(days)
    assert at_risk["n_risk"].to_list() == list(expected["n.risk"].values())


def test_logrank(table: pl.DataFrame) -> None:
    """The log-rank statistic over the fourteen genomic classes."""
    test = survival.logrank("Surv(os_days, os_event) ~ genomic_class", table)

    assert test.statistic == pytest.approx(r_says("logrank class", "statistic")["all"], **CLOSE)
    assert test.df == 13


def test_cox(table: pl.DataFrame) -> None:
    """Efron's Cox model: coefficients, standard errors, log-likelihoods, concordance."""
    formula = "Surv(os_days, os_event) ~ age_at_diagnosis + NPM1 + FLT3_ITD + log1p(wbc)"

    fit = survival.cox(formula, table)

    said = {name: r_says("cox", name) for name in ("coefficient", "standard error")}
    assert np.array(fit.coefficients) == pytest.approx(list(said["coefficient"].values()), **CLOSE)
    assert np.array(fit.standard_errors) == pytest.approx(
        list(said["standard error"].values()), **CLOSE
    )
    likelihood = r_says("cox", "log-likelihood")
    assert fit.log_likelihood.fitted == pytest.approx(likelihood["fitted"], **CLOSE)
    assert fit.concordance.value == pytest.approx(r_says("cox", "concordance")["all"], **CLOSE)
