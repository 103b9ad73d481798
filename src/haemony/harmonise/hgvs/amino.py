"""Amino acids in one letter and in three."""

from __future__ import annotations

import re

THREE = {
    "A": "Ala",
    "R": "Arg",
    "N": "Asn",
    "D": "Asp",
    "C": "Cys",
    "Q": "Gln",
    "E": "Glu",
    "G": "Gly",
    "H": "His",
    "I": "Ile",
    "L": "Leu",
    "K": "Lys",
    "M": "Met",
    "F": "Phe",
    "P": "Pro",
    "O": "Pyl",
    "U": "Sec",
    "S": "Ser",
    "T": "Thr",
    "W": "Trp",
    "Y": "Tyr",
    "V": "Val",
    "B": "Asx",
    "Z": "Glx",
    "X": "Xaa",
    "*": "Ter",
}
ONE = {three: one for one, three in THREE.items()}
_THREE = re.compile("|".join(ONE))


def one_letter(text: str) -> str:
    """Write every three-letter code in a text as one letter.

    >>> one_letter("Trp288CysfsTer12")
    'W288Cfs*12'
    """
    return _THREE.sub(lambda code: ONE[code[0]], text)


def three_letter(residues: str) -> str:
    """Write a sequence of one-letter residues in three letters each.

    >>> three_letter("RH*")
    'ArgHisTer'
    """
    return "".join(THREE[residue] for residue in residues)
