"""Reading names of protein changes: ``p.R882H``, ``p.Trp288CysfsTer12``, ``p.(=)``."""

from __future__ import annotations

import re
from dataclasses import replace

from haemony.harmonise.hgvs.amino import one_letter
from haemony.harmonise.hgvs.names import Change, Protein, Residue, Unreadable

_NUMBER = "[0-9]{1,9}"
_AMINO = "[ACDEFGHIKLMNPQRSTVWYUOXBZ*]"
_FIRST = rf"(?P<first>{_AMINO}?)(?P<start>{_NUMBER})"
_WHERE = rf"{_FIRST}(?:_(?P<last>{_AMINO}?)(?P<end>{_NUMBER}))?"
_SINGLE = re.compile(rf"(?P<first>{_AMINO})(?P<start>{_NUMBER})(?P<alternate>{_AMINO}|=|\?)")
_SHIFT = re.compile(rf"-?{_WHERE}(?P<alternate>{_AMINO}??)fs(?:[*X](?P<stop>>?{_NUMBER}|\?)?)?")
_EXTENSION = re.compile(
    rf"(?P<first>[*XM])(?P<start>{_NUMBER})(?P<alternate>{_AMINO}??)ext(?P<side>[*X-]?)(?P<stop>{_NUMBER}|\?)?"
)
_INSERTION = re.compile(rf"{_WHERE}ins(?P<alternate>{_AMINO}+)")
_DELETION = re.compile(rf"{_WHERE}(?P<word>del|dup)(?P<stated>{_AMINO}*)")
_REPLACEMENT = re.compile(
    rf"{_WHERE}(?:(?P<word>del)(?P<stated>{_AMINO}*)ins|(?P<old>{_AMINO}*)>)(?P<alternate>{_AMINO}+)"
)
_WHOLE = {
    "=": Protein(Change.NONE),
    "?": Protein(Change.UNKNOWN, doubtful=True),
    "0": Protein(Change.ABSENT),
    "0?": Protein(Change.ABSENT, doubtful=True),
}


def read_protein(body: str, accession: str, text: str) -> Protein | Unreadable:
    """Read the part of a name that stands behind ``p.``."""
    predicted = body.startswith("(") and body.endswith(")")
    body = one_letter(body[1:-1] if predicted else body)
    found = _WHOLE.get(body) or _read(body)
    if isinstance(found, str):
        return Unreadable(text, found)
    return replace(found, predicted=predicted, accession=accession, text=text)


def _read(body: str) -> Protein | str:
    """The change, or why it is not read."""
    for pattern, read in (
        (_SINGLE, _single),
        (_SHIFT, _shift),
        (_EXTENSION, _extension),
        (_INSERTION, _insertion),
        (_REPLACEMENT, _replacement),
        (_DELETION, _deletion),
    ):
        match = pattern.fullmatch(body)
        if match:
            parts = {name: part or "" for name, part in match.groupdict().items()}
            return _misplaced(parts) or read(parts)
    return "no form of a protein change that we know"


def _misplaced(parts: dict[str, str]) -> str:
    start, end = int(parts["start"]), int(parts.get("end") or parts["start"])
    if start == 0:
        return "there is no position 0"
    if end < start:
        return "the end lies before the start"
    same = start == end and parts.get("end") and parts["first"] != parts["last"]
    return "one position has two residues" if same else ""


def _ends(parts: dict[str, str]) -> tuple[Residue, Residue]:
    start = Residue(parts["first"], int(parts["start"]))
    if not parts.get("end"):
        return start, start
    return start, Residue(parts["last"], int(parts["end"]))


def _stop(residues: str) -> tuple[str, tuple[str, ...]]:
    """A stop was once written X."""
    return (residues.replace("X", "*"), ("X read as a stop",) if "X" in residues else ())


def _unnamed(*residues: Residue) -> tuple[str, ...]:
    return () if all(residue.amino for residue in residues) else ("residues are not named",)


def _single(parts: dict[str, str]) -> Protein:
    start, _ = _ends(parts)
    if parts["alternate"] == "?":
        return Protein(Change.UNKNOWN, start, start)
    if parts["alternate"] == "=":
        return Protein(Change.NONE, start, start)
    if parts["alternate"] == start.amino:
        twice = ("the same residue twice, read as '='",)
        return Protein(Change.NONE, start, start, notes=twice)
    alternate, notes = _stop(parts["alternate"])
    return Protein(Change.SUBSTITUTION, start, start, alternate, notes=notes)


def _shift(parts: dict[str, str]) -> Protein:
    start, end = _ends(parts)
    notes: tuple[str, ...] = _unnamed(start, end)
    if end != start:
        notes += ("a frameshift begins at one residue: the first is taken",)
    return Protein(
        Change.FRAMESHIFT, start, start, parts["alternate"], stop=parts["stop"], notes=notes
    )


def _extension(parts: dict[str, str]) -> Protein | str:
    start, _ = _ends(parts)
    if start.amino == "M":
        if start.position != 1 or parts["side"] != "-" or not parts["stop"].isdigit():
            return "an extension of the start is written p.Met1ext-5"
        return Protein(Change.EXTENSION, start, start, parts["alternate"], "-" + parts["stop"])
    if parts["side"] == "-":
        return "an extension behind the stop is written p.Ter110GlnextTer17"
    first, notes = _stop(start.amino)
    start = Residue(first, start.position)
    return Protein(
        Change.EXTENSION, start, start, parts["alternate"], parts["stop"] or "?", notes=notes
    )


def _insertion(parts: dict[str, str]) -> Protein | str:
    start, end = _ends(parts)
    if end.position != start.position + 1:
        return "an insertion lies between two neighbours"
    return Protein(Change.INSERTION, start, end, parts["alternate"], notes=_unnamed(start, end))


def _deletion(parts: dict[str, str]) -> Protein | str:
    start, end = _ends(parts)
    change = Change.DELETION if parts["word"] == "del" else Change.DUPLICATION
    problem = _contradiction(start, end, parts["stated"])
    return problem or Protein(change, start, end, notes=_unnamed(start, end))


def _replacement(parts: dict[str, str]) -> Protein | str:
    start, end = _ends(parts)
    stated = parts["stated"] or parts["old"]
    notes: tuple[str, ...] = _unnamed(start, end)
    if not parts["word"]:
        notes += ("'>' read as delins",)
    problem = _contradiction(start, end, stated)
    return problem or Protein(Change.REPLACEMENT, start, end, parts["alternate"], notes=notes)


def _contradiction(start: Residue, end: Residue, stated: str) -> str:
    """What the named residues say against the positions; empty where nothing."""
    length = end.position - start.position + 1
    if not stated:
        return ""
    if len(stated) != length:
        return f"positions span {length} residue(s), {len(stated)} are named"
    named = (start.amino or stated[0], end.amino or stated[-1])
    return "" if named == (stated[0], stated[-1]) else "one position has two residues"
