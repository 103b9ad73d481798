"""Admission: what a release promises to those who bring data and to those who use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.admission import TwiceGiven, UnknownPatient, withdraw
from haemony.intake.dictionary import Entry, Role
from haemony.lake.errors import NoRelease, SharedPatients, Shredded
from haemony.lake.lake import Health
from haemony.lake.lineage import trace_row
from haemony.privacy.split import DirectIdentifier, NotSound
from support.contributions import SMALL, contribution


def test_a_contribution_becomes_release_one(workspace: hm.Workspace, tmp_path: Path) -> None:
    """The first admission makes release 1 with every patient and their facts."""
    admission = hm.admit([contribution(tmp_path / "c")], workspace)

    table = admission.release.features(["age_at_diagnosis", "sex", "NPM1", "os_days", "os_event"])

    assert admission.release.number == 1
    assert table.sort("age_at_diagnosis").drop("person_id").rows() == [
        (34.0, "male", "negative", 1200, False),
        (47.0, "female", None, 20, True),
        (61.0, "female", "positive", 850, True),
    ]


def test_not_tested_is_not_negative(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Without metaphases there is no cytogenetic finding, neither positive nor negative."""
    release = hm.admit([contribution(tmp_path / "c")], workspace).release

    table = release.features(["age_at_diagnosis", "t_8_21", "normal_karyotype"])

    assert table.sort("age_at_diagnosis").drop("person_id").rows() == [
        (34.0, "positive", "negative"),
        (47.0, None, None),
        (61.0, "negative", "positive"),
    ]


