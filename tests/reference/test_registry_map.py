"""A study of some registry patients, measured against the whole registry: LeukSurv's 1,043."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from haemony.privacy.anonymity import Recoding, all_or_nothing, intervals
from haemony.privacy.cut import cut
from haemony.privacy.policy import (
    Adversary,
    Coarsening,
    Policy,
    Population,
    QuasiIdentifier,
    Treatment,
)

TREE = Treatment.GENERALISE


@pytest.fixture
def registry(shared_data: Path) -> pl.DataFrame:
    """Everybody of the registry."""
    path = shared_data / "leuksurv_nw_england" / "leuksurv.csv"
    names = {"fac_sex": "sex", "fac_district": "district", "num_age": "age", "time": "days"}
    return pl.read_csv(path).select(pl.col(old).alias(new) for old, new in names.items())


def policy(registry: pl.DataFrame, adversary: Adversary) -> Policy:
    """Sex, age and district; twelve alike, in the study or in the registry."""
    age = intervals("age", range(10, 100), [5, 10, 30])
    return Policy(
        "study",
        "an approved project",
        "a secure environment",
        (
            QuasiIdentifier("sex", TREE, all_or_nothing(registry["sex"])),
            QuasiIdentifier("age", TREE, age),
            QuasiIdentifier("district", TREE, all_or_nothing(registry["district"])),
        ),
        suppression_limit=0.05,
        recoding=Recoding.FULL_DOMAIN,
        adversary=adversary,
        population=Population("leuksurv.csv", registry, ""),
        released=(Coarsening("days"),),
    )


def test_whoever_does_not_know_who_took_part_needs_less(registry: pl.DataFrame) -> None:
    """Every third patient: 12-map against the registry loses less than 12-anonymity among them."""
    study = registry[::3]

    known = cut(study, policy(registry, Adversary.PROSECUTOR))
    unknown = cut(study, policy(registry, Adversary.JOURNALIST))

    assert (registry.height, study.height) == (1043, 348)
    assert known.after.prosecutor.highest <= 1 / 12
    assert unknown.exposure.highest <= 1 / 12 < unknown.after.prosecutor.highest
    assert known.after.journalist is not None
    assert known.after.journalist.highest < known.after.prosecutor.highest
    assert sum(unknown.loss.values()) < sum(known.loss.values())
    assert max(known.suppressed, unknown.suppressed) <= 0.05 * study.height
