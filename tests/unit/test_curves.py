"""Curves with robust errors, the log-rank family, restricted means and competing-risks models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from haemony.analysis.survival.comparing.gray import gray
from haemony.analysis.survival.comparing.logrank import logrank
from haemony.analysis.survival.comparing.maxcombo import maxcombo
from haemony.analysis.survival.comparing.normal_box import box_probability
from haemony.analysis.survival.comparing.pairwise import pairwise_logrank
from haemony.analysis.survival.competing.cause_specific import cause_specific_cox
from haemony.analysis.survival.competing.fine_gray import fine_gray
from haemony.analysis.survival.curves.aalen_johansen import aalen_johansen
from haemony.analysis.survival.curves.kaplan_meier import kaplan_meier
from haemony.analysis.survival.curves.nelson_aalen import nelson_aalen
from haemony.analysis.survival.curves.restricted_mean import restricted_loss, restricted_mean
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    BadResponse,
    BeyondFollowUp,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.model.errors import HaemonyError

OUTCOME = pl.Enum(["censored", "relapse", "death"])


def patients(**columns: object) -> pl.DataFrame:
    """Twelve patients with competing events in two arms of three sites."""
    table = {
        "days": [2, 3, 3, 5, 6, 8, 9, 9, 12, 14, 15, 20],
        "event": [1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 0, 1],
        "died": [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1],
        "arm": list("abababababab"),
        "site": list("xxxxyyyyzzzz"),
        "age": [61, 45, 70, 52, 66, 39, 58, 71, 47, 55, 63, 50],
        "weight": [0.5, 1.5, 1.0, 2.0, 0.5, 1.0, 1.5, 0.5, 1.0, 2.0, 1.0, 0.5],
    }
    return pl.DataFrame(table | columns)


def test_a_cumulative_hazard_rises_by_the_share_that_dies() -> None:
    """Of twelve at risk one dies, then two of eleven, together or one after the other."""
    curve = nelson_aalen("Surv(days, died) ~ 1", patients())["all"]
    one_by_one = nelson_aalen("Surv(days, died) ~ 1", patients(), ties="fleming-harrington")["all"]

    assert curve.hazard[:2] == pytest.approx([1 / 12, 1 / 12 + 2 / 11])
    assert one_by_one.hazard[1] == pytest.approx(1 / 12 + 1 / 11 + 1 / 10)
    assert curve.survival == pytest.approx(np.exp(-curve.hazard))


def test_weights_that_are_no_counts_are_remarked_on() -> None:
    """Greenwood's error takes weights as counts, so halves earn a note and the robust one none."""
    given = {"weights": "weight", "variance": "greenwood"}
    plain = kaplan_meier("Surv(days, died) ~ 1", patients(), **given)
    robust = kaplan_meier("Surv(days, died) ~ 1", patients(), weights="weight", variance="robust")

    assert "not whole numbers" in plain.notes[0]
    assert robust.notes == ()
    assert plain.curves[0].survival == pytest.approx(robust.curves[0].survival)


def test_greenwood_and_clusters_exclude_each_other() -> None:
    """Rows of one site are not independent, so Greenwood's error is refused."""
    with pytest.raises(BadCovariate, match="cluster is named"):
        kaplan_meier("Surv(days, died) ~ cluster(site)", patients(), variance="greenwood")


def test_a_trend_test_needs_places_that_differ() -> None:
    """Groups in one place have no trend; two groups have that of the log-rank test."""
    test = logrank("Surv(days, died) ~ arm", patients())

    assert test.trend().statistic == pytest.approx(test.statistic)
    with pytest.raises(BadCovariate, match="are the same"):
        test.trend([1.0, 1.0])


def test_all_pairs_are_compared_and_corrected() -> None:
    """Three sites make three pairs; no corrected p-value is below its own."""
    found = pairwise_logrank("Surv(days, died) ~ site", patients())

    assert [(row["group"], row["against"]) for row in found.table().to_dicts()] == [
        ("site=y", "site=x"),
        ("site=z", "site=x"),
        ("site=z", "site=y"),
    ]
    assert (found.adjusted >= found.p).all()


