"""Why this exists: turn a karyotype text into clones and abnormalities, whatever the text is.

`parse` promises to answer for every string. It works in one pass over the characters with small
anchored patterns, so its time grows in proportion to the length of the text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate

from haemony.harmonise.karyotype.abnormality import (
    AUTOSOMES,
    CHROMOSOMES,
    Abnormality,
    Kind,
    Sign,
)
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.item import KINDS, not_shown, read_item
from haemony.harmonise.karyotype.lazy import lazy
from haemony.harmonise.karyotype.tidying import LONGEST, state_in_words, tidy, without_remarks

_CLONE_START = re.compile(
    r"\s*[~?]{0,2}\s?(?:\d{2,3}\s?[-~]\s?)?\d{2,4}\s?[~?]?\s?(?:<\dn[+-]?>)?"
    r"(?:\s*[,.;]\s*|\s+|(?=[xy]))"
    r"(?:[xyu?]{1,8}c?(?![a-z0-9();])|idem|sdl|sl(?![a-z])|-[xy](?![a-z])|[+-]\s?\d{1,2}(?=[,\[]))"
)
_CLONE_SEARCH = re.compile(r"(?<![\dpq(;.])" + _CLONE_START.pattern.removeprefix(r"\s*"))
_KIND_BEFORE_BRACKET = "(?:" + "|".join(sorted(KINDS, key=len, reverse=True)) + ")"
_ITEM_START = re.compile(
    r"\s*\??[+-]?\??(?:\d{1,2}x)?" + _KIND_BEFORE_BRACKET + r"\("
    r"|\s*\??[+-]\s?\??(?:\d{1,2}(?![\d.])|[xy](?!(?!x\d)[a-z])|mar|r(?![a-z])|dmin|der)"
    r"|\s*>=?\s?[2-9]"
)
_MODAL = re.compile(
    r"[~?\s]{0,3}(\d{2,4})\s?(?:[-~]\s?(\d{2,3}))?\s?[~?]?\s?(?:<(\dn[+-]?)>)?"
    r"(?=$|[\s,.;\[]|[xyu?]|idem|sl|sdl|[+-])"
)
_SEX = re.compile(r"[\s,.;]*(?:\?(?!\??[+-]))?((?:[xyu]|\?(?!\??[+-])){1,8})(c?)\??(?![a-z0-9(;.])")
_INHERITS = re.compile(r"(idem|sdl|sl)(\d?)(?:x\d{1,2})?(?=$|[+\-\[,\s])")
_DOUBLED = re.compile(r"(?:idem|sdl\d?|sl)x")
_COUNT = re.compile(r"\[([^\[\]]{0,40})\]")
_COUNT_END = re.compile(r"\[([^\[\]]{0,40})\]$")
_PROSE = re.compile(r"[^\W\d]{4,}")
_PLOIDY = re.compile(r"<?([2-8]n[+-]?)>?")
_WELL_FORMED = re.compile(
    r"(?:[^()\[\]/;\n:]|\([^()\[\]/\n:,]*+\)|\[[^\[\]]{0,40}\](?=[/,]|$)|/(?!/))*+"
)
"""Formulas that need no repair: brackets are closed, and clones are parted by single slashes."""
_WITH_ALL_COMMAS = re.compile(r"(?:[^(). +-]|(?<![^,?])[+-]|\([^(),]*+\))*+")
"""Clones in which every sign stands behind a comma, and every comma between two items."""
_FORMULA_LIKE = re.compile(r"[+-]|[^(]*\((?:\d{1,2}|[xy?])(?:[;)pq])")
_JOINED_WORDS = ("psu", "dir", "inv", "var", "x", "chr")
_FEWEST_CHROMOSOMES = 20
_HAPLOID_AT_MOST = 34
"""Near-haploid cells have up to 34 chromosomes (ISCN 2020, 8.1) and may have a single X."""
_IGNORED = re.compile(r"|c|mos|chi|nx|nl|normal|\?")
_SEX_ALONE = re.compile(r"[xy]{2,8}c?")
_STRAY_TIMES = re.compile(r"x\d{1,2}")


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
    if not _CLONE_START.match(plain):
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
    clones = tuple(reader.clones)
    if any(clone.sex == "X" for clone in clones):
        clones = _with_implied_sex_loss(clones)
    state = State.EVALUABLE if clones else State.UNREADABLE
    if clones and all(clone.donor for clone in clones):
        state = State.NOT_DONE
        reader.notes.append("only a donor's cells")
    return Karyotype(
        text, clones, state, tuple(reader.notes), tuple(reader.remarks), tuple(reader.unread)
    )


@dataclass(frozen=True)
class _Piece:
    """One clone as it stands in the text, before it is known what `idem` means.

    `clone` is left out where nothing was found that makes one.
    """

    clone: Clone | None
    tokens: tuple[Token, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    unread: tuple[str, ...]

    @lazy
    def inherits(self) -> bool:
        """Say whether another clone must be known to read this one."""
        return any(token.inherits for token in self.tokens)


@lru_cache(maxsize=16_384)
def _read_piece(piece: str) -> _Piece:
    """Read one clone; a piece without number, sex or abnormality is a remark."""
    remarks: list[str] = []
    body = _without_preface(piece, remarks)
    modal = _MODAL.match(body)
    low, high, ploidy = _modal_numbers(modal)
    rest = body[modal.end() :] if modal and low else body
    found = _SEX.match(rest) if low else None
    if found:
        rest = rest[found.end() :]
    rest, cells, composite = _without_count(rest, remarks)
    tokens = tuple(_tokens(rest))
    items = _items_of(tokens)
    empty = low is None and all(item.kind is Kind.UNREAD for item in items)
    if empty and not any(token.inherits for token in tokens):
        return _Piece(None, (), (), (piece,), ())
    remarks.extend(token.remark for token in tokens if token.remark)
    unread = tuple(token.left for token in tokens if token.left)
    clone = Clone(
        modal_number=low,
        modal_upper=high,
        sex=found[1].upper() if found else next((t.sex for t in tokens if low and t.sex), ""),
        abnormalities=items,
        cells=cells,
        composite=composite,
        incomplete=any(token.incomplete for token in tokens),
        text=body,
        ploidy=next((token.ploidy for token in tokens if token.ploidy), ploidy),
    )
    return _Piece(clone, tokens, tuple(_notes(items)), tuple(remarks), unread)


def _notes(items: tuple[Abnormality, ...]) -> Iterator[str]:
    """What to tell about the items of a clone."""
    for item in items:
        if item.kind is Kind.UNREAD:
            yield "an item of the formula could not be read"
        elif item.kind is Kind.DESCRIBED_COMPLEX:
            yield "described as complex, without a formula"


def _tokens(rest: str) -> Iterator[Token]:
    """The tokens of a clone, also those that stand behind `idem` without a comma."""
    for text in _items(rest):
        token = read_token(text)
        yield token
        if token.after:
            yield from map(read_token, _items(token.after))


@dataclass(slots=True)
class _Reader:
    """What has been read so far."""

    clones: list[Clone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def cut_into_clones(self, formula: str) -> list[tuple[str, bool]]:
        """Part the formula at `/`, `//` and what stands for them; close brackets left open."""
        if _WELL_FORMED.fullmatch(formula):
            return [(piece, False) for part in formula.split("/") if (piece := part.strip())]
        return _Cutter(formula, self.notes).run()

    def read_clone(self, text: str, *, donor: bool) -> None:
        """Add a clone, with what it inherits from the clones before it."""
        piece = _read_piece(text)
        clone = piece.clone
        if clone is not None and piece.inherits:
            clone = self._with_inherited(clone, piece.tokens)
        if clone is None:
            self.remarks.extend(piece.remarks or (text,))
            return
        self.notes.extend(piece.notes)
        self.remarks.extend(piece.remarks)
        self.unread.extend(piece.unread)
        self.clones.append(replace(clone, donor=True) if donor else clone)

    def _with_inherited(self, clone: Clone, tokens: tuple[Token, ...]) -> Clone | None:
        """Write out what `idem`, `sl` or `sdl` stand for."""
        base: Clone | None = None
        for token in tokens:
            if token.inherits:
                base = self._ancestor(token.inherits, token.sideline)
                if base is None:
                    self.notes.append(f"{token.inherits} without a clone before it")
        if base is not None and len(self.clones) > 1 and _repeats(base, clone):
            base = self.clones[-1]
        items = clone.abnormalities
        if not any(token.doubled for token in tokens):
            items = self._changed(base, items, clone.modal_number)
        if clone.modal_number is None and all(item.kind is Kind.UNREAD for item in items):
            return None
        return replace(
            clone,
            sex=clone.sex or (base.sex if base else ""),
            abnormalities=_combine(base.abnormalities if base else (), items),
        )

    def _changed(
        self, base: Clone | None, items: tuple[Abnormality, ...], low: int | None
    ) -> tuple[Abnormality, ...]:
        """A subclone that adds nothing and yet has another number has lost its items in writing."""
        if base is None or items or low == base.modal_number:
            return items
        self.notes.append("a subclone without changes of its own: its items were lost")
        return (Abnormality(Kind.UNREAD, ("X", "Y", *AUTOSOMES), text="", uncertain=True),)

    def _ancestor(self, word: str, number: str) -> Clone | None:
        """`sl` and `idem` mean the clone listed first, `sdl2` the second sideline (ISCN 11.1.4)."""
        if not self.clones:
            return None
        if word != "sdl":
            return self.clones[0]
        place = int(number) if number else len(self.clones) - 1
        return self.clones[min(place, len(self.clones) - 1)]


def _without_preface(piece: str, remarks: list[str]) -> str:
    start = _CLONE_SEARCH.search(piece) if _PROSE.match(piece) else None
    if start and start.start() > 0 and "(" not in piece[: start.start()]:
        remarks.append(piece[: start.start()].strip())
        return piece[start.start() :].strip()
    return piece


def _without_count(rest: str, remarks: list[str]) -> tuple[str, int | None, bool]:
    """Take the clone's cell count off its end."""
    if "[" not in rest:
        return rest, None, False
    last = _COUNT_END.search(rest, rest.rfind("["))
    if last is None:
        last = deque(_COUNT.finditer(rest), maxlen=1).pop() if _COUNT.search(rest) else None
    if last is None:
        return rest, None, False
    tail = rest[last.end() :].strip(" ,.;")
    if tail and _ITEM_START.match(tail):
        return rest, None, False
    if tail:
        remarks.append(tail)
    return rest[: last.start()], _cells(last[1]), "cp" in last[1]


