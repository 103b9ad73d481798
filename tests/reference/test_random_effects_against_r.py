"""Random effects with given variances, Fisher's test and pair tests equal R's.

The figures that R gave are kept in `r/random_effects.csv`, so the comparison runs without R; where
R is installed, a last test has R compute them again.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.analysis import genomics, random_effects
from haemony.analysis.genomics.pair_fits import Follow
from haemony.analysis.survival import Surv
from haemony.analysis.survival.data.complete import groups_of
from haemony.analysis.survival.regression.risk_sets import RiskSets
from support import cohorts_random_effects as cohorts

HERE = Path(__file__).parent / "r"
SCRIPT, KEPT = HERE / "make_random_effects.R", HERE / "random_effects.csv"
Figures = Mapping[str, Mapping[str, float]]
COHORTS: Mapping[str, Callable[[], pl.DataFrame]] = {
    "amlsg": cohorts.amlsg,
    "made_up": cohorts.made_up,
}
GENES = ["NPM1", "FLT3_ITD", "FLT3_TKD", "DNMT3A", "KIT", "RUNX1", "SRSF2", "RAD21"]
TOLERANCE = defaultdict(lambda: 1e-8, {"log-likelihood": 1e-9, "p": 1e-10, "rough": 2e-3})


def read(path: Path) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """R's figures: (data set, analysis) -> quantity -> label -> value."""
    figures: dict[tuple[str, str], dict[str, dict[str, float]]] = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = float("nan") if row["value"] == "NA" else float(row["value"])
            figures[row["dataset"], row["analysis"]].setdefault(row["quantity"], {})[
                row["label"]
            ] = value
    return figures


REFERENCE = read(KEPT) if KEPT.exists() else {}


@cache
def table(dataset: str) -> pl.DataFrame:
    """The patients, read once."""
    return COHORTS[dataset]()


def needs(dataset: str) -> None:
    """Skip where the patients are absent."""
    if dataset == "amlsg" and not cohorts.FOLDER.exists():
        pytest.skip("the AMLSG files are not at HAEMONY_SHARED_DATA or ../shared/data")


@pytest.mark.parametrize(
    ("dataset", "analysis"), [pytest.param(*case, id=": ".join(case)) for case in REFERENCE]
)
def test_figures_equal_rs(dataset: str, analysis: str) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    needs(dataset)
    found = answers(dataset, analysis)

    for quantity, expected in REFERENCE[dataset, analysis].items():
        mine, theirs = np.ravel(found[quantity]), np.array(list(expected.values()))
        assert mine.shape == theirs.shape, quantity
        worst = np.nanmax(np.abs(mine - theirs) / np.maximum(1, np.abs(theirs)))
        assert worst <= TOLERANCE[quantity], (quantity, worst)
        assert (np.isnan(mine) == np.isnan(theirs)).all()


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_still_gives_the_kept_figures(tmp_path: Path) -> None:
    """The reference table is what R computes from these patients today."""
    paths = []
    for dataset in COHORTS:
        needs(dataset)
        paths.append(tmp_path / f"{dataset}.csv")
        table(dataset).write_csv(paths[-1])

    done = subprocess.run(
        ["Rscript", SCRIPT, *paths, tmp_path / "figures.csv"],
        capture_output=True,
        text=True,
        check=False,
    )

    if "there is no package called" in done.stderr:
        pytest.skip("R is here without its package survival")
    assert done.returncode == 0, done.stderr
    again = read(tmp_path / "figures.csv")
    assert again.keys() == REFERENCE.keys()
    for case, figures in REFERENCE.items():
        for quantity, expected in figures.items():
            mine = np.array(list(again[case][quantity].values()))
            theirs = np.array(list(expected.values()))
            assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-9, equal_nan=True), (case, quantity)


