"""Findings from variant calls: positive, negative, and, where nobody looked, nothing.

A call alone says *positive*. *Negative* needs an assay: the contribution declares which genes were
tested in whom, and a tested patient without a call is negative. Rules such as
``gene=IDH2; protein=R140`` stand in the catalogue beside the element they define.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from haemony.harmonise.facts import FACTS
from haemony.intake.contribution import Assay
from haemony.intake.dictionary import EVERY
from haemony.model.element import Catalogue, Element, Finding
from haemony.model.errors import UsageError
from haemony.privacy.payload import SET_ASIDE
from haemony.privacy.protect import PERSON, Protected

CALLED = "variant_gene"
REJECTED = "rejected"
HARMLESS = "not oncogenic"
"""Significance of a call that is kept and never makes a finding positive (a silent variant)."""


class VariantRuleSlip(UsageError):
    """A rule over variant calls cannot be understood."""

    def __init__(self, rule: str, part: str) -> None:
        self.rule, self.part = rule, part
        super().__init__(
            f"the variant rule {rule!r} cannot be understood at {part!r}; write e.g. "
            "'gene=IDH2; protein=R140', 'gene=KMT2A; type!=PTD' or 'gene=CEBPA; calls>=2'"
        )


@dataclass(frozen=True, slots=True)
class VariantRule:
    """Which calls make a finding positive.

    Example:
        >>> VariantRule.parse("gene=CEBPA; calls>=2").calls
        2
    """

    gene: str
    protein: str = ""
    type: str = ""
    not_type: str = ""
    calls: int = 1

    @classmethod
    def parse(cls, text: str) -> VariantRule:
        """Read a rule as it stands in the catalogue."""
        given: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in text.split(";"))):
            for sign, suffix in (("!=", "not_"), (">=", ""), ("=", "")):
                name, found, value = part.partition(sign)
                if found:
                    given[suffix + name.strip()] = value.strip()
                    break
            else:
                raise VariantRuleSlip(text, part)
        unknown = set(given) - {"gene", "protein", "type", "not_type", "calls"}
        if unknown or "gene" not in given:
            raise VariantRuleSlip(text, ", ".join(sorted(unknown)) or text)
        calls = int(given.pop("calls", "1"))
        return cls(calls=calls, **given)

    def carriers(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Persons with enough matching calls: ``person_id`` and the first call's ``row``.

        Args:
            calls: The calls of this rule's gene.
        """
        match = pl.col("variant_significance").ne_missing(HARMLESS)
        if self.protein:
            match &= pl.col("variant_protein").str.contains(rf"^p\.\(?{self.protein}(\D|$)")
        if self.type:
            match &= pl.col("variant_type") == self.type
        if self.not_type:
            match &= pl.col("variant_type").ne_missing(self.not_type)
        carriers = calls.filter(match.fill_null(value=False)).group_by(PERSON)
        counted = carriers.agg(pl.len().alias("n"), pl.col("row").min())
        return counted.filter(pl.col("n") >= self.calls).select(PERSON, "row").sort(PERSON)


def approve_symbols(stated: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Write every gene under its approved symbol; unknown ones stay as they are."""
    approved = pl.col("code").replace(dict(catalogue.symbols))
    is_gene = pl.col("element") == CALLED
    return stated.with_columns(pl.when(is_gene).then(approved).otherwise("code").alias("code"))


def drop_rejected(stated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep aside the whole row of every call that its laboratory did not accept."""
    rejected = stated.filter(
        (pl.col("element") == "variant_call") & (pl.col("code") == REJECTED)
    ).select("file", "row")
    kept = stated.join(rejected, on=["file", "row"], how="anti", maintain_order="left")
    aside = stated.join(rejected, on=["file", "row"], how="semi", maintain_order="left")
    reason = pl.lit("the laboratory did not accept the call").alias("reason")
    stage = pl.lit("harmonise").alias("stage")
    return kept, aside.select(stage, "file", "row", "column", "element", reason).cast(SET_ASIDE)


def records(stated: pl.DataFrame, table: str, catalogue: Catalogue) -> pl.DataFrame:
    """One row per source row of a record table: ``person_id``, ``file``, ``row``, its elements."""
    elements = catalogue.of(table)
    names = [element.name for element in elements]
    mine = stated.filter(pl.col("element").is_in(names))
    key = ["person_id", "file", "row"]
    base = mine.select(key).unique(maintain_order=True).sort(key)
    for element in elements:
        column = "number" if element.type.is_numeric else "code"
        values = mine.filter(pl.col("element") == element.name)
        values = values.select(*key, pl.col(column).alias(element.name))
        base = base.join(values, on=key, how="left", maintain_order="left")
    return base


def findings(protected: Protected, stated: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Derive three-valued findings from variant calls.

    Args:
        protected: The contribution, for its assays and the patients they tested.
        stated: Its facts; calls are the ``variant`` records among them.
        catalogue: Elements with ``from_variants`` rules.

    Returns:
        Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
    """
    derived = [pl.DataFrame(schema=FACTS)]
    for assay in protected.description.assays:
        calls, file, column = _calls(protected, stated, catalogue, assay)
        by_gene = calls.partition_by("variant_gene", as_dict=True)
        tested = protected.tables[assay.tested].frame.select(PERSON).unique().sort(PERSON)
        genes = _covered(assay, catalogue)
        for element in catalogue.values():
            if not element.from_variants or element.method != assay.method:
                continue
            rule = VariantRule.parse(element.from_variants)
            if rule.gene in genes:
                carriers = rule.carriers(by_gene.get((rule.gene,), calls.clear()))
                derived.append(_finding(element, carriers, tested, file, column))
    return pl.concat(derived)


def _covered(assay: Assay, catalogue: Catalogue) -> set[str]:
    """The genes of an assay under their approved symbols; all of the catalogue for an exome."""
    if EVERY in assay.genes:
        return set(catalogue.genes)
    return {catalogue.symbols.get(gene, gene) for gene in assay.genes}


def _calls(
    protected: Protected, stated: pl.DataFrame, catalogue: Catalogue, assay: Assay
) -> tuple[pl.DataFrame, str, str]:
    file = protected.tables[assay.calls].file
    column = next(
        entry.column for entry in protected.tables[assay.calls].entries if entry.element == CALLED
    )
    calls = records(stated, "variant", catalogue)
    return calls.filter(pl.col("file") == file), file, column


def _finding(
    element: Element, carriers: pl.DataFrame, tested: pl.DataFrame, file: str, column: str
) -> pl.DataFrame:
    both = tested.join(carriers, on=PERSON, how="left", maintain_order="left")
    positive = pl.col("row").is_not_null()
    return both.select(
        PERSON,
        pl.lit(element.name).alias("element"),
        pl.lit(0, pl.Int32).alias("day"),
        pl.lit(None, pl.Float64).alias("number"),
        pl.when(positive)
        .then(pl.lit(Finding.POSITIVE.value))
        .otherwise(pl.lit(Finding.NEGATIVE.value))
        .alias("code"),
        pl.lit(file).alias("file"),
        pl.col("row"),
        pl.lit(column).alias("column"),
    )
