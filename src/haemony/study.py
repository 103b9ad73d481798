r"""One question's story, from a protocol to evidence: cohort → baseline → survival → models.

The protocol is read at the border, the people come from one release, and what was found can be
written as a report that people read and as results that programs read.

Example:
    >>> protocol = parse('title = "Age"\nquestion = "How old are they?"\nseed = 1')
    >>> protocol.question
    'How old are they?'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from typing import Protocol as Interface

import polars as pl

from haemony.analysis import report
from haemony.analysis.cohorts import select
from haemony.analysis.evidence import (
    Evidence,
    Provenance,
    Source,
    find_baseline,
    find_endpoint,
    find_model,
    find_survival,
)
from haemony.analysis.protocol import BadProtocol, NoProtocol, Protocol, load, parse
from haemony.model.disease import Disease
from haemony.model.errors import EnvironmentFault, HaemonyError, UsageError

__all__ = [
    "BadProtocol",
    "CannotAnswer",
    "EmptyCohort",
    "NoProtocol",
    "Protocol",
    "StudyResult",
    "WrongRelease",
    "load",
    "new",
    "parse",
    "run",
]

Watch = Callable[[str], None]


class WrongRelease(UsageError):
    """The protocol names another release than the one given."""

    def __init__(self, wanted: int, given: int) -> None:
        self.wanted, self.given = wanted, given
        super().__init__(
            f"the protocol is for release {wanted} and release {given} was given; open release "
            f'{wanted}, or write `release = "latest"` in study.toml'
        )


class EmptyCohort(HaemonyError):
    """Nobody meets the criteria."""

    def __init__(self, criterion: str) -> None:
        self.criterion = criterion
        super().__init__(
            f"nobody is left after the criterion {criterion!r}; loosen it, or look whether the "
            "release records that element at all"
        )


class CannotAnswer(HaemonyError):
    """One block of the protocol cannot be computed on this cohort."""

    def __init__(self, key: str, cause: HaemonyError) -> None:
        self.key, self.cause, self.exit_code = key, cause, cause.exit_code
        super().__init__(f"study.toml, {key}: {cause}")


class FolderTaken(UsageError):
    """A protocol is there already."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists; choose another folder, or edit that file")


