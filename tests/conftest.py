"""What several tests share: where the real data lie, and releases made once per session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import haemony as hm
from haemony.intake.known import known

PROJECT = Path(__file__).parent.parent

# `make test` draws the same examples each time; `make nightly` looks for new ones. How long an
# example takes says something of the machine alone: speed is measured by `make bench`.
NO_FAULT = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
"""A busy machine, and a folder that examples share, say nothing about what is tested."""
for profile, steady in (("steady", True), ("searching", False)):
    settings.register_profile(
        profile, derandomize=steady, deadline=None, suppress_health_check=NO_FAULT
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HAEMONY_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the shared data are absent ({folder}); set HAEMONY_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def amlsg(shared_data: Path) -> hm.Contribution:
    """The contribution of the AMLSG trials: our dictionary, their files."""
    folder = known("amlsg")
    assert folder is not None
    return hm.Contribution.load(folder, shared_data / "amlsg")


@pytest.fixture(scope="session")
def amlsg_workspace(
    amlsg: hm.Contribution, tmp_path_factory: pytest.TempPathFactory
) -> hm.Workspace:
    """A workspace whose only release holds the AMLSG trials; tests do not change it."""
    workspace = hm.Workspace.init(tmp_path_factory.mktemp("amlsg") / "commons")
    hm.admit([amlsg], workspace)
    return workspace


@pytest.fixture(scope="session")
def amlsg_release(amlsg_workspace: hm.Workspace) -> hm.Release:
    """The release that holds the AMLSG trials."""
    return amlsg_workspace.lake.latest()


@pytest.fixture
def workspace(tmp_path: Path) -> hm.Workspace:
    """A fresh workspace."""
    return hm.Workspace.init(tmp_path / "commons")


@pytest.fixture
def copy_keys() -> Callable[..., None]:
    """Give the parties of one workspace the keys of another's from which a release is made."""

    def copy(source: hm.Workspace, target: hm.Workspace, *partners: str) -> None:
        sides = [(source, target, ("shift", "signing"))]
        sides += [(source.trustee, target.trustee, ("domain",))]
        sides += [(source.partner(p), target.partner(p), ("site",)) for p in partners]
        for mine, theirs, names in sides:
            for name in names:
                path = theirs.folder / "keys" / f"{name}.key"
                path.write_text(mine.keys.text(name), encoding="ascii")

    return copy
