"""Input that no analysis can use: refused by name, without a traceback and without a value."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from haemony.analysis import causal, genomics, multistate, pooling, prediction, survival
from haemony.analysis.prediction import BadRisks, trees
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report.figures.curves import STEPS, ticks_to
from haemony.analysis.survival import BadCovariate, BadFormula, BadResponse, NothingToAnalyse
from haemony.analysis.survival.data.response import distinct
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.elastic_net import _by_signs

NO_COUNTS = (-1, 1.5, math.nan, "3", None, True, [1])


def patients(n: int = 60) -> pl.DataFrame:
    """Patients of two arms and three hospitals, some of whom die of one of two causes."""
    row = np.arange(n)
    died = (row % 3 > 0).astype(int)
    return pl.DataFrame(
        {
            "row": row,
            "days": 100.0 + (row * 37) % 211,
            "died": died,
            "cause": died * (1 + row % 2),
            "age": 30.0 + (row * 17) % 41,
            "wbc": 1.0 + (row * 13) % 29,
            "arm": (row * 7 % 11 > 4).astype(int),
            "gene": (row * 5 % 13 > 6).astype(int),
            "site": [("A", "B", "C")[i % 3] for i in row.tolist()],
            "risk": 0.1 + (row * 11 % 17) / 20,
        }
    )


def fitted(terms: str = "age + wbc") -> survival.CoxFit:
    """A Cox model of these patients."""
    return survival.cox(f"Surv(days, died) ~ {terms}", patients())


def judged() -> prediction.Predictions:
    """A risk of these patients, laid out."""
    return prediction.predictions(
        "Surv(days, died) ~ 1", patients(), risks={"m": "risk"}, times=[200]
    )


@pytest.mark.parametrize("seed", NO_COUNTS)
@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: survival.bootstrap(fitted(), repeats=2, seed=seed),
        lambda seed: survival.cross_validate(fitted(), 3, seed=seed),
        lambda seed: survival.elastic_net(
            "Surv(days, died) ~ age + wbc", patients(), folds=3, steps=3, seed=seed
        ),
        lambda seed: pooling.impute(patients(), ["age"], seed=seed, imputations=2),
        lambda seed: genomics.interactions(
            "Surv(days, died) ~ 1", patients(), ["arm", "gene"], least=3, seed=seed
        ),
        lambda seed: prediction.decision_curve(judged(), draws=2, seed=seed),
        lambda seed: prediction.Splits.bootstraps(9, 2, seed=seed),
        lambda seed: causal.iptw_curves(
            "Surv(days, died) ~ arm", patients(), given="age"
        ).bootstrap([200], seed=seed, runs=2),
    ],
)
def test_a_seed_is_a_whole_number(draw: Callable[[object], object], seed: object) -> None:
    """Nothing is drawn from a seed that is negative, a fraction, a text, or none at all."""
    with pytest.raises(BadCovariate, match="'seed' is no whole number from 0 on"):
        draw(seed)


@pytest.mark.parametrize("count", NO_COUNTS)
@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda count: survival.bootstrap(fitted(), repeats=count), "repeats"),
        (lambda count: survival.cross_validate(fitted(), 3, repeats=count), "repeats"),
        (
            lambda count: survival.elastic_net(
                "Surv(days, died) ~ age + wbc", patients(), steps=count
            ),
            "steps",
        ),
        (
            lambda count: pooling.impute(patients(), ["age"], seed=1, imputations=count),
            "imputations",
        ),
        (
            lambda count: genomics.interactions(
                "Surv(days, died) ~ 1", patients(), ["arm", "gene"], block=count
            ),
            "block",
        ),
        (lambda count: prediction.Splits.folds(count, 2, seed=1), "n"),
    ],
)
def test_a_count_is_a_whole_number(
    ask: Callable[[object], object], name: str, count: object
) -> None:
    """Half a fold and no number of samples are refused under the name of the option."""
    with pytest.raises(BadCovariate, match=f"'{name}' is no whole number"):
        ask(count)


@pytest.mark.parametrize("level", [0, 1, 95, -1, math.nan, 1 - 1e-16, None, "0.95", [0.9], True])
def test_a_level_lies_between_0_and_1(level: object) -> None:
    """Nor is it so near to 1 that limits would be infinite."""
    asks: tuple[Callable[..., object], ...] = (
        normal_quantile,
        lambda level: survival.bootstrap(fitted(), repeats=3).interval(level=level),
        lambda level: genomics.fisher([[3, 1, 1, 3]], level),
        lambda level: pooling.meta([0.1, 0.2], [0.1, 0.1], level=level),
    )
    for ask in asks:
        with pytest.raises(BadCovariate, match="'level'"):
            ask(level)


@pytest.mark.parametrize("times", ["100", [None], [math.nan], [[100, 200]], [1j], {"a": 1}])
def test_times_asked_of_any_curve_are_numbers(times: object) -> None:
    """Incidences, shares, and risks of new patients are read at numbers alone."""
    incidence = survival.aalen_johansen("Surv(days, cause) ~ 1", patients())
    kinds = survival.cause_specific_cox("Surv(days, cause) ~ age", patients())
    learnt = prediction.CoxLearner("Surv(days, died) ~ age").fit(patients())

    asks: tuple[Callable[..., object], ...] = (
        incidence.curves[0].at,
        lambda times: kinds.predict({"age": [50]}, times),
        lambda times: learnt.risk(patients(), times),
    )
    for ask in asks:
        with pytest.raises(BadCovariate, match="'times'"):
            ask(times)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("age | wbc", "several parts"),
        ("age ~ wbc", "several parts"),
        (f"I({'-' * 9000}age)", "cannot be read"),
        ("I(9**9**9**9)", "more than a transformation"),
        ("I('a' * 9999999999)", "more than a transformation"),
        ("I([0] * 9999999999)", "more than a transformation"),
        ("I(1 << 9999999999)", "more than a transformation"),
        ("I([age])", "more than a transformation"),
        ("I((age, age))", "more than a transformation"),
        ("age + offset(log(wbc))", r"compute offset\(log\(wbc\)\) as a column"),
        ("age + strata(log(wbc))", "takes columns as they are"),
        ("age + strata('site')", "takes columns as they are"),
        ("age + strata()", "names no column"),
        ("age + cluster()", "names no column"),
        ("age + days", "'days' is on both of its sides"),
        ("died", "'died' is on both of its sides"),
    ],
)
def test_formulas_that_would_be_misread_are_refused(terms: str, words: str) -> None:
    """What could run for ever, and what would silently be read as something else."""
    with pytest.raises(BadFormula, match=words):
        fitted(terms)


def test_a_comparison_is_a_covariate_of_0_and_1() -> None:
    """I(age > 50) counts those who are older, and needs no library beside."""
    older = patients().with_columns(older=(pl.col("age") > 50).cast(pl.Int8))

    fit = fitted("I(age > 50)")

    plain = survival.cox("Surv(days, died) ~ older", older)
    assert fit.coefficients[0] == pytest.approx(plain.coefficients[0], rel=1e-12)


def test_powers_of_whole_numbers_do_not_overflow() -> None:
    """Rows to the twentieth are beyond any whole number of the machine, not negative."""
    whole, half = patients(), patients().with_columns(pl.col("row").cast(pl.Float64))

    ours = survival.cox("Surv(days, died) ~ I(row ** 20)", whole)

    assert ours.data.x.min() >= 0
    assert np.array_equal(ours.data.x, survival.cox("Surv(days, died) ~ I(row ** 20)", half).data.x)
    assert fitted("C(arm)").names == ("C(arm)[1]",)


@pytest.mark.parametrize(
    "compare",
    [survival.kaplan_meier, survival.logrank, survival.gray, survival.concordance],
)
def test_an_offset_is_not_ignored(compare: Callable[..., object]) -> None:
    """Groups and scores have no offset, and a formula with one is not read without it."""
    with pytest.raises(BadFormula, match="an offset belongs to the models"):
        compare("Surv(days, died) ~ arm + offset(wbc)", patients())


def test_a_cluster_is_allowed_for_or_refused() -> None:
    """Tests of groups refuse it; the concordance has its error by clusters, as every other."""
    twice = pl.concat([patients(), patients()])

    for test in (survival.logrank, survival.gray, survival.pairwise_logrank):
        with pytest.raises(BadCovariate, match="'cluster' is not allowed for"):
            test("Surv(days, died) ~ arm + cluster(row)", twice)
    apart = survival.concordance("Surv(days, died) ~ age", twice)
    together = survival.concordance("Surv(days, died) ~ age + cluster(row)", twice)
    assert together.value == apart.value
    assert together.std_err == pytest.approx(apart.std_err * math.sqrt(2), rel=1e-9)


@pytest.mark.parametrize("special", ["frailty(site)", "ridge(wbc, theta=1)"])
def test_what_a_propensity_score_has_not_is_not_ignored(special: str) -> None:
    """A shared frailty or a penalty in the score is refused by name."""
    with pytest.raises(BadFormula, match=f"has no {special.partition('(')[0]}"):
        causal.propensity(f"arm ~ age + {special}", patients())


def test_an_outlying_time_does_not_tie_all_others() -> None:
    """A code for unknown of 1e19 days is refused: rounding beside it would make days equal."""
    coded = patients().with_columns(days=pl.when(pl.col("row") == 3).then(1e19).otherwise("days"))

    with pytest.raises(BadResponse, match="so much larger than most"):
        survival.kaplan_meier("Surv(days, died) ~ 1", coded)
    assert len(distinct(np.array([1.0, 2.0, 3.0, 1e6]))[0]) == 4


@pytest.mark.parametrize("kind", [0.5, math.inf])
def test_kinds_of_event_are_whole_numbers(kind: float) -> None:
    """Half an event is no kind of its own."""
    odd = patients().with_columns(
        cause=pl.when(pl.col("row") == 3).then(kind).otherwise(pl.col("cause").cast(pl.Float64))
    )

    with pytest.raises(BadResponse, match="'cause' holds other numbers than whole ones"):
        survival.aalen_johansen("Surv(days, cause) ~ 1", odd)


def test_an_infinite_offset_is_refused() -> None:
    """It would take a patient out of all risk sets in silence."""
    endless = patients().with_columns(
        wbc=pl.when(pl.col("row") == 3).then(-math.inf).otherwise("wbc")
    )

    with pytest.raises(BadCovariate, match="'wbc' hold missing or infinite values"):
        survival.cox("Surv(days, died) ~ age + offset(wbc)", endless)


def test_no_level_of_a_text_is_told_in_an_error() -> None:
    """A stray word among numbers makes categories; refusals name the column alone."""
    told = patients().with_columns(
        wbc=pl.when(pl.col("row") == 3).then(pl.lit("secret")).otherwise(pl.lit("1"))
    )
    fit = survival.cox("Surv(days, died) ~ age + wbc", told)

    for ask in (
        lambda: survival.contrast(fit, {"more": {"wbc": 1}}),
        lambda: survival.profile_intervals(fit, ["wbc"]),
        lambda: fit.predict({"age": [50], "wbc": ["2"]}, [100]),
        lambda: survival.cox("Surv(days, died) ~ site*wbc", told),
    ):
        with pytest.raises((survival.UnknownColumn, BadCovariate, survival.ConstantCovariate)) as e:
            ask()
        assert "secret" not in str(e.value)
        assert "wbc" in str(e.value)


def test_formulas_that_are_no_text_are_refused() -> None:
    """Where covariates of transitions or a score are asked for, too."""
    told = multistate.histories_from_rows(
        {"id": [1, 2], "from": ["a"] * 2, "to": ["b", None], "start": [0, 0], "stop": [2, 3]},
        multistate.Scheme.read("", "a -> b"),
        patient="id",
        origin="from",
        target="to",
        start="start",
        stop="stop",
    )

    with pytest.raises(BadFormula):
        multistate.transition_cox(told, 5)  # type: ignore[arg-type]
    with pytest.raises(BadFormula, match="it is no text"):
        causal.propensity(None, patients())  # type: ignore[arg-type]


def test_more_kinds_of_outcome_than_patients_can_be_imputed_by() -> None:
    """Columns beyond the number of rows follow from the others, and are left out."""
    holes = patients().with_columns(
        age=pl.when(pl.col("row") % 7 > 0).then("age"), kind=pl.col("row") + 1
    )

    found = pooling.impute(
        holes, ["age", "wbc"], outcome="Surv(days, kind)", seed=1, imputations=2, iterations=1
    )

    assert found.tables[0]["age"].null_count() == 0


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([[1]] * 60),
        pl.Series([{"a": 1}] * 60),
        pl.Series([b"a"] * 60),
        pl.Series([1] * 60).cast(pl.Duration),
        pl.Series([object()] * 60, dtype=pl.Object),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda table: survival.kaplan_meier("Surv(days, died) ~ site", table),
        lambda table: survival.cox("Surv(days, died) ~ age + strata(site)", table),
        lambda table: genomics.comutation(table, ["arm", "site"]),
        lambda table: pooling.one_stage("Surv(days, died) ~ age", table, source="site"),
    ],
)
def test_columns_that_no_analysis_reads_are_named(
    ask: Callable[[pl.DataFrame], object], values: pl.Series
) -> None:
    """Lists, records, bytes, spans of time and objects are neither numbers nor groups."""
    with pytest.raises(survival.BadTable, match="'site' is of type"):
        ask(patients().with_columns(values.alias("site")))


def test_a_text_of_many_levels_is_penalised_in_seconds() -> None:
    """A stray word turns a number into a category per patient; the path is found all the same."""
    words = patients(150).with_columns(wbc=pl.col("wbc") + pl.col("row") / 150)
    words = words.with_columns(pl.col("wbc").cast(pl.String))

    began = time.process_time()
    found = survival.elastic_net("Surv(days, died) ~ age + arm + wbc", words, steps=12)

    assert time.process_time() - began < 20
    assert len(found.names) > 140
    assert np.isfinite(found.coefficients).all()
    assert np.diff(found.log_likelihood).min() > -1e-9


def test_the_search_among_signs_ends_where_sweeps_would() -> None:
    """Each coefficient of the quadratic's lowest point is best beside the others."""
    rng = np.random.default_rng(4)
    root = rng.normal(size=(60, 40))
    square, target = root.T @ root / 60, rng.normal(size=40)
    lasso, ridge = np.where(np.arange(40) < 3, 0.0, 0.2), np.full(40, 0.01)

    found = _by_signs(square, target, np.zeros(40), lasso, ridge)

    assert found is not None
    slope = target - square @ found - ridge * found
    assert np.abs(slope[found == 0]).max() <= 0.2
    assert slope[found != 0] == pytest.approx((lasso * np.sign(found))[found != 0], abs=1e-12)
    assert 0 < np.count_nonzero(found) < 40


