"""The command line: ``haemony …``. Each module holds one family of commands."""

from __future__ import annotations

import sys
import traceback

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
    "4 environment. Every command takes --json and --help.",
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
    try:
        outcome = app(given, standalone_mode=False, prog_name="haemony")
    except HaemonyError as fault:
        output.fail(str(fault), fault.exit_code)
        sys.exit(fault.exit_code)
    except TyperException as fault:
        if message := fault.format_message().strip():
            output.fail(f"{message} `--help` shows how.", Exit.USAGE)
        sys.exit(Exit.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        output.fail("stopped; nothing was published", Exit.ENVIRONMENT)
        sys.exit(Exit.ENVIRONMENT)
    except Exception as fault:  # noqa: BLE001 the last line of defence: no cell value may leave
        where = traceback.extract_tb(fault.__traceback__)[-1]
        name = type(fault).__name__
        text = (
            f"an error that haemony does not know ({name} in {where.name}, line {where.lineno} of "
        )
        text += f"{where.filename.rpartition('/')[2]}); nothing was published. Please report it"
        output.fail(text, Exit.ENVIRONMENT)
        sys.exit(Exit.ENVIRONMENT)
    sys.exit(outcome if isinstance(outcome, int) else Exit.DONE)
