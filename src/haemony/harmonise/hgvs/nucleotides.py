"""Reading names of nucleotide changes: ``c.743G>A``, ``c.2248_2249insTTC``."""

from __future__ import annotations

import re

from haemony.harmonise.hgvs.names import Change, Coding, Place, Unreadable, span

_NUMBER = "[0-9]{1,9}"
_BASES = "[ACGTUNacgtun]+"
_PLACE = rf"[*-]?{_NUMBER}(?:[+-]{_NUMBER})?"
_WHERE = rf"(?P<start>{_PLACE})(?:_(?P<end>{_PLACE}))?"
_REPLACED = re.compile(rf"{_WHERE}(?P<reference>{_BASES})>(?P<alternate>{_BASES})")
_BASE_FIRST = re.compile(rf"(?P<reference>[ACGT])(?P<start>{_NUMBER})(?P<alternate>[ACGT])")
_SAME = re.compile(rf"{_WHERE}(?P<reference>{_BASES})?=")
_DELETION = re.compile(
    rf"{_WHERE}del(?P<reference>{_BASES}|{_NUMBER})?(?:ins(?P<alternate>{_BASES}))?"
)
_TURN = re.compile(rf"{_WHERE}(?P<word>dup|inv)(?P<reference>{_BASES}|{_NUMBER})?")
_INSERTION = re.compile(rf"{_WHERE}ins(?P<alternate>{_BASES})")


def read_nucleotides(body: str, accession: str, level: str, text: str) -> Coding | Unreadable:
    """Read the part of a name that stands behind ``c.``, ``g.``, ``n.`` or ``m.``."""
    for pattern, change in (
        (_REPLACED, Change.SUBSTITUTION),
        (_BASE_FIRST, Change.SUBSTITUTION),
        (_SAME, Change.NONE),
        (_INSERTION, Change.INSERTION),
        (_TURN, Change.DUPLICATION),
        (_DELETION, Change.DELETION),
    ):
        match = pattern.fullmatch(body)
        if match:
            return _checked(match.groupdict(), change, accession, level, text)
    return Unreadable(text, "no form of a nucleotide change that we know")


def _checked(
    parts: dict[str, str | None], change: Change, accession: str, level: str, text: str
) -> Coding | Unreadable:
    start = _place(parts["start"] or "")
    end = _place(parts.get("end") or parts["start"] or "")
    stated, alternate = parts.get("reference") or "", (parts.get("alternate") or "").upper()
    reference = "" if stated.isdecimal() else stated.upper()
    if change is Change.DUPLICATION and parts["word"] == "inv":
        change = Change.INVERSION
    elif change is Change.DELETION and alternate:
        change = Change.REPLACEMENT
    problem = _problem(change, start, end, stated, alternate)
    if problem:
        return Unreadable(text, problem)
    notes = _notes(parts, stated, reference)
    if change is Change.SUBSTITUTION and (len(reference) > 1 or len(alternate) > 1):
        change = Change.REPLACEMENT
        notes += ("'>' between several bases read as delins",)
    return Coding(change, start, end, reference, alternate, accession, level, text, notes)


def _place(text: str) -> Place:
    """A position that one of the patterns above has found."""
    base, sign, offset = text.removeprefix("*"), "", "0"
    for mark in "+-":
        head, found, tail = base[1:].partition(mark)
        if found:
            base, sign, offset = base[0] + head, mark, tail
    return Place(int(base), int(sign + offset), text.startswith("*"))


def _problem(change: Change, start: Place, end: Place, stated: str, alternate: str) -> str:
    """What contradicts itself in a name; empty where nothing does."""
    length = span(start, end)
    if 0 in {start.base, end.base}:
        return "there is no position 0"
    if _order(end) < _order(start):
        return "the end lies before the start"
    if change is Change.INSERTION:
        return "" if _are_neighbours(start, end) else "an insertion lies between two neighbours"
    told = int(stated) if stated.isdecimal() else len(stated)
    if stated and length is not None and told != length:
        return f"positions span {length} base(s), {told} are named"
    if change is Change.SUBSTITUTION and stated.upper() == alternate:
        return "reference and variant are the same"
    return ""


def _order(place: Place) -> tuple[bool, int, int]:
    return place.behind_stop, place.base, place.offset


def _are_neighbours(start: Place, end: Place) -> bool:
    """Whether nothing lies between; across an exon's border (``9_9+1``) counts as beside."""
    if start.behind_stop != end.behind_stop:
        return not start.offset and not end.offset and end.base == 1
    length = span(start, end)
    return length == 2 if length is not None else abs(start.offset - end.offset) == 1


def _notes(parts: dict[str, str | None], stated: str, reference: str) -> tuple[str, ...]:
    written = stated + (parts.get("alternate") or "")
    notes: tuple[str, ...] = ()
    if "word" not in parts and "end" not in parts:
        notes += ("base before position",)
    if written != written.upper():
        notes += ("bases in lower case",)
    if stated and not reference:
        notes += ("number of bases in place of bases",)
    return notes
