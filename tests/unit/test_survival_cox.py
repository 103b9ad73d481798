"""The Cox model: what it reports, what it refuses, and why."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import survival
from haemony.model.errors import HaemonyError

FINDING = pl.Enum(["negative", "positive"])


def patients() -> pl.DataFrame:
    """Twelve patients in two trials."""
    return pl.DataFrame(
        {
            "days": [5, 8, 8, 12, 20, 21, 25, 30, 33, 40, 41, 50],
            "died": [1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0],
            "age": [71, 64, 55, 60, 66, 41, 38, 70, 29, 33, 52, 45],
            "NPM1": ["negative", "positive"] * 6,
            "trial": ["A"] * 6 + ["B"] * 6,
        },
        schema_overrides={"NPM1": FINDING},
    )


def test_a_published_example_of_tied_deaths() -> None:
    """The seven patients of R's help page for `coxph`."""
    table = pl.DataFrame(
        {
            "time": [4, 3, 1, 1, 2, 2, 3],
            "status": [1, 1, 1, 0, 1, 1, 0],
            "x": [0, 2, 1, 1, 1, 0, 0],
            "sex": [0, 0, 0, 0, 1, 1, 1],
        }
    )

    fit = survival.cox("Surv(time, status) ~ x + strata(sex)", table)

    assert fit.coefficients == pytest.approx([0.8023], abs=5e-5)
    assert fit.standard_errors == pytest.approx([0.8224], abs=5e-5)


