"""A frozen plan: what it proves, what it shows, and what cannot be hidden."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

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
