"""Variant Call Format 4: one row per alternate allele and sample.

The file counts from 1, and so does the table. A record is split by alternate allele and sample,
its alleles are written at their least (see `alleles`), the share of reads is computed (see
`genotypes`), and one transcript is chosen (see `annotation`). The record's own texts stay beside
what was made of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from haemony.intake.readers.alleles import CALLS, Kind, normalised
from haemony.intake.readers.annotation import ANNOTATED, Annotator
from haemony.intake.readers.assembly import (
    assembly_of,
    assembly_of_lengths,
    chromosome_name,
    settle,
)
from haemony.intake.readers.cells import empty_as_null, text_frame
from haemony.intake.readers.dialect import Dialect
from haemony.intake.readers.encoding import decode
from haemony.intake.readers.errors import UnreadableFile
from haemony.intake.readers.genotypes import NOT_CARRIED, per_sample, sample_column
from haemony.intake.readers.headers import unique_names
from haemony.intake.readers.limits import Limits, unpacked
from haemony.intake.readers.plain import plain_frame
from haemony.intake.readers.table import Defect, DefectKind, Layout, RawTable

FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
SOURCE = {
    "source_position": "POS",
    "source_reference": "REF",
    "source_alternate": "ALT",
    "identifier": "ID",
    "quality": "QUAL",
    "info": "INFO",
    "format": "FORMAT",
    "values": "values",
}
"""The record's own texts, which stand beside the calls in the table."""

_LIMITS = Limits()
_META = re.compile(r"##(?P<key>[^=]+)=(?P<value>.*)")
_PART = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')


class InvalidVcf(UnreadableFile):
    """The file begins as a VCF and cannot be one."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, cause, "write it again with the caller, or check it with bcftools")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the records.

    Attributes:
        version: Such as ``VCFv4.2``.
        reference: The text of ``##reference``, or empty.
        lengths: Length of every chromosome declared as a contig.
        descriptions: Description of every INFO entry.
        samples: The samples, in their order.
        line: The line of the column names.
    """

    version: str
    reference: str
    lengths: Mapping[str, int]
    descriptions: Mapping[str, str]
    contig_assemblies: tuple[str, ...]
    samples: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Vcf:
    """A VCF as calls.

    Attributes:
        header: What stands above the records.
        assembly: The assembly the header tells or the caller declared; empty where neither does.
        calls: Columns as in :data:`~haemony.intake.readers.alleles.CALLS`, then the record's texts.
        defects: What was odd, in the order of the file.
    """

    header: Header
    assembly: str
    calls: pl.DataFrame
    defects: tuple[Defect, ...]


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The one table of a VCF, named as the file."""
    del limits
    return (_name(path),)


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read a VCF as a table of texts; nothing in the layout matters.

    A position that is no number stands in the table as it was written, so that the check finds it.
    A row whose sample does not carry the allele names no gene, so that no dictionary, however it
    maps the rest, can make a variant of it.
    """
    del layout
    vcf = read_vcf(path, limits=limits)
    frame = text_frame(vcf.calls, path).with_columns(
        pl.coalesce("position", "source_position").alias("position"),
        pl.when(pl.col("call").is_in(NOT_CARRIED).not_().fill_null(value=True)).then("gene"),
    )
    return RawTable(_name(path), path, frame, Layout(), defects=vcf.defects)


def read_vcf(path: Path, assembly: str = "", *, limits: Limits = _LIMITS) -> Vcf:
    """Read a VCF of version 4, plain or compressed.

    Args:
        path: The file.
        assembly: What is declared about it; a header that says otherwise is an error.
        limits: How much a compressed file may expand to.

    Raises:
        InvalidVcf: Without a usable header.
        AssemblyConflict: When two statements about the assembly differ.
        UnreadableFile: As for any other file.
    """
    content = decode(unpacked(path, limits), "utf-8").content
    header, body = _header(content, path)
    records, lines, defects = _records(body, header)
    _check_size(records, header, path, limits)
    told = _assembly(header, assembly, path)
    calls = _calls(records.with_columns(lines.alias("line")), header, told)
    return Vcf(header, told, calls, (*_repeated(header), *defects))