def test_a_covariate_that_decides_the_time_is_refused_by_the_lasso() -> None:
    """Small penalties would let hazards run beyond any number; a larger one is fitted."""
    table = patients().with_columns(age=-pl.col("days"))

    with pytest.raises(NothingToAnalyse, match=r"order of the events .* raise `smallest`"):
        survival.elastic_net("Surv(days, died) ~ age + wbc", table, smallest=1e-7)
    found = survival.elastic_net("Surv(days, died) ~ age + wbc", table, smallest=0.05)
    assert np.isfinite(found.coefficients).all()


def test_nothing_to_penalise_is_said() -> None:
    """A column of one level leaves the lasso without a covariate."""
    with pytest.raises(NothingToAnalyse, match="no covariate varies"):
        survival.elastic_net("Surv(days, died) ~ one", patients().with_columns(one=pl.lit("x")))


@pytest.mark.parametrize("term", ["one", "C(one)", "C(two)"])
def test_a_term_of_one_level_does_not_drop_out_without_a_word(term: str) -> None:
    """It has no coefficient, and the notes say why."""
    table = patients().with_columns(one=pl.lit("x"), two=pl.lit(2))

    for fit in (
        survival.cox(f"Surv(days, died) ~ age + {term}", table),
        survival.fine_gray(f"Surv(days, cause) ~ age + {term}", table, cause="1"),
        causal.propensity(f"arm ~ age + {term}", table),
    ):
        said = f"{term} has one level among the patients analysed, and so no coefficient"
        assert said in fit.notes


