"""Refuses a plan that no release can answer; each refusal says where it stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

from haemony.analysis.blocks import (
    PREDICTORS,
    Block,
    ComutationBlock,
    CoxBlock,
    Followed,
    LandmarkBlock,
    MeanBlock,
    Population,
    PredictionBlock,
    Sensitivity,
    WeightedBlock,
    covariates,
)
from haemony.analysis.causal import TARGETS
from haemony.analysis.cohorts import Criterion
from haemony.analysis.keys import BadProtocol
from haemony.analysis.survival import BadFormula
from haemony.analysis.survival.data.formula import read


def check_block(block: Block | Sensitivity, populations: Collection[str]) -> None:
    """Refuse a block that cannot be computed on any release, or for none of the populations."""
    for name in ("formula", "adjust", "given"):
        _check_formula(f"{block.key}.{name}", getattr(block, name, ""))
    _check_numbers(block)
    if isinstance(block, PredictionBlock):
        _check_prediction(block)
    if isinstance(block, WeightedBlock):
        _check_weighted(block)
    population = getattr(block, "population", "")
    if population and population not in populations:
        known = ", ".join(populations) or "none"
        raise BadProtocol(
            f"{block.key}.population",
            f"there is no population {population!r}",
            f"name one that a [[population]] block defines; here: {known}",
        )


def _check_numbers(block: Block | Sensitivity) -> None:
    """Refuse times before the origin, counts of nothing, and what is no number at all."""
    if isinstance(block, LandmarkBlock) and not block.day > 0:
        raise BadProtocol(
            f"{block.key}.day", "is no day after the origin", "give a positive number of days"
        )
    if isinstance(block, CoxBlock) and block.imputations not in (0, *range(2, 1001)):
        raise BadProtocol(
            f"{block.key}.imputations", "is no number of tables", "give 0, or 2 to 1000, such as 20"
        )
    if isinstance(block, Followed | LandmarkBlock | WeightedBlock):
        for key, times in (("at", block.at), ("until", (getattr(block, "until", 0.0),))):
            if not all(0 <= time < inf for time in times):
                raise BadProtocol(f"{block.key}.{key}", "is no time from 0 on", "give 5, or [1, 5]")
    if isinstance(block, ComutationBlock) and not 0 <= block.carriers < inf:
        raise BadProtocol(f"{block.key}.carriers", "is no number of carriers", "give 20")
    if isinstance(block, MeanBlock) and not 0 < block.horizon < inf:
        raise BadProtocol(f"{block.key}.horizon", "is not positive", "give a positive number")


def _check_prediction(block: PredictionBlock) -> None:
    """Refuse a prediction of nothing, by nobody, or by what it is judged on."""
    strange = [name for name in block.models if name not in PREDICTORS]
    if strange or not block.models or len(set(block.models)) < len(block.models):
        raise BadProtocol(
            f"{block.key}.models",
            f"names {', '.join(map(repr, strange)) or 'no model, or one twice'}",
            f"choose among {', '.join(PREDICTORS)}, each once",
        )
    inputs = block.inputs
    if not inputs or len(set(inputs)) < len(inputs):
        raise BadProtocol(
            f"{block.key}.groups", "hold nothing, or an element twice", "name each element once"
        )
    for key in ("logarithms", "ordered"):
        for name in getattr(block, key):
            if name not in inputs:
                raise BadProtocol(
                    f"{block.key}.{key}", f"{name!r} is in no group", "name inputs of `groups`"
                )
    if block.leave_out in inputs:
        raise BadProtocol(
            f"{block.key}.leave_out",
            f"{block.leave_out!r} is an input, too",
            "take it out of `groups`: a model cannot know of a group that it never saw",
        )
    if block.splits not in (*([0] if block.leave_out else []), *range(2, 1001)):
        raise BadProtocol(
            f"{block.key}.splits", "is no number of splits", "give 2 to 1000, or 0 with `leave_out`"
        )
    for key, wrong in (
        ("share", not 0 < block.share < 1),
        ("carriers", not 0 <= block.carriers < inf),
        ("pairs", not 0 <= block.pairs < inf),
    ):
        if wrong:
            raise BadProtocol(f"{block.key}.{key}", "is out of range", "give 0.2, or 5 carriers")


def _check_weighted(block: WeightedBlock) -> None:
    """Refuse weights from nothing, from the group itself, or for nobody known."""
    names = covariates(block.given)
    if read(f"Surv(days, event) ~ {block.given or 1}").ridges:
        raise BadProtocol(
            f"{block.key}.given",
            "holds a penalty",
            "name elements and their transformations alone",
        )
    if not names or block.by in names:
        raise BadProtocol(
            f"{block.key}.given",
            f"holds {block.by!r}, whose groups are compared" if names else "names no element",
            'name what was known before, such as "age_at_diagnosis + sex"',
        )
    if block.estimand not in TARGETS:
        raise BadProtocol(
            f"{block.key}.estimand",
            f"is {block.estimand!r}",
            f"choose one of {', '.join(TARGETS)}",
        )
    pair = len(block.truncate) == 2 and 0 <= block.truncate[0] < block.truncate[1] <= 1
    if block.truncate and not pair:
        raise BadProtocol(
            f"{block.key}.truncate", "is not a pair of quantiles", "give for example [0.01, 0.99]"
        )


def check_names(
    populations: Sequence[Population], changes: Sequence[Sensitivity], titles: Sequence[str]
) -> None:
    """Refuse populations without criteria or of one name, and changes of nothing.

    Args:
        populations: the populations of a plan.
        changes: its sensitivity analyses.
        titles: the titles of its blocks.
    """
    seen: set[str] = set()
    for population in populations:
        if population.name in seen:
            raise BadProtocol(
                f"{population.key}.name", "is the name of another population", "choose another"
            )
        seen.add(population.name)
        _some_criteria(population.key, population.criteria)
    for change in changes:
        for title in change.of:
            if titles.count(title) != 1:
                reason = "two blocks have" if title in titles else "no block has"
                raise BadProtocol(
                    f"{change.key}.of", f"{reason} the title {title!r}", "give the title of one"
                )
        if not (change.criteria or change.endpoints or change.missing or change.late_entry):
            raise BadProtocol(
                change.key,
                "changes nothing",
                "give [[sensitivity.criteria]], `endpoints`, `missing` or `late_entry`",
            )


def _some_criteria(key: str, criteria: tuple[Criterion, ...]) -> None:
    if not criteria:
        table = key.partition("[")[0]
        raise BadProtocol(key, "has no criteria", f"add a [[{table}.criteria]] block")


def _check_formula(key: str, terms: str) -> None:
    if "~" in terms:
        raise BadProtocol(
            key,
            "holds a `~`",
            "write the right side alone; `endpoint` is the left one",
        )
    try:
        model = read(f"Surv(days, event) ~ {terms or 1}")
    except BadFormula as error:
        raise BadProtocol(key, error.reason, "mend the formula") from error
    if model.strata or model.cluster or model.offset or model.frailty:
        raise BadProtocol(
            key,
            "holds more than covariates",
            "take strata out of it and write strata = [...] where the block has that key; cluster, "
            "offset and frailty have no place in a study",
        )
