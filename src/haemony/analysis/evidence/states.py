"""Where everybody is over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.analysis.blocks import StatesBlock
from haemony.analysis.multistate import Scheme, StateOccupation


@dataclass(frozen=True, eq=False)
class StatesFound:
    """Where everybody is over time.

    Attributes:
        block: what was asked.
        scheme: the states and the ways between them.
        occupation: the share in each state, per group.
        events: who took which way: from, to, count, entered, proportion.
        left_out: patients left out, by reason.
    """

    block: StatesBlock
    scheme: Scheme
    occupation: StateOccupation
    events: pl.DataFrame
    left_out: Mapping[str, int]
