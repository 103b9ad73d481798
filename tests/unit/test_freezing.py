"""A frozen plan: what it proves, what it shows, and what cannot be hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from haemony import study
from haemony.analysis.freezing import RECORD, AlreadyFrozen, BrokenRecord, deviations
from haemony.lake.signing import Signer
from unit.test_study import PROTOCOL, FakeRelease, patients

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_a_record_says_what_when_and_what_was_seen(tmp_path: Path) -> None:
    """Read back it is what was written, and the whole plan is in it."""
    frozen = study.freeze(study.parse(PROTOCOL), NOW)

    study.write_record(frozen, tmp_path)

    again = study.read_record(tmp_path)
    assert again == frozen
    assert again is not None
    assert (again.at, again.seen) == ("2026-03-01T09:30:00+00:00", "before seeing data")
    assert study.parse(again.protocol) == study.parse(PROTOCOL)
    assert not again.signed


def test_a_second_record_would_hide_the_first(tmp_path: Path) -> None:
    """Freezing again is refused, and the message says what to do."""
    frozen = study.freeze(study.parse(PROTOCOL), NOW)
    study.write_record(frozen, tmp_path)

    with pytest.raises(AlreadyFrozen, match="a new plan belongs in a folder of its own"):
        study.write_record(frozen, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("protocol", PROTOCOL.replace("seed = 7", "seed = 8"), "does not have the hash"),
        ("at", "2020-01-01T00:00:00+00:00", "signature does not fit"),
        ("format", "other/1", "its format is 'other/1'"),
        ("more", "x", "not a record that haemony wrote"),
    ],
)
def test_a_record_that_was_changed_is_no_record(
    tmp_path: Path, field: str, value: str, reason: str
) -> None:
    """Its plan has a hash, and where it is signed its date as well."""
    frozen = study.freeze(study.parse(PROTOCOL), NOW, signer=Signer(bytes(32)))
    path = study.write_record(frozen, tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))

    path.write_text(json.dumps(record | {field: value}), encoding="utf-8")

    with pytest.raises(BrokenRecord, match=reason):
        study.read_record(tmp_path)


def test_a_plan_without_a_record_is_not_frozen(tmp_path: Path) -> None:
    """Nothing is assumed."""
    assert study.read_record(tmp_path) is None
    assert RECORD not in [path.name for path in tmp_path.iterdir()]


def test_every_change_is_listed_by_the_name_of_its_block() -> None:
    """Changed, added and removed keys and blocks; comments and order are no changes."""
    changed = (
        PROTOCOL.replace("at_least = 18", "at_least = 21")
        .replace("seed = 7", "seed = 7 # a comment")
        .replace('strata = ["study"]', "")
        .replace('by = ["NPM1"]', 'by = ["NPM1"]\nat = [1, 2]')
    )
    frozen = study.freeze(study.parse(PROTOCOL), NOW)

    found = {
        one.where: (one.kind, one.before, one.after)
        for one in deviations(frozen, study.parse(changed))
    }

    assert found == {
        "cohort “Adults”, at_least": ("changed", "18", "21"),
        "kaplan_meier “By NPM1”, at": ("added", "", "1, 2"),
        "cox “NPM1, given age”, strata": ("removed", "study", ""),
    }


def test_the_report_shows_the_plan_and_every_deviation(tmp_path: Path) -> None:
    """On the page, in the results, and the record itself beside them."""
    frozen = study.freeze(study.parse(PROTOCOL), NOW)
    changed = study.parse(PROTOCOL.replace("at_least = 18", "at_least = 21"))

    result = study.run(changed, FakeRelease(patients()), frozen=frozen)
    result.write(tmp_path)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert "1 deviation from the frozen plan" in page
    assert "cohort “Adults”, at_least" in page
    assert results["frozen"]["at"] == frozen.at
    assert results["deviations"] == [
        {"kind": "changed", "where": "cohort “Adults”, at_least", "before": "18", "after": "21"}
    ]
    assert study.read_record(tmp_path) == frozen


def test_a_plan_that_was_kept_says_so(tmp_path: Path) -> None:
    """Nothing changed is worth a sentence; nothing frozen another."""
    plan = study.parse(PROTOCOL)

    study.run(plan, FakeRelease(patients()), frozen=study.freeze(plan, NOW)).write(tmp_path / "a")
    study.run(plan, FakeRelease(patients())).write(tmp_path / "b")

    kept, free = ((tmp_path / x / "report.html").read_text(encoding="utf-8") for x in "ab")
    assert "The study was run as planned" in kept
    assert "not frozen before it was run" in free


class Book:
    """A ledger in memory, whose clock the test sets."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.now = NOW

    def record(self, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Append."""
        kept = {"at": self.now, "action": action, "subject": subject, "details": details or {}}
        self.kept.append(kept)

    def events(self) -> list[dict[str, Any]]:
        """Everything."""
        return self.kept


def test_a_plan_frozen_after_it_was_run_says_so(tmp_path: Path) -> None:
    """The report counts the runs of the question before the plan was frozen, whatever it claims."""
    plan, book, release = study.parse(PROTOCOL), Book(), FakeRelease(patients())
    other = study.parse(PROTOCOL.replace("seed = 7", "seed = 8"))
    for days, run in ((-2, other), (-1, plan)):
        book.now = NOW + timedelta(days=days)
        study.run(run, release, ledger=book)
    book.now = NOW + timedelta(days=1)
    known = study.earlier_runs(plan, book)
    assert known is not None

    told = study.freeze(plan, NOW, seen=known.words)
    study.run(plan, release, frozen=told, ledger=book).write(tmp_path / "told")
    study.run(plan, release, frozen=study.freeze(plan, NOW), ledger=book).write(tmp_path / "hid")

    words = "after 2 runs of this question, the first on 2026-02-27"
    pages = {x: (tmp_path / x / "report.html").read_text(encoding="utf-8") for x in ("told", "hid")}
    assert known.words == words
    assert f"09:30 UTC, {words}. Its hash" in pages["told"]
    assert f"before seeing data by the record, but {words}, as the workspace knows" in pages["hid"]
    results = json.loads((tmp_path / "hid" / "results.json").read_text(encoding="utf-8"))
    assert results["frozen"]["earlier"] == {"count": 2, "first": "2026-02-27", "words": words}


def test_only_runs_of_the_same_question_count() -> None:
    """A question is known by its words; what a ledger keeps are hashes of them."""
    plan, book = study.parse(PROTOCOL), Book()
    reworded = PROTOCOL.replace("question = ", 'question = "Another?" # ').replace(
        "title = ", 'title = "Another" # ', 1
    )
    study.run(study.parse(reworded), FakeRelease(patients()), ledger=book)

    assert study.earlier_runs(plan, book) is None
    assert "Another" not in json.dumps(book.kept, default=str)
