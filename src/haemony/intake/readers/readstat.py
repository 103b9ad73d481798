"""The C library behind the SAS, SPSS and Stata readers, kept in a process of its own.

ReadStat crashes on some damaged files, and a crash takes its whole process along. So this module
runs as a child: it reads one file and leaves the table and what is known about it in a folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pyreadstat

from haemony.intake.readers.cells import as_text, text_column, text_frame, value_text
from haemony.intake.readers.errors import DamagedFile, ReaderFault, TooLarge, UnreadableEncoding
from haemony.intake.readers.formats import Format
from haemony.intake.readers.limits import Limits

_Metadata = Any
_READERS: Mapping[Format, Callable[..., tuple[pl.DataFrame, _Metadata]]] = {
    Format.XPORT: pyreadstat.read_xport,
    Format.SAS: pyreadstat.read_sas7bdat,
    Format.SAV: pyreadstat.read_sav,
    Format.POR: pyreadstat.read_por,
    Format.STATA: pyreadstat.read_dta,
}
_KNOWS_USER_MISSING = {Format.SAS, Format.SAV, Format.STATA}
_KNOWS_ENCODING = set(_READERS) - {Format.POR}
_FAULTS = (
    pyreadstat.ReadstatError,
    pyreadstat.PyreadstatError,
    pl.exceptions.PolarsError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_FRAME, _FACTS = "frame.arrow", "facts.json"


class _Outcome(IntEnum):
    """How the child ended; any other code means that the library crashed it."""

    READ = 0
    NEVER_STARTED = 1
    MISENCODED = 10
    TOO_LARGE = 11
    DAMAGED = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file of SAS, SPSS or Stata says about its columns."""

    labels: dict[str, str] = field(default_factory=dict)
    value_labels: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)


def load(
    path: Path, form: Format, encoding: str | None, limits: Limits
) -> tuple[pl.DataFrame, Facts]:
    """Read a file in a child process: its cells as text, and its facts.

    Raises:
        DamagedFile: The library rejected the file, or crashed on it.
        UnreadableEncoding: Its texts do not fit the encoding.
        ReaderFault: The child could not do its work at all.
        TooLarge: It declares more cells than the limits allow.
    """
    with TemporaryDirectory(prefix="haemony-") as folder:
        request = json.dumps([str(path), form, encoding, limits.expanded, folder])
        command = [sys.executable, "-m", __name__, request]
        modules = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        ended = subprocess.run(  # noqa: S603 - we call ourselves
            command, env=modules, capture_output=True, check=False
        )
        if ended.returncode == _Outcome.NEVER_STARTED:
            raise ReaderFault(path, form)
        if ended.returncode == _Outcome.MISENCODED:
            raise UnreadableEncoding(path, form)
        if ended.returncode == _Outcome.TOO_LARGE:
            raise TooLarge(path, expanded=limits.expanded, allowed=limits.expanded)
        if ended.returncode != _Outcome.READ:
            raise DamagedFile(path, form)
        facts = json.loads((Path(folder) / _FACTS).read_text(encoding="utf-8"))
        frame = pl.read_ipc(BytesIO((Path(folder) / _FRAME).read_bytes()))
        return frame, Facts(**facts)


def main(request: str) -> int:
    """What the child does."""
    path, form, encoding, expanded, folder = json.loads(request)
    limits = Limits(expanded=expanded)
    try:
        _, header = _read(Path(path), Format(form), encoding, metadataonly=True)
        limits.check_cells(Path(path), header.number_rows or 0, header.number_columns or 0)
        typed, metadata = _read(Path(path), Format(form), encoding)
    except UnicodeError:
        return _Outcome.MISENCODED
    except TooLarge:
        return _Outcome.TOO_LARGE
    except _FAULTS:
        return _Outcome.DAMAGED
    frame = text_frame(pl.DataFrame([_faithful(it, metadata) for it in typed]), Path(path))
    facts = Facts(_labels(metadata), _value_labels(metadata), _missing(typed, metadata))
    frame.write_ipc(Path(folder) / _FRAME)
    (Path(folder) / _FACTS).write_text(json.dumps(asdict(facts)), encoding="utf-8")
    return _Outcome.READ


def _read(
    path: Path,
    form: Format,
    encoding: str | None,
    **options: Any,  # noqa: ANN401 - pyreadstat's
) -> tuple[pl.DataFrame, _Metadata]:
    if form in _KNOWS_USER_MISSING:
        options["user_missing"] = True
    if form in _KNOWS_ENCODING:
        options["encoding"] = encoding
    return _READERS[form](path, output_format="polars", **options)


def _faithful(column: pl.Series, metadata: _Metadata) -> pl.Series:
    """Single precision as such, tagged missing values as SAS and Stata write them: `.a`."""
    kind = metadata.readstat_variable_types.get(column.name)
    if column.dtype == pl.Float64 and kind == "float":
        return column.cast(pl.Float32)
    if column.dtype in {pl.Object, pl.String} and kind != "string":
        cells = [f".{cell}" if isinstance(cell, str) else value_text(cell) for cell in column]
        return text_column(column.name, cells)
    return column


def _labels(metadata: _Metadata) -> dict[str, str]:
    return {name: label for name, label in metadata.column_names_to_labels.items() if label}


def _value_labels(metadata: _Metadata) -> dict[str, dict[str, str]]:
    kinds = metadata.readstat_variable_types
    return {
        name: {_code(code, kinds.get(name)): text for code, text in codes.items()}
        for name, codes in metadata.variable_value_labels.items()
    }


def _code(code: object, kind: str | None) -> str:
    """A code written as the cells of its column are."""
    return f".{code}" if isinstance(code, str) and kind != "string" else value_text(code) or ""


def _missing(typed: pl.DataFrame, metadata: _Metadata) -> dict[str, list[str]]:
    """The codes declared missing; of a range, the values that occur."""
    codes = {
        name: [f".{tag}" for tag in tags] for name, tags in metadata.missing_user_values.items()
    }
    for name, ranges in metadata.missing_ranges.items():
        found = (code for span in ranges for code in _in_range(typed[name], span["lo"], span["hi"]))
        codes[name] = list(dict.fromkeys(found))
    return codes


def _in_range(column: pl.Series, low: Any, high: Any) -> list[str]:  # noqa: ANN401 - text or number
    if low == high:
        return [value_text(low) or ""]
    if not column.dtype.is_numeric():
        return []
    inside = column.filter((column >= low) & (column <= high)).unique().sort()
    return [code for code in as_text(inside) if code]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
