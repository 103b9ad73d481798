"""``haemony query …``: what the curator asks the partner, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from haemony.admission import answers_of
from haemony.lake.manifest import Member
from haemony.model.errors import Exit, UsageError
from haemony.quality.answers import State
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption, exit_with
from haemony.workspace import Workspace

KeyArgument = Annotated[str, typer.Argument(help="Key of the query, as `query list` shows it.")]
ByOption = Annotated[str, typer.Option("--by", help="Who says so.")]


class NoQuery(UsageError):
    """The latest release asks nothing under this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"the latest release asks nothing under {key!r}; `haemony query list` shows the keys"
        )


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="Queries to partners: list, answer, accept.")
    group.command("list", epilog="Example: haemony query list amlsg -w commons")(list_)
    group.command(epilog="Example: haemony query answer 0a1b2c3d4e 'Not collected' --by 'A. Data'")(
        answer
    )
    group.command(epilog="Example: haemony query accept 0a1b2c3d4e --by 'Q. Committee' -w commons")(
        accept
    )
    app.add_typer(group, name="query")


def list_(
    contribution: Annotated[
        str, typer.Argument(help="Its id; all contributions unless given.")
    ] = "",
    state: Annotated[State | None, typer.Option(help="Only queries of this state.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """List what the latest release asks its partners, the weightiest first.

    Ends with exit code 1 while a query of high impact is open.
    """
    output = Output(json)
    opened = Workspace(workspace)
    asked = [
        query
        for member in opened.lake.latest().manifest.members
        if contribution in {"", member.id}
        for query in _asked(member, opened)
        if state in {None, query["state"]}
    ]
    columns = ("key", "contribution", "impact", "patients", "state", "question")
    rows = [
        (q["key"], q["contribution"], q["impact"], q["patients"], q["state"], _question(q))
        for q in asked
    ]
    if rows:
        output.table("Queries", columns, rows)
    else:
        output.say("There is nothing to ask.")
    output.value(asked)
    if any(q["impact"] == "high" and q["state"] == State.OPEN for q in asked):
        exit_with(Exit.FINDINGS)


def _question(query: dict[str, Any]) -> str:
    where = ", ".join(str(row) for row in query["examples"])
    examples = f" For example row {where}." if where else ""
    said = f" → {query['answer']} ({query['by']})" if query["answer"] else ""
    return f"{query['text']}{examples}{said}"


def _asked(member: Member, workspace: Workspace) -> list[dict[str, Any]]:
    """The queries of a contribution with what has been decided since its release."""
    decided = answers_of(workspace, member.id)
    asked = []
    for query in member.grade.get("queries", ()):
        told = decided.get(query["key"])
        now = {"state": told.state.value, "answer": told.text, "by": told.by} if told else {}
        asked.append({"contribution": member.id, **query, **now})
    return asked


def answer(
    key: KeyArgument,
    text: Annotated[str, typer.Argument(help="What the partner says; no patient value.")],
    by: ByOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Record what the partner answered; the next release carries it."""
    _decide(key, State.ANSWERED, text, by, workspace, Output(json))


def accept(
    key: KeyArgument,
    by: ByOption,
    text: Annotated[str, typer.Option("--because", help="Why it may stand.")] = "",
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Accept a finding as it is, or as the partner explained it."""
    _decide(key, State.ACCEPTED, text, by, workspace, Output(json))


def _decide(key: str, state: State, text: str, by: str, folder: Path, output: Output) -> None:
    workspace = Workspace(folder)
    for member in workspace.lake.latest().manifest.members:
        for query in _asked(member, workspace):
            if query["key"] == key:
                said = text or query["answer"]
                workspace.governance.answer(member.id, key, state.value, said, by)
                details = {"query": key, "state": state.value}
                workspace.governance.record(f"query {state.value}", member.id, details)
                output.say(f"[bold]{key}[/] of {member.id} is {state.value}.")
                output.value({**query, "state": state.value, "answer": said, "by": by})
                return
    raise NoQuery(key)
