"""How well an endpoint is predicted, as a block of a study."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony import study
from haemony.analysis.answers import Ground, find_prediction
from haemony.analysis.blocks import PREDICTORS, MissingData, PredictionBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import PredictionFound
from haemony.analysis.prediction import Filling, MissingLibrary, Preparation, trees
from haemony.analysis.protocol import Protocol
from haemony.analysis.report.further import prediction_of
from haemony.analysis.report.values import Words
from haemony.model.disease import disease

AML = disease("aml")
BLOCK = PredictionBlock(
    title="Prediction",
    endpoint="os",
    models=("random effects",),
    groups={
        "clinical": ("age_at_diagnosis", "wbc", "ecog", "sex"),
        "genes": ("NPM1", "TP53", "RUNX1"),
        "ELN": ("eln_2010",),
    },
    logarithms=("wbc",),
    ordered=("ecog",),
    splits=4,
    leave_out="study",
    key="prediction[1]",
)


def patients(n: int = 240, *, told: float = 1.0, seed: int = 1) -> pl.DataFrame:
    """Patients whose age and TP53 shorten life, as much as told; one in eight inputs is unknown."""
    rng = np.random.default_rng(seed)
    age, tp53 = rng.normal(55, 12, n), rng.random(n) < 0.2
    hazard = np.exp(told * (0.06 * (age - 55) + 1.2 * tp53))
    days = np.ceil(rng.exponential(600 / hazard))

    def gene(positive: np.ndarray[Any, Any]) -> pl.Series:
        words = np.where(positive, "positive", "negative").astype(object)
        words[rng.random(n) < 0.125] = None
        return pl.Series(list(words), dtype=pl.Enum(["negative", "positive"]))

    def category(name: str) -> pl.Series:
        codes = AML.catalogue[name].codes
        return pl.Series([codes[i] for i in rng.integers(len(codes), size=n)], dtype=pl.Enum(codes))

    return pl.DataFrame(
        {
            "age_at_diagnosis": age,
            "wbc": rng.exponential(30, n),
            "ecog": category("ecog"),
            "sex": category("sex"),
            "eln_2010": category("eln_2010"),
            "NPM1": gene(rng.random(n) < 0.3),
            "TP53": gene(tp53),
            "RUNX1": gene(np.arange(n) < 3),
            "study": ["small" if i < 4 else "A" if i % 2 else "B" for i in range(n)],
            "os_days": np.minimum(days, 2000.0),
            "os_event": days < 2000,
        }
    )


def found(block: PredictionBlock = BLOCK, table: pl.DataFrame | None = None) -> PredictionFound:
    """What a block finds among made-up patients."""
    members = patients() if table is None else table
    clocks = {"os": Clock(AML.endpoints["os"])}
    ground = Ground(members, {}, clocks, AML.catalogue, MissingData.COMPLETE_CASES, seed=7)
    return find_prediction(ground, block)


@pytest.mark.parametrize("model", PREDICTORS)
def test_what_tells_is_found_by_every_model(model: str) -> None:
    """Age and TP53 are told apart from noise, with standard errors, in patients not seen."""
    if model == "forest":
        pytest.importorskip("xgboost", reason="xgboost is an optional extra")

    (reached,) = found(replace(BLOCK, models=(model,), splits=2)).models

    assert reached.splits == 2
    assert reached.mean is not None
    assert reached.mean > 0.62
    assert reached.least is not None
    assert reached.greatest is not None
    assert reached.least <= reached.mean <= reached.greatest
    assert reached.std_err is not None
    assert 0 < reached.std_err < 0.2
    assert {one.label: one.n for one in reached.left_out} == {"A": 118, "B": 118, "small": 4}


def test_a_forest_without_its_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are judged as ever, and the forest's row says what to install."""
    monkeypatch.setattr(trees, "installed", lambda: "")
    alone = found(replace(BLOCK, splits=2))

    both = found(replace(BLOCK, models=("forest", "random effects"), splits=2))

    forest, other = both.models
    assert other == alone.models[0]
    assert (forest.splits, forest.mean, forest.left_out[0].value) == (0, None, None)
    assert forest.note.endswith("xgboost, which is not installed; install haemony[trees]")
    with pytest.raises(MissingLibrary, match=r"install haemony\[trees\]"):
        found(replace(BLOCK, models=("forest",)))


