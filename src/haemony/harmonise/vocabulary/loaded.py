"""A vocabulary in a workspace: Parquet files named by their hash, and one file that names them.

Loading writes new files beside those in use and then replaces the naming file by one rename, so a
killed load leaves the vocabulary that was there before. What no longer is named is removed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.harmonise.vocabulary.athena import Download, Watch, to_parquet
from haemony.harmonise.vocabulary.core import Known
from haemony.harmonise.vocabulary.errors import CannotKeep, NotReadable, VocabularyBusy

FOLDER = "vocabulary"
FORMAT = "haemony-vocabulary/1"
_INDEX = "vocabulary.json"
_TEMPORARY = ".tmp-"
_REPLACED_BY = ("Maps to", "Concept replaced by")
"""Relationships that lead from a concept to the one to use, the better first."""


@dataclass(frozen=True)
class Vocabulary:
    """A loaded vocabulary.

    Attributes:
        folder: Where it lies.
        version: What the download calls its version.
        files: The Parquet file of each table, by its name in the folder.
        rows: How many rows each table has.
    """

    folder: Path
    version: str
    files: Mapping[str, str]
    rows: Mapping[str, int]

    @classmethod
    def at(cls, workspace: Path) -> Vocabulary | None:
        """The vocabulary that is loaded in a workspace, if one is.

        Raises:
            NotReadable: When the file that names its tables is damaged.
        """
        folder = workspace / FOLDER
        try:
            said = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
            if said["format"] != FORMAT:
                raise NotReadable(folder, f"its format is {said['format']!r}, not {FORMAT!r}")
            return cls(folder, said["version"], said["files"], said["rows"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise NotReadable(folder, f"{_INDEX} is damaged") from None

    def scan(self, name: str) -> pl.LazyFrame:
        """A table of the vocabulary, lazily; empty when the download did not bring it.

        Raises:
            NotReadable: When its file is gone.
        """
        if name not in self.files:
            return table(name).empty().lazy()
        path = self.folder / self.files[name]
        if not path.is_file():
            raise NotReadable(self.folder, f"the file of {name} is gone")
        return pl.scan_parquet(path)

    @cached_property
    def vocabularies(self) -> frozenset[str]:
        """The vocabularies that the download has concepts of."""
        found = self.scan("concept").select(pl.col("vocabulary_id").unique())
        return frozenset(found.collect(engine="streaming")["vocabulary_id"].drop_nulls())

    def known(self, ids: Collection[int]) -> dict[int, Known]:
        """What it says of these concepts; those it does not hold are absent."""
        found = self.scan("concept").filter(pl.col("concept_id").is_in(list(ids)))
        rows = found.collect(engine="streaming").iter_rows(named=True)
        return {row["concept_id"]: known_of(row) for row in rows}

    def successors(self, ids: Collection[int]) -> dict[int, tuple[int, ...]]:
        """The concepts to use instead of these, by *Maps to*, else by *Concept replaced by*."""
        first, second = pl.col("concept_id_1"), pl.col("concept_id_2")
        ties = (
            self.scan("concept_relationship")
            .filter(
                first.is_in(list(ids)),
                pl.col("relationship_id").is_in(_REPLACED_BY),
                first != second,
                pl.col("invalid_reason").is_null(),
            )
            .select("concept_id_1", "concept_id_2", "relationship_id")
            .collect(engine="streaming")
            .sort("concept_id_1", "concept_id_2")
        )
        found: dict[int, tuple[int, ...]] = {}
        for relationship in _REPLACED_BY:
            mine = ties.filter(pl.col("relationship_id") == relationship)
            for concept, target in mine.select("concept_id_1", "concept_id_2").iter_rows():
                if relationship == _REPLACED_BY[0] or concept not in _sources(ties):
                    found[concept] = (*found.get(concept, ()), target)
        return found

    def ancestors(self, concept: int) -> tuple[Known, ...]:
        """The concepts above one, the nearest first."""
        above = (
            self.scan("concept_ancestor")
            .filter(
                pl.col("descendant_concept_id") == concept,
                pl.col("ancestor_concept_id") != concept,
            )
            .select("ancestor_concept_id", "min_levels_of_separation")
            .collect(engine="streaming")
            .sort("min_levels_of_separation", "ancestor_concept_id")
        )
        known = self.known(above["ancestor_concept_id"].to_list())
        return tuple(known[i] for i in above["ancestor_concept_id"] if i in known)


def _sources(ties: pl.DataFrame) -> set[int]:
    mapped = ties.filter(pl.col("relationship_id") == _REPLACED_BY[0])
    return set(mapped["concept_id_1"])


def known_of(row: Mapping[str, object]) -> Known:
    """A row of CONCEPT as what is known of it."""
    return Known(
        int(str(row["concept_id"])),
        str(row["domain_id"] or ""),
        str(row["vocabulary_id"] or ""),
        str(row["standard_concept"] or "N"),
        str(row["concept_name"] or ""),
        str(row["invalid_reason"] or ""),
    )


def load(source: Path, workspace: Path, watch: Watch = lambda _step: None) -> Vocabulary:
    """Take an Athena download into a workspace, in place of the one that was there.

    Args:
        source: The zip file, or the folder it was unpacked to.
        workspace: Folder of the workspace.
        watch: Told each step, for progress and for fault tests.

    Returns:
        The vocabulary as loaded.

    Raises:
        NoDownload: When the source is none.
        BadVocabularyFile: When a file does not say what its table declares.
        VocabularyBusy: When another process is loading.
        CannotKeep: When the disk refuses.
    """
    download = Download.open(source)
    folder = workspace / FOLDER
    with _writing(folder), _locked(workspace):
        scratch = folder / f"{_TEMPORARY}{os.getpid()}"
        scratch.mkdir()
        files, rows = {}, {}
        for number, name in enumerate(download.members, 1):
            step = f"{name} ({number} of {len(download.members)})"
            watch(step)
            files[name], rows[name] = _keep(download, name, scratch, _within(watch, step))
        version = _version(folder / files["vocabulary"])
        loaded = Vocabulary(folder, version, files, rows)
        watch("put in place")
        _replace(loaded, scratch)
        watch("tidy")
    return loaded


def _within(watch: Watch, step: str) -> Watch:
    return lambda part: watch(f"{step} · {part}")


def _keep(download: Download, name: str, scratch: Path, watch: Watch) -> tuple[str, int]:
    """Write one table under the hash of its bytes; give its file name and its rows."""
    written = scratch / f"{name}.parquet"
    with download.file(name, scratch) as file:
        rows = to_parquet(name, file, written, scratch, watch)
    with written.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())
    kept = f"{name}-{digest[:32]}.parquet"
    written.replace(scratch.parent / kept)
    return kept, rows


def _version(file: Path) -> str:
    """The version of the whole: the download writes it beside the vocabulary *None*."""
    whole = pl.scan_parquet(file).filter(pl.col("vocabulary_id") == "None")
    said = whole.select("vocabulary_version").collect()["vocabulary_version"].drop_nulls()
    return str(said[0]) if said.len() else "no version given"


def _replace(loaded: Vocabulary, scratch: Path) -> None:
    said = {
        "format": FORMAT,
        "version": loaded.version,
        "files": dict(loaded.files),
        "rows": dict(loaded.rows),
    }
    draft = scratch / _INDEX
    with draft.open("w", encoding="utf-8") as opened:
        json.dump(said, opened, indent=2, sort_keys=True)
        opened.flush()
        os.fsync(opened.fileno())
    _sync(loaded.folder)
    draft.replace(loaded.folder / _INDEX)
    _sync(loaded.folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_LOCK = ".lock"


def _tidy(workspace: Path) -> None:
    """Remove what nothing names: a former vocabulary, and what killed or refused loads left."""
    try:
        loaded = Vocabulary.at(workspace)
    except NotReadable:
        loaded = None
    named = {_LOCK, _INDEX, *(loaded.files.values() if loaded else ())}
    for left in (workspace / FOLDER).iterdir():
        if left.name not in named:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def _locked(workspace: Path) -> Iterator[None]:
    """Let one process load at a time, and leave nothing behind; the lock dies with its process."""
    folder = workspace / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / _LOCK).open("w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VocabularyBusy(folder) from None
        _tidy(workspace)
        try:
            yield
        finally:
            _tidy(workspace)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what a disk can refuse into one error that says the vocabulary is as before."""
    try:
        yield
    except OSError as fault:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the disk is read-only",
            errno.EACCES: "permission is denied",
        }
        reason = reasons.get(fault.errno or 0, fault.strerror or "it fails")
        raise CannotKeep(folder, reason) from fault
