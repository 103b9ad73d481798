"""Why this exists: an analysis that gives transplant a benefit where there is none must be caught.

A cohort is generated in which a third of the patients is refractory, dies early and never reaches
transplant. The others reach remission, and some of them are transplanted later if they live: the
young and those with adverse risk more often. Transplant changes nothing: its true hazard ratio is
one.

By analysis over many cohorts: the mean hazard ratio, how often its 95 % interval covers one, how
often it lies below one (a benefit found), and how often the result warns of immortal time. Run it
with `python benchmarks/transplant_simulation.py [RUNS]`; 1,000 runs take some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from haemony.analysis.causal import (
    Effect,
    Trial,
    clone_censor_weight,
    landmark,
    naive_ever_exposed,
    sequential_trials,
    time_dependent,
)

PATIENTS = 500
REFRACTORY = 1 / 3
YEAR = 365.25
CONFOUNDERS = "age + adverse"

FROM_DIAGNOSIS = Trial(
    "diagnosis", "days", "died", "transplant_day", "transplant", confounders=CONFOUNDERS
)
FROM_REMISSION = Trial(
    "remission",
    "days_in_remission",
    "died",
    "transplant_in_remission",
    "transplant",
    confounders=CONFOUNDERS,
    eligible=pl.col("remission_day").is_not_null(),
)
ANALYSES: Mapping[str, Callable[[pl.DataFrame], Effect]] = {
    "naive, from diagnosis": lambda table: naive_ever_exposed(FROM_DIAGNOSIS, table),
    "naive, from remission": lambda table: naive_ever_exposed(FROM_REMISSION, table),
    "time-dependent, from diagnosis": lambda table: time_dependent(FROM_DIAGNOSIS, table),
    "time-dependent": lambda table: time_dependent(FROM_REMISSION, table),
    "landmark": lambda table: landmark(FROM_REMISSION, table, at=180),
    "sequential trials": lambda table: sequential_trials(FROM_REMISSION, table, every=30),
    "clone, censor, weight": lambda table: clone_censor_weight(FROM_REMISSION, table, grace=180),
}


def cohort(seed: int, n: int = PATIENTS) -> pl.DataFrame:
    """Patients in whom transplant changes nothing, in days from diagnosis and from remission."""
    draw = np.random.default_rng(seed)
    age = np.clip(draw.normal(52, 12, n), 18, 75).round()
    adverse = draw.random(n) < 0.3
    refractory = draw.random(n) < REFRACTORY
    risk = np.exp(0.03 * (age - 52) + 0.6 * adverse)
    remission = draw.integers(25, 70, n).astype(np.float64)
    dies = np.where(
        refractory,
        1 + draw.exponential(150, n),
        remission + 1 + draw.exponential(1200, n) / risk,
    )
    wish = np.exp(-0.03 * (age - 52) + 0.5 * adverse) / 250
    offered = remission + 20 + draw.exponential(1, n) / wish
    watched = draw.uniform(2 * YEAR, 8 * YEAR, n)
    days = np.ceil(np.minimum(dies, watched))
    remission = np.where(refractory | (remission >= days), np.nan, remission)
    transplant = np.ceil(offered)
    transplant = np.where((transplant < days) & (offered < remission + 365), transplant, np.nan)
    return pl.DataFrame(
        {
            "age": age,
            "adverse": adverse,
            "days": days,
            "died": dies <= watched,
            "remission_day": remission,
            "transplant_day": transplant,
            "days_in_remission": days - remission,
            "transplant_in_remission": transplant - remission,
        }
    ).fill_nan(None)


def one_run(seed: int, names: tuple[str, ...] = tuple(ANALYSES)) -> list[dict[str, object]]:
    """What the analyses say of one cohort."""
    table = cohort(seed)
    rows = []
    for name in names:
        found = ANALYSES[name](table)
        lower, upper = found.interval()
        rows.append(
            {
                "analysis": name,
                "log_ratio": found.estimate,
                "covers": lower <= 1 <= upper,
                "benefit": upper < 1,
                "warns": any(note.startswith("immortal time") for note in found.notes),
            }
        )
    return rows


def summary(runs: int, names: tuple[str, ...] = tuple(ANALYSES)) -> pl.DataFrame:
    """One row per analysis: hazard_ratio (geometric mean), covers, benefit and warns (shares)."""
    rows = [row for seed in range(runs) for row in one_run(seed, names)]
    return (
        pl.DataFrame(rows)
        .group_by("analysis", maintain_order=True)
        .agg(
            hazard_ratio=pl.col("log_ratio").mean().exp(),
            covers=pl.col("covers").mean(),
            benefit=pl.col("benefit").mean(),
            warns=pl.col("warns").mean(),
        )
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{count} cohorts of {PATIENTS} patients; true hazard ratio of transplant 1")
    with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True, fmt_str_lengths=40):
        print(summary(count))
