"""The story of omics files: from a contribution to the lake, and out of it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.admission import withdraw
from haemony.harmonise.expression import Summary
from haemony.lake.errors import UnknownContribution
from haemony.lake.lineage import trace_row
from haemony.lake.omics import NotMeasured, NotOneMatrix
from support.omics import EXPRESSION, MATRIX, with_omics

TABLES = ("expression", "expression_probe", "segment", "arm_call")
SCRIPT = Path(__file__).parent.parent / "support" / "admit_and_die.py"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> hm.Release:
    """A release that holds the small contribution with its omics files; tests do not change it."""
    folder = tmp_path_factory.mktemp("omics")
    workspace = hm.Workspace.init(folder / "commons")
    return hm.admit([with_omics(folder / "small")], workspace).release


@pytest.fixture
def held(workspace: hm.Workspace, tmp_path: Path) -> hm.Release:
    """The same in a workspace of the test's own."""
    return hm.admit([with_omics(tmp_path / "small")], workspace).release


def by_age(release: hm.Release, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of persons with their age for a name: A is 61, B 34, C 47."""
    ages = release.features(["age_at_diagnosis"])
    names = pl.col("age_at_diagnosis").cast(pl.Int64).replace_strict({61: "A", 34: "B", 47: "C"})
    named = ages.select("person_id", names.alias("patient"))
    return frame.join(named, on="person_id").drop("person_id").sort("patient")


def test_expression_comes_back_by_probe_and_by_gene(release: hm.Release) -> None:
    """Values are those of the file, of the right persons; gaps are null; genes are approved."""
    probes = by_age(release, release.probes())
    genes = by_age(release, release.expression())

    assert probes.columns == ["1_at", "2_at", "3_at", "4_at", "patient"]
    assert probes["1_at"].to_list() == [7.5, 8.25, 9.125]
    assert probes["2_at"].to_list() == [None, 6.5, 6.75]
    assert genes.columns == ["KMT2A", "patient"]
    assert genes["KMT2A"].to_list() == [7.5, 8.25, 9.125]
    assert release.table("expression_probe").select("symbol", "gene").rows() == [
        ("MLL", "KMT2A"),
        ("KMT2A", "KMT2A"),
        ("1-Mar", None),
        (None, None),
    ]


def test_the_rule_that_chooses_a_probe_is_named(release: hm.Release) -> None:
    """Another summary takes another probe of the gene."""
    varying = release.expression(["KMT2A"], summary=Summary.HIGHEST_VARIANCE)
    first = release.expression(["KMT2A"], summary=Summary.FIRST)

    assert varying.columns == first.columns == ["person_id", "KMT2A"]
    assert by_age(release, first)["KMT2A"].to_list() == [7.5, 8.25, 9.125]


def test_what_was_not_measured_is_refused(release: hm.Release) -> None:
    """An unknown gene, probe or contribution names the next step."""
    with pytest.raises(NotMeasured, match="KMT2A"):
        release.expression(["KMT2B"])
    with pytest.raises(NotMeasured, match="1_at"):
        release.probes(["1_a"])
    with pytest.raises(UnknownContribution):
        release.probes(contribution="other")


def test_matrices_of_two_contributions_are_not_mixed(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """With two matrices in a release one has to be named."""
    small = with_omics(tmp_path / "small")
    other = with_omics(tmp_path / "other", described=EXPRESSION, id="other", partner="clinic")
    both = hm.admit([small, other], workspace).release

    with pytest.raises(NotOneMatrix, match="small"):
        both.expression()

    assert both.probes(contribution="other").height == 3
    assert both.table("expression").height == 6


def test_a_release_without_a_matrix_says_so(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Nothing is made up."""
    release = hm.admit([with_omics(tmp_path / "small", described="")], workspace).release

    with pytest.raises(NotOneMatrix, match="holds no expression matrix"):
        release.expression()
    assert (release.segments().height, release.arms().height) == (0, 0)


def test_segments_and_arms_come_back(release: hm.Release) -> None:
    """Positions count from 1 as the file's do; -1 as log2 ratio is one copy, so 5q is lost."""
    segments = by_age(release, release.segments()).sort("patient", "chromosome")
    arms = by_age(release, release.arms())

    assert segments.select("patient", "chromosome", "start_position", "end_position").rows() == [
        ("A", "5", 100001, 180000000),
        ("A", "7", 50001, 159000000),
        ("B", "8", 1, 146000000),
    ]
    assert segments["log2_ratio"].to_list() == [-1.0, 0.0, 0.58]
    assert segments["copies"][0] == 1.0
    assert set(segments["assembly"]) == {"GRCh37"}
    calls = {(p, arm): call for p, arm, call in arms.select("patient", "arm", "call").rows()}
    assert calls["A", "5q"] == "loss"
    assert calls["A", "7q"] == "neutral"
    assert calls["B", "8p"] == "gain"
    assert calls["B", "5q"] == "not covered"
    assert len(calls) == 2 * 44


def test_every_row_hangs_on_one_assay(release: hm.Release) -> None:
    """One assay row per person and method; who has none was not tested."""
    concepts = {2_000_000_027: "expression", 2_000_000_025: "segment"}
    rows = release.table("measurement").filter(
        pl.col("measurement_concept_id").is_in(list(concepts))
    )
    counted = rows.group_by("measurement_concept_id").agg(pl.col("person_id").n_unique(), pl.len())

    assert sorted(counted.rows()) == [(2_000_000_025, 2, 2), (2_000_000_027, 3, 3)]
    for concept, name in concepts.items():
        assay = rows.filter(pl.col("measurement_concept_id") == concept)
        linked = release.table(name).join(assay, on=["measurement_id", "person_id"], how="anti")
        assert linked.height == 0


def test_nothing_vanishes(release: hm.Release) -> None:
    """Samples and segments are in the account; their rows lead back to file, row and column."""
    (member,) = release.manifest.members
    account = {row["element"]: row for row in member.grade["account"]}

    assert member.grade["rows_in"] == {"clinical.csv": 3, "matrix.csv": 3, "cn.csv": 3}
    assert (account["expression"]["cells"], account["expression"]["kept"]) == (3, 3)
    assert (account["segments"]["cells"], account["segments"]["kept"]) == (3, 3)
    samples = [
        trace_row(release, f"expression/{row}")[0] for row in release.table("expression")[:, 0]
    ]
    parts = [trace_row(release, f"segment/{row}")[0] for row in release.table("segment")[:, 0]]
    assert sorted(trace.columns for trace in samples) == ["column 2", "column 3", "column 4"]
    assert {trace.file for trace in samples} == {"matrix.csv"}
    assert "whole column" in samples[0].where
    assert sorted(trace.row or 0 for trace in parts) == [2, 3, 4]


def test_a_patient_who_withdraws_takes_the_omics_along(
    held: hm.Release, workspace: hm.Workspace
) -> None:
    """No row of the person stays in any table; the others' values are as before."""
    before = by_age(held, held.probes())
    person = set(held.table("segment")["person_id"])

    after = withdraw("small", workspace, patient="A")
    gone = set(held.table("person")["person_id"]) - set(after.table("person")["person_id"])

    assert len(gone) == 1
    assert gone <= person
    for name in ("expression", "segment", "arm_call", "measurement"):
        assert not gone & set(after.table(name)["person_id"])
    assert by_age(after, after.probes()).equals(before.filter(pl.col("patient") != "A"))
    known = {name: set(after.table(name)[:, 0]) for name in TABLES}
    lineage = after.table("lineage").filter(pl.col("table_name").is_in(TABLES))
    assert all(row in known[name] for name, row in lineage.select("table_name", "row_id").rows())


def test_who_has_withdrawn_is_kept_aside_when_the_contribution_comes_again(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """A corrected version brings no values of a person who has left; the account says why."""
    hm.admit([with_omics(tmp_path / "small")], workspace)
    withdraw("small", workspace, patient="A")

    again = with_omics(tmp_path / "small", MATRIX.replace("4.0", "4.25"))
    after = hm.admit([again], workspace).release
    aside = after.table("set_aside").filter(pl.col("element").is_in(["expression", "segments"]))

    assert by_age(after, after.probes())["4_at"].to_list() == [3.0, 4.25]
    assert aside.select("file", "reason").unique(maintain_order=True).rows() == [
        ("cn.csv", "the patient has withdrawn"),
        ("matrix.csv", "the patient has withdrawn"),
    ]


def test_the_same_files_give_the_same_bytes(
    held: hm.Release, workspace: hm.Workspace, tmp_path: Path, copy_keys: Callable[..., None]
) -> None:
    """The order of samples in the file leaves the tables of values as they are."""
    other = hm.Workspace.init(tmp_path / "other")
    copy_keys(workspace, other, "hospital")

    again = hm.admit([with_omics(tmp_path / "again")], other).release
    turned = [line.split(",") for line in MATRIX.splitlines()]
    text = "\n".join(",".join((row[0], *reversed(row[1:]))) for row in turned) + "\n"
    reordered = hm.admit([with_omics(tmp_path / "again", text)], other).release

    def hashes(of: hm.Release) -> dict[str, str]:
        return {part.table: part.sha256 for part in of.manifest.partitions}

    assert hashes(again) == hashes(held)
    assert {hashes(reordered)[name] for name in TABLES} == {hashes(held)[name] for name in TABLES}


def test_a_kill_while_omics_are_written_leaves_the_old_state(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """Killed after each step in which a table of omics was written: no release, then the whole."""
    with_omics(tmp_path / "small")
    steps: list[str] = []
    trial = hm.Workspace.init(tmp_path / "trial")
    hm.admit([hm.Contribution.load(tmp_path / "small")], trial, steps.append)
    written = [n for n, step in enumerate(steps, 1) if step.split()[-1] in TABLES]

    assert len(written) == len(TABLES)
    for step in (written[0], written[-1]):
        command = [sys.executable, str(SCRIPT), str(workspace.folder), str(tmp_path / "small")]
        ended = subprocess.run(
            [*command, "step", str(step)], env=os.environ, check=False, timeout=120
        )
        assert ended.returncode == -signal.SIGKILL
        assert workspace.lake.numbers == ()

    release = hm.admit([hm.Contribution.load(tmp_path / "small")], workspace).release
    assert release.probes().height == 3
    assert workspace.lake.verify().state == "intact"


def test_engines_read_the_same(release: hm.Release) -> None:
    """SQL sees the lists that Polars sees."""
    query = "SELECT person_id, expression_values[1] AS first FROM expression ORDER BY person_id"

    rows = release.connect().sql(query).fetchall()

    assert rows == release.probes().select("person_id", "1_at").sort("person_id").rows()
