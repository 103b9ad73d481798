"""Findings from variant calls: positive, negative, and, where nobody looked, nothing.

A call alone says *positive*. *Negative* needs an assay: the contribution declares which genes were
tested in whom, and a tested patient without a call is negative. Rules such as
``gene=IDH2; protein=R140`` stand in the catalogue beside the element they define.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise import hgvs
from haemony.harmonise.facts import FACTS
from haemony.harmonise.genes import Approved, Mangled, Unknown, approve
from haemony.intake.contribution import Assay
from haemony.intake.dictionary import EVERY
from haemony.intake.readers.assembly import assembly_of, chromosome_name, chromosomes
from haemony.model.element import Catalogue, Element, Finding
from haemony.model.errors import UsageError
from haemony.privacy.payload import SET_ASIDE
from haemony.privacy.protect import PERSON, Protected

CALLED = "variant_gene"
REJECTED = "rejected"
SHORT = "protein_short"
HARMLESS = "not oncogenic"
"""Significance of a call that is kept and never makes a finding positive (a silent variant)."""
UNKNOWN = "its assay lists no gene of this name, and none is known"


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
            match &= pl.col(SHORT).str.contains(rf"^p\.\(?{self.protein}(\D|$)")
        if self.type:
            match &= pl.col("variant_type") == self.type
        if self.not_type:
            match &= pl.col("variant_type").ne_missing(self.not_type)
        carriers = calls.filter(match.fill_null(value=False)).group_by(PERSON)
        counted = carriers.agg(pl.len().alias("n"), pl.col("row").min())
        return counted.filter(pl.col("n") >= self.calls).select(PERSON, "row").sort(PERSON)


@dataclass(frozen=True)
class Named:
    """Calls under approved symbols.

    Attributes:
        stated: The facts without the calls whose gene cannot be told.
        set_aside: Those calls, with the reason.
        untold: ``person_id``, ``file`` and each ``gene`` that such a call may lie in; null where it
            may be any. None of these is negative in this person.
    """

    stated: pl.DataFrame
    set_aside: pl.DataFrame
    untold: pl.DataFrame


def approve_symbols(protected: Protected, stated: pl.DataFrame, catalogue: Catalogue) -> Named:
    """Write every gene under its approved symbol; keep aside the calls whose symbol names no gene.

    A symbol that a spreadsheet spoilt, or that several genes have borne, is never guessed. One that
    nobody knows is kept as it was written, unless the assay of its table lists the genes it tested.

    Args:
        protected: The contribution, for its assays.
        stated: Its facts; calls are the ``variant`` records among them.
        catalogue: Its genes, which are known beside the history of symbols.
    """
    place = ["file", "row"]
    is_gene = pl.col("element") == CALLED
    where = stated.filter(pl.col("element") == "variant_chromosome").unique(place, keep="first")
    where = where.select(*place, pl.col("code").alias("chromosome"))
    called = stated.filter(is_gene).join(where, on=place, how="left", maintain_order="left")
    called = called.with_columns(pl.col("chromosome").fill_null(""))
    panels = _panels(protected)
    asked = called.select("file", "code", "chromosome").unique(maintain_order=True)
    told = [
        _symbol(code, chromosome, panels.get(file), catalogue)
        for file, code, chromosome in asked.iter_rows()
    ]
    answers = pl.concat([asked, pl.DataFrame(told, _SYMBOLS, orient="row")], how="horizontal")
    called = called.join(answers, on=asked.columns, how="left", maintain_order="left")
    nameless = called.filter(pl.col("reason").is_not_null())
    kept, aside = _without_calls(stated, nameless.unique(place, keep="first"), catalogue)
    key = [*place, "column", "element"]
    symbols = called.select(*key, "symbol")
    kept = kept.join(symbols, on=key, how="left", maintain_order="left")
    approved = pl.when(is_gene).then("symbol").otherwise("code").alias("code")
    genes = pl.when(pl.col("genes").list.len() > 0).then("genes").alias("gene")
    untold = nameless.select(PERSON, "file", genes).explode("gene")
    return Named(kept.with_columns(approved).drop("symbol"), aside, untold)


def _panels(protected: Protected) -> Mapping[str, frozenset[str]]:
    """The genes that a file's assays list; files with an exome, or without an assay, have none."""
    listed: dict[str, set[str]] = {}
    for assay in protected.description.assays:
        listed.setdefault(protected.tables[assay.calls].file, set()).update(assay.genes)
    return {file: frozenset(genes) for file, genes in listed.items() if EVERY not in genes}


