"""Who was studied: named parts of the cohort, and tables of them at baseline."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis.blocks import Baseline, Population
from haemony.analysis.cohorts import Cohort
from haemony.analysis.describe import TableOne
from haemony.model.element import Element


@dataclass(frozen=True, slots=True)
class PopulationFound:
    """A named part of the cohort.

    Attributes:
        population: its definition.
        cohort: who belongs to it, found step by step.
    """

    population: Population
    cohort: Cohort


@dataclass(frozen=True, eq=False)
class BaselineFound:
    """A baseline table, ready for words."""

    block: Baseline
    table: TableOne
    elements: tuple[Element, ...]
