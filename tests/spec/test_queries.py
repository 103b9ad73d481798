"""Queries: what grading found becomes a question, and what people decided is not asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

import haemony as hm
from haemony.governance.schema import REVISION
from haemony.services.cli import main
from support.contributions import SMALL, contribution

BROKEN = SMALL.replace("A,61,f,12.5,850,1,40,300", "A,61,f,12.5,850,1,40,30").replace(
    "B,34,m,88.0", "B,34,m,8800"
)
"""A relapse before remission, and a white count that cannot be."""


def asked(workspace: hm.Workspace) -> list[dict[str, object]]:
    """The queries that the latest release carries."""
    (member,) = workspace.lake.latest().manifest.members
    queries: list[dict[str, object]] = member.grade["queries"]
    return queries


def test_every_finding_is_a_question(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A broken rule and a cell kept aside say how many patients, how grave, and where to look."""
    hm.admit([contribution(tmp_path / "c", BROKEN)], workspace)

    found = {(q["kind"], q["element"]): q for q in asked(workspace)}

    rule = found["rule", ""]
    assert "1 of 1 patients break the rule “remission precedes relapse”" in str(rule["text"])
    assert (rule["impact"], rule["patients"], rule["state"]) == ("high", 1, "open")
    cell = found["kept aside", "wbc"]
    assert (cell["file"], cell["column"], cell["examples"]) == ("clinical.csv", "wbc", [3])
    assert (cell["rows"], cell["patients"], cell["impact"]) == (1, 1, "high")


def test_no_patient_value_is_in_a_question(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A question names file, column and row; the value stays where it is."""
    hm.admit([contribution(tmp_path / "c", BROKEN)], workspace)

    assert not any("8800" in str(query) for query in asked(workspace))


def test_an_answer_travels_into_the_next_release(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A query keeps its key from version to version, and with it what was decided."""
    hm.admit([contribution(tmp_path / "c", BROKEN)], workspace)
    key = next(str(q["key"]) for q in asked(workspace) if q["element"] == "wbc")
    workspace.governance.answer("small", key, "accepted", "A typing error, lost.", "Q. Committee")

    hm.admit([contribution(tmp_path / "c", BROKEN.replace("47,f", "48,f"))], workspace)

    (query,) = [q for q in asked(workspace) if q["key"] == key]
    assert (query["state"], query["by"]) == ("accepted", "Q. Committee")
    assert workspace.lake.latest().number == 2


def test_a_sound_contribution_is_asked_nothing(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Where nothing was found there is no question; what it lacks of the core is one each."""
    hm.admit([contribution(tmp_path / "c")], workspace)

    assert {q["kind"] for q in asked(workspace)} == {"completeness"}


def test_the_command_line_lists_answers_and_accepts(
    workspace: hm.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`query list` ends with 1 while something grave is open; answering it is recorded."""
    hm.admit([contribution(tmp_path / "c", BROKEN)], workspace)
    folder = str(workspace.folder)
    keys = [str(q["key"]) for q in asked(workspace) if q["impact"] == "high"]

    with pytest.raises(SystemExit) as before:
        main(["query", "list", "-w", folder])
    for key in keys:
        with pytest.raises(SystemExit) as said:
            main(["query", "answer", key, "See the records.", "--by", "A. Steward", "-w", folder])
        assert said.value.code == 0
    with pytest.raises(SystemExit) as after:
        main(["query", "list", "small", "--state", "answered", "--json", "-w", folder])
    with pytest.raises(SystemExit) as unknown:
        main(["query", "accept", "nothing", "--by", "A. Steward", "-w", folder])

    assert (before.value.code, after.value.code, unknown.value.code) == (1, 0, 2)
    assert "A. Steward" in capsys.readouterr().out
    assert workspace.governance.events()[-1]["action"] == "query answered"


def test_an_older_ledger_is_brought_up_to_date(workspace: hm.Workspace) -> None:
    """A workspace that an earlier version made gets the new table when it is opened."""
    engine = create_engine(workspace.governance.url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE answer"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))

    again = hm.Workspace(workspace.folder)

    assert again.governance.answers("small") == {}
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    engine.dispose()
    assert version == REVISION