def _items_of(tokens: tuple[Token, ...]) -> tuple[Abnormality, ...]:
    """The items of one clone; what could not be read is kept as a gap."""
    items = [item for token in tokens for item in token.items]
    gaps = [place for place, item in enumerate(items) if item.kind is Kind.UNREAD]
    if not gaps:
        return tuple(items)
    for place, chromosomes in zip(gaps, _windows(items, gaps), strict=True):
        items[place] = replace(items[place], chromosomes=chromosomes, uncertain=True)
    return tuple(items)


@dataclass(frozen=True)
class Token:
    """What stands between two commas, as it was understood.

    `items` are its abnormalities; `left` is the text of it that was not understood. `inherits` is
    `idem`, `sl` or `sdl`, with the number of the `sideline` and what follows without a comma.
    """

    items: tuple[Abnormality, ...] = ()
    left: str = ""
    remark: str = ""
    inherits: str = ""
    sideline: str = ""
    after: str = ""
    doubled: bool = False
    incomplete: bool = False
    ploidy: str = ""
    sex: str = ""


@lru_cache(maxsize=65_536)
def read_token(token: str) -> Token:
    """Read what stands between two commas of a clone; the same token always says the same.

    Example:
        >>> read_token("idem").inherits, read_token("-7[3]").items[0].cells
        ('idem', 3)
        >>> read_token("del(5)(q13q33)xyz").left
        'xyz'
    """
    lined_up = token.lstrip(" ;.")
    if found := _INHERITS.match(lined_up):
        return Token(
            inherits=found[1],
            sideline=found[2],
            after=lined_up[found.end() :],
            doubled=bool(_DOUBLED.match(lined_up)),
        )
    plain, cells = _own_count(token)
    if about := _about_the_clone(plain):
        return about
    if read := read_item(plain):
        items = tuple(replace(item, cells=cells) for item in read) if cells else read
        return Token(items, left=not_shown(plain, read))
    if _is_prose(plain):
        return Token(remark=plain)
    return Token((Abnormality(Kind.UNREAD, text=plain, written=plain),), left=plain)


