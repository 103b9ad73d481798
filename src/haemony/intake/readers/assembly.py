"""Which genome assembly positions belong to, and how long its chromosomes are.

``chromosomes.csv`` holds, for GRCh37 and GRCh38, the length of every chromosome and the bands that
make its centromere: facts of the Genome Reference Consortium's assemblies, bands as in the cytoband
tables (hg19, hg38) of the UCSC Genome Browser. Positions in it count from 0, ends excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from haemony.intake.readers.errors import UnreadableFile
from haemony.model.tables import rows

GRCH37, GRCH38, NCBI36 = "GRCh37", "GRCh38", "NCBI36"
_SPELLINGS = (
    (re.compile(r"grch[\W_]?38|hg[\W_]?38|hs38|\bb38\b|^38$", re.IGNORECASE), GRCH38),
    (
        re.compile(
            r"grch[\W_]?37|hg[\W_]?19|hs37|g1k_v37|\bb37\b|^37(?:\.[0-9]+)?$", re.IGNORECASE
        ),
        GRCH37,
    ),
    (re.compile(r"ncbi[\W_]?36|hg[\W_]?18|\bb36\b|^36(?:\.[0-9]+)?$", re.IGNORECASE), NCBI36),
)


class AssemblyConflict(UnreadableFile):
    """Two statements about the assembly contradict each other."""

    def __init__(self, path: Path, first: tuple[str, str], second: tuple[str, str]) -> None:
        self.first, self.second = first, second
        super().__init__(
            path,
            f"{first[0]} says {first[1]}, {second[0]} says {second[1]}",
            "find out from the laboratory which assembly the positions belong to, "
            "and correct the wrong statement",
        )


@dataclass(frozen=True, slots=True)
class Chromosome:
    """One chromosome of an assembly; positions count from 0, ends excluded.

    Attributes:
        name: ``1`` to ``22``, ``X`` or ``Y``.
        centromere_start: Where the centromere's first band begins.
        arm_border: Where the short arm ends and the long arm begins.
        centromere_end: Where the centromere's last band ends.
        length: Bases of the whole chromosome.
    """

    name: str
    centromere_start: int
    arm_border: int
    centromere_end: int
    length: int


@cache
def chromosomes() -> Mapping[str, Mapping[str, Chromosome]]:
    """The chromosomes of every assembly, by assembly and name."""
    found: dict[str, dict[str, Chromosome]] = {}
    for _, row in rows(files(__package__) / "chromosomes.csv"):
        numbers = (
            int(row[name])
            for name in ("centromere_start", "arm_border", "centromere_end", "length")
        )
        chromosome = Chromosome(row["chromosome"], *numbers)
        found.setdefault(row["assembly"], {})[chromosome.name] = chromosome
    return found


def assembly_of(text: str) -> str:
    """The assembly that a text names; empty where it names none we know.

    >>> assembly_of("hg19"), assembly_of("/ref/GRCh38.d1.vd1.fa"), assembly_of("genome.fa")
    ('GRCh37', 'GRCh38', '')
    """
    return next((name for spelling, name in _SPELLINGS if spelling.search(text.strip())), "")


def chromosome_name(text: str) -> str:
    """A chromosome as the lake writes it; other contigs stay as they are.

    >>> chromosome_name("chr7"), chromosome_name("CHRX"), chromosome_name("MT")
    ('7', 'X', 'MT')
    """
    bare = re.sub(r"^chr(?:omosome)?[\W_]*", "", text.strip(), flags=re.IGNORECASE)
    if re.fullmatch(r"[0-9]{1,2}", bare):
        return {"23": "X", "24": "Y"}.get(str(int(bare)), str(int(bare)))
    if bare.upper() in {"X", "Y", "M", "MT"}:
        return "MT" if bare.upper().startswith("M") else bare.upper()
    return text


def assembly_of_lengths(lengths: Mapping[str, int]) -> set[str]:
    """The assemblies of which any chromosome has exactly the length stated."""
    return {
        assembly
        for assembly, known in chromosomes().items()
        for name, length in lengths.items()
        if name in known and known[name].length == length
    }


def settle(path: Path, statements: Iterable[tuple[str, str]]) -> str:
    """The one assembly that all statements agree on; empty where nobody says anything.

    Args:
        path: The file the statements are about.
        statements: Who says it, and which assembly; an empty assembly says nothing.

    Raises:
        AssemblyConflict: When two differ; the error names both.
    """
    told = [statement for statement in statements if statement[1]]
    for other in told[1:]:
        if other[1] != told[0][1]:
            raise AssemblyConflict(path, told[0], other)
    return told[0][1] if told else ""
