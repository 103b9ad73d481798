"""Why this exists: laboratories, spreadsheets and databases damage formulas in ways that repeat.

This module undoes what typing and exporting did to a text, before any cytogenetics: quotes, dashes,
line breaks, remarks behind the formula, brackets that were lost. It never decides what a finding
is.
"""

from __future__ import annotations

import re
import unicodedata

from haemony.harmonise.karyotype.formula import State
from haemony.harmonise.karyotype.methods import OTHER_METHOD

LONGEST = 8_000
"""Longer texts are no karyotypes: the longest printed formulas have some 1,500 characters."""

_DASHES = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad", "-"),
        **dict.fromkeys("\u00d7\u2715\u2716*", "x"),
        **dict.fromkeys("\u223c\u02dc\u2248", "~"),
        **dict.fromkeys("\u2044\u2215|", "/"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00b4`\"'", " "),
        **dict.fromkeys("{", "("),
        **dict.fromkeys("}", ")"),
        "\u2192": "-",
        "_": " ",
        "\t": " ",
        "\u00b1": "~",
    }
)

_NO_METAPHASES = re.compile(
    r"\b(?:no|kein[a-z]{0,3}|zero|without|ohne|insufficient|too few|zu wenig[a-z]{0,2}|0)\s+"
    r"(?:\S{1,25}\s+)?(?:metaph|mitos|divi|teilung|growth|wachstum)"
    r"|\b(?:cultures?|kultur)\s+(?:fail|negativ)|\bfail(?:ed|ure)\b|\bunsuccessful\b"
    r"|\bnot (?:evaluable|analy[sz]able|assessable)\b"
    r"|\bnicht (?:auswertbar|analysierbar|beurteilbar)\b"
    r"|\bkeine?\s?(?:zellen)?\s?in\s?teilung"
)
_NOT_DONE = re.compile(
    r"(?:n\.?\s?/?a\.?|n\.?\s?/?d\.?|nan|null|none|not (?:done|performed|available|tested|known)"
    r"|nicht (?:durchgef\S{1,6}|gemacht|bekannt|vorhanden|untersucht)"
    r"|no (?:analysis|material|data|sample|cytogenetics|result|karyotype)s?"
    r"|kein\w{0,3} (?:analyse|material|probe|daten|befund)"
    r"|unknown|unbekannt|missing|fehlt|pending|ausstehend|[-.?]+|-?9{1,4}|u)"
    r"(?:\s+(?:done|sent|available|vorhanden))?"
)
_REMARK = re.compile(
    rf"\.?\s*\b(?:{OTHER_METHOD}|(?:befund|kommentar|comment|remark|hinweis|korrekturbefund)\b)"
    r"[^\n]*?(?=\n|$|/{1,2}\s?\d\d(?:[-~]\d\d)?\s?,\s?x)"
)
_PROSE = re.compile(r"\((?=[^\W\d]{4})[^()]*\)")
_PLOIDY = re.compile(r"<\s*(\d)\s*n\s*([+-]?)\s*>")
_WORD = re.compile(r"[^\W\d_]{3,}")
_BARE_COUNT = re.compile(
    r"(?<![a-z])cp\s*\[\s*(\d{1,3})\s*\]|(?<![a-z\[])cp\s?(\d{1,3})(?=\s*(?:/|$))"
)
_WHOLE_CELL = re.compile(r"_x000d_")
_NEEDS_NO_TIDYING = re.compile(r"(?:[a-z\d(][a-z\d()\[\],;/+~?.:-]*)?")
_FORMULA_WORDS = frozenset(
    {"add", "del", "der", "dic", "dup", "inv", "ins", "ider", "idic", "iso", "ring", "mar", "dmin"}
    | {"hsr", "idem", "sdl", "inc", "idemx", "xxy", "xyy", "xxyy", "xxx", "xxxx"}
)
"""Words of three letters and more that stand in plain formulas; with others, remarks are sought."""


def tidy(text: str) -> str:
    """Bring a text to lower case, plain signs and single spaces; line breaks stay."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if not _NEEDS_NO_TIDYING.fullmatch(plain):
        plain = _WHOLE_CELL.sub("\n", plain).replace("\r\n", "\n").replace("\r", "\n")
        plain = plain.translate(_DASHES)
        if not plain.isprintable():
            plain = "".join(sign if sign == "\n" or sign.isprintable() else " " for sign in plain)
        plain = plain.strip(" \n=")
        plain = _PLOIDY.sub(r"<\1n\2>", plain)
    return _BARE_COUNT.sub(r"[cp\1\2]", plain) if "cp" in plain else plain


def without_remarks(plain: str) -> tuple[str, tuple[str, ...]]:
    """Part a tidied text into the formula and the remarks around it.

    Example:
        >>> without_remarks("46,xx fish: monosomy 7")
        ('46,xx', ('fish: monosomy 7',))
    """
    if _FORMULA_WORDS.issuperset(_WORD.findall(plain)):
        return _trimmed(plain), ()
    remarks: list[str] = []

    def set_aside(found: re.Match[str]) -> str:
        remarks.append(found.group().strip(" ."))
        return " "

    formula = _PROSE.sub(set_aside, plain)
    formula = _REMARK.sub(set_aside, formula)
    return _trimmed(formula), tuple(remarks)


def _trimmed(formula: str) -> str:
    """Without the separators around it; `//` in front says that the cells are a donor's."""
    plain = formula.strip(" \n;,.").rstrip(" \n/;,.")
    return plain if plain.startswith("//") else plain.lstrip(" \n/;,.")


def state_in_words(plain: str, formula_begins: int | None) -> State | None:
    """Say what the words say when they stand before any formula: no metaphases, or not done."""
    said = _NO_METAPHASES.search(plain)
    if said and (formula_begins is None or said.start() < formula_begins):
        return State.NO_METAPHASES
    words = " ".join(plain.split())
    if not words or _NOT_DONE.fullmatch(words):
        return State.NOT_DONE
    return None
