"""Published OMOP sets on the way back: one gives what its concepts say, the other next to nothing.

Synthea27Nj (OHDSI Eunomia) holds 28 synthetic people of a general population. The OMOP set of
Ahmadi et al. (npj Digit Med 2024;7:76) was harmonised badly, by others; see ``test_dresden.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

import haemony as hm
from haemony.harmonise.from_omop.errors import Nobody
from haemony.services.cli import app

ROWS = {
    "albumin": 52,
    "body_height": 496,
    "body_weight": 511,
    "calcium": 12,
    "creatinine": 12,
    "haematocrit": 5,
    "haemoglobin": 108,
    "nt_probnp": 12,
    "urea_nitrogen": 12,
}
"""Rows of MEASUREMENT by element, counted in the file by concept and unit."""

MEASUREMENTS, OBSERVATIONS, PROCEDURES = 10_040, 8_099, 1_649
COUNTED_CELLS = {3000905: 107, 3024929: 107}
"""Automated counts of white cells and platelets: near an element, and none until somebody says."""

DELETION_7Q = 37111439


def invoked(name: str, data: Path, out: Path, *more: str) -> Result:
    """The command on a known OMOP set; skips where its data are absent."""
    if not data.is_dir():
        pytest.skip(f"the published OMOP set is absent ({data})")
    line = ["contribution", "from-omop", name, "--data", str(data), "-o", str(out), "--json", *more]
    return CliRunner().invoke(app, line)


def back(name: str, data: Path, out: Path, *more: str) -> dict[str, Any]:
    """What the command says of a known OMOP set."""
    said = json.loads(invoked(name, data, out, *more).stdout)
    assert isinstance(said, dict)
    return said


def lost(said: dict[str, Any], name: str) -> int:
    """Rows of a CDM table that found no place."""
    return sum(int(row["rows"]) for row in said["left_out"] if row["table"] == name)


def synthea(shared_data: Path, out: Path, *more: str) -> dict[str, Any]:
    """The people of New Jersey, from the start of their observation."""
    data = shared_data / "omop_synthea27nj"
    return back("omop_synthea27nj", data, out, "--origin", "observation-period", *more)


def test_synthea_is_admitted(shared_data: Path, tmp_path: Path, workspace: hm.Workspace) -> None:
    """28 people, nobody ill, each of nine measured elements with every one of its rows."""
    said = synthea(shared_data, tmp_path / "back")
    assert (said["persons"], said["patients"], said["origin"]) == (28, 28, "observation")

    hm.admit([hm.Contribution.load(tmp_path / "back")], workspace)

    release = workspace.lake.latest()
    held = release.features(["diagnosis", "sex", "vital_status", "last_contact_day"])
    assert held["diagnosis"].to_list() == ["no blood disease"] * 28
    assert held["sex"].null_count() == held["last_contact_day"].null_count() == 0
    assert held.filter(pl.col("vital_status") == "dead").height == 3
    concepts = {release.disease.catalogue[name].concept_id: name for name in ROWS}
    rows = release.table("measurement").filter(
        pl.col("measurement_concept_id").is_in(list(concepts))
    )
    days = said["elements"]
    assert {name: days[name] for name in ROWS} == ROWS
    assert rows.height + repeated(tmp_path / "back") == sum(ROWS.values())
    assert set(release.table("person")["person_id"]).isdisjoint(range(1, 29))


def repeated(folder: Path) -> int:
    """Rows of the long tables that repeat a person and day: the lake keeps one fact of them."""
    frames = [pl.read_csv(folder / f"measurement_{name}.csv") for name in ROWS]
    return sum(f.height - f.select("person_id", "date").n_unique() for f in frames)


def test_synthea_is_accounted_for(shared_data: Path, tmp_path: Path) -> None:
    """Rows of a table = rows written + rows left out; nothing else happens to any."""
    said = synthea(shared_data, tmp_path / "back")

    assert lost(said, "measurement") == MEASUREMENTS - sum(ROWS.values())
    assert lost(said, "observation") == OBSERVATIONS
    assert lost(said, "procedure_occurrence") == PROCEDURES
    assert (lost(said, "condition_occurrence"), lost(said, "drug_exposure")) == (470, 883)
    near = {row["concept_id"]: row["near"] for row in said["left_out"] if row["near"]}
    assert {near[concept] for concept in COUNTED_CELLS} == {"wbc", "platelets"}


def test_synthea_has_blood_counts_once_somebody_says_so(shared_data: Path, tmp_path: Path) -> None:
    """Automated counts become white cells and platelets when the partner names the concepts."""
    also = ("--also", "3000905=wbc", "--also", "3024929=platelets")

    said = synthea(shared_data, tmp_path / "back", *also)

    counts = (said["elements"]["wbc"], said["elements"]["platelets"])
    assert counts == tuple(COUNTED_CELLS.values())


@pytest.mark.parametrize("name", ["ctab", "nflow"])
def test_the_bad_set_gives_nobody(shared_data: Path, tmp_path: Path, name: str) -> None:
    """No row says that anybody has the disease, so nobody can be said to have it."""
    data = shared_data / "omop_aml_synthetic_dresden"

    refused = invoked(f"sal_omop_{name}", data, tmp_path / "back").exception

    assert isinstance(refused, Nobody)
    assert (refused.persons, refused.concepts) == (1606, {140352})
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(("name", "observations"), [("ctab", 20_721), ("nflow", 20_768)])
def test_the_bad_set_gives_nothing_even_when_forced(
    shared_data: Path, tmp_path: Path, name: str, observations: int
) -> None:
    """With a deletion as the disease everybody takes part, and not one element has a value."""
    data = shared_data / "omop_aml_synthetic_dresden"
    forced = ("--origin-concept", str(DELETION_7Q))

    said = back(f"sal_omop_{name}", data, tmp_path / "back", *forced)

    assert (said["patients"], said["elements"]) == (1606, {})
    assert lost(said, "observation") == observations
    told = {(row["element"], row["reason"]): row["rows"] for row in said["left_out"]}
    assert told["", "day 0 lies before birth, so there is no age"] == 1606
    sexes = [row["rows"] for row in said["left_out"] if row["element"] == "sex"]
    assert sum(sexes) == 1606
