"""Are variance components of a Cox model recovered? Simulated cohorts with known ones.

Run ``python benchmarks/variance_components.py``. Each cohort has 1,500 patients, a third of them
censored, and three groups of binary covariates: many weak effects, some strong ones with a mean of
their own, and some without any. Printed are the standard deviations found by each estimator, how
often 95 % posterior intervals hold the true effects, and seconds per fit.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np

from haemony.analysis import random_effects
from haemony.analysis.survival import Surv

GROUPS = {"weak": (60, 0.0, 0.2), "strong": (30, 0.2, 0.6), "none": (30, 0.0, 0.0)}
"""Size, mean and standard deviation of the effects."""
PATIENTS = 1500


def simulated(seed: int) -> tuple[Surv, np.ndarray, np.ndarray, dict[str, list[str]]]:
    """One cohort: follow-up, covariates, true effects and groups."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.03, 0.4, sum(size for size, _, _ in GROUPS.values()))
    x = (rng.random((PATIENTS, len(frequency))) < frequency).astype(float)
    effects, groups = [], {}
    for name, (size, mean, sd) in GROUPS.items():
        effects.append(rng.normal(mean, sd, size) if sd else np.zeros(size))
        groups[name] = [f"{name} {i}" for i in range(size)]
    beta = np.concatenate(effects)
    eta = x @ beta
    death = rng.exponential(1000 * np.exp(-(eta - eta.mean())))
    watched = rng.exponential(2500, PATIENTS)
    days = np.ceil(np.minimum(death, watched))
    return Surv.right(days, death <= watched), x, beta, groups


def main() -> None:
    """Fit all cohorts by each estimator and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=50)
    given = parser.parse_args()
    print("| estimator | group | true SD | mean of SDs found (SE) | true mean | mean found (SE) | "
          "coverage of 95 % | s per fit |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for estimator in ("reml", "ml", "blup"):
        sds, means, held, begin = [], [], [], time.perf_counter()
        for seed in range(given.cohorts):
            response, x, beta, groups = simulated(seed)
            names = [name for members in groups.values() for name in members]
            fit = random_effects.cox(
                response, covariates=x, names=names, groups=groups, estimator=estimator
            )
            sds.append(np.sqrt(fit.variances))
            means.append(fit.means)
            inside = np.abs(fit.coefficients - beta) <= 1.959964 * fit.standard_errors
            held.append([inside[mine].mean() for mine in fit.groups.members])
        seconds = (time.perf_counter() - begin) / given.cohorts
        for place, (name, (_, mean, sd)) in enumerate(GROUPS.items()):
            found, centre = np.array(sds)[:, place], np.array(means)[:, place]
            root = np.sqrt(given.cohorts)
            print(
                f"| {estimator} | {name} | {sd:.2f} | {found.mean():.3f} "
                f"({found.std(ddof=1) / root:.3f}) | {mean:.2f} | {centre.mean():.3f} "
                f"({centre.std(ddof=1) / root:.3f}) | {np.array(held)[:, place].mean():.3f} "
                f"| {seconds:.2f} |"
            )


if __name__ == "__main__":
    main()
