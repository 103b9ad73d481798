"""Publish, verify, withdraw, shred: everything that changes which releases a lake holds.

A release becomes visible by one rename of its folder. Whatever happens before leaves the lake as it
was; nothing after it can fail. Files are shared between releases by their hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.cdm import table as declared
from haemony.harmonise.omop.rows import Written
from haemony.harmonise.vocabulary import labelled, renewed, superseded_labels
from haemony.lake.errors import Damaged, LakeBusy, NoRelease, SharedPatients
from haemony.lake.manifest import COMMON, Manifest, Member, Partition, canonical, ordered
from haemony.lake.release import Release
from haemony.lake.signing import Signer, verified
from haemony.lake.store import TEMPORARY, Store, hash_file, sync_folder, write_bytes, writing
from haemony.model.disease import Disease, disease, together
from haemony.quality.grade import Graded, Level
from haemony.quality.queries import queries


class Health(StrEnum):
    """What verification finds of one partition."""

    INTACT = "intact"
    SHREDDED = "shredded"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verification finds of a release."""

    number: int
    signed: bool
    partitions: tuple[tuple[Partition, Health], ...]

    @property
    def state(self) -> Health:
        """The worst finding; a release shredded in part is *shredded*, never *intact*."""
        if not self.signed:
            return Health.DAMAGED
        found = {health for _, health in self.partitions}
        order = (Health.DAMAGED, Health.MISSING, Health.SHREDDED)
        return next((health for health in order if health in found), Health.INTACT)


