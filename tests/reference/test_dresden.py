"""A published OMOP set, harmonised badly by others, does not pass; a release of our own does.

Ahmadi et al. turned the synthetic patients of Eckardt et al. (npj Digit Med 2024;7:76) into OMOP
tables. Six defects are known; each must be found, with its count.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import haemony as hm
from haemony.harmonise.omop.cdm import tables
from haemony.intake.known import known
from haemony.intake.omop import OmopContribution
from haemony.model.disease import disease
from haemony.quality.grade import Level
from haemony.quality.omop import OmopGrade, grade_contribution, grade_tables
from haemony.services.report.omop import omop_grade_page

AML = disease("aml")
CONDITIONS = {"ctab": 3212, "nflow": 9530}
ABSENT = {"ctab": 3186, "nflow": 8377}
OBSERVATIONS = {"ctab": 20721, "nflow": 20768}
TOO_OLD = {"ctab": 979, "nflow": 1125}


def load(shared_data: Path, name: str) -> OmopContribution:
    """A known contribution of the published set; skips where its data are absent."""
    data = shared_data / "omop_aml_synthetic_dresden"
    if not data.is_dir():
        pytest.skip(f"the published OMOP set is absent ({data})")
    folder = known(f"sal_omop_{name}")
    assert folder is not None
    return OmopContribution.load(folder, data)


def counts(graded: OmopGrade, check: str) -> dict[str, tuple[int, int]]:
    """Broken and judged rows of a check, by table."""
    return {
        weighed.finding.table: (weighed.finding.broken, weighed.finding.rows)
        for weighed in graded.findings
        if weighed.rule.check == check and weighed.blocks
    }


@pytest.mark.parametrize("name", ["ctab", "nflow"])
def test_the_six_defects_are_found(shared_data: Path, name: str) -> None:
    """Sex, dates, absent findings, lost meanings, laboratory values and births: each counted."""
    graded = grade_contribution(load(shared_data, name), AML)
    conditions, observations = CONDITIONS[name], OBSERVATIONS[name]
    everything = {
        "condition_occurrence": (conditions, conditions),
        "observation": (observations, observations),
    }

    assert graded.level < Level.PLAUSIBLE
    assert not graded.verdicts[Level.PLAUSIBLE].holds
    assert counts(graded, "gender concept") == {"person": (1606, 1606)}
    for check in ("after birth", "plausible date", "one date"):
        assert counts(graded, check) == everything, check
    assert counts(graded, "absent finding") == {"condition_occurrence": (ABSENT[name], conditions)}
    assert counts(graded, "one concept") == {"observation": (4 * 1606, observations)}
    assert counts(graded, "quantity") == {"observation": (1606, observations)}
    assert counts(graded, "laboratory value") == {"observation": (1606, observations)}
    assert counts(graded, "unit concept") == {"mapping table": (2, 6)}
    assert counts(graded, "birth year") == {"person": (TOO_OLD[name], 1606)}
    assert counts(graded, "reckoned birth") == {"person": (1606, 1606)}


def test_a_curator_understands_why(shared_data: Path) -> None:
    """The page names what went wrong, with the concepts concerned, and that all is simulated."""
    contribution = load(shared_data, "ctab")

    page = omop_grade_page(contribution, grade_contribution(contribution, AML))

    for words in (
        "Level 3 is not reached",
        "In silico",
        "442985, 442986, which is no Gender concept",
        "events dated before their patient was born",
        "3,212 cases, of which 26 are real",
        "4311407 stands for minus.17, minus.5, minus.7, minus.X",
        "40482950 (rate of survival) has values in the unit 9580 (month)",
        "Gpt/l is mapped to 35949045",
        "3,186 of 3,212 rows",
    ):
        assert words in page, words


def test_a_release_of_our_own_reaches_level_3(amlsg_release: hm.Release) -> None:
    """What haemony writes is graded by the same function, and nothing is found."""
    clinical = [name for name, declared in tables().items() if declared.schema_name == "cdm"]
    written = {name: amlsg_release.table(name) for name in clinical}

    graded = grade_tables({n: frame for n, frame in written.items() if frame.height}, AML)

    assert graded.findings == ()
    assert (graded.level, graded.patients) == (Level.PLAUSIBLE, 1540)
