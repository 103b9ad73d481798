"""Pooling of sources and of imputations: numbers by hand, refusals, and what is said."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from haemony.analysis import pooling, survival
from haemony.analysis.survival import BadCovariate, UnknownColumn

FORMULA = "Surv(days, died) ~ age"


def patients(n: int = 240, seed: int = 2) -> pl.DataFrame:
    """Patients of three trials in whom age and a marker matter."""
    draw = np.random.default_rng(seed)
    age, marker = draw.normal(0, 1, n), draw.integers(0, 2, n)
    days = draw.exponential(1000 * np.exp(-0.5 * age - 0.7 * marker))
    return pl.DataFrame(
        {
            "age": age,
            "marker": marker,
            "stage": draw.choice(["I", "II", "III"], n),
            "trial": draw.choice(["A", "B", "C"], n),
            "days": np.ceil(days),
            "died": (draw.random(n) < 0.8).astype(int),
        }
    )


class TestMeta:
    def test_dersimonian_and_laird_by_hand(self) -> None:
        """Two studies: Q = (difference)² / (sum of variances), tau² = (Q - 1) / C."""
        found = pooling.meta([0.0, 1.0], [0.2, 0.3], method="dersimonian-laird")

        w = np.array([1 / 0.04, 1 / 0.09])
        c = w.sum() - (w @ w) / w.sum()
        assert found.q == pytest.approx(1 / 0.13)
        assert found.tau2 == pytest.approx((1 / 0.13 - 1) / c)
        assert found.weights.sum() == pytest.approx(1)
        assert found.q_p == pytest.approx(math.erfc(math.sqrt(found.q / 2)))

    @pytest.mark.parametrize("method", ["dersimonian-laird", "reml", "paule-mandel"])
    def test_sources_that_agree_have_no_variance_between_them(self, method: str) -> None:
        """And the random effect is the fixed one."""
        found = pooling.meta([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], method=method)

        fixed = pooling.meta([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], method="fixed")
        assert (found.tau2, found.i2) == (0, 0)
        assert found.std_err == pytest.approx(fixed.std_err)
        assert found.tau2_interval[0] == 0

    def test_one_source_is_itself(self) -> None:
        """Nothing is pooled, and it is said."""
        found = pooling.meta([0.4], [0.2], ["only"])

        assert (found.estimate, found.std_err) == pytest.approx((0.4, 0.2))
        assert "a single source" in found.notes[0]
        assert found.leave_one_out().is_empty()

    def test_the_careful_interval_never_narrows(self) -> None:
        """Hartung and Knapp's can be shorter than the normal one; the ad hoc version is not."""
        given = ([0.5, 0.51, 0.5], [0.1, 0.2, 0.3])

        plain = pooling.meta(*given)
        short = pooling.meta(*given, test="hartung-knapp")
        careful = pooling.meta(*given, test="hartung-knapp-adhoc")

        assert short.std_err < plain.std_err
        assert careful.upper - careful.lower > plain.upper - plain.lower

    def test_the_forest_table(self) -> None:
        """Sources, the pooled estimate, and limits for a new source; null where not defined."""
        rows = pooling.meta([0.1, 0.4], [0.1, 0.1], ["A", "B"], prediction="higgins").table()

        assert rows["label"].to_list() == ["A", "B", "reml", "a new source"]
        assert rows["kind"].to_list() == ["source", "source", "pooled", "prediction"]
        assert rows["ratio"][0] == pytest.approx(math.exp(0.1))
        assert rows.row(3)[2:6] == (None, None, None, None)

    def test_what_it_refuses(self) -> None:
        """Nothing, infinite estimates, errors of zero, unknown methods."""
        with pytest.raises(pooling.NothingToPool, match="no source"):
            pooling.meta([], [])
        for estimates, errors in (([math.inf, 1], [1, 1]), ([1, 1], [0, 1])):
            with pytest.raises(BadCovariate, match="not finite"):
                pooling.meta(estimates, errors)
        with pytest.raises(BadCovariate, match="2 standard errors"):
            pooling.meta([1.0], [1.0, 1.0])
        for option in ({"method": "bayes"}, {"test": "t"}, {"prediction": "wide"}):
            with pytest.raises(BadCovariate, match="not a known choice"):
                pooling.meta([1.0, 2.0], [1.0, 1.0], **option)

    @pytest.mark.parametrize(
        ("estimates", "errors"),
        [
            (["a", "b"], [1, 1]),
            (["0.5", "0.4"], [1, 1]),
            ([True, False], [1, 1]),
            ([None, 1], [1, 1]),
            ([1, 1], ["a", "b"]),
            ([1e300, 1], [1, 1]),
            ([1, 1], [1e300, 1]),
            ([1, 1], [1e-300, 1]),
            ([[1, 2]], [[1, 1]]),
        ],
    )
    def test_texts_and_numbers_without_bounds_are_refused(
        self, estimates: list[object], errors: list[object]
    ) -> None:
        """A text is no estimate, even if it reads like one, and squares must stay finite."""
        with pytest.raises(BadCovariate, match=r"'estimates'|'std_errs'"):
            pooling.meta(estimates, errors)

    def test_sources_that_agree_earn_a_note_with_hartung_and_knapp(self) -> None:
        """As in metafor the error is 0 where all agree; the note names the way out."""
        given = ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])

        plain = pooling.meta(*given, test="hartung-knapp")
        careful = pooling.meta(*given, test="hartung-knapp-adhoc")
        apart = pooling.meta([0.1, 0.9, 0.5], [0.1, 0.2, 0.3], test="hartung-knapp")
        at_zero = pooling.meta([0, 0], [1, 1], test="hartung-knapp")

        assert (plain.std_err, plain.p) == (0, 0)
        assert any("test='hartung-knapp-adhoc'" in note for note in plain.notes)
        assert careful.std_err == pytest.approx(pooling.meta(*given).std_err)
        assert careful.p == pytest.approx(0.0281526, abs=1e-7)
        for quiet in (careful, apart):
            assert not any("adhoc" in note for note in quiet.notes)
        assert math.isnan(at_zero.p)

    def test_one_source_is_tested_as_usual(self) -> None:
        """There is no scatter to estimate: the test is the normal one, as in metafor, and said."""
        found = pooling.meta([0.5], [0.1], test="hartung-knapp")

        assert (found.lower, found.upper) == pytest.approx((0.304004, 0.695996), abs=1e-6)
        assert found.notes[1] == "with one source the test is the normal one"
        assert "nan" not in str(found)
        with pytest.raises(BadCovariate, match="'test' is not a known choice"):
            pooling.meta([0.5], [0.1], test="bayes")


