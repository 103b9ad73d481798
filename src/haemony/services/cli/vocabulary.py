"""``haemony vocabulary …``: load, check, search; our own concepts, and how releases follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from haemony.harmonise.vocabulary import (
    Fault,
    Hit,
    Known,
    Local,
    Problem,
    Vocabulary,
    chain,
    core,
    local_concepts,
    successors,
    uses,
)
from haemony.harmonise.vocabulary import check as check_concepts
from haemony.harmonise.vocabulary import load as load_vocabulary
from haemony.harmonise.vocabulary import search as search_concepts
from haemony.model.errors import Exit
from haemony.parties import Party
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption, exit_with
from haemony.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True, help="Load, check and search OMOP vocabularies.")
    group.command(epilog="Example: haemony vocabulary load vocabulary_download.zip -w commons")(
        load
    )
    group.command(epilog="Example: haemony vocabulary check -w commons --all")(check)
    group.command(epilog='Example: haemony vocabulary search "white cells" --standard')(search)
    group.command(epilog="Example: haemony vocabulary local transplant")(local)
    group.command(epilog="Example: haemony vocabulary migrate -w commons")(migrate)
    app.add_typer(group, name="vocabulary")


def load(
    path: Annotated[Path, typer.Argument(help="Zip file from Athena, or its unpacked folder.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Take an Athena download into the workspace, and judge every concept the elements use.

    Ends with 1 when a concept is wrong: the vocabulary is loaded all the same.
    """
    output = Output(json)
    party = Party.at(workspace)
    with output.progress("loading") as watch:
        loaded = load_vocabulary(path, party.folder, watch)
        watch("checking the concepts in use")
        faults = check_concepts(loaded)
    party.governance.record("vocabulary loaded", loaded.version[:255], {"rows": dict(loaded.rows)})
    rows = list(loaded.rows.items())
    output.table(f"Vocabulary {loaded.version}", ("table", "rows"), rows)
    _show(faults, output)
    output.value(
        {"version": loaded.version, "rows": dict(loaded.rows), **_judged(faults, everything=False)}
    )
    _end(faults)