def test_admitting_the_same_again_changes_nothing(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A second admission of the same files finds release 1 and leaves it the latest."""
    given = contribution(tmp_path / "c")
    first = hm.admit([given], workspace)

    second = hm.admit([given], workspace)

    assert second.release.manifest == first.release.manifest
    assert (second.admitted, second.unchanged) == ((), ("small",))
    assert workspace.lake.numbers == (1,)


def test_a_corrected_contribution_supersedes_the_first(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """The next release holds the correction; the old release still says what it said."""
    hm.admit([contribution(tmp_path / "c")], workspace)
    corrected = contribution(tmp_path / "c", SMALL.replace("88.0", "8.8"))

    hm.admit([corrected], workspace)

    lake = workspace.lake
    assert lake.release(1).features(["wbc"])["wbc"].max() == 88.0
    assert lake.release(2).features(["wbc"])["wbc"].max() == 12.5
    assert lake.release(2).manifest.parent == lake.release(1).manifest.sha256


def test_several_contributions_make_one_release(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Two partners with the same patient numbers have different patients."""
    one = contribution(tmp_path / "a", id="one", partner="hospital a")
    two = contribution(tmp_path / "b", id="two", partner="hospital b")

    release = hm.admit([one, two], workspace).release

    assert release.table("person")["person_id"].n_unique() == 6
    assert release.table("measurement")["measurement_id"].is_unique().all()


def test_the_same_patients_twice_are_refused(workspace: hm.Workspace, tmp_path: Path) -> None:
    """One partner's patients in two contributions would be counted twice."""
    one, two = (contribution(tmp_path / name, id=name) for name in ("one", "two"))

    with pytest.raises(SharedPatients, match="3 patients in common"):
        hm.admit([one, two], workspace)

    assert workspace.lake.numbers == ()


def test_an_id_given_twice_is_refused(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Two contributions of one id in one admission are a mistake."""
    given = contribution(tmp_path / "c")

    with pytest.raises(TwiceGiven):
        hm.admit([given, given], workspace)


def test_same_inputs_same_bytes(tmp_path: Path, copy_keys: Callable[..., None]) -> None:
    """Two fresh workspaces with the same keys make the same manifest and signature."""
    first, second = (hm.Workspace.init(tmp_path / name) for name in ("one", "two"))
    given = contribution(tmp_path / "c")
    copy_keys(first, second, given.partner)

    for place in (first, second):
        hm.admit([given], hm.Workspace(place.folder))

    for name in ("manifest.json", "signature.json"):
        path = Path("lake/releases/000001") / name
        assert (first.folder / path).read_bytes() == (second.folder / path).read_bytes()


def test_other_keys_give_other_persons(tmp_path: Path) -> None:
    """Nobody can recompute a person from a patient number without the keys."""
    given = contribution(tmp_path / "c")
    releases = [
        hm.admit([given], hm.Workspace.init(tmp_path / name)).release for name in ("one", "two")
    ]

    first, second = (set(release.table("person")["person_id"]) for release in releases)

    assert not first & second


def test_a_direct_identifier_is_refused(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A column that names people stops the admission before anything is read from it."""
    entries = [
        Entry("clinical", "patient", role=Role.PATIENT),
        Entry("clinical", "name", role=Role.DIRECT),
    ]
    given = contribution(tmp_path / "c", "patient,name\n1,Somebody\n", entries)

    with pytest.raises(DirectIdentifier) as refused:
        hm.admit([given], workspace)

    assert "name" in str(refused.value)
    assert "Somebody" not in str(refused.value)
    assert workspace.lake.numbers == ()


def test_what_blocks_leaves_the_lake_as_before(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A sound contribution does not slip in beside one that is not."""
    sound = contribution(tmp_path / "a", id="sound", partner="a")
    broken = contribution(tmp_path / "b", SMALL.replace("age", "years"), id="broken", partner="b")

    with pytest.raises(NotSound, match="contribution check"):
        hm.admit([sound, broken], workspace)

    with pytest.raises(NoRelease):
        workspace.lake.latest()


def test_a_withdrawn_patient_is_gone_and_stays_gone(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """No table of the next release knows the patient; a later correction does not change that."""
    release = hm.admit([contribution(tmp_path / "c")], workspace).release
    table = release.features(["age_at_diagnosis"])
    person = table.filter(pl.col("age_at_diagnosis") == 61)["person_id"].item()

    after = withdraw("small", workspace, patient="A")
    again = hm.admit(
        [contribution(tmp_path / "c", SMALL.replace("88.0", "8.8"))], workspace
    ).release

    for release in (after, again):
        assert release.table("person").height == 2
        for name in release.manifest.tables:
            frame = release.table(name)
            if "person_id" in frame.columns:
                assert person not in frame["person_id"].to_list(), name
    assert "the patient has withdrawn" in again.table("set_aside")["reason"].to_list()
    assert workspace.lake.verify(1).state is Health.INTACT


def test_shredding_leaves_tombstones(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A shredded release is verified as shredded, never as intact, and says so when read."""
    hm.admit([contribution(tmp_path / "c")], workspace)
    withdraw("small", workspace, patient="A")

    gone = workspace.lake.shred("small", "withdrawn")

    assert gone
    assert workspace.lake.verify(1).state is Health.SHREDDED
    assert workspace.lake.verify(2).state is Health.INTACT
    with pytest.raises(Shredded):
        workspace.lake.release(1).table("person")


def test_a_forged_tombstone_does_not_hide_a_loss(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Only the platform's key can turn missing into shredded."""
    release = hm.admit([contribution(tmp_path / "c")], workspace).release
    part = release.manifest.partitions[0]
    workspace.lake.store.path(part.sha256).unlink()
    stones = workspace.folder / "lake" / "tombstones"
    stones.mkdir()
    (stones / f"{part.sha256}.json").write_text(f'{{"shredded":"{part.sha256}"}}')
    (stones / f"{part.sha256}.signature").write_text('{"ed25519":"00","signature":"00"}')

    assert workspace.lake.verify(1).state is Health.MISSING


def test_verification_names_a_changed_byte(workspace: hm.Workspace, tmp_path: Path) -> None:
    """One flipped byte in one partition is found."""
    release = hm.admit([contribution(tmp_path / "c")], workspace).release
    part = release.manifest.partitions[3]
    path = workspace.lake.store.path(part.sha256)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    found = workspace.lake.verify()

    assert found.state is Health.DAMAGED
    assert [p.sha256 for p, health in found.partitions if health is Health.DAMAGED] == [part.sha256]


def test_every_row_leads_back_to_its_cell(workspace: hm.Workspace, tmp_path: Path) -> None:
    """The white cell count of patient B stands in row 3, column wbc."""
    release = hm.admit([contribution(tmp_path / "c")], workspace).release
    concept = release.disease.catalogue["wbc"].concept_id
    rows = release.table("measurement").filter(pl.col("measurement_concept_id") == concept)
    row = rows.filter(pl.col("value_as_number") == 88)["measurement_id"].item()

    (trace,) = trace_row(release, f"measurement/{row}")

    assert (trace.contribution, trace.file, trace.row, trace.columns) == (
        "small",
        "clinical.csv",
        3,
        "wbc",
    )


def test_a_value_that_breaks_a_rule_is_kept_aside(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A relapse before remission is not used, and says which rule it broke."""
    rows = SMALL.replace("40,300", "400,300")

    release = hm.admit([contribution(tmp_path / "c", rows)], workspace).release

    aside = release.table("set_aside").row(0, named=True)
    assert release.features(["relapse_day"])["relapse_day"].null_count() == 3
    assert (aside["row"], aside["column"]) == (2, "relapse")
    assert aside["reason"] == "breaks the rule: remission precedes relapse"


def test_an_unknown_patient_cannot_be_withdrawn(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A mistyped number is refused, not shown, and nothing changes."""
    hm.admit([contribution(tmp_path / "c")], workspace)

    with pytest.raises(UnknownPatient) as refused:
        withdraw("small", workspace, patient="4711")

    assert "4711" not in str(refused.value)
    assert workspace.lake.numbers == (1,)


@pytest.mark.parametrize("name", ["../elsewhere.csv", "/etc/hostname"])
def test_no_file_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    """A description cannot reach for files that do not belong to its contribution."""
    given = contribution(tmp_path / "c")
    description = given.folder / "contribution.yaml"
    described = description.read_text(encoding="utf-8").replace("clinical.csv", name)
    description.write_text(described, encoding="utf-8")

    with pytest.raises(hm.HaemonyError, match="outside the folder"):
        hm.Contribution.load(given.folder)
