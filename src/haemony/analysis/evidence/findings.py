"""Which findings come together."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis.blocks import ComutationBlock
from haemony.analysis.genomics import CoMutation


@dataclass(frozen=True, eq=False)
class ComutationFound:
    """Which findings come together.

    Attributes:
        block: what was asked.
        pairs: every pair tested, with its adjusted p-value.
        n: patients.
    """

    block: ComutationBlock
    pairs: CoMutation
    n: int
