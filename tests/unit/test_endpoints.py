"""Endpoints are rules with versions, evaluated on small tables a clinician can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from haemony.model.disease import disease, installed, together
from haemony.model.element import ValueType
from haemony.model.endpoint import Anchor


def timed(name: str, code: str = "aml", **columns: list[Any]) -> list[tuple[int | None, bool]]:
    """Time and event of an endpoint for patients of whom a few elements are known."""
    known = disease(code)
    end, n = known.endpoints[name], len(next(iter(columns.values())))
    types = {
        element: pl.Int64 if known.catalogue[element].type is ValueType.DAY else pl.String
        for element in known.catalogue
        if element in end.names
    }
    table = pl.DataFrame({e: columns.get(e, [None] * n) for e in types}, schema=types)
    found = table.select(
        pl.sql_expr(end.days).cast(pl.Int64).alias("days"),
        pl.sql_expr(end.event).cast(pl.Boolean).alias("event"),
    )
    return [(row["days"], row["event"]) for row in found.iter_rows(named=True)]


PATIENTS: dict[str, list[Any]] = {
    # remission, relapse · late remission · refractory · early death · censored early
    "induction_response": [
        "complete remission",
        "refractory",
        "refractory",
        "early death",
        "complete remission",
    ],
    "complete_remission_day": [30, 90, None, None, 40],
    "relapse_day": [400, None, None, None, None],
    "last_contact_day": [700, 900, 300, 20, 50],
    "vital_status": ["dead", "alive", "dead", "dead", "alive"],
}


def test_three_rules_give_three_event_free_survivals() -> None:
    """RATIFY dates failure to day 60, ELN 2022 to day 1; the source's is what the source says."""
    ratify = timed("efs_ratify", **PATIENTS)
    eln = timed("efs_eln2022", **PATIENTS)
    source = timed("efs", event_free_day=[11], event_free_status=["yes"])

    assert ratify == [(400, True), (60, True), (60, True), (20, True), (50, False)]
    assert eln == [(400, True), (1, True), (1, True), (20, True), (50, False)]
    assert source == [(11, True)]


def test_nobody_is_a_failure_because_nothing_is_recorded() -> None:
    """Without a stated response there is no event-free time, rather than an early failure."""
    silent = {"complete_remission_day": [None, 30], "last_contact_day": [500, 500]}

    for name in ("efs_ratify", "efs_eln2022"):
        assert [days for days, _ in timed(name, **silent)] == [None, None]


def test_a_relapse_on_an_unknown_day_is_not_a_censored_patient() -> None:
    """Its time is unknown, in relapse-free survival and in both competing risks."""
    undated = {
        "complete_remission_day": [30],
        "relapse": ["yes"],
        "last_contact_day": [500],
        "vital_status": ["alive"],
    }

    assert [timed(name, **undated)[0][0] for name in ("rfs", "cir", "nrm")] == [None] * 3


def test_relapse_after_a_transplant_is_counted_from_it() -> None:
    """Who had relapsed before the transplant has no such time: only the first relapse has a day."""
    found = timed(
        "cir_transplant",
        transplant_day=[100, 100, 100],
        relapse_day=[150, 50, None],
        last_contact_day=[300, 300, 300],
        vital_status=["alive", "alive", "dead"],
    )

    assert found == [(50, True), (None, True), (200, False)]


def test_grfs_asks_for_both_kinds_of_gvhd() -> None:
    """Where one of them is not recorded, being free of it cannot be said."""
    found = timed(
        "grfs",
        transplant_day=[0, 0, 0],
        acute_gvhd_3_4=["no", None, "no"],
        acute_gvhd_3_4_day=[None, None, None],
        chronic_gvhd_extensive=[None, "no", "yes"],
        chronic_gvhd_extensive_day=[120, None, None],
        last_contact_day=[300, 300, 300],
        vital_status=["alive", "alive", "alive"],
    )

    assert found == [(120, True), (None, False), (None, False)]


