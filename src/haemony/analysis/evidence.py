"""What a study found: every estimate with the release, the patients and the gaps it rests on.

The values here are exact. What is written to files passes through the small-cell rules of
`haemony.analysis.report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from haemony.analysis import survival, wording
from haemony.analysis.cohorts import Cohort
from haemony.analysis.describe import TableOne, describe
from haemony.analysis.protocol import BadProtocol, Baseline, CoxBlock, Protocol, SurvivalBlock
from haemony.analysis.survival.arrays import Floats
from haemony.model.disease import Endpoint
from haemony.model.element import Catalogue, Element

GROUP = "group"


@dataclass(frozen=True, slots=True)
class Source:
    """One contribution the patients came from.

    Attributes:
        id: its name.
        title: what it is.
        patients: how many persons it brought to the release.
        level: the quality level it reached.
        in_silico: whether its patients are made up.
        conditions: its conditions of use.
    """

    id: str
    title: str
    patients: int
    level: int
    in_silico: bool
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where every number of a study is from.

    Attributes:
        release: the number of the release.
        manifest: SHA-256 of its manifest.
        content: hash of what the release says, whatever program wrote its files.
        haemony: the version of the program that computed.
        disease: the name of the disease.
        protocol: SHA-256 of the protocol file.
        seed: where random draws would start.
        sources: the contributions.
    """

    release: int
    manifest: str
    content: str
    haemony: str
    disease: str
    protocol: str
    seed: int
    sources: tuple[Source, ...]

    @property
    def in_silico(self) -> bool:
        """Whether any patient is made up."""
        return any(source.in_silico for source in self.sources)


@dataclass(frozen=True, eq=False)
class EndpointFound:
    """One endpoint over the whole cohort.

    Attributes:
        endpoint: its definition.
        curve: survival of everybody.
        follow_up: how long they were watched, censoring being the event.
        missing: members whose time or event is unknown.
    """

    endpoint: Endpoint
    curve: survival.Curve
    follow_up: survival.Curve
    missing: int


@dataclass(frozen=True, eq=False)
class BaselineFound:
    """A baseline table, ready for words."""

    block: Baseline
    table: TableOne
    elements: tuple[Element, ...]


