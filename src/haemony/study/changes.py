"""The plan again under its changes: sensitivity analyses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from haemony.analysis.answers import compare
from haemony.analysis.blocks import Baseline, ComutationBlock, Sensitivity, StatesBlock
from haemony.analysis.evidence import Answers, SensitivityFound
from haemony.analysis.protocol import ANALYSES, Protocol
from haemony.model.errors import HaemonyError
from haemony.study.blocks import Watch, answer, naming
from haemony.study.cohort import ready
from haemony.study.pool import Pool


def only_in_changes(protocol: Protocol) -> set[str]:
    """Endpoints that a sensitivity analysis alone uses."""
    planned = {
        block.endpoint
        for block in protocol.analyses
        if not isinstance(block, Baseline | StatesBlock | ComutationBlock)
    }
    return set(protocol.endpoints) - planned


def run_again(
    change: Sensitivity,
    protocol: Protocol,
    people: pl.DataFrame,
    release: Pool,
    answers: Answers,
    watch: Watch,
) -> SensitivityFound:
    """Run the plan again under a change, block by block, and compare its numbers."""
    watch(f"sensitivity: {change.name}")
    plan = protocol.under(change)
    with naming(change.key):
        again = ready(plan, people, release)
    found: dict[str, tuple[Any, ...]] = {}
    refused: list[tuple[str, str]] = []
    for attribute in ANALYSES:
        for block in getattr(plan, attribute):
            only: dict[str, Any] = dict.fromkeys(ANALYSES, ()) | {attribute: (block,)}
            alone = replace(plan, **only)
            try:
                part = getattr(answer(alone, again.ground, watch), attribute)
            except HaemonyError as error:
                refused.append((block.title, str(error)))
            else:
                found[attribute] = (*found.get(attribute, ()), *part)
    compared = compare(answers, Answers(**found), protocol.time_unit.days)
    return SensitivityFound(change, again.cohort, compared, tuple(refused))
