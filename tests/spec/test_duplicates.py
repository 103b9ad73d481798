"""Patients without identities who may have been recruited twice: a warning, never a merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import haemony as hm
from haemony.duplicates import Screened, screen_release
from haemony.intake.dictionary import ColumnType, Entry
from support.contributions import ENTRIES, contribution

MORE = (
    *ENTRIES,
    Entry("clinical", "hb", type=ColumnType.NUMBER, unit="g/dL", element="haemoglobin"),
    Entry("clinical", "plt", type=ColumnType.NUMBER, unit="10*9/L", element="platelets"),
)


def rows(prefix: str, seed: int, count: int = 150) -> list[str]:
    """In-silico patients."""
    rng = np.random.default_rng(seed)
    return [
        f"{prefix}{i},{rng.integers(19, 80)},{'fm'[i % 2]},{rng.lognormal(2.5, 1):.1f},"
        f'{rng.integers(1, 3000)},0,30,,0,"46,XX[20]",{rng.normal(9, 1.5):.1f},'
        f"{rng.lognormal(4, 0.7):.0f}"
        for i in range(count)
    ]


def screened(workspace: hm.Workspace, folder: Path, second: list[str]) -> Screened:
    """Two contributions of one release, compared."""
    header = "patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype,hb,plt"
    given = [
        contribution(folder / name, "\n".join((header, *lines, "")), MORE, id=name, partner=name)
        for name, lines in (("one", rows("a", 1)), ("two", second))
    ]
    release = hm.admit(given, workspace).release
    (found,) = screen_release(release)
    return found


def test_patients_recruited_twice_are_noticed(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Twelve patients of the first trial come again in the second: the screen finds them."""
    again = [row.replace("a", "x", 1) for row in rows("a", 1)[:12]]

    found = screened(workspace, tmp_path, [*again, *rows("b", 2)[:138]]).found

    assert found is not None
    assert found.alarming
    assert found.found >= 12
    assert workspace.lake.latest().table("person").height == 300


def test_other_patients_raise_no_alarm(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Two trials with different patients are no more alike than chance makes them."""
    found = screened(workspace, tmp_path, rows("b", 2)).found

    assert found is not None
    assert not found.alarming


def test_too_few_values_say_so(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Where fewer than three measured values are known in both, nothing is claimed."""
    given = [contribution(tmp_path / name, id=name, partner=name) for name in ("one", "two")]
    release = hm.admit(given, workspace).release

    (found,) = screen_release(release)

    assert found.found is None
