r"""One question's story, from a protocol to evidence: cohort → baseline → survival → models.

The protocol is read at the border, the people come from one release, and what was found can be
written as a report that people read and as results that programs read.

Example:
    >>> protocol = parse('title = "Age"\nquestion = "How old are they?"\nseed = 1')
    >>> protocol.question
    'How old are they?'
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from typing import Protocol as Interface

import polars as pl

from haemony.analysis import report
from haemony.analysis.answers import (
    Ground,
    compare,
    find_baseline,
    find_competing,
    find_comutation,
    find_endpoint,
    find_landmark,
    find_means,
    find_model,
    find_prediction,
    find_states,
    find_subgroups,
    find_survival,
    find_time_dependent,
    find_weighted,
)
from haemony.analysis.blocks import Baseline, ComutationBlock, Sensitivity, StatesBlock, covariates
from haemony.analysis.cautions import Setting, cautions, worst_first
from haemony.analysis.clocks import ENTRY, wind
from haemony.analysis.cohorts import Cohort, select
from haemony.analysis.evidence import (
    Answers,
    Evidence,
    PopulationFound,
    Provenance,
    SensitivityFound,
    Source,
)
from haemony.analysis.freezing import (
    BEFORE,
    Frozen,
    Ledger,
    Runs,
    deviations,
    earlier_runs,
    freeze,
    read_record,
    remember,
    write_record,
)
from haemony.analysis.keys import BadProtocol
from haemony.analysis.prediction import trees
from haemony.analysis.protocol import ANALYSES, NoProtocol, Protocol, file_of, load, parse, write
from haemony.model.disease import Disease, Endpoint
from haemony.model.disease import disease as disease_of
from haemony.model.element import Element, Identifying, ValueType
from haemony.model.endpoint import Anchor
from haemony.model.errors import EnvironmentFault, HaemonyError, UsageError

__all__ = [
    "BEFORE",
    "BadProtocol",
    "CannotAnswer",
    "CannotPool",
    "EmptyCohort",
    "Frozen",
    "NoProtocol",
    "NotRecorded",
    "Protocol",
    "Runs",
    "StudyResult",
    "UnknownTemplate",
    "WrongRelease",
    "earlier_runs",
    "file_of",
    "freeze",
    "load",
    "new",
    "packaged",
    "parse",
    "read_record",
    "run",
    "templates",
    "write",
    "write_record",
]

_TEMPLATES = (
    "prognostic-factor",
    "biomarker-treatment",
    "external-control",
    "post-authorisation",
    "natural-history",
    "outcome-validation",
)

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


class NotRecorded(HaemonyError):
    """An analysis needs what nobody in the cohort has."""

    def __init__(self, key: str, label: str, needs: Sequence[str]) -> None:
        self.key, self.label, self.needs = key, label, tuple(needs)
        super().__init__(
            f"study.toml, {key}: nobody in the cohort has a value of {label!r}; it needs "
            f"{', '.join(needs)}, which the sources of this release do not record. Use a release "
            "that has it, or leave the block out"
        )


class CannotPool(UsageError):
    """Sources differ in what the protocol does not name."""

    def __init__(self, label: str, what: str, key: str, values: Sequence[str]) -> None:
        self.label, self.what, self.values = label, what, tuple(values)
        listed = ", ".join(f'"{value}"' for value in values)
        super().__init__(
            f"{label}: the sources have different {what} ({', '.join(values)}) and are not pooled "
            f"unless the plan says so; write [pooling] with {key} = [{listed}], or narrow the "
            'cohort to sources that agree: a [[cohort]] block with element = "contribution" and '
            "one_of = [their ids]"
        )


class UnknownTemplate(UsageError):
    """No protocol to start from has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        near = get_close_matches(name, _TEMPLATES, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        super().__init__(
            f"there is no template {name!r}; {guess}`haemony study templates` lists them: "
            f"{', '.join(_TEMPLATES)}"
        )


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
        """One row per person: ``person_id``, and one column per name."""
        ...

    def owners(self) -> pl.DataFrame:
        """One row per person: ``person_id`` and the contribution, ``owner``."""
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


def packaged(name: str, disease: Disease) -> Protocol | None:
    """The study of this name that ships with a disease; None where there is none.

    Example:
        >>> from haemony.model.disease import disease
        >>> found = packaged("amlsg", disease("aml"))
        >>> found.title if found else ""
        'Acute myeloid leukaemia in three AMLSG trials'
    """
    file = disease.studies.get(name)
    return None if file is None else parse(file.read_text(encoding="utf-8"))


def templates() -> dict[str, str]:
    """The protocols to start from, by name, with what each is for."""
    return {name: parse(_template(name)).title for name in _TEMPLATES}


def new(path: Path | str, template: str = "prognostic-factor") -> Path:
    """Write a commented protocol to start from into a folder, and return its path.

    Args:
        path: The folder.
        template: Which of :func:`templates`.

    Raises:
        FolderTaken: When the folder holds a protocol already.
        UnknownTemplate: When there is no template of this name.
    """
    text = _template(template)
    file = Path(path) / "study.toml"
    if file.exists():
        raise FolderTaken(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CannotWriteResult(file.parent, error.strerror or "unknown reason") from error
    return file


def _template(name: str) -> str:
    if name not in _TEMPLATES:
        raise UnknownTemplate(name)
    file = files("haemony.analysis") / "templates" / f"{name}.toml"
    return file.read_text(encoding="utf-8")


def run(
    protocol: Protocol,
    release: Pool,
    watch: Watch = lambda _step: None,
    *,
    frozen: Frozen | None = None,
    ledger: Ledger | None = None,
) -> StudyResult:
    """Answer one question from one release.

    Args:
        protocol: The question, from :func:`load`.
        release: The people.
        watch: Told each step by name.
        frozen: The plan as it was frozen, from :func:`read_record`; what was changed since is
            listed.
        ledger: The governance store of the workspace, which keeps the run and knows earlier ones.

    Raises:
        WrongRelease: When the protocol is for another release.
        BadProtocol: When it names an element, a value or an endpoint that the disease lacks.
        EmptyCohort: When nobody meets the criteria.
        NotRecorded: When an analysis needs what nobody in the cohort has.
        CannotPool: When sources differ in what the protocol does not name.
        CannotAnswer: When an analysis is impossible on this cohort; it names the block.
    """
    check_can_run(protocol, release)
    watch("read the release")
    people = _people(protocol, release)
    watch("select the cohort")
    ready = _ready(protocol, people, release)
    setting = ready.setting
    watch("estimate endpoints")
    with _naming("endpoint"):
        endpoints = tuple(
            find_endpoint(ready.ground.members, ready.ground.clocks[name])
            for name in protocol.endpoints
            if name not in _only_in_changes(protocol)
        )
    answers = _answer(protocol, ready.ground, watch)
    changes = tuple(
        _changed(change, protocol, people, release, answers, watch)
        for change in protocol.sensitivities
    )
    earlier = earlier_runs(protocol, ledger, before=frozen.time) if ledger and frozen else None
    if ledger:
        remember(protocol, release.number, ledger)
    return StudyResult(
        **vars(answers),
        protocol=protocol,
        provenance=_provenance(protocol, release, ready.sources),
        catalogue=_with_contribution(release).catalogue,
        cohort=ready.cohort,
        populations=ready.populations,
        endpoints=endpoints,
        sensitivities=changes,
        cautions=worst_first(cautions(answers, setting)),
        frozen=frozen,
        deviations=deviations(frozen, protocol) if frozen else (),
        earlier=earlier,
    )


def check_can_run(protocol: Protocol, release: Pool) -> None:
    """Refuse a protocol that this release cannot answer, before anybody's data are read.

    Raises:
        WrongRelease: When it is for another release.
        BadProtocol: When it names what the disease does not have.
    """
    if protocol.release not in (None, release.number):
        raise WrongRelease(protocol.release or 0, release.number)
    known = _with_contribution(release)
    for key, name in protocol.asked:
        if name not in known.endpoints:
            raise BadProtocol(key, *_no_endpoint(known, name))
    columns = {f"{name}_{part}" for name in known.endpoints for part in ("days", "event")}
    for key, name in protocol.uses:
        may_be_endpoint = key.endswith(".element") or key.endswith("formula")
        if name in known.catalogue or (may_be_endpoint and name in columns):
            continue
        try:
            known.catalogue[name]
        except UsageError as error:
            reason, _, remedy = str(error).partition("; ")
            raise BadProtocol(key, reason, remedy) from error


def _no_endpoint(known: Disease, name: str) -> tuple[str, str]:
    """Why a disease has no such endpoint, and what to do."""
    near = get_close_matches(name, known.endpoints, n=3)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    choose = f"{guess}choose one of {', '.join(known.endpoints)}"
    if name in known.unavailable:
        missing = known.unavailable[name]
        return f"{missing.label} is not available for {known.name}: {missing.reason}", choose
    return f"there is no endpoint {name!r}", choose


def _check_recorded(protocol: Protocol, known: Disease, members: pl.DataFrame) -> None:
    """Refuse analyses that need what nobody in the cohort has.

    Raises:
        NotRecorded: It names the elements that are needed.
    """
    for key, name in protocol.asked:
        end = known.endpoints[name]
        if not members[f"{name}_days"].count():
            needs = [element for element in known.catalogue if element in end.names]
            raise NotRecorded(key, end.label, needs)
    for key, name in protocol.uses:
        part = key.rpartition(".")[2]
        if part in _NEEDED and name in members.columns and not members[name].count():
            label = known.catalogue[name].label if name in known.catalogue else name
            raise NotRecorded(key, label, [name])


_NEEDED = {"by", "strata", "exposure", "effect", "within", "formula", "adjust", "given"}
"""The keys of a block whose elements it cannot do without."""

OWNER = "owner"
"""The column that says which contribution a patient came with."""

CONTRIBUTION = Element(
    name="contribution",
    label="Contribution",
    definition="The contribution of the release that the patient came with.",
    type=ValueType.TEXT,
    unit="",
    units={},
    low=None,
    high=None,
    identifying=Identifying.OTHER,
    method="",
    table="",
    field="",
    concept_id=0,
    unit_concept_id=0,
)
"""An element that every release has, without any source recording it."""


@dataclass(frozen=True, eq=False)
class _Ready:
    """A cohort whose clocks run."""

    cohort: Cohort
    populations: tuple[PopulationFound, ...]
    ground: Ground
    sources: tuple[Source, ...]
    setting: Setting


def _people(protocol: Protocol, release: Pool) -> pl.DataFrame:
    """Everybody in the release, with what the study needs and the contribution they came with."""
    known = _with_contribution(release)
    ends = [known.endpoints[name] for name in protocol.endpoints]
    names = [
        *protocol.columns,
        *(f"{other}_{part}" for e in ends for other in e.competing for part in ("days", "event")),
        *(e.origin.element for e in ends if e.origin.element),
        *_days_of_adjusters(protocol, known),
        *([ENTRY] if ENTRY in known.catalogue else []),
    ]
    table = release.features([name for name in dict.fromkeys(names) if name != CONTRIBUTION.name])
    owners = release.owners().select("person_id", OWNER)
    joined = table.join(owners, on="person_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col(OWNER).cast(pl.String).alias(CONTRIBUTION.name))


def _days_of_adjusters(protocol: Protocol, known: Disease) -> Iterator[str]:
    """The days on which the adjusters of landmarks become known, where elements hold them."""
    for block in protocol.landmarks:
        for name in (*covariates(block.adjust), *block.strata):
            if name in known.later and known.later[name].element in known.catalogue:
                yield known.later[name].element


def _with_contribution(release: Pool) -> Disease:
    """What a release knows of, and which contribution somebody came with."""
    known = release.disease
    elements = {**known.catalogue.elements, CONTRIBUTION.name: CONTRIBUTION}
    return replace(known, catalogue=replace(known.catalogue, elements=elements))


def _ready(protocol: Protocol, people: pl.DataFrame, release: Pool) -> _Ready:
    """Select the cohort and its parts, and start every endpoint's clock."""
    known = _with_contribution(release)
    cohort = select(people, protocol.criteria)
    if cohort.table.is_empty():
        raise EmptyCohort(
            next((s.criterion.label for s in cohort.steps if not s.remaining), "none")
        )
    sources = _sources(release, cohort.table)
    _check_recorded(protocol, known, cohort.table)
    members, clocks = cohort.table, {}
    for name in protocol.endpoints:
        end = known.endpoints[name]
        _check_pooling(protocol, end, members, sources)
        members, clocks[name] = wind(members, end, protocol.late_entry, known.endpoints)
    cohort = replace(cohort, table=members)
    populations = tuple(
        PopulationFound(one, select(members, one.criteria)) for one in protocol.populations
    )
    for found in populations:
        if found.cohort.table.is_empty():
            raise EmptyCohort(found.population.criteria[-1].label)
    ground = Ground(
        members,
        {found.population.name: found.cohort.table for found in populations},
        clocks,
        known.catalogue,
        protocol.missing,
        protocol.seed,
    )
    setting = Setting(
        ground,
        known.later,
        sources,
        protocol.pooling,
        protocol.late_entry,
        protocol.time_unit.value,
        protocol.time_unit.days,
        protocol,
    )
    return _Ready(cohort, populations, ground, sources, setting)


def _check_pooling(
    protocol: Protocol, end: Endpoint, members: pl.DataFrame, sources: Sequence[Source]
) -> None:
    """Refuse to mix clocks or definitions that the protocol does not name.

    Raises:
        CannotPool: When sources differ in it.
    """
    timed = members.filter(pl.col(f"{end.name}_days").is_not_null())
    having = set(timed[OWNER].drop_nulls())
    bringing = [source for source in sources if source.id in having]
    origins = sorted({source.origin for source in bringing if source.origin})
    if end.origin is Anchor.DAY_0 and len(origins) > 1:
        unnamed = set(origins) - set(protocol.pooling.origins)
        if unnamed:
            raise CannotPool(end.label, "time origins", "origins", origins)
    if end.own and len(bringing) > 1 and end.name not in protocol.pooling.definitions:
        raise CannotPool(end.label, "definitions of their own", "definitions", [end.name])


def _sources(release: Pool, members: pl.DataFrame) -> tuple[Source, ...]:
    """The contributions, with how many of their people are studied."""
    counts = dict(members.group_by(OWNER).len().iter_rows())
    return tuple(
        Source(
            id=member.id,
            title=str(member.facts.get("title", member.id)),
            patients=member.patients,
            level=member.level,
            in_silico=bool(member.facts.get("in_silico")),
            conditions=tuple(map(str, member.facts.get("conditions_of_use", ()))),
            origin=str(member.facts.get("origin", "")),
            cut_off=str(member.facts.get("data_cut_off") or ""),
            studied=int(counts.get(member.id, 0)),
            disease=_disease(str(member.facts.get("disease", ""))),
        )
        for member in release.manifest.members
    )


def _disease(code: str) -> str:
    """The name of a disease; the code where it is not installed here."""
    try:
        return disease_of(code).name
    except HaemonyError:
        return code


def _answer(protocol: Protocol, ground: Ground, watch: Watch) -> Answers:
    """What each block of a plan finds, in order."""
    days = protocol.time_unit.days
    return Answers(
        baselines=_each(protocol.baselines, lambda b: find_baseline(ground, b), watch),
        survival=_each(protocol.survival, lambda b: find_survival(ground, b), watch),
        means=_each(protocol.means, lambda b: find_means(ground, b, b.horizon * days), watch),
        competing=_each(protocol.competing, lambda b: find_competing(ground, b), watch),
        models=_each(protocol.models, lambda b: find_model(ground, b), watch),
        landmarks=_each(protocol.landmarks, lambda b: find_landmark(ground, b), watch),
        time_dependent=_each(
            protocol.time_dependent, lambda b: find_time_dependent(ground, b), watch
        ),
        subgroups=_each(protocol.subgroups, lambda b: find_subgroups(ground, b), watch),
        states=_each(protocol.states, lambda b: find_states(ground, b), watch),
        comutations=_each(protocol.comutations, lambda b: find_comutation(ground, b), watch),
        predictions=_each(protocol.predictions, lambda b: find_prediction(ground, b), watch),
        weighted=_each(protocol.weighted, lambda b: find_weighted(ground, b, days), watch),
    )


def _only_in_changes(protocol: Protocol) -> set[str]:
    """Endpoints that a sensitivity analysis alone uses."""
    planned = {
        block.endpoint
        for block in protocol.analyses
        if not isinstance(block, Baseline | StatesBlock | ComutationBlock)
    }
    return set(protocol.endpoints) - planned


def _changed(
    change: Sensitivity,
    protocol: Protocol,
    people: pl.DataFrame,
    release: Pool,
    answers: Answers,
    watch: Watch,
) -> SensitivityFound:
    """Run the plan again under a change, block by block, and compare its numbers."""
    watch(f"sensitivity: {change.name}")
    plan = protocol.under(change)
    with _naming(change.key):
        ready = _ready(plan, people, release)
    found: dict[str, tuple[Any, ...]] = {}
    refused: list[tuple[str, str]] = []
    for attribute in ANALYSES:
        for block in getattr(plan, attribute):
            only: dict[str, Any] = dict.fromkeys(ANALYSES, ()) | {attribute: (block,)}
            alone = replace(plan, **only)
            try:
                part = getattr(_answer(alone, ready.ground, watch), attribute)
            except HaemonyError as error:
                refused.append((block.title, str(error)))
            else:
                found[attribute] = (*found.get(attribute, ()), *part)
    compared = compare(answers, Answers(**found), protocol.time_unit.days)
    return SensitivityFound(change, ready.cohort, compared, tuple(refused))


def _provenance(protocol: Protocol, release: Pool, sources: tuple[Source, ...]) -> Provenance:
    return Provenance(
        release=release.number,
        manifest=release.manifest.sha256,
        content=release.manifest.content,
        haemony=version("haemony"),
        environment={
            "Python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "scipy", "polars")},
            **_trees(protocol),
        },
        disease=", ".join(dict.fromkeys(s.disease for s in sources if s.studied and s.disease))
        or release.disease.name,
        protocol=protocol.sha256,
        seed=protocol.seed,
        sources=sources,
    )


def _trees(protocol: Protocol) -> dict[str, str]:
    """The library of forests, where one was grown."""
    asked = any("forest" in block.models for block in protocol.predictions)
    found = trees.installed() if asked else ""
    return {"xgboost": found} if found else {}


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
