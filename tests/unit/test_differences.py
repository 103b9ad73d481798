"""What differs between two sources is said before they are pooled."""

from __future__ import annotations

import polars as pl

import haemony as hm
from haemony.quality.differences import Difference, Kind, Side, differences

AML = hm.disease("aml").catalogue


def side(
    name: str, origin: str = "diagnosis", *, in_silico: bool = False, **columns: object
) -> Side:
    """One side whose columns are all stated."""
    return Side(name, pl.DataFrame(columns), origin, frozenset(columns), in_silico)


def between(one: Side, other: Side) -> list[Difference]:
    """The differences of the elements that both tables hold."""
    return list(differences(one, other, [AML[name] for name in one.table.columns]))


def test_two_alike_have_no_difference() -> None:
    """The same table twice raises no question."""
    table = {"wbc": [float(i) for i in range(50)], "sex": ["male", "female"] * 25}

    assert between(side("a", **table), side("b", **table)) == []


def test_days_from_another_event_are_flagged() -> None:
    """Survival from diagnosis and from transplant are not one variable."""
    days = {"last_contact_day": list(range(40))}

    (found,) = between(side("a", **days), side("b", "transplant", **days))

    assert found.kind is Kind.ORIGIN
    assert "from diagnosis in a and from transplant in b: Last contact" in found.text


def test_evidence_is_flagged() -> None:
    """A mutation stated by a column and one derived from calls are told apart."""
    table = {"NPM1": ["positive", "negative"] * 20}
    derived = Side("b", pl.DataFrame(table), "diagnosis", frozenset(), in_silico=False)

    (found,) = between(side("a", **table), derived)

    assert (found.kind, "NPM1 mutation" in found.text) == (Kind.EVIDENCE, True)


def test_an_element_defined_by_its_source_is_flagged() -> None:
    """Event-free survival means what each source made of it."""
    table = {"event_free_status": ["yes", "no"] * 20}

    assert [d.kind for d in between(side("a", **table), side("b", **table))] == [Kind.DEFINITION]


def test_values_that_one_side_uses_alone_are_flagged() -> None:
    """Where only one source knows *therapy-related*, the other may call it something else."""
    one = {"aml_type": ["de novo"] * 90 + ["therapy-related"] * 10}
    other = {"aml_type": ["de novo"] * 100}

    (found,) = between(side("a", **one), side("b", **other))

    assert found == Difference("aml_type", Kind.VALUES, "AML type: only a uses therapy-related")


def test_populations_that_differ_are_flagged() -> None:
    """Another age, another share of men, less known: each with its size."""
    one = {"age_at_diagnosis": [float(30 + i % 20) for i in range(100)], "sex": ["male"] * 100}
    other = {
        "age_at_diagnosis": [float(60 + i % 20) for i in range(100)],
        "sex": ["male"] * 40 + ["female"] * 30 + [None] * 30,
    }

    found = {(d.element, d.kind): d.size for d in between(side("a", **one), side("b", **other))}

    assert found["age_at_diagnosis", Kind.DISTRIBUTION] == 1.0
    assert round(found["sex", Kind.COMPLETENESS], 2) == 0.3
    assert round(found["sex", Kind.DISTRIBUTION], 2) == 0.43


def test_a_few_values_are_not_compared() -> None:
    """With less than thirty values on a side chance would speak."""
    table, few = {"wbc": [1.0] * 40}, {"wbc": [99.0] * 20}

    assert between(side("a", **table), side("b", **few)) == []


def test_simulated_patients_are_flagged() -> None:
    """In silico beside real is said first."""
    table = {"wbc": [1.0] * 40}

    (found,) = between(side("a", **table), side("b", in_silico=True, **table))

    assert (found.kind, found.text) == (Kind.SIMULATION, "the patients of b are simulated")
