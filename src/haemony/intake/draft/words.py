"""Words of headers and labels, and how alike two of them are.

Headers come as ``BM_Blasts``, ``inv16_t16.16`` or ``Alter bei Diagnose (Jahre)``: they are cut into
lower-case words, and what is alike is judged on words first and on letter pairs last.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GLUED = re.compile(r"\b(os|efs|rfs|dfs|pfs|lfs)(?=(?:stat(?:us)?|tm|time|event|da(?:ys?|te?))\b)")
_WORD = re.compile(r"[a-z]+\d*|\d+[a-z]*")
_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_SHORT = {"stat": "status", "tm": "time", "dat": "date", "datum": "date", "typ": "type"}
WEAK = frozenset(
    {
        "date",
        "day",
        "status",
        "type",
        "time",
        "class",
        "risk",
        "other",
        "number",
        "variant",
        "result",
        "value",
        "event",
        "art",
        "tag",
    }
)
"""Words that many elements share, so that they say little on their own."""

FILLERS = frozenset(
    {
        "at",
        "of",
        "the",
        "in",
        "on",
        "and",
        "first",
        "baseline",
        "initial",
        "value",
        "dx",
        "diagnosis",
        "bei",
        "der",
        "des",
        "die",
        "und",
        "am",
    }
)
"""Words that seldom tell one element from another."""


@lru_cache(maxsize=50_000)
def words(text: str) -> tuple[str, ...]:
    """The words of a header, a label or a value, in lower case and without plural *s*.

    Example:
        >>> words("BM_Blasts"), words("TypeAML"), words("EFSSTAT")
        (('bm', 'blast'), ('type', 'aml'), ('efs', 'status'))
    """
    spelled = _CAMEL.sub(" ", text.translate(_GERMAN))
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    parted = _GLUED.sub(r"\1 ", plain.lower().replace("_", " "))
    return tuple(_SHORT.get(word, _singular(word)) for word in _WORD.findall(parted))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def without_brackets(text: str) -> str:
    """A header without what stands in brackets, unless nothing else is left."""
    return _BRACKETS.sub(" ", text).strip() or text


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two names are, 0 to 1, and in what way."""

    score: float
    manner: str


NONE = Likeness(0.0, "")


def likeness(header: str, form: str) -> Likeness:
    """Compare a header with one known spelling of an element.

    Example:
        >>> likeness("BM_Blasts", "blasts BM").score
        0.96
        >>> likeness("LDH", "platelets").score
        0.0
    """
    mine, theirs = words(header), words(form)
    if not mine or not theirs or len("".join(mine)) < 2:
        return NONE
    if "".join(mine) == "".join(theirs):
        return Likeness(1.0, "is")
    if Counter(mine) == Counter(theirs):
        return Likeness(0.96, "has the words of")
    kept = tuple(word for word in mine if word not in FILLERS) or mine
    needed = tuple(word for word in theirs if word not in FILLERS) or theirs
    if Counter(kept) == Counter(needed):
        return Likeness(0.92, "says the same as")
    return max(_part(kept, needed), _spelling(kept, needed), key=lambda found: found.score)


def _part(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """One name is part of the other; the larger the part, the better."""
    share = _letters(mine), _letters(theirs)
    if set(theirs) <= set(mine) and share[1] > 1:
        return Likeness(0.5 + 0.4 * share[1] / share[0], "contains")
    if set(mine) <= set(theirs) and share[0] > 1:
        return Likeness(0.4 + 0.4 * share[0] / share[1], "is part of")
    common = (set(mine) & set(theirs)) - WEAK
    if len(common) > 1 or any(len(word) > 3 for word in common):
        return Likeness(0.7 * 2 * _letters(tuple(common)) / sum(share), "shares words with")
    return NONE


def _letters(of: tuple[str, ...]) -> float:
    return sum(len(word) * (0.5 if word in WEAK else 1.0) for word in of)


def _spelling(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """Spelled nearly the same: shared letter pairs, for names long enough to have some."""
    one, other = "".join(mine), "".join(theirs)
    if min(len(one), len(other)) < 4 or _digits(one) != _digits(other):
        return NONE
    dice = letter_pairs_shared(one, other)
    return Likeness(0.85 * dice, "is spelled like") if dice >= 0.65 else NONE


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def letter_pairs_shared(one: str, other: str) -> float:
    """Share of letter pairs that two words have in common (Dice's coefficient).

    Example:
        >>> letter_pairs_shared("favourable", "favorable")
        0.8235294117647058
    """
    pairs = [Counter(map("".join, pairwise(text))) for text in (one, other)]
    total = sum(pairs[0].values()) + sum(pairs[1].values())
    return 2 * sum((pairs[0] & pairs[1]).values()) / total if total else 0.0
