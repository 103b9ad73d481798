"""What a good statistician would say before believing a study.

Every warning names its cause with the number behind it and what to do. None of them stops a study:
the reader decides, knowing. The limits are conventions, and named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis import survival
from haemony.analysis.answers.ground import Ground
from haemony.analysis.blocks import (
    LandmarkBlock,
    LateEntry,
    Pooling,
    TimeDependentBlock,
    WeightedBlock,
    covariates,
)
from haemony.analysis.cells import HIDDEN, hides, shown_row, told, told_of
from haemony.analysis.clocks import ENTRY, Clock
from haemony.analysis.evidence import (
    Answers,
    Caution,
    CompetingFound,
    Doubt,
    LandmarkFound,
    MeansFound,
    ModelFound,
    Regression,
    Source,
    SurvivalFound,
    TimeDependentFound,
    WeightedFound,
)
from haemony.analysis.future import (
    Foresight,
    adjusters_of_the_future,
    counting_by_the_future,
    criteria_of_the_future,
    moment,
    start_words,
)
from haemony.analysis.protocol import Protocol
from haemony.model.endpoint import Anchor
from haemony.model.errors import HaemonyError

EVENTS_PER_VARIABLE = 10
"""Peduzzi P et al. (1995) Journal of Clinical Epidemiology 48:1503-1510."""
MISSING_SHARE = 0.1
"""The share of patients without a covariate from which on leaving them out is questioned."""
SMALL_GROUP = 10
"""Patients, and twice the events, below which a group tells little."""
TESTS = 10
"""Tests from which on chance findings are expected."""
ALPHA = 0.05
DIFFERENT = 0.1
"""Austin PC (2009) Statistics in Medicine 28:3083-3107: a standardised difference that matters."""
STRANGE = 0.1
"""The share of patients unlike the other group from which on a comparison extrapolates."""
AT_RISK = 10
"""Patients at risk below which the tail of a curve says little."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What warnings are judged from, besides the answers.

    Attributes:
        ground: the patients.
        later: elements whose value is known only after day 0, and when.
        sources: the contributions in the cohort.
        pooling: what the plan pools in spite of differences.
        late_entry: what it does about late entry.
        unit: the unit of the report's time.
        days: days in one of it.
        plan: the plan.
    """

    ground: Ground
    later: Mapping[str, Anchor]
    sources: tuple[Source, ...]
    pooling: Pooling
    late_entry: LateEntry
    unit: str
    days: float
    plan: Protocol

    @property
    def start(self) -> Anchor:
        """What day 0 stands for: the transplant where all sources start there."""
        origins = {source.origin for source in self.sources if source.studied}
        return Anchor.TRANSPLANT if origins == {"transplant"} else Anchor.DAY_0

    @property
    def least(self) -> int:
        """The smallest count of patients that a warning may tell."""
        return self.ground.least

    def number(self, value: float, *counts: int) -> float | None:
        """The number behind a warning; None where it would give back too small a count."""
        return None if hides(self.least, *counts) else float(value)

    def counted(self, counts: Mapping[str, int], joint: str) -> str:
        """Patients by name in one sentence, with none of them told that is too few."""
        shown = shown_row(list(counts.values()), self.least)
        words = (
            f"{n:,}" if isinstance(n, int) else told(count, self.least) if n != HIDDEN else "others"
            for n, count in zip(shown, counts.values(), strict=True)
        )
        return ", ".join(f"{name}{joint}{n}" for name, n in zip(counts, words, strict=True))

    @property
    def sight(self) -> Foresight:
        """What is needed to tell the future from the past."""
        return Foresight(self.plan, self.ground, self.later, self.start)


def cautions(answers: Answers, setting: Setting) -> tuple[Caution, ...]:
    """Everything to be said about what a study found, the whole study first."""
    return (
        *_of_diseases(setting),
        *_of_clocks(setting),
        *criteria_of_the_future(setting.sight),
        *_immortal(answers, setting),
        *(c for model in answers.models for c in _of_model(model, setting)),
        *(c for found in answers.competing for c in _of_competing(found, setting)),
        *_of_exposures(answers, setting),
        *(c for found in answers.survival for c in _of_curves(found, setting)),
        *(c for found in answers.means for c in _of_means(found)),
        *(c for found in answers.landmarks for c in _of_landmark(found, setting)),
        *(c for found in answers.weighted for c in _of_weighted(found, setting)),
        *_of_subgroups(answers),
        *_multiple(answers),
    )


def p_values(answers: Answers) -> int:
    """How many p-values the analyses print."""
    return (
        sum(1 for found in answers.survival if found.test)
        + sum(len(found.tests) for found in answers.competing)
        + sum(len(m.effects) for found in answers.competing for m in found.models)
        + sum(len(found.fit.names) for found in answers.models)
        + sum(len(found.differences) for found in answers.means)
        + sum(1 for found in answers.landmarks if found.test)
        + sum(len(found.model.effects) for found in answers.landmarks if found.model)
        + sum(len(found.model.effects) for found in answers.time_dependent)
        + sum(2 * len(found.pairs) for found in answers.weighted)
        + sum(1 for found in answers.subgroups for part in found.parts if part.interaction)
        + sum(1 for t in answers.baselines for v in t.table.variables if v.test)
    )


def _of_clocks(setting: Setting) -> Iterator[Caution]:
    """Time origins that were pooled, times outside the clock, and late entry."""
    origins = dict.fromkeys(s.origin for s in setting.sources if s.studied and s.origin)
    if len(origins) > 1:
        counts = setting.counted(
            {one: sum(s.studied for s in setting.sources if s.origin == one) for one in origins},
            " in ",
        )
        yield Caution(
            Doubt.ORIGIN,
            "",
            "",
            f"{len(origins)} time origins are pooled: {counts} patients",
            "read results by source as well; survival from a later origin leaves out who died "
            "before it",
            len(origins),
        )
    for clock in setting.ground.clocks.values():
        yield from _of_clock(clock, setting)


def _of_clock(clock: Clock, setting: Setting) -> Iterator[Caution]:
    if clock.outside:
        yield Caution(
            Doubt.ORIGIN,
            "",
            clock.label,
            f"{told(clock.outside, setting.least)} patients have a time that ends before their "
            "clock starts and are left out",
            "look whether their day 0 is what the source says it is",
            setting.number(clock.outside, clock.outside),
        )
    yield from _unknown_outcomes(clock, setting)
    if clock.late and not clock.modelled:
        why = (
            "the plan ignores it"
            if setting.late_entry is LateEntry.IGNORE
            else f"the clock starts at the {clock.endpoint.origin}, and entry has no place on it"
        )
        yield Caution(
            Doubt.LATE_ENTRY,
            "",
            clock.label,
            f"{told(clock.late, setting.least)} patients came under observation after day 0, and "
            f"{why}",
            "expect survival to look too long: who died before entry is not in the data; "
            'late_entry = "model" puts patients at risk from their entry on where it can',
            setting.number(clock.late, clock.late),
        )
    if clock.endpoint.own and clock.name in setting.pooling.definitions:
        yield Caution(
            Doubt.DEFINITION,
            "",
            clock.label,
            "sources with definitions of their own are pooled",
            "report each source by itself beside the pooled result",
            None,
        )


def _unknown_outcomes(clock: Clock, setting: Setting) -> Iterator[Caution]:
    """An endpoint that starts with everybody, and that many have no time or status of."""
    if clock.endpoint.origin is not Anchor.DAY_0:
        return
    members = setting.ground.members
    known = members.drop_nulls([clock.days, clock.event]).height
    unknown = members.height - known - clock.outside
    if unknown < MISSING_SHARE * members.height:
        return
    share = unknown / members.height
    yield Caution(
        Doubt.MISSING,
        "",
        clock.label,
        f"{told_of(unknown, members.height, setting.least)} have no known time or status of "
        f"{clock.label} and are in none of its analyses",
        "find out why: where patients were not followed beyond a relapse, those who are left live "
        "too long; take an endpoint that is known of nearly everybody",
        setting.number(share, unknown, known),
    )


def _of_diseases(setting: Setting) -> Iterator[Caution]:
    """Diseases that are studied together though the plan never speaks of the diagnosis."""
    diseases = dict.fromkeys(s.disease for s in setting.sources if s.studied and s.disease)
    spoken = any(name == "diagnosis" for _, name in setting.plan.uses)
    if len(diseases) < 2 or spoken:
        return
    counts = setting.counted(
        {one: sum(s.studied for s in setting.sources if s.disease == one) for one in diseases},
        " ",
    )
    yield Caution(
        Doubt.DISEASES,
        "",
        "",
        f"{len(diseases)} diseases are studied together, and the plan does not say so: {counts}",
        'name the ones you mean in a [[cohort]] block with element = "diagnosis", or compare them',
        float(len(diseases)),
    )


def _immortal(answers: Answers, setting: Setting) -> Iterator[Caution]:
    """Values of the future used as if they were known at the origin."""
    for use in _baseline_uses(answers):
        yield from _ahead(
            use,
            setting,
            "use [[time_dependent]] or [[landmark]] for it, or an endpoint whose clock starts when "
            "it is known",
        )
    for forecast in answers.predictions:
        block = forecast.block
        yield from _ahead(
            (block.key, block.title, forecast.clock, block.inputs),
            setting,
            "take it out of `groups`: nobody knows it when the prediction is made; or predict an "
            "endpoint whose clock starts when it is known",
        )
    for found in answers.time_dependent:
        yield from counting_by_the_future(setting.sight, found)
        yield Caution(
            Doubt.IMMORTAL_TIME,
            found.block.key,
            found.block.title,
            _naive(found, setting),
            "read the time-dependent estimate; the naive one stands beside it to show the bias",
            None
            if found.median_day is None
            else setting.number(found.median_day, found.exposed, found.n - found.exposed),
        )


def _naive(found: TimeDependentFound, setting: Setting) -> str:
    few = hides(setting.least, found.exposed)
    median = "" if few else f" a median of {found.median_day or 0:,.0f} days in"
    who = f"{told(found.exposed, setting.least)} patients"
    if not few and hides(setting.least, found.n - found.exposed):
        who = f"all but {told(found.n - found.exposed, setting.least)} patients"
    before = "the naive estimate counts the time before exposure as exposed"
    return f"{before}, in {who}" if few else f"{before}:{median} {who}"


_Use = tuple[str, str, Clock, tuple[str, ...]]


def _ahead(use: _Use, setting: Setting, remedy: str) -> Iterator[Caution]:
    """The elements of one use that are known only after its clock has started."""
    key, title, clock, names = use
    origin = clock.endpoint.origin
    start = setting.start if origin is Anchor.DAY_0 else origin
    for name in names:
        known = setting.later.get(name)
        if known is None or known.rank <= start.rank or name == ENTRY:
            continue
        having = setting.ground.members[name].count()
        yield Caution(
            Doubt.IMMORTAL_TIME,
            key,
            title,
            f"{setting.ground.label(name)} is known only {moment(known)} and is used from "
            f"{start_words(start)} on; {told(having, setting.least)} patients have a value, and "
            "had to live until then to get one",
            remedy,
            setting.number(having, having),
        )


def _baseline_uses(answers: Answers) -> Iterator[_Use]:
    """Every element used as known at the origin: block, title, clock, elements."""
    for curves in answers.survival:
        block = curves.block
        yield block.key, block.title, curves.clock, (*block.by, *block.strata)
    for means in answers.means:
        yield means.block.key, means.block.title, means.clock, means.block.by
    for found in answers.competing:
        names = (*found.block.by, *found.block.strata, *covariates(found.block.formula))
        yield found.block.key, found.block.title, found.clock, names
    for model in answers.models:
        names = (*model.block.columns, *model.block.strata)
        yield model.block.key, model.block.title, model.clock, names
    for part in answers.subgroups:
        names = (part.block.effect, *part.block.within, *covariates(part.block.adjust))
        yield part.block.key, part.block.title, part.clock, names
    for dependent in answers.time_dependent:
        names = covariates(dependent.block.adjust)
        yield dependent.block.key, dependent.block.title, dependent.clock, names
    for weighted in answers.weighted:
        names = (weighted.block.by, *covariates(weighted.block.given))
        yield weighted.block.key, weighted.block.title, weighted.clock, names


def _of_model(found: ModelFound, setting: Setting) -> Iterator[Caution]:
    block, fit = found.block, found.fit
    yield from _few_events(block.key, block.title, fit.events, len(fit.names), setting)
    if found.hazards is not None and found.hazards.overall.p < ALPHA:
        worst = min(
            zip(found.term_labels, found.hazards.tests, strict=True), key=lambda pair: pair[1].p
        )
        yield Caution(
            Doubt.HAZARDS,
            block.key,
            block.title,
            f"the joint test of proportional hazards has {_p(found.hazards.overall.p)}; "
            f"strongest for {worst[0]} ({_p(worst[1].p)})",
            "read its hazard ratio as an average over follow-up; stratify by it, or compare "
            "restricted means with [[rmst]]",
            found.hazards.overall.p,
        )
    infinite = [
        label for label, name in zip(found.labels, fit.names, strict=True) if name in fit.infinite
    ]
    yield from _separated(block.key, block.title, infinite)
    yield from _tiny_strata(found)
    yield from _informative(found, setting)


def _separated(key: str, title: str, infinite: Sequence[str]) -> Iterator[Caution]:
    if infinite:
        yield Caution(
            Doubt.SEPARATION,
            key,
            title,
            f"no finite estimate for {', '.join(infinite)}: its patients have all the events or "
            "none",
            "join its categories, or leave it out and describe the group in words",
            float(len(infinite)),
        )


def _few_events(
    key: str, title: str, events: int, variables: int, setting: Setting
) -> Iterator[Caution]:
    per = events / max(variables, 1)
    few = hides(setting.least, events)
    if variables and per < EVENTS_PER_VARIABLE:
        yield Caution(
            Doubt.FEW_EVENTS,
            key,
            title,
            f"{told(events, setting.least)} events for {variables} coefficients"
            f"{'' if few else f': {per:.1f} each'}, and fewer than {EVENTS_PER_VARIABLE} "
            f"{'for each ' if few else ''}let estimates run to extremes",
            "ask fewer questions of the model, or shrink its coefficients",
            setting.number(per, events),
        )


def _tiny_strata(found: ModelFound) -> Iterator[Caution]:
    strata = found.fit.data.strata
    if len(strata.labels) < 2:
        return
    died = found.fit.data.response.died
    events = np.bincount(strata.codes, weights=died, minlength=len(strata.labels))
    empty = int((events < SMALL_GROUP / 2).sum())
    if empty:
        yield Caution(
            Doubt.TINY,
            found.block.key,
            found.block.title,
            f"{empty} of {len(strata.labels)} strata have fewer than {SMALL_GROUP // 2} events and "
            "add next to nothing",
            "join strata that belong together",
            float(empty),
        )


def _informative(found: ModelFound, setting: Setting) -> Iterator[Caution]:
    """Do patients without a covariate live differently?"""
    clock, block = found.clock, found.block
    members = setting.ground.covered(setting.ground.of(block.population), block.columns)
    needed = [*block.columns, *block.strata]
    lacking = members.with_columns(
        pl.any_horizontal(pl.col(name).is_null() for name in needed).alias("lacking")
    ).drop_nulls([clock.days, clock.event])
    missing, total = int(lacking["lacking"].sum()), lacking.height
    if not missing:
        return
    p, share = _difference(clock, lacking), missing / total
    if share < MISSING_SHARE and (p is None or p >= ALPHA):
        return
    gaps = [name for name in needed if lacking[name].null_count()]
    names = ", ".join(setting.ground.label(name) for name in gaps)
    differ = f"; they live differently (log-rank {_p(p)})" if p is not None and p < ALPHA else ""
    yield Caution(
        Doubt.MISSING,
        block.key,
        block.title,
        f"{told_of(missing, total, setting.least)} are left out for missing {names}{differ}",
        "compare them in a baseline table, and give the model `imputations = 20` to see whether "
        "they change it",
        setting.number(share, missing, total - missing),
    )


def _difference(clock: Clock, table: pl.DataFrame) -> float | None:
    """Log-rank p of patients with against without a gap; None where it cannot be had."""
    if table["lacking"].n_unique() < 2:
        return None
    try:
        return float(survival.logrank(f"{clock.response} ~ lacking", table).p)
    except HaemonyError:
        return None


def _of_competing(found: CompetingFound, setting: Setting) -> Iterator[Caution]:
    block = found.block
    for model in found.models:
        events = max((effect.events for effect in model.effects), default=0)
        yield from _few_events(block.key, block.title, events, len(model.effects), setting)
        yield from _separated(block.key, block.title, model.infinite)
    last = max(block.at, default=0.0) * setting.days
    enough = [curve for curve in found.curves if curve.n >= setting.least]
    ends = {curve.group: float(curve.times[-1]) for curve in enough}
    yield from _beyond(block.key, block.title, ends, last, setting)
    sizes = [(curve.group, curve.n, int(curve.n_event[:, 0].sum())) for curve in found.curves]
    yield from _tiny(block.key, block.title, sizes)


def _of_exposures(answers: Answers, setting: Setting) -> Iterator[Caution]:
    models: list[tuple[LandmarkBlock | TimeDependentBlock | WeightedBlock, Regression | None]]
    models = [(one.block, one.model) for one in answers.landmarks]
    models += [(one.block, one.model) for one in answers.time_dependent]
    models += [(one.block, pair.weighted) for one in answers.weighted for pair in one.pairs]
    for block, model in models:
        if model is not None:
            events, variables = model.effects[0].events, len(model.effects)
            yield from _few_events(block.key, block.title, events, variables, setting)
            yield from _separated(block.key, block.title, model.infinite)
    for one in answers.time_dependent:
        parts = ("exposed", one.exposed), ("never exposed", one.n - one.exposed)
        sizes = [(label, n, SMALL_GROUP) for label, n in parts]
        yield from _tiny(one.block.key, one.block.title, sizes)


def _of_curves(found: SurvivalFound, setting: Setting) -> Iterator[Caution]:
    block = found.block
    last = max((*block.at, block.until)) * setting.days if block.at or block.until else 0.0
    yield from _beyond(block.key, block.title, _ends(found.curves, setting), last, setting)
    sizes = [(curve.group, curve.n, int(curve.events)) for curve in found.curves]
    yield from _tiny(block.key, block.title, sizes)


def _of_means(found: MeansFound) -> Iterator[Caution]:
    block = found.block
    sizes = [(effect.label, effect.n, effect.events) for effect in found.means]
    yield from _tiny(block.key, block.title, sizes)
    if found.still:
        yield Caution(
            Doubt.TINY,
            block.key,
            block.title,
            f"nobody has an event before the horizon in {listed(found.still)}: the mean is the "
            "horizon itself, and how far it may be wrong is not known",
            "take a later horizon, or say in words that nobody had an event by then",
            float(len(found.still)),
        )


def _of_landmark(found: LandmarkFound, setting: Setting) -> Iterator[Caution]:
    block = found.block
    yield from adjusters_of_the_future(setting.sight, found)
    yield from counting_by_the_future(setting.sight, found)
    total = found.before + found.everyone.n
    if found.before > MISSING_SHARE * total:
        yield Caution(
            Doubt.SELECTION,
            block.key,
            block.title,
            f"{told_of(found.before, total, setting.least)} had left observation by the landmark "
            "and are not in it",
            "say that the result is about patients who reach the landmark",
            setting.number(found.before / total, found.before, found.everyone.n),
        )
    last = max(block.at, default=0.0) * setting.days
    yield from _beyond(block.key, block.title, _ends(found.curves, setting), last, setting)
    sizes = [(curve.group, curve.n, int(curve.events)) for curve in found.curves]
    yield from _tiny(block.key, block.title, sizes)


def _of_weighted(found: WeightedFound, setting: Setting) -> Iterator[Caution]:
    """Groups that weights cannot make alike, or have not."""
    block = found.block
    weighs_overlap = block.estimand in ("overlap", "matching")
    for pair in found.pairs:
        total = sum(pair.sizes)
        if pair.strange > STRANGE * total:
            yield Caution(
                Doubt.OVERLAP,
                block.key,
                block.title,
                f"of {found.treated} and {pair.others}, "
                f"{told_of(pair.strange, total, setting.least)} are unlike anybody in the other "
                "group, or nearly sure of theirs",
                "narrow the cohort to patients who could have been in either"
                + ("" if weighs_overlap else ', or take estimand = "overlap"'),
                setting.number(pair.strange / total, pair.strange, total - pair.strange),
            )
        if pair.worst > DIFFERENT:
            worst = max(pair.balance, key=lambda one: abs(one.after))
            yield Caution(
                Doubt.BALANCE,
                block.key,
                block.title,
                f"weighted, {found.treated} and {pair.others} still differ by {pair.worst:.2f} "
                f"standard deviations in {worst.label}",
                "let `given` hold it in another form, such as its logarithm, or narrow the cohort",
                pair.worst,
            )
    sizes = list(found.groups)
    yield from _tiny(block.key, block.title, sizes)


def _ends(curves: Iterable[survival.Curve], setting: Setting) -> dict[str, float]:
    """When each group was last watched; never, where everybody had the event.

    Of a group that is too small nothing is told, nor this.
    """
    return {
        curve.group: float(curve.times[-1]) if curve.survival[-1] > 0 else np.inf
        for curve in curves
        if curve.n >= setting.least
    }


def _beyond(
    key: str, title: str, ends: Mapping[str, float], asked: float, setting: Setting
) -> Iterator[Caution]:
    """A time at which no group, or not every group, is still watched."""
    short = {group: end for group, end in ends.items() if asked > end}
    if not short:
        return
    group = min(short, key=lambda one: short[one])
    who = (
        "follow-up ends"
        if len(ends) == 1
        else f"follow-up of {len(short)} of {len(ends)} groups ends before; that of {group} ends"
    )
    reached = short[group] / setting.days
    yield Caution(
        Doubt.EXTRAPOLATION,
        key,
        title,
        f"an estimate at {asked / setting.days:g} {setting.unit} is asked for, and {who} at "
        f"{reached:.1f}",
        "ask for earlier times; what lies beyond is not shown",
        reached,
    )


def _tiny(key: str, title: str, sizes: Sequence[tuple[str, int, int]]) -> Iterator[Caution]:
    small = [group for group, n, events in sizes if n < SMALL_GROUP or events < SMALL_GROUP / 2]
    if small and len(sizes) == 1:
        yield Caution(
            Doubt.TINY,
            key,
            title,
            f"there are fewer than {SMALL_GROUP} patients or {SMALL_GROUP // 2} events in all",
            "describe these patients in words, or widen the cohort",
            1.0,
        )
    elif small:
        few = listed(small)
        yield Caution(
            Doubt.TINY,
            key,
            title,
            f"{len(small)} of {len(sizes)} groups have fewer than {SMALL_GROUP} patients or "
            f"{SMALL_GROUP // 2} events: {few}",
            "join groups that belong together; say nothing about each of these alone",
            float(len(small)),
        )


def listed(labels: Sequence[str]) -> str:
    """Labels in a sentence, no more than four of them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c, d and 1 more')
    """
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ", ".join(labels[:4]) + more


def _of_subgroups(answers: Answers) -> Iterator[Caution]:
    for found in answers.subgroups:
        every = [effect for part in found.parts for effect in part.effects]
        sizes = [(effect.label, effect.n, effect.events) for effect in every]
        yield from _tiny(found.block.key, found.block.title, sizes)
        tested = sum(1 for part in found.parts if part.interaction is not None)
        if tested > 1:
            yield Caution(
                Doubt.MULTIPLE,
                found.block.key,
                found.block.title,
                f"{tested} tests of interaction: one below 0.05 by chance alone in "
                f"{1 - (1 - ALPHA) ** tested:.0%} of such analyses",
                f"ask for p below {ALPHA / tested:.2g} (Bonferroni) before believing one, and for "
                "a second study before acting on it",
                float(tested),
            )


def _multiple(answers: Answers) -> Iterator[Caution]:
    tests = p_values(answers)
    if tests >= TESTS:
        yield Caution(
            Doubt.MULTIPLE,
            "",
            "",
            f"{tests} p-values are printed and none is corrected: chance alone puts about "
            f"{ALPHA * tests:.1f} below 0.05",
            "name one primary question; take the others as descriptions",
            float(tests),
        )


def worst_first(found: Iterable[Caution]) -> tuple[Caution, ...]:
    """Warnings in the order in which they should be read."""
    order = list(Doubt)
    return tuple(sorted(found, key=lambda one: order.index(one.doubt)))


def _p(value: float) -> str:
    """A p-value that does not break across lines."""
    text = "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")
