"""Why this exists: what a reader does not understand must be kept and counted, never dropped.

Of every evaluable text this counts how many leave a residue: a piece of the formula, or a word
beside it, that was not understood. Results of FISH, arrays and PCR are set apart and are none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from haemony.harmonise.karyotype import Karyotype, State, parse, to_iscn

SOURCES = {
    "AMLSG trials": ("amlsg/karyotypes.tsv", "karyotype"),
    "MDS cohort of the IWG-PM": ("mds_tp53_iwg/dd_clinical_cyto_chr17.tsv", "CYTOGENETICS"),
}
_NUMBER = re.compile(r"\d+")
_SIDELINE = re.compile(r"(sdl)\d", re.IGNORECASE)
_SUM = re.compile(r"\[(\d+)\+(\d+)\]")
_RANGE_WITHOUT_SIGN = re.compile(r"^(\d\d)(\d\d)(?=,)")


@dataclass(frozen=True, slots=True)
class Residue:
    """The evaluable texts of a source, and those of which nothing was left over."""

    evaluable: int
    clean: int

    @property
    def share(self) -> float:
        """The share of evaluable texts without residue."""
        return self.clean / self.evaluable if self.evaluable else float("nan")


def read_texts(folder: Path, source: str) -> list[str]:
    """The karyotype of every patient of a source, as written."""
    path, column = SOURCES[source]
    with (folder / path).open(newline="", encoding="utf-8") as file:
        return [row[column] for row in csv.DictReader(file, delimiter="\t")]


def residue_of(texts: Iterable[str]) -> Residue:
    """Count the texts that leave a residue."""
    read = [karyotype for karyotype in map(parse, texts) if karyotype.state is State.EVALUABLE]
    return Residue(len(read), sum(not karyotype.residue for karyotype in read))


def lost_numbers(karyotype: Karyotype) -> list[str]:
    """The numbers of a text that stand in nothing that was read, set apart or left over.

    Example:
        >>> lost_numbers(parse("46,XX,del(5)(q13q33)xyz9[12]/46,XX[8]"))
        []
    """
    kept = " ".join((to_iscn(karyotype), *karyotype.remarks, *karyotype.unread))
    shown = {number.lstrip("0") for number in _NUMBER.findall(kept)}
    told = (number.lstrip("0") for number in _NUMBER.findall(_as_printed(karyotype.text)))
    return [number for number in told if number and number not in shown]


def _as_printed(text: str) -> str:
    """A text with what printing changes on purpose: doubt, sums of cells, names of sidelines."""
    plain = _SIDELINE.sub(r"\1", text.replace("?", ""))
    plain = _SUM.sub(lambda found: f"[{int(found[1]) + int(found[2])}]", plain)
    return _RANGE_WITHOUT_SIGN.sub(r"\1~\2", plain)


def section(folder: Path) -> str:
    """The section of the reference page, as Markdown."""
    lines = [
        "## What is left over",
        "",
        "An evaluable text leaves a *residue* where a piece of the formula, or a word beside it, "
        "was not understood; the residue is kept with the karyotype (`Karyotype.residue`). "
        "Results of FISH, arrays and PCR are set apart and are none.",
        "",
        "| source | evaluable texts | without residue | share |",
        "| --- | --: | --: | --: |",
    ]
    for source in SOURCES:
        found = residue_of(read_texts(folder, source))
        lines.append(f"| {source} | {found.evaluable} | {found.clean} | {found.share:.3f} |")
    return "\n".join([*lines, ""])