def test_the_reference_is_the_first_category() -> None:
    """NPM1[positive] is the hazard of the mutated against the tested-negative."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1", patients())

    assert fit.names == ("age", "NPM1[positive]")
    assert fit.table().columns == [
        "term",
        "estimate",
        "std_err",
        "hazard_ratio",
        "lower",
        "upper",
        "z",
        "p",
    ]


def test_the_result_says_how_many_rows_and_which_variables_were_missing() -> None:
    """Complete cases are counted, and so is what was missing."""
    holes = patients().with_columns(
        age=pl.when(pl.col("days") == 5).then(None).otherwise("age"),
        NPM1=pl.when(pl.col("days") < 9).then(None).otherwise("NPM1"),
    )

    fit = survival.cox("Surv(days, died) ~ age + NPM1", holes)

    assert (fit.n, fit.missing.rows) == (9, 3)
    assert dict(fit.missing.by_variable) == {"age": 1, "NPM1": 3}


def test_truth_values_and_whole_numbers_are_covariates() -> None:
    """A finding may be coded as a category, as 0 and 1, or as a truth value."""
    table = patients().with_columns(
        as_number=(pl.col("NPM1") == "positive").cast(pl.Int8),
        as_truth=pl.col("NPM1") == "positive",
    )

    fits = [
        survival.cox(f"Surv(days, died) ~ {name}", table)
        for name in ("NPM1", "as_number", "as_truth")
    ]

    assert len({round(float(fit.coefficients[0]), 12) for fit in fits}) == 1


def test_nobody_who_died_is_an_error() -> None:
    """Without an event there is no hazard to compare."""
    with pytest.raises(survival.NothingToAnalyse, match="nobody had the event"):
        survival.cox("Surv(days, died) ~ age", patients().with_columns(died=pl.lit(0)))


def test_a_covariate_that_never_varies_is_named() -> None:
    """Everybody is in trial A once trial B is gone."""
    table = patients().filter(pl.col("trial") == "A").with_columns(trial_number=pl.lit(1))

    with pytest.raises(survival.ConstantCovariate, match="trial_number never varies"):
        survival.cox("Surv(days, died) ~ age + trial_number", table)


def test_collinear_covariates_are_named_with_what_they_follow_from() -> None:
    """Age in months says nothing that age in years does not."""
    table = patients().with_columns(months=12 * pl.col("age"))

    with pytest.raises(survival.CollinearCovariates) as caught:
        survival.cox("Surv(days, died) ~ age + NPM1 + months", table)

    assert {*caught.value.redundant, *caught.value.given} == {"age", "months"}


def test_a_covariate_that_varies_only_between_strata_is_named() -> None:
    """Within a trial, the trial cannot be compared."""
    with pytest.raises(survival.CollinearCovariates, match="one value among those at risk"):
        survival.cox("Surv(days, died) ~ age + trial + strata(trial)", patients())


def test_a_group_without_deaths_is_noted_and_not_hidden() -> None:
    """The hazard ratio is infinite; the result says so in words, and warns nobody by surprise."""
    table = patients().with_columns(cured=(pl.col("died") == 0).cast(pl.Int8))

    fit = survival.cox("Surv(days, died) ~ age + cured", table)

    assert not fit.converged
    assert len(fit.notes) == 1
    assert "cured has no finite estimate" in fit.notes[0]


def test_a_perfect_ranking_has_no_finite_estimate() -> None:
    """A covariate that puts the deaths in exact order climbs for ever, without overflow."""
    table = patients().with_columns(early=-pl.col("days"))

    fit = survival.cox("Surv(days, died) ~ early", table)

    assert not fit.converged
    assert fit.notes[0].startswith("early has no finite estimate")


def test_splines_and_polynomials_keep_their_knots_for_new_patients() -> None:
    """A prediction for an analysed patient uses the basis of the fit."""
    fit = survival.cox("Surv(days, died) ~ poly(age, 2)", patients())

    alone, among = (
        fit.predict(rows, [20])["survival"][0] for rows in (patients().head(1), patients())
    )

    assert alone == pytest.approx(among)


def test_odd_column_names_go_in_backticks() -> None:
    """A column with a space is a covariate like any other."""
    table = patients().rename({"age": "age at diagnosis"})

    assert survival.cox("Surv(days, died) ~ `age at diagnosis`", table).names == (
        "age at diagnosis",
    )


def test_an_unused_category_is_noted() -> None:
    """A level that nobody has gives no coefficient."""
    levels = pl.Enum(["favourable", "intermediate", "adverse"])
    table = patients().with_columns(
        eln=pl.when(pl.col("age") > 50)
        .then(pl.lit("adverse"))
        .otherwise(pl.lit("favourable"))
        .cast(levels)
    )

    fit = survival.cox("Surv(days, died) ~ eln", table)

    assert fit.names == ("eln[adverse]",)
    assert fit.notes == ("eln: no patient analysed is intermediate",)


def test_a_model_without_covariates_has_a_likelihood() -> None:
    """The null model is the baseline of every other."""
    null = survival.cox("Surv(days, died) ~ 1", patients())
    fit = survival.cox("Surv(days, died) ~ age", patients())

    assert null.log_likelihood.fitted == pytest.approx(fit.log_likelihood.null)
    assert null.table().height == 0


def test_a_prediction_needs_levels_that_the_fit_knows() -> None:
    """A new patient who was never tested cannot be predicted."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1", patients())
    new = pl.DataFrame({"age": [60, 60], "NPM1": ["negative", "unclear"]})

    with pytest.raises(survival.BadCovariate, match="a level that the fit never saw"):
        fit.predict(new, [10])


def test_a_prediction_keeps_the_reference_of_the_fit() -> None:
    """A table with only mutated patients gets the same answer as one with both."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1 + strata(trial)", patients())
    one = pl.DataFrame({"age": [60], "NPM1": ["positive"], "trial": ["B"]})
    two = pl.DataFrame({"age": [60, 60], "NPM1": ["positive", "negative"], "trial": ["B", "B"]})

    alone = fit.predict(one, [30, 45, 60])
    together = fit.predict(two, [30, 45, 60]).filter(pl.col("row") == 0)

    assert alone.equals(together)
    assert alone["survival"].is_null().to_list() == [False, False, True]


def test_a_logarithm_of_zero_is_refused() -> None:
    """An infinite covariate names its term."""
    table = patients().with_columns(blasts=pl.col("age") - 29)

    with pytest.raises(survival.BadCovariate, match=r"'log\(blasts\)' is not a finite number in 1"):
        survival.cox("Surv(days, died) ~ log(blasts)", table)


def test_martingale_residuals_sum_to_zero() -> None:
    """As many deaths happen as the model expects."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1", patients())

    assert survival.martingale(fit).sum() == pytest.approx(0, abs=1e-12)


