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
_GLUED = re.compile(
    r"\b(?!up|to|birth|life|some|any|over)([a-z]{1,5}?)(?=(?:stat(?:us)?|tm|times?|events?"
    r"|days?|dates?|dat|months?|monate|years?|yrs?|dx|given)\b)"
)
_GVHD = (re.compile(r"\ba(?=gvhd)"), "acute "), (re.compile(r"\bc(?=gvhd)"), "chronic ")
_WORD = re.compile(r"[a-z]+\d*|\d+[a-z]*")
_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_SHORT = {
    "stat": "status", "estado": "status", "statut": "status", "stato": "status",
    "tm": "time", "zeit": "time", "temps": "time", "tiempo": "time", "tempo": "time",
    "tijd": "time",
    "dat": "date", "datum": "date", "fecha": "date", "data": "date", "dt": "date",
    "tag": "day", "jour": "day", "dia": "day", "giorno": "day", "dag": "day",
    "typ": "type", "tipo": "type",
    "yr": "year", "jahr": "year", "jahre": "year", "annee": "year", "ano": "year", "anno": "year",
    "jaar": "year", "mo": "month", "monat": "month", "monate": "month",
    "dx": "diagnosis", "diag": "diagnosis", "diagnose": "diagnosis", "diagnostic": "diagnosis",
    "diagnostico": "diagnosis", "diagnosi": "diagnosis",
    "trt": "treatment", "treat": "treatment", "rx": "treatment",
    "grp": "group", "tpl": "transplant", "rl": "relapse", "rec": "recipient",
    "mut": "mutation", "srv": "survival", "surv": "survival",
    "previous": "prior", "earlier": "prior", "radiation": "radiotherapy", "hsct": "transplant",
    "sct": "transplant", "bmt": "transplant",
    "transplantation": "transplant", "gender": "sex", "hemoglobin": "haemoglobin",
    "leukaemia": "leukemia", "tumour": "tumor", "centre": "center",
}  # fmt: skip
"""Words that mean the same: short forms, spellings, and *date* or *status* in six languages."""

_INSTANTS = frozenset({"day", "date", "time"})
"""Words that say when; a column of days may be called by any of them."""
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
        "year",
        "month",
        "group",
        "score",
        "grade",
        "count",
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
        "or",
        "oder",
        "first",
        "baseline",
        "initial",
        "value",
        "diagnosis",
        "to",
        "from",
        "bei",
        "der",
        "des",
        "die",
        "und",
        "am",
        "zu",
        "zum",
        "zur",
        "de",
        "la",
        "le",
        "du",
        "el",
        "il",
        "del",
        "della",
        "di",
        "al",
        "en",
        "et",
        "van",
        "het",
        "bij",
        "op",
        "dell",
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
    spaced = plain.lower().replace("_", " ")
    for short, full in _GVHD:
        spaced = short.sub(full, spaced)
    parted = _GLUED.sub(r"\1 ", spaced)
    return tuple(map(_plain, _WORD.findall(parted)))


def _plain(word: str) -> str:
    """A word without plural *s*, or what it is short for."""
    return _SHORT.get(word) or _singular(word)


def _singular(word: str) -> str:
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


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
    kept, needed = _telling(mine), _telling(theirs)
    if Counter(kept) == Counter(needed):
        return Likeness(0.92, "says the same as")
    found = (
        _part(kept, needed),
        _run(kept, needed),
        _spelling(kept, needed),
        _initials(mine, theirs),
        _abbreviation(kept, needed),
    )
    return max(found, key=lambda likeness: likeness.score)


def _telling(spoken: tuple[str, ...]) -> tuple[str, ...]:
    """Words without fillers; *day*, *date* and *time* are one."""
    kept = tuple(word for word in spoken if word not in FILLERS) or spoken
    return tuple("day" if word in _INSTANTS else word for word in kept)


def _part(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """One name is part of the other; the larger the part, the better."""
    share = _letters(mine), _letters(theirs)
    vague = 0.6 if set(mine) & set(theirs) <= WEAK else 1.0
    if set(theirs) <= set(mine) and share[1] > 1 and (share[1] > 2 or 2 * share[1] > share[0]):
        return Likeness(vague * (0.5 + 0.4 * share[1] / share[0]), "contains")
    if set(mine) <= set(theirs) and share[0] > 1:
        return Likeness(vague * (0.4 + 0.4 * share[0] / share[1]), "is part of")
    common = (set(mine) & set(theirs)) - WEAK
    if len(common) > 1 or any(len(word) > 3 for word in common):
        return Likeness(0.7 * 2 * _letters(tuple(common)) / sum(share), "shares words with")
    return NONE


def _run(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """One name is written as a single word in the other: ``tcell``, ``IPSSR_CALCULATED``."""
    short, long = sorted((mine, theirs), key=_letters)
    whole = "".join(short)
    runs = ("".join(long[i:j]) for i in range(len(long)) for j in range(i + 1, len(long) + 1))
    if len(whole) < 4 or whole not in runs:
        return NONE
    manner = "contains" if long is mine else "is written as one word in"
    return Likeness(0.45 + 0.4 * len(whole) / len("".join(long)), manner)


def initials(spoken: tuple[str, ...]) -> tuple[str, ...]:
    """The first letters of a name of three words or more, and after its first word.

    Example:
        >>> initials(("absolute", "neutrophil", "count")), initials(("aml", "transformation"))
        (('anc', 'absolutenc'), ('amlt',))
    """
    first = "".join(word[0] for word in spoken)
    behind = spoken[0] + first[1:] if len(spoken) > 1 and len(spoken[0]) > 1 else ""
    return tuple(filter(None, (first if len(spoken) > 2 else "", behind)))


def _initials(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """Written by first letters: ``ANC``, ``COD``, ``AMLT``."""
    kept = tuple(word for word in theirs if word not in _INSTANTS)
    if len(mine) == 1 and any(mine[0] in initials(spoken) for spoken in (theirs, kept) if spoken):
        return Likeness(0.66, "has the initials of")
    return NONE


def _abbreviation(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """The beginnings of its words: ``alb``, ``creat``."""
    alone = len(mine) == len(theirs) == 1 and len(mine[0]) == 2 and theirs[0].isalpha()
    if alone and theirs[0].startswith(mine[0]):
        return Likeness(0.6, "abbreviates")
    meant: list[str] = []
    for word in mine:
        begun = (full for full in theirs if full not in meant and _begins(word, full))
        meant.append(next(begun, ""))
    covered = _letters(tuple(meant)) / _letters(theirs)
    if not all(meant) or covered < 0.4 or set(meant) <= WEAK:
        return NONE
    written = sum(map(len, mine)) / sum(map(len, meant))
    return Likeness(0.35 + 0.3 * min(covered, 1.0) + 0.15 * written, "abbreviates")


def _begins(word: str, full: str) -> bool:
    return word == full or (len(word) > 2 and full.startswith(word))


def _letters(of: tuple[str, ...]) -> float:
    return sum(len(word) * (0.5 if word in WEAK else 1.0) for word in of)


def _spelling(mine: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    """Spelled nearly the same: shared letter pairs, for names long enough to have some."""
    one, other = ("".join(word for word in of if word not in WEAK) for of in (mine, theirs))
    if min(len(one), len(other)) < 4 or _digits(one) != _digits(other):
        return NONE
    if set(mine) & WEAK != set(theirs) & WEAK and min(len(one), len(other)) < 6:
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
