"""Why this exists: risk scores ask for whole-karyotype words: normal, complex, monosomal, how many.

Definitions: complex and the class-defining rearrangements follow the ELN recommendations (Döhner et
al., Blood 2017;129:424-447 and 2022;140:1345-1377); monosomal follows Breems et al., J Clin Oncol
2008;26:4791-4797. Formulas are read as ISCN 2020 prescribes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from haemony.harmonise.karyotype.abnormality import Abnormality, Kind, Sign
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.rules import matches

_CLASS_DEFINING_2017 = " | ".join(
    (
        "t(8;21)(q22;q22)",
        "inv(16)(p13q22)",
        "t(16;16)(p13;q22)",
        "t(15;17)",
        "t(9;11)(p21~23;q23)",
        "rcp(v;11q23)",
        "ins(v;11q23)",
        "t(6;9)(p21~23;q34)",
        "inv(3)(q26)",
        "t(3;3)(v;q26)",
        "t(9;22)(q34;q11)",
    )
)
CLASS_DEFINING = f"{_CLASS_DEFINING_2017} | t(8;16)(p11;p13)"
"""Rearrangements that name a class of their own, so that the karyotype is not called complex."""

CORE_BINDING_FACTOR = "t(8;21)(q22;q22) | inv(16)(p13q22) | t(16;16)(p13;q22)"

_NUMBER_OF_MARKERS = re.compile(r"^\+?[\d~-]*x?(?:var)?(?=mar)")
_TIMES = re.compile(r"x\d+$")

_BANDS = re.compile(r"\(\??[pq?][^()]*\)")

_SEXES = {"XX": "female", "XY": "male"}


def is_normal(karyotype: Karyotype) -> bool | None:
    """Say whether every clone has its 46 chromosomes and no clonal, acquired abnormality.

    Chromosomes that the patient was born with are no abnormality: `47,XXYc` and `47,XY,+21c` are
    normal. A single abnormal cell is no clone, and without other cells no normal karyotype, either.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> is_normal(parse("46,XY,inv(9)(p12q13)c[20]")), is_normal(parse("not done"))
        (True, None)
        >>> is_normal(parse("47,XXYc[20]")), is_normal(parse("48,XXYc,+8[20]"))
        (True, False)
    """
    if karyotype.state is not State.EVALUABLE:
        return None
    if any(clone.abnormalities for clone in karyotype.clonal):
        return False
    judged = _worth_judging(karyotype)
    return all(_is_diploid(clone, told) for clone, told in judged) if judged else None


def _worth_judging(karyotype: Karyotype) -> tuple[tuple[Clone, Clone], ...]:
    """Clones, clonal and as told, without single cells that carry nothing clonal."""
    return tuple(
        (clone, told)
        for clone, told in zip(karyotype.clonal, karyotype.own_clones, strict=True)
        if clone.cells is None or clone.cells > 2 or clone.abnormalities or not told.findings
    )


def _is_diploid(clone: Clone, told: Clone) -> bool:
    if clone.modal_number is None or clone.modal_upper is None or clone.ploidy not in {"", "2n"}:
        return False
    born_with = clone.sex_at_birth
    number = 46 + sum(_born_with(item) for item in told.abnormalities)
    if born_with:
        number += len(born_with) - 2
    known = clone.sex in _SEXES or "?" in clone.sex or "U" in clone.sex or not clone.sex
    return clone.modal_number <= number <= clone.modal_upper and (bool(born_with) or known)


def _born_with(item: Abnormality) -> int:
    """What a constitutional change adds to 46; a Robertsonian chromosome stands for two."""
    if not item.constitutional:
        return 0
    if item.sign is Sign.GAINED:
        return item.copies
    joined = item.kind in {Kind.ROBERTSONIAN, Kind.DERIVATIVE} and len(item.chromosomes) > 1
    return -item.copies if item.sign is Sign.LOST or joined else 0


def abnormality_count(karyotype: Karyotype) -> int | None:
    """Count the distinct clonal, acquired abnormalities over all clones.

    A gain, a loss, a rearrangement and a marker each count one, a tetrasomy two. What clones share
    is counted once, also when one of them gives its bands and the other does not; what they do not
    share (evolution, or an unrelated clone) is counted, too. A cell has one Y to lose.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> abnormality_count(parse("46,XX,-5,-7,+2mar[4]/47,idem,+8[6]"))
        5
    """
    if karyotype.state is not State.EVALUABLE:
        return None
    return sum(_most(_counted(karyotype)).values())


def _counted(karyotype: Karyotype) -> list[dict[str, int]]:
    """Each clone's abnormalities by name, with their number in one cell."""
    told_in_full = _told_in_full(karyotype)
    counted = []
    for clone in karyotype.clonal:
        here: dict[str, int] = {}
        for item in clone.abnormalities:
            name = _name(told_in_full.get(item.text, item.text), item)
            here[name] = 1 if name == "-Y" else here.get(name, 0) + _copies(item)
        counted.append(here)
    return counted


def _most(counted: list[dict[str, int]]) -> dict[str, int]:
    """Each abnormality with its largest number in one clone."""
    if len(counted) == 1:
        return counted[0]
    most: dict[str, int] = {}
    for here in counted:
        for name, copies in here.items():
            if copies > most.get(name, 0):
                most[name] = copies
    return most


@dataclass(frozen=True, slots=True)
class Family:
    """Clones that share abnormalities: how many abnormalities were understood and how many not."""

    understood: int
    unread: int


