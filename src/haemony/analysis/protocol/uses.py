"""Which elements the parts of a plan need of a release, each with its key in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from haemony.analysis.blocks import Block, PredictionBlock, StatesBlock, covariates
from haemony.analysis.cohorts import Criterion

COURSES: Mapping[str, tuple[str, ...]] = {
    "remission": ("complete_remission_day", "relapse_day", "last_contact_day", "vital_status"),
    "transplant": (
        "complete_remission_day",
        "transplant_day",
        "relapse_day",
        "last_contact_day",
        "vital_status",
    ),
}
"""The courses whose states can be followed, and the elements they are read from."""

Uses = Iterator[tuple[str, tuple[str, ...]]]


def of_criteria(key: str, criteria: tuple[Criterion, ...]) -> Uses:
    """The elements that criteria judge, with their keys."""
    inner = key if key == "cohort" else f"{key}.criteria"
    for i, criterion in enumerate(criteria, 1):
        yield f"{inner}[{i}].element", (criterion.element,)


def of_block(block: Block) -> Uses:
    """The elements that a block names, with their keys."""
    for name in ("elements", "by", "strata", "exposure", "effect", "within"):
        named = getattr(block, name, ())
        if named:
            yield f"{block.key}.{name}", (named,) if isinstance(named, str) else named
    if isinstance(block, StatesBlock):
        yield f"{block.key}.course", COURSES[block.course]
    if isinstance(block, PredictionBlock):
        yield from ((f"{block.key}.groups.{group}", names) for group, names in block.groups.items())
        if block.leave_out:
            yield f"{block.key}.leave_out", (block.leave_out,)
    for name in ("formula", "adjust", "given"):
        yield f"{block.key}.{name}", covariates(getattr(block, name, ""))
    yield from (
        (f"{block.key}.counts_if[{i}].element", (criterion.element,))
        for i, criterion in enumerate(getattr(block, "counts_if", ()), 1)
    )
