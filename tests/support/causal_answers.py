"""haemony's causal and pooled figures, named as `r/make_causal.R` names R's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis import causal, pooling, survival
from haemony.analysis.causal import Effect, Trial
from haemony.analysis.logistic import Logistic
from support.cohorts_causal import (
    IMPUTATIONS,
    districts,
    filled,
    hodgkin,
    platelets,
    remission,
)
from support.cohorts_cox_more import trials
from support.survival_answers import Answers, labelled

ADJUSTED = "age + sex + wbc + eln"
FROM_REMISSION = Trial(
    "first complete remission",
    "days",
    "died",
    "graft",
    "transplant",
    confounders=ADJUSTED,
    eligible=pl.col("cr_day").is_not_null(),
)
FROM_DIAGNOSIS = Trial(
    "diagnosis", "os_days", "died", "graft_day", "transplant", confounders=ADJUSTED
)
METHODS = {"FE": "fixed", "DL": "dersimonian-laird", "REML": "reml", "PM": "paule-mandel"}
TESTS = {"z": "normal", "knha": "hartung-knapp"}
ALIKE = {"knha": "hartung-knapp", "adhoc": "hartung-knapp-adhoc"}


@cache
def answers(dataset: str, analysis: str) -> Answers:
    """The figures for one analysis."""
    return ANALYSES[dataset][analysis]()


@cache
def effects() -> Mapping[str, Effect]:
    """The transplant under each design, from remission and from diagnosis."""
    table = remission()
    return {
        "time-dependent from remission": causal.time_dependent(FROM_REMISSION, table),
        "naive from remission": causal.naive_ever_exposed(FROM_REMISSION, table),
        "time-dependent from diagnosis": causal.time_dependent(FROM_DIAGNOSIS, table),
        "naive from diagnosis": causal.naive_ever_exposed(FROM_DIAGNOSIS, table),
        "landmark": causal.landmark(FROM_REMISSION, table, at=183),
        "sequential": causal.sequential_trials(FROM_REMISSION, table, every=60),
    }


def cox_figures(fit: survival.CoxFit) -> Answers:
    """Coefficients, standard errors and counts of a Cox model."""
    return {
        "coefficient": labelled(fit.coefficients),
        "standard error": labelled(fit.standard_errors),
        "n": {"all": fit.n},
        "events": {"all": fit.events},
    }


def clones() -> Answers:
    """Clones, with a grace period of 120 days."""
    found = causal.clone_censor_weight(FROM_REMISSION, remission(), grace=120)
    weights = found.rows["trial_weight"].to_numpy()
    assert found.curves is not None
    at = found.curves.at([365, 1095, 1826])
    return {
        "coefficient": labelled(found.fit.coefficients),
        "standard error": labelled(found.fit.standard_errors),
        "weights": labelled(np.array([weights.sum(), weights.max()])),
        "survival": labelled(at["survival"].to_numpy()),
        "survival se": labelled(at["std_err"].to_numpy()),
    }


def propensity_figures(fit: Logistic) -> Answers:
    """What R's `glm` says."""
    return {
        "coefficient": labelled(fit.coefficients),
        "standard error": labelled(fit.standard_errors),
        "deviance": {"null": fit.null_deviance, "fitted": fit.deviance},
    }


def weights_figures(parts: causal.IptwCox) -> Answers:
    """Effective numbers, the weighted hazard ratio, and the balance."""
    frame = parts.parts.balance.table()
    effective = parts.parts.weights.table()["effective_n"].to_list()
    return {
        "effective": dict(zip(("treated", "untreated"), effective, strict=True)),
        **ratio_figures(parts),
        "difference before": labelled(frame["difference"].to_numpy()),
        "difference after": labelled(frame["difference_after"].to_numpy()),
    }


def ratio_figures(parts: causal.IptwCox) -> Answers:
    """The weighted log hazard ratio and its robust standard error."""
    return {
        "coefficient": {"treatment": float(parts.fit.coefficients[0])},
        "standard error": {"treatment": float(parts.fit.standard_errors[0])},
    }


def curve_figures(found: causal.IptwCurves, times: ArrayLike) -> Answers:
    """Weighted survival with its robust standard error and limits."""
    at = found.curves.at(times)
    same = {"surv": "survival", "std.err": "std_err", "lower": "lower", "upper": "upper"}
    return {theirs: labelled(at[mine].to_numpy()) for theirs, mine in same.items()}