class TestSources:
    def test_different_endpoints_are_refused_unless_named(self) -> None:
        """EFS of two definitions is pooled only for a stated reason, which the notes repeat."""
        given = {"A": "EFS 2017", "B": "EFS 2022", "C": "EFS 2022"}

        with pytest.raises(pooling.DifferentEndpoints, match="A: EFS 2017"):
            pooling.one_stage(FORMULA, patients(), source="trial", definitions=given)
        found = pooling.two_stage(
            FORMULA, patients(), source="trial", definitions=given, accept="a sensitivity analysis"
        )

        assert "pooled because: a sensitivity analysis" in found.notes[0]
        with pytest.raises(pooling.UndefinedEndpoint, match="given for C"):
            pooling.one_stage(
                FORMULA, patients(), source="trial", definitions={"A": "OS", "B": "OS"}
            )
        alike = dict.fromkeys("ABC", "OS")
        same = pooling.one_stage(FORMULA, patients(), source="trial", definitions=alike)
        assert same.notes == ()

    def test_a_source_that_cannot_be_fitted_is_named(self) -> None:
        """It does not vanish: one trial without deaths is left out with its reason."""
        table = patients().with_columns(
            died=pl.when(pl.col("trial") == "B").then(0).otherwise(pl.col("died"))
        )

        found = pooling.two_stage(FORMULA, table, source="trial")

        assert list(found.fits) == ["A", "C"]
        assert any(note.startswith("B (n = ") and "nobody had" in note for note in found.notes)
        assert found.forest()["n"].drop_nulls().len() == 2

    def test_an_infinite_coefficient_is_left_out_of_its_term_alone(self) -> None:
        """A marker whose carriers never die in one trial is pooled over the others."""
        table = patients().with_columns(
            died=pl.when((pl.col("trial") == "B") & (pl.col("marker") == 1))
            .then(0)
            .otherwise(pl.col("died"))
        )

        found = pooling.two_stage("Surv(days, died) ~ age + marker", table, source="trial")

        assert found.table()["sources"].to_list() == [3, 2]
        assert any("B: marker has no finite estimate" in note for note in found.notes)

    def test_leaving_one_source_out(self) -> None:
        """One model with all, and one without each; each differs from the whole."""
        whole = pooling.leave_one_source_out(FORMULA, patients(), source="trial")
        staged = pooling.two_stage(FORMULA, patients(), source="trial").leave_one_source_out()

        assert whole["left_out"].to_list() == [None, "A", "B", "C"]
        assert whole["n"][0] == whole["n"][1:].sum() / 2
        assert staged["left_out"].to_list() == ["A", "B", "C"]

    def test_one_source_pools_nothing(self) -> None:
        """And both ways of pooling say that heterogeneity is unknown."""
        alone = patients().filter(pl.col("trial") == "A")
        formula = "Surv(days, died) ~ age + marker"

        staged = pooling.two_stage(formula, alone, source="trial", test="hartung-knapp")
        one = pooling.one_stage(formula, alone, source="trial")

        said = "a single source: nothing is pooled, and heterogeneity is unknown"
        assert staged.notes.count(said) == 1
        assert said in str(staged)
        assert said in one.notes

    def test_a_note_of_some_terms_names_them(self) -> None:
        """The marker has a finite estimate in one trial only."""
        table = patients().with_columns(
            died=pl.when((pl.col("trial") != "B") & (pl.col("marker") == 1))
            .then(0)
            .otherwise(pl.col("died"))
        )

        found = pooling.two_stage("Surv(days, died) ~ age + marker", table, source="trial")

        assert any(note.startswith("marker: a single source") for note in found.notes)

    def test_nothing_to_pool_is_said(self) -> None:
        """A coefficient that is infinite everywhere, and a formula without one."""
        mark = patients().with_columns(mark="died", same=pl.lit("x"))

        with pytest.raises(pooling.NothingToPool, match="no coefficient has a finite estimate"):
            pooling.two_stage("Surv(days, died) ~ mark", mark, source="trial")
        for right in ("1", "same"):
            with pytest.raises(pooling.NothingToPool, match="no covariate that varies"):
                pooling.two_stage(f"Surv(days, died) ~ {right}", mark, source="trial")

    def test_one_effect_in_all_sources(self) -> None:
        """The test compares one common model with a model per source."""
        found = pooling.one_stage(FORMULA, patients(), source="trial")

        assert found.heterogeneity is not None
        assert found.heterogeneity[1] == 2
        assert "one effect in all sources" in str(found)
        with pytest.raises(UnknownColumn):
            pooling.one_stage(FORMULA, patients(), source="study")


