"""haemony's survival figures, named as `r/make_reference.R` names R's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.analysis import survival
from support.survival_cohorts import amlsg, synthetic

Answers = dict[str, dict[str, float]]
AMLSG_DAYS = (90, 180, 365, 730, 1095, 1461, 1826, 2557)


@cache
def cohort_table(cohort: str) -> pl.DataFrame:
    """The patients, read once."""
    return {"synthetic": synthetic, "amlsg": amlsg}[cohort]()


@cache
def answers(cohort: str, analysis: str) -> Answers:
    """The figures for one analysis."""
    return ANALYSES[cohort][analysis](cohort_table(cohort))


def labelled(values: NDArray[np.float64], labels: list[str] | None = None) -> dict[str, float]:
    """Values under their labels, or under 1, 2, 3 and so on."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    names = labels or [str(i + 1) for i in range(flat.size)]
    return dict(zip(names, flat.tolist(), strict=True))


def frame_figures(frame: pl.DataFrame, columns: Mapping[str, str]) -> Answers:
    """Columns of a tidy frame, labelled by group, time and state."""
    parts = ["group", "time", *(["state"] if "state" in frame.columns else [])]
    labels = [
        " @ ".join(f"{part:.10g}" if isinstance(part, float) else part for part in row)
        for row in frame.select(parts).rows()
    ]
    return {
        theirs: labelled(frame[mine].cast(pl.Float64).fill_null(np.nan).to_numpy(), labels)
        for mine, theirs in columns.items()
    }


def curve_figures(fit: survival.KaplanMeier, times: tuple[int, ...] = ()) -> Answers:
    """What R's `summary.survfit` and `quantile` say."""
    same = {"n_risk": "n.risk", "survival": "surv", "std_err": "std.err"}
    same |= {"lower": "lower", "upper": "upper"}
    if times:
        figures = frame_figures(fit.at(times), same)
    else:
        more = {"n_event": "n.event", "n_censored": "n.censor"}
        figures = frame_figures(fit.table(), same | more)
    median = fit.median.with_columns(pl.col("median", "lower", "upper").fill_null(np.nan))
    groups = median["group"].to_list()
    names = {"median": "median", "lower": "median lower", "upper": "median upper"}
    for mine, theirs in names.items():
        figures[theirs] = labelled(median[mine].to_numpy(), groups)
    return figures


def with_mean(fit: survival.KaplanMeier, tau: float, times: tuple[int, ...] = ()) -> Answers:
    """The same with the restricted mean."""
    mean = fit.restricted_mean(tau)
    groups = mean["group"].to_list()
    return curve_figures(fit, times) | {
        "restricted mean": labelled(mean["restricted_mean"].to_numpy(), groups),
        "restricted mean se": labelled(mean["std_err"].to_numpy(), groups),
    }


def logrank_figures(test: survival.LogRank) -> Answers:
    """What R's `survdiff` says."""
    return {
        "statistic": {"all": test.statistic},
        "observed": labelled(test.observed),
        "expected": labelled(test.expected),
    }


def cox_figures(fit: survival.CoxFit) -> Answers:
    """What R's `coxph`, `cox.zph` and `residuals` say."""
    figures: Answers = {
        "coefficient": labelled(fit.coefficients),
        "standard error": labelled(fit.standard_errors),
        "log-likelihood": {"null": fit.log_likelihood.null, "fitted": fit.log_likelihood.fitted},
        "score test": {"all": fit.score_test.statistic},
        "wald test": {"all": fit.wald_test.statistic},
        "concordance": {"all": fit.concordance.value},
        "concordance se": {"all": fit.concordance.std_err},
    }
    transforms: tuple[survival.Transform, ...] = ("km", "rank", "identity", "log")
    for transform in transforms:
        table = survival.proportional_hazards(fit, transform).table()
        figures[f"zph {transform}"] = labelled(table["statistic"].to_numpy())
    residuals = survival.schoenfeld(fit)
    return figures | {
        "martingale": labelled(survival.martingale(fit)),
        "deviance": labelled(survival.deviance(fit)),
        "score": labelled(survival.score_residuals(fit)),
        "dfbeta": labelled(survival.dfbeta(fit)),
        "schoenfeld": labelled(residuals.residuals),
        "scaledsch": labelled(residuals.scaled),
    }


def predicted_figures(fit: survival.CoxFit, table: pl.DataFrame) -> Answers:
    """The same with R's `basehaz` and `survfit` for three new patients."""
    hazard = fit.baseline_hazard("zero").rename({"stratum": "group"})
    figures = frame_figures(hazard, {"hazard": "baseline"})
    figures["baseline"] = {
        label.removeprefix("site="): value for label, value in figures["baseline"].items()
    }
    predicted = fit.predict(table.head(3), [2, 9, 17])
    for i in range(3):
        mine = predicted.filter(pl.col("row") == i)
        for column, name in (("survival", ""), ("lower", " lower"), ("upper", " upper")):
            figures[f"predicted{name} {i + 1}"] = labelled(mine[column].to_numpy())
    return cox_figures(fit) | figures


def concordance_figures(found: survival.Concordance) -> Answers:
    """What R's `concordance` says."""
    return {"concordance": {"all": found.value}, "concordance se": {"all": found.std_err}}


def incidence_figures(fit: survival.AalenJohansen, times: tuple[int, ...] = ()) -> Answers:
    """What R's multi-state `survfit` says."""
    same = {"incidence": "pstate", "std_err": "std.err", "lower": "lower", "upper": "upper"}
    return frame_figures(fit.at(times) if times else fit.table(), same)