def test_a_pair_that_was_never_watched_together_is_null() -> None:
    """Patients of the second group are all gone before anybody of the third comes."""
    table = pl.DataFrame(
        {
            "start": [0, 0, 0, 0, 9, 9],
            "stop": [5, 12, 3, 4, 11, 14],
            "died": [1, 1, 1, 1, 1, 1],
            "group": list("aabbcc"),
        }
    )

    found = pairwise_logrank("Surv(start, stop, died) ~ group", table)

    assert found.table()["p"].is_null().to_list() == [False, False, True]


def test_the_largest_of_tests_pays_for_being_chosen() -> None:
    """MaxCombo's p lies between the smallest p alone and that times the number of tests."""
    found = maxcombo("Surv(days, died) ~ arm", patients())

    alone = found.table()["p"].min()
    assert alone <= found.p <= 4 * alone
    one = maxcombo("Surv(days, died) ~ arm", patients(), weights=[(0, 0)])
    assert one.p == pytest.approx(logrank("Surv(days, died) ~ arm", patients()).p)


def test_a_one_sided_test_knows_whom_it_favours() -> None:
    """The two one-sided tests of a single weight add up to one."""
    p = [
        maxcombo("Surv(days, died) ~ arm", patients(), weights=[(0, 0)], favours=arm).p
        for arm in ("arm=a", "arm=b")
    ]

    assert sum(p) == pytest.approx(1)


@pytest.mark.parametrize(
    ("correlation", "expected"),
    [
        (np.eye(3), (2 * norm.cdf(2.1) - 1) ** 3),
        (np.full((3, 3), 0.5) + np.eye(3) / 2, 0.908_330_023_378),
        (np.ones((4, 4)), 2 * norm.cdf(2.1) - 1),
        (np.full((4, 4), 0.5) + np.eye(4) / 2, 0.885_223_146_660),
        (np.eye(5), (2 * norm.cdf(2.1) - 1) ** 5),
    ],
)
def test_a_normal_box_has_its_known_probability(correlation: np.ndarray, expected: float) -> None:
    """Independent and identical numbers by hand, equal correlations as Miwa's method gives them."""
    assert box_probability(correlation, -2.1, 2.1) == pytest.approx(expected, abs=2e-5)


def test_time_lived_and_lost_add_up_to_the_horizon() -> None:
    """Event-free time and the times lost to relapse and death share ten days."""
    lived = restricted_mean("Surv(days, died) ~ arm", patients(), tau=10)
    lost = restricted_loss("Surv(days, event) ~ arm", patients(), tau=10)

    assert lived.mean[:, 0] + lost.mean.sum(axis=1) == pytest.approx([10, 10])


def test_the_horizon_is_the_shortest_follow_up_by_default() -> None:
    """One arm is watched for 15 days and the other for 20; a longer horizon must be known."""
    assert restricted_mean("Surv(days, died) ~ arm", patients()).tau == 15
    with pytest.raises(BeyondFollowUp, match="the horizon 18 lies beyond") as fault:
        restricted_mean("Surv(days, died) ~ arm", patients(), tau=18)
    assert fault.value.group == "arm=a"
    with pytest.raises(BadCovariate, match="positive time"):
        restricted_mean("Surv(days, died) ~ arm", patients(), tau=-1)


def test_the_reference_group_can_be_chosen() -> None:
    """Turning the comparison round turns the sign of the difference."""
    one = restricted_mean("Surv(days, died) ~ arm", patients(), tau=10).contrasts()
    other = restricted_mean("Surv(days, died) ~ arm", patients(), tau=10, reference="arm=b")

    assert one["difference"][0] == pytest.approx(-other.contrasts()["difference"][0])
    with pytest.raises(BadCovariate, match="names no group"):
        restricted_mean("Surv(days, died) ~ arm", patients(), reference="c")


def test_gray_names_the_event_that_cannot_be_tested() -> None:
    """A category of the Enum that never occurs has no test, and a note says so."""
    kinds = ["censored", "relapse"]
    outcome = pl.Series([kinds[min(kind, 1)] for kind in patients()["event"]], dtype=OUTCOME)
    found = gray("Surv(days, outcome) ~ arm", patients(outcome=outcome))

    assert found.table()["p"].is_null().to_list() == [False, True]
    assert found.notes == ("death: no event could tell the groups apart",)


