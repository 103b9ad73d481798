"""Groups weighted to be alike, as a block of a study."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest

from haemony import study
from haemony.analysis import causal
from haemony.analysis.blocks import WeightedBlock
from haemony.analysis.evidence import Doubt, WeightedFound
from haemony.analysis.protocol import Protocol
from haemony.analysis.report.further import weighted_of
from haemony.analysis.report.values import Words
from haemony.model.disease import disease
from unit.test_study import FakeRelease, OneManifest, OneMember

BLOCK = WeightedBlock(
    title="Alike",
    endpoint="os",
    by="study",
    given="age_at_diagnosis + NPM1",
    estimand="att",
    key="weighted[1]",
)


def patients(n: int = 400, small: int = 0) -> pl.DataFrame:
    """Two studies, the second of older patients; age alone shortens life. A third may be small."""
    draw = np.random.default_rng(3)
    age = draw.uniform(20, 80, n)
    days = draw.exponential(900 * np.exp(-(age - 50) / 15)).round() + 1
    older = draw.random(n) < 1 / (1 + np.exp(-(age - 50) / 20))
    return pl.DataFrame(
        {
            "age_at_diagnosis": age,
            "NPM1": pl.Series(
                draw.choice(["negative", "positive"], n), dtype=pl.Enum(["negative", "positive"])
            ),
            "study": np.where(
                np.arange(n) < small, "A small one", np.where(older, "Trial", "Registry")
            ),
            "os_days": np.minimum(days, 3000.0),
            "os_event": days < 3000,
        }
    )


def run(block: WeightedBlock = BLOCK, table: pl.DataFrame | None = None) -> study.StudyResult:
    """A study of this block alone."""
    people = patients() if table is None else table
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    plan = Protocol(title="T", question="Q", seed=1, weighted=(block,))
    return study.run(plan, FakeRelease(people, manifest=OneManifest((member,))))


def found(block: WeightedBlock = BLOCK, table: pl.DataFrame | None = None) -> WeightedFound:
    """What a block finds."""
    (one,) = run(block, table).weighted
    return one


def test_weights_take_away_what_age_did() -> None:
    """The trial's patients are older and die sooner; weighted to their age, the studies agree."""
    (pair,) = found().pairs

    crude, weighted = pair.crude.effects[0], pair.weighted.effects[0]
    assert weighted.label == "Trial, against Registry"
    assert crude.lower is not None
    assert crude.lower > 1
    assert None not in (weighted.lower, weighted.upper)
    assert (weighted.lower or 9) < 1 < (weighted.upper or 0)
    assert max(abs(one.before) for one in pair.balance) > 0.5
    assert pair.worst < 0.1


def test_it_is_what_the_causal_package_says() -> None:
    """The same model, the same curves, in the words of the catalogue."""
    table = patients()
    arms = table.with_columns(arm=(pl.col("study") == "Trial").cast(pl.Int64))
    options: dict[str, Any] = {"given": BLOCK.given, "estimand": "att"}
    model = causal.iptw_cox("Surv(os_days, os_event) ~ arm", arms, **options)
    curves = causal.iptw_curves("Surv(os_days, os_event) ~ arm", arms, **options)

    (pair,) = found().pairs

    assert pair.weighted.effects[0].value == pytest.approx(model.table()["hazard_ratio"][0])
    last = pair.at[-1]
    assert last.days == 5 * 365.25
    assert last.difference is not None
    assert last.difference.value == pytest.approx(curves.difference(last.days)["difference"][0])
    assert [one.label for one in pair.balance] == ["Age at diagnosis, per year", "NPM1 mutation"]


def test_the_treated_are_compared_with_each_other_group() -> None:
    """The last group unless another is named."""
    table = patients(small=90)

    by_default, named = found(table=table), found(replace(BLOCK, treated="A small one"), table)

    assert [pair.others for pair in by_default.pairs] == ["A small one", "Registry"]
    assert by_default.treated == "Trial"
    assert [pair.others for pair in named.pairs] == ["Registry", "Trial"]
    assert named.groups[-1][0] == "A small one"


def test_members_without_a_covariate_are_left_out_and_counted() -> None:
    """And named in the report."""
    table = patients().with_columns(
        NPM1=pl.when(pl.int_range(pl.len()) < 11).then(None).otherwise("NPM1")
    )

    one = found(table=table)

    assert one.missing.rows == 11
    assert dict(one.missing.by_variable) == {"NPM1": 11}


def test_groups_that_do_not_overlap_are_warned_of() -> None:
    """A study of the old beside one of the young: weights cannot make them alike."""
    table = patients().with_columns(
        study=pl.when(pl.col("age_at_diagnosis") + (pl.int_range(pl.len()) % 7) * 2 > 55)
        .then(pl.lit("Trial"))
        .otherwise(pl.lit("Registry"))
    )

    doubts = {one.doubt for one in run(table=table).cautions if one.key == "weighted[1]"}

    assert {Doubt.OVERLAP, Doubt.BALANCE} <= doubts
    assert not {one.doubt for one in run().cautions} & {Doubt.OVERLAP, Doubt.BALANCE}