class TestRubin:
    def test_the_rules_by_hand(self) -> None:
        """Total variance, degrees of freedom and missing information of four imputations."""
        q, u, m = np.array([1.0, 1.4, 0.8, 1.2]), np.array([0.04, 0.05, 0.04, 0.03]), 4

        found = pooling.rubin(q[:, None], u[:, None], names=["age"], complete_df=100)

        within, between = 0.04, q.var(ddof=1)
        total = within + 1.25 * between
        share = 1.25 * between / total
        old, observed = (m - 1) / share**2, 101 / 103 * 100 * (1 - share)
        df, riv = old * observed / (old + observed), 1.25 * between / within
        assert found.standard_errors[0] == pytest.approx(math.sqrt(total))
        assert found.df[0] == pytest.approx(df)
        assert found.fmi[0] == pytest.approx((riv + 2 / (df + 3)) / (riv + 1))
        assert "information is missing" in found.notes[0]

    def test_nothing_missing_changes_nothing(self) -> None:
        """Equal imputations give the error of one, and normal quantiles."""
        found = pooling.rubin([[1.0], [1.0]], [[0.04], [0.04]])

        assert found.standard_errors[0] == pytest.approx(0.2)
        assert (found.fmi[0], found.df[0]) == (0, math.inf)
        assert found.table()["upper"][0] == pytest.approx(math.exp(1 + 1.959964 * 0.2))

    def test_equal_curves_pool_to_themselves(self) -> None:
        """On the cloglog scale, with the limits that log-log gives; 1 stays 1 without limits."""
        one = survival.kaplan_meier("Surv(days, died) ~ trial", patients(), conf_type="log-log")

        pooled = pooling.pool_curves([one, one, one], [0.5, 300, 900]).table()

        at = one.at([0.5, 300, 900])
        for name in ("survival", "lower", "upper"):
            known = at["time"] > 1
            expected = at.filter(known)[name].to_list()
            assert pooled.filter(known)[name].to_list() == pytest.approx(expected)
        assert pooled.filter(pl.col("time") < 1)["lower"].null_count() == 3

    def test_incidences_pool_too(self) -> None:
        """Aalen–Johansen curves of two imputations, one row per state."""
        tables = [patients(seed=s).with_columns(died=pl.col("died") * 2) for s in (2, 3)]
        curves = [survival.aalen_johansen("Surv(days, died) ~ 1", table) for table in tables]

        found = pooling.pool_curves(curves, [500], scale="plain").table()

        mean = np.mean([curve.at([500])["incidence"][0] for curve in curves])
        assert found["incidence"].to_list() == pytest.approx([mean])

    def test_what_it_refuses(self) -> None:
        """One imputation, different coefficients, wrong shapes."""
        with pytest.raises(pooling.NothingToPool, match="one imputation"):
            pooling.rubin([[1.0]], [[1.0]])
        fits = [survival.cox(f"Surv(days, died) ~ {x}", patients()) for x in ("age", "marker")]
        with pytest.raises(BadCovariate, match="same coefficients"):
            pooling.pool_fits(fits)
        with pytest.raises(BadCovariate, match="missing values"):
            pooling.rubin([[1.0], [math.nan]], [[1.0], [1.0]])

    @pytest.mark.parametrize(
        ("estimates", "covariances", "options", "said"),
        [
            ([[1.0], [1.0]], [[-1.0], [0.5]], {}, "negative variances"),
            ([[1, 2]] * 2, [[[1, 2], [3, 1]]] * 2, {}, "not symmetric"),
            ([["a"], ["b"]], [[1], [1]], {}, "something else than numbers"),
            ([[1.0], [1e300]], [[1.0], [1.0]], {}, "so large"),
            ([[1.0], [1.0]], [[1e300], [1.0]], {}, "so large"),
            ([[[1.0]]], [[1.0]], {}, "3 dimensions"),
            ([[1.0], [2.0]], [[1.0], [1.0]], {"names": ["a", "b"]}, "2 for 1 estimates"),
            ([[1.0], [2.0]], [[1.0], [1.0]], {"complete_df": math.nan}, "not one finite number"),
        ],
    )
    def test_variances_that_cannot_be_are_refused(
        self, estimates: object, covariances: object, options: dict[str, object], said: str
    ) -> None:
        """A negative variance would make a figure of nothing."""
        with pytest.raises(BadCovariate, match=said):
            pooling.rubin(estimates, covariances, **options)

    def test_an_estimate_without_any_variance_misses_no_information(self) -> None:
        """Neither within nor between imputations: nothing is uncertain."""
        found = pooling.rubin([[1.0], [1.0]], [[0.0], [0.0]])

        assert (found.standard_errors[0], found.fmi[0]) == (0, 0)
        assert "x1" in str(found)

    def test_infinite_coefficients_are_named(self) -> None:
        """What is pooled of a coefficient without a finite estimate is not to be read."""
        table = patients().with_columns(mark="died")
        fits = [survival.cox("Surv(days, died) ~ mark", table)] * 2

        assert "mark has no finite estimate in 2 imputations" in pooling.pool_fits(fits).notes[-1]
        with pytest.raises(BadCovariate, match="'complete_df' is not one finite number"):
            pooling.pool_fits(fits, complete_df=math.nan)

    def test_curves_of_two_kinds_are_not_pooled(self) -> None:
        """Nor on a scale that nobody knows, nor at a time that is none."""
        one = survival.kaplan_meier("Surv(days, died) ~ 1", patients())
        other = survival.aalen_johansen("Surv(days, died) ~ 1", patients())

        with pytest.raises(BadCovariate, match="not of one kind"):
            pooling.pool_curves([one, other], [100])
        with pytest.raises(BadCovariate, match="'scale' is not a known choice"):
            pooling.pool_curves([one, one], [100], scale="logit")
        with pytest.raises(BadCovariate, match="'times'"):
            pooling.pool_curves([one, one], [math.nan])


