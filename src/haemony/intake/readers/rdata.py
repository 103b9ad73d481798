"""Data frames and tibbles out of R's own files (.RData, .rda, .rds)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

import numpy as np
import polars as pl
from rdata import parser
from rdata.parser import RObject, RObjectType

from haemony.intake.readers.cells import as_text, text_column
from haemony.intake.readers.encoding import decode
from haemony.intake.readers.errors import (
    DamagedFile,
    NestedColumn,
    NoTable,
    TooLarge,
    UnknownTable,
)
from haemony.intake.readers.headers import unique_names
from haemony.intake.readers.limits import Limits, unpacked
from haemony.intake.readers.table import Layout, RawTable

_FORM = "R data file"
_WORKSPACE = re.compile(rb"RD[AX][23]\n")
_NA_PAYLOAD = 1954
_NA_INTEGER64 = np.iinfo(np.int64).min
_MICROSECONDS = 1_000_000
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    pl.exceptions.PolarsError,
)


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The data frames in the file, in its order."""
    return tuple(_data_frames(path, _objects(path, limits)))


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read one data frame; without a name in the layout, the first that is not empty."""
    objects = _objects(path, limits)
    frames = _data_frames(path, objects)
    filled = (name for name, frame in frames.items() if frame.value)
    name = layout.table or next(filled, next(iter(frames)))
    if name not in frames:
        raise UnknownTable(path, name, list(frames))
    try:
        return _table(path, name, frames[name])
    except _FAULTS as error:
        raise DamagedFile(path, _FORM) from error


def _objects(path: Path, limits: Limits) -> dict[str, RObject]:
    """The objects of a workspace by name; the single object of an .rds by the file's name."""
    data = unpacked(path, limits)
    is_workspace = _WORKSPACE.match(data) is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about language objects, which no table holds
            parsed = parser.parse_data(
                data,
                extension=".rda" if is_workspace else ".rds",
                altrep_constructor_dict=_guarded_sequences(path, limits),
            )
        return dict(_pairs(parsed.object)) if is_workspace else {path.stem: parsed.object}
    except _FAULTS as error:
        raise DamagedFile(path, _FORM) from error


def _guarded_sequences(path: Path, limits: Limits) -> Mapping[bytes, Any]:
    """R stores 1:n as its two ends; refuse an n that would not fit into memory."""

    def guarded(name: bytes) -> Any:  # noqa: ANN401 - rdata's own type for constructors is private
        def construct(state: RObject) -> Any:  # noqa: ANN401
            length = int(state.value[0])
            if length * 8 > limits.expanded:
                raise TooLarge(path, expanded=length * 8, allowed=limits.expanded)
            return parser.DEFAULT_ALTREP_MAP[name](state)

        return construct

    sequences = (b"compact_intseq", b"compact_realseq")
    return {**parser.DEFAULT_ALTREP_MAP, **{name: guarded(name) for name in sequences}}


def _data_frames(path: Path, objects: Mapping[str, RObject]) -> dict[str, RObject]:
    try:
        frames = {name: it for name, it in objects.items() if "data.frame" in _classes(it)}
    except _FAULTS as error:
        raise DamagedFile(path, _FORM) from error
    if not frames:
        kinds = [f"{name!r} of type {it.info.type.name}" for name, it in objects.items()]
        raise NoTable(path, kinds)
    return frames


def _table(path: Path, name: str, frame: RObject) -> RawTable:
    header = _attributes(frame).get("names")
    columns_given = zip(_strings(header), frame.value, strict=True) if header else ()
    given = [*_row_names(frame), *columns_given]
    names, defects = unique_names([column for column, _ in given], row=1)
    columns = dict(zip(names, (it for _, it in given), strict=True))
    cells = [_cells(column, it, path) for column, it in columns.items()]
    return RawTable(
        name=name,
        path=path,
        frame=pl.DataFrame(cells),
        layout=Layout(table=name),
        labels=MappingProxyType(dict(_labels(columns))),
        value_labels=MappingProxyType(dict(_value_labels(columns))),
        defects=tuple(defects),
    )


def _row_names(frame: RObject) -> Iterator[tuple[str, RObject]]:
    """Row names that somebody gave; R's own numbering says nothing."""
    names = _attributes(frame).get("row.names")
    if names is not None and names.info.type is RObjectType.STR:
        yield "row_names", names


def _labels(columns: Mapping[str, RObject]) -> Iterator[tuple[str, str]]:
    for name, column in columns.items():
        label = _attributes(column).get("label")
        if label is not None and label.info.type is RObjectType.STR and (text := _strings(label)):
            yield name, text[0] or ""


