"""Cox models with extras: what they accept, what they refuse, and what they print."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import survival
from haemony.analysis.survival.data.episodes import merge_events, recurrent, split
from haemony.analysis.survival.data.formula import read
from haemony.analysis.survival.data.frames import polars_table
from haemony.analysis.survival.faults import BadTable
from haemony.analysis.survival.regression.comparisons import (
    compare,
    contrast,
    hazard_ratios,
    joint_test,
)
from haemony.analysis.survival.regression.diagnostics import cox_snell
from haemony.analysis.survival.regression.elastic_net import elastic_net
from haemony.analysis.survival.regression.profile import profile_intervals
from haemony.analysis.survival.summarised import COLUMNS, Shape, summarised_result
from haemony.model.errors import HaemonyError


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
        schema_overrides={"NPM1": pl.Enum(["negative", "positive"])},
    )


def separated() -> pl.DataFrame:
    """The same, and a group without a single death."""
    return patients().with_columns(cured=(pl.col("died") == 0).cast(pl.Int8))


# Tables of other libraries


def test_a_pandas_frame_is_as_good_as_a_polars_one() -> None:
    """Categories keep their order, and what is missing in pandas is missing here."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = patients()
    frame = pandas.DataFrame({name: table[name].to_list() for name in table.columns})
    frame["NPM1"] = pandas.Categorical(frame["NPM1"], categories=["positive", "negative"])
    frame["age"] = pandas.array([*frame["age"][:-1], None], dtype="Int64")

    fit = survival.cox("Surv(days, died) ~ age + NPM1", frame)

    assert fit.names == ("age", "NPM1[negative]")
    assert (fit.n, fit.missing.rows) == (11, 1)
    again = survival.cox("Surv(days, died) ~ age + NPM1", table.head(11))
    assert fit.coefficients[1] == pytest.approx(-again.coefficients[1])


def test_columns_as_arrays_are_a_table() -> None:
    """A mapping of names to arrays gives the same fit, and the same predictions."""
    table = patients().drop("NPM1")
    arrays = {name: table[name].to_numpy() for name in table.columns}

    fit = survival.cox("Surv(days, died) ~ age + trial", arrays)

    again = survival.cox("Surv(days, died) ~ age + trial", table)
    assert fit.coefficients.tolist() == again.coefficients.tolist()
    assert fit.predict(arrays, [10]).equals(again.predict(table, [10]))


@pytest.mark.parametrize(
    ("table", "cause"),
    [
        ({"days": [1, 2], "died": [1]}, "different numbers of rows"),
        ({"days": [[1, 2]]}, "2 dimensions"),
        ({"days": [1, "two", None]}, "several kinds"),
        (pl.LazyFrame(), "lazy"),
        (3, "not a table"),
    ],
)
def test_what_is_no_table_is_refused_with_its_cause(table: object, cause: str) -> None:
    """Columns that do not fit together are named, and nothing is guessed."""
    with pytest.raises(BadTable, match=cause):
        polars_table(table)  # type: ignore[arg-type]


# Degenerate cohorts: an answer or an error that names the cause

EVERYBODY = {"days": [4, 4, 4, 4], "died": [1, 1, 1, 1], "x": [0, 1, 0, 1]}


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_everybody_dying_at_once_has_an_answer(ties: str) -> None:
    """All tied: nothing is learnt from the exact likelihood, and Efron sees no difference."""
    table = pl.DataFrame(EVERYBODY)

    if ties == "exact":
        with pytest.raises(survival.CollinearCovariates):
            survival.cox("Surv(days, died) ~ x", table, ties="exact")
        return
    fit = survival.cox("Surv(days, died) ~ x", table, ties=ties)  # type: ignore[arg-type]
    assert fit.coefficients == pytest.approx([0.0])


def test_curves_and_tests_of_degenerate_cohorts() -> None:
    """All tied, all censored, one patient: numbers or causes, never nonsense."""
    tied = pl.DataFrame(EVERYBODY)
    nobody = tied.with_columns(died=pl.lit(0))

    assert survival.kaplan_meier("Surv(days, died) ~ 1", tied).curves[0].survival.tolist() == [0]
    assert survival.kaplan_meier("Surv(days, died) ~ 1", nobody).curves[0].survival.tolist() == [1]
    assert survival.kaplan_meier("Surv(days, died) ~ 1", tied.head(1)).median["median"][0] == 4
    with pytest.raises(survival.NothingToAnalyse, match="tell the groups apart"):
        survival.logrank("Surv(days, died) ~ x", tied)
    with pytest.raises(survival.NothingToAnalyse, match="nobody had the event"):
        survival.logrank("Surv(days, died) ~ x", nobody)


