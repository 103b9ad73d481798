"""Annotations inside a VCF: VEP's CSQ and SnpEff's ANN, one transcript chosen and said why.

An annotator lists every transcript that a variant touches. One is taken, by the order that stands
in `CHOICES`, and the reason stays beside it; nothing is looked up, so a file that flags neither
MANE nor canonical transcripts gets the first one its annotator listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

MANE, CANONICAL, FIRST = "MANE Select", "canonical", "first listed"
CHOICES = (MANE, CANONICAL, FIRST)
"""Which transcript is taken, best first."""

ANNOTATED = ("gene", "transcript", "coding", "protein", "consequence", "transcript_choice")

_CSQ_NAMES = {
    "gene": ("SYMBOL", "Gene"),
    "transcript": ("Feature",),
    "coding": ("HGVSc",),
    "protein": ("HGVSp",),
    "consequence": ("Consequence",),
}
_ANN_NAMES = {
    "gene": ("Gene_Name",),
    "transcript": ("Feature_ID",),
    "coding": ("HGVS.c",),
    "protein": ("HGVS.p",),
    "consequence": ("Annotation",),
}
_FORMAT = re.compile(r"(?:Format|annotations)\s*:\s*'?\s*(?P<fields>[^\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Annotator:
    """How one INFO entry lists its transcripts.

    Attributes:
        key: ``CSQ`` or ``ANN``.
        fields: The fields of one entry, in their order.
    """

    key: str
    fields: tuple[str, ...]

    @classmethod
    def of(cls, descriptions: Mapping[str, str]) -> Annotator | None:
        """The annotator that a header's INFO descriptions declare, VEP before SnpEff."""
        for key in ("CSQ", "ANN"):
            match = _FORMAT.search(descriptions.get(key, ""))
            if match:
                fields = (field.strip(" '") for field in match["fields"].split("|"))
                return cls(key, tuple(fields))
        return None

    @property
    def _names(self) -> Mapping[str, tuple[str, ...]]:
        return _CSQ_NAMES if self.key == "CSQ" else _ANN_NAMES

    def _field(self, *names: str) -> pl.Expr:
        """The first of several fields that the entry has and fills."""
        places = [self.fields.index(name) for name in names if name in self.fields]
        parts = [pl.col("parts").list.get(place, null_on_oob=True) for place in places]
        filled = [pl.when(part != "").then(part) for part in parts]
        return pl.coalesce(*filled) if filled else pl.lit(None, pl.String)

    def chosen(self, alleles: pl.DataFrame) -> pl.DataFrame:
        """One transcript for every allele: columns `record`, `number` and `ANNOTATED`.

        Args:
            alleles: ``record``, ``number`` (from 1), ``reference``, ``alternate``, ``info``.
        """
        entries = self._entries(alleles)
        wanted = alleles.select("record", "number", self._spelling().alias("allele"))
        found = wanted.join(entries, on=["record", "allele"], how="inner")
        if "ALLELE_NUM" in self.fields:
            found = found.filter(pl.col("of") == pl.col("number").cast(pl.String))
        total = max(1, entries.height)
        key = pl.col("rank").cast(pl.Int64) * total + pl.col("order")
        best = found.group_by("record", "number").agg(key.min().alias("key"))
        ranked = best.sort("record", "number").with_columns(
            (pl.col("key") // total).alias("rank"), (pl.col("key") % total).alias("order")
        )
        taken = entries["entry"].gather(ranked["order"]).str.split("|").alias("parts")
        return (
            ranked.with_columns(taken)
            .select(
                "record",
                "number",
                *(self._field(*names).alias(name) for name, names in self._names.items()),
                pl.col("rank")
                .replace_strict(range(len(CHOICES)), CHOICES)
                .alias("transcript_choice"),
            )
            .with_columns(
                _bare("coding"), _bare("protein"), pl.col("consequence").str.replace_all("&", " & ")
            )
        )

    def _entries(self, alleles: pl.DataFrame) -> pl.DataFrame:
        """Every transcript of every record, in the order of the file, with its rank."""
        behind = pl.concat_str(pl.lit(";"), "info").str.splitn(f";{self.key}=", 2)
        listed = behind.struct.field("field_1").str.splitn(";", 2).struct.field("field_0")
        per_record = alleles.filter(pl.col("number") == 1).select(
            "record", listed.str.split(",").alias("entry")
        )
        return (
            per_record.drop_nulls("entry")
            .explode("entry")
            .with_columns(pl.col("entry").str.split("|").alias("parts"))
            .with_columns(
                pl.int_range(pl.len()).alias("order"),
                self._field("Allele").fill_null("").alias("allele"),
                self._field("ALLELE_NUM").alias("of"),
                self._rank().alias("rank"),
            )
            .drop("parts")
        )

    def _rank(self) -> pl.Expr:
        mane = self._field("MANE_SELECT", "MANE").is_not_null()
        canonical = self._field("CANONICAL") == "YES"
        return pl.when(mane).then(0).when(canonical).then(1).otherwise(2)

    def _spelling(self) -> pl.Expr:
        """How the annotator writes an allele: VEP drops the base that all of a record share."""
        alternate = pl.col("alternate")
        if self.key == "ANN":
            return alternate
        shared = (
            alternate.str.slice(0, 1).eq(pl.col("reference").str.slice(0, 1)).all().over("record")
        )
        alike = alternate.str.len_bytes() == pl.col("reference").str.len_bytes()
        plain = pl.col("alternate").str.contains("^[ACGTNacgtn*]+$").all().over("record")
        trimmed = alternate.str.slice(1).replace("", "-")
        return (
            pl.when(shared & ~alike.all().over("record") & plain).then(trimmed).otherwise(alternate)
        )


def _bare(name: str) -> pl.Expr:
    """An HGVS name without the accession that its own column holds."""
    text = pl.col(name).str.replace(r"^[^:]*:", "").str.replace_all("%3D", "=", literal=True)
    return text.alias(name)
