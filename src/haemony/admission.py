"""One contribution's story, from files to a release: check → protect → harmonise → grade → publish.

The types are the gates: ``publish`` takes only :class:`~haemony.quality.Graded`, which comes only
from :class:`~haemony.harmonise.harmonised.Harmonised`, which comes only from
:class:`~haemony.privacy.Protected`. Nobody can skip a stage by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from haemony.harmonise.harmonised import to_omop
from haemony.intake import Contribution, check
from haemony.lake import Release
from haemony.lake.lake import made_by
from haemony.model.disease import disease
from haemony.model.errors import UsageError
from haemony.privacy import protect
from haemony.privacy.pseudonyms import person_id
from haemony.quality import Graded, grade
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


class UnknownContribution(UsageError):
    """The latest release holds no contribution of this name."""

    def __init__(self, contribution: str, known: Iterable[str]) -> None:
        self.contribution = contribution
        super().__init__(
            f"the latest release holds no contribution {contribution!r}; "
            f"it holds {', '.join(known)}"
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
    """Take contributions into the lake as one new release.

    Args:
        contributions: What partners bring; an id that the lake holds already is superseded.
        workspace: Whose keys and lake.
        watch: Told each step by name.

    Returns:
        The new release, or the latest one where nothing is new.

    Raises:
        NotSound: When a check finds something that blocks.
        DirectIdentifier: When a direct identifier would leave the partner.
        CannotWrite: When the disk refuses; the lake is as before.
    """
    names = [contribution.id for contribution in contributions]
    for name in names:
        if names.count(name) > 1:
            raise TwiceGiven(name)
    lake = workspace.lake
    fresh = [
        contribution
        for contribution in contributions
        if not lake.holds(
            contribution.id, contribution.digest, made_by(disease(contribution.disease))
        )
    ]
    admitted = tuple(contribution.id for contribution in fresh)
    unchanged = tuple(name for name in names if name not in admitted)
    if not fresh:
        return Admission(lake.latest(), (), unchanged)
    workspace.governance.record("admission started", ", ".join(admitted))
    release = lake.publish(_graded(fresh, workspace, watch), watch=watch)
    details = {"release": release.number, "manifest": release.manifest.sha256}
    workspace.governance.record("admission published", ", ".join(admitted), details)
    return Admission(release, admitted, unchanged)


def _graded(
    contributions: Sequence[Contribution], workspace: Workspace, watch: Watch
) -> Iterator[Graded]:
    """Bring contributions to their grade, one at a time."""
    following = 0
    for contribution in contributions:
        number = workspace.lake.number_for(contribution.id, after=following)
        following = max(following, number)
        yield prepare(contribution, workspace, number, watch)


def prepare(
    contribution: Contribution, workspace: Workspace, number: int, watch: Watch = lambda _step: None
) -> Graded:
    """Everything before publication: check, protect, harmonise, grade."""
    known = disease(contribution.disease)
    watch(f"check {contribution.id}")
    checked = check(contribution, known.catalogue)
    watch(f"protect {contribution.id}")
    protected = protect(
        checked,
        partner=workspace.partner(contribution.partner),
        trustee=workspace.trustee,
        shift_key=workspace.shift_key,
        withdrawn=workspace.governance.withdrawn_persons(contribution.id),
    )
    watch(f"harmonise {contribution.id}")
    harmonised = to_omop(protected, known, number)
    watch(f"grade {contribution.id}")
    return grade(harmonised)


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
        key = workspace.trustee.key_for(partner.name, partner.pseudonym_for(patient))
        if not latest.holds(contribution, person_id(key)):
            raise UnknownPatient(contribution)
        workspace.governance.withdraw(contribution, person_id(key))
        release = workspace.lake.without_persons([person_id(key)])
    what = "contribution withdrawn" if patient is None else "patient withdrawn"
    workspace.governance.record(what, contribution, {"release": release.number})
    return release
