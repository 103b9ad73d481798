"""Mutation Annotation Format: tab-separated, below comment lines, one row per variant and sample.

As a table a MAF is read like any other text, with its comments left above the header. `read_maf`
gives the same calls as a VCF does, from the columns that the field's tools write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from haemony.intake.readers import delimited
from haemony.intake.readers.alleles import CALLS, normalised
from haemony.intake.readers.assembly import assembly_of, chromosome_name, settle
from haemony.intake.readers.dialect import Dialect
from haemony.intake.readers.encoding import Text, decode
from haemony.intake.readers.errors import UnreadableFile
from haemony.intake.readers.headers import unique_names
from haemony.intake.readers.limits import Limits, unpacked
from haemony.intake.readers.numerals import detect_decimal
from haemony.intake.readers.plain import plain_frame
from haemony.intake.readers.table import Defect, Layout, RawTable

tables = delimited.tables

_LIMITS = Limits()
_TAB = Dialect("\t", "")
_COLUMNS = {
    "sample": ("Tumor_Sample_Barcode",),
    "gene": ("Hugo_Symbol",),
    "consequence": ("Variant_Classification",),
    "transcript": ("Transcript_ID", "Feature", "RefSeq", "i_transcript_name"),
    "coding": ("HGVSc", "cDNA_Change", "txChange"),
    "protein": (
        "HGVSp_Short",
        "HGVSp",
        "Protein_Change",
        "Amino_Acid_Change",
        "AAChange",
        "aaChange",
    ),
    "build": ("NCBI_Build",),
    "chromosome": ("Chromosome", "Chrom"),
    "position": ("Start_Position",),
    "reference": ("Reference_Allele",),
    "alternate": ("Tumor_Seq_Allele2",),
    "first_alternate": ("Tumor_Seq_Allele1",),
    "filter": ("FILTER",),
    "depth": ("t_depth",),
    "alternate_reads": ("t_alt_count",),
    "reference_reads": ("t_ref_count",),
    "percent": ("i_TumorVAF_WU",),
}
_MISSING = ["NA", "N/A", ".", "[Not Available]", "__UNKNOWN__"]
"""What stands in MAFs for no value; ``-`` is an empty allele."""

_NEEDED = ("sample", "gene", "chromosome", "position", "reference", "alternate")


class IncompleteMaf(UnreadableFile):
    """A MAF lacks columns without which its rows are no variants."""

    def __init__(self, path: Path, absent: Sequence[str]) -> None:
        self.absent = tuple(absent)
        super().__init__(
            path,
            f"the MAF has no column {', '.join(absent)}",
            "export it again with these columns, or map it as an ordinary table",
        )


@dataclass(frozen=True, slots=True)
class Maf:
    """A MAF as calls.

    Attributes:
        assembly: The assembly its rows or the caller declare; empty where neither does.
        calls: Columns as in :data:`~haemony.intake.readers.alleles.CALLS`.
        defects: What was odd, in the order of the file.
    """

    assembly: str
    calls: pl.DataFrame
    defects: tuple[Defect, ...]


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read a MAF as a table of texts, its comment lines left out; cells are never quoted."""
    text = decode(unpacked(path, limits), layout.encoding)
    comments = _comments(text.content)
    header_row = layout.header_row or comments + 1
    told = replace(layout, delimiter="\t", quote="", header_row=header_row)
    if layout.header_row in {None, comments + 1} and not text.damaged and not text.assumed:
        quick = _plain(text, comments, path, told)
        if quick is not None:
            return quick
    return delimited.read(path, told, limits)


def _comments(content: str) -> int:
    """How many lines at the top begin with ``#``."""
    start = count = 0
    while content.startswith("#", start):
        end = content.find("\n", start)
        count, start = count + 1, len(content) if end < 0 else end + 1
    return count


def _plain(text: Text, comments: int, path: Path, layout: Layout) -> RawTable | None:
    """The fast way, for records that are all as wide as the header."""
    *_, rest = text.content.split("\n", comments)
    first, _, body = rest.partition("\n")
    names, renamed = unique_names(first.removesuffix("\r").split("\t"), comments + 1)
    frame = plain_frame(body, _TAB)
    if frame is None or frame.width != len(names):
        return None
    named = pl.DataFrame(
        [
            column.set(column == "", None).alias(name)
            for name, column in zip(names, frame, strict=True)
        ]
    )
    found = replace(layout, encoding=text.encoding, decimal=detect_decimal(named.head(1000)))
    name = delimited.table_name(path)
    return RawTable(name, path, named, found, defects=tuple(renamed))


def read_maf(path: Path, assembly: str = "", *, limits: Limits = _LIMITS) -> Maf:
    """Read a MAF as calls.

    Args:
        path: The file, with or without comment lines.
        assembly: What is declared about it; rows that say otherwise are an error.
        limits: How much a compressed file may expand to.

    Raises:
        IncompleteMaf: Without the columns that make a variant.
        AssemblyConflict: When two statements about the assembly differ.
    """
    raw = read(path, Layout(), limits)
    present = {name.lower(): name for name in raw.frame.columns}
    column = {
        name: next((present[s.lower()] for s in spellings if s.lower() in present), None)
        for name, spellings in _COLUMNS.items()
    }
    absent = [_COLUMNS[name][0] for name in _NEEDED if column[name] is None]
    if absent:
        raise IncompleteMaf(path, absent)
    known = raw.frame.select(
        pl.lit(None, pl.String).alias(name)
        if found is None
        else pl.col(found).replace(_MISSING, None).alias(name)
        for name, found in column.items()
    )
    builds = known["build"].unique().drop_nulls().sort()
    told = [("NCBI_Build", assembly_of(build)) for build in builds]
    settled = settle(path, [("the contribution", assembly_of(assembly) or assembly), *told])
    lines = pl.Series("line", [raw.row_number(index) for index in range(known.height)], pl.Int64)
    calls = _calls(known.with_columns(lines), settled)
    return Maf(settled, calls, raw.defects)


def _calls(known: pl.DataFrame, assembly: str) -> pl.DataFrame:
    contigs = {text: chromosome_name(text) for text in known["chromosome"].unique().drop_nulls()}
    integer = {
        name: pl.col(name).cast(pl.Int64, strict=False)
        for name in ("position", "depth", "alternate_reads", "reference_reads")
    }
    typed = known.with_columns(
        pl.col("chromosome").replace(contigs),
        pl.col("percent").cast(pl.Float64, strict=False),
        pl.lit(assembly or None, pl.String).alias("assembly"),
        pl.when(pl.col("alternate") == pl.col("reference"))
        .then("first_alternate")
        .otherwise("alternate")
        .alias("alternate"),
        **integer,
    )
    depth = pl.coalesce("depth", pl.col("alternate_reads") + pl.col("reference_reads"))
    least = normalised(typed.with_columns(depth.alias("depth")))
    counted = pl.when(pl.col("depth") > 0).then(100 * pl.col("alternate_reads") / pl.col("depth"))
    stated = (
        pl.when(counted.is_not_null())
        .then(pl.lit("t_alt_count"))
        .when(pl.col("percent").is_not_null())
        .then(pl.lit("stated by the caller"))
    )
    complete = least.with_columns(
        pl.coalesce(counted, "percent").alias("allele_fraction"),
        stated.alias("fraction_from"),
        pl.lit("carried").alias("call"),
        pl.when(pl.col("transcript").is_not_null())
        .then(pl.lit("as the MAF states"))
        .alias("transcript_choice"),
    )
    return complete.select(pl.col(name).cast(dtype) for name, dtype in CALLS.items())