def _value_labels(columns: Mapping[str, RObject]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The levels of a factor stand for themselves; haven's labels explain codes."""
    for name, column in columns.items():
        attributes = _attributes(column)
        if "factor" in _classes(column):
            levels = [level for level in _strings(attributes["levels"]) if level is not None]
            yield name, MappingProxyType({level: level for level in levels})
        elif "labels" in attributes:
            labels = attributes["labels"]
            meanings = _strings(_attributes(labels)["names"])
            codes = _plain_cells(name, labels)
            yield (
                name,
                MappingProxyType(
                    {
                        code: text
                        for code, text in zip(codes, meanings, strict=True)
                        if code and text
                    }
                ),
            )


def _cells(name: str, column: RObject, path: Path) -> pl.Series:
    classes = _classes(column)
    if column.info.type in {RObjectType.VEC, RObjectType.LIST} or "dim" in _attributes(column):
        raise NestedColumn(path, name)
    if "factor" in classes:
        return _factor(name, column)
    if "Date" in classes:
        return _moments(name, column, pl.Date, 1)
    if "POSIXct" in classes:
        return _moments(name, column, pl.Datetime("us", _zone(column)), _MICROSECONDS)
    if "integer64" in classes:
        return _integer64(name, column)
    return _plain_cells(name, column)


def _plain_cells(name: str, column: RObject) -> pl.Series:
    if column.info.type is RObjectType.STR:
        return text_column(name, _strings(column))
    if column.info.type is RObjectType.REAL:
        return as_text(_reals(name, column))
    return as_text(_series(name, column))


def _series(name: str, column: RObject) -> pl.Series:
    """Integers, truth values and what else NumPy holds; R's NA is null."""
    mask = np.ma.getmaskarray(column.value)
    values = pl.Series(name, np.ma.getdata(column.value).tolist(), strict=False)
    return values.set(pl.Series(mask), None) if mask.any() else values


def _reals(name: str, column: RObject) -> pl.Series:
    """R's NA is a NaN of its own; only that one is null."""
    values = np.ma.getdata(column.value).astype(np.float64)
    low_words = values.view(np.uint64) & 0xFFFFFFFF
    missing = np.isnan(values) & (low_words == _NA_PAYLOAD)
    return pl.Series(name, values).set(pl.Series(missing), None)


def _integer64(name: str, column: RObject) -> pl.Series:
    """The bit64 package keeps whole numbers in the bytes of doubles."""
    values = pl.Series(name, column.value.astype(np.float64).view(np.int64))
    return as_text(values.set(values == _NA_INTEGER64, None))


def _factor(name: str, column: RObject) -> pl.Series:
    levels = _strings(_attributes(column)["levels"])
    return text_column(name, [_level(levels, code) for code in _series(name, column)])


def _level(levels: list[str | None], code: int | None) -> str | None:
    if code is None:
        return None
    if not 1 <= code <= len(levels):
        raise ValueError(code)
    return levels[code - 1]


def _moments(
    name: str, column: RObject, dtype: pl.DataType | type[pl.Date], unit: int
) -> pl.Series:
    """Dates and instants; the bare numbers where R's go beyond the calendar."""
    real = column.info.type is RObjectType.REAL
    numbers = _reals(name, column) if real else _series(name, column).cast(pl.Float64)
    moments = (numbers * unit).floor().cast(pl.Int64, strict=False).cast(dtype, strict=False)
    return as_text(numbers if moments.null_count() > numbers.null_count() else moments)


def _zone(column: RObject) -> str:
    """The time zone an instant is shown in; UTC where R leaves it to the machine."""
    zone = _attributes(column).get("tzone")
    names = _strings(zone) if zone is not None else []
    return names[0] if names and names[0] in available_timezones() else "UTC"


def _classes(item: RObject) -> list[str | None]:
    attributes = _attributes(item)
    return _strings(attributes["class"]) if "class" in attributes else []


def _attributes(item: RObject) -> dict[str, RObject]:
    return dict(_pairs(item.attributes)) if item.attributes is not None else {}


def _pairs(item: RObject | None) -> Iterator[tuple[str, RObject]]:
    """The entries of a pairlist, R's linked list."""
    while item is not None and item.info.type is RObjectType.LIST:
        value, rest = item.value
        if item.tag is not None:
            yield _symbol(item.tag), value
        item = rest


def _symbol(tag: RObject) -> str:
    symbol = tag.referenced_object if tag.info.type is RObjectType.REF else tag
    return _decoded(symbol.value) or "" if symbol is not None else ""


def _strings(item: RObject) -> list[str | None]:
    return [_decoded(char) for char in item.value]


def _decoded(char: RObject) -> str | None:
    """One R string; unmarked ones are UTF-8 in most sessions and Windows-1252 in old ones."""
    data: bytes | None = char.value
    if data is None:
        return None
    if char.info.gp & parser.CharFlags.LATIN1:
        return data.decode("iso-8859-1")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return decode(data, "windows-1252").content
