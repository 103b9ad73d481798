"""Expression matrices and copy-number segments of a contribution: declared, read, and checked.

``contribution.yaml`` names the file and what it cannot say of itself: orientation and scale of a
matrix, measure and assembly of segments, and how its samples find their patients. What cannot be
read blocks admission; samples of nobody known are told, and kept aside later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import polars as pl

from haemony.intake.dictionary import EVERY
from haemony.intake.problems import WRONG_SHARE, Problem, Severity, whole
from haemony.intake.readers import Layout, RawTable, read
from haemony.intake.readers.copynumber import (
    Counting,
    Measure,
    UnreadableSegments,
    check_segments,
    stated_segments,
)
from haemony.intake.readers.expression import (
    Expression,
    Orientation,
    Scale,
    matrix_of,
    read_annotation,
    scale_of,
)
from haemony.model.errors import EnvironmentFault, HaemonyError, UsageError

if TYPE_CHECKING:
    from haemony.intake.contribution import Contribution

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class SampleNames:
    """Where the names of samples stand beside their patients.

    Attributes:
        table: A table of the contribution.
        column: Its column of sample names.
    """

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """Which symbol each probe measures.

    Attributes:
        path: The table of the array's maker.
        probe: Its column of probes.
        symbol: Its column of symbols.
    """

    path: Path
    probe: str
    symbol: str


@dataclass(frozen=True, slots=True)
class ExpressionFile:
    """An expression matrix, as declared.

    Attributes:
        path: The file; it may be that of a table, too.
        layout: What is known about it.
        orientation: Which side holds the probes.
        scale: What its numbers are.
        names: The column that names the rows; the first one where empty.
        columns: Patterns of the columns that hold values.
        samples: Where samples find their patients; they are patient numbers where it is none.
        annotation: Which symbol each probe measures.
    """

    path: Path
    layout: Layout | None
    orientation: Orientation
    scale: Scale
    names: str
    columns: tuple[str, ...]
    samples: SampleNames | None
    annotation: Annotation | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        return (self.path, self.annotation.path) if self.annotation else (self.path,)


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """Copy-number segments, as declared.

    Attributes:
        path: The file.
        layout: What is known about it.
        measure: What its numbers are.
        assembly: The assembly of its positions.
        counting: Where positions begin.
        columns: Its columns, where they bear no common name.
        samples: Where samples find their patients; they are patient numbers where it is none.
    """

    path: Path
    layout: Layout | None
    measure: Measure
    assembly: str
    counting: Counting
    columns: Mapping[str, str]
    samples: SampleNames | None


@dataclass(frozen=True)
class SampledExpression:
    """An expression matrix and whose it is.

    Attributes:
        matrix: The matrix.
        samples: One row per column of it: ``sample``, ``patient`` (null where it is of none), and
            the ``row`` or ``column`` of the file.
        probes: One row per row of it: ``probe``, ``symbol``, and ``row`` or ``column``.
    """

    matrix: Expression
    samples: pl.DataFrame
    probes: pl.DataFrame


@dataclass(frozen=True)
class Sampled:
    """What a contribution brings of omics, as far as it can be read.

    Attributes:
        expression: Its expression matrix.
        segments: Its segments: columns as in :data:`~haemony.intake.readers.copynumber.STATED`,
            and ``patient``, null where the sample is of none.
    """

    expression: SampledExpression | None = None
    segments: pl.DataFrame | None = None

    @property
    def cells(self) -> int:
        """How many cells were read."""
        of_matrix = self.expression.matrix.values.size if self.expression else 0
        of_segments = self.segments.height * self.segments.width if self.segments is not None else 0
        return of_matrix + of_segments


class _Declared(Protocol):
    """What both kinds of file have."""

    @property
    def path(self) -> Path: ...
    @property
    def layout(self) -> Layout | None: ...
    @property
    def samples(self) -> SampleNames | None: ...


class UnusableOmics(UsageError):
    """An omics file, or what names its samples, cannot be used."""


def sampled(
    contribution: Contribution, tables: Mapping[str, RawTable]
) -> tuple[Sampled, list[Problem]]:
    """Read the omics files of a contribution, with everything that is wrong with them.

    Args:
        contribution: What a partner brings.
        tables: Its tables, as far as they can be read.
    """
    found: list[Problem] = []
    expression = segments = None
    if contribution.expression:
        reading = partial(_expression, contribution.expression)
        expression = _attempt(contribution, contribution.expression, tables, reading, found)
    if contribution.segments:
        cutting = partial(_segments, contribution.segments)
        segments = _attempt(contribution, contribution.segments, tables, cutting, found)
    if expression and contribution.expression:
        found.extend(_matrix_doubts(contribution.expression, expression.matrix))
        found.extend(_annotation_doubts(contribution.expression, expression.probes))
    return Sampled(expression, segments), found


def _attempt(
    contribution: Contribution,
    declared: _Declared,
    tables: Mapping[str, RawTable],
    reading: Callable[[RawTable, Mapping[str, str]], tuple[Made, pl.DataFrame]],
    found: list[Problem],
) -> Made | None:
    """What is read of a file; nothing where it cannot be, and why among the problems."""
    if contribution.patients not in tables:
        return None  # that table's own problem is told already
    try:
        raw = _raw(contribution, declared, tables)
        made, samples = reading(raw, _patients(contribution, declared.samples, tables))
    except EnvironmentFault:
        raise
    except HaemonyError as fault:
        rule = "the file can be read"
        found.append(whole(Severity.ERROR, declared.path.name, "", rule, str(fault)))
        return None
    found.extend(_sample_doubts(declared.path.name, samples, contribution, tables))
    return made


def _raw(
    contribution: Contribution, declared: _Declared, tables: Mapping[str, RawTable]
) -> RawTable:
    """The table of a file, read once where it is that of a table, too."""
    for name, (path, layout) in contribution.tables.items():
        if name in tables and (path, layout) == (declared.path, declared.layout):
            return tables[name]
    raw = read(declared.path, declared.layout)
    flaws = [defect for defect in raw.defects if not defect.kind.is_notice]
    if flaws:
        raise UnusableOmics(f"{declared.path.name} is not well formed: {flaws[0].message}")
    return raw


def _patients(
    contribution: Contribution, names: SampleNames | None, tables: Mapping[str, RawTable]
) -> dict[str, str]:
    """The patient of every sample name."""
    table = names.table if names else contribution.patients
    column = names.column if names else contribution.dictionary.patient_column(table)
    if table not in tables or column not in tables[table].frame.columns:
        raise UnusableOmics(
            f"samples are named in {table}.{column}, which is not there; correct `samples` in "
            "contribution.yaml"
        )
    frame = tables[table].frame
    known = contribution.dictionary.patients(contribution.patients, _master(contribution, tables))
    pairs = pl.DataFrame(
        {
            "sample": frame[str(column)].str.strip_chars(),
            "patient": contribution.dictionary.patients(table, frame),
        }
    ).drop_nulls()
    pairs = pairs.filter(pl.col("patient").is_in(known.implode())).unique(maintain_order=True)
    if pairs["sample"].is_duplicated().any():
        raise UnusableOmics(
            f"a sample named in {table}.{column} is of two patients; correct the table"
        )
    return dict(pairs.iter_rows())


def _master(contribution: Contribution, tables: Mapping[str, RawTable]) -> pl.DataFrame:
    return tables[contribution.patients].frame


def _expression(
    declared: ExpressionFile, raw: RawTable, patients: Mapping[str, str]
) -> tuple[SampledExpression, pl.DataFrame]:
    names = declared.names or raw.frame.columns[0]
    others = [
        column
        for column in raw.frame.columns
        if column != names and not any(fnmatchcase(column, each) for each in declared.columns)
    ]
    matrix = matrix_of(
        raw, declared.orientation, id_column=names, aside=others, scale=declared.scale
    )
    rows, columns = _places(raw, names, matrix, declared.orientation)
    in_rows = declared.orientation is Orientation.SAMPLES_IN_ROWS
    samples, probes = (rows, columns) if in_rows else (columns, rows)
    found = samples.with_columns(_looked_up("name", patients).alias("patient"))
    symbols = _symbols(declared.annotation) if declared.annotation else {}
    annotated = probes.select(
        pl.Series("probe", matrix.probes, dtype=pl.String),
        _looked_up("name", symbols).alias("symbol"),
        "row",
        "column",
    )
    found = found.rename({"name": "sample"})
    return SampledExpression(matrix, found, annotated), found


def _looked_up(column: str, meanings: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(meanings, default=None, return_dtype=pl.String)


def _symbols(annotation: Annotation) -> Mapping[str, str]:
    return read_annotation(annotation.path, annotation.probe, annotation.symbol)


def _places(
    raw: RawTable, names: str, matrix: Expression, orientation: Orientation
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The names of a matrix as the file writes them, with their rows and their columns."""
    in_rows = orientation is Orientation.SAMPLES_IN_ROWS
    headings = matrix.probes if in_rows else matrix.samples
    number = {column: place for place, column in enumerate(raw.frame.columns, 1)}
    rows = pl.DataFrame(
        {
            "name": raw.frame[names].str.strip_chars(),
            "row": [raw.row_number(place) for place in range(raw.frame.height)],
            "column": [""] * raw.frame.height,
        },
        schema={"name": pl.String, "row": pl.Int64, "column": pl.String},
    )
    columns = pl.DataFrame(
        {
            "name": [heading.strip() for heading in headings],
            "row": [None] * len(headings),
            "column": [f"column {number[heading]}" for heading in headings],
        },
        schema=rows.schema,
    )
    return rows, columns


