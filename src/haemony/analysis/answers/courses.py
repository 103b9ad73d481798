"""Where everybody is over time: the states of a course and the shares in them."""

from __future__ import annotations

import polars as pl

from haemony.analysis import multistate, survival
from haemony.analysis.answers.ground import Ground
from haemony.analysis.blocks import StatesBlock
from haemony.analysis.clocks import ENTRY
from haemony.analysis.evidence import StatesFound
from haemony.analysis.grouping import GROUP, grouping, present

_SCHEMES = {
    "remission": (multistate.AML_COURSE, multistate.COURSE),
    "transplant": (multistate.AML_TRANSPLANT, multistate.COURSE_WITH_TRANSPLANT),
}


def find_states(ground: Ground, block: StatesBlock) -> StatesFound:
    """Follow patients through the states of a course, late entry included.

    Things on the same day are half a day apart, in the order of the course.
    """
    scheme, moments = _SCHEMES[block.course]
    table = ground.of(block.population)
    groups = grouping(table, block.by, block.cuts, ground.catalogue, f"{block.key}.by")
    known = table.with_columns(groups.alias(GROUP)).drop_nulls([GROUP, "last_contact_day"])
    if known.is_empty():
        raise survival.NothingToAnalyse(
            "no patient has a known group and last contact",
            remedy="leave out the element that is missing most often",
        )
    ordered = known.with_columns(
        pl.col(GROUP).cast(pl.String).cast(pl.Enum(present(known[GROUP]))),
        pl.col("vital_status").cast(pl.String),
    )
    late = ENTRY in ordered.columns and ordered.select((pl.col(ENTRY) > 0).any()).item()
    if late:
        ordered = ordered.with_columns(pl.col(ENTRY).fill_null(0).clip(lower_bound=0))
    told = multistate.histories(
        ordered, scheme, moments, until="last_contact_day", entry=ENTRY if late else None
    )
    lacking = table.height - known.height
    unknown = {"group or last contact unknown": lacking} if lacking else {}
    return StatesFound(
        block=block,
        scheme=scheme,
        occupation=multistate.occupation(told, by=GROUP if block.by else ()),
        events=told.events(),
        left_out={**unknown, **told.left_out},
    )
