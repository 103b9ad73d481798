"""Every template is a study: it runs on the release of the demo, or says what that lacks."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

import haemony as hm
from haemony import study
from haemony.analysis.synthetic import Shape, write_contribution
from haemony.services.cli import main
from unit.test_study import FakeRelease, patients

NEEDS = {"post-authorisation": ("flt3_inhibitor",)}


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> hm.Workspace:
    """The three contributions of the demo, smaller."""
    home = tmp_path_factory.mktemp("demo")
    workspace = hm.Workspace.init(home / "commons")
    made = [write_contribution(shape, home / shape.name, patients=120) for shape in Shape]
    hm.admit([hm.Contribution.load(folder) for folder in made], workspace)
    return workspace


def run(*words: str) -> int:
    """A command's exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", study.templates())
def test_a_template_runs_or_says_what_it_needs(
    name: str, commons: hm.Workspace, tmp_path: Path
) -> None:
    """Its report follows the schema; an element that no source records is named."""
    plan = study.load(study.new(tmp_path / "plan", name))
    release = commons.lake.latest()

    if name in NEEDS:
        with pytest.raises(study.NotRecorded) as refusal:
            study.run(plan, release)
        assert refusal.value.needs == NEEDS[name]
        return
    result = study.run(plan, release)

    assert result.endpoints
    assert all(found.compared for found in result.sensitivities)


def test_one_template_from_new_to_report(
    commons: hm.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New, frozen, changed, run: the terminal, the results and the record tell of the change."""
    plan, home = tmp_path / "plan", ("-w", str(commons.folder))
    schema = files("haemony.analysis.report") / "results.schema.json"

    assert run("study", "new", str(plan), "-t", "external-control") == 0
    assert run("study", "freeze", str(plan / "study.toml"), *home) == 0
    text = (plan / "study.toml").read_text(encoding="utf-8").replace("at_most = 60", "at_most = 65")
    (plan / "study.toml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert run("study", "run", str(plan), "-o", str(tmp_path / "out"), *home, "--json") == 0

    told = json.loads(capsys.readouterr().out)
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, json.loads(schema.read_text(encoding="utf-8")))
    assert told["deviations"] == [
        {"where": "cohort “18 to 60 years”, at_most", "frozen": "60", "run": "65"}
    ]
    assert "time origin" in {one["doubt"] for one in told["cautions"]}
    assert results["frozen"]["signed_by"]
    assert {s["origin"] for s in results["provenance"]["sources"]} == {"diagnosis", "randomisation"}


def test_a_plan_that_was_run_is_not_frozen_before_seeing_data(
    commons: hm.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The workspace remembers the run, from whatever folder, and the record says so."""
    first, later, home = tmp_path / "first", tmp_path / "later", ("-w", str(commons.folder))
    for plan in (first, later):
        assert run("study", "new", str(plan), "-t", "natural-history") == 0
    assert run("study", "run", str(first), "-o", str(tmp_path / "out"), *home) == 0
    capsys.readouterr()

    assert run("study", "freeze", str(later), *home, "--json") == 0

    seen = json.loads(capsys.readouterr().out)["seen"]
    assert seen.startswith("after a run of this question on 20")
    assert run("study", "freeze", str(first)) == 0
    assert "Nobody was asked whether the question had been run" in capsys.readouterr().out
    assert run("study", "run", str(first), "-o", str(tmp_path / "out"), *home) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"before seeing data by the record, but {seen}, as the workspace knows" in page


def test_a_plan_can_be_frozen_once(tmp_path: Path) -> None:
    """The second time is wrong use."""
    run("study", "new", str(tmp_path))

    assert run("study", "freeze", str(tmp_path)) == 0
    assert run("study", "freeze", str(tmp_path)) == 2


def test_templates_and_endpoints_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With what a disease cannot tell, and why."""
    assert run("study", "templates", "--json") == 0
    templates = json.loads(capsys.readouterr().out)
    assert run("study", "endpoints", "aml", "--json") == 0
    known = json.loads(capsys.readouterr().out)

    assert {one["name"] for one in templates} == set(study.templates())
    assert {"os", "efs_ratify", "efs_eln2022", "cir"} <= {one["name"] for one in known["endpoints"]}
    assert "dor" in {one["name"] for one in known["unavailable"]}
    assert all(one["reason"] for one in known["unavailable"])
    assert {one["criteria"] for one in known["responses"]} == {"ELN 2022"}


def test_an_endpoint_that_is_not_available_is_refused_with_the_reason() -> None:
    """Nobody gets another endpoint under the name that was asked for."""
    text = (
        'title = "T"\nquestion = "Q"\nseed = 1\n[[kaplan_meier]]\ntitle = "K"\nendpoint = "dor"\n'
    )

    with pytest.raises(study.BadProtocol, match="no element dates the first response"):
        study.check_can_run(study.parse(text), FakeRelease(patients()))