def incidence_figures() -> Answers:
    """Weighted incidences of relapse and death of each arm."""
    found = causal.iptw_curves("Surv(years, outcome) ~ combined", hodgkin(), given=HODGKIN)
    at = found.curves.at([2, 5, 10, 20])
    figures: Answers = {}
    for arm in (0, 1):
        mine = at.filter(pl.col("group") == f"combined={arm}")
        figures[f"pstate {arm}"] = labelled(mine["incidence"].to_numpy())
        figures[f"std.err {arm}"] = labelled(mine["std_err"].to_numpy())
    return figures


def risk_figures(found: causal.Averages) -> Answers:
    """Average risks as riskRegression's `ate` orders them."""
    gap = found.difference()
    return {
        "risk": labelled(1 - found.survival),
        "risk se": labelled(found.std_err),
        "difference": labelled(-gap["difference"].to_numpy()),
        "difference se": labelled(gap["std_err"].to_numpy()),
    }


def fixed_figures(
    formula: str, fitted: pl.DataFrame, cohort: pl.DataFrame | None = None
) -> Answers:
    """Survival of a cohort as if nobody, and as if everybody, had an NPM1 mutation."""
    found = causal.standardise(
        formula,
        fitted,
        settings={"0": {"NPM1": 0}, "1": {"NPM1": 1}},
        over=cohort,
        times=[365, 1826],
        variance="fixed cohort",
    ).table()
    labels = [f"{name} {time:g}" for name, time in found.select("setting", "time").rows()]
    return {
        "survival": dict(zip(labels, found["survival"].to_list(), strict=True)),
        "survival error": dict(zip(labels, found["std_err"].to_list(), strict=True)),
    }


def another_cohort_figures() -> Answers:
    """Two trials averaged over the patients of the third, with a known effect of age."""
    table = trials().with_columns(known=pl.col("age") / 30)
    formula = "Surv(os_days, os_event) ~ NPM1 + FLT3_ITD + offset(known)"
    third = pl.col("study") == 3
    return fixed_figures(formula, table.filter(~third), table.filter(third).drop("NPM1"))


def one_stage_figures() -> Answers:
    """The stratified model of all districts."""
    found = pooling.one_stage("Surv(days, died) ~ age + sex + wbc", districts(), source="district")
    assert found.heterogeneity is not None
    return {**cox_figures(found.fit), "heterogeneity": {"all": found.heterogeneity[0]}}


@cache
def two_stage() -> pooling.TwoStage:
    """The districts one by one, then pooled."""
    formula = "Surv(days, died) ~ age + sex + wbc"
    return pooling.two_stage(formula, districts(), source="district")


def meta_figures(term: str, method: str, test: str) -> Answers:
    """What metafor's `rma` and `predict` say."""
    alone = two_stage().pooled[term]
    given = (alone.estimates, alone.std_errs, alone.labels)
    options = {"method": METHODS[method], "test": TESTS[test]}
    found = pooling.meta(*given, **options)
    wide = pooling.meta(*given, **options, prediction="higgins")
    effect = [found.estimate, found.std_err, found.lower, found.upper, found.p]
    return {
        "pooled": labelled(np.array(effect)),
        "heterogeneity": labelled(np.array([found.tau2, found.i2, found.h2, found.q])),
        "prediction": labelled(np.array(found.prediction)),
        "prediction higgins": labelled(np.array(wide.prediction)),
    }


def alike_figures(term: str, test: str) -> Answers:
    """What metafor says of sources that agree ten times better than they do."""
    alone = two_stage().pooled[term]
    mean = alone.estimates.mean()
    alike = mean + (alone.estimates - mean) / 10
    found = pooling.meta(alike, alone.std_errs, test=ALIKE[test])
    effect = [found.estimate, found.std_err, found.lower, found.upper, found.p]
    return {"pooled": labelled(np.array(effect))}


def left_out_figures(term: str) -> Answers:
    """What metafor's `leave1out` says."""
    found = two_stage().pooled[term].leave_one_out()
    return {name: labelled(found[name].to_numpy()) for name in ("estimate", "tau2")}


def rubin_figures(complete_df: float) -> Answers:
    """What mice's `pool` says."""
    formula = "Surv(os_days, died) ~ age + wbc + ecog + NPM1"
    fits = [survival.cox(formula, filled(k)) for k in range(1, IMPUTATIONS + 1)]
    found = pooling.pool_fits(fits, complete_df=complete_df)
    return {
        "estimate": labelled(found.estimates),
        "ubar": labelled(np.diag(found.within)),
        "b": labelled(np.diag(found.between)),
        "t": labelled(np.diag(found.covariance)),
        "df": labelled(found.df),
        "riv": labelled(found.increase),
        "lambda": labelled(found.proportion),
        "fmi": labelled(found.fmi),
    }