def _segments(
    declared: SegmentFile, raw: RawTable, patients: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    stated = stated_segments(raw, counting=declared.counting, columns=declared.columns)
    if stated["value"].is_infinite().any():
        raise UnreadableSegments("hold a number that is infinite")
    check_segments(stated, declared.assembly)
    found = stated.with_columns(_looked_up("sample", patients).alias("patient"))
    return found, found.unique("sample", keep="first", maintain_order=True)


def _sample_doubts(
    file: str, samples: pl.DataFrame, contribution: Contribution, tables: Mapping[str, RawTable]
) -> Iterator[Problem]:
    """Samples of nobody, further samples of a patient, and patients without any."""
    known = samples["patient"].drop_nulls()
    strays = samples.height - known.len()
    if not known.len():
        fix = "name `samples` (table and column), or correct `orientation` or `names`"
        yield whole(Severity.ERROR, file, "", "samples are those of patients", fix)
        return
    if strays:
        rule = f"{strays:,} of {samples.height:,} samples are of no patient of the patient table"
        yield whole(Severity.WARNING, file, "", rule, "add the patients; until then kept aside")
    further = known.len() - known.n_unique()
    if further:
        rule = f"{further:,} samples are further ones of a patient"
        yield whole(Severity.NOTE, file, "", rule, "the first sample is used, others kept aside")
    patients = contribution.dictionary.patients(
        contribution.patients, _master(contribution, tables)
    )
    everyone = patients.drop_nulls().n_unique()
    if known.n_unique() < everyone:
        rule = f"{everyone - known.n_unique():,} of {everyone:,} patients have no sample here"
        yield whole(Severity.NOTE, file, "", rule, "expected, or ask the source")


def _matrix_doubts(declared: ExpressionFile, matrix: Expression) -> Iterator[Problem]:
    """Cells that are no numbers, probes that come twice, and a scale that does not look like it."""
    file = declared.path.name
    if matrix.unreadable:
        rule = f"{matrix.unreadable:,} cells hold a text that is no number"
        fix = "correct the cells, or leave them empty; they count as missing"
        many = matrix.unreadable > WRONG_SHARE * matrix.values.size
        yield whole(Severity.ERROR if many else Severity.WARNING, file, "", rule, fix)
    if matrix.duplicates:
        rule = f"{matrix.duplicates:,} rows or columns repeat an earlier probe"
        yield whole(Severity.NOTE, file, "", rule, "they are kept under a number of their own")
    looks = scale_of(matrix.values)
    if looks is not declared.scale:
        rule = f"the numbers look like the {declared.scale}"
        yield whole(Severity.WARNING, file, "", rule, f"they look like a {looks}; ask the source")


def _annotation_doubts(declared: ExpressionFile, probes: pl.DataFrame) -> Iterator[Problem]:
    unnamed = probes["symbol"].null_count()
    if declared.annotation and unnamed:
        many = unnamed == probes.height
        rule = f"{unnamed:,} of {probes.height:,} probes have no symbol in the annotation"
        fix = "correct `annotation` where it is that of another array; probes stay, without a gene"
        severity = Severity.ERROR if many else Severity.NOTE
        yield whole(severity, declared.annotation.path.name, "", rule, fix)


def patterns(given: object) -> tuple[str, ...]:
    """Patterns of columns as a description gives them: one, several, or none for all.

    >>> patterns(None), patterns("num_*"), patterns(["a", "b"])
    (('*',), ('num_*',), ('a', 'b'))
    """
    if given is None:
        return (EVERY,)
    several: Sequence[object] = given if isinstance(given, list) else [given]
    return tuple(map(str, several))
