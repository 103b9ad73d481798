"""The command line as a steward and a curator use it, from an empty folder to a withdrawal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import haemony as hm
from haemony.model.errors import Exit
from haemony.services.cli import app, main
from support.contributions import SMALL, contribution


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run one command; give its exit code and what it printed."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


def value(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:  # noqa: ANN401 JSON
    """Run one command with --json; give its value."""
    code, text = run(capsys, *arguments, "--json")
    assert code == Exit.DONE, text
    return json.loads(text)


@pytest.fixture
def commons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A workspace with one release of three patients."""
    folder = tmp_path / "commons"
    assert run(capsys, "init", folder)[0] == Exit.DONE
    given = contribution(tmp_path / "incoming")
    assert run(capsys, "admit", given.folder, "-w", folder)[0] == Exit.DONE
    return folder


def test_from_nothing_to_a_release(commons: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After init and admit there is one intact release with three patients."""
    (release,) = value(capsys, "release", "list", "-w", commons)
    shown = value(capsys, "release", "show", "-w", commons)
    verified = value(capsys, "release", "verify", "-w", commons)

    assert (release["release"], release["patients"]) == (1, 3)
    assert shown["contributions"][0]["in_silico"] is True
    assert verified["state"] == "intact"


def test_in_silico_is_said(commons: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks at a release of simulated patients is told."""
    assert "in silico" in run(capsys, "release", "show", "-w", commons)[1]


def test_a_value_is_traced_to_its_cell(commons: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first measurement of the release leads to a row of clinical.csv."""
    code, text = run(capsys, "trace", f"person/{_person(commons)}", "-w", commons)

    assert code == Exit.DONE
    assert "clinical.csv" in text


def _person(commons: Path) -> int:
    return int(hm.Workspace(commons).lake.latest().table("person")["person_id"][0])


def test_a_check_says_everything_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two wrong cells in two columns: both are named with row and rule, and no cell is shown."""
    rows = SMALL.replace("12.5", "plenty").replace(",f,", ",x,", 1)
    given = contribution(tmp_path / "c", rows)
    page = tmp_path / "check.html"

    code, text = run(capsys, "contribution", "check", given.folder, "--html", page, "--json")

    report = json.loads(text)
    warnings = [p for p in report["problems"] if p["severity"] == "warning"]
    assert code == Exit.FINDINGS  # a third of a mapped column contradicts the dictionary
    assert {(p["column"], p["row"], p["value_class"]) for p in warnings} == {
        ("wbc", 2, "text"),
        ("sex", 2, "text"),
    }
    assert all(p["fix"] for p in report["problems"])
    assert "plenty" not in text + page.read_text(encoding="utf-8")
    assert "http" not in page.read_text(encoding="utf-8").replace("http-equiv", "")


def test_the_difference_between_releases(
    commons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a correction the diff names the contribution and the tables that changed."""
    corrected = contribution(tmp_path / "incoming", SMALL.replace("88.0", "8.8"))
    value(capsys, "admit", corrected.folder, "-w", commons)

    diff = value(capsys, "release", "diff", 1, 2, "-w", commons)

    assert diff["contributions"] == [
        {"contribution": "small", "change": "superseded by a new version"}
    ]
    assert [row["table"] for row in diff["tables"]] == ["measurement"]


def test_withdrawing_and_shredding(commons: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A patient leaves; older releases are shredded on demand and say so."""
    left = value(capsys, "withdraw", "small", "--patient", "A", "--shred", "-w", commons)

    old = value(capsys, "release", "verify", 1, "-w", commons)

    assert left["release"] == 2
    assert left["shredded"]
    assert old["state"] == "shredded"
    assert [e["action"] for e in value(capsys, "events", "-w", commons)][-1] == "patient withdrawn"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("release", "list", "-w", "nowhere"), Exit.USAGE, "haemony init"),
        (("contribution", "check", "nowhere"), Exit.USAGE, "contribution.yaml"),
        (("elements", "--nonsense"), Exit.USAGE, "--help"),
        (("release",), Exit.USAGE, ""),
        (("elements", "--disease", "flu"), Exit.USAGE, "known here: all, aml"),
    ],
)
def test_wrong_use_ends_with_its_code(
    arguments: tuple[str, ...], code: Exit, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every refusal has its exit code and names the next step."""
    ended, text = run(capsys, *arguments)

    assert ended == code
    assert says in text


def test_a_refusal_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, programs get the reason and the code as JSON."""
    code, text = run(capsys, "release", "list", "-w", "nowhere", "--json")

    assert json.loads(text)["exit_code"] == code == Exit.USAGE


def test_a_policy_refuses_with_its_own_code(
    tmp_path: Path, commons: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A direct identifier ends with exit code 3."""
    given = contribution(tmp_path / "named", id="named")
    dictionary = given.folder / "dictionary.csv"
    text = dictionary.read_text(encoding="utf-8-sig").replace(
        "clinical,wbc,,number,10*9/L,,,other,wbc", "clinical,wbc,,number,,,,direct identifier,"
    )
    dictionary.write_text(text, encoding="utf-8")

    code, said = run(capsys, "admit", given.folder, "-w", commons)

    assert code == Exit.REFUSED
    assert "wbc" in said


def test_a_key_that_others_can_read_is_refused(
    commons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loose permissions on a key stop everything that needs it."""
    (commons / "parties" / "trustee" / "keys" / "domain.key").chmod(0o644)
    given = contribution(tmp_path / "other", id="other", partner="another")

    code, said = run(capsys, "admit", given.folder, "-w", commons)

    assert code == Exit.ENVIRONMENT
    assert "chmod 600" in said


def commands(group: Any, path: str = "haemony") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every command below a group, with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_explains_itself() -> None:
    """Each command has help, an example that starts with its own name, and --json."""
    for name, command in commands(typer.main.get_command(app)):
        assert command.help, name
        assert (command.epilog or "").startswith(f"Example: {name}"), name
        assert any("--json" in option.opts for option in command.params), name
