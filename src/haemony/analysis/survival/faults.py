"""What a survival analysis can refuse, each fault naming its cause and the next step."""

from __future__ import annotations

import re
from collections.abc import Sequence

from haemony.model.errors import HaemonyError, UsageError


class BadFormula(UsageError):
    """A model formula says something the survival analyses do not understand."""

    def __init__(self, formula: str, *, reason: str) -> None:
        self.formula, self.reason = formula, reason
        super().__init__(
            f"cannot use the formula {formula!r}: {reason}; "
            f'write it like "Surv(os_days, os_event) ~ age + NPM1 + strata(study)"'
        )


class BadTable(UsageError):
    """A table is not one, or its columns do not fit together."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")


class UnknownColumn(UsageError):
    """A formula names a column that the table does not have."""

    def __init__(self, column: str, *, nearest: Sequence[str], known: Sequence[str] = ()) -> None:
        self.column, self.nearest, self.known = column, tuple(nearest), tuple(known)
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        super().__init__(f"the table has no column {column!r}{hint or _said_of(self.known)}")


class UnknownCoefficient(UnknownColumn):
    """A coefficient is asked for that a model does not have."""

    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        super().__init__(name, nearest=())
        self.known = _without_levels(known)
        self.args = (
            f"the model has no coefficient {name!r}; write it as its table does, it has those of "
            f"{', '.join(self.known[:LISTED])}",
        )


LISTED = 12
"""How many columns a refusal lists."""


def _said_of(known: Sequence[str]) -> str:
    """What there is, when nothing has a name like it."""
    listed = ", ".join(map(repr, known[:LISTED]))
    more = len(known) - LISTED
    rest = f" and {more:,} more" if more > 0 else ""
    return f"; it has {listed}{rest}" if known else ""


class BadResponse(UsageError):
    """Times and events do not describe a follow-up."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")


class BadCovariate(UsageError):
    """A column cannot serve as a covariate, a group, a weight or an offset."""

    def __init__(self, name: str, *, reason: str, remedy: str) -> None:
        self.name, self.reason, self.remedy = name, reason, remedy
        super().__init__(f"{name!r} {reason}; {remedy}")


class NothingToAnalyse(HaemonyError):
    """No row, no event or no group is left for the analysis."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")


class ConstantCovariate(HaemonyError):
    """A covariate takes one value in every patient that is analysed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = _without_levels(names)
        super().__init__(
            f"no difference to estimate: {', '.join(self.names)} never varies among the patients "
            f"analysed; leave it out, or look at which rows were dropped as incomplete"
        )


class CollinearCovariates(HaemonyError):
    """Some covariates are sums of others, or do not vary where they are compared.

    Covariates are named by their columns alone: a level may be what a patient has told.
    """

    def __init__(self, redundant: Sequence[str], *, given: Sequence[str]) -> None:
        self.redundant, self.given = _without_levels(redundant), _without_levels(given)
        cause = "has one value among those at risk"
        remedy = "leave it out, or look at its rare levels and at the strata"
        if given:
            cause = f"follows from {', '.join(self.given)}"
            remedy = "leave one of them out, or a level that few patients have"
        super().__init__(
            f"{', '.join(self.redundant)} {cause} at every event time, so its effect cannot be "
            f"told apart; {remedy}"
        )


def _without_levels(names: Sequence[str]) -> tuple[str, ...]:
    """The columns of coefficients such as "sex[male]", each once."""
    return tuple(dict.fromkeys(re.sub(r"\[[^\]]*\]", "", name) for name in names))


class BeyondFollowUp(UsageError):
    """A horizon lies after the last follow-up of a group.

    The last time is that of one patient, and a group may be named by what a patient has told: both
    are attributes, for code that knows whom it serves, and neither is in the words.
    """

    def __init__(self, horizon: float, *, group: str, last: float) -> None:
        self.horizon, self.group, self.last = horizon, group, last
        super().__init__(
            f"the horizon {horizon:g} lies beyond the follow-up of a group that is asked "
            f"about; choose an earlier one: the last times in the table of kaplan_meier by the "
            f"same groups say how long each is followed"
        )
