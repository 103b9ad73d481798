"""A plan made in code and the plan read from its file are the same plan, whatever it says."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from haemony import study
from haemony.analysis.blocks import (
    CoxBlock,
    LateEntry,
    MissingData,
    Pooling,
    Population,
    Sensitivity,
    SurvivalBlock,
)
from haemony.analysis.cohorts import Criterion, Known, OneOf, Within
from haemony.analysis.freezing import deviations
from haemony.analysis.protocol import Protocol, TimeUnit

WORDS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=12
).filter(lambda text: text == text.strip() != "")
NAMES = st.sampled_from(["NPM1", "sex", "wbc", "age_at_diagnosis"])
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: value + 0.0)
TIMES = st.floats(0, 1e6)
LATER = st.lists(TIMES, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
RISING = st.lists(NUMBERS, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
CONDITIONS = st.one_of(
    st.just(Known()),
    st.lists(st.one_of(WORDS, NUMBERS), min_size=1, max_size=3).map(lambda v: OneOf(tuple(v))),
    st.builds(Within, NUMBERS, st.just(float("inf"))),
    st.builds(Within, st.just(float("-inf")), NUMBERS),
    st.builds(Within, NUMBERS, NUMBERS),
)
CRITERIA = st.lists(st.builds(Criterion, WORDS, NAMES, CONDITIONS), min_size=1, max_size=3).map(
    tuple
)
CURVES = st.builds(
    SurvivalBlock,
    title=WORDS,
    endpoint=st.sampled_from(["os", "rfs"]),
    by=st.lists(NAMES, max_size=2).map(tuple),
    cuts=st.dictionaries(st.one_of(NAMES, WORDS), RISING, max_size=2),
    at=LATER,
    until=TIMES,
)
MODELS = st.builds(
    CoxBlock,
    title=WORDS,
    endpoint=st.just("os"),
    formula=st.lists(NAMES, min_size=1, max_size=3, unique=True).map(" + ".join),
    labels=st.dictionaries(WORDS, WORDS, max_size=2),
)
CHANGES = st.builds(
    Sensitivity,
    name=WORDS,
    criteria=CRITERIA,
    endpoints=st.dictionaries(st.just("os"), st.just("pfs")),
    missing=st.one_of(st.none(), st.sampled_from(MissingData)),
)
PLANS = st.builds(
    Protocol,
    title=WORDS,
    question=WORDS,
    seed=st.integers(0, 10**9),
    release=st.one_of(st.none(), st.integers(1, 99)),
    minimum_cell=st.integers(1, 20),
    time_unit=st.sampled_from(TimeUnit),
    missing=st.sampled_from(MissingData),
    late_entry=st.sampled_from(LateEntry),
    published=st.one_of(st.just(""), st.dates().map(lambda day: day.isoformat())),
    pooling=st.builds(Pooling, origins=st.lists(WORDS, max_size=2).map(tuple)),
    criteria=CRITERIA,
    populations=st.lists(
        st.builds(Population, name=WORDS, criteria=CRITERIA), max_size=2, unique_by=lambda p: p.name
    ).map(tuple),
    survival=st.lists(CURVES, max_size=2).map(tuple),
    models=st.lists(MODELS, max_size=2).map(tuple),
    sensitivities=st.lists(CHANGES, max_size=1).map(tuple),
)


@settings(max_examples=30)
@given(PLANS)
def test_writing_then_reading_changes_nothing(plan: Protocol) -> None:
    """The Python twin and the file say the same, to the last character of a name."""
    assert study.parse(plan.text) == plan


@settings(max_examples=20)
@given(PLANS)
def test_a_plan_does_not_deviate_from_itself(plan: Protocol) -> None:
    """Frozen and run unchanged, nothing is listed."""
    frozen = study.freeze(plan, datetime(2026, 1, 1, tzinfo=UTC))

    assert deviations(frozen, study.parse(study.write(plan))) == ()


@settings(max_examples=20)
@given(PLANS, st.integers(0, 10**9))
def test_every_change_is_listed(plan: Protocol, seed: int) -> None:
    """A changed seed is one deviation, with both values; no change is none."""
    frozen = study.freeze(plan, datetime(2026, 1, 1, tzinfo=UTC))
    changed = study.parse(plan.text.replace(f"seed = {plan.seed}", f"seed = {seed}", 1))

    found = deviations(frozen, changed)

    if changed == plan:
        assert found == ()
    else:
        assert [(one.before, one.after) for one in found if one.where == "seed"] == [
            (str(plan.seed), str(seed))
        ]
