"""Why this exists: turn a karyotype text into clones and abnormalities, whatever the text is.

`parse` promises to answer for every string. It works in one pass over the characters with small
anchored patterns, so its time grows in proportion to the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import accumulate

from haemony.harmonise.karyotype.abnormality import (
    AUTOSOMES,
    CHROMOSOMES,
    Abnormality,
    Kind,
    Sign,
)
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.item import KINDS, read_item
from haemony.harmonise.karyotype.tidying import LONGEST, state_in_words, tidy, without_remarks

_CLONE_START = re.compile(
    r"\s*[~?]{0,2}\s?(?:\d{2,3}\s?[-~]\s?)?\d{2,4}\s?[~?]?"
    r"(?:\s*[,.;]\s*|\s+|(?=[xy]))"
    r"(?:[xyu?]{1,8}c?(?![a-z0-9();])|idem|sdl|sl(?![a-z])|-[xy](?![a-z])|[+-]\s?\d{1,2}(?=[,\[]))"
)
_CLONE_SEARCH = re.compile(r"(?<![\dpq(;.])" + _CLONE_START.pattern.removeprefix(r"\s*"))
_KIND_BEFORE_BRACKET = "(?:" + "|".join(sorted(KINDS, key=len, reverse=True)) + ")"
_ITEM_START = re.compile(
    r"\s*\??[+-]?\??(?:\d{1,2}x)?" + _KIND_BEFORE_BRACKET + r"\("
    r"|\s*\??[+-]\s?\??(?:\d{1,2}(?![\d.])|[xy](?![a-z])|mar|r(?![a-z])|dmin|der)"
)
_MODAL = re.compile(
    r"[~?\s]{0,3}(\d{2,4})\s?(?:[-~]\s?(\d{2,3}))?\s?[~?]?(?=$|[\s,.;\[]|[xyu?]|idem|sl|sdl|[+-])"
)
_SEX = re.compile(r"[\s,.;]*\??([xyu?]{1,8})(c?)\??(?![a-z0-9(;.])")
_INHERITS = re.compile(r"(idem|sdl|sl)(\d?)(?:x\d{1,2})?(?=$|[+\-\[,\s])")
_DOUBLED = re.compile(r"(?:idem|sdl\d?|sl)x")
_COUNT = re.compile(r"\[([^\[\]]{0,40})\]")
_COUNT_END = re.compile(r"\[([^\[\]]{0,40})\]$")
_PROSE = re.compile(r"[^\W\d]{4,}")
_FORMULA_LIKE = re.compile(r"[+-]|[^(]*\((?:\d{1,2}|[xy?])(?:[;)pq])")
_JOINED_WORDS = ("psu", "dir", "inv", "var", "x", "chr")
_HAPLOID_AT_MOST = 34
"""Near-haploid cells have up to 34 chromosomes (ISCN 2020, 8.1) and may have a single X."""
_BORN_WITH_ONE_X = re.compile(r"^\D{0,3}\d{2,3}[\s,.;]*xc")
_IGNORED = re.compile(r"|c|mos|chi|nx|nl|normal|\?|x\d{1,2}|[xy]{2,8}c?")


def parse(text: str) -> Karyotype:
    """Read any text as a karyotype; what cannot be read is said, never raised.

    The state tells whether there is a karyotype to judge. Follows ISCN 2020 and ISCN 2024.

    Example:
        >>> found = parse("45,xy,-7[3]/46,idem,+mar[5]/46,xy[2]")
        >>> [(c.modal_number, c.cells, [a.text for a in c.abnormalities]) for c in found.clones]
        [(45, 3, ['-7']), (46, 5, ['-7', '+mar']), (46, 2, [])]
    """
    if len(text) > LONGEST:
        note = f"longer than {LONGEST} characters: not a karyotype"
        return Karyotype(text, (), State.UNREADABLE, (note,))
    plain = tidy(text)
    begins = _CLONE_SEARCH.search(plain)
    said = state_in_words(plain, begins.start() if begins else None)
    if said is not None:
        return Karyotype(text, (), said)
    formula, remarks = without_remarks(plain)
    if not formula:
        return Karyotype(text, (), State.NOT_DONE, ("only FISH, array or PCR results",), remarks)
    reader = _Reader(remarks=list(remarks))
    for piece, donor in reader.cut_into_clones(formula):
        reader.read_clone(piece, donor=donor)
    clones = _with_implied_sex_loss(tuple(reader.clones))
    if _only_described(clones):
        reader.notes.append("described as complex, without a formula")
    state = State.EVALUABLE if clones else State.UNREADABLE
    return Karyotype(text, clones, state, tuple(reader.notes), tuple(reader.remarks))


def _only_described(clones: tuple[Clone, ...]) -> bool:
    return any(item.kind is Kind.DESCRIBED_COMPLEX for clone in clones for item in clone.findings)


@dataclass(slots=True)
class _Reader:
    """What has been read so far."""

    clones: list[Clone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def cut_into_clones(self, formula: str) -> list[tuple[str, bool]]:
        """Part the formula at `/`, `//` and what stands for them; close brackets left open."""
        return _Cutter(formula, self.notes).run()

    def read_clone(self, piece: str, *, donor: bool) -> None:
        """Read one clone; a piece without number, sex or abnormality is a remark."""
        remarked, noted = len(self.remarks), len(self.notes)
        piece = self._without_preface(piece)
        modal = _MODAL.match(piece)
        low, high = _modal_numbers(modal)
        rest = piece[modal.end() :] if modal and low else piece
        found = _SEX.match(rest) if low else None
        if found:
            rest = rest[found.end() :]
        rest, cells, composite = self._without_count(rest)
        tokens = _items(rest)
        doubled = any(_DOUBLED.match(token) for token in tokens)
        base, tokens = self._inherited(tokens)
        items, incomplete = self._read_items(tokens)
        if not doubled:
            items = self._changed(base, items, low)
        if low is None and not any(item.kind is not Kind.UNREAD for item in items):
            del self.remarks[remarked:], self.notes[noted:]
            self.remarks.append(piece)
            return
        sex = found[1].upper() if found else (base.sex if base else "")
        self.clones.append(
            Clone(
                modal_number=low,
                modal_upper=high,
                sex=sex,
                abnormalities=_combine(base.abnormalities if base else (), items),
                cells=cells,
                composite=composite,
                incomplete=incomplete,
                donor=donor,
                text=piece.strip(),
            )
        )

    def _without_preface(self, piece: str) -> str:
        piece = piece.strip()
        start = _CLONE_SEARCH.search(piece)
        if start and start.start() > 0 and _PROSE.match(piece):
            self.remarks.append(piece[: start.start()].strip())
            return piece[start.start() :].strip()
        return piece

    def _without_count(self, rest: str) -> tuple[str, int | None, bool]:
        """Take the clone's cell count off its end."""
        counts = list(_COUNT.finditer(rest))
        if not counts:
            return rest, None, False
        last = counts[-1]
        tail = rest[last.end() :].strip(" ,.;")
        if tail and _ITEM_START.match(tail):
            return rest, None, False
        if tail:
            self.remarks.append(tail)
        return rest[: last.start()], _cells(last[1]), "cp" in last[1]

    def _inherited(self, tokens: list[str]) -> tuple[Clone | None, list[str]]:
        base: Clone | None = None
        own: list[str] = []
        for token in (token.lstrip(" ;.") for token in tokens):
            found = _INHERITS.match(token)
            if not found:
                own.append(token)
                continue
            base = self._ancestor(found[1], found[2])
            if base is None:
                self.notes.append(f"{found[1]} without a clone before it")
            own.extend(_items(token[found.end() :]))
        if base is not None and len(self.clones) > 1 and self._repeats(base, own):
            base = self.clones[-1]
        return base, own

    def _repeats(self, base: Clone, own: list[str]) -> bool:
        """`idem` that would add what the first clone has already means the clone before it."""
        there = {item.text for item in base.abnormalities if item.is_structural}
        added = {item.text for token in own for item in read_item(_own_count(token)[0])}
        return bool(there & added)

    def _changed(
        self, base: Clone | None, items: list[Abnormality], low: int | None
    ) -> list[Abnormality]:
        """A subclone that adds nothing and yet has another number has lost its items in writing."""
        if base is None or items or low == base.modal_number:
            return items
        self.notes.append("a subclone without changes of its own: its items were lost")
        return [Abnormality(Kind.UNREAD, ("X", "Y", *AUTOSOMES), text="", uncertain=True)]

    def _ancestor(self, word: str, number: str) -> Clone | None:
        """`sl` and `idem` mean the clone listed first, `sdl2` the second sideline (ISCN 11.1.4)."""
        if not self.clones:
            return None
        if word != "sdl":
            return self.clones[0]
        place = int(number) if number else len(self.clones) - 1
        return self.clones[min(place, len(self.clones) - 1)]

    def _read_items(self, tokens: list[str]) -> tuple[list[Abnormality], bool]:
        items: list[Abnormality] = []
        gaps: list[int] = []
        incomplete = False
        for token in tokens:
            plain, cells = _own_count(token)
            if plain.startswith("inc") and len(plain) <= 4:
                incomplete = True
                continue
            if _IGNORED.fullmatch(plain):
                continue
            read = read_item(plain)
            if read:
                items.extend(replace(item, cells=cells) if cells else item for item in read)
            elif _is_prose(plain):
                self.remarks.append(plain)
            else:
                gaps.append(len(items))
                items.append(Abnormality(Kind.UNREAD, text=plain))
        for place, chromosomes in zip(gaps, _windows(items, gaps), strict=True):
            items[place] = replace(items[place], chromosomes=chromosomes, uncertain=True)
            self.notes.append("an item of the formula could not be read")
        return items, incomplete


