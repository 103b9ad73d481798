"""The RO-Crate of a study: its structure, its links, and nothing of a clock."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from haemony import study
from unit.test_study import PROTOCOL, FakeRelease, OneManifest, OneMember, patients

NAME = "ro-crate-metadata.json"
CRATE = "https://w3id.org/ro/crate/1.2"


def written(folder: Path, text: str = PROTOCOL, **facts: object) -> Path:
    """The folder of a study."""
    member = OneMember({"title": "A trial", "origin": "diagnosis", **facts})
    release = FakeRelease(patients(), manifest=OneManifest((member,)))
    study.run(study.parse(text), release).write(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with everything that a crate describes."""
    text = "published = 2026-03-01\n" + PROTOCOL
    facts = {"data_cut_off": "2014-05-01", "conditions_of_use": ["DUO:0000042"]}
    return written(tmp_path_factory.mktemp("crate"), text, **facts)


@pytest.fixture(scope="module")
def graph(folder: Path) -> dict[str, dict[str, Any]]:
    """Its entities by their ids."""
    whole = json.loads((folder / NAME).read_text(encoding="utf-8"))
    assert whole["@context"][0] == f"{CRATE}/context"
    entities = {entity["@id"]: entity for entity in whole["@graph"]}
    assert len(entities) == len(whole["@graph"])
    return entities


def links(value: object) -> list[str]:
    """Every id that an entity refers to."""
    if isinstance(value, dict):
        return [value["@id"]] if set(value) == {"@id"} else links(list(value.values()))
    return [one for inner in value for one in links(inner)] if isinstance(value, list) else []


def test_the_descriptor_and_the_root_have_what_they_must(graph: dict[str, dict[str, Any]]) -> None:
    """RO-Crate 1.2: descriptor, root dataset with name, description, date and licence."""
    descriptor, root = graph[NAME], graph["./"]

    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": CRATE}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    assert (root["name"], root["datePublished"]) == ("Survival by NPM1", "2026-03-01")
    assert root["description"].startswith("Do patients with an NPM1 mutation live longer?")
    assert "DUO:0000042" in graph[root["license"]["@id"]]["description"]


def test_every_entity_has_a_type_and_every_link_an_end(graph: dict[str, dict[str, Any]]) -> None:
    """Nothing refers to an entity that is not described, except the specification itself."""
    for entity in graph.values():
        assert entity["@type"]
        for target in links({k: v for k, v in entity.items() if k != "@id"}):
            assert target in graph or target == CRATE


def test_every_file_is_in_the_crate_with_its_hash(
    folder: Path, graph: dict[str, dict[str, Any]]
) -> None:
    """And every part of the crate is a file."""
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}

    assert parts == there - {NAME}
    for path in parts:
        content = (folder / path).read_bytes()
        assert graph[path]["@type"] == "File"
        assert graph[path]["contentSize"] == str(len(content))
        assert graph[path]["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_run_says_program_data_and_results(graph: dict[str, dict[str, Any]]) -> None:
    """Process Run Crate: an action with instrument, objects and results."""
    run = graph["#run"]
    program, data = graph[run["instrument"]["@id"]], graph["#release"]

    assert run["@type"] == "CreateAction"
    assert graph["./"]["mentions"] == {"@id": "#run"}
    assert (program["name"], program["softwareVersion"]) == ("haemony", version("haemony"))
    assert {graph[r["@id"]]["name"] for r in program["softwareRequirements"]} >= {"numpy", "polars"}
    assert data["identifier"] == [f"sha256:{'a' * 64}", f"content:{'b' * 64}"]
    assert {"@id": "report.html"} in run["result"]
    assert {"@id": "study.toml"} in run["object"]


def test_the_date_is_the_plans_own(tmp_path: Path) -> None:
    """Without one it is the day of freezing, or the last day of the data, and it says which."""
    plan = study.parse(PROTOCOL)
    frozen = study.freeze(plan, datetime(2026, 1, 2, tzinfo=UTC))
    study.run(plan, FakeRelease(patients()), frozen=frozen).write(tmp_path / "frozen")
    written(tmp_path / "data", data_cut_off="2014-05-01")

    def root(name: str) -> dict[str, Any]:
        whole = json.loads((tmp_path / name / NAME).read_text(encoding="utf-8"))
        found: dict[str, Any] = whole["@graph"][1]
        return found

    assert root("frozen")["datePublished"] == "2026-01-02"
    assert "the plan was frozen" in root("frozen")["description"]
    assert root("data")["datePublished"] == "2014-05-01"
    assert "Not published" in root("data")["description"]


def test_the_same_study_gives_the_same_crate(folder: Path, tmp_path: Path) -> None:
    """There is no clock in it."""
    facts = {"data_cut_off": "2014-05-01", "conditions_of_use": ["DUO:0000042"]}
    again = written(tmp_path, "published = 2026-03-01\n" + PROTOCOL, **facts)

    assert (again / NAME).read_bytes() == (folder / NAME).read_bytes()