def test_noise_is_not_taken_for_news() -> None:
    """Where nothing tells, everything chosen inside the splits leaves C near one half."""
    block = replace(BLOCK, splits=10, leave_out="")

    (reached,) = found(block, patients(told=0.0)).models

    assert reached.mean == pytest.approx(0.5, abs=0.06)


def test_splits_depend_on_the_patients_and_not_on_their_order() -> None:
    """Other identifiers, and so another order of rows, change nothing."""
    table = patients()

    again = found(BLOCK, table.sample(fraction=1.0, shuffle=True, seed=3))

    assert again.models == found(BLOCK, table).models


def test_findings_too_rare_in_training_are_left_out() -> None:
    """Three carriers of RUNX1 are too few: without it, nothing differs."""
    groups = {**BLOCK.groups, "genes": ("NPM1", "TP53")}

    with_it, without = found(), found(replace(BLOCK, groups=groups))

    assert with_it.columns == without.columns + 1
    assert with_it.models[0].left_out[0].value == without.models[0].left_out[0].value


def test_a_fit_that_fails_is_named() -> None:
    """A model that cannot learn from one part says so; the other parts still count."""
    few = (pl.int_range(pl.len()) < 6) | (pl.col("study") == "A")
    table = patients(120).filter(pl.col("study") != "small").with_columns(os_event=few)

    reached = found(replace(BLOCK, models=("lasso",), splits=0), table)

    assert any(note.startswith("lasso failed in A: ") for note in reached.notes)
    assert {one.label: one.value is None for one in reached.models[0].left_out} == {
        "A": True,
        "B": False,
    }


def test_groups_that_are_too_small_are_not_written() -> None:
    """Four patients left out are "<5", another group is hidden with them, and so is their C."""
    written = prediction_of(found(), Words(AML.catalogue, {"os": "Overall survival"}), 5)

    groups = {one["label"]: one for one in written["models"][0]["left_out"]}
    assert groups["small"]["n"] == "<5"
    assert groups["small"]["value"] is None
    assert [one["n"] for one in groups.values()].count("hidden") == 1


def test_training_patients_alone_shape_what_is_expected() -> None:
    """A gap is filled by what the training patients' other inputs say, a far-off patient's too."""
    x = np.column_stack([np.arange(20.0), 2 * np.arange(20.0)])
    x[3, 1] = np.nan
    made = Preparation.of(x, np.array([True, True]))
    new = np.array([[5.0, np.nan], [np.nan, np.nan]])

    expected = Filling.of(x, rounds=20).fill(new)

    assert expected[0, 1] == pytest.approx(10, abs=0.2)
    assert expected[1] == pytest.approx(np.nanmean(x, axis=0))
    assert (made.apply(new)[:1] == made.apply(np.vstack([new[:1], [[1e6, 1e6]]]))[:1]).all()


def test_patients_without_any_input_that_varies_are_refused() -> None:
    """Nothing to learn from is no model."""
    table = patients().with_columns(NPM1=pl.lit(None, pl.Enum(["negative", "positive"])))
    block = replace(BLOCK, groups={"genes": ("NPM1",)}, logarithms=(), ordered=())

    with pytest.raises(Exception, match="no input varies among the training patients"):
        found(block, table)


def test_a_number_is_no_group_to_leave_out() -> None:
    """Each white cell count would be a source of its own."""
    block = replace(BLOCK, groups={"a": ("sex",)}, logarithms=(), ordered=(), leave_out="wbc")

    with pytest.raises(study.BadProtocol, match="leave_out: 'wbc' is of type"):
        found(block)