@dataclass(frozen=True)
class Lake:
    """A folder of releases.

    Attributes:
        folder: Where the lake lies.
        signer: Signs manifests and tombstones; its public key verifies them.
    """

    folder: Path
    signer: Signer

    @property
    def store(self) -> Store:
        """The content-addressed files."""
        return Store(self.folder / "objects")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of all releases, ascending."""
        found = self._releases.glob("[0-9]*") if self._releases.is_dir() else ()
        return tuple(sorted(int(path.name) for path in found))

    @property
    def _releases(self) -> Path:
        return self.folder / "releases"

    def release(self, number: int | None = None) -> Release:
        """A release by number; the latest unless given.

        Raises:
            NoRelease: When there is none of that number.
            Damaged: When its manifest is not what was signed.
        """
        known = self.numbers
        wanted = number if number is not None else max(known, default=None)
        if wanted is None or wanted not in known:
            raise NoRelease(wanted, known)
        content, signature = self._signed(wanted)
        if not verified(content, signature, self.signer.public):
            raise Damaged(wanted, "the signature does not fit its manifest")
        return Release(Manifest.decode(content), self.store, self._has_tombstone)

    def latest(self) -> Release:
        """The newest release."""
        return self.release()

    def _signed(self, number: int) -> tuple[bytes, bytes]:
        folder = self._releases / f"{number:06d}"
        try:
            return (folder / "manifest.json").read_bytes(), (folder / "signature.json").read_bytes()
        except FileNotFoundError:
            raise Damaged(number, "its manifest or signature is gone") from None

    def _current(self) -> Manifest | None:
        return self.release().manifest if self.numbers else None

    def number_for(self, contribution: str, after: int = 0) -> int:
        """The number of a contribution: the one it has had, else the next one never used.

        Args:
            contribution: Its id.
            after: Numbers up to this one are already promised to others.
        """
        used: dict[str, int] = {}
        for number in self.numbers:
            for member in Manifest.decode(self._signed(number)[0]).members:
                used[member.id] = member.number
        return used.get(contribution, max(after, *used.values(), 0) + 1)

    def holds(self, contribution: str, digest: str, made_by: str) -> bool:
        """Whether the latest release already holds this very version of a contribution."""
        current = self._current()
        member = current.member(contribution) if current else None
        return member is not None and (member.digest, member.made_by) == (digest, made_by)

    def owners(self) -> pl.DataFrame:
        """Everybody in the latest release: ``person_id`` and the contribution, ``owner``."""
        nobody = pl.DataFrame(schema={"person_id": pl.Int64, "owner": pl.String})
        return self.release().owners() if self.numbers else nobody

    def publish(
        self,
        graded: Iterable[Graded],
        *,
        withdrawn: Collection[str] = (),
        watch: Callable[[str], None] = lambda _step: None,
    ) -> Release:
        """Make a new release: the latest one, with these contributions added or replaced.

        Args:
            graded: Contributions, taken one at a time: memory does not grow with their number.
            withdrawn: Contributions that leave.
            watch: Told each step by name, for progress and for fault tests.

        Returns:
            The new release; the latest one where nothing would differ.

        Raises:
            LakeBusy: When another process is publishing.
            CannotWrite: When the disk refuses; the lake is as before.
            SharedPatients: When two contributions bring the same persons.
        """
        with self._lock():
            current = self._current()
            members = {m.id: m for m in current.members} if current else {}
            parts = {(p.table, p.contribution): p for p in current.partitions} if current else {}
            for one in graded:
                member = _member(one)
                watch(f"write {member.id}")
                _drop(parts, member.id)
                for name, frame in one.tables.items():
                    stored = self.store.put(frame)
                    parts[name, member.id] = Partition(name, member.id, **asdict(stored))
                    watch(f"wrote {member.id} {name}")
                members[member.id] = member
            for contribution in withdrawn:
                members.pop(contribution, None)
                _drop(parts, contribution)
            for name, frame in _common(members.values()).items():
                parts[name, COMMON] = Partition(name, COMMON, **asdict(self.store.put(frame)))
            return self._seal(current, members, parts, watch)

    def without_persons(
        self, persons: Collection[int], watch: Callable[[str], None] = lambda _step: None
    ) -> Release:
        """Make a new release without these persons: their partitions are written anew."""
        with self._lock():
            release = self.release()
            current = release.manifest
            parts = {(p.table, p.contribution): p for p in current.partitions}
            members = {m.id: m for m in current.members}
            for member in current.members:
                frames = self._frames(release, member.id)
                kept = _remove_persons(frames, persons)
                if kept is frames:
                    continue
                _drop(parts, member.id)
                for name, frame in kept.items():
                    stored = self.store.put(frame)
                    parts[name, member.id] = Partition(name, member.id, **asdict(stored))
                patients = kept["person"].height
                members[member.id] = Member(**{**asdict(member), "patients": patients})
            return self._seal(current, members, parts, watch)

    def with_concepts(
        self, replaced: Mapping[int, int], watch: Callable[[str], None] = lambda _step: None
    ) -> Release:
        """Make a new release in which these concepts are replaced by their successors.

        Rows keep their ids and their lineage, contributions what is said of them.

        Args:
            replaced: Successor by superseded concept.
            watch: Told each step by name.

        Returns:
            The new release; the latest one where it holds none of these concepts.
        """
        with self._lock():
            current = self.release().manifest
            parts = {(p.table, p.contribution): p for p in current.partitions}
            members = {m.id: m for m in current.members}
            for part in current.partitions:
                if part.contribution == COMMON:
                    continue
                frame = pl.read_parquet(self.store.path(part.sha256))
                new = renewed(part.table, frame, replaced)
                if new.equals(frame):
                    continue
                watch(f"write {part.contribution} {part.table}")
                stored = self.store.put(Written.of({part.table: new}).tables[part.table])
                key = (part.table, part.contribution)
                parts[key] = Partition(*key, **asdict(stored))
            if tuple(parts.values()) != current.partitions:
                for name, frame in _common(members.values()).items():
                    parts[name, COMMON] = Partition(name, COMMON, **asdict(self.store.put(frame)))
            return self._seal(current, members, parts, watch)

    def accepted(
        self, contribution: str, by: Sequence[str], queries: Sequence[Mapping[str, Any]]
    ) -> Release:
        """Make a new release in which a contribution has been accepted by a committee.

        Args:
            contribution: Its id.
            by: Who accepted it.
            queries: What was still open.

        Returns:
            The new release; the latest one where it was accepted so before.
        """
        with self._lock():
            current = self.release().manifest
            members = {m.id: m for m in current.members}
            member = members[contribution]
            below = [row for row in member.grade["levels"] if row["level"] < Level.ACCEPTED]
            signed = {
                "level": int(Level.ACCEPTED),
                "name": Level.ACCEPTED.name.lower(),
                "holds": True,
                "reasons": [],
                "by": list(by),
                "open queries": [dict(query) for query in queries],
            }
            grade = {**member.grade, "levels": [*below, signed]}
            changed = {**asdict(member), "level": int(Level.ACCEPTED), "grade": grade}
            members[contribution] = Member(**changed)
            parts = {(p.table, p.contribution): p for p in current.partitions}
            return self._seal(current, members, parts, lambda _step: None)

    def _frames(self, release: Release, contribution: str) -> dict[str, pl.DataFrame]:
        return {
            part.table: pl.read_parquet(self.store.path(part.sha256))
            for part in release.manifest.partitions
            if part.contribution == contribution
        }

    def _seal(
        self,
        current: Manifest | None,
        members: Mapping[str, Member],
        parts: Mapping[tuple[str, str], Partition],
        watch: Callable[[str], None],
    ) -> Release:
        """Write the manifest and its signature; one rename makes the release."""
        manifest = Manifest(
            current.number + 1 if current else 1,
            current.sha256 if current else None,
            version("haemony"),
            tuple(members[name] for name in sorted(members)),
            ordered(parts.values()),
        )
        if current and (current.members, current.partitions) == (
            manifest.members,
            manifest.partitions,
        ):
            return self.release()
        self._refuse_shared(manifest)
        watch("seal")
        self.store.sync(part.sha256 for part in manifest.partitions)
        content = manifest.encode()
        target = self._releases / f"{manifest.number:06d}"
        draft = self._releases / f"{TEMPORARY}{os.getpid()}"
        write_bytes(draft / "manifest.json", content)
        write_bytes(draft / "signature.json", self.signer.sign(content))
        watch("rename")
        with writing(target):
            draft.rename(target)
            sync_folder(self._releases)
        watch("published")
        return self.release(manifest.number)

    def _refuse_shared(self, manifest: Manifest) -> None:
        owners = [
            pl.scan_parquet(self.store.path(part.sha256)).select(
                "person_id", pl.lit(part.contribution).alias("owner")
            )
            for part in manifest.of("person")
        ]
        if len(owners) < 2:
            return
        shared = (
            pl.concat(owners)
            .group_by("person_id")
            .agg(pl.col("owner").sort())
            .filter(pl.col("owner").list.len() > 1)
            .collect()
        )
        if shared.height:
            first, second = shared["owner"][0].to_list()[:2]
            raise SharedPatients(first, second, shared.height)

    def verify(self, number: int | None = None) -> Verification:
        """Compare every file of a release with its hash, and the manifest with its signature."""
        known = self.numbers
        wanted = number if number is not None else max(known, default=None)
        if wanted is None or wanted not in known:
            raise NoRelease(wanted, known)
        content, signature = self._signed(wanted)
        signed = verified(content, signature, self.signer.public)
        manifest = Manifest.decode(content)
        found = tuple((part, self._health(part)) for part in manifest.partitions)
        return Verification(wanted, signed, found)

    def _health(self, part: Partition) -> Health:
        path = self.store.path(part.sha256)
        if not path.is_file():
            return Health.SHREDDED if self._has_tombstone(part.sha256) else Health.MISSING
        return Health.INTACT if hash_file(path) == part.sha256 else Health.DAMAGED

    def shred(self, contribution: str, reason: str) -> tuple[str, ...]:
        """Destroy the files of a contribution that only releases before the latest use.

        Args:
            contribution: Whose partitions.
            reason: Why; it stands in the signed tombstone.

        Returns:
            Hashes of the files destroyed; each leaves a signed tombstone.
        """
        with self._lock():
            used = {part.sha256 for part in self.release().manifest.partitions}
            doomed: dict[str, Partition] = {}
            for number in self.numbers:
                for part in Manifest.decode(self._signed(number)[0]).partitions:
                    if part.contribution == contribution and part.sha256 not in used:
                        doomed[part.sha256] = part
            for sha256, part in sorted(doomed.items()):
                said = canonical({**asdict(part), "reason": reason, "shredded": sha256})
                stone = self._tombstone(sha256)
                write_bytes(stone, said)
                write_bytes(stone.with_suffix(".signature"), self.signer.sign(said))
                self.store.path(sha256).unlink(missing_ok=True)
            return tuple(sorted(doomed))

    def _tombstone(self, sha256: str) -> Path:
        return self.folder / "tombstones" / f"{sha256}.json"

    def _has_tombstone(self, sha256: str) -> bool:
        stone = self._tombstone(sha256)
        try:
            said = stone.read_bytes()
            signature = stone.with_suffix(".signature").read_bytes()
        except FileNotFoundError:
            return False
        named = json.loads(said).get("shredded") == sha256
        return named and verified(said, signature, self.signer.public)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process write at a time; the lock dies with its process."""
        with writing(self.folder):
            self._releases.mkdir(parents=True, exist_ok=True)
            handle = (self.folder / ".lock").open("w")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LakeBusy(self.folder) from None
            self.store.clear_temporary()
            for left in self._releases.glob(f"{TEMPORARY}*"):
                shutil.rmtree(left)
            yield


