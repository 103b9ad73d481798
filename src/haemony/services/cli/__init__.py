"""The command line: ``haemony …``. Each module holds one family of commands."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from haemony.model.errors import Exit, HaemonyError
from haemony.services.cli import (
    catalogue,
    commons,
    contributions,
    demo,
    parties,
    privacy,
    queries,
    releases,
    studies,
    vocabulary,
    workspaces,
)
from haemony.services.cli.output import Output

app = typer.Typer(
    name="haemony",
    help="An open data commons for blood cancers: from partners' files to evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done · 1 findings that block · 2 wrong use · 3 refused by policy · "
    "4 environment · 130 stopped by Ctrl-C. Every command takes --json and --help.",
)
demo.add_to(app)
workspaces.add_to(app)
contributions.add_to(app)
parties.add_to(app)
privacy.add_to(app)
releases.add_to(app)
queries.add_to(app)
studies.add_to(app)
catalogue.add_to(app)
commons.add_to(app)
vocabulary.add_to(app)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    What haemony refuses is said in one sentence on standard error. What nobody foresaw is named by
    its place alone: messages of libraries may hold cell values, so they are not shown.
    """
    given = sys.argv[1:] if arguments is None else arguments
    output = Output(json="--json" in given)
    with _listening() as stop:
        _run(given, output, stop)


@dataclass
class _Stop:
    """Whether somebody pressed Ctrl-C; libraries may turn that into faults of their own."""

    asked: bool = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt


@contextmanager
def _listening() -> Iterator[_Stop]:
    """Hear Ctrl-C while a command runs, where signals can be heard."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _run(given: list[str], output: Output, stop: _Stop) -> None:
    try:
        outcome = app(given, standalone_mode=False, prog_name="haemony")
    except HaemonyError as fault:
        output.fail(str(fault), fault.exit_code)
        sys.exit(fault.exit_code)
    except TyperException as fault:
        if message := fault.format_message().strip():
            output.fail(f"{message} `--help` shows how.", Exit.USAGE)
        sys.exit(Exit.USAGE)
    except KeyboardInterrupt:
        _stopped(output, Exit.INTERRUPTED)
    except typer.Abort:
        _stopped(output, Exit.INTERRUPTED if stop.asked else Exit.ENVIRONMENT)
    except Exception as fault:  # noqa: BLE001 the last line of defence: no cell value may leave
        if stop.asked:
            _stopped(output, Exit.INTERRUPTED)
        where = traceback.extract_tb(fault.__traceback__)[-1]
        name = type(fault).__name__
        text = (
            f"an error that haemony does not know ({name} in {where.name}, line {where.lineno} of "
        )
        text += f"{where.filename.rpartition('/')[2]}); nothing was published. Please report it"
        output.fail(text, Exit.ENVIRONMENT)
        sys.exit(Exit.ENVIRONMENT)
    if outcome == Exit.INTERRUPTED:
        _stopped(output, Exit.INTERRUPTED)
    sys.exit(outcome if isinstance(outcome, int) else Exit.DONE)


def _stopped(output: Output, code: Exit) -> NoReturn:
    output.fail("stopped; nothing is left half done", code)
    sys.exit(code)