def _name(path: Path) -> str:
    return re.sub(r"\.vcf$", "", path.stem, flags=re.IGNORECASE)


# The header


def _header(content: str, path: Path) -> tuple[Header, str]:
    lengths: dict[str, int] = {}
    descriptions: dict[str, str] = {}
    plain: dict[str, str] = {}
    assemblies: list[str] = []
    start = number = 0
    while start < len(content):
        end = content.find("\n", start)
        end = len(content) if end < 0 else end
        line, start, number = content[start:end].rstrip("\r"), end + 1, number + 1
        meta = _META.fullmatch(line)
        if meta is None:
            break
        parts = {key: value.strip('"') for key, value in _PART.findall(meta["value"])}
        if meta["key"] == "INFO":
            descriptions[parts.get("ID", "")] = parts.get("Description", "")
        elif meta["key"] == "contig":
            if parts.get("length", "").isdecimal():
                lengths[chromosome_name(parts.get("ID", ""))] = int(parts["length"][:12])
            assemblies.append(parts.get("assembly", ""))
        else:
            plain[meta["key"]] = meta["value"]
    version = plain.get("fileformat", "")
    if not version.startswith("VCFv4"):
        raise InvalidVcf(path, f"the version {version[:20]!r} is none of VCF 4")
    names = line.removeprefix("#").split("\t")
    if not line.startswith("#CHROM") or tuple(names[:8]) != FIXED:
        raise InvalidVcf(path, f"line {number} does not name the columns #CHROM to INFO")
    if len(names) > 8 and names[8] != "FORMAT":
        raise InvalidVcf(path, f"line {number} names {names[8][:20]!r} in the place of FORMAT")
    samples = tuple(names[9:])
    reference = plain.get("reference", "")
    header = Header(version, reference, lengths, descriptions, tuple(assemblies), samples, number)
    return header, content[start:]


def _assembly(header: Header, declared: str, path: Path) -> str:
    lengths = assembly_of_lengths(header.lengths)
    if len(lengths) > 1:
        first, second, *_ = sorted(lengths)
        told = [("the length of one ##contig", first), ("that of another", second)]
    else:
        told = [("the lengths of ##contig", next(iter(lengths), ""))]
    contigs = sorted({assembly_of(text) for text in header.contig_assemblies})
    told += [("the assembly of ##contig", name) for name in contigs]
    told.append(("##reference", assembly_of(header.reference)))
    return settle(path, [("the contribution", assembly_of(declared) or declared), *told])


def _repeated(header: Header) -> list[Defect]:
    """Sample names must differ; those that do not get a number."""
    return unique_names(header.samples, header.line)[1]


# The records


def _records(body: str, header: Header) -> tuple[pl.DataFrame, pl.Series, list[Defect]]:
    """The records as texts, the line of each, and what was odd."""
    names = [*FIXED, *(("FORMAT",) if header.samples else ())]
    names += [sample_column(place) for place in range(len(header.samples))]
    if not body.strip():
        nothing = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return nothing, pl.Series([], dtype=pl.Int64), []
    frame = plain_frame(body, Dialect("\t", ""))
    if frame is not None and frame.width == len(names):
        frame = pl.DataFrame([empty_as_null(column) for column in frame])
        lines = pl.int_range(frame.height, eager=True) + header.line + 1
        return frame.rename(dict(zip(frame.columns, names, strict=True))), lines, []
    return _uneven(body, names, header.line + 1)