def test_numbers_without_squares_are_refused_by_every_regression() -> None:
    """The logistic regression names the column as the Cox model does."""
    table = patients().with_columns(age=pl.when(pl.col("row") == 3).then(1e308).otherwise("age"))

    for ask in (
        lambda: causal.propensity("arm ~ age", table),
        lambda: survival.cox("Surv(days, died) ~ age", table),
    ):
        with pytest.raises(BadCovariate, match="'age' has numbers beyond 1e\\+100"):
            ask()


def test_what_cannot_be_predicted_from_is_left_open() -> None:
    """Who lacks a value is not foretold from a column that no regression takes."""
    table = patients().with_columns(
        gap=pl.when(pl.col("row") % 4 > 0).then("wbc"),
        age=pl.when(pl.col("row") == 3).then(1e308).otherwise("age"),
    )

    found = pooling.missingness(table, ["gap", "age"], "Surv(days, died)").frame

    assert found["predictable"].to_list() == [None]


def test_who_lacks_a_value_is_foretold_from_the_other_columns() -> None:
    """The c-statistic is that of the logistic regression of lacking it."""
    table = patients().with_columns(gap=pl.when(pl.col("age") > 40).then("wbc"))

    found = pooling.missingness(table, ["gap", "age", "arm"], "Surv(days, died)").frame

    assert found["predictable"][0] == pytest.approx(1)