class CannotWriteResult(EnvironmentFault):
    """The disk refuses the result."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(f"cannot write to {folder}: {reason}; free the disk or choose another -o")


class Member(Interface):
    """One contribution of a release, as far as a study cares."""

    @property
    def id(self) -> str: ...
    @property
    def patients(self) -> int: ...
    @property
    def level(self) -> int: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


class Manifest(Interface):
    """What identifies a release."""

    @property
    def members(self) -> Sequence[Member]: ...
    @property
    def sha256(self) -> str: ...
    @property
    def content(self) -> str: ...


class Pool(Interface):
    """What a study needs of a release."""

    @property
    def number(self) -> int: ...
    @property
    def disease(self) -> Disease: ...
    @property
    def manifest(self) -> Manifest: ...
    def features(self, names: Sequence[str]) -> pl.DataFrame:
        """One row per person, one column per name."""
        ...


@dataclass(frozen=True, eq=False)
class StudyResult(Evidence):
    """What a study found, ready to be written."""

    def write(self, folder: Path | str) -> tuple[Path, ...]:
        """Write ``report.html``, ``results.json`` and ``figures/``, and return the files' paths.

        The same result gives the same bytes; counts below the protocol's ``minimum_cell`` are not
        written out.

        Raises:
            CannotWriteResult: When the disk refuses.
        """
        target = Path(folder)
        try:
            (target / "figures").mkdir(parents=True, exist_ok=True)
            written = report.files(self)
            for name, content in written.items():
                (target / name).write_text(content, encoding="utf-8", newline="\n")
        except OSError as error:
            raise CannotWriteResult(target, error.strerror or "unknown reason") from error
        return tuple(target / name for name in written)


def new(path: Path | str) -> Path:
    """Write a commented protocol to start from into a folder, and return its path.

    Raises:
        FolderTaken: When the folder holds a protocol already.
    """
    file = Path(path) / "study.toml"
    if file.exists():
        raise FolderTaken(file)
    template = files("haemony.analysis") / "template.toml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    except OSError as error:
        raise CannotWriteResult(file.parent, error.strerror or "unknown reason") from error
    return file


def run(protocol: Protocol, release: Pool, watch: Watch = lambda _step: None) -> StudyResult:
    """Answer one question from one release.

    Args:
        protocol: The question, from :func:`load`.
        release: The people.
        watch: Told each step by name.

    Raises:
        WrongRelease: When the protocol is for another release.
        BadProtocol: When it names an element, a value or an endpoint that the disease lacks.
        EmptyCohort: When nobody meets the criteria.
        CannotAnswer: When an analysis is impossible on this cohort; it names the block.
    """
    check_can_run(protocol, release)
    ends, catalogue = release.disease.endpoints, release.disease.catalogue
    watch("read the release")
    people = release.features(protocol.columns)
    watch("select the cohort")
    cohort = select(people, protocol.criteria)
    members = cohort.table
    if members.is_empty():
        raise EmptyCohort(
            next((s.criterion.label for s in cohort.steps if not s.remaining), "none")
        )
    watch("estimate endpoints")
    with _naming("endpoint"):
        endpoints = tuple(find_endpoint(members, ends[name]) for name in protocol.endpoints)
    return StudyResult(
        protocol=protocol,
        provenance=_provenance(protocol, release),
        catalogue=catalogue,
        cohort=cohort,
        endpoints=endpoints,
        baselines=_each(
            protocol.baselines, lambda block: find_baseline(members, block, catalogue), watch
        ),
        survival=_each(
            protocol.survival,
            lambda block: find_survival(members, block, ends[block.endpoint], catalogue),
            watch,
        ),
        models=_each(
            protocol.models,
            lambda block: find_model(members, block, ends[block.endpoint], catalogue),
            watch,
        ),
    )


def check_can_run(protocol: Protocol, release: Pool) -> None:
    """Refuse a protocol that this release cannot answer, before anybody's data are read.

    Raises:
        WrongRelease: When it is for another release.
        BadProtocol: When it names what the disease does not have.
    """
    if protocol.release not in (None, release.number):
        raise WrongRelease(protocol.release or 0, release.number)
    known = release.disease
    for key, name in protocol.asked:
        if name not in known.endpoints:
            raise BadProtocol(
                key,
                f"{known.name} has no endpoint {name!r}",
                f"choose one of {', '.join(known.endpoints)}",
            )
    columns = {f"{name}_{part}" for name in known.endpoints for part in ("days", "event")}
    for key, name in protocol.uses:
        may_be_endpoint = key.startswith("cohort") or key.endswith("formula")
        if name in known.catalogue or (may_be_endpoint and name in columns):
            continue
        try:
            known.catalogue[name]
        except UsageError as error:
            reason, _, remedy = str(error).partition("; ")
            raise BadProtocol(key, reason, remedy) from error


def _provenance(protocol: Protocol, release: Pool) -> Provenance:
    return Provenance(
        release=release.number,
        manifest=release.manifest.sha256,
        content=release.manifest.content,
        haemony=version("haemony"),
        disease=release.disease.name,
        protocol=protocol.sha256,
        seed=protocol.seed,
        sources=tuple(
            Source(
                id=member.id,
                title=str(member.facts.get("title", member.id)),
                patients=member.patients,
                level=member.level,
                in_silico=bool(member.facts.get("in_silico")),
                conditions=tuple(map(str, member.facts.get("conditions_of_use", ()))),
            )
            for member in release.manifest.members
        ),
    )


class _Block(Interface):
    """A block of a protocol."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...


_B = TypeVar("_B", bound=_Block)
_F = TypeVar("_F")


def _each(blocks: Iterable[_B], find: Callable[[_B], _F], watch: Watch) -> tuple[_F, ...]:
    """What each block of one kind finds, in order."""
    found = []
    for block in blocks:
        watch(f"compute: {block.title}")
        with _naming(block.key):
            found.append(find(block))
    return tuple(found)


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Say which block of the protocol a refusal comes from."""
    try:
        yield
    except BadProtocol:
        raise
    except HaemonyError as error:
        raise CannotAnswer(key, error) from error