def made_by(known: Disease) -> str:
    """Code version and catalogue: what, beside its files, decides how a contribution is written."""
    tables = repr((sorted(known.catalogue.items()), known.rules, sorted(known.core))).encode()
    return f"haemony {version('haemony')}, catalogue {hashlib.sha256(tables).hexdigest()[:16]}"


def _drop(parts: dict[tuple[str, str], Partition], contribution: str) -> None:
    for key in [key for key in parts if key[1] == contribution]:
        del parts[key]


def _member(graded: Graded) -> Member:
    protected = graded.harmonised.protected
    described = protected.description
    person = graded.tables["person"]
    number = int(graded.tables["condition_occurrence"]["condition_occurrence_id"][0]) >> 32
    facts = {
        "title": described.title,
        "partner": described.partner,
        "disease": described.disease,
        "source": described.source.value,
        "origin": described.origin.value,
        "data_cut_off": described.cut_off,
        "conditions_of_use": list(described.conditions),
        "in_silico": described.in_silico,
    }
    return Member(
        described.id,
        number,
        protected.digest,
        made_by(graded.harmonised.disease),
        person.height,
        int(graded.level),
        facts,
        _grade_report(graded),
    )


def _grade_report(graded: Graded) -> dict[str, Any]:
    """The grade as plain values: it travels inside the manifest."""
    harmonised = graded.harmonised
    aside = (
        graded.tables["set_aside"]
        .group_by("stage", "file", "column", "element", "reason")
        .len("count")
    )
    return {
        "rows_in": dict(harmonised.protected.rows_in),
        "levels": [
            {
                "level": int(v.level),
                "name": v.level.name.lower(),
                "holds": v.holds,
                "reasons": list(v.reasons),
            }
            for v in graded.verdicts
        ],
        "completeness": graded.completeness.to_dicts(),
        "rules": [{**asdict(rule), "holds": rule.holds} for rule in graded.rules],
        "cdm": [asdict(finding) for finding in graded.cdm],
        "account": harmonised.account.to_dicts(),
        "comparison": harmonised.comparison.to_dicts(),
        "queries": [asdict(query) for query in queries(graded)],
        "set_aside": aside.sort("stage", "file", "column", "element", "reason").to_dicts(),
    }