HODGKIN = "age + sex + bulk + stage"
PLATELETS = "disease + age + mismatch"


def weighted_analyses(
    table: Callable[[], pl.DataFrame],
    formula: str,
    given: str,
    times: tuple[int, ...],
) -> dict[str, Callable[[], Answers]]:
    """Everything that `weighted` of make_causal.R does with a data set."""

    def ratio(estimand: str) -> Callable[[], Answers]:
        return lambda: weights_figures(
            causal.iptw_cox(formula, table(), given=given, estimand=estimand)
        )

    treatment = formula.partition("~")[2].strip()
    return {
        "propensity": lambda: propensity_figures(
            causal.propensity(f"{treatment} ~ {given}", table()).fit
        ),
        **{
            f"weights {estimand}": ratio(estimand)
            for estimand in ("ate", "att", "atc", "overlap", "matching")
        },
        "curves": lambda: curve_figures(causal.iptw_curves(formula, table(), given=given), times),
        "truncated": lambda: ratio_figures(
            causal.iptw_cox(formula, table(), given=given, stabilised=True, truncate=(0.01, 0.99))
        ),
    }


def average_analyses(
    table: Callable[[], pl.DataFrame],
    treatment: str,
    outcome: str,
    given: str,
    censoring: str,
    times: tuple[int, ...],
    treatments_of_ties: tuple[str, ...] = ("efron",),
) -> dict[str, Callable[[], Answers]]:
    """Everything that `averages` of make_causal.R does with a data set."""
    formula = f"Surv(apart, failed) ~ {outcome}"
    return {
        **{
            f"standardised {ties}": lambda ties=ties: risk_figures(
                causal.standardise(formula, table(), treatment=treatment, times=times, ties=ties)
            )
            for ties in treatments_of_ties
        },
        "doubly robust": lambda: risk_figures(
            causal.doubly_robust(
                formula,
                table(),
                treatment=treatment,
                given=given,
                censoring=censoring,
                times=times,
            )
        ),
    }


ANALYSES: dict[str, dict[str, Callable[[], Answers]]] = {
    "remission": {
        **{
            name: lambda name=name: cox_figures(effects()[name].fit)
            for name in (
                "time-dependent from remission",
                "naive from remission",
                "time-dependent from diagnosis",
                "naive from diagnosis",
                "landmark",
                "sequential",
            )
        },
        "clones": clones,
    },
    "hodgkin": {
        **weighted_analyses(hodgkin, "Surv(years, failed) ~ combined", HODGKIN, (2, 5, 10, 20)),
        "incidences": incidence_figures,
        **average_analyses(
            hodgkin,
            "combined",
            f"combined + {HODGKIN}",
            HODGKIN,
            "combined + age",
            (2, 5, 10),
            ("efron", "breslow"),
        ),
    },
    "platelets": {
        **weighted_analyses(
            platelets, "Surv(days, failed) ~ depleted", PLATELETS, (100, 365, 1000)
        ),
        **average_analyses(
            platelets,
            "depleted",
            "depleted + age + mismatch + strata(disease)",
            PLATELETS,
            "disease",
            (100, 365, 1000),
        ),
    },
    "trials": {
        "standardised fixed cohort": lambda: fixed_figures(
            "Surv(os_days, os_event) ~ age + NPM1 + FLT3_ITD", trials()
        ),
        "standardised another cohort": another_cohort_figures,
    },
    "districts": {
        "one stage": one_stage_figures,
        **{
            f"meta {term} {method} {test}": lambda term=term, method=method, test=test: (
                meta_figures(term, method, test)
            )
            for term in ("age", "sex", "wbc")
            for method in METHODS
            for test in TESTS
        },
        **{
            f"meta {term} alike {test}": lambda term=term, test=test: alike_figures(term, test)
            for term in ("age", "sex", "wbc")
            for test in ALIKE
        },
        **{
            f"meta {term} left out": lambda term=term: left_out_figures(term)
            for term in ("age", "sex", "wbc")
        },
        **{
            f"meta {term} profile": lambda term=term: {
                "tau2": labelled(np.array(two_stage().pooled[term].tau2_interval))
            }
            for term in ("age", "sex", "wbc")
        },
    },
    "filled": {
        "rubin 50": lambda: rubin_figures(50),
        "rubin 890": lambda: rubin_figures(890),
    },
}
