"""What an HGVS name says, as values, and how it is written canonically."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from haemony.harmonise.hgvs.amino import three_letter


class Change(StrEnum):
    """What happens to the sequence."""

    SUBSTITUTION = "substitution"
    DELETION = "deletion"
    DUPLICATION = "duplication"
    INSERTION = "insertion"
    REPLACEMENT = "deletion-insertion"
    INVERSION = "inversion"
    FRAMESHIFT = "frameshift"
    EXTENSION = "extension"
    NONE = "no change"
    ABSENT = "no protein"
    UNKNOWN = "unknown"


class Consequence(StrEnum):
    """What a name alone tells about the protein; nothing is looked up."""

    MISSENSE = "missense"
    NONSENSE = "nonsense"
    FRAMESHIFT = "frameshift"
    INFRAME_INSERTION = "in-frame insertion"
    INFRAME_DELETION = "in-frame deletion"
    INFRAME_REPLACEMENT = "in-frame deletion-insertion"
    NO_PROTEIN = "no protein"
    START_LOST = "start lost"
    STOP_LOST = "stop lost"
    STOP_RETAINED = "stop retained"
    SYNONYMOUS = "synonymous"
    ESSENTIAL_SPLICE = "essential splice site"
    INTRONIC = "intronic"
    UTR5 = "5' untranslated"
    UTR3 = "3' untranslated"
    UNKNOWN = "not told by the name"


_SIGNS = {
    Change.UNKNOWN: "?",
    Change.NONE: "=",
    Change.DELETION: "del",
    Change.DUPLICATION: "dup",
    Change.INSERTION: "ins",
    Change.REPLACEMENT: "delins",
    Change.INVERSION: "inv",
}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that is no HGVS name we understand: kept, shown, and never guessed.

    Attributes:
        text: The text as it was written.
        reason: Why it is not read.
    """

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A position of a sequence.

    Attributes:
        base: Nucleotide; negative before the start codon.
        offset: Distance into the intron from ``base``; 0 in an exon.
        behind_stop: Whether ``base`` counts from the stop codon (``*12``).
    """

    base: int
    offset: int = 0
    behind_stop: bool = False

    def __str__(self) -> str:
        offset = f"{self.offset:+d}" if self.offset else ""
        return f"{'*' if self.behind_stop else ''}{self.base}{offset}"


def span(start: Place, end: Place) -> int | None:
    """How many bases lie from start to end, both included; None where an intron hides it.

    >>> span(Place(-1), Place(2))
    3
    """
    if start.behind_stop != end.behind_stop:
        return None
    if start.base == end.base:
        return end.offset - start.offset + 1
    if start.offset or end.offset:
        return None
    no_zero = 1 if start.base < 0 < end.base else 0
    return end.base - start.base + 1 - no_zero


@dataclass(frozen=True, slots=True)
class Coding:
    """A change of a nucleotide sequence.

    Attributes:
        change: What happens.
        start: First position.
        end: Last position; equals ``start`` for a single one.
        reference: The bases named as replaced or removed, where the text names them.
        alternate: The bases that come in.
        accession: The reference sequence, with its version.
        level: ``c`` coding, ``g`` genomic, ``n`` non-coding, ``m`` mitochondrial.
        text: The text as it was written.
        notes: How the text departs from the nomenclature and was read all the same.
    """

    change: Change
    start: Place
    end: Place
    reference: str = ""
    alternate: str = ""
    accession: str = ""
    level: str = "c"
    text: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def position(self) -> int:
        """The first position, without its distance into an intron."""
        return self.start.base

    @property
    def name(self) -> str:
        """The canonical name: deleted and duplicated bases are told by their positions.

        >>> Coding(Change.DELETION, Place(20), Place(23), reference="TGCA").name
        'c.20_23del'
        """
        return f"{self.accession}:{self._local}" if self.accession else self._local

    @property
    def _local(self) -> str:
        where = str(self.start) if self.start == self.end else f"{self.start}_{self.end}"
        if self.change is Change.SUBSTITUTION:
            return f"{self.level}.{where}{self.reference}>{self.alternate}"
        if self.change is Change.NONE:
            return f"{self.level}.{where}{self.reference}="
        return f"{self.level}.{where}{_SIGNS[self.change]}{self.alternate}"

    @property
    def consequence(self) -> Consequence:
        """What follows for the protein, as far as the coding name alone tells."""
        if self.level != "c":
            return Consequence.UNKNOWN
        nearest, farthest = sorted((abs(self.start.offset), abs(self.end.offset)))
        if farthest:
            touched = farthest if self.change is Change.INSERTION else nearest
            return Consequence.ESSENTIAL_SPLICE if touched <= 2 else Consequence.INTRONIC
        if self.start.behind_stop:
            return Consequence.UTR3
        if self.end.base < 0:
            return Consequence.UTR5
        return self._frame()

    def _frame(self) -> Consequence:
        """Whether an insertion or deletion inside the coding sequence keeps the frame."""
        removed = span(self.start, self.end)
        if removed is None or self.start.base < 0:
            return Consequence.UNKNOWN
        if self.change is Change.DELETION:
            return _framed(-removed, Consequence.INFRAME_DELETION)
        if self.change is Change.DUPLICATION:
            return _framed(removed, Consequence.INFRAME_INSERTION)
        if self.change is Change.INSERTION:
            return _framed(len(self.alternate), Consequence.INFRAME_INSERTION)
        if self.change is Change.REPLACEMENT:
            return _framed(len(self.alternate) - removed, Consequence.UNKNOWN)
        return Consequence.UNKNOWN


def _framed(gained: int, otherwise: Consequence) -> Consequence:
    return Consequence.FRAMESHIFT if gained % 3 else otherwise


@dataclass(frozen=True, slots=True)
class Residue:
    """One amino acid of the reference protein; ``amino`` is empty where the text names none."""

    amino: str
    position: int


@dataclass(frozen=True, slots=True)
class Protein:
    """A change of a protein.

    Attributes:
        change: What happens.
        start: First residue affected; None where the whole protein is meant (``p.=``, ``p.0``).
        end: Last residue affected; equals ``start`` for a single one.
        alternate: The residues that come in, one letter each.
        stop: Of a frameshift or extension, where the new stop lies: ``12``, ``>12``, ``?`` or not
            told (empty); of an extension of the start, a negative number.
        predicted: Whether the consequence is inferred and was not observed, ``p.(…)``.
        doubtful: Whether the text itself asks a question: ``p.0?``, ``p.Met1?``.
        accession: The reference sequence, with its version.
        text: The text as it was written.
        notes: How the text departs from the nomenclature and was read all the same.
    """

    change: Change
    start: Residue | None = None
    end: Residue | None = None
    alternate: str = ""
    stop: str = ""
    predicted: bool = False
    doubtful: bool = False
    accession: str = ""
    text: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def position(self) -> int | None:
        """The first residue affected."""
        return self.start.position if self.start else None

    @property
    def name(self) -> str:
        """The canonical name in three-letter code.

        >>> Protein(Change.SUBSTITUTION, Residue("R", 882), Residue("R", 882), "H").name
        'p.Arg882His'
        """
        return self._name(three_letter)

    @property
    def short(self) -> str:
        """The same in one-letter code, as charts and rules write it."""
        return self._name(str)

    def _name(self, spell: Callable[[str], str]) -> str:
        body = self._body(spell)
        body = f"({body})" if self.predicted else body
        return f"{self.accession}:p.{body}" if self.accession else f"p.{body}"

    def _body(self, spell: Callable[[str], str]) -> str:
        doubt = "?" if self.doubtful else ""
        if self.start is None:
            return {Change.NONE: "=", Change.ABSENT: "0"}.get(self.change, "") + doubt
        where = f"{spell(self.start.amino)}{self.start.position}"
        if self.end is not None and self.end != self.start:
            where += f"_{spell(self.end.amino)}{self.end.position}"
        return where + self._tail(spell)

    def _tail(self, spell: Callable[[str], str]) -> str:
        """What stands behind the positions."""
        comes_in = spell(self.alternate)
        if self.change is Change.FRAMESHIFT:
            return f"{comes_in}fs" + (spell("*") + self.stop if self.stop else "")
        if self.change is Change.EXTENSION:
            side = "" if self.stop.startswith("-") else spell("*")
            return f"{comes_in}ext{side}{self.stop}"
        return _SIGNS.get(self.change, "") + comes_in

    @property
    def consequence(self) -> Consequence:
        """What it means for the protein."""
        if self.start is None:
            return _WHOLE.get(self.change, Consequence.UNKNOWN)
        if self.start == Residue("M", 1) and self.change in _LOSES_START:
            return Consequence.START_LOST
        if self.start.amino == "*":
            kept = self.change is Change.NONE
            return Consequence.STOP_RETAINED if kept else Consequence.STOP_LOST
        if "*" in self.alternate and self.change is not Change.FRAMESHIFT:
            return Consequence.NONSENSE
        return _IN_PLACE.get(self.change, Consequence.UNKNOWN)


_WHOLE = {Change.NONE: Consequence.SYNONYMOUS, Change.ABSENT: Consequence.NO_PROTEIN}
_LOSES_START = {
    Change.SUBSTITUTION,
    Change.DELETION,
    Change.REPLACEMENT,
    Change.FRAMESHIFT,
    Change.UNKNOWN,
}
_IN_PLACE = {
    Change.NONE: Consequence.SYNONYMOUS,
    Change.FRAMESHIFT: Consequence.FRAMESHIFT,
    Change.SUBSTITUTION: Consequence.MISSENSE,
    Change.DELETION: Consequence.INFRAME_DELETION,
    Change.DUPLICATION: Consequence.INFRAME_INSERTION,
    Change.INSERTION: Consequence.INFRAME_INSERTION,
    Change.REPLACEMENT: Consequence.INFRAME_REPLACEMENT,
}
