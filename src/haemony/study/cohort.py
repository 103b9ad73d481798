"""The people of a study: who is in it, from where, with every endpoint's clock running."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from haemony.analysis.answers import Ground
from haemony.analysis.blocks import LandmarkBlock, TimeDependentBlock, covariates
from haemony.analysis.cautions import Setting
from haemony.analysis.clocks import ENTRY, wind
from haemony.analysis.cohorts import Cohort, select
from haemony.analysis.evidence import PopulationFound, Source
from haemony.analysis.protocol import Protocol
from haemony.model.disease import Disease
from haemony.model.disease import disease as disease_of
from haemony.model.errors import HaemonyError
from haemony.study.checks import check_pooling, check_recorded
from haemony.study.faults import EmptyCohort
from haemony.study.pool import CONTRIBUTION, OWNER, Pool, with_contribution


@dataclass(frozen=True, eq=False)
class Ready:
    """A cohort whose clocks run."""

    cohort: Cohort
    populations: tuple[PopulationFound, ...]
    ground: Ground
    sources: tuple[Source, ...]
    setting: Setting


def everybody(protocol: Protocol, release: Pool) -> pl.DataFrame:
    """Everybody in the release, with what the study needs and the contribution they came with."""
    known = with_contribution(release)
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
    """The days on which what an exposure needs becomes known, where elements hold them."""
    blocks: list[LandmarkBlock | TimeDependentBlock]
    blocks = [*protocol.landmarks, *protocol.time_dependent]
    for block in blocks:
        conditions = (criterion.element for criterion in block.counts_if)
        for name in (*covariates(block.adjust), *block.strata, *conditions):
            if name in known.later and known.later[name].element in known.catalogue:
                yield known.later[name].element


def ready(protocol: Protocol, people: pl.DataFrame, release: Pool) -> Ready:
    """Select the cohort and its parts, and start every endpoint's clock."""
    known = with_contribution(release)
    cohort = select(people, protocol.criteria)
    if cohort.table.is_empty():
        raise EmptyCohort(
            next((s.criterion.label for s in cohort.steps if not s.remaining), "none")
        )
    sources = _sources(release, cohort.table)
    check_recorded(protocol, known, cohort.table)
    members, clocks = cohort.table, {}
    for name in protocol.endpoints:
        end = known.endpoints[name]
        check_pooling(protocol, end, members, sources)
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
        protocol.minimum_cell,
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
    return Ready(cohort, populations, ground, sources, setting)


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
