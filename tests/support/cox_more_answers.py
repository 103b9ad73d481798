"""haemony's figures for Cox models with extras, named as `r/make_cox_more.R` names R's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.analysis.survival.data.episodes import Episodes, merge_events, recurrent, split
from haemony.analysis.survival.regression.comparisons import compare, contrast, hazard_ratios
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.diagnostics import (
    dfbeta,
    dfbetas,
    martingale,
    per_cluster,
    proportional_hazards,
)
from haemony.analysis.survival.regression.elastic_net import elastic_net
from haemony.analysis.survival.regression.profile import profile_intervals
from support.cohorts_cox_more import COHORTS

Answers = dict[str, dict[str, float]]
LEUKSURV = "Surv(time, event) ~ age + sex + wbc + tpi"
PRODUCTS = ("s", "w", "t", "e", "n")
SQUARES = ("a", "w", "t", "e", "n")


@cache
def patients(dataset: str) -> pl.DataFrame:
    """One cohort, read once."""
    return COHORTS[dataset]()


@cache
def answers(dataset: str, analysis: str) -> Answers:
    """The figures for one analysis."""
    return ANALYSES[dataset][analysis](patients(dataset))


def numbered(values: NDArray[np.float64]) -> dict[str, float]:
    """Values under 1, 2, 3 and so on."""
    return {str(i + 1): float(v) for i, v in enumerate(np.asarray(values).ravel())}


def of_fit(fit: CoxFit) -> Answers:
    """What R's `coxph` says."""
    figures: Answers = {
        "coefficient": numbered(fit.coefficients),
        "standard error": numbered(fit.standard_errors),
        "log-likelihood": {"null": fit.log_likelihood.null, "fitted": fit.log_likelihood.fitted},
        "score test": {"all": fit.score_test.statistic},
        "df": {"all": fit.df},
        "penalty": {"all": fit.penalty},
    }
    if fit.frailty:
        figures["df"]["frailty"] = fit.frailty.df
        figures["variance"] = {"all": fit.frailty.theta}
        if fit.frailty.marginal_log_likelihood is not None:
            figures["marginal log-likelihood"] = {"all": fit.frailty.marginal_log_likelihood}
    return figures


def of_exact(formula: str, table: pl.DataFrame) -> Answers:
    """The same with exact ties, and the residuals that R has for them."""
    fit = cox(formula, table, ties="exact")
    return of_fit(fit) | {"martingale": numbered(martingale(fit)[:10])}


def of_profile(table: pl.DataFrame) -> Answers:
    """Profile-likelihood limits."""
    found = profile_intervals(cox("Surv(time, status) ~ bun + hgb", table))
    return {
        row["term"]: {"lower": row["lower"], "upper": row["upper"]}
        for row in found.iter_rows(named=True)
    }


def of_contrast(table: pl.DataFrame) -> Answers:
    """One coefficient less twice another."""
    fit = cox("Surv(time, status) ~ bun + hgb", table)
    found = contrast(fit, {"both": {"bun": 1, "hgb": -2}})
    return {
        "estimate": {"all": found["estimate"][0]},
        "standard error": {"all": found["std_err"][0]},
    }


def of_firth(table: pl.DataFrame, ties: str) -> Answers:
    """Firth's estimates."""
    found = of_fit(
        cox(
            "Surv(time, status) ~ bun + hgb",
            table,
            bias="reduced",
            ties="efron" if ties == "efron" else "breslow",
        )
    )
    return {
        "firth coefficient": found["coefficient"],
        "firth log-likelihood": found["log-likelihood"],
    }


def of_comparison(table: pl.DataFrame) -> Answers:
    """The likelihood-ratio test of a spline and sex."""
    response = "Surv(futime, death) ~ age"
    models = [cox(response, table), cox(f"{response} + male + ns(hgb, df=4)", table)]
    test = compare(*models).tests[0]
    return {"statistic": {"all": test.statistic}, "p": {"all": test.p}}


