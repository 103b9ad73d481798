"""The assessment of a cut: what a reviewer must know, as plain values that can be signed.

Its parts follow the anonymisation reports that EMA Policy 0070 and Health Canada's guidance on
public release ask for: variables, adversaries, measured risk, transformations, utility, conclusion.
"""

from __future__ import annotations

from typing import Any

from haemony.privacy.anonymity import Risk
from haemony.privacy.cut import Cut
from haemony.privacy.policy import Adversary, Coarsening, Policy, Population, QuasiIdentifier

PROSECUTOR = {
    "adversary": "prosecutor",
    "knows": "that a person is among the records, and all quasi-identifiers of that person",
    "measured": "one over the records that share them, for every record",
}
JOURNALIST = {
    "adversary": "journalist",
    "knows": "the quasi-identifiers of a person, and not whether that person is among the records",
    "measured": "one over the people of the population that share them, for every record",
}
MARKETER = {
    "adversary": "marketer",
    "knows": "the quasi-identifiers of many people, and names as many as possible",
    "measured": "the share of records named rightly on average",
}
"""Whom the risk is measured for. Membership in a trial can be known, so the prosecutor counts
unless a policy says otherwise; the journalist needs a population."""


def assess(made: Cut) -> dict[str, Any]:
    """What leaves under a policy, and the risk and loss that go with it.

    Args:
        made: The cut.

    Returns:
        Plain values, ready for JSON.
    """
    policy = made.policy
    return {
        "policy": _policy(policy),
        "records": {"in": made.rows_in, "out": len(made.rows), "left out": made.suppressed},
        "variables": {
            "direct identifiers": [],
            "quasi-identifiers": [_treated(quasi, made) for quasi in policy.quasi_identifiers],
            "released": [_coarsened(how) for how in policy.released],
            "dropped": list(policy.dropped),
        },
        "adversaries": [PROSECUTOR, *([JOURNALIST] if policy.population else []), MARKETER],
        "risk": {"before": describe(made.before), "after": describe(made.after)},
        "utility": {
            "loss": dict(made.loss),
            "mean loss": sum(made.loss.values()) / len(made.loss),
            "discernibility": made.discernibility,
            "average class size": made.average_class_size,
        },
    }


def describe(risk: Risk) -> dict[str, Any]:
    """A risk as plain values."""
    empty = not risk.rows
    return {
        "records": risk.rows,
        "classes": risk.classes,
        "smallest class": risk.smallest_class,
        "unique": risk.uniques,
        "share unique": risk.unique_share,
        "share in classes below 5": risk.share_in_classes_below(5),
        "share above threshold": 0.0 if empty else risk.prosecutor.above_threshold,
        "highest prosecutor risk": 0.0 if empty else risk.prosecutor.highest,
        "mean prosecutor risk": 0.0 if empty else risk.prosecutor.mean,
        **_journalist(risk),
        "marketer risk": 0.0 if empty else risk.marketer,
        "class sizes": risk.class_sizes.to_dicts(),
    }


def _journalist(risk: Risk) -> dict[str, float]:
    """The risk against a population, where there is one."""
    if risk.journalist is None:
        return {}
    return {
        "share above threshold for a journalist": risk.journalist.above_threshold,
        "highest journalist risk": risk.journalist.highest,
        "mean journalist risk": risk.journalist.mean,
    }


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "recipient": policy.recipient,
        "context": policy.context,
        "threshold": policy.threshold,
        "records of a class": policy.k,
        "suppression limit": policy.suppression_limit,
        "recoding": policy.recoding.value,
        "models": [_model_of_threshold(policy), *map(str, policy.models)],
        "adversary": policy.adversary.value,
        "population": _population(policy.population) if policy.population else None,
        "sha256": policy.sha256,
    }


def _model_of_threshold(policy: Policy) -> str:
    alike = "anonymity" if policy.adversary is Adversary.PROSECUTOR else "map"
    return f"{policy.k}-{alike}"


def _population(population: Population) -> dict[str, Any]:
    return {
        "file": population.name,
        "people": population.frame.height,
        "sha256": population.sha256,
    }


def _treated(quasi: QuasiIdentifier, made: Cut) -> dict[str, Any]:
    return {
        "column": quasi.column,
        "treatment": quasi.treatment.value,
        "levels": quasi.hierarchy.height if quasi.hierarchy else None,
        "cells suppressed": made.cells_suppressed.get(quasi.column, 0),
        "loss": made.loss[quasi.column],
    }


def _coarsened(how: Coarsening) -> dict[str, Any]:
    told = {
        "blurred by": how.blur,
        "together with": how.together,
        "not below": how.bottom,
        "not above": how.top,
        "to the nearest": how.round_to,
        "significant digits": how.digits,
    }
    return {
        "column": how.column,
        **{name: value for name, value in told.items() if value not in (None, "")},
    }
