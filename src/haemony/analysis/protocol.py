"""The protocol of a study: one question, written down in `study.toml` before the data are seen.

The file is read once, here, into frozen values; whatever is wrong with it is refused with the key,
the cause and the next step. The same values can be made in code and written to a file. Names of
elements are checked against a release by `haemony.study`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from haemony.analysis import toml
from haemony.analysis.blocks import (
    PREDICTORS,
    Baseline,
    Block,
    CompetingBlock,
    ComutationBlock,
    CoxBlock,
    LandmarkBlock,
    LateEntry,
    MeanBlock,
    MissingData,
    Pooling,
    Population,
    PredictionBlock,
    Sensitivity,
    StatesBlock,
    SubgroupBlock,
    SurvivalBlock,
    TimeDependentBlock,
    WeightedBlock,
    covariates,
)
from haemony.analysis.causal import TARGETS
from haemony.analysis.cohorts import Condition, Criterion, Known, OneOf, Within
from haemony.analysis.describe import Comparison
from haemony.analysis.keys import BadProtocol, Keys
from haemony.analysis.survival import BadFormula
from haemony.analysis.survival.data.formula import read as read_formula
from haemony.model.errors import UsageError


class NoProtocol(UsageError):
    """There is no protocol to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} is no protocol file; `haemony study new DIR` writes one to start from"
        )