def test_schoenfeld_residuals_sum_to_zero() -> None:
    """At the estimate the score is zero."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1", patients())

    assert survival.schoenfeld(fit).residuals.sum(axis=0) == pytest.approx([0, 0], abs=1e-10)


def test_terms_of_several_columns_are_tested_together() -> None:
    """Three categories give one proportional-hazards test on two degrees of freedom."""
    table = patients().with_columns(centre=pl.Series(["x", "y", "z"] * 4))

    test = survival.proportional_hazards(survival.cox("Surv(days, died) ~ age + centre", table))

    assert test.terms == ("age", "centre")
    assert [part.df for part in test.tests] == [1, 2]
    assert test.overall.df == 3


def test_concordance_counts_pairs_by_hand() -> None:
    """Of five comparable pairs four agree that the higher risk dies first."""
    table = pl.DataFrame({"days": [5, 8, 11, 20], "died": [1, 1, 0, 1], "risk": [9, 4, 5, 1]})

    found = survival.concordance("Surv(days, died) ~ risk", table, higher="shorter")

    assert (found.concordant, found.discordant, found.tied) == (4, 1, 0)
    assert found.value == 0.8


def test_concordance_equals_a_count_over_all_pairs() -> None:
    """The fast count is the slow one."""
    draw = np.random.default_rng(7)
    days, died = draw.integers(1, 30, 200), draw.integers(0, 2, 200)
    score = draw.integers(0, 12, 200)

    found = survival.concordance(survival.Surv.right(days, died), score=score)

    later = (days[None] > days[:, None]) | ((days[None] == days[:, None]) & (died[None] == 0))
    comparable = later & (died[:, None] == 1)
    assert found.concordant == (comparable & (score[None] > score[:, None])).sum()
    assert found.tied == (comparable & (score[None] == score[:, None])).sum()


@pytest.mark.parametrize("died", [[1, 0, 0, 0, 0, 0, 0, 0], [1] * 8])
def test_what_the_events_do_not_determine_is_said(died: list[int]) -> None:
    """One event, or all on one day: the test of proportionality names the cause."""
    days = [3, 5, 8, 9, 4, 6, 7, 8] if sum(died) == 1 else [5] * 8
    table = pl.DataFrame({"days": days, "died": died, "age": [61, 70, 50, 40, 30, 55, 66, 77]})
    fit = survival.cox("Surv(days, died) ~ age", table)

    with pytest.raises(survival.NothingToAnalyse, match="do not determine"):
        survival.proportional_hazards(fit)
    with pytest.raises(survival.BadCovariate, match="choose one of km"):
        survival.proportional_hazards(fit, "foo")  # type: ignore[arg-type]


def test_no_value_stands_in_a_fault() -> None:
    """Text where numbers belong is counted, never shown."""
    table = pl.DataFrame({"days": [3, 5, 8], "died": [1, 1, 0], "word": ["secret", "b", "c"]})

    for call in (
        lambda: survival.concordance("Surv(days, died) ~ word", table),
        lambda: survival.kaplan_meier("Surv(days, died) ~ 1", table, weights="word"),
        lambda: survival.cox("Surv(days, died) ~ offset(word)", table),
    ):
        with pytest.raises(survival.BadCovariate, match="'word' holds 3 cells") as caught:
            call()
        assert "secret" not in str(caught.value)


def test_a_print_says_what_was_assumed() -> None:
    """Ties, strata, variance, bias and reference levels stand above the coefficients."""
    plain = str(survival.cox("Surv(days, died) ~ age + NPM1 + strata(trial)", patients()))
    robust = str(survival.cox("Surv(days, died) ~ age + cluster(trial)", patients()))
    firth = str(survival.cox("Surv(days, died) ~ age", patients(), bias="reduced"))

    assert "Cox model: Efron ties, 2 strata\nCompared with: NPM1 negative\n" in plain
    assert "standard errors robust, by cluster" in robust
    assert "Firth's bias reduction" in firth
    assert "Compared with" not in robust


def test_levels_are_not_told_by_a_fault() -> None:
    """The columns that say the same are named; what their cells hold is not."""
    copied = (
        pl.col("NPM1").cast(pl.String).replace({"negative": "told one", "positive": "told two"})
    )

    with pytest.raises(survival.CollinearCovariates) as caught:
        survival.cox("Surv(days, died) ~ NPM1 + copied", patients().with_columns(copied=copied))

    assert {*caught.value.redundant, *caught.value.given} == {"NPM1", "copied"}
    assert "told" not in str(caught.value).replace("told apart", "")


def test_a_stray_word_in_a_column_of_numbers_is_noted() -> None:
    """One text makes every number a category; the fit says so."""
    ages = [*map(str, patients()["age"][:-1]), "unknown"]
    coarse = pl.Series("age", [f"{text[0]}0" if text[0].isdigit() else text for text in ages])

    fit = survival.cox("Surv(days, died) ~ age", patients().with_columns(coarse))

    assert any("11 of its 12 values are numbers" in note for note in fit.notes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"formula": None}, "neither text nor a Surv"),
        ({"table": patients().with_columns(age=pl.col("age") * 1e300)}, "'age' has numbers beyond"),
    ],
)
def test_what_cannot_be_fitted_is_said(given: dict[str, object], message: str) -> None:
    """No formula, and numbers whose squares overflow."""
    asked = {"formula": "Surv(days, died) ~ age", "table": patients()} | given

    with pytest.raises(HaemonyError, match=message):
        survival.cox(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"covariates": ["a"] * 12}, "'covariates' holds something else than numbers"),
        ({"covariates": [np.nan] * 12}, "'covariates' hold missing"),
        ({"covariates": [1e200] * 12}, "'x1' has numbers beyond"),
        ({"weights": [np.nan] * 12}, "'weights' hold missing"),
        ({"weights": "age"}, "'weights' has shape"),
        ({"offset": [np.inf] * 12}, "'offset' hold missing or infinite"),
        ({"strata": [1, 2]}, "'strata' has shape"),
    ],
)
def test_arrays_that_do_not_fit_are_named(given: dict[str, object], message: str) -> None:
    """Each array beside a Surv is looked at."""
    response = survival.Surv.right(patients()["days"], patients()["died"])
    arrays = {"covariates": patients()["age"]} | given

    with pytest.raises(survival.BadCovariate, match=message):
        survival.cox(response, **arrays)  # type: ignore[arg-type]


def test_no_follow_up_is_no_traceback() -> None:
    """Zero rows."""
    with pytest.raises(survival.NothingToAnalyse, match="no follow-up"):
        survival.cox(survival.Surv.right([], []), covariates=np.zeros((0, 1)))


def test_new_patients_have_levels_and_strata_that_the_fit_knows() -> None:
    """A number coded as a category, and the only stratum of a fit, are looked at, too."""
    table = patients().with_columns(stage=pl.Series([1, 2, 3] * 4))
    coded = survival.cox("Surv(days, died) ~ C(stage)", table)
    one = survival.cox(
        "Surv(days, died) ~ age + strata(trial)", table.filter(pl.col("trial") == "A")
    )

    with pytest.raises(survival.BadCovariate, match="'stage' have a level that the fit never saw"):
        coded.predict({"stage": [4]}, [10])
    with pytest.raises(survival.BadCovariate, match="'trial' has a stratum that the fit never saw"):
        one.predict({"age": [50], "trial": ["B"]}, [10])


def test_patients_beyond_any_number_are_refused() -> None:
    """An age in seconds has no survival, and says so; text and times that are none as well."""
    fit = survival.cox("Surv(days, died) ~ age", patients())

    for rows, times, message in (
        ({"age": [1e9]}, [10], "hazard would be beyond any number"),
        ({"age": ["old"]}, [10], "is of type String where the fit had numbers"),
        ({"age": [50]}, [np.nan], "'times' holds a time that is not a number"),
    ):
        with pytest.raises(survival.BadCovariate, match=message):
            fit.predict(rows, times)


def test_scaled_schoenfeld_residuals_rest_on_the_information() -> None:
    """They estimate coefficients, so a cluster changes errors and leaves them alone, as in R."""
    formula = "Surv(days, died) ~ age + NPM1"
    plain = survival.cox(formula, patients())
    robust = survival.cox(f"{formula} + cluster(trial)", patients())

    assert not np.allclose(plain.covariance, robust.covariance)
    assert np.array_equal(survival.schoenfeld(plain).scaled, survival.schoenfeld(robust).scaled)


@pytest.mark.parametrize("transform", ["km", "rank"])
def test_an_entry_may_join_two_times_that_differ_by_rounding(
    transform: survival.Transform,
) -> None:
    """Proportionality is tested on the times that the fit saw, entries included."""
    stop = np.array([0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    start = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0])
    event, x = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1]), np.arange(10.0) % 4
    shaken = stop.copy(), start.copy()
    shaken[0][4] += 2e-8
    shaken[1][6] += 1e-8

    clean, found = (
        survival.proportional_hazards(
            survival.cox(survival.Surv.delayed(b, e, event), covariates=x), transform
        )
        for e, b in ((stop, start), shaken)
    )

    assert found.overall.statistic == pytest.approx(clean.overall.statistic, rel=1e-6)


@pytest.mark.parametrize("event", [0, 1])
def test_a_follow_up_without_length_is_refused(event: int) -> None:
    """It starts and ends at what counts as one time, where nobody can be at risk."""
    start, stop, died = np.zeros(6), np.arange(1.0, 7.0), np.ones(6, dtype=int)
    start[3], died[3] = stop[3] - 1e-10, event
    follow_up = survival.Surv.delayed(start, stop, died)

    with pytest.raises(survival.BadResponse, match="1 follow-ups are shorter than rounding error"):
        survival.cox(follow_up, covariates=np.arange(6.0) % 4)
    with pytest.raises(survival.BadResponse, match="shorter than rounding error"):
        survival.kaplan_meier(follow_up)


def test_a_hazard_far_from_all_patients_is_refused() -> None:
    """Covariates of a million have no number for the hazard at zero."""
    table = patients().with_columns(age=pl.col("age") * 0.2 + 1e6)
    fit = survival.cox("Surv(days, died) ~ age", table)

    assert fit.baseline_hazard()["hazard"].is_finite().all()
    with pytest.raises(survival.BadCovariate, match="beyond any number"):
        fit.baseline_hazard("zero")


def test_strata_may_be_called_anything() -> None:
    """A comma or an equals sign in a stratum's name does not part it."""
    table = patients().with_columns(
        trial=pl.col("trial").replace({"A": "Ulm, Germany", "B": "arm=B, 2"})
    )
    fit = survival.cox("Surv(days, died) ~ age + strata(trial)", table)
    plain = survival.cox("Surv(days, died) ~ age + strata(trial)", patients())

    found, expected = (
        one.predict({"age": [50], "trial": [trial]}, [20])["survival"]
        for one, trial in ((fit, "arm=B, 2"), (plain, "B"))
    )

    assert found.to_list() == pytest.approx(expected.to_list())