def clonal_families(karyotype: Karyotype) -> tuple[Family, ...]:
    """Part the abnormal clones into families; clones of two families are independent.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> found = parse("46,XX,del(5)(q13q33)[9]/47,idem,+8[4]/47,XX,+21[5]/46,XX[2]")
        >>> [family.understood for family in clonal_families(found)]
        [2, 1]
    """
    families: list[list[dict[str, int]]] = []
    for here in filter(None, _counted(karyotype)):
        related = [f for f in families if any(not here.keys().isdisjoint(c) for c in f)]
        apart = [f for f in families if f not in related]
        families = [*apart, [clone for f in related for clone in f] + [here]]
    gaps = {_name(item.text, item) for item in karyotype.abnormalities if item.kind is Kind.UNREAD}
    return tuple(_family(_most(family), gaps) for family in families)


def _family(most: dict[str, int], gaps: set[str]) -> Family:
    unread = sum(copies for name, copies in most.items() if name in gaps)
    return Family(sum(most.values()) - unread, unread)


def _name(text: str, item: Abnormality) -> str:
    """The name to count by: markers are counted, not named by their number or `x2`."""
    if item.kind is not Kind.MARKER:
        return text
    return _NUMBER_OF_MARKERS.sub("+", _TIMES.sub("", text), count=1)


def _told_in_full(karyotype: Karyotype) -> dict[str, str]:
    """Items without bands, to the same item with its bands in another clone, where that is one."""
    found: dict[str, str] = {}
    bare = [i for i in karyotype.abnormalities if i.is_structural and not i.has_bands]
    if len(karyotype.clonal) < 2 or not bare:
        return found
    for clone in karyotype.clonal:
        theirs = [
            item
            for other in karyotype.clonal
            if other is not clone
            for item in other.abnormalities
            if item.is_structural
        ]
        for item in clone.abnormalities:
            same = {full.text for full in theirs if _says_more(full, item)}
            if len(same) == 1 and not same & {own.text for own in clone.abnormalities}:
                found[item.text] = same.pop()
    return found


def _says_more(full: Abnormality, item: Abnormality) -> bool:
    """`del(5)(q13q33)` says what `del(5)(q)` does, and more."""
    if not item.is_structural or item.has_bands or not full.has_bands:
        return False
    arms = {(point.chromosome, point.arm) for point in item.all_breakpoints}
    return _BANDS.sub("", full.text) == _BANDS.sub("", item.text) and arms <= {
        (point.chromosome, point.arm) for point in full.all_breakpoints
    }


def _copies(item: Abnormality) -> int:
    if item.kind is Kind.DESCRIBED_COMPLEX:
        return max(3, item.copies)
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
    return _is_complex(karyotype, CLASS_DEFINING)


def is_complex_eln_2017(karyotype: Karyotype) -> bool | None:
    """Say whether a karyotype is complex as the ELN defined it in 2017."""
    return _is_complex(karyotype, _CLASS_DEFINING_2017)


def is_complex_eln_2022(karyotype: Karyotype) -> bool | None:
    """Say whether a karyotype is complex as the ELN defined it in 2022.

    Three or more extra chromosomes without any rearrangement are not complex.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> is_complex_eln_2022(parse("49,XX,+8,+13,+21")), is_complex(parse("49,XX,+8,+13,+21"))
        (False, True)
    """
    found = _is_complex(karyotype, CLASS_DEFINING)
    return found and not _is_only_hyperdiploid(karyotype)


def is_complex_ipss_r(karyotype: Karyotype) -> bool | None:
    """Say whether there are three or more abnormalities, as the IPSS-R counts them.

    No rearrangement is an exception, and independent clones are not added up.
    """
    if abnormality_count(karyotype) is None:
        return None
    return max((f.understood + f.unread for f in clonal_families(karyotype)), default=0) >= 3


def _is_complex(karyotype: Karyotype, class_defining: str) -> bool | None:
    if karyotype.state is not State.EVALUABLE:
        return None
    if _at_most(karyotype) < 3:
        return False
    return sum(_most(_counted(karyotype)).values()) >= 3 and not matches(class_defining, karyotype)


def _at_most(karyotype: Karyotype) -> int:
    """No fewer than there are: what clones share is counted in each of them."""
    most = 0
    for clone in karyotype.clonal:
        for item in clone.abnormalities:
            most += item.copies if item.kind is not Kind.DESCRIBED_COMPLEX else 3
    return most


def _is_only_hyperdiploid(karyotype: Karyotype) -> bool:
    """Every abnormality is an extra whole chromosome."""
    return all(
        item.kind is Kind.NUMERICAL and item.sign is Sign.GAINED for item in karyotype.abnormalities
    )


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
    told = karyotype.is_plain or not karyotype.is_described_complex
    if not told and len(karyotype.own_clones) == 1:
        return None
    if not any(_is_monosomal(clone) for clone in karyotype.clonal):
        return False
    return not matches(CORE_BINDING_FACTOR, karyotype)


def _is_monosomal(clone: Clone) -> bool:
    lost = {name for name, sign in clone.whole if sign is Sign.LOST} - {"X", "Y"}
    if not lost:
        return False
    rebuilt = [i for i in clone.abnormalities if i.is_structural and i.kind is not Kind.MARKER]
    for item in rebuilt:
        if item.sign is Sign.GAINED:  # -17,+i(17)(q10) is the old way to write i(17)(q10)
            lost.difference_update(item.chromosomes[:1])
    return len(lost) >= 2 or (len(lost) == 1 and bool(rebuilt))


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
        if item.sign is Sign.GAINED or item.kind is Kind.UNREAD:
            continue
        names = [name for name in item.chromosomes if name in {"X", "Y"}]
        if names and (item.kind is not Kind.NUMERICAL or item.sign is Sign.LOST):
            shown += names[0]
    if "Y" in shown:
        return "male"
    return "female" if shown.count("X") >= 2 and "?" not in shown else None
