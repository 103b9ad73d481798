"""Why this exists: a karyotype and its cell clones, as values (ISCN 2020, chapter 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from haemony.harmonise.karyotype.abnormality import Abnormality, Kind, Sign
from haemony.harmonise.karyotype.dosage import Imbalance, imbalance
from haemony.harmonise.karyotype.lazy import lazy
from haemony.harmonise.karyotype.methods import is_array, is_in_situ, is_other_method

_SEX_AT_BIRTH = re.compile(r"^\D{0,3}\d{2,3}(?:<\dN[+-]?>)?[\s,.;]*([XY]{1,5})C(?![A-Z0-9(])")


class State(Enum):
    """Whether there is a karyotype to judge."""

    EVALUABLE = "evaluable"
    NO_METAPHASES = "no metaphases"
    NOT_DONE = "not done"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Clone:
    """Cells with one karyotype: how many chromosomes, which sex chromosomes, which abnormalities.

    Inherited abnormalities (`sl`, `sdl`, `idem`) are written out. `modal_number` is the lower end
    and `modal_upper` the upper end of a range. `donor` marks cells behind `//`, which are not the
    patient's.
    """

    modal_number: int | None
    modal_upper: int | None
    sex: str
    abnormalities: tuple[Abnormality, ...]
    cells: int | None = None
    composite: bool = False
    incomplete: bool = False
    donor: bool = False
    text: str = ""
    ploidy: str = ""

    @lazy
    def findings(self) -> tuple[Abnormality, ...]:
        """The acquired abnormalities of this clone."""
        if all(item.is_finding for item in self.abnormalities):
            return self.abnormalities
        return tuple(item for item in self.abnormalities if item.is_finding)

    @lazy
    def sex_at_birth(self) -> str:
        """The sex chromosomes where they are marked as constitutional (`XXYc`), or nothing."""
        found = _SEX_AT_BIRTH.search(self.text.upper())
        return found[1] if found else ""

    @lazy
    def mentions(self) -> frozenset[str]:
        """The chromosomes that the abnormalities name; of one not named no finding can be."""
        return frozenset().union(*[item.mentions for item in self.abnormalities])

    @lazy
    def imbalance(self) -> Imbalance:
        """The arms of which the rearrangements of this clone lose or gain a piece."""
        return imbalance(self.abnormalities)

    @lazy
    def whole(self) -> frozenset[tuple[str, Sign]]:
        """The chromosomes that are gained or lost whole."""
        return frozenset(
            [(i.chromosomes[0], i.sign) for i in self.abnormalities if i.kind is Kind.NUMERICAL]
        )

    @lazy
    def broken(self) -> frozenset[tuple[str, str]]:
        """The arms, as `("12", "p")`, that a rearrangement breaks in."""
        return frozenset(
            [
                (point.chromosome, point.arm)
                for item in self.abnormalities
                if item.sign is not Sign.LOST
                for point in item.all_breakpoints
            ]
        )

    @lazy
    def rearrangements(self) -> dict[Kind, list[Abnormality]]:
        """The abnormalities by their kind, also those inside a derivative chromosome."""
        found: dict[Kind, list[Abnormality]] = {}
        for item in self.abnormalities:
            if item.sign is not Sign.LOST and item.kind is not Kind.NUMERICAL:
                for member in item.everyone:
                    found.setdefault(member.kind, []).append(member)
        return found


@dataclass(frozen=True)
class Karyotype:
    """What a karyotype text says: its clones, whether it can be judged, and what was repaired.

    `notes` say in words what was repaired, set aside or not understood. `remarks` are the pieces
    of text that are no part of the formula: results of other methods, free text. `unread` are the
    pieces of the formula that were not understood.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> found = parse("47,XX,+8[3]/48,sl,+21[5]/46,XX[2]")
        >>> [(clone.cells, len(clone.abnormalities)) for clone in found.clones]
        [(3, 1), (5, 2), (2, 0)]
        >>> parse("keine Metaphasen").state
        <State.NO_METAPHASES: 'no metaphases'>
    """

    text: str
    clones: tuple[Clone, ...]
    state: State
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @lazy
    def in_situ(self) -> tuple[str, ...]:
        """The results of in-situ hybridisation (`ish`, `nuc ish`, FISH), as written."""
        return tuple(remark for remark in self.remarks if is_in_situ(remark))

    @lazy
    def arrays(self) -> tuple[str, ...]:
        """The results of arrays and optical mapping (`arr`, CGH, SNP, OGM), as written."""
        return tuple(remark for remark in self.remarks if is_array(remark))

    @lazy
    def residue(self) -> tuple[str, ...]:
        """Every piece of the text that was not understood: of the formula, and free text.

        Example:
            >>> from haemony.harmonise.karyotype import parse
            >>> parse("46,XX,+8,xyz[3]/46,XX[9] (bad cells). nuc ish(CEP8x3)[90/200]").residue
            ('xyz', '(bad cells)')
        """
        words = (remark for remark in self.remarks if not is_other_method(remark))
        return (*self.unread, *words)

    @lazy
    def own_clones(self) -> tuple[Clone, ...]:
        """The patient's clones: a donor's cells are left out."""
        if not any(clone.donor for clone in self.clones):
            return self.clones
        return tuple(clone for clone in self.clones if not clone.donor)

    @lazy
    def clonal(self) -> tuple[Clone, ...]:
        """The patient's clones, each with only its clonal, acquired abnormalities.

        ISCN 2020 (11.1.1) asks for two cells with the same gain or rearrangement and three with the
        same loss. The cells of all clones that share an abnormality are added up; where any of
        them is uncounted or composite, the laboratory's word is taken. A loss in two cells that
        share a gain or a rearrangement, and so are a clone, is kept, too.
        """
        own = self.own_clones
        if all(clone.cells is None or clone.cells > 2 or not clone.findings for clone in own):
            return tuple([_keep(clone, clone.findings) for clone in own])
        kept = []
        for clone in own:
            findings = tuple(item for item in clone.findings if _is_clonal(item, own))
            kept.append(_keep(clone, findings))
        return tuple(kept)

    @lazy
    def abnormal(self) -> tuple[Clone, ...]:
        """The clones of `clonal` that have an abnormality."""
        return tuple([clone for clone in self.clonal if clone.abnormalities])

    @lazy
    def abnormalities(self) -> tuple[Abnormality, ...]:
        """Every distinct clonal, acquired abnormality, in the order first written."""
        seen: dict[str, Abnormality] = {}
        for clone in self.clonal:
            for item in clone.abnormalities:
                seen.setdefault(item.text, item)
        return tuple(seen.values())

    @lazy
    def hidden(self) -> frozenset[str]:
        """The chromosomes that items which could not be read may concern."""
        return frozenset(
            name
            for clone in self.own_clones
            for item in clone.abnormalities
            if item.kind is Kind.UNREAD
            for name in item.chromosomes
        )

    @lazy
    def unlocated(self) -> frozenset[str]:
        """Rebuilt chromosomes without any breakpoint: they may have lost or gained either arm.

        ISCN gives the breakpoints of a translocation once; a second derivative need not repeat
        them.
        """
        rebuilt = [item for item in self.abnormalities if item.is_structural]
        bare = [item for item in rebuilt if not item.all_breakpoints]
        located = {item.all_chromosomes for item in rebuilt if item.parts and item.all_breakpoints}
        return frozenset().union(
            *(item.all_chromosomes for item in bare if item.all_chromosomes not in located)
        )

    @lazy
    def unspecified(self) -> frozenset[str]:
        """Chromosomes that are rebuilt, it is not said how: `abn(16)(q22)` may be an inv(16)."""
        return frozenset(
            name
            for item in self.abnormalities
            if item.kind is Kind.UNSPECIFIED
            for name in item.chromosomes
        )

    @lazy
    def is_plain(self) -> bool:
        """Say whether nothing in the formula leaves a finding open."""
        for clone in self.own_clones:
            for item in clone.abnormalities:
                if item.leaves_open:
                    return False
        return True

    @lazy
    def mentions(self) -> frozenset[str]:
        """The chromosomes that clonal abnormalities name."""
        named = [clone.mentions for clone in self.abnormal]
        return named[0] if len(named) == 1 else frozenset().union(*named)

    @lazy
    def is_described_complex(self) -> bool:
        """Say whether the text calls the karyotype complex instead of writing it out."""
        return any(
            item.kind is Kind.DESCRIBED_COMPLEX
            for clone in self.own_clones
            for item in clone.abnormalities
        )


def _keep(clone: Clone, findings: tuple[Abnormality, ...]) -> Clone:
    if len(findings) == len(clone.abnormalities):
        return clone
    return Clone(
        modal_number=clone.modal_number,
        modal_upper=clone.modal_upper,
        sex=clone.sex,
        abnormalities=findings,
        cells=clone.cells,
        composite=clone.composite,
        incomplete=clone.incomplete,
        donor=clone.donor,
        text=clone.text,
        ploidy=clone.ploidy,
    )


def _is_clonal(item: Abnormality, clones: tuple[Clone, ...]) -> bool:
    total = 0
    held_together = False
    for clone in clones:
        if not any(other.text == item.text for other in clone.abnormalities):
            continue
        if clone.cells is None or clone.composite:
            return True
        total += clone.cells
        held_together = held_together or not all(_is_loss(other) for other in clone.findings)
    return total >= (3 if _is_loss(item) and not held_together else 2)


def _is_loss(item: Abnormality) -> bool:
    return item.kind is Kind.NUMERICAL and item.sign is Sign.LOST
