"""Fits Cox models to the transitions of a scheme, those that share something together.

Putter H, Fiocco M, Geskus RB (2007) Tutorial in biostatistics: competing risks and multi-state
models. Statistics in Medicine 26:2389-2430. doi:10.1002/sim.2712
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import polars as pl
from scipy.stats import chi2

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import ENTERED, Histories
from haemony.analysis.multistate.models import (
    ROW,
    Clock,
    CoefficientVariance,
    Component,
    TransitionCox,
)
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.multistate.stacking import Plan, plan
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Complete, Groups, Missing, complete
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.formula import beside_covariates, read
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import (
    BadFormula,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.regression.cox import LogLikelihood, fit_cox
from haemony.analysis.survival.regression.cox_data import CoxData
from haemony.analysis.survival.regression.diagnostics import dfbeta
from haemony.analysis.survival.regression.partial_likelihood import Ties

LEFT = "Surv(row stop, row event) ~ "


def transition_cox(
    histories: Histories,
    formulas: str | Mapping[str, str],
    *,
    same_effect: Mapping[str, Sequence[str]] | None = None,
    same_baseline: Sequence[Sequence[str]] = (),
    clock: Clock = Clock.FORWARD,
    ties: Ties = "efron",
    variance: CoefficientVariance = "model",
) -> TransitionCox:
    """Fit a Cox model to every transition of a scheme (Putter, Fiocco and Geskus 2007).

    Args:
        histories: the courses with their covariates; `entered` is the time at which the current
            state was entered.
        formulas: covariates such as "age + NPM1" for all transitions, or a mapping from
            transitions ("remission -> relapse") to covariates, "*" for all others; a transition
            that is not named has none.
        same_effect: terms whose effect is the same in the transitions listed.
        same_baseline: transitions whose baseline hazards are proportional to each other.
        clock: the time that the hazards depend on.
        ties: Efron's or Breslow's treatment of tied transitions.
        variance: of the coefficients: "model" as mstate has it, "robust" as R's multi-state
            `coxph` has it whenever patients move more than once.

    Raises:
        NothingToAnalyse: no transition is seen among complete rows.
        BadScheme: a transition is named that the scheme does not allow.
        ConstantCovariate: a covariate takes one value in all patients.

    >>> from haemony.analysis.multistate import Scheme, histories_from_rows
    >>> rows = {"id": [1, 2, 3, 4], "from": ["a"] * 4, "to": ["b", None, "b", "b"],
    ...     "start": [0] * 4, "stop": [2, 3, 4, 5], "x": [3, 0, 1, 2]}
    >>> told = histories_from_rows(rows, Scheme.read("", "a -> b"), patient="id", origin="from",
    ...     target="to", start="start", stop="stop")
    >>> transition_cox(told, "x").table().select("transition", "term").row(0)
    ('a -> b', 'x')
    """
    check_choice(variance, "variance", get_args(CoefficientVariance))
    if not isinstance(clock, Clock):
        raise BadHistory("the clock is no Clock", remedy="give Clock.FORWARD or Clock.RESET")
    scheme = histories.scheme
    by_transition = _by_transition(scheme, formulas)
    whole = _complete(histories, tuple(dict.fromkeys(by_transition)))
    kept = whole.table[ROW].to_numpy()
    told = histories.chosen(np.asarray(kept, dtype=np.intp))
    events = np.bincount(told.transition[told.moved], minlength=len(scheme.transitions))
    if not events.any():
        raise NothingToAnalyse(
            "no transition is seen among the complete rows",
            remedy="leave out the variable that is missing most often",
        )
    designs, matrices = {}, {}
    for text in dict.fromkeys(by_transition):
        designs[text], matrices[text] = Design.of(read(LEFT + text), whole.table)
        single = [name for name, found in designs[text].categories.items() if len(found) < 2]
        if single:
            raise ConstantCovariate(single)
    arranged = plan(
        scheme, by_transition, designs, np.flatnonzero(events), same_effect or {}, same_baseline
    )
    parts = [
        _component(told, arranged, members, matrices, clock, ties)
        for members in arranged.components
    ]
    return _assembled(told, arranged, parts, events, whole.missing, clock, variance, designs)


def markov_test(
    histories: Histories, formulas: str | Mapping[str, str] = "1", *, ties: Ties = "efron"
) -> pl.DataFrame:
    """Does it matter when a state was entered? One test per transition out of an entered state.

    Under the Markov property the time at which the current state was entered adds nothing to a
    clock-forward model with the same covariates. One row per transition: transition, estimate,
    std_err, hazard_ratio (per unit of time), statistic and p (likelihood-ratio test).

    Args:
        histories: the courses.
        formulas: the other covariates, as `transition_cox` takes them.
        ties: the treatment of tied transitions.
    """
    scheme = histories.scheme
    base = _by_transition(scheme, formulas)
    reached = {arrow.target for arrow in scheme.transitions}
    rows = []
    for k, arrow in enumerate(scheme.transitions):
        mine = (histories.transition == k).any()
        varies = (
            np.ptp(
                histories.covariates[ENTERED].to_numpy()[
                    histories.origin == scheme.state(arrow.origin)
                ]
            )
            if mine
            else 0.0
        )
        if arrow.origin not in reached or not mine or not varies:
            continue
        alone = histories.chosen(histories.origin == scheme.state(arrow.origin))
        without = transition_cox(alone, {str(arrow): base[k]}, ties=ties)
        with_it = transition_cox(alone, {str(arrow): f"{base[k]} + {ENTERED}"}, ties=ties)
        gain = 2 * (with_it.log_likelihood.fitted - without.log_likelihood.fitted)
        row = with_it.table().filter(
            (pl.col("transition") == str(arrow)) & (pl.col("term") == ENTERED)
        )
        rows.append(
            row.select("transition", "estimate", "std_err", "hazard_ratio").with_columns(
                statistic=pl.lit(gain), p=pl.lit(float(chi2.sf(max(gain, 0.0), 1)))
            )
        )
    if not rows:
        raise NothingToAnalyse(
            "no state is entered at different times and left again",
            remedy="the Markov property needs no test here",
        )
    return pl.concat(rows)


def _by_transition(scheme: Scheme, formulas: str | Mapping[str, str]) -> list[str]:
    """The covariates of each transition.

    Raises:
        BadFormula: they are no text.
    """
    given = formulas if isinstance(formulas, Mapping) else {"*": formulas}
    for text in given.values():
        if not isinstance(text, str):
            raise BadFormula(repr(text), reason="it is no text")
    named = {scheme.transition(name): text for name, text in given.items() if name != "*"}
    others = given.get("*", "1")
    return [named.get(k, others) or "1" for k in range(len(scheme.transitions))]


def _complete(histories: Histories, texts: Sequence[str]) -> Complete:
    """The rows that have all covariates of all formulas."""
    for text in texts:
        beside = beside_covariates(read(f"{LEFT}{text}"))
        if beside:
            raise BadFormula(text, reason=f"a transition has no {beside}")
    rows = histories.covariates.with_columns(
        pl.Series(ROW, np.arange(len(histories))),
        pl.Series("row stop", histories.stop),
        pl.Series("row event", histories.moved.astype(np.int64)),
    )
    return complete(LEFT + " + ".join(texts), rows, also=[ROW])


def _component(
    told: Histories,
    arranged: Plan,
    members: tuple[int, ...],
    matrices: Mapping[str, Floats],
    clock: Clock,
    ties: Ties,
) -> Component:
    positions = arranged.positions(members)
    rows = [np.flatnonzero(told.origin == told.scheme.arrows[k, 0]) for k in members]
    blocks = [
        arranged.block(k, positions, {text: x[mine] for text, x in matrices.items()})
        for k, mine in zip(members, rows, strict=True)
    ]
    index = np.concatenate(rows)
    event = np.concatenate(
        [told.transition[mine] == k for k, mine in zip(members, rows, strict=True)]
    )
    labels = tuple(dict.fromkeys(arranged.baseline[k] for k in members))
    stratum = {k: labels.index(arranged.baseline[k]) for k in members}
    codes = np.repeat([stratum[k] for k in members], [len(mine) for mine in rows])
    begin = told.covariates[ENTERED].to_numpy()[index] if clock is Clock.RESET else 0.0
    weights = np.ones(len(index)) if told.weights is None else told.weights[index]
    data = CoxData(
        response=Surv.delayed(told.start[index] - begin, told.stop[index] - begin, event),
        x=np.concatenate(blocks),
        names=tuple(arranged.coefficients[i].name for i in positions),
        terms=tuple((arranged.coefficients[i].name, (j,)) for j, i in enumerate(positions)),
        strata=Groups(labels, codes.astype(np.intp)),
        cluster=None,
        weights=weights,
        offset=np.zeros(len(index)),
    )
    return Component(members, positions, stratum, fit_cox(data, ties=ties), told.patient[index])


def _assembled(
    told: Histories,
    arranged: Plan,
    parts: Sequence[Component],
    events: Integers,
    missing: Missing,
    clock: Clock,
    variance: CoefficientVariance,
    designs: Mapping[str, Design],
) -> TransitionCox:
    p = len(arranged.coefficients)
    beta, naive = np.zeros(p), np.zeros((p, p))
    for part in parts:
        beta[part.positions] = part.fit.coefficients
        naive[np.ix_(part.positions, part.positions)] = part.fit.naive_covariance
    covariance = _sandwich(told, parts, p) if variance == "robust" else naive
    never = [str(told.scheme.transitions[k]) for k in np.flatnonzero(events == 0)]
    notes = [note for part in parts for note in part.fit.notes]
    notes += [note for design in designs.values() for note in design.notes]
    notes += [f"{arrow} never happened: its hazard is zero" for arrow in never]
    return TransitionCox(
        scheme=told.scheme,
        clock=clock,
        names=tuple(coefficient.name for coefficient in arranged.coefficients),
        coefficients=beta,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=LogLikelihood(
            sum(part.fit.log_likelihood.null for part in parts),
            sum(part.fit.log_likelihood.fitted for part in parts),
        ),
        n=told.n,
        rows=len(told),
        events=events,
        missing=missing,
        notes=tuple(dict.fromkeys(notes)),
        variance=variance,
        until=max(float(part.fit.data.response.stop.max()) for part in parts),
        components=tuple(parts),
        _plan=arranged,
        _designs=designs,
    )


def _sandwich(told: Histories, parts: Sequence[Component], p: int) -> Floats:
    """Lin and Wei's sandwich (p, p), a patient's rows of all transitions taken together."""
    influence = np.zeros((told.n, p))
    for part in parts:
        if len(part.positions):
            rows = part.fit.data.weights[:, None] * dfbeta(part.fit)
            sums = [np.bincount(part.patient, column, told.n) for column in rows.T]
            influence[:, part.positions] = np.column_stack(sums)
    return np.asarray(influence.T @ influence)