def test_without_competing_events_fine_and_gray_are_cox() -> None:
    """One kind of event: the subdistribution hazard is the hazard, and the incidence 1 - S."""
    table = patients()
    alone = fine_gray("Surv(days, died) ~ age", table, convention="finegray", variance="model")
    both = cause_specific_cox("Surv(days, died) ~ age", table)

    assert alone.coefficients == pytest.approx(both["1"].coefficients)
    assert alone.standard_errors == pytest.approx(both["1"].standard_errors)
    survival = both["1"].predict(table.head(3), [5, 9])["survival"].to_numpy()
    incidence = alone.predict(table.head(3), [5, 9])["incidence"].to_numpy()
    assert incidence == pytest.approx(1 - survival)


def test_incidence_after_the_last_follow_up_is_unknown() -> None:
    """Nobody was watched for a hundred days."""
    fit = fine_gray("Surv(days, event) ~ age", patients())

    assert fit.predict(patients().head(1), [0, 100])["incidence"].to_list() == [0, None]


def test_late_entry_needs_the_convention_that_provides_for_it() -> None:
    """The convention of cmprsk has no late entry; that of finegray has."""
    table = patients(start=[0] * 11 + [3])
    formula = "Surv(start, days, event) ~ age"

    with pytest.raises(BadCovariate, match="late entry"):
        fine_gray(formula, table)
    assert fine_gray(formula, table, convention="finegray").converged
    with pytest.raises(BadResponse, match="late entry"):
        gray("Surv(start, days, event) ~ arm", table)


def test_an_effect_without_end_is_named() -> None:
    """Only patients with the marker relapse: the coefficient has no finite estimate."""
    marker = (patients()["event"] == 1).cast(pl.Int64)

    fit = fine_gray("Surv(days, event) ~ marker", patients(marker=marker))

    assert fit.infinite == ("marker",)
    assert "no finite estimate" in fit.notes[0]
    assert fit.table()["p"].to_list() == [None]


def test_options_that_exclude_each_other_are_refused() -> None:
    """Fine and Gray's variance is Breslow's; a cause must occur; a constant has no effect."""
    table = patients()
    with pytest.raises(BadCovariate, match="Breslow"):
        fine_gray("Surv(days, event) ~ age", table, ties="efron")
    with pytest.raises(BadCovariate, match="choose one of 1, 2"):
        fine_gray("Surv(days, event) ~ age", table, cause="3")
    with pytest.raises(ConstantCovariate, match="never varies"):
        fine_gray("Surv(days, event) ~ one", patients(one=1))
    with pytest.raises(BadFormula, match="name of a column"):
        fine_gray("Surv(days, event) ~ age", table, censoring_by=[1] * 12)


def test_arrays_and_formulas_agree() -> None:
    """The same patients as a Surv with arrays."""
    table = patients()
    response = Surv.right(table["days"], table["event"], states=("1", "2"))

    fit = fine_gray(response, covariates=table["age"].to_numpy(), names=["age"])
    again = fine_gray("Surv(days, event) ~ age", table)

    assert fit.coefficients == pytest.approx(again.coefficients)
    assert fit.predict([[60.0]], [9])["incidence"][0] == pytest.approx(
        again.predict(pl.DataFrame({"age": [60]}), [9])["incidence"][0]
    )
    with pytest.raises(BadCovariate, match="one value per follow-up"):
        kaplan_meier(response, groups=["a"])