def answers(dataset: str, analysis: str) -> dict[str, object]:
    """The same figures for one analysis, named as R's."""
    patients = table(dataset)
    if analysis.startswith("fisher "):
        return fisher_figures(patients, analysis.removeprefix("fisher ").split(":"))
    if analysis.startswith("pair "):
        return pair_figures(patients, analysis.removeprefix("pair ").split(":"))
    if analysis == "adjust":
        given = [0.01, 0.011, 0.2, np.nan, 0.04, 0.5, 0.04, 1]
        methods: tuple[genomics.multiplicity.Method, ...] = ("BH", "BY", "holm", "bonferroni")
        return {method: genomics.adjust(given, method) for method in methods}
    return fit_figures(FITS[analysis](patients))


def fit_figures(fit: random_effects.RandomEffects) -> dict[str, object]:
    """What R's `coxph` says."""
    return {
        "coefficient": fit.coefficients,
        "log-likelihood": [fit.log_likelihood.null, fit.log_likelihood.fitted],
        "posterior se": fit.standard_errors,
        "sampling se": np.sqrt(np.diag(fit.sampling_covariance)),
        "df": sum(df_by_term(fit, label) for label in dict.fromkeys(fit.labels)),
    }


def df_by_term(fit: random_effects.RandomEffects, label: str) -> float:
    """R's degrees of freedom of one term: how much less its estimate varies than its truth."""
    mine = np.flatnonzero(np.array(fit.labels) == label)
    block = np.ix_(mine, mine)
    return float(np.trace(np.linalg.solve(fit.covariance[block], fit.sampling_covariance[block])))


def fisher_figures(patients: pl.DataFrame, pair: list[str]) -> dict[str, object]:
    """What R's `fisher.test` says, and what it would say had it gone on."""
    found = genomics.comutation(patients, pair)
    return {
        "counts": found.counts,
        "p": found.tests.p,
        "rough": found.tests.odds_ratio,
        "estimate": found.tests.odds_ratio,
        "lower": found.tests.lower,
        "upper": found.tests.upper,
    }


def pair_figures(patients: pl.DataFrame, pair: list[str]) -> dict[str, object]:
    """What R's `coxph` says of two alterations and their product."""
    strata = groups_of(patients, ["study"]).codes
    response = Surv.right(patients["os_days"], patients["os_event"])
    follow = Follow(RiskSets.of(response, strata), np.ones(patients.height))
    fits = follow.fit(genomics.Findings.of(patients, pair), np.array([0]), np.array([1]))
    return {
        "effects": fits.effects,
        "full": fits.full,
        "std_err": fits.std_err,
        "statistic": fits.statistic,
        "score statistic": fits.score_statistic,
    }


FITS: Mapping[str, Callable[[pl.DataFrame], random_effects.RandomEffects]] = {
    "ridge efron": lambda t: random_effects.cox(
        "Surv(os_days, os_event) ~ age + strata(study)",
        t,
        groups={"genes": GENES},
        variances=0.05,
        means="zero",
    ),
    "ridge breslow": lambda t: random_effects.cox(
        "Surv(os_days, os_event) ~ age + strata(study)",
        t,
        groups={"genes": GENES},
        variances=0.05,
        means="zero",
        ties="breslow",
    ),
    "two ridges": lambda t: random_effects.cox(
        "Surv(os_days, os_event) ~ 1",
        t,
        groups={
            "genes": ["NPM1", "FLT3_ITD", "DNMT3A", "KIT"],
            "copy number": ["minus_7", "plus_8", "complex"],
        },
        variances={"genes": 0.2, "copy number": 0.02},
        means="zero",
    ),
    "ridge delayed offset": lambda t: random_effects.cox(
        "Surv(start, stop, event) ~ age + offset(known) + strata(site)",
        t.with_columns(known=pl.col("wbc") / 16),
        groups={"findings": ["gene", "young", "high"]},
        variances=0.25,
        means="zero",
    ),
    "no shrinkage": lambda t: random_effects.cox(
        "Surv(start, stop, event) ~ age + strata(site)",
        t,
        groups={"findings": ["gene", "young", "high"]},
        variances=float("inf"),
    ),
}
