"""Cohorts that nobody has seen: haemony and R are asked about data drawn at random.

Other tests compare with kept figures of known cohorts. Here R, where it is installed, answers for
cohorts with heavy ties, times such as 0.1 + 0.2, late entry, strata without events, fractional
weights, clusters, offsets, covariates far from zero, rows in any order and more rows than a block.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.analysis import survival
from haemony.analysis.survival.data.columns import BLOCK

SCRIPT = Path(__file__).parent / "r" / "random_cohorts.R"
COVARIATES = "x1 + x2 + x3"
TIMES = ("days", "halves", "continuous", "tiny", "large")
SIZES = {"small": 60, "middling": 400, "block": BLOCK, "blocks": 2 * BLOCK + 1}
CASES = [
    (f"{size}-{times}-{'late' if late else 'early'}", SIZES[size], times, late)
    for size, times, late in (
        *(("middling", times, late) for times in TIMES for late in (False, True)),
        ("small", "days", False),
        ("small", "halves", True),
        ("block", "days", True),
        ("blocks", "days", True),
    )
]
TOLERANCE = defaultdict(
    lambda: 1e-8,
    {"log-likelihood": 1e-9, "zph km": 1e-6, "zph rank": 1e-6, "survival": 1e-12},
)

Answers = dict[tuple[str, str], np.ndarray]


def cohort(number: int, n: int, times: str, late: bool) -> pl.DataFrame:
    """One cohort in which a third of the strata have no event."""
    draw = np.random.default_rng(1_000 + number)
    x = np.column_stack(
        [2003 + np.round(5 * draw.normal(size=n)), 1e5 + draw.normal(size=n), draw.random(n) < 0.15]
    )
    stratum, known = draw.integers(0, 6, n), 0.5 * draw.normal(size=n)
    rate = np.exp(0.05 * (x[:, 0] - 2003) - 0.4 * (x[:, 1] - 1e5) + 0.7 * x[:, 2] + known)
    ends = np.array([draw.exponential(1 / rate), draw.exponential(1.5, n), draw.exponential(2, n)])
    status = np.array([1, 2, 0])[ends.argmin(axis=0)]
    status[stratum % 3 == 0] = 0
    start = np.where(draw.random(n) < 0.6, draw.exponential(0.3, n), 0.0) * late
    stop = start + ends.min(axis=0) + 1e-3
    if times in ("days", "large"):
        scale = 40 if times == "days" else 1e5
        start, stop = np.floor(scale * start), np.floor(scale * stop) + 1
    elif times == "halves":
        first, last = np.floor(10 * start), np.floor(10 * stop) + 1
        summed = np.cumsum(np.full(int(last.max()), 0.1))
        start, stop = (
            first * 0.1,
            np.where(draw.random(n) < 0.5, last * 0.1, summed[last.astype(int) - 1]),
        )
    elif times == "tiny":
        start, stop = start / 1000, stop / 1000
    return pl.DataFrame(
        {
            "start": start,
            "stop": stop,
            "status": status,
            "died": (status == 1).astype(int),
            **{f"x{i + 1}": x[:, i] for i in range(3)},
            "stratum": stratum,
            "centre": draw.integers(1, 4, n),
            "cluster": draw.integers(0, n // 3, n),
            "known": known,
            "weight": draw.gamma(2, 0.5, n) + 0.05,
        }
    )


def answers(table: pl.DataFrame, late: bool) -> Answers:
    """What haemony says, named as `r/random_cohorts.R` names R's."""
    follow_up = "Surv(start, stop, died)" if late else "Surv(stop, died)"
    found: Answers = {}
    for ties in ("efron", "breslow"):
        fit = survival.cox(
            f"{follow_up} ~ {COVARIATES} + strata(stratum) + offset(known) + cluster(cluster)",
            table,
            weights="weight",
            ties=ties,
        )
        scaled = survival.schoenfeld(fit).scaled
        likelihood = fit.log_likelihood
        figures = {
            "coefficient": fit.coefficients,
            "standard error": fit.standard_errors,
            "naive": np.sqrt(np.diag(fit.naive_covariance)),
            "log-likelihood": np.array([likelihood.null, likelihood.fitted]),
            "score test": np.array([fit.score_test.statistic]),
            "concordance": np.array([fit.concordance.value, fit.concordance.std_err]),
            "martingale": survival.martingale(fit)[some(table.height)],
            "dfbeta": survival.dfbeta(fit)[some(table.height)].ravel(),
            "scaledsch": scaled[some(len(scaled))].ravel(),
        }
        middle = np.quantile(table["stop"], 0.4, method="inverted_cdf")
        new = fit.predict(table.head(3), [middle])
        for patient, ahead in enumerate(new.select("survival", "lower").to_numpy(), 1):
            figures[f"new patient {patient}"] = ahead
        for transform in ("km", "rank"):
            tests = survival.proportional_hazards(fit, transform).table()
            figures[f"zph {transform}"] = tests["statistic"].to_numpy()
        found |= {(ties, name): values for name, values in figures.items()}
    ranks = survival.concordance(f"{follow_up} ~ x3 + cluster(cluster)", table, weights="weight")
    found["ranks", "clustered"] = np.array([ranks.value, ranks.std_err])
    curves = survival.kaplan_meier(
        f"{follow_up} ~ centre + cluster(cluster)", table, weights="weight"
    ).table()
    found["curve", "survival"] = curves["survival"].to_numpy()
    found["curve", "std_err"] = curves["std_err"].fill_null(0.0).to_numpy()
    if not late:
        model = f"Surv(stop, status) ~ {COVARIATES}"
        plain = survival.fine_gray(model, table)
        grouped = survival.fine_gray(model, table, censoring_by="centre")
        found["crr", "coefficient"] = plain.coefficients
        found["crr", "standard error"] = plain.standard_errors
        found["crr grouped", "coefficient"] = grouped.coefficients
        found["gray", "statistic"] = survival.gray("Surv(stop, status) ~ centre", table).statistic
    return found


def some(n: int) -> np.ndarray:
    """Twenty of n rows, as R's script takes them."""
    return np.unique(np.round(np.linspace(1, n, 20)).astype(int)) - 1


@pytest.fixture(scope="module")
def from_r(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[tuple[str, str], list[float]]]:
    """R's figures of each cohort by analysis and quantity."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    folder = tmp_path_factory.mktemp("cohorts")
    for number, (name, n, times, late) in enumerate(CASES):
        cohort(number, n, times, late).write_csv(folder / f"{name}.csv")
    output = folder / "figures.txt"
    done = subprocess.run(
        ["Rscript", SCRIPT, folder, output], capture_output=True, text=True, check=False
    )
    if "there is no package called" in done.stderr:
        pytest.skip("R is here without its packages survival and cmprsk")
    assert done.returncode == 0, done.stderr
    figures: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    with output.open(newline="") as file:
        for row in csv.DictReader(file):
            figures[row["dataset"]][row["analysis"], row["quantity"]].append(float(row["value"]))
    return figures


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_a_cohort_drawn_at_random_has_rs_figures(
    number: int, from_r: dict[str, dict[tuple[str, str], list[float]]]
) -> None:
    """Every figure that R gives is reproduced within the accuracy promised for its kind."""
    name, n, times, late = CASES[number]

    found = answers(cohort(number, n, times, late), late)

    expected = from_r[name]
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        known = np.array(values)
        off = np.abs(found[key] - known) / np.maximum(1.0, np.abs(known))
        assert off.max() <= TOLERANCE[key[1]], (key, off.max())
