"""One cut's story, from a release to what may leave: select → cut → compare → sign, or refuse.

What leaves the lake is generalised, measured, attacked, and refused when it misses its policy. Its
records carry pseudonyms of their own, which no other cut shares. The noise of blurred numbers
belongs to people, and is the same in every cut: who averages cuts averages nothing away.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from haemony.analysis import survival
from haemony.lake import Release
from haemony.lake.manifest import canonical
from haemony.lake.signing import Signer
from haemony.lake.store import hash_file, write_bytes, writing
from haemony.model.element import Identifying, ValueType
from haemony.model.errors import HaemonyError, UsageError
from haemony.parties.party import AlreadyThere
from haemony.privacy import Risk, risk
from haemony.privacy.assessment import assess
from haemony.privacy.attacks import Verdict
from haemony.privacy.blurring import Keyed
from haemony.privacy.cut import Cut, PolicyMissed, cut
from haemony.privacy.policy import Policy, UtilityPlan
from haemony.privacy.resistance import Tried, resist
from haemony.workspace import Workspace

Watch = Callable[[str], None]
RECORD = "record"
PSEUDONYM_DIGITS = 16


class NoReferenceModel(UsageError):
    """The reference model of a policy cannot be fitted."""

    def __init__(self, policy: str, cause: HaemonyError) -> None:
        super().__init__(f"the reference model of {policy!r} cannot be fitted: {cause}")


class OtherPolicy(UsageError):
    """The file is not the policy that was read."""

    def __init__(self, source: Path) -> None:
        super().__init__(f"{source.name} was changed while it was used; try again")


class QuasiReleased(UsageError):
    """A policy releases what the catalogue knows as a quasi-identifier."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"{', '.join(columns)} tells people apart and may not be released untreated; name it "
            "under quasi_identifiers, or under dropped"
        )


@dataclass(frozen=True)
class Export:
    """What has left.

    Attributes:
        folder: Where it lies: table, policy, assessment, manifest, signature.
        cut: The records and their risk.
        assessment: What a reviewer must know, as plain values.
    """

    folder: Path
    cut: Cut
    assessment: dict[str, Any]


