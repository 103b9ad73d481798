"""Alterations of the genome: which come together, and which change survival together.

An alteration is carried, not carried, or not tested; who was not tested counts in no denominator.

>>> import polars as pl
>>> from haemony.analysis import genomics
>>> table = pl.DataFrame({"NPM1": [1, 1, 1, 0, 0, 0, 1, 0], "DNMT3A": [1, 1, 1, 0, 0, 0, None, 1]})
>>> genomics.comutation(table, ["NPM1", "DNMT3A"]).table().select("n", "both").row(0)
(7, 3)
"""

from haemony.analysis.genomics.comutation import CoMutation, comutation
from haemony.analysis.genomics.findings import Findings, genotypes
from haemony.analysis.genomics.fisher import FisherTests, fisher
from haemony.analysis.genomics.interactions import (
    Interactions,
    false_discovery_rates,
    family_wise,
    interactions,
)
from haemony.analysis.genomics.multiplicity import adjust

__all__ = [
    "CoMutation",
    "Findings",
    "FisherTests",
    "Interactions",
    "adjust",
    "comutation",
    "false_discovery_rates",
    "family_wise",
    "fisher",
    "genotypes",
    "interactions",
]