def _is_prose(token: str) -> bool:
    """Words, not a formula that went wrong: that must never pass for a normal result."""
    if "%" in token or (re.search(r"[ .]", token) and not re.search(r"\d", token)):
        return True
    return bool(_PROSE.search(token)) and not _FORMULA_LIKE.match(token)


def _modal_numbers(found: re.Match[str] | None) -> tuple[int | None, int | None]:
    if not found:
        return None, None
    digits, upper = found[1], found[2]
    if len(digits) == 4:
        digits, upper = digits[:2], digits[2:]
    low = int(digits)
    high = int(upper) if upper else low
    return (min(low, high), max(low, high)) if low >= 20 else (None, None)


def _cells(written: str) -> int | None:
    numbers = re.findall(r"\d{1,4}", written)
    if not numbers:
        return None
    if "+" in written:
        return sum(int(number) for number in numbers)
    return int(numbers[0])


def _own_count(token: str) -> tuple[str, int | None]:
    plain = token.strip(" .;:")
    found = _COUNT_END.search(plain)
    if not found:
        return plain, None
    return plain[: found.start()].strip(), _cells(found[1])


def _items(rest: str) -> list[str]:
    """Part a clone at its commas, and where a comma was lost."""
    tokens: list[str] = []
    begin = depth = 0
    for place, sign in enumerate(rest):
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif sign == "," or (sign == "." and _ITEM_START.match(rest, place + 1)):
            tokens.append(rest[begin:place])
            begin = place + 1
        elif sign in "+- " and _comma_is_missing(rest, begin, place):
            tokens.append(rest[begin:place])
            begin = place
    tokens.append(rest[begin:])
    return [token for token in (token.strip() for token in tokens) if token]


