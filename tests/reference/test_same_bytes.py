"""Same inputs, keys and code, same bytes: on the real trials and on three shapes in silico."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import haemony as hm
from haemony.analysis.synthetic import Shape, write_contribution

CopyKeys = Callable[..., None]


def admitted_twice(
    contributions: Sequence[hm.Contribution], folder: Path, copy_keys: CopyKeys
) -> tuple[bytes, bytes]:
    """The manifests of two admissions in two fresh workspaces with the same keys."""
    first, second = (hm.Workspace.init(folder / name) for name in ("one", "two"))
    copy_keys(first, second, *(given.partner for given in contributions))
    return tuple(
        hm.admit(contributions, hm.Workspace(place.folder)).release.manifest.encode()
        for place in (first, second)
    )


def test_the_real_trials(amlsg: hm.Contribution, tmp_path: Path, copy_keys: CopyKeys) -> None:
    """The AMLSG trials give the same manifest twice, byte by byte."""
    first, second = admitted_twice([amlsg], tmp_path, copy_keys)

    assert first == second


def test_three_partners_in_silico(tmp_path: Path, copy_keys: CopyKeys) -> None:
    """So do a trial group, a company and a hospital in one release."""
    given = [
        hm.Contribution.load(write_contribution(shape, tmp_path / shape.name, patients=120))
        for shape in Shape
    ]

    first, second = admitted_twice(given, tmp_path, copy_keys)

    assert first == second
