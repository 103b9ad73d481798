"""Facts into OMOP CDM 5.4: the order in which its tables are written.

Row ids are ``contribution number × 2³² + position`` in a total order, so the same facts always get
the same ids.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.harmonise.omop.course import conditions, episodes, follow_up, procedures
from haemony.harmonise.omop.measurements import measurements
from haemony.harmonise.omop.omics import omics, tested
from haemony.harmonise.omop.persons import observations, persons
from haemony.harmonise.omop.rows import Context
from haemony.harmonise.omop.treatment import drugs, with_lines
from haemony.privacy.omics import Profiles

__all__ = ["Context", "write"]


def write(
    stated: pl.DataFrame,
    confirmed: pl.DataFrame,
    states: Mapping[str, str],
    profiles: Collection[Profiles],
    context: Context,
) -> dict[str, pl.DataFrame]:
    """Write facts, and what omics files say, as the tables of the lake.

    Args:
        stated: Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
        confirmed: Cells that repeat a stated fact; they lead to the same row.
        states: State of each distinct karyotype text (``evaluable``, ``no metaphases`` …).
        profiles: What its omics files say.
        context: Anchors, origin, disease and number of the contribution.

    Returns:
        Every table that has rows, ``lineage`` among them, shaped and sorted.
    """
    by_table = {
        name: stated.filter(pl.col("element").is_in([element.name for element in elements]))
        for name in ("person", "observation", "episode")
        if (elements := context.disease.catalogue.of(name))
    }
    out = persons(by_table, context) | observations(by_table["observation"], context)
    out |= measurements(stated, confirmed, states, tested(profiles), context)
    out |= omics(profiles, out.tables, context)
    out |= conditions(stated, context)
    out |= episodes(by_table["episode"], out.tables["condition_occurrence"], context)
    out |= procedures(stated, context)
    given = drugs(stated, context)
    out |= given
    if given.tables["drug_exposure"].height:
        out |= with_lines(out.tables, pl.concat(given.lineage), context)
    out |= follow_up(stated, out.tables, context)
    lineage = table("lineage").shape(pl.concat(out.lineage, how="diagonal_relaxed"))
    order = ("table_name", "row_id", "file", "columns", "row")
    tables = {**out.tables, "lineage": lineage.sort(order)}
    return {name: frame for name, frame in tables.items() if frame.height}
