"""Search concepts by what people call them: the loaded vocabulary, and always our own core.

Every word of the question must occur in a name or a synonym. Exact names come first, then names
that begin with the whole of it, with its first word, names with words that begin so, and names that
merely contain them; then synonyms in the same order. Within one rank standard concepts come first,
then those we use, then the shorter names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.vocabulary.core import OURS, Known, Licence, core, is_local
from haemony.harmonise.vocabulary.loaded import Vocabulary, known_of
from haemony.harmonise.vocabulary.local import Status, local_concepts
from haemony.harmonise.vocabulary.uses import Use, expected_domains, uses
from haemony.intake.draft.knowledge import forms
from haemony.model.disease import disease, installed
from haemony.model.errors import UsageError

_SYNONYM = 5
"""How many ranks a synonym stands behind the name itself."""


class NothingToSearch(UsageError):
    """The question holds no word."""

    def __init__(self) -> None:
        super().__init__("there is nothing to search for; give a word, a code or a concept id")


@dataclass(frozen=True, slots=True)
class Hit:
    """A concept that was found.

    Attributes:
        known: What is known of it; its name only where the vocabulary is loaded.
        label: What we call it; empty where the catalogue does not use it.
        elements: The elements and values that use it.
        rank: 0 for an exact name, up to 9 for words inside a synonym.
    """

    known: Known
    label: str
    elements: tuple[str, ...]
    rank: int

    @property
    def name(self) -> str:
        """Its name in the loaded vocabulary, else our label."""
        return self.known.name or self.label

    @property
    def licence(self) -> Licence:
        """What may be passed on of it."""
        return self.known.licence

    @property
    def may_leave(self) -> str:
        """The words under which it may be passed on: its name where the licence allows it."""
        return self.name if self.licence.names_may_leave else self.label

    @property
    def order(self) -> tuple[bool, int, bool, bool, int, int]:
        """Where it stands among others."""
        known = self.known
        return (
            bool(known.invalid),
            self.rank,
            known.standard != "S",
            not self.label,
            len(self.name),
            known.id,
        )


def search(
    text: str,
    vocabulary: Vocabulary | None = None,
    *,
    domain: str = "",
    standard: bool = False,
    limit: int = 20,
) -> tuple[Hit, ...]:
    """Find concepts by a text, a code or an id.

    Args:
        text: Words, in any order and any case.
        vocabulary: The loaded one; the open core alone is searched where there is none.
        domain: Only concepts of this OMOP domain.
        standard: Only standard concepts.
        limit: At most so many.

    Raises:
        NothingToSearch: When the text holds no word.

    Example:
        >>> [(hit.known.id, hit.label) for hit in search("white cell count", limit=1)]
        [(3010813, 'White cell count')]
    """
    if not text.split():
        raise NothingToSearch
    wanted = tuple(uses())
    ours = _ours(text, wanted)
    theirs = _theirs(text, vocabulary, domain, limit, standard=standard) if vocabulary else {}
    loaded = vocabulary.known([i for i in ours if i not in theirs]) if vocabulary else {}
    by_id = _by_concept(wanted)
    hits = []
    for concept in {*ours, *theirs}:
        known, rank = theirs.get(concept, (loaded.get(concept), ours.get(concept, 2 * _SYNONYM)))
        mine = by_id.get(concept, [])
        label = mine[0].label if mine else _superseded_label(concept)
        facts = known or _facts(concept, mine)
        who = tuple(dict.fromkeys(use.who for use in mine))
        hits.append(Hit(facts, label, who, min(rank, ours.get(concept, rank))))
    kept = [hit for hit in hits if _fits(hit.known, domain, standard=standard)]
    return tuple(sorted(kept, key=lambda hit: hit.order)[:limit])


def _fits(known: Known, domain: str, *, standard: bool) -> bool:
    right = not domain or known.domain.lower() == domain.lower()
    return right and (not standard or (known.standard == "S" and not known.invalid))


def _by_concept(used: Iterable[Use]) -> dict[int, list[Use]]:
    found: dict[int, list[Use]] = {}
    for use in used:
        found.setdefault(use.concept_id, []).append(use)
    return found


def _superseded_label(concept: int) -> str:
    own = local_concepts().get(concept) if is_local(concept) else None
    return own.label if own else ""


def _facts(concept: int, used: list[Use]) -> Known:
    """What is known without a vocabulary: the core, or for ours the domain of their place."""
    if concept in core():
        return core()[concept]
    domains = sorted({domain for use in used for domain in expected_domains(use)})
    about = any(use.field == "observation_concept_id" for use in used)
    domain = domains[0] if domains else "Observation" if about else ""
    return Known(concept, domain, OURS if is_local(concept) else "", "")


def _ours(text: str, used: tuple[Use, ...]) -> dict[int, int]:
    """Rank of our own concepts, by id."""
    spellings = {form for code in installed() for form in forms(disease(code).catalogue)}
    other: dict[str, set[str]] = {}
    for form in spellings:
        other.setdefault(form.element, set()).add(form.text)
    rows = [(use.concept_id, use.label, 0) for use in used]
    rows += [(use.concept_id, use.value, 0) for use in used if use.value]
    rows += [
        (use.concept_id, spelling, _SYNONYM)
        for use in used
        if not use.value
        for spelling in other.get(use.element, ())
    ]
    rows += [
        (own.id, own.label, 0)
        for own in local_concepts().values()
        if own.status is Status.SUPERSEDED
    ]
    schema = {"concept_id": pl.Int64, "text": pl.String, "behind": pl.Int8}
    frame = pl.LazyFrame(rows, schema=schema, orient="row")
    best = _ranked(frame, text).group_by("concept_id").agg(pl.col("rank").min()).collect()
    found = dict(best.iter_rows())
    exact = {use.concept_id for use in used if str(use.concept_id) == text.strip()}
    return found | dict.fromkeys(exact, 0)


def _ranked(frame: pl.LazyFrame, text: str) -> pl.LazyFrame:
    """The rows whose text holds every word, with their rank: the one definition of a match."""
    phrase = " ".join(text.lower().split())
    said = pl.col("text").str.to_lowercase()
    matching = frame.filter(*(said.str.contains(word, literal=True) for word in phrase.split()))
    begins = [said.str.contains(rf"(?:^|\W){re.escape(word)}") for word in phrase.split()]
    rank = (
        pl.when(said == phrase)
        .then(0)
        .when(said.str.starts_with(phrase))
        .then(1)
        .when(pl.all_horizontal(begins) & said.str.starts_with(phrase.split()[0]))
        .then(2)
        .when(pl.all_horizontal(begins))
        .then(3)
        .otherwise(4)
    )
    return matching.with_columns((rank + pl.col("behind")).cast(pl.Int64).alias("rank"))


def _theirs(
    text: str, vocabulary: Vocabulary, domain: str, limit: int, *, standard: bool
) -> dict[int, tuple[Known, int]]:
    """What the loaded vocabulary finds, by id, the best of it.

    Names, synonyms and codes each give their best; what is best of all is among them.
    """
    concept = vocabulary.scan("concept")
    if domain:
        concept = concept.filter(pl.col("domain_id").str.to_lowercase() == domain.lower())
    if standard:
        concept = concept.filter(pl.col("standard_concept") == "S", _VALID)
    given = text.strip().lower()
    exact = (pl.col("concept_code").str.to_lowercase() == given) | (
        pl.col("concept_id").cast(pl.String) == given
    )
    synonyms = vocabulary.scan("concept_synonym").select(
        "concept_id", text="concept_synonym_name", behind=pl.lit(_SYNONYM)
    )
    best = _ranked(synonyms, text).group_by("concept_id").agg(pl.col("rank").min())
    ways = (
        concept.filter(exact).with_columns(rank=pl.lit(0)),
        _ranked(concept.with_columns(text="concept_name", behind=pl.lit(0)), text),
        concept.join(best, on="concept_id"),
    )
    found: dict[int, tuple[Known, int]] = {}
    for way in ways:
        rows = way.sort(_ORDER).head(limit).collect(engine="streaming")
        for row in rows.iter_rows(named=True):
            known, rank = known_of(row), row["rank"]
            found[known.id] = min(found.get(known.id, (known, rank)), (known, rank), key=_rank)
    return found


def _rank(found: tuple[Known, int]) -> int:
    return found[1]


_VALID = pl.col("invalid_reason").is_null()
_ORDER = (
    ~_VALID,
    pl.col("rank"),
    pl.col("standard_concept").ne_missing(pl.lit("S")),
    pl.col("concept_name").str.len_chars(),
    pl.col("concept_id"),
)
"""The order of hits, as far as the vocabulary decides it."""