def synthetic_analyses() -> dict[str, Callable[[pl.DataFrame], Answers]]:
    """Each analysis of the made-up cohort, named as in `make_reference.R`."""
    km, cox, c = survival.kaplan_meier, survival.cox, survival.concordance
    logrank, incidence = survival.logrank, survival.aalen_johansen
    by_gene, by_risk = "Surv(stop, event) ~ gene", "Surv(stop, event) ~ eln"
    by_score, all_three = "Surv(stop, event) ~ score", "Surv(stop, event) ~ age + gene + eln"
    delayed = "Surv(start, stop, event) ~ age + gene"
    known = pl.col("wbc") / 16
    return {
        "km log": lambda t: with_mean(km(by_gene, t), 20),
        "km log-log": lambda t: curve_figures(km(by_gene, t, conf_type="log-log")),
        "km plain": lambda t: curve_figures(km(by_gene, t, conf_type="plain")),
        "km arcsin": lambda t: curve_figures(km(by_gene, t, conf_type="arcsin")),
        "km logit": lambda t: curve_figures(km(by_gene, t, conf_type="logit")),
        "km delayed": lambda t: curve_figures(km("Surv(start, stop, event) ~ gene", t)),
        "km years": lambda t: curve_figures(km("Surv(years, event) ~ 1", t)),
        "km weights": lambda t: curve_figures(
            km(by_gene, t, weights="weight", variance="greenwood")
        ),
        "follow-up": lambda t: curve_figures(survival.follow_up(by_gene, t)),
        "logrank": lambda t: logrank_figures(logrank(by_risk, t)),
        "logrank peto": lambda t: logrank_figures(logrank(by_risk, t, rho=1)),
        "logrank strata": lambda t: logrank_figures(logrank(f"{by_risk} + strata(site)", t)),
        "cox efron": lambda t: predicted_figures(cox(all_three, t), t),
        "cox breslow": lambda t: predicted_figures(cox(all_three, t, ties="breslow"), t),
        "cox strata": lambda t: cox_figures(cox(f"{all_three} + strata(site)", t)),
        "cox weights": lambda t: predicted_figures(
            cox(all_three, t, weights="weight", robust=False), t
        ),
        "cox delayed": lambda t: predicted_figures(cox(f"{delayed} + eln + strata(site)", t), t),
        "cox delayed breslow": lambda t: cox_figures(cox(delayed, t, ties="breslow")),
        "cox offset": lambda t: cox_figures(
            cox("Surv(stop, event) ~ age + gene + offset(known)", t.with_columns(known=known))
        ),
        "cox interaction": lambda t: cox_figures(
            cox("Surv(years, event) ~ age * gene + log(wbc)", t)
        ),
        "cox cluster": lambda t: cox_figures(cox(f"{all_three} + cluster(patient)", t)),
        "cox cluster all": lambda t: cox_figures(
            cox(f"{delayed} + strata(site) + cluster(patient)", t, weights="weight")
        ),
        "concordance": lambda t: concordance_figures(c(by_score, t)),
        "concordance shorter": lambda t: concordance_figures(c(by_score, t, higher="shorter")),
        "concordance weights": lambda t: concordance_figures(c(by_score, t, weights="weight")),
        "concordance strata": lambda t: concordance_figures(c(f"{by_score} + strata(site)", t)),
        "concordance delayed": lambda t: concordance_figures(
            c("Surv(start, stop, event) ~ score", t)
        ),
        "incidence": lambda t: incidence_figures(incidence("Surv(stop, outcome) ~ gene", t)),
        "incidence years": lambda t: incidence_figures(incidence("Surv(years, outcome) ~ 1", t)),
    }


def amlsg_analyses() -> dict[str, Callable[[pl.DataFrame], Answers]]:
    """Each analysis of the AMLSG trials, named as in `make_reference.R`."""
    km, cox, logrank = survival.kaplan_meier, survival.cox, survival.logrank
    os, efs = "Surv(os_days, os_event)", "Surv(efs_days, efs_cause)"
    clinical = f"{os} ~ age + NPM1 + FLT3_ITD + log1p(wbc)"
    days = AMLSG_DAYS
    return {
        "km": lambda t: curve_figures(km(f"{os} ~ 1", t), days),
        "km log-log": lambda t: curve_figures(km(f"{os} ~ 1", t, conf_type="log-log"), days),
        "km study": lambda t: with_mean(km(f"{os} ~ study", t), 1826, days),
        "km class": lambda t: curve_figures(km(f"{os} ~ class", t), days[:3]),
        "follow-up study": lambda t: curve_figures(survival.follow_up(f"{os} ~ study", t), days),
        "logrank class": lambda t: logrank_figures(logrank(f"{os} ~ class", t)),
        "logrank class within study": lambda t: logrank_figures(
            logrank(f"{os} ~ class + strata(study)", t)
        ),
        "cox": lambda t: cox_figures(cox(clinical, t)),
        "cox breslow": lambda t: cox_figures(cox(clinical, t, ties="breslow")),
        "cox study": lambda t: cox_figures(
            cox(f"{os} ~ age + NPM1 * FLT3_ITD + log1p(wbc) + strata(study)", t)
        ),
        "cox class": lambda t: cox_figures(cox(f"{os} ~ age + class + strata(study)", t)),
        "incidence efs": lambda t: incidence_figures(
            survival.aalen_johansen(f"{efs} ~ 1", t), days
        ),
    }


ANALYSES = {"synthetic": synthetic_analyses(), "amlsg": amlsg_analyses()}