def _comma_is_missing(rest: str, begin: int, place: int) -> bool:
    sign = rest[place]
    before = rest[begin:place].strip()
    if not before:
        return False
    if sign == " ":
        follows = _ITEM_START.match(rest, place)
        if follows is None or before.endswith(_JOINED_WORDS):
            return False
        if before[-1] not in ")]" and not before[-1].isalnum():
            return bool(_PROSE.match(before))
        built = before.lstrip("+-?").startswith(("der", "ider", "rec", "idic", "dic"))
        return not built or bool({"+", "-"} & set(follows[0]))
    if before[-1] in ")]":
        return bool(_ITEM_START.match(rest, place))
    return sign == "+" and before[-1].isalnum() and bool(_ITEM_START.match(rest, place))


class _Cutter:
    """One pass over the formula: clones apart, brackets closed."""

    def __init__(self, formula: str, notes: list[str]) -> None:
        self.formula, self.notes = formula, notes
        self.pieces: list[tuple[str, bool]] = []
        self.current: list[str] = []
        self.depth = 0
        self.donor = False

    def run(self) -> list[tuple[str, bool]]:
        place = 0
        while place < len(self.formula):
            place = self._step(place, self.formula[place])
        self._close()
        self._cut()
        return self.pieces

    def _step(self, place: int, sign: str) -> int:
        match sign:
            case "(":
                self.depth += 1
                self.current.append(sign)
            case ")":
                self._close_one()
            case "[":
                return self._count(place)
            case "/":
                return self._slash(place)
            case ";" | "\n":
                self._soft_separator(place, sign)
            case ",":
                if self.depth and _ITEM_START.match(self.formula, place + 1):
                    self._close()
                self.current.append(sign)
            case ":" if self.depth and ":" not in self.formula[place - 1 : place + 2 : 2]:
                self.current.append(";")
            case _:
                self.current.append(sign)
        return place + 1

    def _close_one(self) -> None:
        if self.depth:
            self.depth -= 1
            self.current.append(")")
        else:
            self.notes.append("a bracket too many")

    def _close(self) -> None:
        if self.depth:
            self.notes.append("a bracket was left open")
            self.current.append(")" * self.depth)
            self.depth = 0

    def _cut(self) -> None:
        piece = "".join(self.current).strip()
        if piece:
            self.pieces.append((piece, self.donor))
        self.current = []

    def _count(self, place: int) -> int:
        self._close()
        found = _COUNT.match(self.formula, place)
        end = found.end() if found else place + 1
        self.current.append(self.formula[place:end])
        if found and _CLONE_START.match(self.formula, end):
            self._cut()
        return end

    def _slash(self, place: int) -> int:
        doubled = self.formula.startswith("//", place)
        end = place + 2 if doubled else place + 1
        if self.depth and not _CLONE_START.match(self.formula, end):
            self.current.append("/")
            return place + 1
        self._close()
        self._cut()
        self.donor = self.donor or (doubled and bool(self.pieces))
        return end

    def _soft_separator(self, place: int, sign: str) -> None:
        if _CLONE_START.match(self.formula, place + 1):
            self._close()
            self._cut()
        elif self.depth:
            self.current.append(";" if sign == ";" else "")
        elif _ITEM_START.match(self.formula, place + 1):
            self.current.append(",")
        else:
            self.current.append(" " if sign == "\n" else sign)