def test_pod24_is_closed_after_two_years() -> None:
    """Progression on day 732 of treatment is none; death without progression competes."""
    course: dict[str, list[Any]] = {
        "treatment_start_day": [10, 10, 10],
        "progression_day": [100, 742, None],
        "last_contact_day": [900, 900, 300],
        "vital_status": ["alive", "alive", "dead"],
    }

    assert timed("pod24", "nhl", **course) == [(90, True), (731, False), (290, False)]
    assert timed("pod24_death", "nhl", **course) == [(90, False), (731, False), (290, True)]


@pytest.mark.parametrize("code", installed())
def test_every_endpoint_can_be_evaluated_and_read(code: str) -> None:
    """Its expressions name elements of the catalogue, and its words say origin and events."""
    known = disease(code)

    for end in known.endpoints.values():
        timed(end.name, code, last_contact_day=[1])
        assert end.definition.startswith("From ")
        assert end.events
        assert end.version
        assert not end.origin.element or end.origin.element in known.catalogue


@pytest.mark.parametrize("code", installed())
def test_competing_endpoints_share_a_clock_and_never_both_happen(code: str) -> None:
    """Each names the other, and no patient has both events."""
    known = disease(code)

    for end in known.endpoints.values():
        for other in map(known.endpoints.get, end.competing):
            assert other is not None
            assert end.name in other.competing
            assert (end.days, end.origin) == (other.days, other.origin)


@pytest.mark.parametrize("code", installed())
def test_what_a_disease_cannot_tell_is_listed_with_the_reason(code: str) -> None:
    """Every endpoint of the field is defined or listed as not available, never both."""
    known = disease(code)
    field = {"os", "efs", "rfs", "pfs", "cir", "nrm", "grfs", "ttnt", "dor", "pod24"}
    field |= {"transformation", "tfr", "mrd_negativity", "efs_ratify", "efs_eln2022"}

    assert field <= set(known.endpoints) | set(known.unavailable)
    assert not set(known.endpoints) & set(known.unavailable)
    assert all(len(one.reason) > 20 for one in known.unavailable.values())


def test_response_criteria_carry_their_year_and_lead_to_elements() -> None:
    """Six sets for five diseases; a value that the catalogue can hold is named."""
    everything = disease("blood")
    named = {response.criteria for response in everything.responses}

    assert named == {"ELN 2022", "IWG 2006", "IWG 2023", "IMWG 2016", "Lugano 2014", "iwCLL 2018"}
    for response in everything.responses:
        assert "doi:" in response.source
        assert bool(response.element) == bool(response.value)
        if response.element:
            assert response.value in everything.catalogue[response.element].codes


def test_the_catalogue_knows_what_lies_in_the_future_of_day_0() -> None:
    """Days are known as they come; a transplant's donor is known at the transplant."""
    later = disease("aml").later

    assert later["transplant_type"] is Anchor.TRANSPLANT
    assert later["relapse_day"] is Anchor.FOLLOW_UP
    assert later["entry_day"] is Anchor.DAY_0
    assert "NPM1" not in later
    assert Anchor.DAY_0.rank < Anchor.REMISSION.rank < Anchor.TRANSPLANT.rank


def test_a_release_of_two_diseases_lacks_what_neither_can_tell() -> None:
    """Leukaemic transformation is MDS's; the duration of response is nobody's."""
    both = together([disease("aml"), disease("mds")])

    assert "transformation" in both.endpoints
    assert "dor" in both.unavailable
    assert "transformation" not in both.unavailable


def test_the_reference_page_lists_every_endpoint_and_response() -> None:
    """Nothing that can be asked for is missing from the documentation."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "endpoints.md").read_text("utf-8")
    everything = disease("blood")

    for end in everything.endpoints.values():
        assert f"| `{end.name}` | {end.label} | {end.version} | {end.origin} |" in page
    for response in everything.responses:
        assert f"| {response.code} | {response.rule} |" in page