class TestImputation:
    def holes(self) -> pl.DataFrame:
        """Patients with gaps in a number, a 0/1, a text and an Enum."""
        table = patients().with_row_index("row")
        gap = [pl.col("row") % k == 0 for k in (4, 5, 6, 7)]
        grade = pl.Enum(["low", "high", "very high"])
        return table.with_columns(
            age=pl.when(~gap[0]).then("age"),
            marker=pl.when(~gap[1]).then("marker"),
            stage=pl.when(~gap[2]).then("stage"),
            grade=pl.when(~gap[3]).then(pl.Series(["low", "high", "very high"] * 80, dtype=grade)),
            fit=pl.when(~gap[0]).then(pl.col("row") % 2 == 0),
        )

    COLUMNS = ("age", "marker", "stage", "grade", "fit", "trial")

    def test_gaps_are_filled_with_values_that_occur(self) -> None:
        """Types, order and everything observed stay; matched numbers are observed numbers."""
        table = self.holes()

        found = pooling.impute(
            table, self.COLUMNS, outcome="Surv(days, died)", seed=1, imputations=2, iterations=3
        )

        for one in found.tables:
            assert one.schema == table.schema
            assert one.select(self.COLUMNS).null_count().sum_horizontal()[0] == 0
            assert set(one["age"]) == set(table["age"].drop_nulls())
            known = table["stage"].is_not_null()
            assert one.filter(known)["stage"].equals(table.filter(known)["stage"])
        assert dict(found.means) == {
            "age": "matching",
            "marker": "logistic",
            "stage": "polytomous",
            "grade": "polytomous",
            "fit": "logistic",
        }
        assert found.trace.height == 2 * 3 * 5
        assert not found.tables[0].equals(found.tables[1])

    def test_the_seed_decides(self) -> None:
        """The same seed fills the same; another fills differently."""
        options = {"outcome": "Surv(days, died)", "imputations": 2, "iterations": 2}

        one, same = (
            pooling.impute(self.holes(), ["age", "stage"], seed=4, **options) for _ in "ab"
        )
        other = pooling.impute(self.holes(), ["age", "stage"], seed=5, **options)

        assert one.tables[1].equals(same.tables[1])
        assert not one.tables[1].equals(other.tables[1])

    def test_a_whole_table_stays_as_it_is(self) -> None:
        """Without gaps every copy is the original."""
        found = pooling.impute(patients(), ["age", "stage"], seed=1, imputations=2)

        assert all(one.equals(patients()) for one in found.tables)
        assert found.trace.is_empty()

    def test_imputing_without_the_outcome_is_warned_of(self) -> None:
        """And rows without the outcome are left out and counted when it is given."""
        table = self.holes().with_columns(days=pl.when(pl.col("row") > 9).then("days"))

        without = pooling.impute(table, ["age", "stage"], seed=1, imputations=2, iterations=1)
        given = pooling.impute(
            table, ["age"], outcome="Surv(days, died)", seed=1, imputations=2, iterations=1
        )

        assert any("without an outcome" in note for note in without.notes)
        assert (given.missing.rows, given.tables[0].height) == (10, 230)

    def test_what_it_refuses(self) -> None:
        """Hardly any values, dates, too many categories, the outcome among the columns."""
        table = self.holes().with_columns(
            rare=pl.when(pl.col("row") < 5).then(pl.col("age")),
            on=pl.date(2020, 1, 1),
            name=pl.col("row").cast(pl.String),
        )
        for column, says in (
            ("rare", "only 3 values"),
            ("on", "type Date"),
            ("name", "240 categories"),
            ("days", "part of the outcome"),
        ):
            with pytest.raises(pooling.CannotImpute, match=says):
                pooling.impute(table, ["age", column], outcome="Surv(days, died)", seed=1)
        with pytest.raises(BadCovariate, match="'imputations' is no whole number from 2 on"):
            pooling.impute(table, ["age"], seed=1, imputations=1)
        with pytest.raises(BadCovariate, match="'seed' is no whole number from 0 on"):
            pooling.impute(table, ["age"], seed=-1, imputations=2)
        with pytest.raises(BadCovariate, match="'means of age' is not a known choice"):
            pooling.impute(table, ["age"], seed=1, imputations=2, means={"age": "guess"})
        with pytest.raises(UnknownColumn, match="sex"):
            pooling.impute(table, ["age"], seed=1, imputations=2, means={"sex": "logistic"})
        endless = table.with_columns(age=pl.when(pl.col("row") > 0).then("age").otherwise(math.inf))
        with pytest.raises(pooling.CannotImpute, match="infinite numbers"):
            pooling.impute(endless, ["age"], seed=1, imputations=2)

    def test_perfect_prediction_does_not_break_it(self) -> None:
        """A 0/1 column that another decides is imputed by it, with finite coefficients."""
        table = self.holes().with_columns(
            twin=pl.when(pl.col("row") % 3 > 0).then((pl.col("trial") == "A").cast(pl.Int64))
        )

        found = pooling.impute(table, ["twin", "trial"], seed=1, imputations=2, iterations=2)

        filled = found.tables[0].filter(table["twin"].is_null())
        agree = (filled["twin"] == 1) == (filled["trial"] == "A")
        assert agree.sum() >= 0.85 * filled.height


class TestMissingness:
    def test_patients_who_lack_a_value_may_die_sooner(self) -> None:
        """The table says by how much, and the warning what that means."""
        table = patients().with_columns(age=pl.when(pl.col("days") > 300).then("age"))

        found = pooling.missingness(table, ["age", "marker"], "Surv(days, died)")

        row = found.table().row(0, named=True)
        assert row["hazard_ratio"] > 3
        assert row["p"] < 0.001
        assert "changes who is studied" in found.warnings[0]

    def test_complete_and_imputed_side_by_side(self) -> None:
        """One row per coefficient with both estimates, both numbers and how far they lie apart."""
        table = TestImputation().holes()
        formula = "Surv(days, died) ~ age + marker"
        imputed = pooling.impute(
            table, ["age", "marker"], outcome="Surv(days, died)", seed=1, imputations=3
        )

        found = pooling.complete_or_imputed(formula, table, imputed)

        assert found["n_complete"].to_list() == [144, 144]
        assert found["n_imputed"].to_list() == [240, 240]
        assert (found["imputed_std_err"] < found["complete_std_err"]).all()
