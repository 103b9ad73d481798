"""A cut of the real trials: sex, age and study at twelve alike, and what a Cox model loses."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.export import events_of, export
from haemony.lake.signing import verified
from haemony.lake.store import hash_file
from haemony.privacy.courses import Precision, course_risk
from haemony.privacy.cut import PolicyMissed
from haemony.privacy.policy import Policy

POLICY = """\
name = "AMLSG for an approved project"
recipient = "researchers of an approved project"
context = "a secure environment, under a data use agreement"
dropped = ["centre"]
[quasi_identifiers]
sex = { treatment = "keep" }
study = { treatment = "keep" }
age_at_diagnosis = { treatment = "microaggregate" }
[released]
os_days = {}
os_event = {}
wbc = { digits = 2 }
NPM1 = {}
FLT3_ITD = {}
DNMT3A = {}
[utility]
formula = "Surv(os_days, os_event) ~ I(age_at_diagnosis / 10) + sex + log(wbc) + NPM1 + FLT3_ITD + \
DNMT3A + strata(study)"
tolerance = 0.05
"""


def exported(workspace: hm.Workspace, folder: Path, text: str = POLICY) -> Path:
    """The latest release cut under a policy."""
    source = folder / "policy.toml"
    source.write_text(text, encoding="utf-8")
    policy = Policy.read(source)
    made = export(
        workspace.lake.latest(),
        policy,
        workspace,
        folder / "cut",
        source=source,
        page=lambda assessment: json.dumps(assessment["risk"]),
    )
    return made.folder


def test_nobody_is_above_the_threshold_and_the_model_stands(
    amlsg_workspace: hm.Workspace, tmp_path: Path
) -> None:
    """All 1,540 leave, at least twelve alike, and no log hazard ratio moves by more than .05."""
    folder = exported(amlsg_workspace, tmp_path)

    assessment = json.loads((folder / "assessment.json").read_bytes())
    frame = pl.read_parquet(folder / "cut.parquet")
    sizes = frame.group_by("sex", "age_at_diagnosis", "study").len()["len"]
    assert frame.height == 1540
    assert min(sizes.to_list()) >= 12
    assert assessment["risk"]["after"]["share above threshold"] == 0
    assert assessment["risk"]["before"]["share unique"] == pytest.approx(0.014, abs=5e-4)
    model = assessment["utility"]["reference model"]
    assert len(model["terms"]) == 6
    assert model["largest change"] == max(abs(term["change"]) for term in model["terms"])
    assert model["largest change"] <= 0.05
    print(f"largest change of a log hazard ratio: {model['largest change']:.4f}")  # noqa: T201


def test_the_attacks_gain_nothing_on_findings(
    amlsg_workspace: hm.Workspace, tmp_path: Path
) -> None:
    """Singling out, linkability and inference of findings: every interval of the excess holds 0.

    Exact numbers are another matter, whatever k is: a record among twelve is picked once in twelve
    times, and with it its number. That excess is near 1/12, and is said, not hidden.
    """
    folder = exported(
        amlsg_workspace, tmp_path, POLICY + "[attacks]\nseed = 1\ntolerated_numbers = 0.2\n"
    )

    results = json.loads((folder / "assessment.json").read_bytes())["attacks"]["results"]
    numbers = {"os_days", "wbc"}
    exact = [one for one in results if one["aim"].split(" ")[0] in numbers]
    others = [one for one in results if one not in exact]
    assert {one["attack"] for one in others} == {"singling out", "linkability", "inference"}
    assert len(others) == 7
    for one in others:
        assert one["low"] <= 0 <= one["high"], one
        assert one["tolerated"] == 0
    for one in exact:
        assert 0 < one["low"] < one["excess"] < one["high"] < 0.2


def test_an_untouched_table_is_refused(amlsg_workspace: hm.Workspace, tmp_path: Path) -> None:
    """With no class larger than one the attacks succeed, and the export stops."""
    text = POLICY.replace("dropped", "threshold = 1.0\nsuppression_limit = 1.0\ndropped")
    text = text.replace('"microaggregate"', '"keep"') + "[attacks]\nseed = 1\n"

    with pytest.raises(PolicyMissed, match="is right about members more often"):
        exported(amlsg_workspace, tmp_path, text)


def test_what_leaves_is_signed(amlsg_workspace: hm.Workspace, tmp_path: Path) -> None:
    """The manifest lists every file by hash, under the platform's signature."""
    folder = exported(amlsg_workspace, tmp_path)

    manifest = (folder / "manifest.json").read_bytes()
    listed = json.loads(manifest)["files"]
    public = amlsg_workspace.lake.signer.public
    assert verified(manifest, (folder / "signature.json").read_bytes(), public)
    assert listed == {name: hash_file(folder / name) for name in listed}
    assert set(listed) == {
        "assessment.html", "assessment.json", "cut.csv", "cut.parquet", "policy.toml",
    }  # fmt: skip


def test_records_have_other_names_in_every_cut(
    amlsg_workspace: hm.Workspace, tmp_path: Path
) -> None:
    """No person id leaves, and two cuts share no pseudonym; the same cut gives the same bytes."""
    first = exported(amlsg_workspace, tmp_path)
    names = set(pl.read_parquet(first / "cut.parquet")["record"])
    (tmp_path / "b").mkdir()
    second = exported(amlsg_workspace, tmp_path / "b", POLICY.replace("approved", "other"))
    (tmp_path / "c").mkdir()
    again = exported(amlsg_workspace, tmp_path / "c")

    other = set(pl.read_parquet(second / "cut.parquet")["record"])
    assert len(names) == len(other) == 1540
    assert not names & other
    assert (again / "cut.parquet").read_bytes() == (first / "cut.parquet").read_bytes()
    persons = {str(person) for person in amlsg_workspace.lake.latest().table("person")["person_id"]}
    assert not persons & names


def test_a_cut_that_misses_its_policy_is_refused(
    amlsg_workspace: hm.Workspace, tmp_path: Path
) -> None:
    """Age beside the centre cannot be kept: nothing is written, and the refusal is noted."""
    text = POLICY.replace('dropped = ["centre"]\n', "").replace(
        'study = { treatment = "keep" }',
        'study = { treatment = "keep" }\ncentre = { treatment = "keep" }',
    )

    with pytest.raises(PolicyMissed, match="would be left out"):
        exported(amlsg_workspace, tmp_path, text)

    assert not (tmp_path / "cut").exists()
    assert amlsg_workspace.governance.events()[-1]["action"] == "export refused"


def test_a_model_that_moves_too_far_refuses_the_cut(
    amlsg_workspace: hm.Workspace, tmp_path: Path
) -> None:
    """The tolerance is a promise: a smaller one than the change refuses."""
    with pytest.raises(PolicyMissed, match="log hazard ratio moves"):
        exported(amlsg_workspace, tmp_path, POLICY.replace("0.05", "0.0001"))


def test_two_days_of_a_course_find_nearly_everyone(amlsg_workspace: hm.Workspace) -> None:
    """Days of events are no harmless columns: two known ones leave nine in ten alone."""
    events = events_of(amlsg_workspace.lake.latest())

    exact = course_risk(events, 2, Precision.DAY)
    quarter = course_risk(events, 2, Precision.QUARTER)

    assert events["person"].n_unique() == 1540
    assert exact.unique.value == pytest.approx(0.90, abs=0.02)
    assert quarter.unique.value < 0.08