ESTIMATORS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "kaplan_meier": lambda t: kaplan_meier("Surv(days, died) ~ arm", t, variance="robust"),
    "nelson_aalen": lambda t: nelson_aalen("Surv(days, died) ~ arm", t, variance="robust"),
    "aalen_johansen": lambda t: aalen_johansen("Surv(days, event) ~ arm", t, weights="weight"),
    "logrank": lambda t: logrank("Surv(days, died) ~ arm", t, rho=1, gamma=1),
    "pairwise": lambda t: pairwise_logrank("Surv(days, died) ~ arm", t),
    "maxcombo": lambda t: maxcombo("Surv(days, died) ~ arm", t),
    "restricted_mean": lambda t: restricted_mean("Surv(days, died) ~ arm", t),
    "restricted_loss": lambda t: restricted_loss("Surv(days, event) ~ arm", t),
    "gray": lambda t: gray("Surv(days, event) ~ arm", t),
    "fine_gray": lambda t: fine_gray("Surv(days, event) ~ age", t),
    "cause_specific_cox": lambda t: cause_specific_cox("Surv(days, event) ~ age", t),
}
NOBODY = [0] * 12
LATER = patients()["days"].to_list()[1:]
ONE = [0] * 5 + [1] + [0] * 6
HARD = {
    "no events": patients(event=NOBODY, died=NOBODY),
    "one event": patients(event=ONE, died=ONE),
    "all tied": patients(days=7),
    "time zero": patients(days=[0, *LATER]),
    "all at zero": patients(days=0),
    "negative": patients(days=[-1, *LATER]),
    "one arm": patients(arm="a", age=50),
    "text": patients(days="long"),
    "all missing": patients(days=pl.Series([None] * 12, dtype=pl.Int64)),
    "some missing": patients(days=[None, *LATER]),
    "everybody dies": patients(event=[1] * 12, died=[1] * 12),
}


@pytest.mark.parametrize("cohort", HARD)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_hard_cohorts_get_an_answer_or_a_reason(estimator: str, cohort: str) -> None:
    """Degenerate data end in a result that prints, without NaN, or in a fault that says why."""
    try:
        found = ESTIMATORS[estimator](HARD[cohort])
    except HaemonyError as fault:
        assert str(fault)
        return

    table = found.table()
    assert not any(column.is_nan().any() for column in table.select(pl.col(pl.Float64)))
    assert str(found)


def test_nothing_is_compared_with_nothing() -> None:
    """One group, or nobody with an event, cannot be tested."""
    with pytest.raises(NothingToAnalyse, match="3 groups"):
        maxcombo("Surv(days, died) ~ site", patients())
    with pytest.raises(NothingToAnalyse, match="one group"):
        gray("Surv(days, event) ~ 1", patients())


def test_fractional_weights_turn_errors_robust_as_in_r() -> None:
    """Weights that are no counts give the jackknife by default, and a note; counts give none."""
    table = patients()
    whole = table.with_columns(weight=pl.col("weight") * 2)
    for estimator in (kaplan_meier, nelson_aalen):
        unasked = estimator("Surv(days, died) ~ arm", table, weights="weight")
        robust = estimator("Surv(days, died) ~ arm", table, weights="weight", variance="robust")
        counted = estimator("Surv(days, died) ~ arm", whole, weights="weight")

        assert unasked.variance == "robust"
        assert "standard errors are robust" in unasked.notes[0]
        assert unasked.table().equals(robust.table())
        assert (robust.notes, counted.variance, counted.notes) == ((), "greenwood", ())
    means = restricted_mean("Surv(days, died) ~ arm", table, weights="weight", tau=10)
    assert (means.variance, len(means.notes)) == ("robust", 1)
    assert "standard errors are robust" in str(means)


def test_the_mean_of_a_robust_curve_has_a_robust_error() -> None:
    """A curve's restricted mean takes the variance of the curve, not always Greenwood's."""
    given = {"weights": "weight", "variance": "robust"}
    curves = kaplan_meier("Surv(days, died) ~ arm", patients(), **given)

    found = curves.restricted_mean(10)

    expected = restricted_mean("Surv(days, died) ~ arm", patients(), tau=10, **given)
    assert found["std_err"].to_list() == pytest.approx(expected.std_err[:, 0].tolist())
    assert found["restricted_mean"].to_list() == pytest.approx(expected.mean[:, 0].tolist())


def test_a_group_that_leaves_for_good_has_no_survival_left() -> None:
    """Sums of fractional weights round: where the last patient dies, survival is 0, not 9e-17."""
    table = pl.DataFrame(
        {
            "start": [0, 0, 0, 5, 5, 5],
            "stop": [1, 2, 3, 6, 7, 8],
            "died": [1, 1, 1, 1, 0, 1],
            "weight": [0.1, 0.2, 0.3, 0.7, 0.6, 0.3],
        }
    )

    curve = kaplan_meier("Surv(start, stop, died) ~ 1", table, weights="weight")["all"]

    assert curve.survival[2:].tolist() == [0, 0, 0, 0]
    assert np.isnan(curve.std_err[2:]).all()
    assert curve.lower[:2].min() > 0