def _about_the_clone(plain: str) -> Token | None:
    """What is no abnormality: `inc`, the ploidy, sex chromosomes, fillers."""
    if plain.startswith("inc") and len(plain) <= 4:
        return Token(incomplete=True)
    if found := _PLOIDY.fullmatch(plain):
        return Token(ploidy=found[1])
    if _SEX_ALONE.fullmatch(plain):
        return Token(sex=plain.rstrip("c").upper())
    if _STRAY_TIMES.fullmatch(plain):
        return Token(left=plain)
    return Token() if _IGNORED.fullmatch(plain) else None


def _repeats(base: Clone, own: Clone) -> bool:
    """`idem` that would add what the first clone has already means the clone before it."""
    there = {item.text for item in base.abnormalities if item.is_structural}
    return any(item.text in there for item in own.abnormalities)


def _is_prose(token: str) -> bool:
    """Words, not a formula that went wrong: that must never pass for a normal result."""
    if "%" in token or (re.search(r"[ .]", token) and not re.search(r"\d", token)):
        return True
    return bool(_PROSE.search(token)) and not _FORMULA_LIKE.match(token)


def _modal_numbers(found: re.Match[str] | None) -> tuple[int | None, int | None, str]:
    """The number of chromosomes, its upper end, and the ploidy in angle brackets."""
    if not found:
        return None, None, ""
    digits, upper = found[1], found[2]
    if len(digits) == 4:
        digits, upper = digits[:2], digits[2:]
    low = int(digits)
    high = int(upper) if upper else low
    if low < _FEWEST_CHROMOSOMES:
        return None, None, ""
    if high < _FEWEST_CHROMOSOMES:
        high = low
    return min(low, high), max(low, high), found[3] or ""


