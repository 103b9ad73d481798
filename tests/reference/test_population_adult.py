"""Population uniques estimated from samples of a known population: the 30,162 rows of Adult."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.privacy.population import population_uniques

COLUMNS = {
    ("sex", "age", "race"): 62,
    ("sex", "age", "race", "marital-status", "education"): 3_187,
}


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("columns", COLUMNS)
def test_dankars_rule_is_right_within_a_factor_of_two_and_a_half(
    shared_data: Path, columns: tuple[str, ...], fraction: float
) -> None:
    """The mean over ten samples, from one in fifty to every other row; the truth is counted."""
    adult = pl.read_csv(
        shared_data / "anonymization_adult" / "adult.csv", separator=";", infer_schema=False
    )
    truth = adult.select(pl.struct(columns).is_unique().sum()).item()

    found = [
        population_uniques(
            adult.sample(fraction=fraction, seed=seed), columns, adult.height
        ).uniques
        for seed in range(10)
    ]

    assert truth == COLUMNS[columns]
    assert truth / 2.5 < np.mean(found) < truth * 2.5