def _uneven(
    body: str, names: list[str], first: int
) -> tuple[pl.DataFrame, pl.Series, list[Defect]]:
    """The same for a body with records of several widths, blank lines or odd characters."""
    texts = body.replace("\r\n", "\n").split("\n")
    while texts and not texts[-1]:
        texts.pop()
    numbered = [(first + index, text.split("\t")) for index, text in enumerate(texts)]
    blank = [
        Defect(number, None, DefectKind.BLANK_LINE, "this line is blank")
        for number, cells in numbered
        if cells == [""]
    ]
    records = [(number, cells) for number, cells in numbered if cells != [""]]
    width, last = len(names), records[-1][0]
    ragged = [
        _misfit(number, width, len(cells), is_last=number == last)
        for number, cells in records
        if len(cells) != width
    ]
    padding = [""] * width
    fitted = zip(*((cells + padding)[:width] for _, cells in records), strict=True)
    columns = [
        empty_as_null(pl.Series(name, cells, dtype=pl.String))
        for name, cells in zip(names, fitted, strict=True)
    ]
    lines = pl.Series([number for number, _ in records], dtype=pl.Int64)
    nul = [
        Defect(number, None, DefectKind.NUL, "a NUL character stands here")
        for number, text in enumerate(texts, first)
        if "\0" in text
    ]
    return pl.DataFrame(columns), lines, [*blank, *ragged, *nul]


def _misfit(line: int, expected: int, found: int, *, is_last: bool) -> Defect:
    cells = f"{expected} cells expected, {found} found"
    if found > expected:
        message = f"{cells}; the cells beyond the last sample are left out"
        return Defect(line, None, DefectKind.TOO_MANY_CELLS, message)
    if is_last:
        message = f"{cells} in the last record; the file may be cut off"
        return Defect(line, None, DefectKind.CUT_OFF, message)
    return Defect(line, None, DefectKind.TOO_FEW_CELLS, f"{cells}; the rest is empty")


def _check_size(records: pl.DataFrame, header: Header, path: Path, limits: Limits) -> None:
    """Refuse a file whose split records would fill the memory."""
    commas = records["ALT"].str.count_matches(",", literal=True).fill_null(0).cast(pl.Int64)
    alleles = int(commas.sum()) + records.height
    limits.check_cells(path, alleles * max(1, len(header.samples)), len(CALLS) + len(SOURCE))


# From records to calls


def _calls(records: pl.DataFrame, header: Header, assembly: str) -> pl.DataFrame:
    alleles = _alleles(records.with_row_index("record"))
    annotator = Annotator.of(header.descriptions)
    nothing = pl.when(pl.col("ALT") == ".").then(pl.lit(Kind.NONE.value)).otherwise("type")
    least = normalised(alleles).with_columns(nothing.alias("type"))
    if annotator is None:
        least = least.with_columns(pl.lit(None, pl.String).alias(name) for name in ANNOTATED)
    else:
        chosen = annotator.chosen(alleles)
        least = least.join(chosen, on=["record", "number"], how="left", maintain_order="left")
    contigs = records["CHROM"].unique().drop_nulls()
    named = {text: chromosome_name(text) for text in contigs}
    long = per_sample(least, unique_names(header.samples, header.line)[0]).with_columns(
        pl.col("CHROM").replace(named).alias("chromosome"),
        pl.lit(assembly or None, pl.String).alias("assembly"),
        pl.col("FILTER").replace(".", None).alias("filter"),
    )
    source = [pl.col(column).alias(name) for name, column in SOURCE.items()]
    return long.select(*(pl.col(n).cast(t) for n, t in CALLS.items()), *source)


def _alleles(records: pl.DataFrame) -> pl.DataFrame:
    """One row per record and alternate allele, numbered from 1 as genotypes number them."""
    alternates = pl.col("ALT").fill_null("").str.split(",")
    numbered = records.with_columns(
        alternates.alias("alternate"),
        pl.int_ranges(1, alternates.list.len() + 1).alias("number"),
    )
    several = numbered.explode("alternate", "number")
    return several.with_columns(
        pl.col("alternate").replace([".", ""], None),
        pl.col("REF").alias("reference"),
        pl.col("POS").cast(pl.Int64, strict=False).alias("position"),
        pl.col("INFO").alias("info"),
    )