@pytest.mark.parametrize("value", [1e60, 1e-60])
def test_weights_without_squares_are_refused_by_every_analysis(value: float) -> None:
    """Under the name of their column."""
    heavy = patients().with_columns(heavy=pl.lit(value))

    for ask in (
        lambda: survival.cox("Surv(days, died) ~ age + cluster(site)", heavy, weights="heavy"),
        lambda: survival.kaplan_meier("Surv(days, died) ~ 1", heavy, weights="heavy"),
        lambda: survival.elastic_net("Surv(days, died) ~ age", heavy, weights="heavy"),
    ):
        with pytest.raises(BadCovariate, match="'heavy' are so large or so small"):
            ask()


@pytest.mark.parametrize("end", [math.inf, -math.inf])
def test_an_infinite_event_is_not_passed_on(end: float) -> None:
    """Cutting follow-up refuses it, as the analyses would."""
    table = patients().with_columns(died=pl.lit(end))
    events = pl.DataFrame({"row": [1], "time": [20.0]})

    for ask in (
        lambda: survival.split(table, "Surv(days, died)", at=[150]),
        lambda: survival.merge_events(table, "Surv(days, died)", {"late": "wbc"}),
        lambda: survival.recurrent(table, "Surv(days, died)", events, patient="row"),
    ):
        with pytest.raises(BadResponse, match="'died' is infinite, or nearly so, in 60 rows"):
            ask()


