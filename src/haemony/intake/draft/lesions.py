"""Chromosome abnormalities named in a header: ``mono12_12p_abn12p``, ``t.6.9..p23.q34.``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LOH = "~"
"""Loss of heterozygosity without loss of material."""

_SPELLED = (
    (re.compile(r"(?:cn|copy[\W_]*neutral)[\W_]*loh|\bloh|upd|uniparental[\W_]*disomy"), LOH),
    (re.compile(r"isochromosome|iso(?=[\W_]*\d)|(?<![a-z])i(?=\(\d)"), "!"),
    (
        re.compile(
            r"monosom(?:y|ie|ia|ía)|minus|mono(?=[\W_]*\d)|verlust|p[eé]rdida|perdita|verlies|perte"
            r"|(?:(?<![a-z])|_)(?:del(?:etion)?|loss)(?:[\W_]of)?"
        ),
        "-",
    ),
    (
        re.compile(
            r"trisom(?:y|ie|ia|ía)|plus|(?:gain|amp|dup)(?:lification)?(?:[\W_]of)?|zugewinn"
            r"|ganancia|guadagno|winst"
        ),
        "+",
    ),
    (
        re.compile(r"(?:change|copies)(?:[\W_]of)?|chr(?:om(?:osome)?)?(?=[\W_]*\d)"),
        "abn",
    ),
)
_JOINED = re.compile(
    r"(?<![a-z])(t|inv)[\W_]*(\d{1,2}|v)(?![\d])(?:[\W_]+(\d{1,2}|[xyv])(?=[pq]\d|[\W_]|$))?"
    r"(?:[\W_]*[pq]\d[\d.~]*)*"
)
_BAND = r"(\d{1,2}(?:\.\d{1,2})?)"
_SIGNED = re.compile(
    rf"([+~!-])[\W_]*(\d{{1,2}}|[xy])(?:[)\](_.\s]*([pq])(?:{_BAND}|(?![a-z\d])))?"
    r"(?:(?<=[pq\d])|(?![a-z]))(?!\d)"
)
_REGION = re.compile(
    rf"(?<![\d.+~!a-z-])(?:abn|add|any)?[\W_]*(?<!\d)(\d{{1,2}})"
    rf"(?:([pq])(?:{_BAND}|(?!\d)))?(?:[\W_]*([+~-])(?!\d))?(?![\da-z])"
)
_SAY_NOTHING = frozenset({"abn", "any", "all", "status", "copy", "number", "cn", "of", "or", "and",
                          "fish", "karyotype", "other", "iso", "loh", "x"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lesion:
    """One abnormality.

    Attributes:
        kind: ``t``, ``inv``, ``-``, ``+``, ``~`` (copy-neutral loss), ``!`` (isochromosome); empty
            if not said.
        region: Chromosome and arm, or the two chromosomes.
        band: Band and sub-band within the arm, where they are said.
    """

    kind: str
    region: str
    band: str = ""

    @property
    def chromosome(self) -> str:
        """Its chromosome, or the two of a translocation."""
        return self.region.rstrip("pq")

    def agreement(self, other: Lesion) -> float:
        """How surely both mean the same, 0 to 1: one region, and nothing that contradicts."""
        if self.region != other.region:
            return 0.55 if self._lies_in(other) or other._lies_in(self) else 0.0
        if self._contradicts(other):
            return 0.0
        unsaid = self.kind != other.kind
        coarser = bool(self.band) != bool(other.band)
        return 1.0 - 0.15 * unsaid - 0.04 * coarser

    def _lies_in(self, other: Lesion) -> bool:
        """Whether this is one arm of what the other says of the whole chromosome."""
        return self.kind == other.kind != "" and self.region != other.region == self.chromosome

    def _contradicts(self, other: Lesion) -> bool:
        kinds = self.kind != other.kind and "" not in {self.kind, other.kind}
        one, two = sorted((self.band, other.band), key=len)
        return kinds or not two.startswith(one)


@lru_cache(maxsize=20_000)
def lesions(name: str) -> frozenset[Lesion]:
    """The abnormalities that a name speaks of.

    Example:
        >>> sorted((lesion.kind, lesion.region) for lesion in lesions("minus5_5q"))
        [('', '5q'), ('-', '5')]
        >>> [(lesion.kind, lesion.region, lesion.band) for lesion in lesions("gain2p25.3")]
        [('+', '2p', '25.3')]
    """
    return _read(name)[0]


@lru_cache(maxsize=20_000)
def qualifiers(name: str) -> frozenset[str]:
    """The words of a name beside its abnormalities: ``bi`` in ``del13q14_bi``."""
    rest = re.findall(r"[a-z]+", _read(name)[1])
    return frozenset(word for word in rest if word not in _SAY_NOTHING)


def _read(name: str) -> tuple[frozenset[Lesion], str]:
    """The abnormalities, and what is left of the name."""
    text = name.lower()
    if not any(letter.isdigit() for letter in text) and not text.rstrip().endswith(("x", "y")):
        return frozenset(), text
    for pattern, sign in _SPELLED:
        text = pattern.sub(sign, text)
    found = set()
    for kind, one, other in _JOINED.findall(text):
        if kind == "inv" or other:
            found.add(Lesion(kind, one if kind == "inv" else f"{one};{other}"))
    text = _JOINED.sub(" ", text)
    found |= {Lesion(sign, at + arm, band) for sign, at, arm, band in _SIGNED.findall(text)}
    text = _SIGNED.sub(" ", text)
    vague = "abn" in text or "any" in text
    found |= {
        Lesion(sign, at + arm, band)
        for at, arm, band, sign in _REGION.findall(text)
        if (arm or vague) and 1 <= int(at) <= 22
    }
    return frozenset(_without_vague(found)), _REGION.sub(" ", text)


def _without_vague(found: set[Lesion]) -> set[Lesion]:
    """``12p`` beside ``-12p`` adds nothing."""
    signed = {lesion.region for lesion in found if lesion.kind}
    return {lesion for lesion in found if lesion.kind or lesion.region not in signed}


def overlap(mine: frozenset[Lesion], theirs: frozenset[Lesion]) -> float:
    """Share of the abnormalities of two names that agree; those of unsaid kind count less."""
    if not mine or not theirs:
        return 0.0
    left = set(theirs)
    total = 0.0
    for one in sorted(mine, key=lambda lesion: (lesion.kind == "", lesion.region)):
        other = max(left, key=one.agreement, default=None)
        if other and (agreement := one.agreement(other)):
            total += agreement
            left.discard(other)
    shared = len(theirs) - len(left)
    return total / (len(mine) + len(theirs) - shared)
