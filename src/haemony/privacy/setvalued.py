"""Set-valued data: which few mutations, known of a person, find her among the others.

A mutation profile is a set. It is k^m-anonymous when every combination of at most m items that
somebody holds is held by at least k people: an adversary who knows m items of a person is left with
k candidates (Terrovitis, Mamoulis, Kalnis 2008, doi:10.14778/1453856.1453874).

Findings have three values, and only *positive* makes an item. A person who was not tested holds
nothing, so an untested person is never counted among those a carrier could be confused with: this
errs on the side of too many violations. That somebody was tested, or tested negative, is not
covered: an adversary who knows negatives is stronger, and which tests were made is a
quasi-identifier of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.faults import BadModel, UnknownValues
from haemony.privacy.anonymity.hierarchy import Hierarchy
from haemony.privacy.anonymity.table import check_columns

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]

POSITIVE, NEGATIVE = "positive", "negative"


@dataclass(frozen=True)
class Profiles:
    """What each person holds.

    Attributes:
        items: Names of the items.
        held: (persons, items) who holds what.

    Raises:
        BadModel: When the shape does not fit the names, or a name comes twice.
    """

    items: tuple[str, ...]
    held: Bools = field(repr=False)

    def __post_init__(self) -> None:
        fits = self.held.ndim == 2 and self.held.shape[1] == len(self.items)
        if not fits or len(set(self.items)) < len(self.items):
            raise BadModel(
                "the profiles need one column for each item, and each item once",
                remedy="name every column once",
            )

    @classmethod
    def of_findings(cls, findings: pl.DataFrame, items: Sequence[str]) -> Profiles:
        """Read three-valued findings: positive is held; negative and not tested (null) are not.

        Raises:
            NoSuchColumn: When an item is no column.
            UnknownValues: When a cell is none of the three.

        Example:
            >>> findings = pl.DataFrame({"NPM1": ["positive", "negative", None]})
            >>> Profiles.of_findings(findings, ["NPM1"]).held[:, 0].tolist()
            [True, False, False]
        """
        check_columns(findings, items)
        for item in items:
            text = findings[item].cast(pl.String)
            strange = text.filter(text.is_not_null() & ~text.is_in([POSITIVE, NEGATIVE]))
            if strange.len():
                raise UnknownValues(item, values=strange.n_unique(), rows=strange.len())
        held = [(findings[item].cast(pl.String) == POSITIVE).fill_null(False) for item in items]
        columns = [column.to_numpy() for column in held]
        shape = (findings.height, len(items))
        return cls(tuple(items), np.array(columns, dtype=np.bool_).reshape(shape[::-1]).T)

    @property
    def persons(self) -> int:
        """People, those who hold nothing included."""
        return len(self.held)

    @cached_property
    def distinct(self) -> tuple[Bools, Counts]:
        """The different profiles, and how many people have each."""
        kinds, counts = np.unique(self.held, axis=0, return_counts=True)
        return kinds, counts.astype(np.int64)


@dataclass(frozen=True)
class Violations:
    """Combinations that too few people hold.

    Attributes:
        k: People who should hold a combination.
        m: Items that an adversary may know.
        table: One row per combination held by 1 to k - 1 people: its ``items``, how many ``people``
            hold it, and whether it is ``minimal``, as none of its parts is held by so few.
        exposed: People who hold such a combination.
        persons: All people.
    """

    k: int
    m: int
    table: pl.DataFrame = field(repr=False)
    exposed: int
    persons: int

    @property
    def by_size(self) -> dict[int, int]:
        """How many combinations of each size."""
        sizes = self.table["items"].list.len()
        return {size: int((sizes == size).sum()) for size in range(1, self.m + 1)}


def km_violations(profiles: Profiles, k: int, m: int) -> Violations:
    """Find every combination of at most m items that 1 to k - 1 people hold.

    The work grows with the combinations that somebody holds, which are few when profiles are short.

    Args:
        profiles: What each person holds.
        k: People who should hold a combination.
        m: Items that an adversary may know.

    Raises:
        BadModel: When k is below 2 or m below 1.

    Example:
        >>> findings = pl.DataFrame({
        ...     "NPM1": ["positive"] * 3 + ["negative"],
        ...     "DNMT3A": ["positive", "positive", "negative", "positive"],
        ...     "TP53": ["negative"] * 3 + [None],
        ... })
        >>> found = km_violations(Profiles.of_findings(findings, findings.columns), k=3, m=2)
        >>> found.table["items"].to_list(), found.exposed
        ([['NPM1', 'DNMT3A']], 2)
    """
    _check(k, m)
    kinds, counts = profiles.distinct
    rows = []
    exposed = np.zeros(len(kinds), dtype=np.bool_)
    few: set[tuple[int, ...]] = set()
    for combination, holders, people in _held(kinds, counts, m):
        if people < k:
            exposed[holders] = True
            parts = (combination[:i] + combination[i + 1 :] for i in range(len(combination)))
            minimal = not any(part in few for part in parts)
            few.add(combination)
            rows.append(([profiles.items[i] for i in combination], people, minimal))
    rows.sort(key=lambda row: (len(row[0]), row[1], row[0]))
    schema: dict[str, pl.DataType] = {
        "items": pl.List(pl.String()),
        "people": pl.Int64(),
        "minimal": pl.Boolean(),
    }
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return Violations(k, m, table, int(counts[exposed].sum()), profiles.persons)


@dataclass(frozen=True)
class KmAnonymised:
    """Profiles that are k^m-anonymous.

    Attributes:
        k: People who hold each combination.
        m: Items that an adversary may know.
        labels: What each item is told as: itself, a label of the hierarchy, or None when it is
            suppressed.
        profiles: What each person holds, in labels.
        loss: Mean over everything held: 0 for an item told as itself, the share of the other items
            that its label also stands for, 1 for a suppressed item (after Terrovitis 2008, 4.2).
    """

    k: int
    m: int
    labels: Mapping[str, str | None]
    profiles: Profiles
    loss: float

    @property
    def suppressed(self) -> tuple[str, ...]:
        """Items of which nothing is told."""
        return tuple(item for item, label in self.labels.items() if label is None)

    def recode(self, findings: pl.DataFrame) -> pl.DataFrame:
        """Tell three-valued findings by label: the other columns stay, suppressed items go.

        A label is positive when one of its items is, negative when all were tested and none is, and
        else not tested.

        Raises:
            NoSuchColumn: When the findings lack an item.
        """
        check_columns(findings, list(self.labels))
        told = []
        for label in self.profiles.items:
            items = [item for item, its in self.labels.items() if its == label]
            told.append(
                pl.when(pl.any_horizontal(pl.col(items).eq(POSITIVE).fill_null(False)))
                .then(pl.lit(POSITIVE))
                .when(pl.all_horizontal(pl.col(items).is_not_null()))
                .then(pl.lit(NEGATIVE))
                .alias(label)
            )
        return findings.select(pl.exclude(list(self.labels)), *told)


def km_anonymise(profiles: Profiles, hierarchy: Hierarchy, k: int, m: int) -> KmAnonymised:
    """Generalise items along a hierarchy and suppress some until the profiles are k^m-anonymous.

    Greedy: of all labels that are part of a violation, each may be replaced by its parent together
    with everything under that parent, or suppressed; the step that removes the most violations per
    loss is taken. At the end, suppressed labels that are no longer in the way are told after all.
    The result is the same every time and not always the least loss. An item is suppressed for all
    or for nobody: a cell that says nothing among cells that do points at those who have something
    to hide.

    Args:
        profiles: What each person holds.
        hierarchy: Leaves are the items; its last level, everything, is never told.
        k: People who should hold a combination.
        m: Items that an adversary may know.

    Raises:
        BadModel: When k is below 2 or m below 1.
        UnknownValues: When an item is no leaf of the hierarchy.

    Example:
        >>> findings = pl.DataFrame({
        ...     "NRAS": ["positive", "negative", "negative", "positive"],
        ...     "KRAS": ["negative", "positive", "negative", "negative"],
        ...     "TP53": ["negative", "negative", "positive", None],
        ... })
        >>> groups = Hierarchy.of_rows(
        ...     "gene", [("NRAS", "RAS", "*"), ("KRAS", "RAS", "*"), ("TP53", "TP53", "*")]
        ... )
        >>> found = km_anonymise(Profiles.of_findings(findings, findings.columns), groups, k=2, m=2)
        >>> dict(found.labels)
        {'NRAS': 'NRAS', 'KRAS': None, 'TP53': None}
    """
    _check(k, m)
    unknown = [item for item in profiles.items if item not in hierarchy.leaves]
    if unknown:
        raise UnknownValues(hierarchy.attribute, values=len(unknown), rows=profiles.persons)
    state = _Cut(profiles, hierarchy, (0,) * len(profiles.items), frozenset())
    while (now := state.violated(k, m)) > 0:
        best: tuple[float, float, _Cut] | None = None
        for other in state.steps(k, m):
            gain, cost = now - other.violated(k, m), other.loss - state.loss
            rank = (gain / max(cost, 1e-12), -cost)
            if gain > 0 and (best is None or rank > best[:2]):
                best = (*rank, other)
        if best is None:
            raise BadModel("no step removes a violation", remedy="suppress an item yourself")
        state = best[2]
    for label in sorted(state.suppressed, key=state.weight, reverse=True):
        other = _Cut(profiles, hierarchy, state.levels, state.suppressed - {label})
        if other.violated(k, m) == 0:
            state = other
    told = {
        item: None if label in state.suppressed else label
        for item, label in zip(profiles.items, state.labels, strict=True)
    }
    return KmAnonymised(k, m, told, state.told, state.loss)


@dataclass(frozen=True)
class _Cut:
    """One way to tell the items.

    Attributes:
        profiles: The items as they are.
        hierarchy: What they may become.
        levels: Level of each item.
        suppressed: Labels that are not told.
    """

    profiles: Profiles
    hierarchy: Hierarchy
    levels: tuple[int, ...]
    suppressed: frozenset[str]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The label of each item."""
        return tuple(
            self._path[item][level]
            for item, level in zip(self.profiles.items, self.levels, strict=True)
        )

    @cached_property
    def _path(self) -> Mapping[str, tuple[str, ...]]:
        return {row[0]: row for row in self.hierarchy.rows}

    @cached_property
    def told(self) -> Profiles:
        """What each person holds, in labels."""
        names = tuple(dict.fromkeys(label for label in self.labels if label not in self.suppressed))
        held = np.zeros((self.profiles.persons, len(names)), dtype=np.bool_)
        for column, label in enumerate(self.labels):
            if label not in self.suppressed:
                held[:, names.index(label)] |= self.profiles.held[:, column]
        return Profiles(names, held)

    @cached_property
    def loss(self) -> float:
        """The mean over everything held."""
        held = self.profiles.held.sum(axis=0)
        size = max(self.hierarchy.size - 1, 1)
        shares = [
            1.0
            if label in self.suppressed
            else (int(self.hierarchy.leaf_counts[level][self._place[item]]) - 1) / size
            for item, label, level in zip(
                self.profiles.items, self.labels, self.levels, strict=True
            )
        ]
        total = int(held.sum())
        return float(np.dot(shares, held) / total) if total else 0.0

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {leaf: place for place, leaf in enumerate(self.hierarchy.leaves)}

    def weight(self, label: str) -> tuple[int, str]:
        """How often a label would be told."""
        own = [column for column, its in enumerate(self.labels) if its == label]
        return int(self.profiles.held[:, own].any(axis=1).sum()), label

    def violated(self, k: int, m: int) -> int:
        """People in minimal violations, each counted as often as it is in one."""
        return sum(people for _, people in self._violations(k, m))

    def _violations(self, k: int, m: int) -> Iterator[tuple[tuple[int, ...], int]]:
        kinds, counts = self.told.distinct
        for combination, _, people in _held(kinds, counts, m, enough=k):
            if people < k:
                yield combination, people

    def steps(self, k: int, m: int) -> Iterator[_Cut]:
        """The cuts one step away that change a label in a violation."""
        names = self.told.items
        bad = dict.fromkeys(names[i] for found, _ in self._violations(k, m) for i in found)
        for label in bad:
            yield _Cut(self.profiles, self.hierarchy, self.levels, self.suppressed | {label})
            above = self._generalised(label)
            if above is not None:
                yield above

    def _generalised(self, label: str) -> _Cut | None:
        """The parent of a label, if it is not everything, told for all that is under it."""
        column = self.labels.index(label)
        level = self.levels[column] + 1
        while level < self.hierarchy.height - 1:
            parent = self._path[self.profiles.items[column]][level]
            if parent != label:
                levels = tuple(
                    level if self._path[item][level] == parent else old
                    for item, old in zip(self.profiles.items, self.levels, strict=True)
                )
                gone = {
                    its
                    for item, its in zip(self.profiles.items, self.labels, strict=True)
                    if self._path[item][level] == parent
                }
                return _Cut(self.profiles, self.hierarchy, levels, self.suppressed - gone)
            level += 1
        return None


def _held(
    kinds: Bools, counts: Counts, m: int, enough: int = 0
) -> Iterator[tuple[tuple[int, ...], Counts, int]]:
    """Combinations of at most m items that somebody holds: items, who (kinds), how many people.

    Shorter ones first. Those that fewer people hold than enough are not extended.
    """
    layer: list[tuple[tuple[int, ...], Counts]] = [((), np.arange(len(kinds)))]
    for _ in range(m):
        longer = []
        for combination, holders in layer:
            start = combination[-1] + 1 if combination else 0
            part = kinds[holders, start:]
            people = counts[holders] @ part
            for offset in np.flatnonzero(people).tolist():
                own = holders[part[:, offset]]
                found = (*combination, start + offset)
                yield found, own, int(people[offset])
                if people[offset] >= enough:
                    longer.append((found, own))
        layer = longer


def _check(k: int, m: int) -> None:
    if k < 2 or m < 1:
        raise BadModel(
            f"k is {k} and m is {m}", remedy="choose k of at least 2 and m of at least 1"
        )
