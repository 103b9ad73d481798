"""What a study found, and its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from haemony.analysis import report
from haemony.analysis.evidence import Evidence
from haemony.study.faults import CannotWriteResult


@dataclass(frozen=True, eq=False)
class StudyResult(Evidence):
    """What a study found, ready to be written."""

    def write(self, folder: Path | str) -> tuple[Path, ...]:
        """Write ``report.html``, ``results.json`` and ``figures/``, and return the files' paths.

        The same result gives the same bytes; counts below the protocol's ``minimum_cell`` are not
        written out.

        Raises:
            CannotWriteResult: When the disk refuses.
        """
        target, written = Path(folder), report.files(self)
        try:
            _place(target, written)
        except OSError as error:
            raise CannotWriteResult(target, error.strerror or "unknown reason") from error
        return tuple(target / name for name in written)


def _place(target: Path, written: Mapping[str, str]) -> None:
    """Put files into a folder: all of them, or none when stopped on the way.

    They are written beside it first. A new folder is then moved to its place at once; into one that
    exists the files are moved one by one.
    """
    whole = target.resolve()
    whole.parent.mkdir(parents=True, exist_ok=True)
    beside = whole.with_name(f".{whole.name}.{os.getpid()}")
    try:
        for name, content in written.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_text(content, encoding="utf-8", newline="\n")
        if not whole.exists():
            beside.rename(whole)
            return
        for name in written:
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).replace(whole / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
