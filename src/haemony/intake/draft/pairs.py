"""Times and the columns beside them that say whether the event came: ``rel`` and ``relstat``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from haemony.intake.dictionary import ColumnType
from haemony.intake.draft.column import Column
from haemony.intake.draft.knowledge import yes_or_no
from haemony.intake.draft.words import words
from haemony.model.element import Catalogue, ValueType

_WHEN = frozenset({"day", "date", "time", "month", "year", "week", "to", "tm", "t"})
_WHETHER = frozenset({"status", "event", "cens", "censor", "indicator", "ind", "flag", "happened"})
_SHORT_TIME = re.compile(r"^t_?([a-z0-9]{1,2})$")
_SHORT_STATUS = re.compile(r"^[de]_?([a-z0-9]{1,2})$")
_BEHIND = ("c", "e", "s", "stat", "status", "event", "cens", "ind", "d")
_MOST_STATES = 3

WAITS = frozenset({"last_contact_day", "observed_until_day", "event_free_day",
                   "disease_specific_day", "entry_day", "transplant_day"})  # fmt: skip
"""Times that mean something for everybody, whether or not an event came."""

STATUS_OF = {
    "last_contact_day": "vital_status",
    "event_free_day": "event_free_status",
    "disease_specific_day": "disease_specific_status",
    "transplant_day": "transplanted",
    "complete_remission_day": "complete_remission",
}
"""The state that belongs to a day whose name does not say it."""


def pairs(columns: Sequence[Column]) -> Mapping[str, Column]:
    """The column beside each time that says whether its event came, where that is clear."""
    times = [column for column in columns if _is_time(column)]
    states = [column for column in columns if _is_state(column)]
    by_event: dict[str, list[Column]] = {}
    for state in states:
        by_event.setdefault(_event(state.name, _WHETHER, _SHORT_STATUS), []).append(state)
    by_name = {re.sub(r"[_. ]", "", state.name.lower()): state for state in states}
    found = {}
    for time in times:
        beside = _beside(time.name, by_event, by_name)
        if len(beside) == 1:
            found[time.name] = beside[0]
    only = [time for time in times if _WHEN & set(words(time.name))]
    if not found and len(only) == 1 and len(states) == 1:
        found[only[0].name] = states[0]
    return found


def _beside(
    time: str, by_event: Mapping[str, Sequence[Column]], by_name: Mapping[str, Column]
) -> tuple[Column, ...]:
    """The states about the event of one time, by the same words or as its name and an ending."""
    event = _event(time, _WHEN, _SHORT_TIME)
    same = by_event.get(event, ()) if event else ()
    if event and not same:
        spoken = set(event.split())
        within = [states for key, states in by_event.items() if key and set(key.split()) < spoken]
        same = within[0] if len(within) == 1 else ()
    short = re.sub(r"[_. ]", "", time.lower())
    longer = (by_name[short + ending] for ending in _BEHIND if short + ending in by_name)
    return tuple({state.name: state for state in (*same, *longer)}.values())


def _is_time(column: Column) -> bool:
    return column.is_numeric and column.distinct > 2 * _MOST_STATES and column.in_order[0] >= 0


def _is_state(column: Column) -> bool:
    few = column.type is ColumnType.CATEGORY and 1 < column.distinct <= _MOST_STATES
    plain = all(value.casefold() in yes_or_no() or value == "2" for value in column.values)
    return few and plain and bool(column.values)


def _event(header: str, about: frozenset[str], short: re.Pattern[str]) -> str:
    """What is left of a header without the words for *when* or *whether*."""
    if found := short.match(header.lower()):
        return found[1]
    return " ".join(word for word in words(header) if word not in about)


def state_of(day: str, catalogue: Catalogue) -> str:
    """The element that says whether the event of a day came; empty if there is none.

    Example:
        >>> from haemony.model.disease import disease
        >>> state_of("last_contact_day", disease("aml").catalogue)
        'vital_status'
    """
    state = STATUS_OF.get(day, day.removesuffix("_day"))
    is_state = state in catalogue and catalogue[state].type is ValueType.CATEGORY
    return state if is_state and state != day else ""


def came(state: Column) -> str:
    """The value of a state that says its event came, if it is clear."""
    said = [value for value in state.values if yes_or_no().get(value.casefold()) == "yes"]
    return said[0] if len(said) == 1 and len(state.values) == 2 else ""
