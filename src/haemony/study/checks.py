"""What is refused: before data are read, and once it is known who is in the cohort."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from haemony.analysis.evidence import Source
from haemony.analysis.keys import BadProtocol
from haemony.analysis.protocol import Protocol
from haemony.intake.contribution import Origin
from haemony.model.disease import Disease
from haemony.model.endpoint import Anchor, Endpoint
from haemony.model.errors import UsageError, meant
from haemony.study.faults import CannotPool, NotRecorded, WrongRelease
from haemony.study.pool import OWNER, Pool, with_contribution


def check_can_run(protocol: Protocol, release: Pool) -> None:
    """Refuse a protocol that this release cannot answer, before anybody's data are read.

    Raises:
        WrongRelease: When it is for another release.
        BadProtocol: When it names what the disease does not have.
    """
    if protocol.release not in (None, release.number):
        raise WrongRelease(protocol.release or 0, release.number)
    known = with_contribution(release)
    _check_pooling_names(protocol, release)
    for key, name in protocol.asked:
        if name not in known.endpoints:
            raise BadProtocol(key, *_no_endpoint(known, name))
    columns = {f"{name}_{part}" for name in known.endpoints for part in ("days", "event")}
    for key, name in protocol.uses:
        may_be_endpoint = key.endswith(".element") or key.endswith("formula")
        if name in known.catalogue or (may_be_endpoint and name in columns):
            continue
        try:
            known.catalogue[name]
        except UsageError as error:
            reason, _, remedy = str(error).partition("; ")
            raise BadProtocol(key, reason, remedy) from error


def _check_pooling_names(protocol: Protocol, release: Pool) -> None:
    """Refuse to pool what nothing is called: a slip of the pen would pool nothing, in silence."""
    facts = (str(member.facts.get("origin", "")) for member in release.manifest.members)
    origins = sorted({*(origin.value for origin in Origin), *filter(None, facts)})
    for key, kind, names, known in (
        ("pooling.origins", "time origin", protocol.pooling.origins, origins),
        (
            "pooling.definitions",
            "endpoint",
            protocol.pooling.definitions,
            list(release.disease.endpoints),
        ),
    ):
        for name in names:
            if name not in known:
                raise BadProtocol(
                    key,
                    f"there is no {kind} {name!r}",
                    f"{meant(name, known)}choose from {', '.join(known)}",
                )


def _no_endpoint(known: Disease, name: str) -> tuple[str, str]:
    """Why a disease has no such endpoint, and what to do."""
    guess = meant(name, known.endpoints, most=3)
    choose = f"{guess}choose one of {', '.join(known.endpoints)}"
    if name in known.unavailable:
        missing = known.unavailable[name]
        return f"{missing.label} is not available for {known.name}: {missing.reason}", choose
    return f"there is no endpoint {name!r}", choose


def check_recorded(protocol: Protocol, known: Disease, members: pl.DataFrame) -> None:
    """Refuse analyses that need what nobody in the cohort has.

    Raises:
        NotRecorded: It names the elements that are needed.
    """
    for key, name in protocol.asked:
        end = known.endpoints[name]
        if not members[f"{name}_days"].count():
            needs = [element for element in known.catalogue if element in end.names]
            raise NotRecorded(key, end.label, needs)
    for key, name in protocol.uses:
        part = key.rpartition(".")[2]
        if part in _NEEDED and name in members.columns and not members[name].count():
            label = known.catalogue[name].label if name in known.catalogue else name
            raise NotRecorded(key, label, [name])


_NEEDED = {"by", "strata", "exposure", "effect", "within", "formula", "adjust", "given"}
"""The keys of a block whose elements it cannot do without."""


def check_pooling(
    protocol: Protocol, end: Endpoint, members: pl.DataFrame, sources: Sequence[Source]
) -> None:
    """Refuse to mix clocks or definitions that the protocol does not name.

    Raises:
        CannotPool: When sources differ in it.
    """
    timed = members.filter(pl.col(f"{end.name}_days").is_not_null())
    having = set(timed[OWNER].drop_nulls())
    bringing = [source for source in sources if source.id in having]
    origins = sorted({source.origin for source in bringing if source.origin})
    if end.origin is Anchor.DAY_0 and len(origins) > 1:
        unnamed = set(origins) - set(protocol.pooling.origins)
        if unnamed:
            raise CannotPool(end.label, "time origins", "origins", origins)
    if end.own and len(bringing) > 1 and end.name not in protocol.pooling.definitions:
        raise CannotPool(end.label, "definitions of their own", "definitions", [end.name])
