"""The parts of `results.json` beyond curves and models, small counts protected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

import numpy as np

from haemony.analysis import survival
from haemony.analysis.answers.headlines import RATIO
from haemony.analysis.cells import HIDDEN, hides, shown, shown_row
from haemony.analysis.cohorts import Criterion
from haemony.analysis.evidence import (
    Caution,
    Compared,
    CompetingFound,
    ComutationFound,
    Effect,
    Evidence,
    LandmarkFound,
    MeansFound,
    Predicted,
    PredictionFound,
    Regression,
    SensitivityFound,
    StatesFound,
    SubgroupsFound,
    TimeDependentFound,
    WeightedFound,
    WeightedPair,
)
from haemony.analysis.freezing import Deviation, Frozen, Runs
from haemony.analysis.multistate import Occupation
from haemony.analysis.report.values import (
    NOTHING,
    Document,
    Words,
    at_risk,
    chi_squared,
    cohort_of,
    curve_groups,
    estimate,
    labels_of,
    logrank_of,
    missing_of,
    number,
    ways,
)


def further(evidence: Evidence) -> Document:
    """Every part beyond curves and models, by its name in the document."""
    words, least = words_of(evidence), evidence.protocol.minimum_cell
    unit = evidence.protocol.time_unit.days
    return {
        "populations": [
            {
                "name": found.population.name,
                "criteria": [_criterion(c, words) for c in found.population.criteria],
                **cohort_of(found.cohort, least),
            }
            for found in evidence.populations
        ],
        "means": [means_of(found, words, least) for found in evidence.means],
        "competing_risks": [
            competing_of(found, words, i, least, unit)
            for i, found in enumerate(evidence.competing, 1)
        ],
        "landmarks": [
            landmark_of(found, words, i, least, unit)
            for i, found in enumerate(evidence.landmarks, 1)
        ],
        "time_dependent": [
            time_dependent_of(found, words, i, least)
            for i, found in enumerate(evidence.time_dependent, 1)
        ],
        "subgroups": [
            subgroups_of(found, words, i, least) for i, found in enumerate(evidence.subgroups, 1)
        ],
        "states": [states_of(found, i, least, unit) for i, found in enumerate(evidence.states, 1)],
        "comutation": [comutation_of(found, words, least) for found in evidence.comutations],
        "prediction": [prediction_of(found, words, least) for found in evidence.predictions],
        "weighted": [weighted_of(found, words, least, unit) for found in evidence.weighted],
        "sensitivity": [sensitivity_of(s, words, least) for s in evidence.sensitivities],
        "cautions": [caution_of(caution) for caution in evidence.cautions],
        "frozen": None if evidence.frozen is None else frozen_of(evidence.frozen, evidence.earlier),
        "deviations": [deviation_of(one) for one in evidence.deviations],
    }


def words_of(evidence: Evidence) -> Words:
    """What the columns of a study are called."""
    every = (found.clock.endpoint for found in evidence.endpoints)
    return Words(evidence.catalogue, {end.name: end.label for end in every})


def _criterion(criterion: Criterion, words: Words) -> Document:
    name = criterion.element
    return {
        "label": criterion.label,
        "element": name,
        "condition": criterion.condition.words,
        "element_label": words.label(name),
    }


def effect_of(effect: Effect, least: int) -> Document:
    """An estimate with its limits; nothing of it where it rests on too few patients."""
    few = effect.n < least
    return {
        "label": effect.label,
        "n": shown(effect.n, least),
        "events": HIDDEN if few else shown(effect.events, least),
        **{
            key: None if few or value is None else number(value)
            for key, value in (
                ("value", effect.value),
                ("lower", effect.lower),
                ("upper", effect.upper),
                ("p", effect.p),
            )
        },
        "note": effect.note,
    }


def effects_of(effects: Sequence[Effect], least: int) -> list[Document]:
    """Estimates of groups that add up to a total that is shown."""
    sizes = shown_row([effect.n for effect in effects], least)
    events = shown_row([effect.events for effect in effects], least)
    found = [effect_of(effect, least) for effect in effects]
    return [
        one
        | {"n": n}
        | ({"events": died} if isinstance(n, int) else {"events": HIDDEN, **NOTHING, "p": None})
        for one, n, died in zip(found, sizes, events, strict=True)
    ]


def regression_of(found: Regression, words: Words, least: int) -> Document:
    """A model beside another analysis."""
    return {
        "method": found.method,
        "effects": [effect_of(effect, least) for effect in found.effects],
        "notes": [words.note(note) for note in found.notes],
        "missing": missing_of(found.missing, words),
    }


def means_of(found: MeansFound, words: Words, least: int) -> Document:
    """Restricted means."""
    means = effects_of(found.means, least)
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "horizon": found.block.horizon,
        "missing": missing_of(found.missing, words),
        "means": means,
        "differences": [
            effect_of(effect, least)
            | ({} if enough else {**NOTHING, "p": None, "note": _FEW})
            | {key: HIDDEN for key, there in counted.items() if not there}
            for effect, enough, counted in zip(
                found.differences, _enough(found, least), _counted(means), strict=True
            )
        ],
    }


def _counted(means: Sequence[Document]) -> Iterator[dict[str, bool]]:
    """Whether a difference may say how many it rests on: both its groups do."""
    first, *others = means
    for other in others:
        yield {key: isinstance(first[key], int) and isinstance(other[key], int) for key in _COUNTS}


_COUNTS = ("n", "events")


_FEW = "too few to show"


def _enough(found: MeansFound, least: int) -> list[bool]:
    """Whether both groups of each difference, the first and another, are large enough to show."""
    first, *others = (effect.n >= least for effect in found.means)
    return [first and other for other in others]


def competing_of(
    found: CompetingFound, words: Words, position: int, least: int, unit: float
) -> Document:
    """Cumulative incidences."""
    sizes = shown_row([curve.n for curve in found.curves], least)
    kinds = (found.clock.endpoint, *found.clock.others)
    events = [
        shown_row([int(curve.n_event[:, j].sum()) for curve in found.curves], least)
        for j in range(len(kinds))
    ]
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "by": list(found.block.by),
        "strata": labels_of(found.block.strata, words),
        "states": [kind.label for kind in kinds],
        "n": shown(sum(curve.n for curve in found.curves), least),
        "missing": missing_of(found.missing, words),
        "groups": [
            {
                "label": curve.group,
                "n": n,
                "events": [died[i] if isinstance(n, int) else HIDDEN for died in events],
                "at": [_incidence(curve, t, t * unit, least) for t in found.block.at]
                if isinstance(n, int)
                else [],
            }
            for i, (curve, n) in enumerate(zip(found.curves, sizes, strict=True))
        ],
        "tests": [
            {
                "event": test.event,
                "statistic": number(test.statistic),
                "df": test.df,
                "p": number(test.p),
            }
            for test in found.tests
        ],
        "models": [regression_of(model, words, least) for model in found.models],
        "figure": f"figures/competing-risks-{position}.svg",
    }


def _incidence(curve: survival.Incidence, time: float, days: float, least: int) -> Document:
    position = int(np.searchsorted(curve.times, days, side="right")) - 1
    known = days <= curve.times[-1] or curve.survival[-1] == 0
    lines = {"value": curve.incidence, "lower": curve.lower, "upper": curve.upper}
    return {
        "time": time,
        "days": number(days),
        "n_risk": shown(at_risk(curve, days), least),
        "states": [
            {
                key: None
                if not known
                else number(float(line[position, j]))
                if position >= 0
                else 0.0
                for key, line in lines.items()
            }
            for j in range(curve.incidence.shape[1])
        ],
    }


def landmark_of(
    found: LandmarkFound, words: Words, position: int, least: int, unit: float
) -> Document:
    """A comparison from a landmark on."""
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "exposure": found.block.exposure,
        "counts_if": [_criterion(c, words) for c in found.block.counts_if],
        "day": number(found.block.day),
        "before": shown(found.before, least),
        "n": shown(found.everyone.n, least),
        "events": shown(int(found.everyone.events), least),
        "missing": missing_of(found.missing, words),
        "groups": curve_groups(found.curves, found.block.at, unit, least),
        "logrank": logrank_of(found.test, found.curves, found.block.strata, words, least),
        "model": None if found.model is None else regression_of(found.model, words, least),
        "figure": f"figures/landmark-{position}.svg",
    }


def time_dependent_of(
    found: TimeDependentFound, words: Words, position: int, least: int
) -> Document:
    """An exposure that begins during follow-up."""
    few = found.exposed < least or found.median_day is None
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "exposure": found.block.exposure,
        "counts_if": [_criterion(c, words) for c in found.block.counts_if],
        "n": shown(found.n, least),
        "exposed": shown_row([found.exposed, found.n - found.exposed], least)[0],
        "median_day": None if few or found.median_day is None else number(found.median_day),
        "model": regression_of(found.model, words, least),
        "naive": regression_of(found.naive, words, least),
        "figure": f"figures/time-dependent-{position}.svg",
    }


def subgroups_of(found: SubgroupsFound, words: Words, position: int, least: int) -> Document:
    """One effect within subgroups."""
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "effect": found.block.effect,
        "effect_label": found.label,
        "adjust": found.block.adjust,
        "missing": missing_of(found.missing, words),
        "overall": effect_of(found.overall, least),
        "parts": [
            {
                "element": part.element,
                "label": part.label,
                "effects": effects_of(part.effects, least),
                "interaction": None if part.interaction is None else chi_squared(part.interaction),
                "note": part.note,
            }
            for part in found.parts
        ],
        "figure": f"figures/subgroups-{position}.svg",
    }


def states_of(found: StatesFound, position: int, least: int, unit: float) -> Document:
    """Where everybody is over time."""
    curves = found.occupation.curves
    sizes = shown_row([curve.n for curve in curves], least)
    states = (*found.scheme.transient, *found.scheme.absorbing)
    taken = ways(found.events, least)
    stem = f"figures/states-{position}"
    return {
        "key": found.block.key,
        "title": found.block.title,
        "population": found.block.population,
        "course": found.block.course,
        "by": list(found.block.by),
        "states": list(states),
        "n": shown(sum(curve.n for curve in curves), least),
        "left_out": [
            {"reason": why, "count": shown(n, least)} for why, n in found.left_out.items()
        ],
        "transitions": [
            {
                "from": row["from"],
                "to": row["to"] or "under observation to its end",
                "count": taken[row["from"], row["to"]],
            }
            for row in found.events.iter_rows(named=True)
        ],
        "groups": [
            {
                "label": curve.group.removeprefix("group="),
                "n": n,
                "at": [_shares(curve, states, t, t * unit) for t in found.block.at]
                if isinstance(n, int)
                else [],
            }
            for curve, n in zip(curves, sizes, strict=True)
        ],
        "figures": {
            "course": f"{stem}-course.svg",
            "shares": [f"{stem}-{i}.svg" for i, n in enumerate(sizes, 1) if isinstance(n, int)],
        },
    }


def _shares(curve: Occupation, states: Sequence[str], time: float, days: float) -> Document:
    """The share in each state at one time; null where nobody is followed any more."""
    position = int(np.searchsorted(curve.times, days, side="right")) - 1
    known = position >= 0 and days <= curve.times[-1]
    lines = {"value": curve.probability, "lower": curve.lower, "upper": curve.upper}
    columns = [curve.states.index(state) for state in states]
    return {
        "time": time,
        "days": number(days),
        "states": [
            {
                key: number(float(line[position, j])) if known else None
                for key, line in lines.items()
            }
            for j in columns
        ],
    }


STRIKING = 40
"""How many pairs a report prints."""


def comutation_of(found: ComutationFound, words: Words, least: int) -> Document:
    """Which findings come together; the most striking pairs."""
    table = found.pairs.table()
    return {
        "key": found.block.key,
        "title": found.block.title,
        "population": found.block.population,
        "n": shown(found.n, least),
        "findings": len(found.pairs.names),
        "carriers": int(found.block.carriers),
        "tested": table.height,
        "pairs": [
            {
                "first": row["first"],
                "second": row["second"],
                "labels": [words.label(row["first"]), words.label(row["second"])],
                "n": shown(int(row["n"]), least),
                "both": shown(int(row["both"]), least),
                **{
                    key: None if hides(least, row["n"], row["both"]) else number(row[key])
                    for key in ("odds_ratio", "lower", "upper")
                },
                **{key: number(row[key]) for key in ("p", "q")},
                "pattern": row["pattern"] or "",
            }
            for row in table.head(STRIKING).iter_rows(named=True)
        ],
    }


def prediction_of(found: PredictionFound, words: Words, least: int) -> Document:
    """How well an endpoint is predicted."""
    block = found.block
    return {
        "key": block.key,
        "title": block.title,
        "endpoint": found.clock.name,
        "population": block.population,
        "n": shown(found.n, least),
        "events": shown(found.events, least),
        "missing": missing_of(found.missing, words),
        "groups": [
            {"label": group, "elements": list(names), "labels": labels_of(names, words)}
            for group, names in block.groups.items()
        ],
        "columns": found.columns,
        "carriers": int(block.carriers),
        "pairs": int(block.pairs),
        "splits": int(block.splits),
        "share": number(block.share),
        "tested": shown(found.tested, least),
        "leave_out": block.leave_out,
        "leave_out_label": words.label(block.leave_out) if block.leave_out else "",
        "models": [_predicted(one, least) for one in found.models],
        "notes": list(found.notes),
    }


def _predicted(found: Predicted, least: int) -> Document:
    """What one model reaches; nothing of a group that is too small."""
    sizes = shown_row([one.n for one in found.left_out], least)
    events = shown_row([one.events for one in found.left_out], least)
    return {
        "model": found.model,
        "note": found.note,
        "splits": found.splits,
        **{
            key: number(getattr(found, key))
            for key in ("mean", "std_err", "least", "greatest", "within")
        },
        "left_out": [
            {
                "label": one.label,
                "n": n,
                "events": died if isinstance(n, int) else HIDDEN,
                "value": number(one.value) if isinstance(n, int) else None,
                "std_err": number(one.std_err) if isinstance(n, int) else None,
            }
            for one, n, died in zip(found.left_out, sizes, events, strict=True)
        ],
    }


def weighted_of(found: WeightedFound, words: Words, least: int, unit: float) -> Document:
    """Groups weighted to be alike."""
    block = found.block
    sizes = shown_row([n for _, n, _ in found.groups], least)
    events = shown_row([died for _, _, died in found.groups], least)
    hidden = [
        label
        for (label, _, _), *shut in zip(found.groups, sizes, events, strict=True)
        if not all(isinstance(n, int) for n in shut)
    ]
    return {
        "key": block.key,
        "title": block.title,
        "endpoint": found.clock.name,
        "population": block.population,
        "by": block.by,
        "by_label": words.label(block.by),
        "given": block.given,
        "estimand": block.estimand,
        "target": found.target,
        "truncate": [number(one) for one in block.truncate],
        "treated": found.treated,
        "n": shown(sum(n for _, n, _ in found.groups), least),
        "missing": missing_of(found.missing, words),
        "groups": [
            {
                "label": label,
                "n": n,
                "events": died if isinstance(n, int) else HIDDEN,
            }
            for (label, _, _), n, died in zip(found.groups, sizes, events, strict=True)
        ],
        "pairs": [
            _pair(pair, words, least, unit, {pair.others, found.treated}.isdisjoint(hidden))
            for pair in found.pairs
        ],
    }


def _pair(pair: WeightedPair, words: Words, least: int, unit: float, counted: bool) -> Document:
    """The treated beside one other group; nothing of it where one of them is too small.

    Args:
        pair: what was found.
        words: what columns are called.
        least: the smallest count that is written.
        unit: days in one unit of the report's time.
        counted: whether the sizes of both groups are written; nothing gives them back otherwise.
    """
    few = min(pair.sizes) < least
    models = {"crude": pair.crude, "weighted": pair.weighted}
    told = {name: regression_of(model, words, least) for name, model in models.items()}
    less: Document = {} if counted and not few else {"n": HIDDEN, "events": HIDDEN}
    if few:
        less |= {**NOTHING, "p": None, "note": "too few to show"}
    for model in told.values():
        model["effects"] = [effect | less for effect in model["effects"]]
    shows = counted and not few
    return {
        "others": pair.others,
        **told,
        "effective": [number(one) for one in pair.effective] if shows else None,
        "balance": [
            {"label": one.label, "before": number(one.before), "after": number(one.after)}
            for one in ([] if few else pair.balance)
        ],
        "at": [
            {
                "time": number(one.days / unit),
                "days": number(one.days),
                "groups": [_told(one.others), _told(one.treated)],
                "difference": _told(one.difference),
            }
            for one in ([] if few else pair.at)
        ],
        "notes": list(pair.notes) if shows else [],
    }


def _told(found: survival.Estimate | None) -> Document:
    return dict(NOTHING) if found is None else estimate(found)


def sensitivity_of(found: SensitivityFound, words: Words, least: int) -> Document:
    """A change of the plan, its numbers beside those of the plan."""
    change = found.change
    compared = [
        _compared(list(rows), least)
        for _, rows in groupby(found.compared, key=lambda one: (one.block, one.scale))
    ]
    return {
        "key": change.key,
        "name": change.name,
        "criteria": [_criterion(c, words) for c in change.criteria],
        "endpoints": dict(change.endpoints),
        "missing_data": "" if change.missing is None else change.missing.value,
        "late_entry": "" if change.late_entry is None else change.late_entry.value,
        "n": shown(found.cohort.table.height, least),
        "compared": [row for rows in compared for row in rows],
        "refused": [{"block": title, "reason": reason} for title, reason in found.refused],
    }


def _compared(rows: Sequence[Compared], least: int) -> list[Document]:
    """The numbers of one analysis beside those under a change.

    Those of groups add up to everybody; those of a model rest on everybody each.
    """
    whole = rows[0].scale == RATIO
    planned = [one.planned for one in rows]
    changed = [one.changed for one in rows if one.changed is not None]
    told = [
        [effect_of(e, least) for e in part] if whole else effects_of(part, least)
        for part in (planned, changed)
    ]
    under = iter(told[1])
    return [
        {
            "block": one.block,
            "scale": one.scale,
            "planned": plan,
            "changed": None if one.changed is None else next(under),
        }
        for one, plan in zip(rows, told[0], strict=True)
    ]


def caution_of(caution: Caution) -> Document:
    """A warning."""
    return {
        "doubt": caution.doubt.value,
        "key": caution.key,
        "title": caution.title,
        "cause": caution.cause,
        "remedy": caution.remedy,
        "number": None if caution.number is None else number(caution.number),
    }


def frozen_of(frozen: Frozen, earlier: Runs | None) -> Document:
    """The record of a frozen plan, and the runs that came before it."""
    return {
        "at": frozen.at,
        "seen": frozen.seen,
        "earlier": None if earlier is None else {**asdict(earlier), "words": earlier.words},
        "sha256": frozen.sha256,
        "haemony": frozen.haemony,
        "signed_by": frozen.public_key,
    }


def deviation_of(one: Deviation) -> Document:
    """A difference from the frozen plan."""
    return {"kind": one.kind, **asdict(one)}