def test_one_death_is_enough_for_a_model() -> None:
    """One event gives an estimate, or says that it has none."""
    one = patients().with_columns(died=(pl.col("days") == 20).cast(pl.Int8))

    fit = survival.cox("Surv(days, died) ~ age", one)

    assert fit.events == 1
    assert np.isfinite(fit.coefficients).all()


@pytest.mark.parametrize("estimator", ["cox", "kaplan_meier", "logrank"])
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (pl.lit(-3).alias("days"), "before the time origin"),
        (pl.lit("soon").alias("days"), "not numeric"),
        (pl.lit("yes").alias("died"), "not coded"),
        (pl.lit(None, dtype=pl.Int64).alias("days"), "no row has all"),
        (pl.lit(float("inf")).alias("days"), "missing or infinite"),
    ],
)
def test_follow_up_that_is_none_is_refused_everywhere(
    estimator: str, change: pl.Expr, cause: str
) -> None:
    """Negative, textual, missing and infinite times name their column or their count."""
    with pytest.raises(HaemonyError, match=cause):
        getattr(survival, estimator)("Surv(days, died) ~ NPM1", patients().with_columns(change))


def test_death_on_day_zero_counts() -> None:
    """Time zero is a time like any other, as in R."""
    zero = patients().with_columns(days=pl.col("days") - 5)

    assert survival.cox("Surv(days, died) ~ age", zero).coefficients == pytest.approx(
        survival.cox("Surv(days, died) ~ age", patients()).coefficients
    )


# Separation


def test_an_infinite_coefficient_has_no_standard_error() -> None:
    """The table and the print show no number that means nothing."""
    fit = survival.cox("Surv(days, died) ~ age + cured", separated())

    row = fit.table().row(1, named=True)
    assert fit.infinite == ("cured",)
    assert [row[key] for key in ("std_err", "lower", "upper", "z", "p")] == [None] * 5
    assert "-Inf" in str(fit)
    with pytest.raises(survival.BadCovariate, match="no finite estimate"):
        contrast(fit, {"cured": {"cured": 1}})


def test_the_profile_of_an_infinite_coefficient_has_one_limit() -> None:
    """The likelihood bounds the hazard ratio from above and not from below."""
    fit = survival.cox("Surv(days, died) ~ age + cured", separated())

    row = profile_intervals(fit, ["cured"]).row(0, named=True)

    assert row["lower"] == -np.inf
    assert row["ratio_lower"] == 0
    assert 0 < row["ratio_upper"] < 1
    assert row["p"] < 0.05


def test_firths_likelihood_has_a_finite_estimate_where_groups_are_separate() -> None:
    """A group without a death has a hazard ratio that can be printed."""
    fit = survival.cox("Surv(days, died) ~ age + cured", separated(), bias="reduced")

    assert fit.converged
    assert -5 < fit.coefficients[1] < -1
    limits = profile_intervals(fit, ["cured"]).row(0, named=True)
    assert np.isfinite([limits["lower"], limits["upper"]]).all()


# Options that exclude each other


