"""What a command says: tables for people, one JSON value for programs, progress beside both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from haemony.model.errors import Exit

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of tables.")]
WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar="HAEMONY_WORKSPACE", help="Folder of the workspace."),
]


@dataclass(frozen=True)
class Output:
    """Speaks to a person on the terminal, or to a program in JSON.

    Results go to standard output, progress and errors to standard error.
    """

    json: bool

    @property
    def _screen(self) -> Console:
        return Console(highlight=False)

    @property
    def _aside(self) -> Console:
        return Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """A line for people; programs do not get it. Rich markup is understood."""
        if not self.json:
            self._screen.print(text, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people; numbers to the right."""
        if self.json:
            return
        self._screen.print(f"[italic]{escape(title)}[/]", soft_wrap=True)
        table = Table(header_style="bold", box=None, pad_edge=False)
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._screen.print(table)

    def value(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """The JSON value of the command."""
        if self.json:
            typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def fail(self, message: str, code: int) -> None:
        """Say why a command ended early."""
        if self.json:
            typer.echo(json.dumps({"error": message, "exit_code": int(code)}, ensure_ascii=False))
        else:
            self._aside.print(f"[bold red]haemony:[/] {escape(message)}", soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show which step is running; give a function that is told each step."""
        if self.json or not self._aside.is_terminal:
            yield lambda _step: None
            return
        with self._aside.status(escape(what)) as status:
            yield lambda step: status.update(f"{escape(what)} · {escape(step)}")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value))


def exit_with(code: Exit) -> None:
    """End the command with an exit code other than 0."""
    raise typer.Exit(int(code))