def _place(item: Abnormality) -> int | None:
    """Where ISCN puts an item: X, Y, then the autosomes in ascending order."""
    known = [name for name in item.chromosomes if name in CHROMOSOMES]
    if item.kind is Kind.UNREAD or not known:
        return None
    first = known[0]
    return {"X": -1, "Y": 0}.get(first) if first in {"X", "Y"} else int(first)


def _windows(items: list[Abnormality], gaps: list[int]) -> list[tuple[str, ...]]:
    """The chromosomes that each unread item may concern, judged from its neighbours."""
    if not gaps:
        return []
    places = [_place(item) for item in items]
    lows = list(accumulate(places, _or_before, initial=-1))[:-1]
    highs = list(accumulate(reversed(places), _or_before, initial=22))[-2::-1]
    names = ("X", "Y", *AUTOSOMES)
    return [
        names[lows[gap] + 1 : highs[gap] + 2] if lows[gap] <= highs[gap] else names for gap in gaps
    ]


def _or_before(before: int, place: int | None) -> int:
    return before if place is None else place


def _combine(base: tuple[Abnormality, ...], own: list[Abnormality]) -> tuple[Abnormality, ...]:
    """Write out a subclone: the ancestor's abnormalities, less what is lost again, plus its own."""
    if not base:
        return tuple(own)
    kept = list(base)
    for item in own:
        undone = next((there for there in kept if _undoes(item, there)), None)
        if undone is not None:
            kept.remove(undone)
        else:
            kept.append(item)
    return tuple(kept)


def _undoes(item: Abnormality, there: Abnormality) -> bool:
    if item.kind is not there.kind or item.chromosomes != there.chromosomes:
        return False
    if item.kind is Kind.NUMERICAL:
        return item.sign is not there.sign
    lost, made = item.text.lstrip("+-?"), there.text.lstrip("+-?")
    return item.sign is Sign.LOST and there.sign is not Sign.LOST and made.startswith(lost)


def _with_implied_sex_loss(clones: tuple[Clone, ...]) -> tuple[Clone, ...]:
    """`45,X/46,XY` says -Y, and `45,X/46,XX` says -X, though the sign was left out.

    A lone `45,X` says that a sex chromosome is missing, not which: neither -X nor -Y is excluded.
    """
    full = {clone.sex for clone in clones if not clone.donor} & {"XX", "XY"}
    if len(full) == 1:
        lost = "Y" if full == {"XY"} else "X"
        implied = Abnormality(
            Kind.NUMERICAL, (lost,), sign=Sign.LOST, text=f"-{lost}", uncertain=True
        )
    else:
        implied = Abnormality(Kind.UNREAD, ("X", "Y"), text="-X or -Y", uncertain=True)
    return tuple(
        replace(clone, abnormalities=(implied, *clone.abnormalities))
        if _lacks_sex_chromosome(clone)
        else clone
        for clone in clones
    )


def _lacks_sex_chromosome(clone: Clone) -> bool:
    """One X in a cell that is not haploid, and no word on the other one."""
    return (
        clone.sex == "X"
        and (clone.modal_number or 0) > _HAPLOID_AT_MOST
        and not _BORN_WITH_ONE_X.search(clone.text)
        and not any(item.all_chromosomes & {"X", "Y"} for item in clone.abnormalities)
    )
