"""Kaplan–Meier curves, follow-up, log-rank tests and cumulative incidences."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import survival

FINDING = pl.Enum(["negative", "positive"])


def patients() -> pl.DataFrame:
    """Eight patients; one was never tested for NPM1 and one has no follow-up."""
    return pl.DataFrame(
        {
            "days": [100, 200, 200, 300, 400, 500, 600, None],
            "died": [1, 1, 0, 1, 0, 1, 0, 1],
            "NPM1": [
                "negative",
                "negative",
                "negative",
                "positive",
                "positive",
                "positive",
                None,
                "positive",
            ],
        },
        schema_overrides={"NPM1": FINDING},
    )


def test_a_curve_steps_down_at_each_death() -> None:
    """Each death takes its share of those still at risk; censored patients leave quietly."""
    curve = survival.kaplan_meier("Surv(days, died) ~ 1", patients()).curves[0]

    assert curve.times.tolist() == [100, 200, 300, 400, 500, 600]
    assert curve.n_risk.tolist() == [7, 6, 4, 3, 2, 1]
    assert curve.n_event.tolist() == [1, 1, 1, 0, 1, 0]
    assert curve.n_censored.tolist() == [0, 1, 0, 1, 0, 1]
    assert curve.survival == pytest.approx([6 / 7, 5 / 7, 15 / 28, 15 / 28, 15 / 56, 15 / 56])


def test_a_patient_who_was_not_tested_is_left_out_and_counted() -> None:
    """Not tested is not negative: the row leaves the comparison and the result says so."""
    curves = survival.kaplan_meier("Surv(days, died) ~ NPM1", patients())

    assert [(curve.group, curve.n) for curve in curves.curves] == [
        ("NPM1=negative", 3),
        ("NPM1=positive", 3),
    ]
    assert curves.missing.rows == 2
    assert dict(curves.missing.by_variable) == {"days": 1, "NPM1": 1}


def test_a_flat_piece_at_one_half_puts_the_median_in_its_middle() -> None:
    """Two of four die early and the next much later: the median lies between, as in R."""
    table = pl.DataFrame({"days": [10, 20, 40, 50], "died": [1, 1, 1, 1]})

    median = survival.kaplan_meier("Surv(days, died) ~ 1", table).curves[0].median

    assert median.value == 30


def test_a_median_that_is_not_reached_is_null() -> None:
    """Where most patients live, no median is invented."""
    table = pl.DataFrame({"days": [10, 20, 40, 50], "died": [1, 0, 0, 0]})

    curves = survival.kaplan_meier("Surv(days, died) ~ 1", table)

    assert curves.median["median"].to_list() == [None]


def test_survival_is_unknown_after_the_last_follow_up() -> None:
    """At 700 days nobody was watched any more; before the first death everybody lives."""
    at = survival.kaplan_meier("Surv(days, died) ~ 1", patients()).at([0, 250, 700])

    assert at["survival"].to_list() == [1, pytest.approx(5 / 7), None]
    assert at["n_risk"].to_list() == [7, 4, 0]


def test_late_entries_count_only_once_they_are_watched() -> None:
    """Who enters on day 5 is not at risk on day 3."""
    table = pl.DataFrame({"entry": [0, 0, 5], "days": [3, 9, 8], "died": [1, 1, 1]})

    curve = survival.kaplan_meier("Surv(entry, days, died) ~ 1", table).curves[0]

    assert curve.n_risk.tolist() == [2, 2, 1]


def test_times_that_differ_by_rounding_are_tied() -> None:
    """0.1 + 0.2 years and 0.3 years are the same day."""
    response = survival.Surv.right([0.1 + 0.2, 0.3, 0.5], [1, 1, 1])

    assert survival.kaplan_meier(response).curves[0].n_event.tolist() == [2, 1]


def test_a_restricted_mean_beyond_follow_up_is_refused() -> None:
    """No mean up to day 900 when the last patient was seen on day 600."""
    curves = survival.kaplan_meier("Surv(days, died) ~ 1", patients())

    with pytest.raises(survival.BeyondFollowUp, match="the horizon 900 lies beyond") as fault:
        curves.restricted_mean(900)
    assert fault.value.last == 600


def test_follow_up_takes_censoring_as_the_event() -> None:
    """Whoever dies might have been watched for longer: deaths are censored here."""
    watched = survival.follow_up("Surv(days, died) ~ 1", patients())

    assert watched.curves[0].n_event.tolist() == [0, 1, 0, 1, 0, 1]
    assert watched.curves[0].median.value == 600


def test_the_logrank_counts_observed_and_expected_deaths() -> None:
    """By hand: group b has fewer deaths than its share of those at risk."""
    table = pl.DataFrame({"days": [1, 2, 3, 4], "died": [1, 1, 1, 0], "arm": ["a", "a", "b", "b"]})

    test = survival.logrank("Surv(days, died) ~ arm", table)

    assert test.observed.tolist() == [2, 1]
    assert test.expected == pytest.approx([2 / 4 + 1 / 3, 2 / 4 + 2 / 3 + 1])
    variance = 2 / 4 * 2 / 4 + 1 / 3 * 2 / 3
    assert test.statistic == pytest.approx((2 - 5 / 6) ** 2 / variance)


def test_a_logrank_needs_two_groups() -> None:
    """One group alone cannot be compared."""
    with pytest.raises(survival.NothingToAnalyse, match="one group"):
        survival.logrank("Surv(days, died) ~ 1", patients())


def test_incidences_and_survival_add_up_to_one() -> None:
    """Everyone has relapsed, died in remission, or neither."""
    outcome = pl.Enum(["censored", "relapse", "death"])
    table = pl.DataFrame(
        {
            "days": [2, 3, 5, 7, 7],
            "outcome": ["relapse", "censored", "death", "relapse", "censored"],
        },
        schema_overrides={"outcome": outcome},
    )

    curve = survival.aalen_johansen("Surv(days, outcome) ~ 1", table).curves[0]

    assert curve.states == ("relapse", "death")
    assert curve.incidence.sum(axis=1) + curve.survival == pytest.approx(np.ones(4))


def test_arrays_serve_as_well_as_a_table() -> None:
    """A `Surv` and groups give the curves that the formula gives."""
    table = patients().drop_nulls()
    response = survival.Surv.right(table["days"], table["died"])

    by_formula = survival.kaplan_meier("Surv(days, died) ~ NPM1", table)
    by_arrays = survival.kaplan_meier(response, groups=table["NPM1"].cast(pl.String))

    for one, other in zip(by_formula.curves, by_arrays.curves, strict=True):
        assert one.survival.tolist() == other.survival.tolist()


@pytest.mark.parametrize(
    ("formula", "cause"),
    [
        ("Surv(days, died)", "no '~'"),
        ("days ~ NPM1", "left side"),
        ("Surv(days, died) ~ log(NPM1.__class__)", "more than a transformation"),
        ("Surv(days, died) ~ open(NPM1)", "calls something else"),
        ("Surv(days, died) ~ NPM1 * strata(NPM1)", "interaction"),
        ("Surv(days, died) ~ (NPM1", "cannot be read"),
        ("Surv(days, died) ~ log(NPM1)", "plain columns"),
    ],
)
def test_a_formula_that_is_not_one_is_refused_with_its_fault(formula: str, cause: str) -> None:
    """A formula may come from another party: it is read, never run as code."""
    with pytest.raises(survival.BadFormula, match=cause):
        survival.kaplan_meier(formula, patients())


def test_a_misspelt_column_is_named_with_its_neighbour() -> None:
    """The message says which column is missing and which was probably meant."""
    with pytest.raises(survival.UnknownColumn, match=r"'NPM'.*did you mean 'NPM1'"):
        survival.kaplan_meier("Surv(days, died) ~ NPM", patients())


@pytest.mark.parametrize(
    ("stop", "died", "cause"),
    [
        ([-1, 5], [1, 0], "1 follow-ups end before the time origin"),
        ([np.inf, 5], [1, 0], "1 times are missing or infinite"),
        ([3, 5], [2, 0], "neither 0"),
        ([3, 5, 6], [1, 0], "different shapes"),
    ],
)
def test_a_follow_up_that_cannot_be_is_refused(
    stop: list[float], died: list[int], cause: str
) -> None:
    """Times run forward from the origin and end in a known way."""
    with pytest.raises(survival.BadResponse, match=cause):
        survival.Surv.right(stop, died)


def test_an_event_coded_one_and_two_is_not_guessed_at() -> None:
    """Some programs read 1 as alive and 2 as dead; haemony asks."""
    table = pl.DataFrame({"days": [1, 2], "status": [1, 2]})

    with pytest.raises(survival.BadResponse, match="'status' is not coded as 0 and 1"):
        survival.kaplan_meier("Surv(days, status) ~ 1", table)


def test_arrays_beside_a_formula_are_refused_and_not_ignored() -> None:
    """Groups come from the formula or from an array, never silently from one of both."""
    with pytest.raises(survival.BadFormula, match="groups cannot be given"):
        survival.kaplan_meier("Surv(days, died) ~ 1", patients(), groups=[1] * 8)