def of_robust(table: pl.DataFrame) -> Answers:
    """Standard errors without a cluster that do not trust the model."""
    fit = cox(LEUKSURV, table, robust=True)
    return of_fit(fit) | {
        "robust score test": {"all": fit.robust_score_test.statistic},
        "dfbetas": numbered(dfbetas(fit)[:5]),
    }


def of_cluster(table: pl.DataFrame) -> Answers:
    """Standard errors by district."""
    fit = cox(f"{LEUKSURV} + cluster(district)", table)
    return of_fit(fit) | {
        "robust score test": {"all": fit.robust_score_test.statistic},
        "collapsed": numbered(per_cluster(fit, dfbeta(fit))[:5]),
    }


def of_spline(term: str, table: pl.DataFrame) -> Answers:
    """An effect of age that bends, and its hazard ratio of 70 against 50 years."""
    fit = cox(f"Surv(time, event) ~ {term} + sex", table)
    old, middle = ({"age": [years], "sex": [0]} for years in (70.0, 50.0))
    return of_fit(fit) | {
        "zph km": numbered(proportional_hazards(fit).table()["statistic"].to_numpy()),
        "hazard ratio": {"70 against 50": hazard_ratios(fit, old, middle)["estimate"][0]},
    }


def with_rows(made: Episodes, covariates: str) -> tuple[CoxFit, Answers]:
    """A fit to intervals, and how many there are."""
    fit = cox(f"{made.response} ~ {covariates}", made.table)
    return fit, of_fit(fit) | {"rows": {"all": made.table.height}}


def of_bmt(table: pl.DataFrame) -> Answers:
    """Graft-versus-host disease and platelets as they come."""
    changes = {"gvhd": "gvhd_day", "platelet": "platelet_day"}
    made = merge_events(table, "Surv(days, failed)", changes)
    fit, figures = with_rows(made, "age + fab + gvhd + platelet + strata(group) + cluster(id)")
    return figures | {"collapsed martingale": numbered(per_cluster(fit, martingale(fit))[:10])}


def of_ebmt3(table: pl.DataFrame) -> Answers:
    """Platelets as they come back."""
    made = merge_events(table, "Surv(days, failed)", {"platelet": "platelet_day"})
    return with_rows(made, "young + old + cml + depleted + platelet")[1]


def of_split(table: pl.DataFrame) -> Answers:
    """An effect of age that differs early."""
    made = split(table, "Surv(days, failed)", at=[100, 365])
    early = made.table.with_columns(early=pl.col("old") * (pl.col("episode") == 1))
    again = Episodes(early, made.start, made.stop, made.event)
    return with_rows(again, "old + early + cml")[1]


def steps(table: pl.DataFrame) -> Episodes:
    """Transplant, remission and relapse as events that recur."""
    long = pl.concat(
        table.select("id", "futime", time=pl.col(name)) for name in ("txtime", "crtime", "rltime")
    )
    events = long.drop_nulls().filter(pl.col("time") < pl.col("futime")).unique(["id", "time"])
    return recurrent(table, "Surv(futime, death)", events, patient="id")


def of_recurrent(kind: str, table: pl.DataFrame) -> Answers:
    """Andersen and Gill's model, and both of Prentice, Williams and Peterson."""
    made = steps(table)
    if kind == "all":
        return with_rows(made, "arm + male + cluster(id)")[1]
    first = made.table.filter(pl.col("episode") <= 3)
    response = made.response if kind == "total" else "Surv(gap, event)"
    return of_fit(cox(f"{response} ~ arm + male + strata(episode) + cluster(id)", first))


def of_months(table: pl.DataFrame) -> Answers:
    """Exact ties of months in three trials."""
    months = table.with_columns(months=(pl.col("os_days") / 30).ceil())
    return of_exact("Surv(months, os_event) ~ age + NPM1 * FLT3_ITD + strata(study)", months)


