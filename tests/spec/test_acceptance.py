"""Level 4: two of the quality committee sign one exact content, and a release names them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.acceptance import NotInRelease, NotPlausible, OtherContent, accept, document
from haemony.analysis.synthetic import Shape, write_contribution
from haemony.parties import Party
from haemony.privacy.exchange.approval import NotApproved
from haemony.quality.grade import Level
from haemony.services.cli import main
from haemony.services.report import grade_page
from support.approvals import approved, approver
from support.contributions import contribution


@pytest.fixture
def given(tmp_path: Path) -> hm.Contribution:
    """An in-silico trial group whose data reach level 3, with a white count that cannot be."""
    folder = write_contribution(Shape.TRIAL_GROUP, tmp_path / "group", patients=120)
    file = folder / "clinical_in_silico.csv"
    table = pl.read_csv(file, infer_schema=False)
    first = pl.int_range(pl.len()) == 0
    table.with_columns(WBC=pl.when(first).then(pl.lit("88000")).otherwise("WBC")).write_csv(file)
    return hm.Contribution.load(folder)


@pytest.fixture
def committee(workspace: hm.Workspace, tmp_path: Path) -> tuple[Party, Party]:
    """Two people whose cards the platform trusts."""
    alice, bob = (approver(tmp_path / name, name, workspace) for name in ("Alice", "Bob"))
    return alice, bob


def written(workspace: hm.Workspace, contribution: str, folder: Path) -> Path:
    """The document to sign."""
    path = folder / "acceptance.json"
    path.write_bytes(document(workspace, contribution))
    return path


def test_two_signatures_make_level_4(
    workspace: hm.Workspace,
    given: hm.Contribution,
    committee: tuple[Party, Party],
    tmp_path: Path,
) -> None:
    """A new release holds the same bytes at level 4, with names and open queries."""
    before = hm.admit([given], workspace).release
    paper = written(workspace, given.id, tmp_path)

    after = accept(workspace, paper, approved(paper, *committee))

    (member,) = after.manifest.members
    asked = [q["key"] for q in member.grade["queries"] if q["state"] != "accepted"]
    signed = member.grade["levels"][-1]
    assert (before.manifest.members[0].level, member.level) == (Level.PLAUSIBLE, Level.ACCEPTED)
    assert after.manifest.partitions == before.manifest.partitions
    assert sorted(signed["by"]) == ["Alice", "Bob"]
    assert [query["key"] for query in signed["open queries"]] == asked
    assert workspace.lake.verify().state == "intact"
    assert hm.admit([given], workspace).unchanged == (given.id,)
    assert workspace.lake.latest().manifest == after.manifest
    assert "Alice" in grade_page(after)


def test_signing_twice_changes_nothing(
    workspace: hm.Workspace,
    given: hm.Contribution,
    committee: tuple[Party, Party],
    tmp_path: Path,
) -> None:
    """What is accepted already stays in the release that accepted it."""
    hm.admit([given], workspace)
    paper = written(workspace, given.id, tmp_path)
    first = accept(workspace, paper, approved(paper, *committee))

    again = accept(workspace, paper, approved(paper, *committee))

    assert again.number == first.number == 2


def test_one_signature_is_not_enough(
    workspace: hm.Workspace,
    given: hm.Contribution,
    committee: tuple[Party, Party],
    tmp_path: Path,
) -> None:
    """One person twice, or with somebody whom nobody trusts: nothing is accepted."""
    hm.admit([given], workspace)
    paper = written(workspace, given.id, tmp_path)
    stranger = approver(tmp_path / "eve", "Eve")

    with pytest.raises(NotApproved):
        accept(workspace, paper, approved(paper, committee[0], committee[0], stranger))

    assert workspace.lake.numbers == (1,)


def test_other_content_is_not_accepted(
    workspace: hm.Workspace,
    given: hm.Contribution,
    committee: tuple[Party, Party],
    tmp_path: Path,
) -> None:
    """A paper about an earlier version, about other queries, or tampered with: refused."""
    hm.admit([given], workspace)
    paper = written(workspace, given.id, tmp_path)
    signed = approved(paper, *committee)
    key = json.loads(paper.read_bytes())["open queries"][0]["key"]
    workspace.governance.answer(given.id, key, "accepted", "", "Q. Committee")

    with pytest.raises(OtherContent, match="signed again"):
        accept(workspace, paper, signed)
    anew = written(workspace, given.id, tmp_path)
    anew.write_bytes(anew.read_bytes().replace(b"haemony", b"Haemony"))
    with pytest.raises(OtherContent):
        accept(workspace, anew, approved(anew, *committee))
    anew.write_bytes(b"no document")
    with pytest.raises(OtherContent):
        accept(workspace, anew, approved(anew, *committee))

    assert workspace.lake.numbers == (1,)


def test_only_plausible_data_are_accepted(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Below level 3, and for what is not there, there is nothing to sign."""
    hm.admit([contribution(tmp_path / "c")], workspace)

    with pytest.raises(NotPlausible, match="from level 3 on"):
        document(workspace, "small")
    with pytest.raises(NotInRelease, match="it holds small"):
        document(workspace, "other")


def test_the_command_line_accepts(
    workspace: hm.Workspace,
    given: hm.Contribution,
    committee: tuple[Party, Party],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Write, sign with two keys, accept; `release show` names who did."""
    hm.admit([given], workspace)
    folder, paper = str(workspace.folder), str(tmp_path / "accept.json")

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0)

    assert run("release", "acceptance", given.id, "-o", paper, "-w", folder) == 0
    words = []
    for person in committee:
        out = f"{paper}.{person.name}"
        assert run("approver", "approve", paper, "-o", out, "-w", str(person.folder)) == 0
        words += ["--approval", out]
    assert run("release", "accept", paper, *words, "-w", folder) == 0
    capsys.readouterr()
    assert run("release", "show", "-w", folder) == 0
    assert "accepted by" in " ".join(capsys.readouterr().out.split())
