"""How well an endpoint is predicted, on patients that no step of a model has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.answers.ground import Ground, missing_of
from haemony.analysis.blocks import PredictionBlock
from haemony.analysis.cells import told
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import LeftOut, Predicted, PredictionFound
from haemony.analysis.keys import BadProtocol
from haemony.analysis.prediction import (
    CoxLearner,
    Learner,
    MissingLibrary,
    PenalisedCox,
    PreparedLearner,
    RandomEffectsCox,
    Splits,
    SplitValidated,
    TreesCox,
    split_validate,
    trees,
)
from haemony.analysis.survival import NothingToAnalyse
from haemony.analysis.survival.data.arrays import Floats
from haemony.model.element import Element, Finding, ValueType

UNKNOWN = "not recorded"
FOREST = "forest"
FOLDS, STEPS, SMALLEST = 5, 20, 0.05
"""Of the lasso's inner choice: its folds, how many penalties, and the last over the first."""


@dataclass(frozen=True)
class Inputs:
    """The elements of a block as columns of numbers.

    Attributes:
        groups: the columns of each group.
        numbers: the columns that are scaled; the others are 0 or 1.
        findings: the columns of findings, present or not.
        first: columns that the others of their element imply.
        centred: the groups that have a mean of their own.
    """

    groups: Mapping[str, tuple[str, ...]]
    numbers: frozenset[str]
    findings: tuple[str, ...]
    first: frozenset[str]
    centred: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every column."""
        return tuple(name for names in self.groups.values() for name in names)


def find_prediction(ground: Ground, block: PredictionBlock) -> PredictionFound:
    """Judge models over random splits and on groups that they never saw.

    Patients are put in the order of what the block reads of them, so that splits depend on the seed
    and the data, not on identifiers.
    """
    clock = ground.clocks[block.endpoint]
    if clock.others:
        raise BadProtocol(
            f"{block.key}.endpoint",
            f"{block.endpoint!r} has competing events, which Harrell's C leaves out",
            "choose an endpoint without, such as os",
        )
    if block.leave_out and ground.catalogue[block.leave_out].type.is_numeric:
        raise _unusable(
            ground.catalogue[block.leave_out], block, "leave_out", "name an element of groups"
        )
    everybody = ground.of(block.population)
    known = everybody.drop_nulls([clock.days, clock.event])
    if known.is_empty():
        raise NothingToAnalyse(
            "no patient has a known time and event", remedy="choose another endpoint"
        )
    table, inputs = _read(ground, block, clock, known)
    absent = _absent(block.models)
    learners = {
        name: _learner(name, inputs, block, clock, ground.seed)
        for name in block.models
        if name not in absent
    }

    def judged(splits: Splits) -> SplitValidated:
        return split_validate(f"{clock.response} ~ 1", table, learners, splits=splits)

    seed, share = ground.seed, block.share
    count = int(block.splits)
    random = judged(Splits.holdouts(table.height, count, share=share, seed=seed)) if count else None
    groups = judged(Splits.by_source(table[GROUP].to_numpy())) if block.leave_out else None
    events = table[clock.event].cast(pl.Boolean)
    return PredictionFound(
        block=block,
        clock=clock,
        n=table.height,
        events=int(events.sum()),
        tested=len(random.splits.parts[0].test) if random else 0,
        columns=len(inputs.names),
        models=tuple(
            Predicted(
                name,
                *_over_splits(random, name),
                tuple(_by_group(groups, name, events)),
                absent.get(name, ""),
            )
            for name in block.models
        ),
        random=random,
        groups=groups,
        missing=missing_of(everybody, known, [clock.days, clock.event]),
        notes=tuple(_notes(ground, clock, [part for part in (random, groups) if part])),
    )


def _absent(models: Sequence[str]) -> dict[str, str]:
    """The models that cannot be run here, with the reason.

    Raises:
        MissingLibrary: None of them can.
    """
    if FOREST not in models or trees.installed():
        return {}
    missing = MissingLibrary("a forest", library="xgboost", packages=("haemony[trees]",))
    if set(models) == {FOREST}:
        raise missing
    return {FOREST: str(missing)}


GROUP = "group left out"
MOST_VALUES = 30
"""A text with more values than this is no category, but a name or a remark."""


def _read(
    ground: Ground, block: PredictionBlock, clock: Clock, known: pl.DataFrame
) -> tuple[pl.DataFrame, Inputs]:
    """The patients with their inputs as numbers, ordered by these, and what the inputs are."""
    columns: dict[str, pl.Series] = {}
    groups: dict[str, tuple[str, ...]] = {}
    numbers: set[str] = set()
    findings: list[str] = []
    first: set[str] = set()
    centred: list[str] = []
    for group, names in block.groups.items():
        mine: list[str] = []
        alone = len(names) == 1 and _has_levels(ground.catalogue[names[0]], known[names[0]], block)
        for name in names:
            element = ground.catalogue[name]
            found = _columns(element, known[name], block, every=alone)
            columns |= found
            mine += found
            if name in block.ordered or element.type.is_numeric:
                numbers |= found.keys()
            findings += found if element.type is ValueType.FINDING else []
            first |= set(list(found)[:1] if alone else [])
        groups[group] = tuple(mine)
        centred += [] if alone else [group]
    left = [known[block.leave_out].cast(pl.String).fill_null(UNKNOWN)] if block.leave_out else []
    table = known.select(
        clock.days, clock.event, *columns.values(), *(one.alias(GROUP) for one in left)
    )
    return (
        table.sort(table.columns, nulls_last=True),
        Inputs(groups, frozenset(numbers), tuple(findings), frozenset(first), tuple(centred)),
    )


def _has_levels(element: Element, column: pl.Series, block: PredictionBlock) -> bool:
    """Whether an element becomes a column for each of several values."""
    return element.name not in block.ordered and len(_values(element, column)) > 2


def _values(element: Element, column: pl.Series) -> tuple[str, ...]:
    """The values of a category, or those that occur of a text such as the trial."""
    if element.type is ValueType.CATEGORY:
        return element.codes
    return tuple(column.drop_nulls().unique().sort()) if element.type is ValueType.TEXT else ()


def _columns(
    element: Element, column: pl.Series, block: PredictionBlock, *, every: bool
) -> dict[str, pl.Series]:
    """An element as numbers: itself, its logarithm, 0 and 1, a position, or its values one by one.

    Args:
        element: what it is.
        column: its values.
        block: how it enters.
        every: whether its first value gets a column, too.
    """
    name = element.name
    if name in block.logarithms and not element.type.is_numeric:
        raise _unusable(element, block, "logarithms", "give logarithms of numbers alone")
    if element.type.is_numeric:
        value = column.cast(pl.Float64)
        if name in block.logarithms:
            value = value.set(value < 0, None).log1p()
        return {name: value.alias(name)}
    if element.type is ValueType.FINDING:
        return {name: (column.cast(pl.String) == Finding.POSITIVE).cast(pl.Float64).alias(name)}
    values = _values(element, column)
    if not values or (element.type is ValueType.TEXT and len(values) > MOST_VALUES):
        remedy = f"name numbers, categories, findings, or texts of at most {MOST_VALUES} values"
        raise _unusable(element, block, "groups", remedy)
    words = column.cast(pl.String)
    if name in block.ordered:
        positions = {value: float(i) for i, value in enumerate(values)}
        place = words.replace_strict(positions, default=None, return_dtype=pl.Float64)
        return {name: place.alias(name)}
    return {
        f"{name}_{i}": (words == value).cast(pl.Float64).alias(f"{name}_{i}")
        for i, value in enumerate(values)
        if i or every
    }


def _unusable(element: Element, block: PredictionBlock, key: str, remedy: str) -> BadProtocol:
    """The refusal of an element of the wrong type."""
    reason = f"{element.name!r} is of type {element.type.value}"
    return BadProtocol(f"{block.key}.{key}", reason, remedy)


def _learner(name: str, inputs: Inputs, block: PredictionBlock, clock: Clock, seed: int) -> Learner:
    """A model that makes its inputs ready among its own training patients."""

    def cox(kept: Sequence[str]) -> Learner:
        return CoxLearner(_formula(clock, (one for one in kept if one not in inputs.first)))

    def lasso(kept: Sequence[str]) -> Learner:
        return PenalisedCox(
            _formula(clock, kept), folds=FOLDS, steps=STEPS, smallest=SMALLEST, seed=seed
        )

    def shrunk(kept: Sequence[str]) -> Learner:
        groups = {
            group: [one for one in names if one in kept] for group, names in inputs.groups.items()
        }
        paired = [name for name in inputs.findings if name in kept] if block.pairs else []
        return RandomEffectsCox(_formula(clock, ()), groups, inputs.centred, paired, block.pairs)

    def forest(kept: Sequence[str]) -> Learner:
        return TreesCox.forest(_formula(clock, kept), seed=seed)

    made: Mapping[str, Callable[[Sequence[str]], Learner]] = {
        "cox": cox,
        "lasso": lasso,
        "random effects": shrunk,
        FOREST: forest,
    }
    return PreparedLearner(inputs.names, inputs.numbers, made[name], block.carriers)


def _formula(clock: Clock, names: Iterable[str]) -> str:
    return f"Surv({clock.days}, {clock.event}) ~ {' + '.join(names) or '1'}"


def _over_splits(
    found: SplitValidated | None, name: str
) -> tuple[int, float | None, float | None, float | None, float | None, float | None]:
    """Over the random splits: their number, the mean, its standard error, extremes, SE within."""
    if found is None or name not in found.learners:
        return 0, None, None, None, None, None
    model = found.learners.index(name)
    row = found.summary().row(model, named=True)
    known = np.isfinite(found.value[:, 0, model])
    values, errors = found.value[known, 0, model], found.std_err[known, 0, model]
    return (
        row["splits"],
        row["harrell"],
        row["std_err"],
        float(values.min()),
        float(values.max()),
        float(errors.mean()),
    )


def _by_group(found: SplitValidated | None, name: str, events: pl.Series) -> Iterator[LeftOut]:
    if found is None:
        return
    place = found.learners.index(name) if name in found.learners else None
    for part, values, errors in zip(found.splits.parts, found.value, found.std_err, strict=True):
        yield LeftOut(
            part.name,
            len(part.test),
            int(events.gather(part.test).sum()),
            _known(values[0], place),
            _known(errors[0], place),
        )


def _known(values: Floats, place: int | None) -> float | None:
    return None if place is None or not np.isfinite(values[place]) else float(values[place])


def _notes(ground: Ground, clock: Clock, parts: Sequence[SplitValidated]) -> Iterator[str]:
    if clock.modelled:
        yield (
            f"{told(clock.late, ground.least)} patients came under observation after day 0; "
            "predictions count their time from day 0, so they look longer-lived than they are"
        )
    for part in parts:
        yield from part.notes