_SYMBOLS = pl.Schema(
    [("symbol", pl.String()), ("reason", pl.String()), ("genes", pl.List(pl.String()))]
)


def _symbol(
    written: str, chromosome: str, panel: frozenset[str] | None, catalogue: Catalogue
) -> tuple[str, str | None, list[str]]:
    """The symbol to write; why its call cannot be used, and the genes that may be meant."""
    if written in catalogue.genes:
        return written, None, []
    answer = approve(written, catalogue.genes, chromosome=chromosome)
    if isinstance(answer, Approved):
        return answer.symbol, None, []
    if isinstance(answer, Unknown):
        known = panel is None or written in panel
        return written, None if known else UNKNOWN, []
    said = answer.reason if isinstance(answer, Mangled) else "several genes have borne its name"
    genes = list(answer.candidates)
    may = f"; it may be {' or '.join(genes)}" if genes else ""
    return written, f"its gene cannot be told: {said}{may}", genes


def _without_calls(
    stated: pl.DataFrame, calls: pl.DataFrame, catalogue: Catalogue
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part facts from the whole calls (``file``, ``row``, ``reason``) that cannot be used."""
    parts = pl.col("element").is_in([element.name for element in catalogue.of("variant")])
    why = calls.select("file", "row", "reason")
    lost = stated.filter(parts).join(why, on=["file", "row"], maintain_order="left")
    kept = stated.join(lost, on=["file", "row", "element"], how="anti", maintain_order="left")
    stage = pl.lit("harmonise").alias("stage")
    return kept, lost.select(stage, "file", "row", "column", "element", "reason").cast(SET_ASIDE)


def drop_misplaced(stated: pl.DataFrame, catalogue: Catalogue) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep aside positions that cannot be; the call itself, with its names, is kept.

    A position lies on its chromosome, and one substitution has one position: where a file gives the
    same change two, the rarer one counts from another base or belongs to another assembly.
    """
    calls = records(stated, "variant", catalogue)
    if not calls.height or not calls["variant_position"].count():
        return stated, pl.DataFrame(schema=SET_ASIDE)
    doubted = pl.concat([_beyond(calls), _elsewhere(calls)])
    doubted = doubted.unique(["file", "row"], keep="first", maintain_order=True)
    position = stated.filter(pl.col("element") == "variant_position")
    lost = position.join(doubted, on=["file", "row"], maintain_order="left")
    kept = stated.join(lost, on=["file", "row", "element"], how="anti", maintain_order="left")
    stage = pl.lit("harmonise").alias("stage")
    return kept, lost.select(stage, "file", "row", "column", "element", "reason").cast(SET_ASIDE)


def _beyond(calls: pl.DataFrame) -> pl.DataFrame:
    """Positions behind the end of their chromosome: ``file``, ``row``, ``reason``."""
    lengths = [
        (assembly, name, chromosome.length)
        for assembly, known in chromosomes().items()
        for name, chromosome in known.items()
    ]
    names = ["assembly", "chromosome", "length"]
    texts = calls.select("variant_assembly", "variant_chromosome").unique().drop_nulls()
    meant = pl.DataFrame(
        [(*pair, assembly_of(pair[0]), chromosome_name(pair[1])) for pair in texts.iter_rows()],
        schema=[*texts.columns, *names[:2]],
        schema_overrides=dict.fromkeys([*texts.columns, *names[:2]], pl.String),
        orient="row",
    )
    ends = meant.join(pl.DataFrame(lengths, names, orient="row"), on=names[:2])
    placed = calls.join(ends, on=texts.columns, maintain_order="left")
    reason = pl.format("it lies behind the end of its chromosome in {}", "assembly").alias("reason")
    return placed.filter(pl.col("variant_position") > pl.col("length")).select(
        "file", "row", reason
    )


def _elsewhere(calls: pl.DataFrame) -> pl.DataFrame:
    """Substitutions placed elsewhere than most of their kind: ``file``, ``row``, ``reason``."""
    names = ("assembly", "chromosome", "gene", "transcript", "coding", "protein", "reference",
             "alternate")  # fmt: skip
    change = ["file", *(f"variant_{name}" for name in names)]
    base = "^[ACGT]$"
    single = calls.filter(
        pl.col("variant_reference").str.contains(base),
        pl.col("variant_alternate").str.contains(base),
        pl.col("variant_coding").is_not_null(),
        pl.col("variant_position").is_not_null(),
    )
    placed = single.group_by([*change, "variant_position"]).agg("row", pl.len().alias("n"))
    of_change = placed.with_columns(
        pl.len().over(change).alias("places"),
        (pl.col("n") == pl.col("n").max()).sum().over(change).alias("leaders"),
        pl.col("n").max().over(change).alias("most"),
        (pl.col("variant_position").max() - pl.col("variant_position").min())
        .over(change)
        .alias("span"),
    )
    doubted = of_change.filter(
        pl.col("places") > 1, (pl.col("n") < pl.col("most")) | (pl.col("leaders") > 1)
    )
    reason = (
        pl.when(pl.col("span") == 1)
        .then(pl.lit("one base beside the same change in other rows: counted from 0 or from 1?"))
        .otherwise(pl.lit("elsewhere than the same change in other rows: another assembly?"))
        .alias("reason")
    )
    return doubted.select("file", "row", reason).explode("row").sort("file", "row")


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


def findings(
    protected: Protected, stated: pl.DataFrame, untold: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """Derive three-valued findings from variant calls.

    Args:
        protected: The contribution, for its assays and the patients they tested.
        stated: Its facts; calls are the ``variant`` records among them.
        untold: Genes that are not negative in a person, as in :class:`Named`.
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
        open_ = untold.filter(pl.col("file") == file)
        for element in catalogue.values():
            if not element.from_variants or element.method != assay.method:
                continue
            rule = VariantRule.parse(element.from_variants)
            if rule.gene in genes:
                carriers = rule.carriers(by_gene.get((rule.gene,), calls.clear()))
                may = open_.filter(pl.col("gene").is_null() | (pl.col("gene") == rule.gene))
                sure = tested if may.is_empty() else _sure(tested, carriers, may)
                derived.append(_finding(element, carriers, sure, file, column))
    return pl.concat(derived)


def _sure(tested: pl.DataFrame, carriers: pl.DataFrame, may: pl.DataFrame) -> pl.DataFrame:
    """The tested whose answer is known: a call whose gene cannot be told leaves it open."""
    left_open = may.join(carriers, on=PERSON, how="anti")
    return tested.join(left_open, on=PERSON, how="anti", maintain_order="left")


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
    calls = records(stated, "variant", catalogue).filter(pl.col("file") == file)
    return calls.with_columns(_short(calls["variant_protein"])), file, column


def _short(proteins: pl.Series) -> pl.Series:
    """Protein changes in one-letter code, whichever code they were written in.

    What is no HGVS name stays as it was written.
    """
    read = hgvs.table(proteins, "p")["short"]
    return pl.select(pl.coalesce(read, proteins.cast(pl.String)).alias(SHORT)).to_series()


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
