"""Chromosome abnormalities named in a header: ``mono12_12p_abn12p``, ``t.6.9..p23.q34.``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_SIGNS = (
    (re.compile(r"monosom(?:y|ie)|minus|mono|(?<![a-z])del|loss"), "-"),
    (re.compile(r"trisom(?:y|ie)|plus|gain"), "+"),
)
_JOINED = re.compile(
    r"(?<![a-z])(t|inv)[\W_]*(\d{1,2}|v)(?![\d])(?:[\W_]+(\d{1,2}|[xyv])(?![\da-z]))?"
)
_SIGNED = re.compile(r"([+-])[\W_]*(\d{1,2}|[xy])([pq](?![a-z]))?(?![a-z])")
_REGION = re.compile(r"(?<![\d.+-])(?:abn|add|any)?[\W_]*(\d{1,2})([pq])?([+-])?(?![\da-z])")


@dataclass(frozen=True, slots=True)
class Lesion:
    """One abnormality: its kind (``t``, ``inv``, ``-``, ``+``, empty if not said) and region."""

    kind: str
    region: str

    def agrees(self, other: Lesion) -> bool:
        """Whether both may mean the same: one region, and kinds that do not contradict."""
        return self.region == other.region and (
            self.kind == other.kind or "" in {self.kind, other.kind}
        )


@lru_cache(maxsize=20_000)
def lesions(name: str) -> frozenset[Lesion]:
    """The abnormalities that a name speaks of.

    Example:
        >>> sorted((lesion.kind, lesion.region) for lesion in lesions("minus5_5q"))
        [('', '5q'), ('-', '5')]
    """
    text = name.lower()
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    found = set()
    for kind, one, other in _JOINED.findall(text):
        if kind == "inv" or other:
            found.add(Lesion(kind, one if kind == "inv" else f"{one};{other}"))
    text = _JOINED.sub(" ", text)
    found |= {Lesion(sign, region + arm) for sign, region, arm in _SIGNED.findall(text)}
    text = _SIGNED.sub(" ", text)
    found |= {
        Lesion(sign, number + arm)
        for number, arm, sign in _REGION.findall(text)
        if arm or "abn" in text or "any" in text
    }
    return frozenset(_without_vague(found))


def _without_vague(found: set[Lesion]) -> set[Lesion]:
    """``12p`` beside ``-12p`` adds nothing."""
    signed = {lesion.region for lesion in found if lesion.kind}
    return {lesion for lesion in found if lesion.kind or lesion.region not in signed}


def overlap(mine: frozenset[Lesion], theirs: frozenset[Lesion]) -> float:
    """Share of the abnormalities of two names that agree; those of unsaid kind count less."""
    if not mine or not theirs:
        return 0.0
    exact = mine & theirs
    rest = sum(any(one.agrees(other) for other in theirs - exact) for one in mine - exact)
    union = len(mine) + len(theirs) - len(exact) - rest
    return (len(exact) + 0.85 * rest) / union
