"""haemony's curves, tests and competing-risks models, named as `r/make_curves.R` names R's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.comparing.gray import GrayTest, gray
from haemony.analysis.survival.comparing.logrank import logrank
from haemony.analysis.survival.comparing.maxcombo import maxcombo
from haemony.analysis.survival.comparing.pairwise import Adjustment, adjusted, pairwise_logrank
from haemony.analysis.survival.competing.cause_specific import cause_specific_cox
from haemony.analysis.survival.competing.fine_gray import FineGray, fine_gray
from haemony.analysis.survival.curves.aalen_johansen import aalen_johansen
from haemony.analysis.survival.curves.kaplan_meier import KaplanMeier, kaplan_meier
from haemony.analysis.survival.curves.nelson_aalen import HazardTies, nelson_aalen
from haemony.analysis.survival.curves.restricted_mean import restricted_loss, restricted_mean
from haemony.analysis.survival.data.arrays import Floats
from support.cohorts_curves import cohort

Answers = dict[tuple[str, str], dict[str, float]]
TIES: Mapping[int, HazardTies] = {1: "nelson-aalen", 2: "fleming-harrington"}
CORRECTIONS: Mapping[str, Adjustment] = {
    "holm": "holm",
    "BH": "benjamini-hochberg",
    "BY": "benjamini-yekutieli",
    "hochberg": "hochberg",
}


@cache
def answers(name: str) -> Answers:
    """All figures of one cohort by analysis and quantity, under the labels 1, 2, 3 and so on."""
    table = cohort(name)
    at = three_times(table["time"].to_numpy())
    found = survivals(table, at) | unasked(table, at) | restricted(table, at[2])
    if table.height < 2500:
        found |= rank_tests(table)
    if table["event"].n_unique() > 2:
        found |= gray_tests(table)
        if table.height < 1600:
            found |= incidences(table, at) | models(table, at)
    return found


def three_times(time: Floats) -> Floats:
    """The quartiles of the times, each a time that occurs."""
    return np.sort(time)[np.ceil(len(time) * np.array([0.25, 0.5, 0.75])).astype(int) - 1]


def labelled(values: ArrayLike, labels: Sequence[str] | None = None) -> dict[str, float]:
    """Values under their labels, or under 1, 2, 3 and so on in the order in which R stores them."""
    flat = np.asarray(values, dtype=np.float64).ravel(order="F")
    names = labels or [str(i + 1) for i in range(flat.size)]
    return dict(zip(names, flat.tolist(), strict=True))


def survivals(table: pl.DataFrame, at: Floats) -> Answers:
    """Kaplan–Meier and Nelson–Aalen curves with all their variances."""
    plain, late = "Surv(time, died)", "Surv(start, time, died)"
    curves: dict[str, KaplanMeier] = {
        "km robust": kaplan_meier(f"{plain} ~ arm", table, variance="robust"),
        "km weights": kaplan_meier(f"{plain} ~ arm", table, weights="weight", variance="robust"),
        "km all": kaplan_meier(f"{late} ~ arm + cluster(cluster)", table, weights="weight"),
    }
    found: Answers = {}
    for name, fit in curves.items():
        rows = known(fit.at(at))
        for quantity in ("survival", "std_err", "lower"):
            found[name, quantity] = labelled(rows[quantity])
    for ctype, ties in TIES.items():
        fits = {
            "model": nelson_aalen(
                f"{late} ~ 1", table, weights="weight", ties=ties, variance="greenwood"
            ),
            "robust": nelson_aalen(
                f"{late} ~ cluster(cluster)", table, weights="weight", ties=ties
            ),
        }
        for name, hazards in fits.items():
            rows = known(hazards.at(at))
            for quantity in ("hazard", "hazard_std_err", "survival", "std_err", "upper"):
                found[f"na {ctype} {name}", quantity] = labelled(rows[quantity])
    return found


def unasked(table: pl.DataFrame, at: Floats) -> Answers:
    """The errors that curves have by default, with weights that are no counts and that are."""
    found: Answers = {}
    for times in (1, 2):
        weighted = table.with_columns(pl.col("weight") * times)
        curves = kaplan_meier("Surv(time, died) ~ 1", weighted, weights="weight")
        hazards = nelson_aalen("Surv(time, died) ~ 1", weighted, weights="weight")
        found[f"unasked {times}", "std_err"] = labelled(curves.at(at)["std_err"])
        found[f"unasked {times}", "hazard_std_err"] = labelled(hazards.at(at)["hazard_std_err"])
    return found


def known(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose time is within the follow-up of their group, as R prints them."""
    return rows.drop_nulls("hazard" if "hazard" in rows.columns else "survival").fill_null(np.nan)


def restricted(table: pl.DataFrame, tau: float) -> Answers:
    """Restricted means and how they differ."""
    fit = restricted_mean("Surv(time, died) ~ group", table, tau=tau)
    contrasts = fit.contrasts()
    found: Answers = {
        ("rmst", "mean"): labelled(fit.mean),
        ("rmst", "std_err"): labelled(fit.std_err),
    }
    names = {"difference": "difference", "difference_p": "p"}
    names |= {"ratio_upper": "ratio_upper", "ratio_p": "ratio_p"}
    for theirs, mine in names.items():
        found["rmst", theirs] = labelled(contrasts[mine])
    return found


