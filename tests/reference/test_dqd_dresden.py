"""What the DataQualityDashboard's checks find in a published OMOP set that was harmonised badly.

Of six known defects they find three: events before birth, placeholder dates, a sex that is no
concept of the vocabulary. The others (findings that are absent, meanings merged, births reckoned
from ages) need the rules of :mod:`haemony.quality`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from haemony.quality import dqd
from haemony.quality.dqd import Results, Status

CONDITIONS = {"ctab": 3212, "nflow": 9530}
OBSERVATIONS = {"ctab": 20721, "nflow": 20768}
DATED = {
    "condition_occurrence": ("condition_start_date", CONDITIONS),
    "observation": ("observation_date", OBSERVATIONS),
}


def load(shared_data: Path, name: str) -> dict[str, pl.DataFrame]:
    """The tables as published, with what OMOP concepts are known openly."""
    data = shared_data / "omop_aml_synthetic_dresden"
    concepts = shared_data.parent / "omop" / "vocab" / "CONCEPT.csv"
    if not data.is_dir() or not concepts.is_file():
        pytest.skip(f"the published OMOP set or the vocabulary is absent ({data})")
    files = {
        "person": f"20240315_person_{name}.csv",
        "condition_occurrence": f"20240315_condition_{name}.csv",
        "observation": f"20240318_observation_{name}.csv",
    }
    tables = {
        table: pl.read_csv(
            data / file, separator="\t", null_values=["(null)", ""], infer_schema_length=None
        ).rename(str.lower)
        for table, file in files.items()
    }
    concept = pl.read_csv(concepts, separator="\t", quote_char=None, infer_schema=False)
    return {**tables, "concept": concept}


@pytest.mark.parametrize("name", ["ctab", "nflow"])
def test_three_of_six_defects_are_found(shared_data: Path, name: str) -> None:
    """Every event is dated 1800; sex is 442985 or 442986, which no vocabulary holds as a sex."""
    results = dqd.run(load(shared_data, name), today=date(2026, 1, 15))

    for table, (field, rows) in DATED.items():
        for kind in ("plausibleafterbirth", "plausiblevaluelow", "plausibletemporalafter"):
            found = results[f"field_{kind}_{table}_{field}"]
            assert (found.status, found.tally.broken, found.tally.rows) == (
                Status.FAILED,
                rows[name],
                rows[name],
            )
    sex = results["field_isforeignkey_person_gender_concept_id"]
    assert (sex.tally.broken, sex.tally.patients) == (1606, 1606)
    assert _broken(results, "isrequired") == {"race_concept_id": 1606, "ethnicity_concept_id": 1606}


def test_a_table_without_its_neighbours_is_said_to_be_so(shared_data: Path) -> None:
    """No DEATH, no visits: what needs them is not possible, and each reason names the table."""
    results = dqd.run(load(shared_data, "ctab"), today=date(2026, 1, 15))

    reasons = {result.reason for result in results.of(Status.ERROR)}

    assert "it needs the table death, which is absent" in reasons
    assert all(reason.endswith("which is absent") for reason in reasons)


def _broken(results: Results, kind: str) -> dict[str, int]:
    return {
        result.check.field: result.tally.broken
        for result in results.of(Status.FAILED)
        if result.check.type.name.lower() == kind
    }
