"""Divisions of patients into those a model learns from and those it is judged on.

A division is made once from a seed, and can be exported by patient id and read back, so that others
judge other models on exactly the same patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.faults import BadSplits
from haemony.analysis.survival.data.arrays import Integers
from haemony.analysis.survival.data.given import generator, number, whole_number

MOST_ROWS = 10**9
Kind = Literal["folds", "holdouts", "bootstraps", "sources"]
KINDS = ("folds", "holdouts", "bootstraps", "sources")


@dataclass(frozen=True, eq=False)
class Split:
    """One division.

    Attributes:
        name: such as "repeat 1, fold 2", or the source left out.
        train: rows to learn from; a row drawn twice stands here twice.
        test: rows to be judged on, none of which is in `train`.
    """

    name: str
    train: Integers
    test: Integers


@dataclass(frozen=True, eq=False)
class Splits:
    """Divisions of n rows.

    Attributes:
        kind: how they were made.
        n: how many rows they divide.
        parts: the divisions.
    """

    kind: Kind
    n: int
    parts: tuple[Split, ...]

    def __len__(self) -> int:
        return len(self.parts)

    @classmethod
    def folds(
        cls,
        n: int,
        count: int = 10,
        *,
        repeats: int = 1,
        seed: int,
        balance: ArrayLike | None = None,
    ) -> Self:
        """K-fold cross-validation, repeated: each row is tested once per repeat.

        Args:
            n: rows.
            count: folds.
            repeats: how often everything is dealt anew.
            seed: of the dealing.
            balance: (n,) labels, such as the event, of which each fold gets its share.

        >>> sorted(len(part.test) for part in Splits.folds(10, 3, seed=1).parts)
        [3, 3, 4]
        """
        n = whole_number(n, "n", least=1, most=MOST_ROWS)
        whole_number(count, "count", least=2)
        whole_number(repeats, "repeats", least=1)
        if count > n:
            raise BadSplits(
                "folds", reason=f"cannot be {count} of {n} rows", remedy="take 2 or more, up to n"
            )
        rng = generator(seed)
        labels = _labels(balance, n)
        parts = []
        for repeat in range(repeats):
            fold = np.empty(n, dtype=np.intp)
            order = rng.permutation(n)
            fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(n) % count
            parts += [_split(f"repeat {repeat + 1}, fold {k + 1}", fold == k) for k in range(count)]
        return cls("folds", n, tuple(parts))

    @classmethod
    def holdouts(
        cls,
        n: int,
        count: int = 20,
        *,
        share: float = 0.2,
        seed: int,
        balance: ArrayLike | None = None,
    ) -> Self:
        """Random splits, each testing a share of the rows.

        Rows are dealt like cards: a pack is used up before the next is shuffled. So each row is
        tested as often as any other, or once more, and what is averaged over the splits depends
        less on the seed than if each split were drawn by itself.

        Args:
            n: rows.
            count: splits.
            share: of the rows that each split tests.
            seed: of the dealing.
            balance: (n,) labels, such as the event, of which each split gets its share.

        >>> tested = [part.test for part in Splits.holdouts(10, 5, seed=1).parts]
        >>> np.sort(np.concatenate(tested))
        array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        """
        n = whole_number(n, "n", least=1, most=MOST_ROWS)
        whole_number(count, "count", least=1)
        tested = round(n * number(share, "share"))
        if not 0 < tested < n:
            raise BadSplits(
                "share", reason=f"of {share:g} leaves nobody on one side", remedy="take about 0.2"
            )
        rng = generator(seed)
        labels = _labels(balance, n)
        packs = [_Pack(np.flatnonzero(labels == label)) for label in range(labels.max() + 1)]
        parts = []
        for i in range(count):
            drawn = [
                pack.draw(size, rng)
                for pack, size in zip(packs, _shares(packs, tested), strict=True)
            ]
            parts.append(_split(f"split {i + 1}", np.isin(np.arange(n), np.concatenate(drawn))))
        return cls("holdouts", n, tuple(parts))

    @classmethod
    def bootstraps(cls, n: int, count: int = 200, *, seed: int) -> Self:
        """Samples of n rows with replacement; those not drawn are tested.

        >>> len(Splits.bootstraps(10, 1, seed=1).parts[0].train)
        10
        """
        n = whole_number(n, "n", least=1, most=MOST_ROWS)
        whole_number(count, "draws", least=1)
        if n < 2:
            raise BadSplits("draws", reason="need two rows", remedy="give more patients")
        rng = generator(seed)
        parts = []
        for i in range(count):
            rows = np.sort(rng.integers(n, size=n))
            left_out = np.flatnonzero(np.bincount(rows, minlength=n) == 0)
            parts.append(Split(f"draw {i + 1}", rows, left_out))
        return cls("bootstraps", n, tuple(parts))

    @classmethod
    def by_source(cls, labels: ArrayLike) -> Self:
        """Each source, such as a trial, tested once on a model that never saw it.

        Raises:
            BadSplits: there is one source, or some rows have none.

        >>> [part.name for part in Splits.by_source(["98A", "98B", "98A"]).parts]
        ['98A', '98B']
        """
        values = np.asarray(labels)
        known = pl.Series(values.tolist(), strict=False)
        unknown = (known.fill_nan(None) if known.dtype.is_float() else known).null_count()
        if unknown:
            raise BadSplits(
                "sources",
                reason=f"are unknown in {unknown} rows",
                remedy="leave these rows out, or give them a source of their own",
            )
        names = np.unique(values)
        if names.size < 2:
            raise BadSplits(
                "sources", reason="are fewer than two", remedy="give a column that names them"
            )
        parts = tuple(_split(str(name), values == name) for name in names)
        return cls("sources", len(values), parts)

    def table(self, ids: ArrayLike | None = None) -> pl.DataFrame:
        """One row per division and patient: kind, split, id, train (times drawn), test.

        Args:
            ids: (n,) what identifies the rows; their numbers by default.
        """
        names = pl.Series("id", np.arange(self.n) if ids is None else np.asarray(ids))
        if names.len() != self.n or names.n_unique() < self.n:
            raise BadSplits(
                "ids", reason=f"are not {self.n} different ones", remedy="give one per row"
            )
        return pl.concat(
            pl.DataFrame(
                {
                    "kind": [self.kind] * self.n,
                    "split": [part.name] * self.n,
                    "id": names,
                    "train": np.bincount(part.train, minlength=self.n),
                    "test": np.bincount(part.test, minlength=self.n) > 0,
                }
            )
            for part in self.parts
        )

    @classmethod
    def read(cls, table: pl.DataFrame, ids: ArrayLike | None = None) -> Self:
        """The divisions that `table` wrote, for rows with these ids in any order.

        Args:
            table: what `table` gave, after any journey through a file.
            ids: (n,) the ids of the rows at hand; row numbers by default.

        Raises:
            BadSplits: columns are missing, or the ids are not those of the rows at hand.
        """
        wanted = ("kind", "split", "id", "train", "test")
        lacking = [name for name in wanted if name not in table.columns]
        if lacking or table.is_empty() or table["kind"][0] not in KINDS:
            raise BadSplits(
                "splits",
                reason=f"lack {', '.join(lacking) or 'rows of a known kind'}",
                remedy="give what Splits.table() wrote",
            )
        first = table.filter(pl.col("split") == table["split"][0])
        known = first["id"].to_list()
        here = list(range(len(known))) if ids is None else np.asarray(ids).tolist()
        if sorted(map(str, known)) != sorted(map(str, here)):
            raise BadSplits(
                "ids", reason="differ from those of the splits", remedy="give the same patients"
            )
        place = {str(id_): row for row, id_ in enumerate(here)}
        parts = []
        for (name,), part in table.group_by("split", maintain_order=True):
            rows = np.array([place[str(id_)] for id_ in part["id"]], dtype=np.intp)
            train = np.repeat(rows, part["train"].to_numpy().astype(np.intp))
            test = rows[part["test"].cast(pl.Boolean).to_numpy()]
            parts.append(Split(str(name), np.sort(train), np.sort(test)))
        return cls(table["kind"][0], len(here), tuple(parts))


def _split(name: str, tested: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Split:
    return Split(name, np.flatnonzero(~tested), np.flatnonzero(tested))


def _labels(balance: ArrayLike | None, n: int) -> Integers:
    """(n,) labels as numbers; all alike when there are none."""
    if balance is None:
        return np.zeros(n, dtype=np.intp)
    labels = np.unique(np.asarray(balance), return_inverse=True)[1]
    if labels.shape != (n,):
        raise BadSplits("balance", reason=f"has not {n} labels", remedy="give one per row")
    return labels.astype(np.intp)


class _Pack:
    """Rows dealt like cards: all of them before any of them again."""

    def __init__(self, rows: Integers) -> None:
        self.rows, self.left, self.dealt = rows, rows[:0], 0

    def draw(self, size: int, rng: np.random.Generator) -> Integers:
        """Different rows, those left of the pack first."""
        if len(self.left) < size:
            fresh = rng.permutation(self.rows)
            again = np.isin(fresh, self.left)
            self.left = np.concatenate([self.left, fresh[~again], fresh[again]])
        drawn, self.left = self.left[:size], self.left[size:]
        self.dealt += size
        return drawn


def _shares(packs: Sequence[_Pack], size: int) -> Integers:
    """How many of the next rows come from each pack, so that all are used up at one pace."""
    ahead = np.arange(size) + 0.5
    turn = np.concatenate([(pack.dealt + ahead) / len(pack.rows) for pack in packs])
    following = np.argsort(turn, kind="stable")[:size]
    return np.bincount(following // size, minlength=len(packs))
