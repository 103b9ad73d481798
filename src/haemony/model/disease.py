"""A disease is a value, found by entry point.

Everything haemony knows about one disease is data: its elements, the rules its patients obey, the
endpoints its studies use. Nobody imports a disease; :func:`disease` finds it among the installed
``haemony.diseases`` entry points, so a new one ships without touching the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable

from haemony.model.element import Catalogue, load_catalogue
from haemony.model.errors import UsageError
from haemony.model.tables import rows


class UnknownDisease(UsageError):
    """No installed package brings a disease of this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__(
            f"no disease {name!r} is installed; known here: {', '.join(known) or 'none'}. "
            "Write one of these under `disease:` in contribution.yaml"
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A time-to-event endpoint: a rule with a version.

    Attributes:
        name: Prefix of its two columns, ``<name>_days`` and ``<name>_event``.
        label: What charts show.
        version: Version of the definition; results carry it.
        days: SQL expression for the time in days from the endpoint's origin.
        event: SQL expression that is true when the event happened.
        definition: The definition in words: origin, events, censoring.
    """

    name: str
    label: str
    version: str
    days: str
    event: str
    definition: str


@dataclass(frozen=True)
class Disease:
    """One blood cancer: its words, its rules, its endpoints.

    Attributes:
        code: Short name used in files (``aml``).
        name: Full name.
        condition_concept_id: The OMOP condition every patient of it has.
        catalogue: Its elements, the shared ones included.
        rules: What must hold for its patients.
        endpoints: Its time-to-event endpoints, by name.
        studies: Protocols that ship with the disease, by name.
        core_share: Share of patients that must have each core element at quality level 2.
    """

    code: str
    name: str
    condition_concept_id: int
    catalogue: Catalogue
    rules: tuple[Rule, ...]
    endpoints: Mapping[str, Endpoint]
    studies: Mapping[str, Traversable]
    core_share: float = 0.8


def load_disease(code: str, name: str, condition_concept_id: int, *folders: Traversable) -> Disease:
    """Build a disease from its folders of tables, shared ones first."""
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
    endpoints = {
        row["name"]: Endpoint(**row)
        for folder in folders
        if (folder / "endpoints.csv").is_file()
        for _, row in rows(folder / "endpoints.csv")
    }
    studies = {
        protocol.name.removesuffix(".toml"): protocol
        for folder in folders
        if (folder / "studies").is_dir()
        for protocol in (folder / "studies").iterdir()
        if protocol.name.endswith(".toml")
    }
    catalogue = load_catalogue(*folders)
    return Disease(code, name, condition_concept_id, catalogue, rules, endpoints, studies)


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
