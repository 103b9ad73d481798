"""What each block of a plan finds, with refusals that name their block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol as Interface
from typing import TypeVar

from haemony.analysis.answers import (
    Ground,
    find_baseline,
    find_competing,
    find_comutation,
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
from haemony.analysis.evidence import Answers
from haemony.analysis.keys import BadProtocol
from haemony.analysis.protocol import Protocol
from haemony.model.errors import HaemonyError
from haemony.study.faults import CannotAnswer

Watch = Callable[[str], None]
"""Told each step by name."""


def answer(protocol: Protocol, ground: Ground, watch: Watch) -> Answers:
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
        with naming(block.key):
            found.append(find(block))
    return tuple(found)


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Say which block of the protocol a refusal comes from."""
    try:
        yield
    except BadProtocol:
        raise
    except HaemonyError as error:
        raise CannotAnswer(key, error) from error
