"""Two sources, harmonised without looking at each other, give one table of survival."""

from __future__ import annotations

from pathlib import Path

import pytest

import haemony as hm
from haemony.analysis import survival
from haemony.intake.known import at_hand
from haemony.quality.differences import Kind, differences

GENES = ["NPM1", "FLT3_ITD"]


@pytest.fixture(scope="module")
def both(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> hm.Release:
    """One release of the AMLSG trials and the simulated patients of the SAL."""
    found = at_hand(shared_data)
    given = [hm.Contribution.load(*found[name]) for name in ("amlsg", "sal_ctab")]
    workspace = hm.Workspace.init(tmp_path_factory.mktemp("both") / "commons")
    return hm.admit(given, workspace).release


def test_one_table_of_survival_by_npm1_and_flt3(both: hm.Release) -> None:
    """No column is named by a source: elements in, one row per source and genotype out.

    NPM1 without FLT3-ITD lives longest and FLT3-ITD without NPM1 shortest, in both sources.
    """
    table = both.features([*GENES, "os_days", "os_event"]).join(both.owners(), on="person_id")

    fitted = survival.kaplan_meier("Surv(os_days, os_event) ~ owner + NPM1 + FLT3_ITD", table)

    medians = {curve.group: curve.median.value for curve in fitted.curves}
    assert len(medians) == 8
    assert all(median > 0 for median in medians.values())
    for owner in ("amlsg", "sal_ctab"):
        of = {
            tuple(part.rpartition("=")[2] for part in group.split(", ")[1:]): median
            for group, median in medians.items()
            if f"owner={owner}" in group
        }
        assert max(of, key=lambda genotype: of[genotype]) == ("positive", "negative")
        assert min(of, key=lambda genotype: of[genotype])[1] == "positive"


def test_their_differences_are_flagged(both: hm.Release) -> None:
    """Simulation, evidence, definitions of event-free survival, values that one of them lacks."""
    elements = both.variables
    names = [element.name for element in elements]

    found = differences(both.side("amlsg", names), both.side("sal_ctab", names), elements)

    kinds = {(difference.element, difference.kind) for difference in found}
    assert ("", Kind.SIMULATION) in kinds
    assert ("", Kind.EVIDENCE) in kinds
    assert {("event_free_day", Kind.DEFINITION), ("event_free_status", Kind.DEFINITION)} <= kinds
    assert ("aml_type", Kind.VALUES) in kinds
    assert ("FLT3_TKD", Kind.COMPLETENESS) in kinds
    assert not any(element in GENES and kind is not Kind.EVIDENCE for element, kind in kinds)
