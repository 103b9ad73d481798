"""A disease is a value, found by entry point.

Everything haemony knows about one disease is data: its elements, the rules its patients obey, the
endpoints its studies use. Nobody imports a disease; :func:`disease` finds it among the installed
``haemony.diseases`` entry points, so a new one ships without touching the core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from typing import TypeVar

from haemony.model.element import Catalogue, ValueType, load_catalogue
from haemony.model.endpoint import (
    Anchor,
    Endpoint,
    Response,
    Unavailable,
    endpoints_of,
    later_of,
    responses_of,
    unavailable_of,
)
from haemony.model.errors import UsageError
from haemony.model.tables import TableSlip, rows

__all__ = [
    "DIAGNOSIS",
    "Disease",
    "Endpoint",
    "Rule",
    "UnknownDiagnosis",
    "UnknownDisease",
    "disease",
    "installed",
    "load_disease",
    "together",
]

Shared = TypeVar("Shared")


DIAGNOSIS = "diagnosis"
"""The element that says which disease a patient has; its values are the diseases there are."""


class UnknownDisease(UsageError):
    """No installed package brings a disease of this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__(
            f"no disease {name!r} is installed; known here: {', '.join(known) or 'none'}. "
            "Write one of these under `disease:` in contribution.yaml"
        )