def export(
    release: Release,
    policy: Policy,
    workspace: Workspace,
    folder: Path,
    *,
    source: Path,
    page: Callable[[dict[str, Any]], str],
    watch: Watch = lambda _step: None,
) -> Export:
    """Cut a release to what may leave under a policy, and write it with its signed assessment.

    Args:
        release: What to cut.
        policy: What may leave.
        workspace: Whose keys sign, and whose ledger remembers.
        folder: Absent or empty.
        source: The policy's file; a copy travels with the cut.
        page: Makes of the assessment a page for people; it is signed with the rest.
        watch: Told each step by name.

    Raises:
        PolicyMissed: When the cut misses its policy; nothing is written.
        UnknownElement: When the policy names what the release does not know.
        NoReferenceModel: When the reference model cannot be fitted.
        AlreadyThere: When the folder holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AlreadyThere(folder)
    _check_roles(release, policy)
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != policy.sha256:
        raise OtherPolicy(source)
    watch("select")
    table = release.features(list(policy.columns))
    subject = f"release {release.number}, {policy.name}"[:255]
    try:
        watch("cut")
        draws = Keyed(workspace.keys.secret("cuts"), table["person_id"].to_list())
        made = cut(table.drop("person_id"), policy, draws)
        watch("attack")
        attacks = _attacked(table, policy)
        watch("compare")
        utility = _compare(table, made, policy)
    except PolicyMissed as missed:
        details = {"reasons": list(missed.reasons)}
        workspace.governance.record("export refused", subject, details)
        raise
    assessment = {
        "release": {"number": release.number, "manifest": release.manifest.sha256},
        "earlier cuts": earlier_cuts(workspace, release),
        "in silico": any(member.facts["in_silico"] for member in release.manifest.members),
        **assess(made),
    }
    assessment["attacks"] = attacks
    assessment["utility"]["reference model"] = utility
    assessment["utility"]["median survival"] = _medians(table, made, policy)
    watch("write")
    said = {
        "policy.toml": content,
        "assessment.json": canonical(assessment),
        "assessment.html": page(assessment).encode(),
    }
    _write(made, table, said, release, workspace, folder)
    workspace.governance.record("exported", subject, {"policy": policy.sha256})
    return Export(folder, made, assessment)


def exposure(release: Release) -> Risk | None:
    """The risk of the lake as it is, by every quasi-identifier of the catalogue that it knows.

    Nothing is generalised inside the lake, so that its risk must be said. None where the release
    knows no quasi-identifier.
    """
    catalogue = release.disease.catalogue
    names = [e.name for e in catalogue.values() if e.identifying is Identifying.QUASI]
    table = release.features(names)
    known = [name for name in names if table[name].null_count() < table.height]
    return risk(table, known) if known else None


def events_of(release: Release) -> pl.DataFrame:
    """The dated events of a release: ``person``, ``event``, ``day`` since day 0, one row each."""
    catalogue = release.disease.catalogue
    days = [e.name for e in catalogue.values() if e.type is ValueType.DAY and not e.record]
    long = release.features(days).unpivot(
        days, index="person_id", variable_name="event", value_name="day"
    )
    known = long.filter(pl.col("day").is_not_null())
    return known.rename({"person_id": "person"})


def _attacked(table: pl.DataFrame, policy: Policy) -> dict[str, Any] | None:
    """Attack what would leave; refused when an attack gains on members more than is tolerated."""
    plan = policy.attacks
    if plan is None:
        return None
    people = table.drop("person_id")
    outcomes = resist(people, policy, plan)
    leaks = [one.outcome for one in outcomes if one.verdict is Verdict.LEAKS]
    if leaks:
        raise PolicyMissed(
            policy.name,
            tuple(
                f"{one.attack.value} ({one.aim}) is right about members more often than about "
                f"others: excess {one.excess.estimate:.3f}, at least {one.excess.interval.low:.3f}"
                for one in leaks
            ),
        )
    return {
        "held out": plan.held_out,
        "seed": plan.seed,
        "tolerated": plan.tolerated,
        "known to the attacker": [quasi.column for quasi in policy.quasi_identifiers],
        "results": [_told(one) for one in outcomes],
    }


def _told(tried: Tried) -> dict[str, Any]:
    outcome, excess = tried.outcome, tried.outcome.excess
    return {
        "attack": outcome.attack.value,
        "aim": outcome.aim,
        "attempts": outcome.on_members.attempts,
        "rate": outcome.on_members.share,
        "control rate": outcome.on_control.share,
        "guessing rate": outcome.by_guessing.share,
        "excess": excess.estimate,
        "low": excess.interval.low,
        "high": excess.interval.high,
        "confidence": excess.interval.confidence,
        "beats guessing": outcome.beats_guessing,
        "tolerated": tried.tolerated,
        "verdict": tried.verdict.value,
    }


def _check_roles(release: Release, policy: Policy) -> None:
    """Refuse quasi-identifiers of the catalogue among the columns that go out as they are."""
    catalogue = release.disease.catalogue
    quasi = tuple(
        how.column
        for how in policy.released
        if how.column in catalogue and catalogue[how.column].identifying is Identifying.QUASI
    )
    if quasi:
        raise QuasiReleased(quasi)


def earlier_cuts(workspace: Workspace, release: Release) -> list[str]:
    """Policies under which this release has left before: two harmless cuts together may not be."""
    start = f"release {release.number}, "
    return [
        event["subject"].removeprefix(start)
        for event in workspace.governance.events()
        if event["action"] == "exported" and event["subject"].startswith(start)
    ]


def _compare(table: pl.DataFrame, made: Cut, policy: Policy) -> dict[str, Any] | None:
    """The log hazard ratios of the reference model before and after."""
    plan = policy.utility
    if plan is None:
        return None
    try:
        before = survival.cox(plan.formula, table)
        after = survival.cox(plan.formula, made.frame)
    except HaemonyError as fault:
        raise NoReferenceModel(policy.name, fault) from fault
    change = after.coefficients - before.coefficients
    largest = float(np.abs(change).max())
    if not largest <= plan.tolerance:
        reason = f"a log hazard ratio moves by {largest:.3f} (at most {plan.tolerance})"
        raise PolicyMissed(policy.name, (reason,))
    return _reference(plan, before, after, largest)


def _reference(
    plan: UtilityPlan, before: survival.CoxFit, after: survival.CoxFit, largest: float
) -> dict[str, Any]:
    rows = zip(before.table().to_dicts(), after.table().to_dicts(), strict=True)
    return {
        "formula": plan.formula,
        "tolerance": plan.tolerance,
        "largest change": largest,
        "terms": [
            {
                "term": old["term"],
                "log hazard ratio before": old["estimate"],
                "after": new["estimate"],
                "standard error before": old["std_err"],
                "change": new["estimate"] - old["estimate"],
            }
            for old, new in rows
        ],
    }


def _medians(table: pl.DataFrame, made: Cut, policy: Policy) -> dict[str, Any] | None:
    """The median survival of everybody in the reference model's response, before and after."""
    if policy.utility is None:
        return None
    everybody = f"{policy.utility.formula.partition('~')[0].strip()} ~ 1"
    sides = {"before": table, "after": made.frame}
    told = {side: survival.kaplan_meier(everybody, rows).median for side, rows in sides.items()}
    limits = ("median", "lower", "upper")
    return {side: {name: row[name][0] for name in limits} for side, row in told.items()}


def pseudonyms(table: pl.DataFrame, made: Cut, key: bytes, purpose: str) -> pl.Series:
    """Names of the records of a cut: HMAC-SHA-256 of person under the platform's key for cuts."""
    persons = table["person_id"].gather(list(made.rows))
    names = [
        hmac.digest(key, f"haemony/record/1\0{purpose}\0{person}".encode(), "sha256").hex()
        for person in persons
    ]
    return pl.Series(RECORD, [name[:PSEUDONYM_DIGITS] for name in names], dtype=pl.String)


def _write(
    made: Cut,
    table: pl.DataFrame,
    said: dict[str, bytes],
    release: Release,
    workspace: Workspace,
    folder: Path,
) -> None:
    """Write everything beside the folder, then put it in place in one step."""
    draft = folder.with_name(f".tmp-{folder.name}")
    with writing(folder):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
    purpose = f"{made.policy.sha256}\0{release.manifest.sha256}"
    names = pseudonyms(table, made, workspace.keys.secret("cuts"), purpose)
    records = made.frame.insert_column(0, names).sort(RECORD)
    whole = io.BytesIO()
    records.write_parquet(whole, compression="zstd")
    write_bytes(draft / "cut.parquet", whole.getvalue())
    write_bytes(draft / "cut.csv", records.write_csv().encode())
    for name, content in said.items():
        write_bytes(draft / name, content)
    files = {path.name: hash_file(path) for path in sorted(draft.iterdir())}
    manifest = canonical({"files": files})
    write_bytes(draft / "manifest.json", manifest)
    signer = Signer(workspace.keys.secret("signing"))
    write_bytes(draft / "signature.json", signer.sign(manifest))
    with writing(folder):
        if folder.exists():
            folder.rmdir()
        draft.replace(folder)
