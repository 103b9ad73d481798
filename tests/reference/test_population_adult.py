"""Population uniques estimated from samples of a known population: the 30,162 rows of Adult."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.privacy.population import ClassSizes, Estimator, uniques_of

FEW = ("sex", "age", "race")
MANY = ("sex", "age", "race", "marital-status", "education")
TRUTH = {FEW: 62, MANY: 3_187}
MEANS = {
    (FEW, 0.02): (82, 511, 597, 82),
    (FEW, 0.1): (130, 168, 345, 130),
    (FEW, 0.2): (126, 119, 217, 119),
    (FEW, 0.5): (109, 79, 112, 79),
    (MANY, 0.02): (2_529, 11_965, 6_250, 2_529),
    (MANY, 0.1): (3_718, 4_837, 6_040, 3_718),
    (MANY, 0.2): (3_630, 3_918, 4_836, 3_918),
    (MANY, 0.5): (3_366, 3_247, 3_661, 3_247),
}
"""Mean over 20 samples: Pitman, Zayatz, slide negative binomial, Dankar's rule."""


@pytest.mark.parametrize(("columns", "fraction"), MEANS)
def test_estimates_from_samples_of_a_known_population(
    shared_data: Path, columns: tuple[str, ...], fraction: float
) -> None:
    """The table in the docs; Dankar's rule stays within a factor of two and a half of the truth."""
    adult = pl.read_csv(
        shared_data / "anonymization_adult" / "adult.csv", separator=";", infer_schema=False
    )
    assert adult.select(pl.struct(columns).is_unique().sum()).item() == TRUTH[columns]
    people = adult.select(kind=pl.struct(columns).rank("dense"))["kind"].to_numpy()

    estimates = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sample = rng.choice(people, int(fraction * len(people)), replace=False)
        sizes, counts = np.unique(np.unique(sample, return_counts=True)[1], return_counts=True)
        found = uniques_of(ClassSizes(tuple(sizes.tolist()), tuple(counts.tolist()), len(people)))
        estimates.append([*(found.by_estimator[e] for e in Estimator), found.uniques])
    means = np.mean(np.array(estimates, dtype=np.float64), axis=0)

    assert means == pytest.approx(MEANS[columns, fraction], rel=0.01)
    assert TRUTH[columns] / 2.5 < means[-1] < TRUTH[columns] * 2.5