def _common(members: Iterable[Member]) -> dict[str, pl.DataFrame]:
    """The labels of every concept in use (our own words), and what a reader must know."""
    codes = {str(member.facts["disease"]) for member in members}
    if not codes:
        return {}
    catalogue = together(map(disease, codes)).catalogue
    labels = {**superseded_labels(), **concepts.LABELS, **catalogue.concepts}
    notes = pl.DataFrame(
        {
            "metadata_id": [1, 2],
            "metadata_concept_id": [0, 0],
            "metadata_type_concept_id": [0, 0],
            "name": ["year_of_birth", "dates"],
            "value_as_string": [
                "derived from the age at diagnosis and a shifted date; use the age element",
                "shifted per patient by a secret; use days since the time origin",
            ],
        }
    )
    return {
        "concept": declared("concept").shape(labelled(labels)),
        "metadata": declared("metadata").shape(notes),
    }


def _remove_persons(
    frames: dict[str, pl.DataFrame], persons: Collection[int]
) -> dict[str, pl.DataFrame]:
    """All tables of a contribution without these persons; the same object where none is theirs."""
    gone = pl.Series("person_id", list(persons), dtype=pl.Int64).implode()
    if not frames["person"]["person_id"].is_in(gone).any():
        return frames
    kept, lost_rows = {}, []
    for name, frame in frames.items():
        if "person_id" not in frame.columns:
            kept[name] = frame
            continue
        theirs = pl.col("person_id").is_in(gone)
        kept[name] = frame.filter(~theirs)
        key = declared(name).key or "person_id"
        lost = frame.filter(theirs).select(
            pl.lit(name).alias("table_name"), pl.col(key).alias("row_id")
        )
        lost_rows.append(lost)
    lost = pl.concat(lost_rows)
    lineage = frames["lineage"]
    kept["lineage"] = lineage.join(
        lost, on=["table_name", "row_id"], how="anti", maintain_order="left"
    )
    cells = (
        lineage.join(lost, on=["table_name", "row_id"], how="semi").select("file", "row").unique()
    )
    kept["set_aside"] = frames["set_aside"].join(
        cells, on=["file", "row"], how="anti", maintain_order="left"
    )
    if "episode_event" in frames:
        kept["episode_event"] = frames["episode_event"].join(
            kept["episode"].select("episode_id"), on="episode_id", how="semi", maintain_order="left"
        )
    return kept
