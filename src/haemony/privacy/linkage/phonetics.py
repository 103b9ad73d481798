"""Cologne phonetics: names that sound alike in German get the same digits.

H. J. Postel: Die Kölner Phonetik. IBM-Nachrichten 19 (1969) 925–931. The codes only bring
candidates together; they decide nothing.
"""

from __future__ import annotations

from functools import lru_cache

_PLAIN = {
    **dict.fromkeys("AEIJOUY", "0"),
    "B": "1",
    **dict.fromkeys("FVW", "3"),
    **dict.fromkeys("GKQ", "4"),
    "L": "5",
    **dict.fromkeys("MN", "6"),
    "R": "7",
    **dict.fromkeys("SZ", "8"),
}


@lru_cache(maxsize=1 << 16)
def cologne(word: str) -> str:
    """The code of one word in upper-case letters; empty when it has none.

    Example:
        >>> cologne("MULLERLUDENSCHEIDT"), cologne("WIKIPEDIA"), cologne("MEYER"), cologne("MAIR")
        ('65752682', '3412', '67', '67')
    """
    codes = ""
    for place, letter in enumerate(word):
        before = word[place - 1] if place else ""
        after = word[place + 1] if place + 1 < len(word) else ""
        codes += _code(letter, before, after)
    single = "".join(c for i, c in enumerate(codes) if i == 0 or c != codes[i - 1])
    return single[:1] + single[1:].replace("0", "")


def _code(letter: str, before: str, after: str) -> str:
    """The code of one letter between its neighbours."""
    if letter in _PLAIN:
        return _PLAIN[letter]
    if letter == "P":
        return "3" if after == "H" else "1"
    if letter in "DT":
        return "8" if after and after in "CSZ" else "2"
    if letter == "X":
        return "8" if before and before in "CKQ" else "48"
    if letter == "C":
        return _code_of_c(before, after)
    return ""


def _code_of_c(before: str, after: str) -> str:
    """C is hard before some letters, more of them at the start of a word."""
    if not before:
        return "4" if after and after in "AHKLOQRUX" else "8"
    return "4" if after and after in "AHKOQUX" and before not in "SZ" else "8"
