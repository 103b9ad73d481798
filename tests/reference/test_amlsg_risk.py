"""The disclosure risk of the three AMLSG trials before anything is done to them.

Sex is ``gender``, age ``AOD`` in whole years, centre ``Center``, study ``Study``, AML type
``TypeAML``, cytogenetic risk ``C_Risk``. Ages in bands of w years are ⌊age / w⌋. Missing
cytogenetic risk (122 patients) is a value of its own.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from haemony.privacy import risk

TABLE = [
    (["gender", "AOD", "Center"], 49.8, 95.4, "0.697", 1),
    (["gender", "age_5", "Center"], 13.9, 54.7, "0.347", 1),
    (["gender", "AOD", "Study"], 1.4, 13.5, "0.139", 1),
    (["gender", "AOD", "Study", "TypeAML", "C_Risk"], 23.4, 59.0, "0.424", 1),
    (["gender", "age_10", "Study"], 0.1, 0.8, "0.019", 1),
    (["gender", "age_5"], 0.0, 0.1, "0.018", 2),
]


@pytest.fixture(scope="module")
def patients(shared_data: Path) -> pl.DataFrame:
    """The 1,540 patients, with age in bands."""
    frame = pl.read_csv(
        shared_data / "amlsg" / "clinical.csv", infer_schema_length=None, null_values=["", "NA"]
    )
    return frame.with_columns(age_5=pl.col("AOD") // 5, age_10=pl.col("AOD") // 10)


@pytest.mark.parametrize(("columns", "unique", "below_five", "mean", "smallest"), TABLE)
def test_risk_before_anything_is_done(
    patients: pl.DataFrame,
    columns: list[str],
    unique: float,
    below_five: float,
    mean: str,
    smallest: int,
) -> None:
    """Shares in per cent, mean prosecutor risk and smallest class, to the digit printed."""
    found = risk(patients, columns)

    assert found.rows == 1_540
    assert round(100 * found.unique_share, 1) == unique
    assert round(100 * found.share_in_classes_below(5), 1) == below_five
    assert f"{found.prosecutor.mean:.3f}" == mean
    assert found.smallest_class == smallest
