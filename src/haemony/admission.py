"""One contribution's story: seal → relay → receive → protect → harmonise → grade → publish.

The types are the gates: ``publish`` takes only :class:`~haemony.quality.Graded`, which comes only
from :class:`~haemony.harmonise.harmonised.Harmonised`, which comes only from
:class:`~haemony.privacy.Protected`, which comes only from a payload and the trustee's keys. Nobody
can skip a stage by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import polars as pl

from haemony.governance.store import EVERYWHERE, Act, Message
from haemony.harmonise.harmonised import to_omop
from haemony.intake import Contribution
from haemony.intake.contribution import Description
from haemony.lake import Release
from haemony.lake.errors import SharedPatients, UnknownContribution
from haemony.lake.lake import made_by
from haemony.lake.store import TEMPORARY
from haemony.model.disease import disease
from haemony.model.errors import UsageError
from haemony.parties.platform import Arrival, arrivals, subjects
from haemony.parties.requests import leaving
from haemony.privacy import protect
from haemony.privacy.exchange import EnvelopeRefused, Refusal
from haemony.privacy.identities import KeyTable
from haemony.privacy.payload import Payload
from haemony.privacy.pseudonyms import person_id
from haemony.quality import Graded, grade
from haemony.quality.answers import Answer, State
from haemony.workspace import Workspace

Watch = Callable[[str], None]


class TwiceGiven(UsageError):
    """Two of the given contributions have the same id."""

    def __init__(self, contribution: str) -> None:
        self.contribution = contribution
        super().__init__(
            f"two of the contributions are called {contribution!r}; give each its own `id`, or "
            "admit the corrected one alone: it supersedes the other"
        )


class UnknownPatient(UsageError):
    """The contribution holds no patient of this number."""

    def __init__(self, contribution: str) -> None:
        self.contribution = contribution
        super().__init__(
            f"the latest release holds no patient of this number from {contribution!r}; give the "
            "partner's own number, exactly as it stands in the patient table"
        )


@dataclass(frozen=True)
class Admission:
    """What an admission did.

    Attributes:
        release: The latest release afterwards.
        admitted: Contributions that are new in it.
        unchanged: Contributions that it held already, in this very version.
    """

    release: Release
    admitted: tuple[str, ...]
    unchanged: tuple[str, ...]


def admit(
    contributions: Sequence[Contribution], workspace: Workspace, watch: Watch = lambda _step: None
) -> Admission:
    """Take contributions into the lake as one new release, with all three parties on this machine.

    Every contribution is sealed by its partner, relayed by the trustee and received by the
    platform, through the same files that parties far apart exchange.

    Args:
        contributions: What partners bring; an id that the lake holds already is superseded.
        workspace: A platform that keeps partners and trustee beside it.
        watch: Told each step by name.

    Returns:
        The new release, or the latest one where nothing is new.

    Raises:
        ComesSealed: When the parties sit elsewhere.
        NotSound: When a check finds something that blocks.
        DirectIdentifier: When a direct identifier would leave the partner.
        CannotWrite: When the disk refuses; the lake is as before.
    """
    _check_names([contribution.id for contribution in contributions])
    held = [
        contribution
        for contribution in contributions
        if _holds(
            workspace, contribution, workspace.partner(contribution.partner).version(contribution)
        )
    ]
    fresh = [contribution for contribution in contributions if contribution not in held]
    if not fresh:
        return Admission(workspace.lake.latest(), (), tuple(c.id for c in held))
    with TemporaryDirectory(prefix=TEMPORARY, dir=workspace.folder) as post:
        arrived = chain.from_iterable(_post(c, workspace, Path(post), watch) for c in fresh)
        done = _publish(arrived, [c.id for c in fresh], workspace, watch)
    return replace(done, unchanged=tuple(contribution.id for contribution in held))


def receive(
    envelopes: Sequence[Path],
    workspace: Workspace,
    watch: Watch = lambda _step: None,
    now: datetime | None = None,
) -> Admission:
    """Take what partners sealed and the trustee relayed into the lake as one new release.

    Args:
        envelopes: Payloads and the keys that belong to them, in any order.
        workspace: The platform.
        watch: Told each step by name.
        now: The time, with its zone; the clock's unless given.

    Returns:
        The new release, or the latest one where nothing is new.

    Raises:
        EnvelopeRefused: With the reason; nothing has changed, and the audit has an entry.
        CannotWrite: When the disk refuses; the lake is as before.
    """
    named = subjects(envelopes, workspace)
    _check_names(named)
    return _publish(arrivals(envelopes, workspace, now or _now()), named, workspace, watch)


def _now() -> datetime:
    return datetime.now(UTC)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise TwiceGiven(name)


def _holds(workspace: Workspace, described: Description, digest: str) -> bool:
    """Whether the lake holds this version, written by this code."""
    return workspace.lake.holds(described.id, digest, made_by(disease(described.disease)))


def _post(
    contribution: Contribution, workspace: Workspace, post: Path, watch: Watch
) -> Iterator[Arrival]:
    """Partner and trustee on this machine: seal, relay, and hand over."""
    partner, trustee = workspace.partner(contribution.partner), workspace.trustee
    sealed = partner.seal(contribution, post / "partner", now=_now(), again=True, watch=watch)
    watch(f"relay {contribution.id}")
    keys = trustee.relay(sealed.identities, post / "trustee", now=_now())
    return arrivals([sealed.payload, keys], workspace, _now())


def _publish(
    arrived: Iterable[Arrival], names: Sequence[str], workspace: Workspace, watch: Watch
) -> Admission:
    """Publish what has arrived, and remember it once it is published."""
    received: list[Message] = []
    unchanged: list[str] = []

    def graded() -> Iterator[Graded]:
        following, held = 0, _Held(workspace)
        for arrival in arrived:
            described = arrival.payload.description
            _check_owner(arrival, workspace)
            if not received:
                workspace.governance.record("admission started", ", ".join(names)[:255])
            received.append(arrival.entry)
            elsewhere = held.elsewhere(arrival)
            if _brings_nothing(arrival, workspace, elsewhere):
                unchanged.append(described.id)
                continue
            number = workspace.lake.number_for(described.id, after=following)
            following = max(following, number)
            one = prepare(arrival.payload, arrival.keys, workspace, number, watch, elsewhere)
            held.add(one.harmonised.protected.anchors["person_id"], described.id)
            yield one

    release = workspace.lake.publish(graded(), watch=watch)
    details = {"release": release.number, "manifest": release.manifest.sha256}
    workspace.governance.record("admission published", ", ".join(names)[:255], details)
    for entry in received:
        workspace.governance.note(Act.RECEIVED, entry)
    fresh = tuple(name for name in names if name not in unchanged)
    return Admission(release, fresh, tuple(unchanged))


def _check_owner(arrival: Arrival, workspace: Workspace) -> None:
    """A contribution belongs to the partner who first brought one of its id.

    Raises:
        EnvelopeRefused: When another partner did.
    """
    entry = arrival.entry
    owners = workspace.governance.partners_of(Act.RECEIVED, entry.subject)
    if workspace.lake.numbers:
        member = workspace.lake.latest().manifest.member(entry.subject)
        owners |= {str(member.facts["partner"])} if member else set()
    with workspace.auditing():
        if owners - {entry.partner}:
            raise EnvelopeRefused(Refusal.OTHER_PARTNER, entry.subject)


def _brings_nothing(arrival: Arrival, workspace: Workspace, elsewhere: Mapping[int, str]) -> bool:
    """Whether nobody is left in it, or the lake holds this version, of just these persons.

    A version counts as held when it was written by this code.

    Raises:
        SharedPatients: When every one of its patients came with another contribution.
    """
    described = arrival.payload.description
    left = workspace.governance.withdrawn_persons(described.id)
    everyone = {person_id(key) for key in arrival.keys.keys.values()} - left
    persons = everyone - elsewhere.keys()
    if everyone and not persons:
        raise SharedPatients(next(iter(elsewhere.values())), described.id, len(everyone))
    if not persons:
        return True
    if not _holds(workspace, described, arrival.payload.digest):
        return False
    return workspace.lake.latest().persons_of(described.id) == persons


class _Held:
    """Who is in the lake, and who has been taken in this admission, with their contributions."""

    def __init__(self, workspace: Workspace) -> None:
        self._frame = workspace.lake.owners()

    def add(self, persons: pl.Series, contribution: str) -> None:
        """Remember who came with a contribution."""
        owner = pl.lit(contribution).alias("owner")
        self._frame = self._frame.vstack(persons.to_frame("person_id").with_columns(owner))

    def elsewhere(self, arrival: Arrival) -> dict[int, str]:
        """Those of its patients who came with another contribution, and its id."""
        persons = [person_id(key) for key in arrival.keys.keys.values()]
        other = pl.col("owner") != arrival.payload.description.id
        found = self._frame.filter(pl.col("person_id").is_in(persons) & other)
        return dict(zip(found["person_id"], found["owner"], strict=True))


def prepare(
    payload: Payload,
    keys: KeyTable,
    workspace: Workspace,
    number: int,
    watch: Watch = lambda _step: None,
    elsewhere: Mapping[int, str] = MappingProxyType({}),
) -> Graded:
    """Everything between arrival and publication: protect, harmonise, grade."""
    described = payload.description
    watch(f"protect {described.id}")
    protected = protect(
        payload,
        keys,
        shift_key=workspace.shift_key,
        withdrawn=workspace.governance.withdrawn_persons(described.id),
        elsewhere=elsewhere,
    )
    watch(f"harmonise {described.id}")
    harmonised = to_omop(protected, disease(described.disease), number)
    watch(f"grade {described.id}")
    return grade(harmonised, answers_of(workspace, described.id))


def answers_of(workspace: Workspace, contribution: str) -> dict[str, Answer]:
    """What people have decided about the queries of a contribution, by key."""
    known = workspace.governance.answers(contribution)
    return {key: Answer(State(state), text, by) for key, (state, text, by) in known.items()}


def leave(
    envelope: Path,
    workspace: Workspace,
    watch: Watch = lambda _step: None,
    now: datetime | None = None,
) -> Release | None:
    """Make a new release without the person whose withdrawal the trustee has passed on.

    Args:
        envelope: What the trustee sealed after two people had approved.
        workspace: The platform.
        watch: Told each step by name.
        now: The time, with its zone; the clock's unless given.

    Returns:
        The new release, or the latest where the person was not in it; none from an empty lake. The
        person stays out of every contribution that is still to come.

    Raises:
        EnvelopeRefused: With the reason; nothing has changed, and the audit has an entry.
    """
    gone = leaving(workspace, envelope, now=now or _now())
    if gone.person not in workspace.governance.withdrawn_persons(EVERYWHERE):
        workspace.governance.withdraw(EVERYWHERE, gone.person)
    release = (
        workspace.lake.without_persons([gone.person], watch) if workspace.lake.numbers else None
    )
    workspace.governance.note(Act.OBEYED, gone.entry)
    details = {"release": release.number if release else 0}
    workspace.governance.record("patient withdrawn", gone.entry.subject, details)
    return release


def withdraw(contribution: str, workspace: Workspace, patient: str | None = None) -> Release:
    """Make a new release without a contribution, or without one of its patients.

    Args:
        contribution: Its id.
        workspace: Whose lake.
        patient: The partner's own number of the patient; the whole contribution unless given.

    Raises:
        UnknownContribution: When the latest release does not hold it.
        UnknownPatient: When it holds no such patient.
    """
    latest = workspace.lake.latest()
    member = latest.manifest.member(contribution)
    if member is None:
        raise UnknownContribution(contribution, (m.id for m in latest.manifest.members))
    if patient is None:
        workspace.governance.withdraw(contribution)
        release = workspace.lake.publish((), withdrawn=(contribution,))
    else:
        partner = workspace.partner(str(member.facts["partner"]))
        key = workspace.trustee.key_of(partner.name, partner.site.pseudonym(patient))
        if key is None or not latest.holds(contribution, person_id(key)):
            raise UnknownPatient(contribution)
        workspace.governance.withdraw(EVERYWHERE, person_id(key))
        release = workspace.lake.without_persons([person_id(key)])
    what = "contribution withdrawn" if patient is None else "patient withdrawn"
    workspace.governance.record(what, contribution, {"release": release.number})
    return release
