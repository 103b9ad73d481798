"""The examples in the documentation run, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from haemony.services.cli import main

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted((PROJECT / "docs").rglob("*.md"))


def runnable(page: Path) -> list[tuple[str, str]]:
    """The Python and console blocks of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if runnable(page)], ids=lambda page: page.stem
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Python block runs in one namespace; each console line ends with exit code 0."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    for kind, block in runnable(page):
        if kind == "python":
            exec(compile(block, page.name, "exec"), names)  # noqa: S102 our own documentation
            continue
        for line in block.splitlines():
            if line.startswith("$ haemony "):
                with pytest.raises(SystemExit) as ended:
                    main(shlex.split(line.removeprefix("$ haemony ")))
                assert not ended.value.code, line


LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", [*PAGES, *PROJECT.glob("*.md")], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page names a file that exists."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