@pytest.mark.parametrize("curve", ["kaplan_meier", "nelson_aalen", "aalen_johansen"])
@pytest.mark.parametrize("times", [[np.nan], [1.0, np.nan], ["late"], [None], [[1, 2]], [True]])
def test_a_time_that_is_no_number_is_refused(curve: str, times: list[object]) -> None:
    """NaN is no moment at which anything is known; the message says what to give."""
    found = ESTIMATORS[curve](patients())

    with pytest.raises(BadCovariate, match=r"'times' .*; give times in the unit of the follow-up"):
        found.at(times)


@pytest.mark.parametrize("curve", ["kaplan_meier", "nelson_aalen", "aalen_johansen"])
def test_after_the_last_follow_up_all_curves_are_null(curve: str) -> None:
    """However far beyond; before the origin nothing has happened yet."""
    rows = ESTIMATORS[curve](patients(died=[1] * 11 + [0], event=[1] * 10 + [0, 0])).at(
        [-3, 21, 1e300, np.inf]
    )

    late = rows.filter(pl.col("time") > 0, pl.col("group") == "arm=b")
    estimates = [name for name in ("hazard", "survival", "incidence") if name in rows.columns]
    assert late.select(estimates).null_count().row(0) == (late.height,) * len(estimates)
    early = rows.filter(pl.col("time") < 0)
    assert set(early[estimates[-1]]) == {0.0 if curve == "aalen_johansen" else 1.0}


def test_a_quantile_lies_between_nobody_and_everybody() -> None:
    """None have had the event at 0, as in R; NaN and numbers outside [0, 1] are refused."""
    curve = kaplan_meier("Surv(days, died) ~ 1", patients())["all"]

    assert (curve.quantile(0).value, curve.quantile(1).value) == (0, 20)
    for share in (np.nan, -0.1, 1.1, "half"):
        with pytest.raises(BadCovariate, match="'probability'"):
            curve.quantile(share)
    for tau in (np.nan, -1, 0, "long"):
        with pytest.raises(BadCovariate, match="'tau'"):
            curve.restricted_mean(tau)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"groups": [None, "a", "b"]}, "'groups' is missing in 1 rows"),
        ({"groups": [np.nan, 1, 2]}, "'groups' is missing in 1 rows"),
        ({"groups": np.array(["2020", "NaT", "2021"], "datetime64[Y]")}, "'groups' is missing"),
        ({"cluster": [None, "a", "b"]}, "'cluster' is missing in 1 rows"),
        ({"weights": ["a", "b", "c"]}, "'weights' holds something else than numbers"),
        ({"weights": [1e300, 1, 1]}, "'weights' are so large or so small"),
        ({"weights": [1e-300, 1, 1]}, "'weights' are so large or so small"),
        ({"weights": [0, 1, 1]}, "not positive numbers"),
        ({"weights": [np.nan, 1, 1]}, "not positive numbers"),
    ],
)
def test_arrays_that_label_or_weigh_nobody_are_refused(
    arrays: dict[str, list[object]], said: str
) -> None:
    """A missing label is no group called "nan", and a text is no weight."""
    with pytest.raises(BadCovariate, match=said):
        kaplan_meier(Surv.right([1, 2, 3], [1, 0, 1]), **arrays)


@pytest.mark.parametrize("estimator", [kaplan_meier, nelson_aalen, aalen_johansen, logrank])
def test_nobody_at_all_has_no_curve(estimator: Callable[..., object]) -> None:
    """An empty follow-up is said to be empty."""
    with pytest.raises(NothingToAnalyse, match="no follow-up"):
        estimator(Surv.right([], []))


@pytest.mark.parametrize(
    ("time", "event", "said"),
    [
        (["a"], [1], "times are not all numbers"),
        ([1], ["x"], "events are not whole numbers"),
        ([1], [np.nan], "events are not whole numbers"),
        ([1, 2, 1e300], [1, 1, 1], "no unit explains"),
    ],
)
def test_a_follow_up_of_texts_or_of_ages_of_the_world_is_refused(
    time: list[object], event: list[object], said: str
) -> None:
    """One time of 1e300 days would tie all others, so it is taken for a code."""
    with pytest.raises(BadResponse, match=said):
        Surv.right(time, event)


