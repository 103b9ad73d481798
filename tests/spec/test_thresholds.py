"""Thresholds apply after the run: another one is judged at once, on what was counted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

import haemony as hm
from haemony.services.cli import main
from support.contributions import ENTRIES, SMALL, contribution

LATE = SMALL.replace("A,61,f,12.5,850,1,40,300", "A,61,f,12.5,850,1,40,30")
"""A relapse before the remission."""


def asked(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, object]:
    """Exit code and JSON of a regrade by these thresholds."""
    file = folder / "thresholds.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["release", "regrade", "--thresholds", str(file), "--json", "-w", str(folder / "w")])
    return int(str(ended.value.code)), json.loads(capsys.readouterr().out)


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A folder with a workspace whose release holds one contribution that breaks a rule."""
    workspace = hm.Workspace.init(tmp_path / "w")
    hm.admit([contribution(tmp_path / "c", LATE, ENTRIES)], workspace)
    return tmp_path


def test_the_same_thresholds_give_the_same_level(
    graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked with what was asked before, the grade is the grade."""
    code, found = asked(graded, "name,threshold\ncore share,0.8\n", capsys)

    assert code == 0
    assert isinstance(found, list)
    assert found[0]["level"] == found[0]["would be"] == 1
    assert "AML type is known for 0 of 3" in found[0]["why not the next"]


def test_another_threshold_gives_another_level(
    graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no share asked of the core and the rule tolerated in full, level 3 is reached."""
    started = time.perf_counter()
    _, strict = asked(graded, "name,threshold\ncore share,0\n", capsys)
    text = "name,threshold\ncore share,0\nremission precedes relapse,1\n"
    _, lenient = asked(graded, text, capsys)

    assert isinstance(strict, list)
    assert isinstance(lenient, list)
    assert (strict[0]["would be"], lenient[0]["would be"]) == (2, 3)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("line", ["no such rule,0.5", "core share,2", "core share,much"])
def test_what_judges_nothing_is_refused(
    graded: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A name that no rule has, and a threshold that is no share, are wrong use."""
    code, said = asked(graded, f"name,threshold\n{line}\n", capsys)

    assert code == 2
    assert isinstance(said, dict)
