"""Why this exists: an unbalanced rearrangement loses one piece of chromosome and may gain another.

`der(5)t(5;17)(q11;p11)` is a loss of 5q as surely as `del(5)(q13q33)` is. This module says, for one
clone, which chromosome arms are lost and gained through rearrangement. Whole chromosomes are
counted
elsewhere (`-5`, `+8`), and so is material of unknown origin (`add`), whose lost part is not known.

The reasoning is that of ISCN 2020, chapter 9: a derivative keeps the arm with the centromere it is
named after up to the break, and replaces what lay beyond it by the partner's segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from haemony.harmonise.karyotype.abnormality import Abnormality, Breakpoint, Kind, Sign


@dataclass(frozen=True, slots=True)
class Imbalance:
    """The arms, as `("5", "q")`, of which a clone has lost or gained a piece."""

    lost: frozenset[tuple[str, str]]
    gained: frozenset[tuple[str, str]]


def imbalance(items: tuple[Abnormality, ...]) -> Imbalance:
    """Say which arms the rearrangements of one clone lose and gain.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> (clone,) = parse("46,XX,i(17)(q10)[20]").clones
        >>> found = imbalance(clone.abnormalities)
        >>> sorted(found.lost), sorted(found.gained)
        ([('17', 'p')], [('17', 'q')])
    """
    lost: set[tuple[str, str]] = set()
    gained: set[tuple[str, str]] = set()
    gone = _whole(items, Sign.LOST)
    extra = _whole(items, Sign.GAINED)
    for item in items:
        if not item.is_structural or item.sign is Sign.LOST:
            continue
        replaces = item.sign is Sign.IN_PLACE or bool(set(item.chromosomes) & gone)
        for is_loss, arm in _effects(item, items):
            name = arm[0]
            if is_loss and replaces and not (name in extra and item.kind is Kind.DERIVATIVE):
                lost.add(arm)
            elif not is_loss and (name not in gone or _stands_for_lost(item, name)):
                gained.add(arm)
        if item.sign is Sign.GAINED and not replaces:
            gained.update(_kept_arms(item))
        elif item.kind is Kind.DERIVATIVE and not item.parts:
            gained.update((p.chromosome, p.arm) for p in item.breakpoints if p.chromosome in extra)
    return Imbalance(frozenset(lost), frozenset(gained))


def _whole(items: tuple[Abnormality, ...], sign: Sign) -> set[str]:
    return {
        item.chromosomes[0] for item in items if item.kind is Kind.NUMERICAL and item.sign is sign
    }


def _stands_for_lost(item: Abnormality, name: str) -> bool:
    """`-17,+i(17)(q10)` is the old way to write i(17)(q10); `-17,i(17)(q10)` leaves two 17q."""
    return item.sign is Sign.GAINED and name in item.chromosomes


def _kept_arms(item: Abnormality) -> Iterator[tuple[str, str]]:
    """The arms of which an extra rebuilt chromosome brings a piece: not one broken at its root."""
    name = item.chromosomes[0] if item.chromosomes else "?"
    if len(item.chromosomes) > 1 or item.kind in {Kind.ISOCHROMOSOME, Kind.ISODICENTRIC}:
        return
    own = [point for point in item.all_breakpoints if point.chromosome == name]
    at_root = {point.arm for point in own if point.band.split(".")[0] in {"", "10", "11"}}
    if own:
        yield from ((name, arm) for arm in "pq" if arm not in at_root)


def _effects(
    item: Abnormality, clone: tuple[Abnormality, ...]
) -> Iterator[tuple[bool, tuple[str, str]]]:
    """Each arm with whether a piece of it is lost (True) or gained (False)."""
    for point in item.breakpoints:
        yield from _at_break(item, point)
    for part in item.parts:
        if part.kind in {Kind.TRANSLOCATION, Kind.INSERTION}:
            yield from _joined(item, part, clone)
        else:
            yield from _effects(part, clone)


def _at_break(item: Abnormality, point: Breakpoint) -> Iterator[tuple[bool, tuple[str, str]]]:
    here, opposite = (point.chromosome, point.arm), (point.chromosome, _other(point.arm))
    at_centromere = point.band == "10"
    match item.kind:
        case Kind.DELETION | Kind.DICENTRIC | Kind.TRICENTRIC | Kind.RING:
            yield True, here
        case Kind.DUPLICATION | Kind.TRIPLICATION | Kind.QUADRUPLICATION:
            yield False, here
        case Kind.ISOCHROMOSOME | Kind.ISODERIVATIVE:
            yield True, opposite
            yield False, here
        case Kind.ISODICENTRIC:
            yield True, opposite if at_centromere else here
            yield False, here if at_centromere else opposite
        case Kind.DERIVATIVE if len(item.chromosomes) > 1 and not item.parts:
            yield True, opposite if at_centromere else here
        case _:
            return


def _joined(
    item: Abnormality, part: Abnormality, clone: tuple[Abnormality, ...]
) -> Iterator[tuple[bool, tuple[str, str]]]:
    """A derivative of a translocation or insertion, unless its counterparts are there as well.

    Where all breaks are at the centromere (band 10) the arms that are named are those kept: of
    der(17)t(3;17)(p10;q10) the short arm of 17 is lost.
    """
    if is_balanced(item, part, clone):
        return
    named = set(item.chromosomes)
    partners = set(part.chromosomes) - named
    whole_arms = bool(part.breakpoints) and all(point.band == "10" for point in part.breakpoints)
    for point in part.breakpoints:
        arm = (point.chromosome, point.arm)
        if point.chromosome in named and part.kind is Kind.TRANSLOCATION:
            yield True, (point.chromosome, _other(point.arm)) if whole_arms else arm
        elif point.chromosome in partners:
            yield False, arm


def is_balanced(item: Abnormality, part: Abnormality, clone: tuple[Abnormality, ...]) -> bool:
    """Say whether the derivatives of all partners of a translocation are in the clone."""
    partners = set(part.chromosomes) - set(item.chromosomes)
    present = {
        other.chromosomes[0]
        for other in clone
        if other is not item
        and other.kind in {Kind.DERIVATIVE, Kind.ISODERIVATIVE}
        and any(set(inner.chromosomes) == set(part.chromosomes) for inner in other.parts)
    }
    return bool(partners) and partners <= present


def _other(arm: str) -> str:
    return {"p": "q", "q": "p"}.get(arm, "")
