"""Why this exists: hold the three attacks against anonymeter, the program of the paper's authors.

anonymeter needs numpy below 1.27 and cannot share our environment, so its figures are made in one
of its own and kept in `tests/reference/anonymeter.csv`:

    python3.11 -m venv anonymeter && anonymeter/bin/pip install anonymeter==1.1.0
    anonymeter/bin/python benchmarks/anonymeter_reference.py

`tests/reference/test_attacks_against_anonymeter.py` makes the same attacks with ours. The people
are in silico and the same for both: six columns that depend on one hidden severity.

Its random guesses at a secret are not kept for comparison: they are matched to targets by row
number, so that they are all right when everybody is attacked and the release is a copy.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

TABLE = Path(__file__).resolve().parents[1] / "tests" / "reference" / "anonymeter.csv"
PEOPLE = 600
RELEASES = ("copied", "blurred", "unrelated")
SIDES = (["wbc", "ldh", "sex"], ["blasts", "age", "risk"])
NUMBERS = ("wbc", "ldh", "blasts", "age")
SECRETS = ("risk", "age")


def people(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw people: four numbers and two names, by column."""
    severity = rng.normal(size=count)
    return {
        "wbc": np.exp(2.5 + 0.9 * severity + 0.5 * rng.normal(size=count)),
        "ldh": np.exp(6.0 + 0.4 * severity + 0.3 * rng.normal(size=count)),
        "blasts": 100 / (1 + np.exp(-severity - rng.normal(size=count))),
        "age": 55 + 4 * severity + 12 * rng.normal(size=count),
        "sex": np.array(["female", "male"])[rng.integers(2, size=count)],
        "risk": np.array(["favourable", "intermediate", "adverse"])[
            np.digitize(severity + 0.5 * rng.normal(size=count), [-0.8, 0.8])
        ],
    }


def tables(release: str) -> tuple[dict[str, np.ndarray], ...]:
    """The released table, the members and the control."""
    rng = np.random.default_rng(2023)
    members, control, others = (people(PEOPLE, rng) for _ in range(3))
    if release == "unrelated":
        return others, members, control
    blur = {"copied": 0.0, "blurred": 0.02}[release]
    released = {
        name: values * np.exp(blur * rng.normal(size=PEOPLE)) if name in NUMBERS else values
        for name, values in members.items()
    }
    return released, members, control


def main() -> int:
    """Attack every release with anonymeter and write the counts."""
    import pandas as pd  # noqa: PLC0415
    from anonymeter.evaluators import (  # noqa: PLC0415
        InferenceEvaluator,
        LinkabilityEvaluator,
        SinglingOutEvaluator,
    )

    rows = []
    for release in RELEASES:
        released, members, control = (pd.DataFrame(table) for table in tables(release))
        link = LinkabilityEvaluator(
            members, released, SIDES, n_attacks=PEOPLE, n_neighbors=1, control=control
        )
        link.evaluate(n_jobs=1)
        rows.append((release, "linkability", "", *counts(link)))
        for secret in SECRETS:
            known = [name for name in members if name != secret]
            guess = InferenceEvaluator(
                members, released, known, secret, secret in NUMBERS, PEOPLE, control
            )
            guess.evaluate(n_jobs=1)
            rows.append((release, "inference", secret, *counts(guess)))
        for mode in ("univariate", "multivariate"):
            single = SinglingOutEvaluator(
                members, released, n_attacks=500, n_cols=3, control=control, seed=0
            )
            single.evaluate(mode=mode)
            rows.append((release, "singling out", mode, *counts(single)))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
    return 0


HEADER = (
    "release", "attack", "aim", "attempts", "members", "control", "guessing",
    "excess", "excess_low", "excess_high",
)  # fmt: skip


def counts(evaluator: object) -> tuple[object, ...]:
    """Attempts, successes of the three kinds, and the excess with its interval."""
    found = evaluator.results(confidence_level=0.95)  # type: ignore[attr-defined]
    risk = found.risk()
    shares = (risk.value, *risk.ci)
    return (
        found.n_attacks_ori,
        int(found.n_success),
        int(found.n_control),
        int(found.n_baseline),
        *(f"{share:.4f}" for share in shares),
    )


if __name__ == "__main__":
    sys.exit(main())
