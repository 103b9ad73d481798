"""In-silico identities: the same from the same seed, with names and errors as frequent as said."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest

from haemony.analysis.synthetic import Errors, NoOverlap, TwoSources, draw_sources
from haemony.analysis.synthetic.draws import generator
from haemony.analysis.synthetic.identities import misspell
from haemony.privacy.linkage import Identity, Sex, normalise

SIZE = 20_000
FLAWLESS = Errors().times(0)


@pytest.fixture(scope="module")
def sources() -> TwoSources:
    """Two sources with the documented errors."""
    return draw_sources(SIZE, seed=61)


def share(sources: TwoSources, differ: object) -> float:
    """The share of true pairs that differ in something."""
    pairs = [(sources.left[i], sources.right[j]) for i, j in sources.pairs.tolist()]
    return sum(differ(a, b) for a, b in pairs) / len(pairs)  # type: ignore[operator]


def test_the_same_seed_gives_the_same_people() -> None:
    """And another seed gives others."""
    one, again, other = draw_sources(200, 1), draw_sources(200, 1), draw_sources(200, 2)

    assert one.left == again.left
    assert one.right == again.right
    assert one.pairs.tolist() == again.pairs.tolist()
    assert one.left != other.left


def test_without_errors_the_true_pairs_are_equal() -> None:
    """What is left are two ways to spell; nobody stands twice in the truth."""
    sources = draw_sources(500, seed=3, overlap=0.4, errors=FLAWLESS)

    assert len(sources.pairs) == 200
    assert len(set(sources.pairs[:, 0].tolist())) == len(set(sources.pairs[:, 1].tolist())) == 200
    for left, right in sources.pairs.tolist():
        one, two = normalise(sources.left[left]), normalise(sources.right[right])
        for part in ("given", "family", "born", "sex", "postcode", "place"):
            assert getattr(one, part) == getattr(two, part)


def test_nothing_is_wrong_more_rarely_than_was_measured(sources: TwoSources) -> None:
    """Disagreement of true pairs is at least what Cardinal et al. 2023 report (part by part)."""

    def written(part: str) -> object:
        def differ(one: Identity, two: Identity) -> bool:
            a, b = getattr(normalise(one), part), getattr(normalise(two), part)
            return bool(a and b and a != b)

        return differ

    def women(one: Identity, two: Identity) -> bool:
        return normalise(one).family != normalise(two).family

    assert share(sources, written("given")) >= 0.024
    assert share(sources, written("born")) >= 0.0049
    assert share(sources, written("sex")) >= 0.0033
    assert share(sources, written("postcode")) >= 0.29  # of all, the missing ones included
    for sex, least in ((Sex.FEMALE, 0.057 + 0.008), (Sex.MALE, 0.013 + 0.007)):
        own = [(i, j) for i, j in sources.pairs.tolist() if sources.left[i].sex is sex]
        changed = [women(sources.left[i], sources.right[j]) for i, j in own]
        assert sum(changed) / len(changed) >= least - 0.004  # a standard error


def test_few_names_are_frequent_and_many_are_rare(sources: TwoSources) -> None:
    """The most frequent family name is that of about 1 %; most names are borne by one or two."""
    counts = Counter(normalise(person).family for person in sources.left)

    assert counts.most_common(1)[0][1] / SIZE == pytest.approx(0.01, abs=0.004)
    assert sum(count <= 2 for count in counts.values()) > 0.5 * len(counts)


def test_an_error_changes_a_name() -> None:
    """Whatever the kind, the word is another one, and not an empty one."""
    rng = generator(5)
    for word in ("Qualmert", "Ute", "Jo", "Schlelk"):
        for _ in range(200):
            assert misspell(rng, word) not in {word, ""}


def test_errors_can_be_multiplied_but_are_no_more_than_all() -> None:
    """What is recorded additionally is no error."""
    heavy = Errors(numbered=0.4).times(1000)

    assert heavy.moved == 1.0
    assert (heavy.numbered, heavy.birth_name_recorded) == (0.4, 0.5)
    assert all(0 <= getattr(heavy, part.name) <= 1 for part in fields(heavy))


@pytest.mark.parametrize(("size", "overlap"), [(5, 0.3), (100, 1.2), (100, -0.1)])
def test_impossible_sources_are_refused(size: int, overlap: float) -> None:
    """Too few people, or more in common than there are."""
    with pytest.raises(NoOverlap):
        draw_sources(size, seed=1, overlap=overlap)
