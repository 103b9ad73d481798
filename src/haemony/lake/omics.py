"""Expression and copy number of a release, as tables of persons that an analysis can take."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from haemony.harmonise.copynumber import Measure
from haemony.harmonise.expression import Expression, Scale, Summary, by_gene
from haemony.lake.errors import UnknownContribution
from haemony.model.errors import UsageError

if TYPE_CHECKING:
    from haemony.lake.release import Release


class NotOneMatrix(UsageError):
    """Expression was asked for, and it is not clear which."""

    def __init__(self, having: Collection[str]) -> None:
        self.having = tuple(having)
        several = "matrices of several contributions are never mixed; name one `contribution` of: "
        none = "the release holds no expression matrix; `expression` in contribution.yaml names it"
        super().__init__(f"{several}{', '.join(having)}" if having else none)


class NotMeasured(UsageError):
    """A matrix has no probe, or no gene, of this name."""

    def __init__(self, name: str, what: str, known: Iterable[str]) -> None:
        self.name = name
        near = get_close_matches(name, list(known), n=3)
        hint = f"; near: {', '.join(near)}" if near else "; `expression_probe` lists what it has"
        super().__init__(f"the matrix has no {what} {name!r}{hint}")


def matrix(release: Release, contribution: str | None = None) -> Expression:
    """The expression matrix of a contribution: its samples are persons, by their id.

    Args:
        release: What holds it.
        contribution: Whose; needed where several bring one.

    Raises:
        NotOneMatrix: When there is none, or several and none is named.
        UnknownContribution: When the one named brings none.
    """
    having = [part.contribution for part in release.manifest.of("expression") if part.rows]
    if contribution is None and len(having) != 1:
        raise NotOneMatrix(having)
    if contribution is not None and contribution not in having:
        raise UnknownContribution(contribution, having)
    whose = contribution or having[0]
    rows = release.part("expression", whose)
    probes = release.part("expression_probe", whose)
    flat = rows["expression_values"].explode().to_numpy()
    values = np.ascontiguousarray(flat.reshape(rows.height, probes.height).T)
    return Expression(
        values=values,
        probes=tuple(probes["probe"]),
        samples=tuple(rows["person_id"].cast(pl.String)),
        genes=tuple(probes["gene"]),
        scale=Scale(rows["scale"][0]),
        missing=int(np.isnan(values).sum()),
        unreadable=0,
        duplicates=0,
    )


def of_genes(given: Expression, genes: Collection[str] | None, summary: Summary) -> pl.DataFrame:
    """One row per person, one column per gene; all that have a probe unless named."""
    if genes is not None:
        _check(genes, "gene", {gene for gene in given.genes if gene})
    wanted = set(given.genes if genes is None else genes) - {None}
    places = [place for place, gene in enumerate(given.genes) if gene in wanted]
    one = by_gene(_rows(given, places), summary)
    frame = _frame(one, one.genes)
    return frame.select("person_id", *genes) if genes is not None else frame


def of_probes(given: Expression, probes: Collection[str] | None) -> pl.DataFrame:
    """One row per person, one column per probe; all of them unless named."""
    if probes is None:
        return _frame(given, given.probes)
    _check(probes, "probe", set(given.probes))
    at = {probe: place for place, probe in enumerate(given.probes)}
    return _frame(_rows(given, [at[probe] for probe in probes]), probes)


def segments(table: pl.DataFrame) -> pl.DataFrame:
    """Segments with their mean log2 ratio, stated or following from the copies; null of no copy."""
    follows = pl.when(pl.col("copies") > 0).then((pl.col("copies") / 2).log(2))
    stated = pl.col("measure") == Measure.LOG2_RATIO
    ratio = pl.when(stated).then("value").otherwise(follows).alias("log2_ratio")
    return table.drop("segment_id", "measurement_id").with_columns(ratio)


def _rows(given: Expression, places: list[int]) -> Expression:
    return Expression(
        values=given.values[places],
        probes=tuple(given.probes[place] for place in places),
        samples=given.samples,
        genes=tuple(given.genes[place] for place in places),
        scale=given.scale,
        missing=0,
        unreadable=0,
        duplicates=0,
    )


def _frame(given: Expression, names: Iterable[str | None]) -> pl.DataFrame:
    """Persons by names; what is missing is null."""
    persons = pl.Series("person_id", given.samples).cast(pl.Int64)
    columns = [
        pl.Series(name, values, dtype=pl.Float32, nan_to_null=True)
        for name, values in zip(names, given.values, strict=True)
    ]
    return pl.DataFrame([persons, *columns])


def _check(names: Collection[str], what: str, known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise NotMeasured(name, what, known)