def test_what_is_not_known_is_null_in_intervals() -> None:
    """Whatever it was in the tables given."""
    nobody = {name: column.to_numpy() for name, column in patients().to_dict().items()}
    nobody["age"] = np.full(60, math.nan)
    told = {"row": np.arange(60), "time": np.full(60, 20.0), "value": np.full(60, math.nan)}

    cut = survival.split(nobody, "Surv(days, died)", at=[150]).table
    merged = survival.merge_events(nobody, "Surv(days, died)", {"blast": told}, patient="row").table

    assert cut["age"].null_count() == cut.height
    assert merged["blast"].null_count() == merged.height


def test_folds_in_which_nobody_can_be_compared_print_no_nan() -> None:
    """A concordance that no pair tells is unknown."""
    table = pl.DataFrame({"days": [5.0, 4, 3, 2], "died": [0, 1, 0, 1], "x": [1.0, 2, 4, 3]})
    fit = survival.cox("Surv(days, died) ~ x", table)

    found = survival.cross_validate(fit, [0, 1, 2, 3])

    assert math.isnan(found.concordance)
    assert "left out = unknown: no pair can be compared" in str(found)
    assert "nan" not in str(found)


def test_a_horizon_beyond_follow_up_tells_of_no_patient() -> None:
    """Neither the last time nor the name of the group is in the words; both are at hand."""
    table = patients().with_columns(site=pl.lit("Geheimnis"), days=pl.col("days") + 0.125)

    with pytest.raises(survival.BeyondFollowUp) as fault:
        survival.restricted_mean("Surv(days, died) ~ site", table, tau=5000)

    assert "Geheimnis" not in str(fault.value)
    assert ".125" not in str(fault.value)
    assert "the table of kaplan_meier by the same groups" in str(fault.value)
    assert fault.value.group == "site=Geheimnis"
    assert fault.value.last == table["days"].max()