def test_powers_of_weights_are_numbers() -> None:
    """A NaN as rho would make every figure NaN."""
    for test in (logrank, gray, pairwise_logrank):
        formula = f"Surv(days, {'event' if test is gray else 'died'}) ~ arm"
        with pytest.raises(BadCovariate, match="'rho' is not one finite number"):
            test(formula, patients(), rho=np.nan)
        with pytest.raises(BadCovariate, match="'rho' is negative"):
            test(formula, patients(), rho=-1)
    with pytest.raises(BadCovariate, match="'scores' holds something else"):
        logrank("Surv(days, died) ~ arm", patients()).trend(["a", "b"])


def test_nobody_is_followed_for_any_time() -> None:
    """Up to a horizon of 0 there is no time to share out."""
    with pytest.raises(NothingToAnalyse, match="'arm=a' is followed for any time"):
        restricted_mean("Surv(days, died) ~ arm", patients(days=0))


def test_a_response_prints_its_numbers() -> None:
    """Not its arrays."""
    kinds = ("relapse", "death")

    assert str(Surv.right([3, 5], [1, 0])) == "2 follow-ups, 1 events"
    assert str(Surv.delayed([0, 1], [3, 5], [1, 2], states=kinds)) == (
        "2 follow-ups, 2 events of 2 kinds, delayed entry"
    )


def test_a_stratum_without_events_says_nothing() -> None:
    """Nobody of site w has an event: all tests are those of the other sites."""
    quiet = patients(site=["w"] * 12, event=[0] * 12, died=[0] * 12)
    both = pl.concat([patients(), quiet])

    for test, event in ((logrank, "died"), (pairwise_logrank, "died"), (maxcombo, "died")):
        formula = f"Surv(days, {event}) ~ arm + strata(site)"
        assert test(formula, both).table()[-1, -1] == test(formula, patients()).table()[-1, -1]
    formula = "Surv(days, event) ~ arm + strata(site)"
    assert gray(formula, both).table().equals(gray(formula, patients()).table())


def test_tied_events_after_a_group_has_gone_are_no_division_by_zero() -> None:
    """The group of two is gone when both of the other die: Gray's test as cmprsk has it."""
    found = gray(Surv.right([2, 0, 3, 3], [0, 1, 1, 1]), groups=list("ccbb"))

    assert found.statistic[0] == pytest.approx(1, abs=1e-12)


def test_a_group_that_is_watched_no_longer_fades_at_once() -> None:
    """Nothing is known of censoring after a group's last follow-up: `crr` has weight 0 there."""
    times = [2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 15, 20]
    follow_up = Surv.right(times, [1, 2, 1, 0, 2, 2, 1, 0, 1, 2, 0, 1], states=("1", "2"))
    x = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])

    found = fine_gray(follow_up, covariates=x, censoring_by=[1] * 6 + [2] * 6)

    assert found.coefficients == pytest.approx([-0.132960644158], abs=1e-11)
    assert found.log_likelihood.fitted == pytest.approx(-8.255557743061, abs=1e-11)


def test_gray_goes_on_after_the_last_event_of_a_kind() -> None:
    """A patient whose other event comes when the incidence is complete adds nothing."""
    days = [11, 13, 19, 31, 88, 107, 188, 250, 395]
    groups = list("aaaaababb")

    found = gray(Surv.right(days, [1, 2, 1, 1, 1, 1, 1, 1, 2], states=("1", "2")), groups=groups)

    assert np.isfinite(found.statistic).all()


@pytest.mark.parametrize("seed", [157, 184, 188])
def test_rounding_is_no_error_of_an_incidence(seed: int) -> None:
    """Late entry lets all who are at risk have the event: nothing varies, and sums only round."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    start = rng.integers(0, 6, n).astype(float)
    stop, kind = start + rng.integers(1, 8, n), rng.choice([0, 1, 1, 1, 2], n)

    found = aalen_johansen(Surv.delayed(start, stop, kind, states=("a", "b"))).curves[0]

    assert not ((found.std_err > 0) & (found.std_err < 1e-6)).any()