def test_what_is_known_later_is_no_ground_for_weights() -> None:
    """Weighting by the response to induction is immortal time."""
    table = patients().with_columns(
        induction_response=pl.Series(["complete remission", "refractory"] * 200)
    )

    result = run(replace(BLOCK, given="age_at_diagnosis + induction_response"), table)

    assert Doubt.IMMORTAL_TIME in {one.doubt for one in result.cautions}


def test_groups_that_are_too_small_are_not_written() -> None:
    """Four patients are "<5", another count is hidden, and no number gives them back."""
    one = found(table=patients(small=4))

    told = weighted_of(one, Words(disease("aml").catalogue, {}), 5, 365.25)

    assert [group["n"] for group in told["groups"]].count("hidden") == 1
    few, other = told["pairs"]
    assert few["weighted"]["effects"][0]["note"] == "too few to show"
    assert (few["at"], few["balance"], few["notes"], few["effective"]) == ([], [], [], None)
    assert other["weighted"]["effects"][0]["value"] is not None
    assert other["weighted"]["effects"][0]["n"] == "hidden"


def test_it_is_printed_and_written(tmp_path: Path) -> None:
    """The report says whom the weighted patients stand for; results follow the schema."""
    result = run()
    result.write(tmp_path)

    schema = files("haemony.analysis.report") / "results.schema.json"
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    jsonschema.validate(results, json.loads(schema.read_text("utf-8")))
    page = re.sub(r"\s+", " ", (tmp_path / "report.html").read_text("utf-8"))
    assert "they stand for patients like the treated" in page
    assert "Trial, against Registry" in page
    assert "2 are printed" in page


def test_late_entry_is_modelled() -> None:
    """Patients are at risk from their entry on in the weighted curves, too."""
    table = patients().filter(pl.col("os_days") > 100).with_columns(entry_day=pl.lit(100))

    (pair,) = found(table=table).pairs

    assert pair.at[0].treated is not None
    assert pair.at[0].treated.value > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"given": "study"}, r"given: holds 'study', whose groups are compared"),
        ({"given": ""}, r"given: names no element"),
        ({"given": "NPM1 + strata(sex)"}, r"given: holds more than covariates"),
        ({"given": "NPM1 + ridge(sex, theta=1)"}, r"given: holds a penalty"),
        ({"estimand": "all"}, r"estimand: is 'all'; choose one of ate, att"),
        ({"truncate": (0.1,)}, r"truncate: is not a pair of quantiles"),
        ({"truncate": (0.5, 1.5)}, r"truncate: is not a pair of quantiles"),
    ],
)
def test_a_block_that_cannot_be_says_why(change: dict[str, Any], message: str) -> None:
    """Every refusal names the key, the cause and the next step."""
    with pytest.raises(study.BadProtocol, match=rf"weighted\[1\].{message}"):
        Protocol(title="T", question="Q", seed=1, weighted=(replace(BLOCK, **change),))


def test_a_group_that_is_not_there_is_refused() -> None:
    """A value that nobody has, and an element with one group."""
    with pytest.raises(study.BadProtocol, match=r"weighted\[1\].treated: no patient"):
        run(replace(BLOCK, treated="Elsewhere"))
    with pytest.raises(study.CannotAnswer, match="fewer than two groups"):
        run(table=patients().with_columns(study=pl.lit("Trial")))
    table = patients().with_columns(study=pl.lit(None, pl.String))
    with pytest.raises(study.NotRecorded, match="nobody in the cohort has a value of 'Study'"):
        run(table=table)


def test_a_block_in_code_and_in_a_file_is_one_block() -> None:
    """Written and read back, nothing changes."""
    block = replace(BLOCK, treated="Trial", truncate=(0.01, 0.99), at=(2.0,))
    plan = Protocol(title="T", question="Q", seed=1, weighted=(block, BLOCK))

    assert study.parse(plan.text) == plan


def test_a_change_of_the_plan_weighs_again() -> None:
    """The weighted ratio stands beside that of the plan."""
    text = Protocol(title="T", question="Q", seed=1, weighted=(BLOCK,)).text + (
        '\n[[sensitivity]]\nname = "Old"\n[[sensitivity.criteria]]\nlabel = "Above 40"\n'
        'element = "age_at_diagnosis"\nat_least = 40\n'
    )
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(patients(), manifest=OneManifest((member,)))

    (change,) = study.run(study.parse(text), release).sensitivities

    (row,) = change.compared
    assert (row.block, row.scale) == ("Alike", "hazard ratio")
    assert row.changed is not None
    assert row.changed.n < row.planned.n
