"""Which states a disease has, and which may follow which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from haemony.analysis.multistate.faults import BadScheme
from haemony.analysis.survival.data.arrays import Integers

ARROW = "->"


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of a scheme.

    Attributes:
        origin: the state that is left.
        target: the state that is entered.
    """

    origin: str
    target: str

    def __str__(self) -> str:
        return f"{self.origin} {ARROW} {self.target}"


@dataclass(frozen=True, slots=True)
class Scheme:
    """States and the transitions allowed between them.

    Attributes:
        name: what it describes.
        states: the S states, the usual first one first.
        transitions: the K allowed transitions, in the order in which they are written.
    """

    name: str
    states: tuple[str, ...]
    transitions: tuple[Transition, ...]

    def __post_init__(self) -> None:
        for what, names in (("state", self.states), ("transition", self.transitions)):
            twice = [str(name) for name, times in Counter(names).items() if times > 1]
            if twice:
                raise BadScheme(self.name, f"it names the {what} {twice[0]!r} twice")
        for arrow in self.transitions:
            if not {arrow.origin, arrow.target} <= set(self.states):
                raise BadScheme(self.name, f"{arrow} leads from or to an unknown state")
            if arrow.origin == arrow.target:
                raise BadScheme(self.name, f"{arrow} leads nowhere")
        if not self.transitions:
            raise BadScheme(self.name, "nothing can happen in it")

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """A scheme from lines such as "ill -> well, dead"; states in order of mention.

        >>> scheme = Scheme.read("illness–death", "healthy -> ill, dead; ill -> dead")
        >>> scheme.states, scheme.absorbing
        (('healthy', 'ill', 'dead'), ('dead',))
        """
        arrows: list[Transition] = []
        for line in text.replace(";", "\n").splitlines():
            if not line.strip():
                continue
            left, arrow, right = line.partition(ARROW)
            targets = [target.strip() for target in right.split(",")]
            if not arrow or not left.strip() or not all(targets):
                raise BadScheme(name, f"the line {line.strip()!r} cannot be read")
            arrows += [Transition(left.strip(), target) for target in targets]
        origins = dict.fromkeys(arrow.origin for arrow in arrows)
        mentioned = dict.fromkeys(
            state for arrow in arrows for state in (arrow.origin, arrow.target)
        )
        last = [state for state in mentioned if state not in origins]
        return cls(name, (*(s for s in mentioned if s in origins), *last), tuple(arrows))

    @classmethod
    def competing(cls, start: str, ends: Sequence[str], *, name: str = "competing risks") -> Self:
        """One state to leave and several ways out.

        >>> [str(arrow) for arrow in Scheme.competing("remission", ["relapse", "dead"]).transitions]
        ['remission -> relapse', 'remission -> dead']
        """
        return cls(name, (start, *ends), tuple(Transition(start, end) for end in ends))

    @property
    def absorbing(self) -> tuple[str, ...]:
        """The states that nobody leaves."""
        origins = {arrow.origin for arrow in self.transitions}
        return tuple(state for state in self.states if state not in origins)

    @property
    def transient(self) -> tuple[str, ...]:
        """The states that can be left."""
        return tuple(state for state in self.states if state not in self.absorbing)

    @property
    def index(self) -> Mapping[str, int]:
        """The position of each state."""
        return {state: i for i, state in enumerate(self.states)}

    @property
    def arrows(self) -> Integers:
        """(K, 2) positions of the origin and the target of each transition."""
        at = self.index
        pairs = [(at[arrow.origin], at[arrow.target]) for arrow in self.transitions]
        return np.array(pairs, dtype=np.intp)

    @property
    def numbers(self) -> Integers:
        """(S, S) the position of the transition from one state to another; -1 where none is."""
        table = np.full((len(self.states),) * 2, -1, dtype=np.intp)
        table[tuple(self.arrows.T)] = np.arange(len(self.transitions))
        return table

    def state(self, name: str) -> int:
        """The position of the state of this name.

        Raises:
            BadScheme: there is none.
        """
        if name not in self.states:
            raise BadScheme(self.name, f"it has no state {name!r}, only {', '.join(self.states)}")
        return self.states.index(name)

    def transition(self, name: str | Transition) -> int:
        """The position of a transition written as "remission -> relapse".

        Raises:
            BadScheme: the scheme does not allow it.
        """
        wanted = " ".join(str(name).split())
        for i, arrow in enumerate(self.transitions):
            if str(arrow) == wanted:
                return i
        allowed = ", ".join(map(str, self.transitions))
        raise BadScheme(self.name, f"it has no transition {wanted!r}, only {allowed}")

    def __str__(self) -> str:
        lines = [f"{self.name}:"]
        for state in self.transient:
            targets = [arrow.target for arrow in self.transitions if arrow.origin == state]
            lines.append(f"  {state} {ARROW} {', '.join(targets)}")
        return "\n".join(lines)


ILLNESS_DEATH = Scheme.read("illness–death", "healthy -> ill, dead; ill -> dead")

AML_COURSE = Scheme.read(
    "course of acute myeloid leukaemia",
    """
    diagnosis -> remission, dead without remission
    remission -> relapse, dead in remission
    relapse -> dead after relapse
    """,
)

AML_TRANSPLANT = Scheme.read(
    "course of acute myeloid leukaemia with transplant in first remission",
    """
    diagnosis -> remission, dead without remission
    remission -> transplant, relapse, dead in remission
    transplant -> relapse, dead after transplant
    relapse -> dead after relapse
    """,
)

PLATELET_RECOVERY = Scheme.read(
    "platelet recovery after transplant",
    """
    transplant -> platelet recovery, relapse or death
    platelet recovery -> relapse or death
    """,
)

PLASMA_CELL = Scheme.read(
    "monoclonal gammopathy to malignancy", "mgus -> malignancy, dead; malignancy -> dead"
)