def _cells(written: str) -> int | None:
    if written.isdecimal() and len(written) <= 4:
        return int(written)
    numbers = re.findall(r"\d{1,4}", written)
    if not numbers:
        return None
    if "+" in written:
        return sum(int(number) for number in numbers)
    return int(numbers[0])


def _own_count(token: str) -> tuple[str, int | None]:
    plain = token.strip(" .;:")
    found = _COUNT_END.search(plain) if plain.endswith("]") else None
    if not found:
        return plain, None
    return plain[: found.start()].strip(), _cells(found[1])


def _items(rest: str) -> list[str]:
    """Part a clone at its commas, and where a comma was lost."""
    if _WITH_ALL_COMMAS.fullmatch(rest):
        return [token for token in rest.split(",") if token]
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
    if not before or before.endswith("or"):
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
                self._close_one(place)
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

    def _close_one(self, place: int) -> None:
        """Close a bracket; one too many is left out, unless two numbers would become one."""
        if self.depth:
            self.depth -= 1
            self.current.append(")")
            return
        self.notes.append("a bracket too many")
        if self.formula[place + 1 : place + 2].isalnum():
            self.current.append(")")

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
        self.donor = self.donor or doubled
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


def _combine(
    base: tuple[Abnormality, ...], own: tuple[Abnormality, ...]
) -> tuple[Abnormality, ...]:
    """Write out a subclone: the ancestor's abnormalities, less what is lost again, plus its own."""
    if not base:
        return own
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
        and not clone.sex_at_birth
        and not any(item.all_chromosomes & {"X", "Y"} for item in clone.abnormalities)
    )
