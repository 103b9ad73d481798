"""Which findings come together, and which avoid each other."""

from __future__ import annotations

from haemony.analysis import genomics
from haemony.analysis.answers.ground import Ground
from haemony.analysis.blocks import ComutationBlock
from haemony.analysis.evidence import ComutationFound
from haemony.analysis.keys import BadProtocol
from haemony.model.element import ValueType


def find_comutation(ground: Ground, block: ComutationBlock) -> ComutationFound:
    """Test every pair of findings; who was not tested counts in no denominator."""
    for name in block.elements:
        if ground.catalogue[name].type is not ValueType.FINDING:
            raise BadProtocol(
                f"{block.key}.elements", f"{name!r} is no finding", "name findings, such as NPM1"
            )
    table = ground.of(block.population)
    pairs = genomics.comutation(table, block.elements, least=int(block.carriers))
    return ComutationFound(block, pairs, table.height)