def check(
    everything: Annotated[
        bool, typer.Option("--all", help="Also list concepts that are right, to compare names.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Judge every concept that the installed diseases use; works with nothing loaded."""
    output = Output(json)
    loaded = Vocabulary.at(workspace)
    with output.progress("checking"):
        faults = check_concepts(loaded)
        known = _known(loaded) if everything else {}
    if everything:
        rows = [
            (str(use.concept_id), use.label, known[use.concept_id].name, use.who, use.place)
            for use in uses()
            if use.concept_id in known
        ]
        output.table(
            "Concepts in use", ("concept", "our label", "its name", "used by", "written to"), rows
        )
    _show(faults, output)
    output.value({"version": loaded.version if loaded else None, **_judged(faults, everything)})
    _end(faults)


def _known(loaded: Vocabulary | None) -> Mapping[int, Known]:
    ids = {use.concept_id for use in uses() if not use.is_local}
    held = loaded.known(ids) if loaded else {}
    return {i: held.get(i) or core()[i] for i in ids if i in held or i in core()}


def _show(faults: Sequence[Fault], output: Output) -> None:
    wrong = [fault for fault in faults if fault.problem.blocks]
    if wrong:
        rows = [
            (
                str(fault.use.concept_id),
                fault.use.label,
                fault.use.who,
                fault.use.place or "(named only)",
                f"{fault.problem.value}: {fault.said}",
                fault.advice,
            )
            for fault in wrong
        ]
        columns = ("concept", "our label", "used by", "written to", "what is wrong", "what to do")
        output.table("Concepts that are wrong", columns, rows)
    absent = {(f.use.concept_id, f.said, f.advice) for f in faults if not f.problem.blocks}
    for (said, advice), count in sorted(Counter((said, to) for _, said, to in absent).items()):
        some = "concept" if count == 1 else "concepts"
        output.say(f"{count} {some} in use judged by the open core alone: {said}; {advice}.")
    checked = len({use.concept_id for use in uses()})
    verdict = f"[red]{len(wrong)} wrong[/]" if wrong else "[green]none is wrong[/]"
    output.say(f"{checked:,} concepts in use: {verdict}")


def _judged(faults: Sequence[Fault], everything: bool) -> dict[str, object]:
    judged: dict[str, object] = {
        "concepts": len({use.concept_id for use in uses()}),
        "wrong": [_plain(fault) for fault in faults if fault.problem.blocks],
        "not_in_the_download": [
            _plain(fault) for fault in faults if fault.problem is Problem.NOT_LOADED
        ],
    }
    if everything:
        judged["uses"] = [
            {
                "concept_id": use.concept_id,
                "label": use.label,
                "used_by": use.who,
                "written_to": use.place,
            }
            for use in uses()
        ]
    return judged


def _plain(fault: Fault) -> dict[str, object]:
    return {
        "concept_id": fault.use.concept_id,
        "label": fault.use.label,
        "used_by": fault.use.who,
        "written_to": fault.use.place,
        "problem": fault.problem.value,
        "said": fault.said,
        "advice": fault.advice,
    }


def _end(faults: Sequence[Fault]) -> None:
    if any(fault.problem.blocks for fault in faults):
        exit_with(Exit.FINDINGS)


def search(
    text: Annotated[str, typer.Argument(help="Words, a code or a concept id.")],
    domain: Annotated[str, typer.Option(help="Only concepts of this OMOP domain.")] = "",
    standard: Annotated[bool, typer.Option("--standard", help="Only standard concepts.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Find concepts by names and synonyms: in the loaded vocabulary, and always in our core."""
    output = Output(json)
    loaded = Vocabulary.at(workspace)
    with output.progress("searching"):
        hits = search_concepts(text, loaded, domain=domain, standard=standard, limit=limit)
    rows = [
        (
            str(hit.known.id),
            hit.name,
            hit.known.domain,
            hit.known.vocabulary,
            "invalid" if hit.known.invalid else hit.known.standard,
            hit.licence.value,
            ", ".join(hit.elements),
        )
        for hit in hits
    ]
    columns = ("concept", "name", "domain", "vocabulary", "standard", "licence", "used by")
    output.table(f"{len(hits)} found", columns, rows)
    if loaded is None:
        output.say("No vocabulary is loaded here: only concepts that elements use were searched.")
    if any(not hit.licence.names_may_leave for hit in hits):
        output.say("[dim]id-only, non-commercial: pass on the id, never the name or code.[/]")
    output.value([_found(hit) for hit in hits])


def _found(hit: Hit) -> dict[str, object]:
    return {
        "concept_id": hit.known.id,
        "name": hit.name,
        "label": hit.label,
        "may_leave_as": hit.may_leave,
        "domain": hit.known.domain,
        "vocabulary": hit.known.vocabulary,
        "standard": hit.known.standard,
        "invalid": hit.known.invalid,
        "licence": hit.licence.value,
        "used_by": hit.elements,
    }


def local(
    text: Annotated[str, typer.Argument(help="Part of a label, an element or an id.")] = "",
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """List our own concepts: what each means, what is above it, and how far it is agreed."""
    output = Output(json)
    loaded = Vocabulary.at(workspace)
    wanted = text.casefold()
    found = [
        own
        for own in local_concepts().values()
        if wanted in " ".join((str(own.id), own.label, *own.used)).casefold()
    ]
    above = {own.id: chain(own.id, loaded) for own in found}
    rows = [
        (str(own.id), own.label, ", ".join(own.used), _status(own), _chain(above[own.id]))
        for own in found
    ]
    columns = ("concept", "label", "used by", "status", "above it, the nearest first")
    output.table(f"{len(found)} concepts of our own", columns, rows)
    output.value(
        [
            {
                "concept_id": own.id,
                "label": own.label,
                "definition": own.definition,
                "used_by": own.used,
                "status": own.status.value,
                "superseded_by": own.superseded_by,
                "ancestors": [{"concept_id": k.id, "name": _called(k)} for k in above[own.id]],
            }
            for own in found
        ]
    )


def _status(own: Local) -> str:
    return f"{own.status.value} by {own.superseded_by}" if own.superseded_by else own.status.value


def _chain(above: Sequence[Known]) -> str:
    return " < ".join(f"{known.id} {_called(known)}".strip() for known in above)


def _called(known: Known) -> str:
    ours = next((use.label for use in uses() if use.concept_id == known.id), "")
    return known.name or ours or f"of {known.vocabulary}"


def migrate(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
    """Make a release in which superseded concepts of our own are replaced by their successors."""
    output = Output(json)
    opened = Workspace(workspace)
    replaced = successors()
    before = opened.lake.release()
    with output.progress("migrating") as watch:
        release = opened.lake.with_concepts(replaced, watch) if replaced else before
    made = release.number != before.number
    if made:
        details = {"release": release.number, "concepts": len(replaced)}
        opened.governance.record("concepts migrated", f"release {before.number}", details)
        output.say(f"Release {release.number} uses the concepts in force; {before.number} stays.")
    else:
        output.say(f"Nothing to do: release {before.number} uses the concepts in force.")
    output.value({"release": release.number, "made": made, "replaced": dict(replaced)})
