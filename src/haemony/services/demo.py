"""The main job, from three partners' files to a report, on patients made in silico.

A trial group, a company and a university hospital bring what such partners bring. Each seals its
contribution with keys of its own, a trustee relays, the platform receives: three parties in
separate workspaces that exchange nothing but envelopes. With the real AMLSG files at hand, those
take the trial group's place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from haemony import study
from haemony.admission import receive
from haemony.analysis.synthetic import Shape, write_contribution
from haemony.intake import Contribution, check
from haemony.intake.known import known
from haemony.lake import Release
from haemony.model.disease import disease
from haemony.model.errors import UsageError
from haemony.parties import Partner, Trustee
from haemony.services.report import check_page, grade_page
from haemony.workspace import Workspace, introduce

MARK = "made-by-haemony-demo"


class NotADemo(UsageError):
    """The folder holds something else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds something that no demo made; choose another folder: haemony demo DIR"
        )


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        folder: Everything it wrote.
        release: The release of all three contributions.
        post: The envelopes that the three parties exchanged.
        report: The study's report, to be opened in a browser.
        quality: The quality report of the release.
    """

    folder: Path
    release: Release
    post: Path
    report: Path
    quality: Path


def run(
    folder: Path, amlsg: Path | None = None, watch: Callable[[str], None] = lambda _step: None
) -> Demo:
    """Make three contributions, admit them, and run the AML study on the release.

    Args:
        folder: New, empty, or left by an earlier demo (which is replaced).
        amlsg: Folder of the real AMLSG files; they take the place of the trial group.
        watch: Told each step by name.

    Raises:
        NotADemo: When the folder holds something else.
    """
    _clear(folder)
    watch("three partners write their files")
    contributions = _contributions(folder / "incoming", amlsg)
    workspace = Workspace.init(folder / "commons", "commons of the demo", alone=True)
    for contribution in contributions:
        watch(f"check {contribution.id}")
        page = check_page(check(contribution, disease(contribution.disease).catalogue))
        (folder / f"check-{contribution.id}.html").write_text(page, encoding="utf-8")
    envelopes = _sealed(contributions, workspace, folder, watch)
    release = receive(envelopes, workspace, watch).release
    quality = folder / "quality.html"
    quality.write_text(grade_page(release), encoding="utf-8")
    watch("the study")
    protocol = study.load(Path(str(disease("aml").studies["overall_survival"])))
    study.run(protocol, release, watch=watch).write(folder / "report")
    return Demo(folder, release, folder / "post", folder / "report" / "report.html", quality)


def _sealed(
    contributions: list[Contribution],
    platform: Workspace,
    folder: Path,
    watch: Callable[[str], None],
) -> list[Path]:
    """Let every partner seal, and a trustee relay; give what the platform is sent."""
    trustee = Trustee.init(folder / "trustee", "trustee of the demo")
    introduce(trustee, platform)
    sent: list[Path] = []
    for contribution in contributions:
        partner = Partner.init(folder / "partners" / contribution.id, contribution.partner)
        introduce(partner, trustee)
        introduce(partner, platform)
        now = datetime.now(UTC)
        sealed = partner.seal(contribution, folder / "post", now=now, watch=watch)
        watch(f"relay {contribution.id}")
        sent += [sealed.payload, trustee.relay(sealed.identities, folder / "post", now=now)]
    return sent


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise NotADemo(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _contributions(folder: Path, amlsg: Path | None) -> list[Contribution]:
    written = [
        Contribution.load(write_contribution(shape, folder / shape.value.replace(" ", "-")))
        for shape in Shape
        if amlsg is None or shape is not Shape.TRIAL_GROUP
    ]
    if amlsg is None:
        return written
    described = known("amlsg")
    assert described is not None  # noqa: S101 it ships with haemony
    return [Contribution.load(described, amlsg), *written]