@dataclass(frozen=True, eq=False)
class SurvivalFound:
    """Survival by group.

    Attributes:
        block: what was asked.
        endpoint: the endpoint's definition.
        curves: one curve per group, named as people read it.
        test: the log-rank test; None for a single group.
        everyone: the curve of all groups together.
        missing: members left out, and why.
    """

    block: SurvivalBlock
    endpoint: Endpoint
    curves: tuple[survival.Curve, ...]
    test: survival.LogRank | None
    everyone: survival.Curve
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class ModelFound:
    """A Cox model with its diagnostics.

    Attributes:
        block: what was asked.
        endpoint: the endpoint's definition.
        fit: the model.
        labels: its coefficients as people read them.
        hazards: the test of proportional hazards.
        residuals: the scaled Schoenfeld residuals behind it.
        influence: per coefficient, the largest change by leaving out one patient, in standard
            errors.
    """

    block: CoxBlock
    endpoint: Endpoint
    fit: survival.CoxFit
    labels: tuple[str, ...]
    hazards: survival.ProportionalHazards
    residuals: survival.Schoenfeld
    influence: Floats

    @property
    def term_labels(self) -> tuple[str, ...]:
        """The terms as people read them: that of their coefficient, or the term's own name."""
        return tuple(
            self.labels[position[0]] if len(position) == 1 else term
            for term, position in self.fit.data.terms
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything a study found."""

    protocol: Protocol
    provenance: Provenance
    catalogue: Catalogue
    cohort: Cohort
    endpoints: tuple[EndpointFound, ...]
    baselines: tuple[BaselineFound, ...]
    survival: tuple[SurvivalFound, ...]
    models: tuple[ModelFound, ...]


def find_endpoint(members: pl.DataFrame, endpoint: Endpoint) -> EndpointFound:
    """Estimate an endpoint over the whole cohort."""
    formula = f"{_response(endpoint)} ~ 1"
    estimate = survival.kaplan_meier(formula, members)
    watched = survival.follow_up(formula, members)
    return EndpointFound(endpoint, estimate.curves[0], watched.curves[0], estimate.missing.rows)


def find_baseline(members: pl.DataFrame, block: Baseline, catalogue: Catalogue) -> BaselineFound:
    """Describe the cohort at baseline."""
    elements = tuple(catalogue[name] for name in block.elements)
    if not block.by:
        table = describe(members, block.elements)
    else:
        cuts = {block.by: block.cuts} if block.cuts else {}
        groups = grouping(members, (block.by,), cuts, catalogue, f"{block.key}.by")
        table = describe(
            members.with_columns(groups.alias(GROUP)),
            block.elements,
            by=GROUP,
            comparison=block.compare,
        )
    return BaselineFound(block, table, elements)


def find_survival(
    members: pl.DataFrame, block: SurvivalBlock, endpoint: Endpoint, catalogue: Catalogue
) -> SurvivalFound:
    """Estimate survival by group and compare the groups."""
    groups = grouping(members, block.by, block.cuts, catalogue, f"{block.key}.by")
    needed = [f"{endpoint.name}_days", f"{endpoint.name}_event", *block.by]
    grouped = members.with_columns(groups.alias(GROUP))
    complete = grouped.drop_nulls(needed)
    counts = {name: members[name].null_count() for name in needed}
    missing = survival.Missing(
        rows=members.height - complete.height,
        by_variable={name: count for name, count in counts.items() if count},
    )
    estimate = survival.kaplan_meier(f"{_response(endpoint)} ~ {GROUP}", complete)
    strata = "".join(f" + strata({name})" for name in block.strata)
    test = (
        survival.logrank(f"{_response(endpoint)} ~ {GROUP}{strata}", complete)
        if len(estimate.curves) > 1
        else None
    )
    everyone = survival.kaplan_meier(f"{_response(endpoint)} ~ 1", complete).curves[0]
    return SurvivalFound(
        block=block,
        endpoint=endpoint,
        curves=tuple(_renamed(curve) for curve in estimate.curves),
        test=test,
        everyone=everyone,
        missing=missing,
    )


def find_model(
    members: pl.DataFrame, block: CoxBlock, endpoint: Endpoint, catalogue: Catalogue
) -> ModelFound:
    """Fit a Cox model and look whether it can be believed."""
    fit = survival.cox(block.formula, members)
    categories = fit.design.categories if fit.design else {}
    references = {name: levels[0] for name, levels in categories.items()}
    labels = tuple(
        wording.coefficient(name, catalogue, references, block.labels) for name in fit.names
    )
    change = np.abs(survival.dfbeta(fit)).max(axis=0) / fit.standard_errors
    return ModelFound(
        block=block,
        endpoint=endpoint,
        fit=fit,
        labels=labels,
        hazards=survival.proportional_hazards(fit),
        residuals=survival.schoenfeld(fit),
        influence=change,
    )


def grouping(
    members: pl.DataFrame,
    names: Sequence[str],
    cuts: Mapping[str, tuple[float, ...]],
    catalogue: Catalogue,
    key: str,
) -> pl.Series:
    """The group of each member: an Enum of readable labels, null where an element is unknown.

    Args:
        members: one row per member.
        names: the elements whose combinations are the groups; one group without any.
        cuts: where numeric elements are cut; at their median unless given.
        catalogue: the elements.
        key: where the protocol asks for it, for messages.
    """
    for name in cuts:
        if name not in names or not members[name].dtype.is_numeric():
            raise BadProtocol(
                f"{key} cuts", f"cut {name!r}, which is no number of `by`", "leave it out"
            )
    parts = [_labels(members[name], catalogue[name], cuts.get(name, ())) for name in names]
    labels, column = [""], pl.Series(GROUP, [""] * members.height)
    for order, part in parts:
        labels = [f"{before}, {label}" if before else label for before in labels for label in order]
        column = (column + ", " + part).str.strip_prefix(", ")
    used = set(column.drop_nulls())
    order = [label or "all" for label in dict.fromkeys(labels) if label in used]
    return column.replace({"": "all"}).cast(pl.Enum(order))


def _labels(
    column: pl.Series, element: Element, cuts: tuple[float, ...]
) -> tuple[list[str], pl.Series]:
    """The labels of one element's groups in order, and each member's label."""
    if column.dtype.is_numeric():
        return _intervals(column.cast(pl.Float64), element, cuts)
    codes = (
        column.dtype.categories
        if isinstance(column.dtype, pl.Enum)
        else column.cast(pl.String).drop_nulls().unique().sort()
    )
    order = {code: wording.group(element, code) for code in codes}
    return list(order.values()), column.cast(pl.String).replace_strict(
        order, default=None, return_dtype=pl.String
    )


def _intervals(
    column: pl.Series, element: Element, cuts: tuple[float, ...]
) -> tuple[list[str], pl.Series]:
    """Groups below the first cut, from each cut to the next, and from the last on."""
    middle = column.median()
    points = cuts or ((float(middle),) if isinstance(middle, float) else (0.0,))
    told = [f"{point:g}" for point in points]
    per = f" {wording.unit(element)}".rstrip()
    order = [
        f"{element.label} below {told[0]}{per}",
        *(f"{element.label} {a} to below {b}{per}" for a, b in pairwise(told)),
        f"{element.label} {told[-1]}{per} or more",
    ]
    above = pl.DataFrame({name: column >= point for name, point in zip(told, points, strict=True)})
    position = above.select(pl.sum_horizontal(pl.all(), ignore_nulls=False)).to_series()
    names = dict(enumerate(order))
    return order, position.replace_strict(names, default=None, return_dtype=pl.String)


def _renamed(curve: survival.Curve) -> survival.Curve:
    return survival.Curve(**{**vars(curve), "group": curve.group.removeprefix(f"{GROUP}=")})


def _response(endpoint: Endpoint) -> str:
    return f"Surv({endpoint.name}_days, {endpoint.name}_event)"