def test_pairs_of_findings_are_inputs_of_random_effects() -> None:
    """Two genes that undo each other: the pair is found, and only where enough carry both."""
    rng = np.random.default_rng(5)
    n = 900
    first, second = rng.random(n) < 0.4, rng.random(n) < 0.4
    days = np.ceil(rng.exponential(600 / np.exp(2.0 * (first ^ second))))
    genes = [
        pl.Series(name, np.where(has, "positive", "negative"), pl.Enum(["negative", "positive"]))
        for name, has in (("NPM1", first), ("TP53", second))
    ]
    table = patients(n).with_columns(*genes, os_days=pl.Series(np.minimum(days, 2000.0)))
    table = table.with_columns(os_event=pl.col("os_days") < 2000)
    block = replace(BLOCK, groups={"genes": ("NPM1", "TP53")}, logarithms=(), ordered=())

    alone, paired, rare = (
        found(replace(block, pairs=least, leave_out=""), table).models[0].mean
        for least in (0, 10, 800)
    )

    assert alone is not None
    assert paired is not None
    assert paired > alone + 0.05
    assert rare == alone


def test_a_text_of_few_values_is_a_category() -> None:
    """The trial: a column for each value but the first; a remark for each patient is none."""
    block = replace(BLOCK, groups={"a": ("sex", "study")}, logarithms=(), ordered=(), leave_out="")
    remarks = patients().with_columns(study=pl.format("remark {}", pl.int_range(pl.len())))

    assert found(block).columns == 1 + 2
    with pytest.raises(study.BadProtocol, match="'study' is of type text; name numbers"):
        found(block, remarks)


LISTS = st.lists(st.sampled_from(["NPM1", "TP53", "RUNX1"]), min_size=1, max_size=3, unique=True)
BLOCKS = st.builds(
    PredictionBlock,
    title=st.sampled_from(["P", '„Q“ \\ "R"']),
    endpoint=st.just("os"),
    models=st.lists(st.sampled_from(PREDICTORS), min_size=1, unique=True).map(tuple),
    groups=st.tuples(st.sampled_from(["genes", "copy number", 'a "b"']), LISTS.map(tuple)).map(
        lambda pair: {pair[0]: pair[1], "others": ("wbc", "ecog")}
    ),
    logarithms=st.sampled_from([(), ("wbc",)]),
    ordered=st.sampled_from([(), ("ecog",)]),
    carriers=st.integers(0, 30),
    pairs=st.integers(0, 30),
    splits=st.integers(2, 1000),
    share=st.floats(0.01, 0.99),
    leave_out=st.sampled_from(["", "study"]),
)


@settings(max_examples=30)
@given(BLOCKS)
def test_a_block_in_code_and_in_a_file_is_one_block(block: PredictionBlock) -> None:
    """Written and read back, nothing changes."""
    plan = Protocol(title="T", question="Q", seed=1, predictions=(block,))

    assert study.parse(plan.text) == plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("woods",)}, r"models: names 'woods'; choose among cox, lasso"),
        ({"models": ()}, r"models: names no model"),
        ({"groups": {"a": ("NPM1",), "b": ("NPM1",)}}, r"groups: hold nothing, or an element"),
        ({"logarithms": ("ldh",)}, r"logarithms: 'ldh' is in no group"),
        ({"leave_out": "NPM1"}, r"leave_out: 'NPM1' is an input, too"),
        ({"splits": 1}, r"splits: is no number of splits"),
        ({"splits": 0, "leave_out": ""}, r"splits: is no number of splits"),
        ({"share": 1.0}, r"share: is out of range"),
        ({"carriers": float("nan")}, r"carriers: is out of range"),
    ],
)
def test_a_prediction_that_cannot_be_made_says_why(change: dict[str, Any], message: str) -> None:
    """Every refusal names the key, the cause and the next step."""
    with pytest.raises(study.BadProtocol, match=rf"prediction\[1\].{message}"):
        Protocol(title="T", question="Q", seed=1, predictions=(replace(BLOCK, **change),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": {"a": ("NPM1",)}, "logarithms": ("NPM1",)}, "'NPM1' is of type finding"),
        ({"groups": {"a": ("sex",)}, "logarithms": ("sex",)}, "'sex' is of type category"),
    ],
)
def test_only_numbers_have_logarithms(change: dict[str, Any], message: str) -> None:
    """A logarithm of a word is refused."""
    with pytest.raises(study.BadProtocol, match=message):
        found(replace(BLOCK, ordered=(), **change))
