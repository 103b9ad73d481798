"""Why this exists: risk scores ask for whole-karyotype words: normal, complex, monosomal, how many.

Definitions: complex and the class-defining rearrangements follow the ELN recommendations (Döhner et
al., Blood 2017;129:424-447 and 2022;140:1345-1377); monosomal follows Breems et al., J Clin Oncol
2008;26:4791-4797. Formulas are read as ISCN 2020 prescribes.
"""

from __future__ import annotations

import re

from haemony.harmonise.karyotype.abnormality import Abnormality, Kind, Sign
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.rules import matches

CLASS_DEFINING = " | ".join(
    (
        "t(8;21)(q22;q22)",
        "inv(16)(p13q22)",
        "t(16;16)(p13;q22)",
        "t(15;17)",
        "t(9;11)(p21~23;q23)",
        "rcp(v;11q23)",
        "t(6;9)(p21~23;q34)",
        "inv(3)(q21q26)",
        "t(3;3)(q21;q26)",
        "t(9;22)(q34;q11)",
        "t(8;16)(p11;p13)",
    )
)
"""Rearrangements that name a class of their own, so that the karyotype is not called complex."""

CORE_BINDING_FACTOR = "t(8;21)(q22;q22) | inv(16)(p13q22) | t(16;16)(p13;q22)"

_COUNTER = re.compile(r"(\+)[\d~-]*(?:var)?(?=mar)")

_SEXES = {"XX": "female", "XY": "male"}


def is_normal(karyotype: Karyotype) -> bool | None:
    """Say whether every clone has 46 chromosomes and no clonal, acquired abnormality.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> is_normal(parse("46,XY,inv(9)(p12q13)c[20]")), is_normal(parse("not done"))
        (True, None)
    """
    if karyotype.state is not State.EVALUABLE:
        return None
    return all(
        not clone.abnormalities and _is_diploid(clone) for clone in _worth_judging(karyotype)
    )


def _worth_judging(karyotype: Karyotype) -> tuple[Clone, ...]:
    """Clones, without single cells that carry nothing clonal."""
    return tuple(
        clone
        for clone, told in zip(karyotype.clonal, karyotype.own_clones, strict=True)
        if clone.cells is None or clone.cells > 2 or clone.abnormalities or not told.findings
    )


def _is_diploid(clone: Clone) -> bool:
    if clone.modal_number is None or clone.modal_upper is None:
        return False
    at_birth = clone.sex.strip("?") not in _SEXES and "C" in clone.text.upper()
    return clone.modal_number <= 46 <= clone.modal_upper and (
        clone.sex in _SEXES or at_birth or "?" in clone.sex or "U" in clone.sex or not clone.sex
    )


def abnormality_count(karyotype: Karyotype) -> int | None:
    """Count the distinct clonal, acquired abnormalities over all clones.

    A gain, a loss, a rearrangement and a marker each count one, a tetrasomy two. What clones share
    is counted once; what they do not share (evolution, or an unrelated clone) is counted, too.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> abnormality_count(parse("46,XX,-5,-7,+2mar[4]/47,idem,+8[6]"))
        5
    """
    if karyotype.state is not State.EVALUABLE:
        return None
    most: dict[str, int] = {}
    for clone in karyotype.clonal:
        here: dict[str, int] = {}
        for item in clone.abnormalities:
            name = _COUNTER.sub(r"\1", item.text)
            here[name] = here.get(name, 0) + _copies(item)
        for name, copies in here.items():
            most[name] = max(most.get(name, 0), copies)
    return sum(most.values())


def _copies(item: Abnormality) -> int:
    if item.kind is Kind.DESCRIBED_COMPLEX:
        return 3
    return item.copies if item.kind in {Kind.NUMERICAL, Kind.MARKER} else 1


def is_complex(karyotype: Karyotype) -> bool | None:
    """Say whether there are three or more unrelated abnormalities and no class-defining one.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> is_complex(parse("44,XY,del(5)(q13q33),-7,-17[20]"))
        True
        >>> is_complex(parse("48,XY,+8,inv(16)(p13q22),+22[20]"))
        False
    """
    count = abnormality_count(karyotype)
    if count is None:
        return None
    return count >= 3 and not matches(CLASS_DEFINING, karyotype)


def is_monosomal(karyotype: Karyotype) -> bool | None:
    """Say whether a clone has two autosomal monosomies, or one and a rearrangement.

    Core-binding-factor leukaemias are never called monosomal; a marker is no rearrangement that is
    known to be another chromosome's.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> is_monosomal(parse("44,XX,-5,-7[12]")), is_monosomal(parse("45,X,-Y[9]/46,XY[9]"))
        (True, False)
    """
    if karyotype.state is not State.EVALUABLE:
        return None
    if karyotype.is_described_complex and len(karyotype.own_clones) == 1:
        return None
    if matches(CORE_BINDING_FACTOR, karyotype):
        return False
    return any(_is_monosomal(clone) for clone in karyotype.clonal)


def _is_monosomal(clone: Clone) -> bool:
    lost = {
        item.chromosomes[0]
        for item in clone.abnormalities
        if item.kind is Kind.NUMERICAL
        and item.sign is Sign.LOST
        and item.chromosomes[0] not in {"X", "Y"}
    }
    rebuilt = any(
        item.is_structural and item.kind is not Kind.MARKER for item in clone.abnormalities
    )
    return len(lost) >= 2 or (len(lost) == 1 and rebuilt)


def sex(karyotype: Karyotype) -> str | None:
    """Say which sex the patient's sex chromosomes show: `female`, `male` or `None`.

    Abnormal and lost sex chromosomes are put back, so `45,X,-Y` is male.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> sex(parse("45,X,-Y[15]/46,XY[5]")), sex(parse("no metaphases"))
        ('male', None)
    """
    said = {_sex_of(clone) for clone in karyotype.own_clones} - {None}
    return said.pop() if len(said) == 1 else None


def _sex_of(clone: Clone) -> str | None:
    shown = clone.sex
    for item in clone.abnormalities:
        if item.sign is Sign.GAINED:
            continue
        names = [name for name in item.chromosomes if name in {"X", "Y"}]
        if names and (item.kind is not Kind.NUMERICAL or item.sign is Sign.LOST):
            shown += names[0]
    if "Y" in shown:
        return "male"
    return "female" if shown.count("X") >= 2 and "?" not in shown else None
