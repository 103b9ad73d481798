"""Laws of anonymisation that hold for every table, hierarchy, model and limit."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.privacy import Recoding, anonymise, risk
from haemony.privacy.anonymity import (
    AverageRisk,
    DeltaPresence,
    DistinctLDiversity,
    Effort,
    EntropyLDiversity,
    Equal,
    Hierarchical,
    Hierarchy,
    KAnonymity,
    KMap,
    Model,
    Ordered,
    RecursiveCLDiversity,
    StrictAverageRisk,
    TCloseness,
)
from haemony.privacy.anonymity.faults import NotReachable
from support.anonymity import covers, exhaustive, loss_of, satisfied

LIMITS = st.sampled_from([0.0, 0.05, 0.1, 0.29, 0.5, 0.9, 1.0])


@st.composite
def hierarchies(draw: st.DrawFn, name: str) -> Hierarchy:
    """Up to five leaves, joined at random up to four levels; a missing value may be one."""
    leaves = draw(st.integers(1, 5))
    rows = [[f"{name}{leaf}"] for leaf in range(leaves)]
    if draw(st.booleans()):
        rows[0][0] = ""
    groups = list(range(leaves))
    for level in range(1, draw(st.integers(1, 3))):
        join = draw(st.lists(st.integers(0, 2), min_size=leaves, max_size=leaves))
        groups = [min(group, join[group]) if join[group] < leaves else group for group in groups]
        for row, group in zip(rows, groups, strict=True):
            row.append(f"{name}/{level}/{group}")
    return Hierarchy.of_rows(name, [(*row, "*") for row in rows])


Case = tuple[pl.DataFrame, dict[str, Hierarchy], pl.DataFrame]


@st.composite
def tables(draw: st.DrawFn) -> Case:
    """Small tables of two or three quasi-identifiers, a sensitive column, and a population."""
    names = "ab" if draw(st.booleans()) else "abc"
    ladders = {name: draw(hierarchies(name)) for name in names}
    n, more = draw(st.integers(1, 14)), draw(st.integers(0, 10))

    def column(values: list[str], count: int) -> list[str | None]:
        drawn = draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))
        return [value or None for value in drawn]

    people = {name: column(list(h.leaves), n + more) for name, h in ladders.items()}
    everyone = pl.DataFrame(people, schema=dict.fromkeys(people, pl.String))
    disease = pl.Series("disease", column(["1", "2", "3", "4"], n), dtype=pl.String)
    return everyone.head(n).with_columns(disease), ladders, everyone


KINDS = Hierarchy.of_rows(
    "disease", [("1", "x", "*"), ("2", "x", "*"), ("3", "y", "*"), ("4", "y", "*")]
)
DIVERSITY = st.one_of(
    st.builds(DistinctLDiversity, st.just("disease"), st.integers(1, 3)),
    st.builds(EntropyLDiversity, st.just("disease"), st.sampled_from([1.0, 1.5, 2.0, 2.5])),
    st.builds(
        RecursiveCLDiversity,
        st.just("disease"),
        st.sampled_from([0.5, 1.0, 2.0]),
        st.integers(1, 3),
    ),
    st.builds(
        TCloseness,
        st.just("disease"),
        st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5]),
        st.sampled_from([Equal(), Ordered(), Ordered(("2", "1", "3", "4")), Hierarchical(KINDS)]),
    ),
)
SIZE = st.one_of(
    st.builds(KAnonymity, st.integers(1, 4)),
    st.builds(AverageRisk, st.sampled_from([0.2, 0.3, 0.5, 0.75])),
    st.builds(StrictAverageRisk, st.sampled_from([0.3, 0.5]), st.sampled_from([0.34, 0.5, 1.0])),
)
POPULATION = st.one_of(
    st.builds(KMap, st.integers(1, 5)),
    st.builds(DeltaPresence, st.sampled_from([0.0, 0.2, 0.5]), st.sampled_from([0.5, 0.8, 1.0])),
)
MODELS = st.lists(st.one_of(SIZE, DIVERSITY, POPULATION), min_size=1, max_size=3)


@settings(max_examples=400, deadline=None)
@given(tables(), MODELS, LIMITS)
def test_nothing_beats_the_optimum(case: Case, models: list[Model], limit: float) -> None:
    """Looking at every node finds no smaller loss, nor fewer suppressed rows at the same loss."""
    frame, ladders, everyone = case
    truth = exhaustive(frame, ladders, models, limit, everyone)

    if truth.loss is None:
        with pytest.raises(NotReachable):
            anonymise(
                frame,
                ladders,
                models,
                suppression_limit=limit,
                recoding=Recoding.FULL_DOMAIN,
                population=everyone,
            )
        return
    found = anonymise(
        frame,
        ladders,
        models,
        suppression_limit=limit,
        recoding=Recoding.FULL_DOMAIN,
        population=everyone,
    )

    assert found.proof is not None
    assert found.proof.optimal
    assert found.loss.total == truth.loss
    assert found.suppressed == truth.suppressed
    assert loss_of(found.frame, ladders) == pytest.approx(float(truth.loss), abs=1e-12)


@settings(deadline=None)
@given(tables(), st.integers(1, 5), LIMITS)
def test_classes_are_large_enough(case: Case, k: int, limit: float) -> None:
    """A plain group-by finds no class below k but the suppressed rows, which keep the limit."""
    frame, ladders, _ = case
    try:
        found = anonymise(frame, ladders, [KAnonymity(k)], suppression_limit=limit)
    except NotReachable:
        assert frame.height < k
        return

    assert covers(found.frame, frame, ladders)
    assert found.suppressed <= limit * frame.height + 1e-9
    kept = found.frame.filter(pl.Series(found.class_sizes) > 0)
    sizes = kept.group_by(list(ladders)).len()["len"]
    assert sizes.is_empty() or sizes.min() >= k  # type: ignore[operator]
    again = risk(kept, list(ladders))
    assert again.class_sizes.equals(found.risk_after.class_sizes)
    assert float(found.loss.total) == pytest.approx(loss_of(found.frame, ladders), abs=1e-12)


@settings(deadline=None)
@given(tables(), st.integers(1, 4), st.none() | DIVERSITY, LIMITS)
def test_local_recoding_satisfies_its_models(
    case: Case, k: int, diversity: Model | None, limit: float
) -> None:
    """Judged class by class in plain Python, every class that is kept passes."""
    frame, ladders, _ = case
    models = [KAnonymity(k), *([diversity] if diversity else [])]
    try:
        found = anonymise(frame, ladders, models, suppression_limit=limit)
    except NotReachable:
        assert not satisfied(
            frame.with_columns(pl.lit("*").alias(n) for n in ladders), frame, ladders, models
        )
        return

    assert satisfied(found.frame, frame, ladders, models, (found.class_sizes > 0).tolist())
    assert found.suppressed <= limit * frame.height + 1e-9


@given(case=tables(), k=st.integers(1, 4), limit=LIMITS)
def test_lattices_too_large_to_sweep_are_recoded_soundly(
    monkeypatch: pytest.MonkeyPatch, case: Case, k: int, limit: float
) -> None:
    """Climbed at rising prices instead, every class that is kept still passes."""
    monkeypatch.setattr("haemony.privacy.anonymity.local.LARGEST", 0)
    frame, ladders, _ = case
    try:
        found = anonymise(frame, ladders, [KAnonymity(k)], suppression_limit=limit)
    except NotReachable:
        assert frame.height < k
        return

    assert covers(found.frame, frame, ladders)
    assert satisfied(found.frame, frame, ladders, [KAnonymity(k)], (found.class_sizes > 0).tolist())
    assert found.suppressed <= limit * frame.height + 1e-9


@settings(deadline=None)
@given(tables(), MODELS, LIMITS, st.integers(1, 12))
def test_the_bound_of_a_search_cut_short_holds(
    case: Case, models: list[Model], limit: float, evaluations: int
) -> None:
    """The true optimum lies between the bound and the loss that was found."""
    frame, ladders, everyone = case
    try:
        found = anonymise(
            frame,
            ladders,
            models,
            suppression_limit=limit,
            recoding=Recoding.FULL_DOMAIN,
            population=everyone,
            effort=Effort(evaluations=evaluations),
        )
    except NotReachable:
        return
    truth = exhaustive(frame, ladders, models, limit, everyone)

    assert found.proof is not None
    assert truth.loss is not None
    assert found.proof.bound <= float(truth.loss) + 1e-12
    assert float(truth.loss) <= found.proof.loss + 1e-12
    if found.proof.optimal:
        assert found.loss.total == truth.loss


@settings(deadline=None)
@given(tables(), MODELS, LIMITS)
def test_the_order_of_the_rows_does_not_matter(
    case: Case, models: list[Model], limit: float
) -> None:
    """The same rows in another order give the same generalisation."""
    frame, ladders, everyone = case
    options = {
        "suppression_limit": limit,
        "recoding": Recoding.FULL_DOMAIN,
        "population": everyone,
    }
    try:
        first = anonymise(frame, ladders, models, **options)  # type: ignore[arg-type]
    except NotReachable:
        return

    second = anonymise(frame.reverse(), ladders, models, **options)  # type: ignore[arg-type]

    assert second.node == first.node
    assert second.frame.reverse().equals(first.frame)