class TimeUnit(StrEnum):
    """The unit in which a report shows time; estimates are made in days."""

    YEARS = "years"
    MONTHS = "months"
    DAYS = "days"

    @property
    def days(self) -> float:
        """Days in one of these (a year has 365.25, a month a twelfth of it)."""
        return {"years": 365.25, "months": 365.25 / 12, "days": 1.0}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A whole study, before it is run.

    Attributes:
        title: what the study is called.
        question: what it asks, in plain words.
        seed: where random draws start; recorded even where nothing is drawn.
        release: the number of the release it uses, or None for the latest.
        minimum_cell: counts from 1 to one less than this are not written out; 1 hides nothing.
        time_unit: the unit of time axes.
        missing: what models do with patients who lack a covariate.
        late_entry: what is done about patients who came under observation after day 0.
        published: the day on which the results are published, or empty; packages carry it.
        pooling: in what sources may differ and are pooled in spite of it.
        criteria: who belongs to the cohort, in the order of application.
        populations: named parts of the cohort.
        baselines: the baseline tables.
        survival: the Kaplan–Meier blocks.
        means: the blocks of restricted means.
        competing: the blocks of competing risks.
        models: the Cox blocks.
        landmarks: the landmark analyses.
        time_dependent: the models of exposures that begin during follow-up.
        subgroups: the subgroup analyses.
        states: where everybody is over time.
        comutations: which findings come together.
        predictions: how well endpoints are predicted.
        weighted: groups weighted to be alike.
        sensitivities: changes of the plan under which it is run again.
        text: the file as it was read, or as it would be written.

    Example:
        >>> block = SurvivalBlock(title="Everybody", endpoint="os")
        >>> made = Protocol(title="Survival", question="How long?", seed=1, survival=(block,))
        >>> parse(made.text) == made
        True
    """

    title: str
    question: str
    seed: int
    release: int | None = None
    minimum_cell: int = 5
    time_unit: TimeUnit = TimeUnit.YEARS
    missing: MissingData = MissingData.COMPLETE_CASES
    late_entry: LateEntry = LateEntry.MODEL
    published: str = ""
    pooling: Pooling = field(default_factory=Pooling)
    criteria: tuple[Criterion, ...] = ()
    populations: tuple[Population, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    survival: tuple[SurvivalBlock, ...] = ()
    means: tuple[MeanBlock, ...] = ()
    competing: tuple[CompetingBlock, ...] = ()
    models: tuple[CoxBlock, ...] = ()
    landmarks: tuple[LandmarkBlock, ...] = ()
    time_dependent: tuple[TimeDependentBlock, ...] = ()
    subgroups: tuple[SubgroupBlock, ...] = ()
    states: tuple[StatesBlock, ...] = ()
    comutations: tuple[ComutationBlock, ...] = ()
    predictions: tuple[PredictionBlock, ...] = ()
    weighted: tuple[WeightedBlock, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
    text: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        for attribute in BLOCKS:
            placed = tuple(
                replace(block, key=f"{block.TABLE}[{i}]")
                for i, block in enumerate(getattr(self, attribute), 1)
            )
            object.__setattr__(self, attribute, placed)
        for block in (*self.analyses, *self.sensitivities):
            _check_block(block, self)
        _check_names(self)
        if not self.text:
            object.__setattr__(self, "text", write(self))

    @property
    def sha256(self) -> str:
        """Hash of the file: the identity of the protocol."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def analyses(self) -> tuple[Block, ...]:
        """Every block that computes something, in the order of the report."""
        return (
            *self.baselines,
            *self.survival,
            *self.means,
            *self.competing,
            *self.models,
            *self.landmarks,
            *self.time_dependent,
            *self.subgroups,
            *self.states,
            *self.comutations,
            *self.predictions,
            *self.weighted,
        )

    def under(self, change: Sensitivity) -> Protocol:
        """The plan under one of its changes: the blocks it is about, on the cohort it leaves."""
        kept: dict[str, Any] = {
            name: tuple(
                _under(block, change) for block in getattr(self, name) if _concerns(change, block)
            )
            for name in ANALYSES
            if name not in UNTIMED
        }
        kept |= dict.fromkeys(UNTIMED, ())
        return replace(
            self,
            **kept,
            sensitivities=(),
            criteria=(*self.criteria, *change.criteria),
            missing=change.missing or self.missing,
            late_entry=change.late_entry or self.late_entry,
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints that are analysed, in order of mention."""
        return tuple(dict.fromkeys(name for _, name in self.asked))

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Every use of an endpoint: (key in the file, name)."""
        return (
            *(
                (f"{block.key}.endpoint", block.endpoint)
                for block in self.analyses
                if not isinstance(block, Baseline | StatesBlock | ComutationBlock)
            ),
            *(
                (f"{change.key}.endpoints", name)
                for change in self.sensitivities
                for pair in change.endpoints.items()
                for name in pair
            ),
        )

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        """Every use of an element or endpoint column: (key in the file, name)."""
        return tuple(
            (key, name)
            for key, names in (
                *_of_criteria("cohort", self.criteria),
                *(u for p in self.populations for u in _of_criteria(p.key, p.criteria)),
                *(u for block in self.analyses for u in _of_block(block)),
                *(u for s in self.sensitivities for u in _of_criteria(s.key, s.criteria)),
            )
            for name in names
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the study needs of a release, each once."""
        ends = [f"{name}_{part}" for name in self.endpoints for part in ("days", "event")]
        return tuple(dict.fromkeys([*ends, *(name for _, name in self.uses)]))


BLOCKS: Mapping[str, type[Any]] = {
    "populations": Population,
    "baselines": Baseline,
    "survival": SurvivalBlock,
    "means": MeanBlock,
    "competing": CompetingBlock,
    "models": CoxBlock,
    "landmarks": LandmarkBlock,
    "time_dependent": TimeDependentBlock,
    "subgroups": SubgroupBlock,
    "states": StatesBlock,
    "comutations": ComutationBlock,
    "predictions": PredictionBlock,
    "weighted": WeightedBlock,
    "sensitivities": Sensitivity,
}
"""Which attribute of a protocol holds which kind of block."""

ANALYSES = tuple(name for name in BLOCKS if name not in {"populations", "sensitivities"})
"""The attributes that hold analyses."""

UNTIMED = ("baselines", "states", "comutations", "predictions")
"""The attributes of analyses that no change runs again; they have no number to compare."""


def _concerns(change: Sensitivity, block: Block) -> bool:
    """Whether a block is run again: it is named, or none is and its endpoint may have changed."""
    if change.of:
        return block.title in change.of
    only_endpoints = not (change.criteria or change.missing or change.late_entry)
    return not only_endpoints or getattr(block, "endpoint", "") in change.endpoints


_Timed = TypeVar(
    "_Timed",
    SurvivalBlock,
    MeanBlock,
    CompetingBlock,
    CoxBlock,
    LandmarkBlock,
    TimeDependentBlock,
    SubgroupBlock,
    WeightedBlock,
)


def _under(block: _Timed, change: Sensitivity) -> _Timed:
    """A block with its endpoint changed."""
    return replace(block, endpoint=change.endpoints.get(block.endpoint, block.endpoint))


def load(path: Path | str) -> Protocol:
    """Read a protocol file.

    Args:
        path: A ``study.toml``, or the folder that holds one.

    Raises:
        NoProtocol: When there is no such file.
        BadProtocol: When a key is unknown, missing or not what it should be.
    """
    file = file_of(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NoProtocol(file) from None
    except UnicodeDecodeError:
        raise BadProtocol("the file", "is not UTF-8 text", "save it as UTF-8") from None
    return parse(text)


def file_of(path: Path | str) -> Path:
    """The protocol file of a path: itself, or the one in the folder."""
    file = Path(path)
    return file / "study.toml" if file.is_dir() else file


def parse(text: str) -> Protocol:
    r"""Read the text of a protocol.

    Raises:
        BadProtocol: When it is not a protocol; the message names the key.

    Example:
        >>> protocol = parse('title = "Age"\nquestion = "How old are they?"\nseed = 1')
        >>> protocol.title, protocol.minimum_cell, protocol.release
        ('Age', 5, None)
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProtocol("the file", f"is not TOML ({error})", "mend that line") from None
    keys = Keys("", given)
    asked: dict[str, Any] = {
        "title": keys.text("title"),
        "question": keys.text("question"),
        "release": _release(keys),
        "seed": keys.whole("seed", None, least=0),
        "minimum_cell": keys.whole("minimum_cell", 5, least=1),
        "time_unit": TimeUnit(keys.choice("time_unit", "years", [u.value for u in TimeUnit])),
        "missing": MissingData(
            keys.choice("missing", "complete cases", [m.value for m in MissingData])
        ),
        "late_entry": LateEntry(keys.choice("late_entry", "model", [e.value for e in LateEntry])),
        "published": keys.day("published"),
        "pooling": _read(Pooling, keys.table("pooling")),
        "criteria": tuple(_criterion(table) for table in keys.tables("cohort")),
        **{
            attribute: tuple(_read(kind, table) for table in keys.tables(kind.TABLE))
            for attribute, kind in BLOCKS.items()
        },
    }
    blocks = [f"[[{name}]]" for name in ("cohort", *(kind.TABLE for kind in BLOCKS.values()))]
    keys.nothing_else([*(name for name, _ in HEAD), "[pooling]", *blocks])
    return Protocol(**asked, text=text)


def write(protocol: Protocol) -> str:
    """The text of a `study.toml` that reads back as this protocol."""
    lines = [
        toml.line(name, getattr(protocol, name))
        for name, default in HEAD
        if name != "published" and getattr(protocol, name) != default
    ]
    if protocol.published:
        lines.append(f"published = {protocol.published}")
    parts = ["\n".join(lines)]
    if protocol.pooling != Pooling():
        parts.append(toml.table("[pooling]", protocol.pooling))
    parts += [toml.table("[[cohort]]", criterion) for criterion in protocol.criteria]
    parts += [
        toml.table(f"[[{block.TABLE}]]", block)
        for attribute in BLOCKS
        for block in getattr(protocol, attribute)
    ]
    return "\n\n".join(parts) + "\n"


HEAD: tuple[tuple[str, object], ...] = (
    ("title", None),
    ("question", None),
    ("seed", None),
    ("release", None),
    ("minimum_cell", 5),
    ("time_unit", TimeUnit.YEARS),
    ("missing", MissingData.COMPLETE_CASES),
    ("late_entry", LateEntry.MODEL),
    ("published", None),
)
"""The keys that stand before all blocks, with the value that need not be written."""


def _release(keys: Keys) -> int | None:
    if keys.peek("release") in (None, "latest"):
        keys.take("release", "latest")
        return None
    return keys.whole("release", None, least=1)


def _criterion(keys: Keys) -> Criterion:
    label, element = keys.text("label"), keys.text("element")
    condition = _condition(keys)
    keys.nothing_else(("label", "element", *_CONDITIONS))
    return Criterion(label, element, condition)


_CONDITIONS = ("equals", "one_of", "at_least", "at_most", "known")


def _condition(keys: Keys) -> Condition:
    stated = [k for k in _CONDITIONS if keys.has(k)]
    if stated == ["equals"]:
        return OneOf((keys.scalar("equals"),))
    if stated == ["one_of"]:
        return OneOf(keys.scalars("one_of"))
    if stated == ["known"] and keys.take("known", None) is True:
        return Known()
    if stated and set(stated) <= {"at_least", "at_most"}:
        return Within(keys.number("at_least", float("-inf")), keys.number("at_most", float("inf")))
    raise BadProtocol(
        keys.path,
        f"states {' and '.join(stated) or 'no condition'}",
        "give one of `equals`, `one_of`, `known = true`, or `at_least` and/or `at_most`",
    )


COURSES: Mapping[str, tuple[str, ...]] = {
    "remission": ("complete_remission_day", "relapse_day", "last_contact_day", "vital_status"),
    "transplant": (
        "complete_remission_day",
        "transplant_day",
        "relapse_day",
        "last_contact_day",
        "vital_status",
    ),
}
"""The courses whose states can be followed, and the elements they are read from."""

_R = TypeVar("_R")
_Reader = Callable[[Keys, str, Any], object]


def _optional(kind: type[StrEnum]) -> _Reader:
    """Read a choice that need not be made."""

    def read(keys: Keys, name: str, default: object) -> object:
        return kind(keys.choice(name, "", list(kind))) if keys.has(name) else default

    return read


_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(("title", "endpoint", "exposure", "effect", "name"), Keys.text),
    **dict.fromkeys(("population", "formula", "adjust"), Keys.text),
    **dict.fromkeys(("by", "strata", "within", "of", "elements"), Keys.texts),
    **dict.fromkeys(("origins", "definitions", "models", "logarithms", "ordered"), Keys.texts),
    **dict.fromkeys(("until", "day", "horizon", "carriers", "imputations"), Keys.number),
    **dict.fromkeys(("splits", "share"), Keys.number),
    **dict.fromkeys(("leave_out", "given", "treated"), Keys.text),
    "estimand": lambda keys, name, default: keys.choice(name, default, list(TARGETS)),
    "groups": lambda keys, name, _default: keys.lists(name),
    **dict.fromkeys(("at", "truncate"), Keys.numbers),
    "cuts": lambda keys, name, _default: keys.limits(name),
    "labels": lambda keys, name, _default: keys.pairs(name),
    "endpoints": lambda keys, name, _default: keys.pairs(name),
    "criteria": lambda keys, name, _default: tuple(map(_criterion, keys.tables(name))),
    "counts_if": lambda keys, name, _default: tuple(map(_criterion, keys.tables(name))),
    "missing": _optional(MissingData),
    "late_entry": _optional(LateEntry),
    "compare": _optional(Comparison),
    "course": lambda keys, name, default: keys.choice(name, default, list(COURSES)),
}
"""How each key of a block is read."""

_OTHER: Mapping[tuple[str, str], _Reader] = {
    ("baseline", "by"): Keys.text,
    ("baseline", "cuts"): Keys.numbers,
    ("weighted", "by"): Keys.text,
    ("cox", "formula"): lambda keys, _name, _default: _terms(keys),
}
"""The keys that one kind of block reads in a way of its own."""


def _read(kind: type[_R], keys: Keys) -> _R:
    """Read one block of a kind."""
    table = getattr(kind, "TABLE", "")
    given: dict[str, Any] = {}
    names = []
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name == "key":
            continue
        names.append(one.name)
        default = None if one.default is MISSING else one.default
        reader = _OTHER.get((table, one.name), _READERS[one.name])
        given[one.name] = reader(keys, one.name, default)
    keys.nothing_else([*names, *(["elements"] if table == "cox" else [])])
    return kind(**given)


def _terms(keys: Keys) -> str:
    """The covariates of a Cox model: a formula, or plain elements."""
    if keys.has("formula") == keys.has("elements"):
        raise BadProtocol(
            keys.path,
            "needs either `formula` or `elements`, and not both",
            'write for example formula = "I(age_at_diagnosis / 10) + sex + NPM1"',
        )
    return keys.text("formula") if keys.has("formula") else " + ".join(keys.texts("elements"))


def _check_block(block: Block | Sensitivity, protocol: Protocol) -> None:
    """Refuse a block that cannot be computed on any release."""
    for name in ("formula", "adjust", "given"):
        _check_formula(f"{block.key}.{name}", getattr(block, name, ""))
    if isinstance(block, LandmarkBlock) and block.day <= 0:
        raise BadProtocol(
            f"{block.key}.day", "is no day after the origin", "give a positive number of days"
        )
    if isinstance(block, CoxBlock) and block.imputations not in (0, *range(2, 1001)):
        raise BadProtocol(
            f"{block.key}.imputations", "is no number of tables", "give 0, or 2 to 1000, such as 20"
        )
    if isinstance(block, PredictionBlock):
        _check_prediction(block)
    if isinstance(block, WeightedBlock):
        _check_weighted(block)
    if isinstance(block, MeanBlock) and block.horizon <= 0:
        raise BadProtocol(f"{block.key}.horizon", "is not positive", "give a positive number")
    population = getattr(block, "population", "")
    if population and population not in {p.name for p in protocol.populations}:
        known = ", ".join(p.name for p in protocol.populations) or "none"
        raise BadProtocol(
            f"{block.key}.population",
            f"there is no population {population!r}",
            f"name one that a [[population]] block defines; here: {known}",
        )


def _check_prediction(block: PredictionBlock) -> None:
    """Refuse a prediction of nothing, by nobody, or by what it is judged on."""
    strange = [name for name in block.models if name not in PREDICTORS]
    if strange or not block.models or len(set(block.models)) < len(block.models):
        raise BadProtocol(
            f"{block.key}.models",
            f"names {', '.join(map(repr, strange)) or 'no model, or one twice'}",
            f"choose among {', '.join(PREDICTORS)}, each once",
        )
    inputs = block.inputs
    if not inputs or len(set(inputs)) < len(inputs):
        raise BadProtocol(
            f"{block.key}.groups", "hold nothing, or an element twice", "name each element once"
        )
    for key in ("logarithms", "ordered"):
        for name in getattr(block, key):
            if name not in inputs:
                raise BadProtocol(
                    f"{block.key}.{key}", f"{name!r} is in no group", "name inputs of `groups`"
                )
    if block.leave_out in inputs:
        raise BadProtocol(
            f"{block.key}.leave_out",
            f"{block.leave_out!r} is an input, too",
            "take it out of `groups`: a model cannot know of a group that it never saw",
        )
    if block.splits not in (*([0] if block.leave_out else []), *range(2, 1001)):
        raise BadProtocol(
            f"{block.key}.splits", "is no number of splits", "give 2 to 1000, or 0 with `leave_out`"
        )
    for key, wrong in (("share", not 0 < block.share < 1), ("carriers", block.carriers < 0)):
        if wrong:
            raise BadProtocol(f"{block.key}.{key}", "is out of range", "give 0.2, or 5 carriers")


def _check_weighted(block: WeightedBlock) -> None:
    """Refuse weights from nothing, from the group itself, or for nobody known."""
    names = covariates(block.given)
    model = read_formula(f"Surv(days, event) ~ {block.given or 1}")
    if set(model.columns[2:]) - set(names) or model.ridges:
        raise BadProtocol(
            f"{block.key}.given",
            "holds strata, a cluster, an offset or a penalty",
            "name elements and their transformations alone",
        )
    if not names or block.by in names:
        raise BadProtocol(
            f"{block.key}.given",
            f"holds {block.by!r}, whose groups are compared" if names else "names no element",
            'name what was known before, such as "age_at_diagnosis + sex"',
        )
    if block.estimand not in TARGETS:
        raise BadProtocol(
            f"{block.key}.estimand",
            f"is {block.estimand!r}",
            f"choose one of {', '.join(TARGETS)}",
        )
    pair = len(block.truncate) == 2 and 0 <= block.truncate[0] < block.truncate[1] <= 1
    if block.truncate and not pair:
        raise BadProtocol(
            f"{block.key}.truncate", "is not a pair of quantiles", "give for example [0.01, 0.99]"
        )


def _check_names(protocol: Protocol) -> None:
    """Refuse populations without criteria or of one name, and sensitivities of nothing."""
    seen: set[str] = set()
    for population in protocol.populations:
        if population.name in seen:
            raise BadProtocol(
                f"{population.key}.name", "is the name of another population", "choose another"
            )
        seen.add(population.name)
        _some_criteria(population.key, population.criteria)
    titles = [block.title for block in protocol.analyses]
    for change in protocol.sensitivities:
        for title in change.of:
            if titles.count(title) != 1:
                reason = "two blocks have" if title in titles else "no block has"
                raise BadProtocol(
                    f"{change.key}.of", f"{reason} the title {title!r}", "give the title of one"
                )
        if not (change.criteria or change.endpoints or change.missing or change.late_entry):
            raise BadProtocol(
                change.key,
                "changes nothing",
                "give [[sensitivity.criteria]], `endpoints`, `missing` or `late_entry`",
            )


def _some_criteria(key: str, criteria: tuple[Criterion, ...]) -> None:
    if not criteria:
        table = key.partition("[")[0]
        raise BadProtocol(key, "has no criteria", f"add a [[{table}.criteria]] block")


def _check_formula(key: str, terms: str) -> None:
    if "~" in terms:
        raise BadProtocol(
            key,
            "holds a `~`",
            "write the right side alone; `endpoint` is the left one",
        )
    try:
        covariates(terms)
    except BadFormula as error:
        raise BadProtocol(key, error.reason, "mend the formula") from error


_Uses = Iterator[tuple[str, tuple[str, ...]]]


def _of_criteria(key: str, criteria: tuple[Criterion, ...]) -> _Uses:
    """The elements that criteria judge, with their keys."""
    inner = key if key == "cohort" else f"{key}.criteria"
    for i, criterion in enumerate(criteria, 1):
        yield f"{inner}[{i}].element", (criterion.element,)


def _of_block(block: Block) -> _Uses:
    """The elements that a block names, with their keys."""
    for name in ("elements", "by", "strata", "exposure", "effect", "within"):
        named = getattr(block, name, ())
        if named:
            yield f"{block.key}.{name}", (named,) if isinstance(named, str) else named
    if isinstance(block, StatesBlock):
        yield f"{block.key}.course", COURSES[block.course]
    if isinstance(block, PredictionBlock):
        yield from ((f"{block.key}.groups.{group}", names) for group, names in block.groups.items())
        if block.leave_out:
            yield f"{block.key}.leave_out", (block.leave_out,)
    for name in ("formula", "adjust", "given"):
        yield f"{block.key}.{name}", covariates(getattr(block, name, ""))
    yield from (
        (f"{block.key}.counts_if[{i}].element", (criterion.element,))
        for i, criterion in enumerate(getattr(block, "counts_if", ()), 1)
    )