def test_a_stratum_unknown_tells_of_no_patient() -> None:
    """The strata that the fit has are in the table of its baseline hazard."""
    table = patients().with_columns(site=pl.lit("Geheimnis"))
    fit = survival.cox("Surv(days, died) ~ age + strata(site)", table)

    with pytest.raises(BadCovariate, match="in the table of the fit's baseline_hazard") as fault:
        fit.predict({"age": [50.0], "site": ["A"]}, [100])

    assert "Geheimnis" not in str(fault.value)
    assert fit.baseline_hazard()["stratum"].unique().to_list() == ["site=Geheimnis"]


@pytest.mark.parametrize(
    "values", [pl.Series([[1]] * 60), pl.Series([object()] * 60, dtype=pl.Object)]
)
def test_courses_are_not_grouped_by_what_no_analysis_reads(values: pl.Series) -> None:
    """Nor are their patients told apart by it."""
    scheme = multistate.Scheme.read("", "alive -> dead")
    table = patients().with_columns(values.alias("site"))
    moments = [multistate.Moment("dead", "days", status="died")]
    told = multistate.histories(table, scheme, moments, until="days")

    with pytest.raises(survival.BadTable, match="'site' is of type"):
        multistate.occupation(told, by="site")
    with pytest.raises(survival.BadTable, match="'site' is of type"):
        multistate.histories_from_rows(
            table.with_columns(origin=pl.lit("alive"), target=pl.lit(None), zero=0.0),
            scheme,
            patient="site",
            origin="origin",
            target="target",
            start="zero",
            stop="days",
        )


def test_far_patients_of_a_penalised_model_have_risks() -> None:
    """A covariate far from zero shifts the baseline, not the risks; a stray patient's risk is 1."""
    table = patients().with_columns(pl.col("age") - pl.col("days") / 5)
    learner = prediction.PenalisedCox("Surv(days, died) ~ age + wbc", folds=3, steps=8)
    shifted = table.with_columns(pl.col("age") + 1e6)
    stray = table[:1].with_columns(age=pl.lit(1e9))

    near, far = learner.fit(table), learner.fit(shifted)

    assert far.risk(shifted, [150]) == pytest.approx(near.risk(table, [150]), abs=1e-6)
    assert set(np.round(near.risk(stray, [150]), 6).ravel()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda: prediction.TreesCox.boosted("Surv(days, died) ~ age", rate=-5), "rate"),
        (lambda: prediction.TreesCox.boosted("Surv(days, died) ~ age", depth=0), "depth"),
        (lambda: prediction.TreesCox.boosted("Surv(days, died) ~ age", rounds=0), "rounds"),
        (lambda: prediction.TreesCox.forest("Surv(days, died) ~ age", trees=1.5), "trees"),
        (lambda: prediction.TreesCox.forest("Surv(days, died) ~ age", seed=-1), "seed"),
        (lambda: prediction.Splits.folds(2**70, 2, seed=1), "n"),
        (lambda: causal.e_value(None), "estimate"),
    ],
)
def test_options_that_another_library_would_stumble_over_are_refused(
    ask: Callable[[], object], name: str
) -> None:
    """Before it is asked."""
    with pytest.raises(BadCovariate, match=f"'{name}'"):
        ask()


@pytest.mark.skipif(not trees.installed(), reason="xgboost is not installed")
def test_trees_take_no_infinite_covariate() -> None:
    """It is named, and so is a column that is not there."""
    learner = prediction.TreesCox.boosted("Surv(days, died) ~ age", rounds=2)

    with pytest.raises(BadRisks, match="'age' is infinite, or nearly so"):
        learner.fit(patients().with_columns(age=pl.lit(1e300)))
    with pytest.raises(survival.UnknownColumn, match="'age'"):
        learner.fit(patients().drop("age"))


def test_the_size_of_tiny_weights_is_that_of_their_ratios() -> None:
    """Squares of 1e-300 are no numbers."""
    assert causal.effective_size(np.array([1e-300, 1e-300])) == pytest.approx(2)


@pytest.mark.parametrize("unit", list(STEPS))
@pytest.mark.parametrize("until", [0.1, 9.0, 99999.0, 1e20, 1e308])
def test_an_axis_has_few_ticks_however_long_it_is(unit: TimeUnit, until: float) -> None:
    """A plan that asks for curves until the year 99,999 is drawn, too."""
    ticks = ticks_to(until, unit, 8)

    assert 2 <= len(ticks) <= 9
    assert ticks[-1] >= until * (1 - 1e-9)
    assert all(map(math.isfinite, ticks))
