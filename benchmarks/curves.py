"""How long curves, tests and competing-risks models take, in CPU seconds on one thread.

OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/curves.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from haemony.analysis.survival.comparing.gray import gray
from haemony.analysis.survival.comparing.logrank import logrank
from haemony.analysis.survival.competing.fine_gray import fine_gray
from haemony.analysis.survival.curves.aalen_johansen import aalen_johansen
from haemony.analysis.survival.curves.kaplan_meier import kaplan_meier
from haemony.analysis.survival.curves.nelson_aalen import nelson_aalen
from haemony.analysis.survival.curves.restricted_mean import restricted_loss
from haemony.analysis.survival.data.response import Surv


def cohort(n: int, seed: int = 20_160_609) -> tuple[Surv, Surv, np.ndarray]:
    """Whole days with heavy ties, two causes, ten covariates."""
    draw = np.random.default_rng(seed)
    x = np.column_stack([draw.normal(size=(n, 5)), draw.integers(0, 2, size=(n, 5))])
    first = np.ceil(draw.exponential(1500 * np.exp(-0.2 * x[:, 0] - 0.3 * x[:, 5])))
    second = np.ceil(draw.exponential(2500, n))
    end = np.ceil(draw.uniform(100, 3650, n))
    days = np.minimum(np.minimum(first, second), end)
    kind = np.where(first == days, 1, np.where(second == days, 2, 0))
    return Surv.right(days, kind, states=("relapse", "death")), Surv.right(days, kind > 0), x


def fastest(run: Callable[[], object], times: int = 3) -> float:
    """The least CPU time of some runs."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        run()
        taken.append(time.process_time() - begin)
    return min(taken)


def main() -> None:
    """Print one line per task."""
    both, _, x = cohort(100_000)
    many, many_died, many_x = cohort(1_000_000)
    group, weight = many_x[:, 5], 0.5 + np.arange(1_000_000) % 4 / 2
    cluster = np.arange(1_000_000) // 3
    tasks: dict[str, Callable[[], object]] = {
        "Fine-Gray cmprsk, 100,000 x 10": lambda: fine_gray(both, covariates=x),
        "Fine-Gray finegray, 100,000 x 10": lambda: fine_gray(
            both, covariates=x, convention="finegray"
        ),
        "Gray, 100,000": lambda: gray(both, groups=x[:, 5]),
        "Kaplan-Meier, 1,000,000": lambda: kaplan_meier(many_died),
        "Kaplan-Meier, robust, weights, clusters, 1,000,000": lambda: kaplan_meier(
            many_died, weights=weight, cluster=cluster
        ),
        "Nelson-Aalen, 1,000,000": lambda: nelson_aalen(many_died),
        "log-rank, 1,000,000": lambda: logrank(many_died, groups=group),
        "Aalen-Johansen, 1,000,000": lambda: aalen_johansen(many),
        "Aalen-Johansen, weights, 1,000,000": lambda: aalen_johansen(many, weights=weight),
        "time lost by cause, 1,000,000": lambda: restricted_loss(many, groups=group, tau=1000),
        "Gray, 1,000,000": lambda: gray(many, groups=group),
    }
    for name, run in tasks.items():
        print(f"{name:52} {fastest(run):6.3f}")


if __name__ == "__main__":
    main()
