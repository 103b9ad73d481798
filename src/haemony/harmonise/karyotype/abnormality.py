"""Why this exists: one abnormality of a karyotype, as a value (ISCN 2020, chapters 8 and 9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from haemony.harmonise.karyotype.lazy import lazy

AUTOSOMES = tuple(str(number) for number in range(1, 23))
CHROMOSOMES = frozenset({*AUTOSOMES, "X", "Y"})


class Kind(Enum):
    """What happened to the chromosome; the value is the ISCN abbreviation."""

    __hash__ = object.__hash__  # members are unique, and sets of them are asked very often

    NUMERICAL = "numerical"
    ADDITION = "add"
    DELETION = "del"
    DUPLICATION = "dup"
    TRIPLICATION = "trp"
    QUADRUPLICATION = "qdp"
    INVERSION = "inv"
    INSERTION = "ins"
    TRANSLOCATION = "t"
    DICENTRIC = "dic"
    TRICENTRIC = "trc"
    ISODICENTRIC = "idic"
    ISOCHROMOSOME = "i"
    ISODERIVATIVE = "ider"
    DERIVATIVE = "der"
    RECOMBINANT = "rec"
    ROBERTSONIAN = "rob"
    TELOMERE_ASSOCIATION = "tas"
    FISSION = "fis"
    FRAGILE_SITE = "fra"
    RING = "r"
    MARKER = "mar"
    DOUBLE_MINUTES = "dmin"
    STAINING_REGION = "hsr"
    NEOCENTROMERE = "neo"
    HETEROMORPHISM = "heteromorphism"
    UNSPECIFIED = "abn"
    DESCRIBED_COMPLEX = "complex"
    UNREAD = "unread"


class Sign(Enum):
    """Whether the abnormal chromosome is extra, lost, or in place of a normal one."""

    GAINED = "+"
    LOST = "-"
    IN_PLACE = ""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """Where a chromosome broke: chromosome, arm and band.

    `band` holds digits only as far as they were given (`"22"`, `"13.1"`, `""`); `upper` is the far
    end when the laboratory gave a range (`q21~22`).

    Example:
        >>> Breakpoint("5", "q", "31.1").lies_in("q", "31")
        True
    """

    chromosome: str
    arm: str
    band: str = ""
    upper: str = ""
    uncertain: bool = False

    def lies_in(self, arm: str, band: str = "", upper: str = "") -> bool:
        """Say whether this break can be in the given band, as far as both were resolved.

        A coarser statement is compatible with a finer one: `q2` with `q22`, `q22` with `q22.3`.
        """
        if self.arm and arm and self.arm != arm:
            return False
        if not band or not self.band or _within(band, self.band) or _within(self.band, band):
            return True
        if self.upper and (
            _within(band, self.upper) or _between(band, low=self.band, high=self.upper)
        ):
            return True
        return bool(upper) and (
            _within(self.band, upper) or _between(self.band, low=band, high=upper)
        )


def _within(fine: str, coarse: str) -> bool:
    return fine.startswith(coarse)


def _between(band: str, *, low: str, high: str) -> bool:
    return min(low, high) <= band <= max(low, high)


@dataclass(frozen=True)
class Abnormality:
    """One item of the formula: what kind, which chromosomes, where they broke.

    `text` is the item as ISCN writes it, whatever way it was written; `uncertain` stands for its
    `?`. `parts` are the rearrangements inside a derivative chromosome, in the order written.
    `copies` is the multiplier (`x2`, `2x`, `+3mar`; the lower end of a range). `cells` is a count
    written behind this one abnormality, as in composite karyotypes. For an item that could not be
    read, `chromosomes` are the ones it may concern, judged from its neighbours in the ascending
    order that ISCN prescribes. `written` is the item as the laboratory wrote it.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> (lost,) = parse("46,XX,del(5)(q13q33)[20]").abnormalities
        >>> lost.kind.value, lost.chromosomes, [b.arm + b.band for b in lost.breakpoints]
        ('del', ('5',), ['q13', 'q33'])
    """

    kind: Kind
    chromosomes: tuple[str, ...] = ()
    breakpoints: tuple[Breakpoint, ...] = ()
    sign: Sign = Sign.IN_PLACE
    text: str = ""
    constitutional: bool = False
    uncertain: bool = False
    copies: int = 1
    cells: int | None = None
    parts: tuple[Abnormality, ...] = ()
    written: str = field(default="", compare=False)

    @lazy
    def is_structural(self) -> bool:
        """Say whether a chromosome was rebuilt, rather than gained or lost whole."""
        return self.kind not in _NOT_STRUCTURAL

    @lazy
    def is_finding(self) -> bool:
        """Say whether this counts as acquired: constitutional changes and variants do not."""
        return not self.constitutional and self.kind is not Kind.HETEROMORPHISM

    @lazy
    def leaves_open(self) -> bool:
        """Say whether it may be a finding that it does not name: unread, or without its breaks."""
        unlocated = self.is_structural and self.chromosomes and not self.all_breakpoints
        return self.kind in _OPEN or bool(unlocated)

    @lazy
    def has_bands(self) -> bool:
        """Say whether a break is told to the band, not only to the arm."""
        return any(point.band for point in self.all_breakpoints)

    @lazy
    def everyone(self) -> tuple[Abnormality, ...]:
        """The abnormality and the rearrangements inside it."""
        return (self, *self.parts)

    @lazy
    def all_breakpoints(self) -> tuple[Breakpoint, ...]:
        """Every break, those inside a derivative included."""
        if not self.parts:
            return self.breakpoints
        return tuple(point for member in self.everyone for point in member.breakpoints)

    @lazy
    def all_chromosomes(self) -> frozenset[str]:
        """Every chromosome that takes part."""
        if not self.parts:
            return frozenset(self.chromosomes)
        return frozenset(name for member in self.everyone for name in member.chromosomes)

    @lazy
    def mentions(self) -> frozenset[str]:
        """Every chromosome that the item names, be it only before a band (`::`)."""
        return self.all_chromosomes.union(point.chromosome for point in self.all_breakpoints)


_NOT_STRUCTURAL = frozenset(
    {
        Kind.NUMERICAL,
        Kind.HETEROMORPHISM,
        Kind.UNREAD,
        Kind.DESCRIBED_COMPLEX,
        Kind.DOUBLE_MINUTES,
    }
)
_OPEN = frozenset({Kind.UNREAD, Kind.DESCRIBED_COMPLEX, Kind.UNSPECIFIED})
