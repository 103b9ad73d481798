"""Faults: whatever happens during an admission, the lake holds the old or the new release."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
from pathlib import Path

import pytest

import haemony as hm
from haemony.lake import store
from haemony.lake.errors import CannotWrite, LakeBusy
from haemony.lake.lake import Health
from support.contributions import ENTRIES, SMALL, contribution

SCRIPT = Path(__file__).parent.parent / "support" / "admit_and_die.py"
STEPS = 24
"""More than the steps an admission of the small contribution tells its watcher."""


def kill(workspace: hm.Workspace, folder: Path, seed: int) -> None:
    """Admit in another process and kill it at a seeded step or moment."""
    draw = random.Random(seed)  # noqa: S311 no secret
    step = ("step", str(draw.randint(1, STEPS)))
    moment = ("after", f"{draw.uniform(0, 0.4):.4f}")
    how = draw.choice([step, moment])
    command = [sys.executable, str(SCRIPT), str(workspace.folder), str(folder), *how]
    subprocess.run(command, check=False, capture_output=True, timeout=120)


def survive(tmp_path: Path, seed: int) -> tuple[int, ...]:
    """One kill: afterwards every release is intact and the next admission works."""
    workspace = hm.Workspace.init(tmp_path / f"commons{seed}")
    hm.admit([contribution(tmp_path / "c")], workspace)
    before = workspace.lake.latest().manifest.encode()
    contribution(tmp_path / "c", SMALL.replace("88.0", "8.8"))

    kill(workspace, tmp_path / "c", seed)

    lake = hm.Workspace(workspace.folder).lake
    left = lake.numbers
    assert left in {(1,), (1, 2)}
    assert all(lake.verify(number).state is Health.INTACT for number in left)
    assert lake.release(1).manifest.encode() == before
    again = hm.admit([hm.Contribution.load(tmp_path / "c")], hm.Workspace(workspace.folder))
    assert again.release.number == 2
    assert again.release.features(["wbc"])["wbc"].max() == 12.5
    assert not list((workspace.folder / "lake").rglob(".tmp-*"))
    return left


def test_twenty_kills_leave_the_old_or_the_new_release(tmp_path: Path) -> None:
    """Twenty seeded kills at steps and at moments; both outcomes occur."""
    outcomes = {survive(tmp_path, seed) for seed in range(20)}

    assert (1,) in outcomes


@pytest.mark.nightly
def test_two_hundred_kills_leave_the_old_or_the_new_release(tmp_path: Path) -> None:
    """Two hundred more; among them some come too late to prevent the new release."""
    outcomes = {survive(tmp_path, seed) for seed in range(1000, 1200)}

    assert outcomes == {(1,), (1, 2)}


def test_a_full_disk_leaves_the_lake_as_before(
    workspace: hm.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills in the middle of the partitions: a clear error, no release, nothing lost."""
    hm.admit([contribution(tmp_path / "c")], workspace)
    corrected = contribution(tmp_path / "c", SMALL.replace("88.0", "8.8"))
    written = 0

    def fill(_handle: int) -> None:
        nonlocal written
        written += 1
        if written == 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.os, "fsync", fill)
        with pytest.raises(CannotWrite, match="the disk is full"):
            hm.admit([corrected], workspace)

    assert workspace.lake.numbers == (1,)
    assert workspace.lake.verify().state is Health.INTACT
    assert hm.admit([corrected], workspace).release.number == 2


def test_only_one_process_publishes(workspace: hm.Workspace, tmp_path: Path) -> None:
    """While one admission writes, a second is told to wait and changes nothing."""
    given = contribution(tmp_path / "c")
    other = contribution(tmp_path / "d", id="other", partner="another")
    refused: list[str] = []

    def interfere(step: str) -> None:
        if step.startswith("write ") and not refused:
            with pytest.raises(LakeBusy) as busy:
                hm.admit([other], hm.Workspace(workspace.folder))
            refused.append(str(busy.value))

    hm.admit([given], workspace, interfere)

    assert "another admission" in refused[0]
    assert [m.id for m in workspace.lake.latest().manifest.members] == ["small"]


BROKEN = {
    "empty": b"",
    "binary garbage": bytes(range(256)) * 40,
    "truncated": SMALL.encode()[:-40],
    "one column": b"patient\nA\nB\n",
    "duplicate header": SMALL.replace("age,sex", "age,age").encode(),
    "ragged": SMALL.replace("88.0,", "88.0,,,").encode(),
    "mis-encoded": SMALL.encode("utf-16")[2:37],
    "unterminated quote": SMALL.replace('"46,XX[20]"', '"46,XX[20]').encode(),
    "header alone": SMALL.splitlines()[0].encode(),
    "ten thousand columns": (",".join(f"c{i}" for i in range(10_000)) + "\n").encode(),
    "wrong types": SMALL.replace("12.5", "plenty").replace("88.0", "few").encode(),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_named_and_nothing_changes(
    workspace: hm.Workspace, tmp_path: Path, fault: str
) -> None:
    """The message names the file and the next step; no cell of it is shown; no release is made."""
    given = contribution(tmp_path / "c", BROKEN[fault], ENTRIES)

    with pytest.raises(hm.HaemonyError) as refused:
        hm.admit([given], workspace)

    assert "clinical.csv" in str(refused.value)
    assert "contribution check" in str(refused.value)
    assert "plenty" not in str(refused.value)
    assert workspace.lake.numbers == ()
