"""In-silico identities in two sources, with the errors real ones have, to try record linkage on.

No name here is anybody's: names are put together from syllables. What is copied from life is what
makes linkage hard: few names are frequent and many rare, given names have their decades, couples
and twins share a home, people of the same name are born in the same year; names are misspelt,
changed at marriage and swapped, people move. The truth is known, so recall and precision are, too.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from haemony.analysis.synthetic.draws import generator, happens, positions
from haemony.analysis.synthetic.margins import Floats, Integers
from haemony.model.errors import UsageError
from haemony.privacy.linkage.identity import BirthDate, Identity, Sex

VOCABULARY_SEED = 20_240_229
FIRST_YEAR, LAST_YEAR = 1915, 2020

_SYLLABLES_BEGIN = "B BR D DR FL FR G GR H J K KL KR L M N P PF R S SCH SP ST T TR V W Z"
_ONSETS = tuple(_SYLLABLES_BEGIN.split())
_VOWELS = ("a", "e", "i", "o", "u", "ä", "ö", "ü", "ei", "au", "eu", "ie")
_VOWEL_SHARES = (20, 26, 16, 12, 10, 4, 4, 6, 8, 5, 3, 5)
_CODAS = ("", "", "", "l", "ll", "n", "nn", "r", "rt", "s", "st", "lk", "ch", "tz", "m", "ng", "ff")
_FAMILY_ENDINGS = ("", "", "er", "er", "mann", "ert", "ke", "el", "ing", "sen", "ski", "berg", "ow")
_FEMALE_ENDINGS = ("a", "a", "e", "ina", "ia", "ella", "itte", "in")
_MALE_ENDINGS = ("", "o", "us", "an", "er", "ert", "in", "olf")
_PLACE_ENDINGS = ("hausen", "burg", "heim", "dorf", "stedt", "au", "feld", "brück", "ingen")
_NEIGHBOURS = {
    "a": "sqe",
    "b": "vn",
    "c": "xvk",
    "d": "sft",
    "e": "wra",
    "f": "dgv",
    "g": "fhk",
    "h": "gjn",
    "i": "uoe",
    "k": "jlc",
    "l": "ko",
    "m": "n",
    "n": "bm",
    "o": "ipu",
    "p": "ob",
    "r": "et",
    "s": "adz",
    "t": "rzd",
    "u": "zio",
    "v": "cbf",
    "w": "qev",
    "z": "tus",
}
_LOOKS_LIKE = (("rn", "m"), ("m", "rn"), ("cl", "d"), ("l", "i"), ("e", "c"), ("n", "u"))
_SOUNDS_LIKE = (
    ("ei", "ai"),
    ("lk", "lck"),
    ("tz", "z"),
    ("st", "sst"),
    ("ff", "f"),
    ("nn", "n"),
    ("ll", "l"),
    ("rt", "rdt"),
    ("ie", "i"),
    ("v", "f"),
    ("k", "c"),
    ("t", "th"),
    ("s", "z"),
)
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_WITHOUT_DOTS = str.maketrans({"ä": "a", "ö": "o", "ü": "u"})


class NoOverlap(UsageError):
    """Two sources that cannot share as many people as asked for."""

    def __init__(self, size: int, overlap: float) -> None:
        self.size, self.overlap = size, overlap
        super().__init__(
            f"two sources of {size} in-silico people cannot share a part of {overlap}; ask for at "
            "least 10 people and a share between 0 and 1"
        )


@dataclass(frozen=True, slots=True)
class Errors:
    """How often what goes wrong; shares of records unless said otherwise.

    Where Cardinal et al. 2023 (doi:10.1186/s12911-023-02176-6) measured how often two records of
    one patient disagree between mental-health services of one English trust, the default gives that
    share or more: given name 2.4 % (partly 1.8, wholly 0.6), order of names 0.2 %, family name
    changed 5.7 % of women and 1.3 % of men, misspelt 0.8 %, date of birth 0.5 % (93 % of these in
    one part), sex 0.3 %, postcode 31 %. Assumptions are: missing values, how often the name at
    birth is recorded, and that a new family name is that at birth in four of five who had another.

    Attributes:
        given_misspelt: Given name with a typing, reading or hearing error.
        given_other: Another given name, such as a second one.
        family_misspelt: Family name with such an error; half as often in the name at birth.
        swapped: Given and family name in each other's place.
        born_part: Day, month or year wrong.
        born_swapped: Day and month swapped.
        born_wrong: The whole date wrong.
        sex_wrong: The other sex.
        postcode_misspelt: One digit of the postcode wrong.
        woman_renamed: Pairs of a woman's records with another family name in the second.
        man_renamed: The same of men.
        moved: Pairs with another home in the second, half of them near the first. The renamed move
            for their new name, too, as often.
        birth_name_recorded: Records that have the name at birth of someone who changed the name.
        given_missing: Given name absent.
        born_missing: Day and month absent.
        sex_missing: Sex absent.
        home_missing: Postcode and place absent.
        place_missing: Place absent.
        titled: A title written with the name.
        numbered: Records with a number for life.
    """

    given_misspelt: float = 0.010
    given_other: float = 0.003
    family_misspelt: float = 0.008
    swapped: float = 0.001
    born_part: float = 0.004
    born_swapped: float = 0.0005
    born_wrong: float = 0.0004
    sex_wrong: float = 0.002
    postcode_misspelt: float = 0.006
    woman_renamed: float = 0.057
    man_renamed: float = 0.0134
    moved: float = 0.30
    birth_name_recorded: float = 0.5
    given_missing: float = 0.001
    born_missing: float = 0.001
    sex_missing: float = 0.005
    home_missing: float = 0.03
    place_missing: float = 0.02
    titled: float = 0.01
    numbered: float = 0.0

    def times(self, factor: float) -> Errors:
        """All errors so many times as frequent; what is recorded additionally stays as it is.

        Example:
            >>> Errors().times(2).born_part
            0.008
        """
        kept = {"birth_name_recorded", "numbered", "titled"}
        names = [each.name for each in fields(self) if each.name not in kept]
        return replace(self, **{name: min(1.0, factor * getattr(self, name)) for name in names})


@dataclass(frozen=True, slots=True)
class TwoSources:
    """In-silico people as two sources recorded them.

    Attributes:
        left: The first source's records, each person once.
        right: The second source's records.
        pairs: Positions of the people who are in both: shape (people in both, 2).
    """

    left: tuple[Identity, ...]
    right: tuple[Identity, ...]
    pairs: Integers


@dataclass(frozen=True, slots=True)
class _People:
    """True values, one array per part; names and places by their position in the vocabulary."""

    given: Integers
    family: Integers
    maiden: Integers
    female: np.typing.NDArray[np.bool_]
    year: Integers
    month: Integers
    day: Integers
    postcode: Integers

    def take(self, rows: Integers) -> _People:
        return _People(*(getattr(self, part.name)[rows] for part in fields(self)))


def draw_sources(
    size: int, seed: int, *, overlap: float = 0.3, errors: Errors | None = None
) -> TwoSources:
    """Draw two sources of in-silico people that overlap.

    One in six people lives in a couple of one family name and home, 0.5 % are twins (many more than
    there are among patients), 1 % share name and year of birth with somebody else, 0.5 % are parent
    and child of one name and home: the other one is in the population, not always in a source.

    Args:
        size: People in each source.
        seed: Whole number from which everything follows.
        overlap: Share of each source that is in the other one, too.
        errors: What goes wrong.

    Raises:
        NoOverlap: When there are fewer than 10 people, or the share is none.

    Example:
        >>> sources = draw_sources(100, seed=1, overlap=0.3)
        >>> len(sources.left), len(sources.right), len(sources.pairs)
        (100, 100, 30)
    """
    if size < 10 or not 0 <= overlap <= 1:
        raise NoOverlap(size, overlap)
    errors = errors or Errors()
    rng = generator(seed)
    shared = round(size * overlap)
    people = _draw_people(rng, 2 * size - shared)
    order = rng.permutation(2 * size - shared)
    before = people.take(order)
    after = _years_later(rng, before, errors)
    numbers = rng.permutation(10**7)[: order.size] + 10**7
    left_rows = rng.permutation(size)
    right_rows = rng.permutation(size) + size - shared
    left = _record(rng, before.take(left_rows), numbers[left_rows], errors, str.maketrans({}))
    right = _record(rng, after.take(right_rows), numbers[right_rows], errors, _SPELT_OUT)
    where = np.argsort(right_rows)
    both = np.flatnonzero(left_rows >= size - shared)
    pairs = np.column_stack([both, where[left_rows[both] - (size - shared)]])
    return TwoSources(left, right, pairs.astype(np.int64))


# ---------------------------------------------------------------- vocabulary


def _zipf(size: int, shift: float) -> Floats:
    """Shares after Zipf and Mandelbrot: the r-th most frequent has a share like 1/(r + shift)."""
    shares = 1 / (np.arange(1, size + 1) + shift)
    return np.asarray(shares / shares.sum(), np.float64)


def _words(rng: np.random.Generator, size: int, endings: Sequence[str]) -> tuple[str, ...]:
    """Different names of one or two syllables and an ending."""
    vowel_shares = np.array(_VOWEL_SHARES) / sum(_VOWEL_SHARES)
    found: dict[str, None] = {}
    while len(found) < size:
        onsets = rng.choice(_ONSETS, (size, 2))
        vowels = rng.choice(_VOWELS, (size, 2), p=vowel_shares)
        codas = rng.choice(_CODAS, (size, 2))
        two = rng.random(size) < 0.35
        for row, ending in enumerate(rng.choice(endings, size)):
            syllables = [f"{onsets[row, i]}{vowels[row, i]}{codas[row, i]}" for i in range(2)]
            word = "".join(syllables[: 1 + int(two[row])]) + ending
            if len(word) > 2:
                found[word.capitalize()] = None
    return tuple(list(found)[:size])


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    family: tuple[str, ...]
    given: tuple[str, ...]
    places: tuple[str, ...]
    postcodes: tuple[str, ...]
    place_of: Integers
    given_shares: Floats
    family_shares: Floats
    postcode_shares: Floats


NAMES_OF_A_SEX = 1500
FAMILY_NAMES = 60_000


@cache
def _vocabulary() -> _Vocabulary:
    """Names, places and their shares, the same for all seeds.

    The most frequent family name is that of about 1 % of people, the most frequent given name of a
    decade that of about 4 % of a sex.
    """
    rng = generator(VOCABULARY_SEED)
    given = _words(rng, NAMES_OF_A_SEX, _FEMALE_ENDINGS)
    given += tuple(f"{name}" for name in _words(rng, NAMES_OF_A_SEX, _MALE_ENDINGS))
    decades = (LAST_YEAR - FIRST_YEAR) // 10 + 1
    peak = rng.uniform(-1, decades + 1, 2 * NAMES_OF_A_SEX)
    width = rng.uniform(1.5, 8, 2 * NAMES_OF_A_SEX)
    fashion = np.exp(-(((np.arange(decades)[:, None] - peak) / width) ** 2) / 2)
    given_shares = np.tile(_zipf(NAMES_OF_A_SEX, 8), 2) * fashion
    places = _words(rng, 1200, _PLACE_ENDINGS)
    place_of = np.sort(positions(rng, 3000, _zipf(1200, 20)))
    codes = np.sort(rng.choice(np.arange(1001, 99_999), 3000, replace=False))
    return _Vocabulary(
        _words(rng, FAMILY_NAMES, _FAMILY_ENDINGS),
        given,
        places,
        tuple(f"{code:05d}" for code in codes),
        place_of,
        given_shares,
        _zipf(FAMILY_NAMES, 12),
        rng.lognormal(0, 0.8, 3000),
    )


# ---------------------------------------------------------------- people


def _draw_people(rng: np.random.Generator, size: int) -> _People:
    words = _vocabulary()
    female = happens(rng, 0.47, size)
    year = np.clip(np.rint(rng.normal(1954, 16, size)), FIRST_YEAR, LAST_YEAR).astype(np.int64)
    month = rng.integers(1, 13, size)
    day = np.minimum(rng.integers(1, 32, size), _days_in(year, month))
    default = happens(rng, 0.003, size)
    month[default], day[default] = 1, 1
    family = positions(rng, size, words.family_shares)
    people = _People(
        _given(rng, female, year),
        family,
        family.copy(),
        female,
        year,
        month,
        day,
        positions(rng, size, words.postcode_shares),
    )
    _relate(rng, people)
    renamed = np.flatnonzero(female & happens(rng, 0.6, size))
    people.maiden[renamed] = positions(rng, renamed.size, words.family_shares)
    return people


def _days_in(year: Integers, month: Integers) -> Integers:
    days = np.array([calendar.monthrange(2001, m)[1] for m in range(1, 13)])[month - 1]
    return np.asarray(days + ((month == 2) & (year % 4 == 0)), np.int64)


def _given(
    rng: np.random.Generator, female: np.typing.NDArray[np.bool_], year: Integers
) -> Integers:
    """Given names after sex and decade."""
    shares = _vocabulary().given_shares
    names = np.empty(year.size, np.int64)
    for decade in range(shares.shape[0]):
        for sex, start in ((True, 0), (False, NAMES_OF_A_SEX)):
            rows = np.flatnonzero(((year - FIRST_YEAR) // 10 == decade) & (female == sex))
            own = shares[decade, start : start + NAMES_OF_A_SEX]
            names[rows] = start + positions(rng, rows.size, own)
    return names


def _relate(rng: np.random.Generator, people: _People) -> None:
    """Turn some neighbouring pairs of people into couples, twins, namesakes, parent and child."""
    size = people.year.size
    first = np.arange(0, size - 1, 2)
    kind = rng.random(first.size)
    bounds = np.cumsum([1 / 6, 0.005, 0.01, 0.005])
    couple, twins, namesake, junior = (
        first[(kind >= low) & (kind < high)]
        for low, high in zip([0, *bounds[:-1]], bounds, strict=True)
    )
    for rows in (couple, twins, junior):
        for part in (people.family, people.maiden, people.postcode):
            part[rows + 1] = part[rows]
    people.female[couple + 1] = ~people.female[couple]
    alike = happens(rng, 0.65, twins.size)
    people.female[twins + 1] = np.where(alike, people.female[twins], ~people.female[twins])
    for part in (people.year, people.month, people.day):
        part[twins + 1] = part[twins]
    younger = people.year[couple] + np.rint(rng.normal(0, 4, couple.size)).astype(np.int64)
    people.year[couple + 1] = np.clip(younger, FIRST_YEAR, LAST_YEAR)
    people.given[couple + 1] = _given(rng, people.female[couple + 1], people.year[couple + 1])
    people.given[twins + 1] = _given(rng, people.female[twins + 1], people.year[twins + 1])
    people.female[namesake + 1] = people.female[namesake]
    people.female[junior + 1] = people.female[junior]
    for part in (people.given, people.family, people.maiden):
        part[namesake + 1] = part[namesake]
        part[junior + 1] = part[junior]
    people.year[namesake + 1] = people.year[namesake]
    people.year[junior + 1] = np.clip(people.year[junior] + 29, FIRST_YEAR, LAST_YEAR)


def _years_later(rng: np.random.Generator, people: _People, errors: Errors) -> _People:
    """The same people when the second source meets them: some renamed, some moved."""
    size = people.year.size
    words = _vocabulary()
    renamed = happens(rng, np.where(people.female, errors.woman_renamed, errors.man_renamed), size)
    moved = happens(rng, errors.moved, size) | (renamed & happens(rng, errors.moved, size))
    family, postcode = people.family.copy(), people.postcode.copy()
    family[renamed] = positions(rng, int(renamed.sum()), words.family_shares)
    returned = renamed & (people.family != people.maiden) & happens(rng, 0.8, size)
    family[returned] = people.maiden[returned]
    near = happens(rng, 0.5, size)
    postcode[moved] = positions(rng, int(moved.sum()), words.postcode_shares)
    steps = rng.integers(1, 6, size) * rng.choice([-1, 1], size)
    local = moved & near
    postcode[local] = (people.postcode + steps)[local] % len(words.postcodes)
    return replace(people, family=family, postcode=postcode)


# ---------------------------------------------------------------- records


def _record(
    rng: np.random.Generator,
    people: _People,
    numbers: Integers,
    errors: Errors,
    umlauts: dict[int, str],
) -> tuple[Identity, ...]:
    """What one source writes down."""
    words = _vocabulary()
    size = people.year.size
    year, month, day = _dates(rng, people, errors)
    other = happens(rng, errors.given_other, size)
    given = np.where(other, _given(rng, people.female, people.year), people.given)
    name = _speller(rng, size, errors.given_misspelt)
    surname = _speller(rng, size, errors.family_misspelt)
    maiden = _speller(rng, size, errors.family_misspelt / 2)
    code = _digits(rng, size, errors.postcode_misspelt)
    chance = {
        part: happens(rng, getattr(errors, part), size)
        for part in (
            "swapped",
            "birth_name_recorded",
            "given_missing",
            "born_missing",
            "sex_wrong",
            "sex_missing",
            "home_missing",
            "place_missing",
            "titled",
            "numbered",
        )
    }
    records = []
    for i in range(size):
        first = "" if chance["given_missing"][i] else name(i, words.given[given[i]])
        last = surname(i, words.family[people.family[i]])
        born = maiden(i, words.family[people.maiden[i]])
        recorded = chance["birth_name_recorded"][i] and people.maiden[i] != people.family[i]
        if chance["swapped"][i]:
            first, last = last, first
        unknown = chance["born_missing"][i]
        home = not chance["home_missing"][i]
        place = words.places[words.place_of[people.postcode[i]]]
        sex = Sex.FEMALE if people.female[i] != chance["sex_wrong"][i] else Sex.MALE
        records.append(
            Identity(
                given=first.translate(umlauts),
                family=("Dr. " if chance["titled"][i] else "") + last.translate(umlauts),
                birth_name=born.translate(umlauts) if recorded else "",
                born=BirthDate(int(year[i]))
                if unknown
                else BirthDate(int(year[i]), int(month[i]), int(day[i])),
                sex=None if chance["sex_missing"][i] else sex,
                postcode=code(i, words.postcodes[people.postcode[i]]) if home else "",
                place=place if home and not chance["place_missing"][i] else "",
                number=str(numbers[i]) if chance["numbered"][i] else "",
            )
        )
    return tuple(records)


def _dates(
    rng: np.random.Generator, people: _People, errors: Errors
) -> tuple[Integers, Integers, Integers]:
    """Dates of birth as written: one part wrong, day and month swapped, or all wrong."""
    size = people.year.size
    year, month, day = people.year.copy(), people.month.copy(), people.day.copy()
    part = np.where(happens(rng, errors.born_part, size), rng.integers(0, 3, size), -1)
    step = rng.choice([-10, -2, -1, 1, 2, 10], size)
    year[part == 0] = np.clip(year + step, FIRST_YEAR, LAST_YEAR)[part == 0]
    month[part == 1] = ((month + step - 1) % 12 + 1)[part == 1]
    day[part == 2] = ((day + step - 1) % 28 + 1)[part == 2]
    swap = happens(rng, errors.born_swapped, size) & (day <= 12)
    month[swap], day[swap] = day[swap], month[swap]
    wrong = happens(rng, errors.born_wrong, size)
    year[wrong] = rng.integers(FIRST_YEAR, LAST_YEAR, size)[wrong]
    month[wrong] = rng.integers(1, 13, size)[wrong]
    day[wrong] = rng.integers(1, 29, size)[wrong]
    return year, month, day


def _speller(rng: np.random.Generator, size: int, share: float) -> Callable[[int, str], str]:
    """Writes names, some of them wrongly, one in ten of these twice."""
    wrong = happens(rng, share, size)
    twice = happens(rng, 0.1, size)

    def write(row: int, word: str) -> str:
        if not wrong[row]:
            return word
        once = misspell(rng, word)
        return misspell(rng, once) if twice[row] else once

    return write


def _digits(rng: np.random.Generator, size: int, share: float) -> Callable[[int, str], str]:
    wrong = happens(rng, share, size)

    def write(row: int, code: str) -> str:
        if not wrong[row]:
            return code
        place = int(rng.integers(len(code)))
        return code[:place] + str(rng.integers(10)) + code[place + 1 :]

    return write


def misspell(rng: np.random.Generator, word: str) -> str:
    """One error of typing (deletion, insertion, substitution, transposition), reading or hearing.

    These four kinds of typing errors are Damerau's (1964, doi:10.1145/363958.363994); the shares
    (24, 20, 24, 12, 8 and 12 %) are assumptions.

    Example:
        >>> misspell(generator(1), "Qualmert") != "Qualmert"
        True
    """
    lower = word.lower()
    place = int(rng.integers(0, len(lower)))
    kind = rng.random()
    letter = str(rng.choice(list(_NEIGHBOURS.get(lower[place], "aeirnst"))))
    if kind < 0.24 and len(lower) > 2:
        changed = lower[:place] + lower[place + 1 :]
    elif kind < 0.44:
        changed = lower[:place] + letter + lower[place:]
    elif kind < 0.68:
        changed = lower[:place] + letter + lower[place + 1 :]
    elif kind < 0.80:
        place = max(place, 1)
        changed = (
            lower[: place - 1] + lower[place : place + 1] + lower[place - 1] + lower[place + 1 :]
        )
    else:
        changed = _mistaken(rng, lower, _LOOKS_LIKE if kind < 0.88 else _SOUNDS_LIKE)
    if changed == lower:
        changed = lower[:place] + letter + lower[place:]
    return changed.capitalize()


def _mistaken(rng: np.random.Generator, word: str, rules: Sequence[tuple[str, str]]) -> str:
    """One of the rules that apply, once."""
    possible = [rule for rule in rules if rule[0] in word]
    if not possible:
        return word
    old, new = possible[int(rng.integers(len(possible)))]
    return word.replace(old, new, 1)