@pytest.mark.parametrize(
    ("formula", "options", "cause"),
    [
        ("age + cluster(trial)", {"ties": "exact"}, "cannot be 'exact'"),
        ("age + cluster(trial)", {"robust": False}, "refused beside a cluster"),
        ("age + cluster(trial)", {"bias": "reduced"}, "cannot be 'reduced'"),
        ("age + frailty(trial) + cluster(trial)", {}, "two answers to one question"),
        ("age", {"ties": "random"}, "not a known treatment"),
        ("age", {"bias": "none"}, "is not known"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    formula: str, options: dict[str, object], cause: str
) -> None:
    """No option is ignored in silence."""
    with pytest.raises(survival.BadCovariate, match=cause):
        survival.cox(f"Surv(days, died) ~ {formula}", patients(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("term", "cause"),
    [
        ("ridge(age)", "needs theta"),
        ("ridge(age, theta=-1)", "needs theta"),
        ("frailty(trial, distribution='t')", "'gamma' or 'gaussian'"),
        ("frailty(trial, theta=0)", "not a positive number"),
        ("frailty(trial, age)", "not about one column"),
        ("frailty(trial) + frailty(NPM1)", "only one column"),
        ("ridge(age, theta=1, power=3)", "nothing else"),
    ],
)
def test_a_penalty_that_cannot_be_is_refused(term: str, cause: str) -> None:
    """Ridges and frailties say what is wrong with them."""
    with pytest.raises(survival.BadFormula, match=cause):
        read(f"Surv(days, died) ~ {term}")


def test_penalties_belong_to_the_cox_model() -> None:
    """A curve does not ignore a frailty in silence."""
    with pytest.raises(survival.BadFormula, match="belong to the Cox model"):
        survival.kaplan_meier("Surv(days, died) ~ NPM1 + frailty(trial)", patients())


@pytest.mark.parametrize(
    ("term", "cause"),
    [
        ("ns(age, df=0)", "less than 1"),
        ("ns(NPM1, df=2)", "not a number"),
        ("rcs(age, 2)", "cannot place 2 knots"),
        ("rcs(age, [60, 40])", "ascending"),
        ("rcs(age, [40, 60])", "at least three"),
        ("ns(twice, df=4)", "two knots at one value"),
    ],
)
def test_a_spline_that_cannot_be_is_refused(term: str, cause: str) -> None:
    """Knots that coincide or run backwards are named."""
    table = patients().with_columns(twice=pl.col("died") * 2.0)
    with pytest.raises(survival.BadCovariate, match=cause):
        survival.cox(f"Surv(days, died) ~ {term}", table)


def test_a_ridge_draws_coefficients_to_zero_and_keeps_collinear_ones() -> None:
    """Age in years and in months share one effect instead of being refused."""
    table = patients().with_columns(months=12 * pl.col("age"))

    fit = survival.cox("Surv(days, died) ~ ridge(age, months, theta=1)", table)

    assert fit.coefficients[0] == pytest.approx(12 * fit.coefficients[1])
    assert 0 < fit.df < 1


def test_groups_that_do_not_differ_have_no_frailty() -> None:
    """A variance of zero is said, and the model is that without a frailty."""
    table = patients().with_columns(group=pl.Series(["p", "q", "q", "p"] * 3))

    fit = survival.cox("Surv(days, died) ~ age + frailty(group)", table)

    assert fit.frailty is not None
    if fit.frailty.theta == 0:
        assert "do not differ" in fit.notes[0]
        plain = survival.cox("Surv(days, died) ~ age", table)
        assert fit.coefficients == pytest.approx(plain.coefficients)


def test_exact_fits_have_no_shares_of_rows() -> None:
    """Residuals that the exact likelihood does not have are refused, others are Breslow's."""
    fit = survival.cox("Surv(days, died) ~ age", patients(), ties="exact")

    assert survival.martingale(fit).sum() == pytest.approx(0, abs=0.5)
    with pytest.raises(survival.BadCovariate, match="no share for each row"):
        survival.dfbeta(fit)


def test_cox_and_snells_residuals_add_up_to_the_deaths() -> None:
    """As many events are expected as happened."""
    fit = survival.cox("Surv(days, died) ~ age", patients())

    assert cox_snell(fit).sum() == pytest.approx(fit.events)


def test_fractional_weights_get_robust_errors_as_in_r() -> None:
    """Weights that are no counts do not shrink standard errors by accident."""
    table = patients().with_columns(weight=pl.lit(0.5))

    fit = survival.cox("Surv(days, died) ~ age", table, weights="weight")

    assert fit.robust
    assert "standard errors are robust" in fit.notes[0]
    assert not survival.cox("Surv(days, died) ~ age", table, weights="weight", robust=False).robust


# Comparisons


def test_models_of_different_rows_are_not_compared() -> None:
    """A variable that is missing in some patients makes two cohorts."""
    holes = patients().with_columns(
        NPM1=pl.when(pl.col("days") > 8).then("NPM1"),
    )
    models = [survival.cox(f"Surv(days, died) ~ {t}", holes) for t in ("age", "age + NPM1")]

    with pytest.raises(survival.BadCovariate, match="different rows"):
        compare(*models)


def test_models_that_are_not_nested_are_noted() -> None:
    """The test between age and NPM1 has no meaning, and says so; a spline holds its line."""
    table = patients()
    age, both, bent = (
        survival.cox(f"Surv(days, died) ~ {t}", table)
        for t in ("age", "NPM1 + trial", "ns(age, df=2)")
    )

    assert "not nested" in compare(age, both).notes[0]
    assert compare(age, bent).notes == ()
    assert "p" in str(compare(age, bent))


def test_a_contrast_is_a_sum_of_coefficients() -> None:
    """One patient against another, by coefficients and by their rows, is one hazard ratio."""
    fit = survival.cox("Surv(days, died) ~ age + NPM1", patients())

    summed = contrast(fit, {"ten years": {"age": 10}})
    rows = {"age": [60.0, 50.0], "NPM1": ["negative"] * 2}
    against = {"age": [50.0], "NPM1": ["negative"]}
    told = hazard_ratios(fit, rows, against)

    assert told["estimate"][0] == pytest.approx(summed["estimate"][0])
    assert (told["std_err"][1], told["p"][1]) == (0.0, None)
    everything = joint_test(fit, {name: {name: 1} for name in fit.names})
    assert everything.statistic == pytest.approx(fit.wald_test.statistic)
    with pytest.raises(survival.UnknownColumn):
        contrast(fit, {"weight": {"weight": 1}})


# Covariates that change


def test_a_transplant_counts_from_its_day_on() -> None:
    """Nobody is transplanted before the transplant; days outside follow-up are counted."""
    table = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "days": [100, 50, 80, 60],
            "died": [1, 1, 0, 1],
            "graft_day": [30, None, 80, 0],
        }
    )

    made = merge_events(table, "Surv(days, died)", {"graft": "graft_day"})

    assert made.table.select("id", "start", "stop", "event", "graft").rows() == [
        (1, 0.0, 30.0, 0, 0),
        (1, 30.0, 100.0, 1, 1),
        (2, 0.0, 50.0, 1, 0),
        (3, 0.0, 80.0, 0, 0),
        (4, 0.0, 60.0, 1, 1),
    ]
    assert made.placed["graft"] == {"before": 1, "within": 1, "at_end": 1, "after": 0}
    assert made.response == "Surv(start, stop, event)"


def test_measurements_hold_until_the_next() -> None:
    """A long table of values becomes a covariate that steps."""
    table = pl.DataFrame({"id": [1, 2], "days": [100, 50], "died": [1, 0]})
    values = pl.DataFrame({"id": [1, 1, 1, 9], "time": [0, 40, 120, 5], "value": [7.0, 9.0, 1, 2]})

    made = merge_events(table, "Surv(days, died)", {"wbc": values}, patient="id")

    assert made.table.select("id", "start", "stop", "event", "wbc").rows() == [
        (1, 0.0, 40.0, 0, 7.0),
        (1, 40.0, 100.0, 1, 9.0),
        (2, 0.0, 50.0, 0, None),
    ]


def test_intervals_that_would_be_wrong_are_refused() -> None:
    """Repeated patients, names already taken, dates that are no numbers, events twice a day."""
    table = pl.DataFrame({"id": [1, 1], "days": [9, 8], "died": [1, 0], "when": ["a", "b"]})
    events = pl.DataFrame({"id": [1, 1], "time": [3, 3], "value": [1, 2]})
    response = "Surv(days, died)"

    with pytest.raises(survival.BadCovariate, match="several rows"):
        merge_events(table, response, {"x": events}, patient="id")
    with pytest.raises(survival.BadCovariate, match="name of a new column"):
        merge_events(table, response, {"id": "days"})
    with pytest.raises(survival.BadCovariate, match="not a time"):
        merge_events(table, response, {"x": "when"})
    with pytest.raises(survival.BadResponse, match="two events at one time"):
        recurrent(table.head(1), response, events, patient="id")
    with pytest.raises(survival.BadResponse, match="no complete follow-up"):
        split(table.with_columns(days=pl.lit(None, pl.Float64)), response, at=[4])


def test_the_first_of_two_events_is_the_first_episode() -> None:
    """Events are numbered per patient, and the gap begins at the last."""
    table = pl.DataFrame({"id": [7], "days": [90], "died": [1]})
    events = pl.DataFrame({"id": [7, 7], "time": [60, 20]})

    made = recurrent(table, "Surv(days, died)", events, patient="id")

    assert made.table.select("start", "stop", "event", "episode", "gap", "died").rows() == [
        (0.0, 20.0, 1, 1, 20.0, 0),
        (20.0, 60.0, 1, 2, 40.0, 0),
        (60.0, 90.0, 0, 3, 30.0, 1),
    ]


# Choosing among many covariates


def test_the_lasso_meets_the_conditions_of_its_optimum() -> None:
    """The slope equals the penalty where a covariate is in, and is below it where it is out."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 8))
    days = np.ceil(20 * rng.exponential(np.exp(-x[:, 0] + 0.5 * x[:, 1])))
    response = survival.Surv.right(days, rng.random(120) < 0.8)

    path = elastic_net(response, covariates=x, ties="efron", steps=8, smallest=0.05)

    for size, row in zip(path.penalties, path.coefficients, strict=True):
        null = survival.cox(response, covariates=np.zeros((120, 0)), offset=x @ row)
        residual = survival.martingale(null)
        slope = (x - x.mean(axis=0)).T @ residual / 120 / x.std(axis=0)
        kept = row != 0
        assert slope[kept] == pytest.approx(size * np.sign(row[kept]), abs=1e-8)
        assert np.all(np.abs(slope[~kept]) <= size + 1e-8)


@pytest.mark.parametrize("mix", [1.0, 0.5])
def test_the_penalty_counts_a_patient_of_weight_two_twice(mix: float) -> None:
    """A path with whole weights is that of the rows repeated, as glmnet's scale has it."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(60, 3)) * [1, 40, 0.1] + [0, 7, 5]
    days, died = np.ceil(20 * rng.exponential(np.exp(-x[:, 0]))), rng.random(60) < 0.7
    often = rng.integers(1, 5, 60)
    rows = np.repeat(np.arange(60), often)

    weighted = elastic_net(
        survival.Surv.right(days, died), covariates=x, weights=often, mix=mix, steps=6
    )
    repeated = elastic_net(
        survival.Surv.right(days[rows], died[rows]), covariates=x[rows], mix=mix, steps=6
    )

    assert weighted.penalties == pytest.approx(repeated.penalties, rel=1e-10)
    assert weighted.coefficients == pytest.approx(repeated.coefficients, abs=1e-9)


def test_the_choice_depends_on_the_seed_alone() -> None:
    """Two runs with one seed choose alike; free coefficients are always in."""
    table = patients().with_columns(noise=pl.Series([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]))
    formula = "Surv(days, died) ~ age + NPM1 + noise"

    first, second = (
        elastic_net(formula, table, folds=3, seed=4, steps=10, free=("age",)) for _ in range(2)
    )

    assert first.validation is not None
    assert second.validation is not None
    assert first.validation.deviance.tolist() == second.validation.deviance.tolist()
    assert np.all(first.coefficients[:, 0] != 0)
    assert "chosen" in str(first)
    assert len(first.score(table)) == 12
    with pytest.raises(survival.BadCovariate, match="folds"):
        elastic_net(formula, table, folds=99)


# Printing and export


def test_a_fit_prints_like_a_summary() -> None:
    """Counts, coefficients, tests and what was missing, without the call."""
    holes = patients().with_columns(age=pl.when(pl.col("days") > 5).then("age"))

    said = str(survival.cox("Surv(days, died) ~ age + NPM1", holes))

    assert said.splitlines()[0] == "n = 11, events = 7 (1 row left out: incomplete)"
    assert "Likelihood-ratio test = " in said
    assert "on 2 df, p = " in said
    assert "Concordance = " in said


def test_a_result_takes_the_shape_of_omop() -> None:
    """Thirteen columns of text, one row per estimate, small counts hidden with their row."""
    curves = survival.kaplan_meier("Surv(days, died) ~ NPM1 + trial", patients())
    table = curves.median

    made = summarised_result(
        table,
        Shape("overall survival", strata=("group",)),
        cdm_name="two trials",
        result_type="survival_summary",
        min_cell_count=2,
    )

    assert tuple(made.table.columns) == COLUMNS
    assert made.table["strata_name"].unique().to_list() == ["npm1 &&& trial"]
    assert made.settings["strata"].to_list() == ["npm1 &&& trial"]
    few = made.table.filter(pl.col("strata_level") == "positive &&& B")
    assert few.filter(pl.col("estimate_name") == "events_count")["estimate_value"][0] != "0"
    assert made.exported().filter(pl.col("variable_name") == "settings").height == 7
    assert not made.table["estimate_value"].null_count()
