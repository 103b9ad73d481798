"""What a study found, and its files."""

from __future__ import annotations

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
        target = Path(folder)
        try:
            (target / "figures").mkdir(parents=True, exist_ok=True)
            written = report.files(self)
            for name, content in written.items():
                (target / name).write_text(content, encoding="utf-8", newline="\n")
        except OSError as error:
            raise CannotWriteResult(target, error.strerror or "unknown reason") from error
        return tuple(target / name for name in written)
