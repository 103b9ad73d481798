"""haemony's multi-state figures, named as `r/make_multistate.R` names R's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl

from haemony.analysis import multistate as ms
from support.cohorts_multistate import COHORTS

Figures = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True)
class Setting:
    """What is asked of one cohort, as in the R script."""

    times: tuple[float, ...]
    group: str | None
    state: str
    since: float
    tau: float | None
    covariates: str
    person: Mapping[str, float]


SETTINGS: Mapping[str, Setting] = {
    "amlsg": Setting(
        (91, 365, 1095, 1826, 3650),
        "study",
        "remission",
        365.25,
        None,
        "age + NPM1",
        {"age": 6.1, "NPM1": 1},
    ),
    "ebmt3": Setting(
        (30, 100, 365, 1000, 2000),
        "over40",
        "transplant",
        60.25,
        1826,
        "over40 + depleted",
        {"over40": 1, "depleted": 0},
    ),
    "mgus2": Setting(
        (12, 60, 120, 240), "male", "malignancy", 100.25, 240, "age + male", {"age": 7, "male": 1}
    ),
    "mgus2_age": Setting((60, 70, 80, 90), None, "mgus", 75.01, None, "male", {"male": 1}),
    "myeloid": Setting(
        (60, 180, 365, 1000),
        "armB",
        "transplant",
        200.25,
        1200,
        "armB + male",
        {"armB": 1, "male": 0},
    ),
    "bmt": Setting(
        (20, 50, 200, 700), None, "platelets", 60.25, 1000, "age + mtx", {"age": 3, "mtx": 0}
    ),
}
LIMITS = {"pstate": "probability", "std.err": "std_err", "lower": "lower", "upper": "upper"}


@cache
def told(cohort: str) -> ms.Histories:
    """The courses, read once."""
    return COHORTS[cohort]()


@cache
def figures(cohort: str) -> Figures:
    """Every figure that R was asked for, and more."""
    h, ask = told(cohort), SETTINGS[cohort]
    later = [time for time in ask.times if time > ask.since]
    found: Figures = {}
    everyone = ms.occupation(h)
    found |= _curves("all", everyone.at(ask.times), LIMITS)
    found["all", "n.risk"] = _at_risk(everyone.curves[0], ask.times)
    found |= _curves("log-log", ms.occupation(h, conf_type="log-log").at(ask.times), LIMITS)
    if ask.group:
        found |= _curves("groups", ms.occupation(h, by=ask.group).at(ask.times), LIMITS)
    weighted = replace(h, weights=1 + h.patient % 3 / 2)
    found |= _curves("weights", ms.occupation(weighted).at(ask.times), LIMITS)
    found |= _curves("since", ms.occupation(h, since=ask.since).at(later), LIMITS)
    own = ms.occupation(h, since=ask.since, shares="estimated").at(later)
    found |= _curves("estimated shares", own, LIMITS)
    one = ms.occupation(h, since=ask.since, start=ask.state).at(later)
    found |= _curves("from state", one, LIMITS)
    landed = ms.occupation(h.landmark(ask.state, ask.since)).at(later)
    found |= _curves("landmark", landed, LIMITS)
    if ask.tau:
        stay = everyone.stay(ask.tau)
        for theirs, mine in {"rmean": "mean", "se(rmean)": "std_err"}.items():
            found["stay", theirs] = dict(stay.select("state", mine).rows())
    return found | _models(h, ask)


def _models(h: ms.Histories, ask: Setting) -> Figures:
    found: Figures = {}
    full = ms.transition_cox(h, ask.covariates)
    found["cox", "coefficient"] = _by_term(full, full.coefficients)
    found["cox", "naive se"] = _by_term(full, full.standard_errors)
    robust = ms.transition_cox(h, ask.covariates, variance="robust")
    found["cox", "robust se"] = _by_term(robust, robust.standard_errors)
    found["cox", "log-likelihood"] = _likelihood(full)
    flat = ms.transition_cox(h, ask.covariates, ties="breslow")
    found["cox breslow", "coefficient"] = _by_term(flat, flat.coefficients)
    predicted = flat.predict(ask.person).at(ask.times, h.scheme.states[0])
    found["cox breslow", "predicted"] = _labelled(predicted, "probability")
    reset = ms.transition_cox(h, ask.covariates, clock=ms.Clock.RESET)
    found["clock reset", "coefficient"] = _by_term(reset, reset.coefficients)
    found["clock reset", "naive se"] = _by_term(reset, reset.standard_errors)
    test = ms.markov_test(h, ask.covariates).filter(pl.col("transition") != "none")
    found["markov", "coefficient"] = dict(test.select("transition", "estimate").rows())
    found["markov", "statistic"] = dict(test.select("transition", "statistic").rows())
    return found


def shared_model() -> Figures:
    """Platelet recovery: one effect of age and proportional baselines for relapse or death."""
    ends = [
        "transplant -> relapse or death",
        "platelet recovery -> relapse or death",
    ]
    names = ("recovery", "common", "baseline")
    found: Figures = {}
    for variance in ("model", "robust"):
        fit = ms.transition_cox(
            told("ebmt3"),
            "over40",
            same_effect={"over40": ends},
            same_baseline=[ends],
            variance=variance,
        )
        quantity = {"model": "naive se", "robust": "robust se"}[variance]
        found["cox shared", quantity] = dict(zip(names, fit.standard_errors, strict=True))
        found["cox shared", "coefficient"] = dict(zip(names, fit.coefficients, strict=True))
        found["cox shared", "log-likelihood"] = _likelihood(fit)
    return found


def _likelihood(fit: ms.TransitionCox) -> dict[str, float]:
    return {"null": fit.log_likelihood.null, "fitted": fit.log_likelihood.fitted}


def _by_term(fit: ms.TransitionCox, values: Iterable[float]) -> dict[str, float]:
    labels = fit.table().select(pl.format("{} @ {}", "transition", "term")).to_series()
    return dict(zip(labels, values, strict=True))


def _at_risk(curve: ms.Occupation, times: Iterable[float]) -> dict[str, float]:
    """Numbers at risk at the first of the curve's times that is not before each."""
    found = {}
    for time in times:
        place = np.searchsorted(curve.times, time, side="left")
        for state, number in zip(curve.states, curve.n_risk[place], strict=True):
            found[f"{time:.10g} @ {state}"] = float(number)
    return found


def _curves(analysis: str, frame: pl.DataFrame, columns: Mapping[str, str]) -> Figures:
    return {(analysis, theirs): _labelled(frame, mine) for theirs, mine in columns.items()}


def _labelled(frame: pl.DataFrame, column: str) -> dict[str, float]:
    group = frame["group"] if "group" in frame.columns else pl.Series(["all"] * frame.height)
    return {
        " @ ".join([*([] if g == "all" else [g]), f"{time:.10g}", state]): value
        for g, time, state, value in zip(
            group,
            frame["time"],
            frame["state"],
            frame[column].cast(pl.Float64).fill_null(np.nan),
            strict=True,
        )
    }
