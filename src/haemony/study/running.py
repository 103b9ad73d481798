"""One question, answered from one release: the story of a study, in one function."""

from __future__ import annotations

import platform
from importlib.metadata import version

from haemony.analysis.answers import find_endpoint
from haemony.analysis.cautions import cautions, worst_first
from haemony.analysis.evidence import Provenance, Source
from haemony.analysis.freezing import Frozen, Ledger, deviations, earlier_runs, remember
from haemony.analysis.prediction import trees
from haemony.analysis.protocol import Protocol
from haemony.study.blocks import Watch, answer, naming
from haemony.study.changes import only_in_changes, run_again
from haemony.study.checks import check_can_run
from haemony.study.cohort import everybody, ready
from haemony.study.pool import Pool, with_contribution
from haemony.study.result import StudyResult


def run(
    protocol: Protocol,
    release: Pool,
    watch: Watch = lambda _step: None,
    *,
    frozen: Frozen | None = None,
    ledger: Ledger | None = None,
) -> StudyResult:
    """Answer one question from one release.

    Args:
        protocol: The question, from :func:`load`.
        release: The people.
        watch: Told each step by name.
        frozen: The plan as it was frozen, from :func:`read_record`; what was changed since is
            listed.
        ledger: The governance store of the workspace, which keeps the run and knows earlier ones.

    Raises:
        WrongRelease: When the protocol is for another release.
        BadProtocol: When it names an element, a value or an endpoint that the disease lacks.
        EmptyCohort: When nobody meets the criteria.
        NotRecorded: When an analysis needs what nobody in the cohort has.
        CannotPool: When sources differ in what the protocol does not name.
        CannotAnswer: When an analysis is impossible on this cohort; it names the block.
    """
    check_can_run(protocol, release)
    watch("read the release")
    people = everybody(protocol, release)
    watch("select the cohort")
    begun = ready(protocol, people, release)
    setting = begun.setting
    watch("estimate endpoints")
    with naming("endpoint"):
        endpoints = tuple(
            find_endpoint(begun.ground.members, begun.ground.clocks[name])
            for name in protocol.endpoints
            if name not in only_in_changes(protocol)
        )
    answers = answer(protocol, begun.ground, watch)
    changes = tuple(
        run_again(change, protocol, people, release, answers, watch)
        for change in protocol.sensitivities
    )
    earlier = earlier_runs(protocol, ledger, before=frozen.time) if ledger and frozen else None
    if ledger:
        remember(protocol, release.number, ledger)
    return StudyResult(
        **vars(answers),
        protocol=protocol,
        provenance=_provenance(protocol, release, begun.sources),
        catalogue=with_contribution(release).catalogue,
        cohort=begun.cohort,
        populations=begun.populations,
        endpoints=endpoints,
        sensitivities=changes,
        cautions=worst_first(cautions(answers, setting)),
        frozen=frozen,
        deviations=deviations(frozen, protocol) if frozen else (),
        earlier=earlier,
    )


def _provenance(protocol: Protocol, release: Pool, sources: tuple[Source, ...]) -> Provenance:
    return Provenance(
        release=release.number,
        manifest=release.manifest.sha256,
        content=release.manifest.content,
        haemony=version("haemony"),
        environment={
            "Python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "scipy", "polars")},
            **_trees(protocol),
        },
        disease=", ".join(dict.fromkeys(s.disease for s in sources if s.studied and s.disease))
        or release.disease.name,
        protocol=protocol.sha256,
        seed=protocol.seed,
        sources=sources,
    )


def _trees(protocol: Protocol) -> dict[str, str]:
    """The library of forests, where one was grown."""
    asked = any("forest" in block.models for block in protocol.predictions)
    found = trees.installed() if asked else ""
    return {"xgboost": found} if found else {}
