"""Anonymisation of public census data against proven optima.

The figures are those of privacy research on the Adult data (30,162 rows, 9 quasi-identifiers): the
optima of full-domain generalisation in a lattice of 12,960 nodes, as the best existing tool finds
them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from haemony.privacy import Recoding, anonymise
from haemony.privacy.anonymity import DistinctLDiversity, Hierarchy, KAnonymity
from support.anonymity import covers, loss_of


@pytest.fixture(scope="module")
def adult(shared_data: Path) -> pl.DataFrame:
    """The rows."""
    return pl.read_csv(
        shared_data / "anonymization_adult" / "adult.csv", separator=";", infer_schema=False
    )


@pytest.fixture(scope="module")
def hierarchies(shared_data: Path, adult: pl.DataFrame) -> Mapping[str, Hierarchy]:
    """One hierarchy per column."""
    folder = shared_data / "anonymization_adult"
    return {
        name: Hierarchy.read(name, folder / f"adult_hierarchy_{name}.csv") for name in adult.columns
    }


OPTIMA = [
    (5, 0.0, 0.635543847, 0),
    (5, 0.05, 0.269634663, 1_346),
    (5, 1.0, 0.227700323, 2_553),
    (11, 0.0, 0.635543847, 0),
    (11, 0.05, 0.329523214, 1_507),
    (11, 1.0, 0.274448655, 4_223),
]


@pytest.mark.parametrize(("k", "limit", "loss", "suppressed"), OPTIMA)
def test_full_domain_optima(
    adult: pl.DataFrame,
    hierarchies: Mapping[str, Hierarchy],
    k: int,
    limit: float,
    loss: float,
    suppressed: int,
) -> None:
    """Loss and suppressed rows equal the proven optimum, and the frame says the same."""
    found = anonymise(
        adult,
        hierarchies,
        [KAnonymity(k)],
        suppression_limit=limit,
        recoding=Recoding.FULL_DOMAIN,
    )

    assert found.proof is not None
    assert found.proof.optimal
    assert found.proof.lattice == 12_960
    assert found.proof.loss == pytest.approx(loss, abs=1e-9)
    assert found.suppressed == suppressed
    assert loss_of(found.frame, hierarchies) == pytest.approx(loss, abs=1e-9)
    assert covers(found.frame, adult, hierarchies)
    classes = found.frame.group_by(list(hierarchies)).len()
    stars = pl.all_horizontal(pl.col(name) == "*" for name in hierarchies)
    assert classes.filter(~stars)["len"].min() >= k  # type: ignore[operator]
    assert classes.filter(stars)["len"].sum() == suppressed


@pytest.mark.parametrize(("k", "loss"), [(5, 0.058938), (11, 0.086136)])
def test_local_recoding_loses_less_than_is_known(
    adult: pl.DataFrame, hierarchies: Mapping[str, Hierarchy], k: int, loss: float
) -> None:
    """Local recoding stays below the best existing tool's loss, and its table is k-anonymous."""
    found = anonymise(adult, hierarchies, [KAnonymity(k)], suppression_limit=1.0)

    assert found.recoding is Recoding.LOCAL
    assert loss_of(found.frame, hierarchies) == pytest.approx(float(found.loss.total), abs=1e-12)
    assert loss_of(found.frame, hierarchies) < loss
    assert covers(found.frame, adult, hierarchies)
    kept = found.frame.filter(pl.Series(found.class_sizes) > 0)
    assert kept.group_by(list(hierarchies)).len()["len"].min() >= k  # type: ignore[operator]
    assert found.suppressed == adult.height - kept.height < k


@pytest.mark.parametrize(
    ("limit", "loss", "digits"), [(0, 0.625, 3), (0.05, 0.1799, 4), (1, 0.1736, 4)]
)
def test_diverse_optima(
    adult: pl.DataFrame,
    hierarchies: Mapping[str, Hierarchy],
    limit: float,
    loss: float,
    digits: int,
) -> None:
    """With three distinct occupations in each class, on the other eight columns."""
    rest = {name: hierarchy for name, hierarchy in hierarchies.items() if name != "occupation"}

    found = anonymise(
        adult,
        rest,
        [KAnonymity(5), DistinctLDiversity("occupation", 3)],
        suppression_limit=limit,
        recoding=Recoding.FULL_DOMAIN,
    )

    assert found.proof is not None
    assert found.proof.optimal
    assert round(found.proof.loss, digits) == loss
    kept = found.frame.filter(pl.Series(found.class_sizes) > 0)
    assert kept.group_by(list(rest)).agg(pl.col("occupation").n_unique())["occupation"].min() >= 3  # type: ignore[operator]