def rank_tests(table: pl.DataFrame) -> Answers:
    """The log-rank family."""
    formula, within = "Surv(time, died) ~ group", "Surv(time, died) ~ group + strata(stratum)"
    found: Answers = {}
    for name, text in (("", formula), (" strata", within)):
        for rho, gamma in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 2)):
            test = logrank(text, table, rho=rho, gamma=gamma)
            found["logrank", f"{rho:g} {gamma:g}{name}"] = labelled(test.statistic)
        found["logrank", f"gehan{name}"] = labelled(logrank(text, table, weight="gehan").statistic)
        found["logrank", f"tarone-ware{name}"] = labelled(
            logrank(text, table, weight="tarone-ware").statistic
        )
    plain = logrank(formula, table)
    for power in (1, 2):
        scores = [float((i + 1) ** power) for i in range(len(plain.groups))]
        found["trend", f"z {power}"] = labelled(plain.trend(scores).z)
    pairs = pairwise_logrank(formula, table)
    found["pairwise", "p"] = labelled(pairs.p)
    for theirs, mine in CORRECTIONS.items():
        found["pairwise", theirs] = labelled(adjusted(pairs.p, mine))
    for weights in (((0, 0), (0, 1), (1, 1)), ((0, 0), (0, 1), (1, 1), (1, 0))):
        largest = maxcombo("Surv(time, died) ~ arm", table, weights=weights)
        found[f"maxcombo {len(weights)}", "z"] = labelled(largest.z)
        found[f"maxcombo {len(weights)}", "p"] = labelled(largest.p)
    return found


def incidences(table: pl.DataFrame, at: Floats) -> Answers:
    """Aalen–Johansen curves with all their variances, and the time lost to each cause."""
    plain, late = "Surv(time, event)", "Surv(start, time, event)"
    curves = {
        "aj weights": aalen_johansen(f"{plain} ~ 1", table, weights="weight"),
        "aj cluster": aalen_johansen(f"{plain} ~ cluster(cluster)", table, weights="weight"),
        "aj late": aalen_johansen(f"{late} ~ 1", table, weights="weight"),
    }
    found: Answers = {}
    for name, fit in curves.items():
        rows = fit.at(at).sort("state", maintain_order=True)
        for quantity in ("incidence", "std_err", "lower"):
            found[name, quantity] = labelled(rows[quantity])
    lost = restricted_loss(f"{plain} ~ arm", table, tau=at[2], weights="weight")
    found["rmtl", "mean"] = labelled(lost.mean.T)
    found["rmtl", "std_err"] = labelled(lost.std_err.T)
    found["rmtl", "difference"] = labelled(lost.contrasts()["difference"])
    whole = restricted_loss(f"{plain} ~ 1", table, tau=at[2])
    found["rmtl plain", "mean"] = labelled(whole.mean)
    found["rmtl plain", "std_err"] = labelled(whole.std_err)
    return found


def gray_tests(table: pl.DataFrame) -> Answers:
    """Gray's tests, plain, within strata and weighted."""
    fits: dict[str, GrayTest] = {
        "gray": gray("Surv(time, event) ~ group", table),
        "gray strata": gray("Surv(time, event) ~ arm + strata(stratum)", table),
        "gray rho": gray("Surv(time, event) ~ group + strata(arm)", table, rho=1),
    }
    return {
        (name, "statistic"): labelled(fit.statistic, list(fit.states)) for name, fit in fits.items()
    }


def models(table: pl.DataFrame, at: Floats) -> Answers:
    """Fine–Gray models in both conventions, and cause-specific Cox models."""
    plain, late = "Surv(time, event) ~ x1 + x2 + x3", "Surv(start, time, event) ~ x1 + x2 + x3"
    found: Answers = {}
    for cause in ("1", "2"):
        fit = fine_gray(plain, table, cause=cause)
        found |= regression(f"crr {cause}", fit)
        predicted = fit.predict(table.head(2), at)["incidence"]
        found[f"crr {cause}", "predicted"] = labelled(predicted.to_numpy())
    found |= regression("crr grouped", fine_gray(plain, table, censoring_by="stratum"))
    by_cluster = f"{plain} + cluster(cluster)"
    fits = {
        "finegray": fine_gray(plain, table, convention="finegray"),
        "finegray weights": fine_gray(by_cluster, table, convention="finegray", weights="weight"),
        "finegray late": fine_gray(late, table, convention="finegray"),
        "finegray strata": fine_gray(
            f"{late} + strata(stratum)", table, convention="finegray", censoring_by="stratum"
        ),
    }
    texts = dict.fromkeys(fits, plain) | {"finegray late": late}
    texts["finegray strata"] = f"{late} + strata(stratum)"
    for name, fit in fits.items():
        found |= regression(name, fit)
        naive = fine_gray(
            texts[name],
            table,
            convention="finegray",
            variance="model",
            weights="weight" if name == "finegray weights" else None,
            censoring_by="stratum" if name == "finegray strata" else None,
        )
        found[name, "naive"] = labelled(naive.standard_errors)
    causes = cause_specific_cox(plain, table)
    for cause in ("1", "2"):
        found[f"cause {cause}", "coefficient"] = labelled(causes[cause].coefficients)
        found[f"cause {cause}", "standard error"] = labelled(causes[cause].standard_errors)
    for kind in ("product", "exponential"):
        predicted = causes.predict(table.head(2), at, survival_from=kind)["incidence"]
        found[f"csc {kind}", "predicted"] = labelled(predicted.to_numpy())
    return found


def regression(name: str, fit: FineGray) -> Answers:
    """The estimates of a Fine–Gray model."""
    likelihood = [fit.log_likelihood.null, fit.log_likelihood.fitted]
    return {
        (name, "coefficient"): labelled(fit.coefficients),
        (name, "standard error"): labelled(fit.standard_errors),
        (name, "log-likelihood"): labelled(likelihood),
    }
