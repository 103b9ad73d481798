"""From three empty folders to a release, a withdrawal and a cut, with the command line alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from haemony.model.errors import Exit
from haemony.services.cli import main
from support.contributions import contribution

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[int, str]:
    """Run one command; give its exit code and everything it said."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(stopped.value.code or 0), said.out + said.err


def value(capsys: Capture, *arguments: object) -> Any:  # noqa: ANN401 JSON
    """Run one command with --json; give its value."""
    code, text = run(capsys, *arguments, "--json")
    assert code == Exit.DONE, text
    return json.loads(text)


@pytest.fixture
def place(tmp_path: Path, capsys: Capture) -> Path:
    """A folder with three parties and two approvers who know each other's cards."""
    made = {
        "site": ("partner", "hospital"), "trustee": ("trustee", "Trust centre"),
        "commons": ("platform", "Blood commons"), "alice": ("approver", "Alice"),
        "bob": ("approver", "Bob"),
    }  # fmt: skip
    cards = {}
    for folder, (role, name) in made.items():
        value(capsys, role, "init", tmp_path / folder, "--name", name)
        card = tmp_path / f"{folder}.json"
        shown = value(capsys, role, "card", "-w", tmp_path / folder, "-o", card)
        cards[folder] = (card, shown["fingerprint"])
    trusts = {
        "site": ("trustee", "commons"), "commons": ("trustee", "site"),
        "trustee": ("site", "commons", "alice", "bob"),
    }  # fmt: skip
    for folder, others in trusts.items():
        role = made[folder][0]
        for other in others:
            card, mark = cards[other]
            value(capsys, role, "trust", card, "-w", tmp_path / folder, "--fingerprint", mark)
    return tmp_path


def admitted(place: Path, capsys: Capture) -> Any:  # noqa: ANN401 JSON
    """Seal, relay, receive."""
    given = contribution(place / "incoming")
    sealed = value(capsys, "partner", "seal", given.folder, "-w", place / "site",
                   "-o", place / "post")  # fmt: skip
    relayed = value(capsys, "trustee", "relay", sealed["identities"], "-w", place / "trustee",
                    "-o", place / "post")  # fmt: skip
    return value(capsys, "platform", "receive", sealed["payload"], *relayed["keys"],
                 "-w", place / "commons")  # fmt: skip


def test_three_parties_make_a_release(place: Path, capsys: Capture) -> None:
    """Seal, relay and receive give the release that `admit` gives on one machine."""
    release = admitted(place, capsys)

    assert (release["release"], release["admitted"]) == (1, ["small"])
    shown = value(capsys, "release", "show", "-w", place / "commons")
    assert shown["risk"]["records"] == 3
    again, said = run(capsys, "partner", "seal", place / "incoming", "-w", place / "site",
                      "-o", place / "post")  # fmt: skip
    assert (again, "--again" in said) == (Exit.REFUSED, True)


def test_a_wrong_fingerprint_is_not_trusted(place: Path, capsys: Capture) -> None:
    """A card whose fingerprint differs from the one read out stays a stranger's."""
    value(capsys, "partner", "init", place / "other", "--name", "clinic")
    value(capsys, "partner", "card", "-w", place / "other", "-o", place / "other.json")

    code, said = run(capsys, "trustee", "trust", place / "other.json", "-w", place / "trustee",
                     "--fingerprint", "00" * 20)  # fmt: skip

    assert (code, "not the one that was read out" in said) == (Exit.USAGE, True)


def test_a_patient_leaves(place: Path, capsys: Capture) -> None:
    """Asked for at the hospital, approved by two people, obeyed, and gone."""
    admitted(place, capsys)
    asked = value(capsys, "partner", "withdraw", "small", "--patient", "B", "-w", place / "site",
                  "-o", place / "post")  # fmt: skip
    request = asked["request"]
    for name in ("alice", "bob"):
        value(capsys, "approver", "approve", request, "-w", place / name,
              "-o", place / f"{name}.ok")  # fmt: skip
    alone, said = run(capsys, "trustee", "obey", request, place / "alice.ok",
                      "-w", place / "trustee", "-o", place / "post")  # fmt: skip
    assert (alone, "approval of 2" in said) == (Exit.REFUSED, True)

    sealed = value(capsys, "trustee", "obey", request, place / "alice.ok", place / "bob.ok",
                   "-w", place / "trustee", "-o", place / "post")  # fmt: skip
    value(capsys, "platform", "withdraw", *sealed["sealed"], "-w", place / "commons")

    shown = value(capsys, "release", "show", "-w", place / "commons")
    assert shown["contributions"][0]["patients"] == 2