class UnknownDiagnosis(UsageError):
    """A contribution names a diagnosis that the catalogue does not hold."""

    def __init__(self, diagnosis: str) -> None:
        self.diagnosis = diagnosis
        super().__init__(
            f"{diagnosis!r} is no value of the element {DIAGNOSIS}; `haemony elements {DIAGNOSIS} "
            "--json` lists them. Write one under `diagnosis:` in contribution.yaml"
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A clinical or temporal truth about one patient, over element names.

    Attributes:
        name: What a curator reads: the truth itself.
        expression: SQL expression over element names; null where a value it needs is missing.
        sets_aside: Elements whose values are kept aside when the rule is broken.
        tolerance: Largest share of judged patients that may break it at quality level 3.
        reason: Why the rule holds.
    """

    name: str
    expression: str
    sets_aside: tuple[str, ...]
    tolerance: float
    reason: str


@dataclass(frozen=True, eq=False)
class Disease:
    """One blood cancer: its words, its rules, its endpoints.

    Attributes:
        code: Short name used in files (``aml``).
        name: Full name.
        diagnosis: The value of the element *diagnosis* that its patients have unless their source
            says something more exact.
        catalogue: Its elements, the shared ones included.
        rules: What must hold for its patients.
        endpoints: Its time-to-event endpoints, by name.
        studies: Protocols that ship with the disease, by name.
        core: Elements that a study of it cannot do without; quality level 2 asks for them.
        core_share: Share of patients that must have each core element at quality level 2.
        unavailable: Endpoints that people ask for and its catalogue cannot tell, by name.
        responses: The categories of the response criteria that its field uses, with their year.
        later: Elements whose value is known only after day 0, and when.
    """

    code: str
    name: str
    diagnosis: str
    catalogue: Catalogue
    rules: tuple[Rule, ...]
    endpoints: Mapping[str, Endpoint]
    studies: Mapping[str, Traversable]
    core: frozenset[str]
    core_share: float = 0.8
    unavailable: Mapping[str, Unavailable] = field(default_factory=dict)
    responses: tuple[Response, ...] = ()
    later: Mapping[str, Anchor] = field(default_factory=dict)


def load_disease(code: str, name: str, *folders: Traversable, diagnosis: str = "") -> Disease:
    """Build a disease from its folders of tables, shared ones first.

    Args:
        code: Short name used in files.
        name: Full name.
        folders: Folders of tables.
        diagnosis: Value of the element *diagnosis*; the full name unless given.

    Raises:
        TableSlip: When a table cannot be understood, or the diagnosis is none of the values.
    """
    rules = tuple(
        Rule(
            row["rule"],
            row["expression"],
            tuple(row["sets_aside"].split()),
            float(row["tolerance"]),
            row["reason"],
        )
        for folder in folders
        if (folder / "rules.csv").is_file()
        for _, row in rows(folder / "rules.csv")
    )
    studies = {
        protocol.name.removesuffix(".toml"): protocol
        for folder in folders
        if (folder / "studies").is_dir()
        for protocol in (folder / "studies").iterdir()
        if protocol.name.endswith(".toml")
    }
    catalogue = load_catalogue(*folders)
    if (diagnosis or name) not in catalogue[DIAGNOSIS].codes:
        raise TableSlip("values.csv", 0, f"{diagnosis or name!r} is no value of {DIAGNOSIS!r}")
    core = frozenset(
        row["element"]
        for folder in folders
        if (folder / "core.csv").is_file()
        for _, row in rows(folder / "core.csv")
        if row["disease"] in {"", code}
    )
    if strange := sorted(core - set(catalogue)):
        raise TableSlip("core.csv", 0, f"no element is called {', '.join(strange)}")
    endpoints = endpoints_of(folders)
    return Disease(
        code,
        name,
        diagnosis or name,
        catalogue,
        rules,
        endpoints,
        studies,
        core,
        unavailable=unavailable_of(folders, endpoints),
        responses=responses_of(folders),
        later=_later(folders, catalogue),
    )


def _later(folders: Iterable[Traversable], catalogue: Catalogue) -> dict[str, Anchor]:
    """When elements become known: days as they come, all else by the table ``later.csv``."""
    said = later_of(folders)
    if strange := sorted(set(said) - set(catalogue)):
        raise TableSlip("later.csv", 0, f"no element is called {', '.join(strange)}")
    days = (e for e in catalogue.elements.values() if e.type is ValueType.DAY)
    return {**{e.name: Anchor.FOLLOW_UP for e in days}, **said}


def together(diseases: Iterable[Disease]) -> Disease:
    """Several diseases as one: the union of what each knows.

    Elements and endpoints that several share are the same tables, so that none can contradict
    another; a single disease is itself.

    Raises:
        TableSlip: When two diseases define a name in two ways.

    Example:
        >>> together([disease("aml"), disease("mds")]).code
        'aml+mds'
    """
    known = sorted(set(diseases), key=lambda one: one.code)
    if len(known) == 1:
        return known[0]
    return Disease(
        "+".join(one.code for one in known),
        ", ".join(one.name for one in known),
        known[0].diagnosis,
        Catalogue(
            _union("elements.csv", (one.catalogue.elements for one in known)),
            _union("genes.csv", (one.catalogue.genes for one in known)),
        ),
        tuple(dict.fromkeys(rule for one in known for rule in one.rules)),
        _union("endpoints.csv", (one.endpoints for one in known)),
        _union("studies", (one.studies for one in known)),
        frozenset.intersection(*(one.core for one in known)),
        min(one.core_share for one in known),
        _not_there(known),
        tuple(dict.fromkeys(response for one in known for response in one.responses)),
        _union("later.csv", (one.later for one in known)),
    )


def _not_there(known: Iterable[Disease]) -> dict[str, Unavailable]:
    """What none of several diseases can tell."""
    parts = list(known)
    told = {name for one in parts for name in one.endpoints}
    whole = {name: one for part in parts for name, one in part.unavailable.items()}
    return {name: one for name, one in whole.items() if name not in told}


def _union(table: str, parts: Iterable[Mapping[str, Shared]]) -> dict[str, Shared]:
    whole: dict[str, Shared] = {}
    for part in parts:
        for name, value in part.items():
            if whole.setdefault(name, value) != value:
                raise TableSlip(table, 0, f"{name!r} is defined in two ways by two diseases")
    return whole


def installed() -> tuple[str, ...]:
    """The codes of the installed diseases, sorted.

    Example:
        >>> "aml" in installed()
        True
    """
    return tuple(sorted(entry.name for entry in entry_points(group="haemony.diseases")))


def disease(code: str) -> Disease:
    """Find an installed disease by its code.

    Raises:
        UnknownDisease: When no entry point of that name is installed.

    Example:
        >>> disease("aml").name
        'acute myeloid leukaemia'
    """
    found = {entry.name: entry for entry in entry_points(group="haemony.diseases")}
    if code not in found:
        raise UnknownDisease(code, tuple(sorted(found)))
    loaded = found[code].load()
    if not isinstance(loaded, Disease):
        raise UnknownDisease(code, tuple(sorted(found)))
    return loaded
