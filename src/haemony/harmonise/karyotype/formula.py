"""Why this exists: a karyotype and its cell clones, as values (ISCN 2020, chapter 11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from haemony.harmonise.karyotype.abnormality import Abnormality, Kind, Sign


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

    @cached_property
    def findings(self) -> tuple[Abnormality, ...]:
        """The acquired abnormalities of this clone."""
        return tuple(item for item in self.abnormalities if item.is_finding)


@dataclass(frozen=True)
class Karyotype:
    """What a karyotype text says: its clones, whether it can be judged, and what was repaired.

    `notes` say in words what was repaired, set aside or not understood. `remarks` are the pieces
    of text that are no part of the formula (FISH, PCR, free text).

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

    @cached_property
    def own_clones(self) -> tuple[Clone, ...]:
        """The patient's clones: a donor's cells are left out."""
        return tuple(clone for clone in self.clones if not clone.donor)

    @cached_property
    def clonal(self) -> tuple[Clone, ...]:
        """The patient's clones, each with only its clonal, acquired abnormalities.

        ISCN 2020 (11.1.1) asks for two cells with the same gain or rearrangement and three with the
        same loss. The cells of all clones that share an abnormality are added up; where any of
        them is uncounted or composite, the laboratory's word is taken. A loss in a clone of two
        cells that is held together by another abnormality is kept, too.
        """
        own = self.own_clones
        if all(clone.cells is None or clone.cells > 2 or not clone.findings for clone in own):
            return tuple(_keep(clone, clone.findings) for clone in own)
        kept = []
        for clone in own:
            findings = tuple(item for item in clone.findings if _is_clonal(item, own))
            kept.append(_keep(clone, findings))
        return tuple(kept)

    @cached_property
    def abnormalities(self) -> tuple[Abnormality, ...]:
        """Every distinct clonal, acquired abnormality, in the order first written."""
        seen: dict[str, Abnormality] = {}
        for clone in self.clonal:
            for item in clone.abnormalities:
                seen.setdefault(item.text, item)
        return tuple(seen.values())

    @cached_property
    def is_described_complex(self) -> bool:
        """Say whether the text calls the karyotype complex instead of writing it out."""
        return any(
            item.kind is Kind.DESCRIBED_COMPLEX
            for clone in self.own_clones
            for item in clone.abnormalities
        )


def _keep(clone: Clone, findings: tuple[Abnormality, ...]) -> Clone:
    if findings == clone.abnormalities:
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
        held_together = held_together or len(clone.findings) > 1
    if item.kind is Kind.NUMERICAL and item.sign is Sign.LOST and not held_together:
        return total >= 3
    return total >= 2