def test_keys_are_replaced_destroyed_and_recovered(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotation, an approved order, and a backup that opens again."""
    monkeypatch.setenv("HAEMONY_PASSPHRASE", "several words make a passphrase")
    old = value(capsys, "trustee", "rotate", "-w", place / "trustee")["retired"]
    order = place / "order.json"
    value(capsys, "trustee", "order", old, "--reason", "test", "-w", place / "trustee", "-o", order)
    for name in ("alice", "bob"):
        value(capsys, "approver", "approve", order, "-w", place / name, "-o", place / f"{name}.ok")

    value(capsys, "trustee", "destroy", order, place / "alice.ok", place / "bob.ok",
          "-w", place / "trustee")  # fmt: skip
    value(capsys, "trustee", "backup", "-w", place / "trustee", "-o", place / "t.backup")
    back = value(capsys, "trustee", "recover", place / "t.backup", place / "again")

    before = value(capsys, "trustee", "card", "-w", place / "trustee")
    assert back["fingerprint"] == before["fingerprint"]
    assert not (place / "again" / "keys" / f"{old}.key").exists()


TABLE = "age,sex,stage\n" + "".join(
    f"{30 + i % 40},{'fm'[i % 2]},{'I' if i % 3 else 'II'}\n" for i in range(400)
)
POLICY = """\
name = "small"
recipient = "a colleague"
context = "under agreement"
threshold = 0.2
[quasi_identifiers]
age = { treatment = "generalise", hierarchy = "age.csv" }
sex = { treatment = "keep" }
[released]
stage = {}
"""


def test_any_table_can_be_measured_and_cut(tmp_path: Path, capsys: Capture) -> None:
    """Risk, a drafted hierarchy and a policy work on a file that knows nothing of haemony."""
    file, policy = tmp_path / "table.csv", tmp_path / "policy.toml"
    file.write_text(TABLE, encoding="utf-8")
    policy.write_text(POLICY, encoding="utf-8")

    measured = value(capsys, "risk", file, "--qi", "age,sex,stage")
    value(capsys, "hierarchy", "draft", file, "age", "-o", tmp_path / "age.csv")
    cut = value(capsys, "anonymise", file, "--policy", policy, "-o", tmp_path / "cut")

    assert measured["smallest class"] == 3
    assert cut["risk"]["after"]["highest prosecutor risk"] <= 0.2
    assert "Measured risk" in (tmp_path / "cut" / "assessment.html").read_text(encoding="utf-8")


def test_a_release_leaves_only_within_its_policy(place: Path, capsys: Capture) -> None:
    """Three patients cannot be twelve alike: refused with exit code 3, and nothing is written."""
    admitted(place, capsys)
    policy = place / "policy.toml"
    text = POLICY.replace('age = { treatment = "generalise", hierarchy = "age.csv" }\n', "")
    policy.write_text(text.replace("stage", "wbc"), encoding="utf-8")

    code, said = run(capsys, "release", "export", "--policy", policy, "-w", place / "commons",
                     "-o", place / "cut")  # fmt: skip

    assert (code, "nothing leaves under" in said) == (Exit.REFUSED, True)
    assert not (place / "cut").exists()


def test_courses_are_measured(place: Path, capsys: Capture) -> None:
    """The curve has five precisions and one to five known events; coarser days never tell more."""
    admitted(place, capsys)

    curve = value(capsys, "release", "courses", "-w", place / "commons")
    table = place / "events.csv"
    rows = "".join(f"P{i % 40},{'AB'[i % 2]},{i * 7 % 90}\n" for i in range(160))
    table.write_text("who,what,day\n" + rows, encoding="utf-8")
    alone = value(capsys, "risk", table, "--events", "who,what,day")

    for points in (curve, alone):
        assert len(points) == 25
        means = {(row["precision"], row["known"]): row["mean"] for row in points}
        assert all(means["none", p] <= means["day", p] + 1e-9 for p in range(1, 6))


def test_contributions_are_screened(place: Path, capsys: Capture) -> None:
    """One contribution has nobody to be compared with; the command says nothing and succeeds."""
    admitted(place, capsys)

    assert value(capsys, "release", "screen", "-w", place / "commons") == []
