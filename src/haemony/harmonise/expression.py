"""Expression by gene: probes named by approved symbols, and one row per gene by a named rule.

The matrix itself is read by `haemony.intake.readers.expression`; its names are given here too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import polars as pl

from haemony.harmonise.genes import Approved, Unknown, approve
from haemony.intake.readers.expression import (
    FORMAT,
    MISSING,
    Expression,
    Matrix,
    Orientation,
    Scale,
    UnreadableMatrix,
    read_annotation,
    read_expression,
    scale_of,
)

__all__ = [
    "Expression",
    "Orientation",
    "Scale",
    "Summary",
    "UnreadableMatrix",
    "annotated",
    "by_gene",
    "gene_of",
    "load",
    "read_annotation",
    "read_expression",
    "scale_of",
    "write",
]


class Summary(StrEnum):
    """Which probe stands for a gene that several probes measure."""

    HIGHEST_MEAN = "probe with the highest mean"
    HIGHEST_VARIANCE = "probe with the highest variance"
    FIRST = "first probe of the file"


def annotated(expression: Expression, annotation: Mapping[str, str]) -> Expression:
    """Name the gene of every probe, approved.

    A probe of several genes (``A /// B``) and a symbol that is ambiguous or that a spreadsheet has
    spoilt name no gene; how many there were stands in the notes. A symbol that the history of genes
    does not hold stays as it is.

    Args:
        expression: The matrix.
        annotation: Symbol of every probe; a repeated probe is looked up without its number.
    """
    known: dict[str, str | None] = {}
    reasons: Counter[str] = Counter()
    genes: list[str | None] = []
    for probe in expression.probes:
        text = annotation.get(probe) or annotation.get(probe.rpartition("#")[0]) or ""
        if text not in known:
            known[text] = gene_of(text)
        genes.append(known[text])
        if known[text] is None:
            reasons["without a symbol" if not text else "of several genes or none"] += 1
    notes = [f"{count} probe(s) {reason}" for reason, count in sorted(reasons.items())]
    return replace(expression, genes=tuple(genes), notes=(*expression.notes, *notes))


def gene_of(text: str) -> str | None:
    """The approved gene that a symbol names; none where it names several, or is spoilt.

    >>> gene_of("MLL"), gene_of("ABL1 /// BCR"), gene_of("1-Mar")
    ('KMT2A', None, None)
    """
    symbol = text.strip()
    if (
        not symbol
        or symbol in {"---", *MISSING}
        or any(mark in symbol for mark in ("//", ";", ","))
    ):
        return None
    answer = approve(symbol)
    if isinstance(answer, Approved):
        return answer.symbol
    return symbol if isinstance(answer, Unknown) else None


def by_gene(expression: Expression, summary: Summary) -> Expression:
    """One row per gene, that of the probe which the rule chooses; genes in alphabetical order.

    Ties go to the probe that comes first in the file. Rows are named by their gene.
    """
    groups: dict[str, list[int]] = {}
    for place, gene in enumerate(expression.genes):
        if gene is not None:
            groups.setdefault(gene, []).append(place)
    ranks = _ranks(expression.values, summary)
    names = tuple(sorted(groups))
    chosen = [max(groups[name], key=lambda place: (ranks[place], -place)) for name in names]
    values = expression.values[chosen]
    unnamed = sum(gene is None for gene in expression.genes)
    note = (
        f"{len(names)} genes from {len(expression.probes) - unnamed} probes by the "
        f"{summary}; {unnamed} probe(s) without a gene left out"
    )
    return replace(
        expression,
        values=values,
        probes=tuple(expression.probes[place] for place in chosen),
        genes=names,
        missing=int(np.isnan(values).sum()),
        notes=(*expression.notes, note),
    )


def _ranks(values: Matrix, summary: Summary) -> Sequence[float]:
    """What a probe is chosen by, summed in 64 bits; a probe without any value comes last."""
    if summary is Summary.FIRST:
        return [0.0] * len(values)
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    safe = np.maximum(counts, 1)
    filled = np.where(known, values, 0).astype(np.float64)
    means = filled.sum(axis=1) / safe
    found = means
    if summary is Summary.HIGHEST_VARIANCE:
        found = (np.where(known, filled - means[:, None], 0) ** 2).sum(axis=1) / safe
    ranked: list[float] = np.where(counts > 0, found, -np.inf).tolist()
    return ranked


def write(expression: Expression, path: Path) -> None:
    """Write the matrix as Parquet, one column per sample, with its facts in the footer."""
    expression.frame().write_parquet(
        path, compression="zstd", statistics=False, metadata=dict(expression.facts())
    )


def load(path: Path) -> Expression:
    """Read back what `write` has written."""
    facts = pl.read_parquet_metadata(path)
    if facts.get("haemony.format") != FORMAT:
        raise UnreadableMatrix(
            path.name, "this Parquet file was not written as an expression matrix"
        )
    frame = pl.read_parquet(path, glob=False)
    missing, unreadable, duplicates = json.loads(facts["haemony.counts"])
    return Expression(
        values=frame.drop("probe", "gene").to_numpy(order="c"),
        probes=tuple(frame["probe"]),
        samples=tuple(frame.columns[2:]),
        genes=tuple(frame["gene"]),
        scale=Scale(facts["haemony.scale"]),
        missing=missing,
        unreadable=unreadable,
        duplicates=duplicates,
        notes=tuple(json.loads(facts["haemony.notes"])),
    )