def of_net(mix: float, table: pl.DataFrame) -> Answers:
    """A path of elastic nets with cross-validation."""
    scaled = table.select(
        time=pl.col("time") + 0.5 * (1 - pl.col("event")),
        event="event",
        a=(pl.col("age") - 60) / 15,
        s="sex",
        w=pl.col("wbc").log1p() - 2,
        t=pl.col("tpi") / 4,
        e=pl.col("east") - 0.5,
        n=pl.col("north") - 0.5,
    ).with_columns(
        *(pl.col(name).pow(2).alias(f"{name}{name}") for name in SQUARES),
        *((pl.col("a") * pl.col(name)).alias(f"a{name}") for name in PRODUCTS),
    )
    terms = ["a", "s", "w", "t", "e", "n", *(name * 2 for name in SQUARES)]
    terms += [f"a{name}" for name in PRODUCTS]
    path = elastic_net(
        f"Surv(time, event) ~ {' + '.join(terms)}",
        scaled,
        mix=mix,
        steps=20,
        smallest=0.01,
        folds=np.arange(scaled.height) % 5,
    )
    assert path.validation is not None
    tested, shown = path.validation, [0, 4, 9]
    return {
        "penalty size": numbered(path.penalties[shown]),
        "net coefficient": numbered(path.coefficients[[4, 9]]),
        "deviance": numbered(tested.deviance[shown]),
        "deviance error": numbered(tested.std_err[shown]),
        "chosen": {"best": tested.best + 1, "simple": tested.simple + 1},
    }


ANALYSES: Mapping[str, Mapping[str, Callable[[pl.DataFrame], Answers]]] = {
    "krall": {
        "exact": lambda t: of_exact("Surv(time, status) ~ bun + hgb", t),
        "profile": of_profile,
        "contrast": of_contrast,
        "firth efron": lambda t: of_firth(t, "efron"),
        "firth breslow": lambda t: of_firth(t, "breslow"),
    },
    "gehan": {
        "exact": lambda t: of_exact("Surv(time, cens) ~ treated", t),
        "gaussian": lambda t: of_fit(
            cox("Surv(time, cens) ~ treated + frailty(pair, distribution='gaussian', theta=0.5)", t)
        ),
    },
    "mgus2": {
        "exact": lambda t: of_exact("Surv(futime, death) ~ age + male", t),
        "spline": lambda t: of_fit(cox("Surv(futime, death) ~ age + male + ns(hgb, df=4)", t)),
        "compare": of_comparison,
    },
    "leuksurv": {
        "gamma": lambda t: of_fit(cox(f"{LEUKSURV} + frailty(district)", t)),
        "gaussian": lambda t: of_fit(
            cox(f"{LEUKSURV} + frailty(district, distribution='gaussian')", t)
        ),
        "gamma fixed": lambda t: of_fit(cox(f"{LEUKSURV} + frailty(district, theta=0.3)", t)),
        "ridge": lambda t: of_fit(
            cox("Surv(time, event) ~ sex + ridge(age, wbc, tpi, theta=10)", t)
        ),
        "ridge unscaled": lambda t: of_fit(
            cox("Surv(time, event) ~ ridge(age, wbc, tpi, theta=2, scale=False)", t)
        ),
        "robust": of_robust,
        "cluster": of_cluster,
        "ns": lambda t: of_spline("ns(age, df=4)", t),
        "rcs": lambda t: of_spline("rcs(age, 4)", t),
        "elastic net 1": lambda t: of_net(1.0, t),
        "elastic net 0.5": lambda t: of_net(0.5, t),
    },
    "bmt": {"changing": of_bmt},
    "ebmt3": {"changing": of_ebmt3, "split": of_split},
    "myeloid": {
        "recurrent": lambda t: of_recurrent("all", t),
        "recurrent total": lambda t: of_recurrent("total", t),
        "recurrent gap": lambda t: of_recurrent("gap", t),
    },
    "trials": {"exact": of_months},
}
