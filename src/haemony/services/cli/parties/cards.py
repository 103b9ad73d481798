"""What every party has: ``card``, ``trust``, ``trusted``, ``distrust``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haemony.lake.store import write_bytes
from haemony.model.errors import UsageError
from haemony.parties import Party
from haemony.privacy.exchange import Card, Role
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.services.cli.parties.options import plain

FINGERPRINT = "The fingerprint its owner read out; without it you are asked to compare."

PURPOSES = {
    Role.PARTNER: "The partner's side: seal contributions.",
    Role.TRUSTEE: "The trustee's side: turn site pseudonyms into patient keys.",
    Role.PLATFORM: "The platform's side: receive what was sealed and relayed.",
    Role.APPROVER: "One of the people who approve: withdrawals, destroyed keys, level 4.",
}


class WrongFingerprint(UsageError):
    """A card has another fingerprint than the one that was read out."""

    def __init__(self) -> None:
        super().__init__(
            "the card is not trusted: its fingerprint is not the one that was read out; compare "
            "once more with its owner, and ask for the card again if they still differ"
        )


def group_of(role: Role) -> typer.Typer:
    """The commands that every party has, for one role."""
    group = typer.Typer(no_args_is_help=True, help=PURPOSES[role])

    @group.command(epilog=f"Example: haemony {role} card -w DIR -o {role}-card.json")
    def card(
        out: Annotated[
            Path | None, typer.Option("--out", "-o", help="Write the card to this file.")
        ] = None,
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Show the party's card, or write it to a file for the others."""
        output = Output(json)
        party = Party(workspace, role)
        if out:
            write_bytes(out.resolve(), party.card.to_bytes(party.keys))
            output.say(f"Send [bold]{out}[/] to the other parties. When they add it,")
            output.say("they ask you to read this fingerprint out, by telephone for instance:")
        output.say(f"{party.card.role} {party.card.name}")
        output.say(f"[bold]{party.card.spoken}[/]")
        output.value(plain(party.card))

    @group.command(epilog=f"Example: haemony {role} trust card.json -w DIR --fingerprint 1f3a…")
    def trust(
        file: Annotated[Path, typer.Argument(help="The card of another party.")],
        fingerprint: Annotated[str, typer.Option(help=FINGERPRINT)] = "",
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Trust the card of another party, after its fingerprint was compared."""
        output = Output(json)
        party = Party(workspace, role)
        given = Card.read(file)
        if not fingerprint:
            output.say(f"{given.role} {given.name}, fingerprint")
            output.say(f"[bold]{given.spoken}[/]")
            typer.confirm("Has its owner read out the same one?", abort=True, err=True)
        elif fingerprint.replace(" ", "").lower() != given.fingerprint:
            raise WrongFingerprint
        trusted = party.trust(file.read_bytes())
        output.say(f"{trusted.role} {trusted.name} is trusted in {workspace} from now on.")
        output.value(plain(trusted))

    @group.command(epilog=f"Example: haemony {role} trusted -w DIR")
    def trusted(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
        """List the cards that are trusted here."""
        output = Output(json)
        cards = Party(workspace, role).trusted
        rows = [(card.role, card.name, card.spoken) for card in cards]
        output.table("Trusted here", ("role", "name", "fingerprint"), rows)
        output.value([plain(card) for card in cards])

    @group.command(epilog=f"Example: haemony {role} distrust 1f3a -w DIR")
    def distrust(
        fingerprint: Annotated[str, typer.Argument(help="First digits of its fingerprint.")],
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Trust a card no longer: nothing that its owner signs is accepted after this."""
        output = Output(json)
        gone = Party(workspace, role).distrust(fingerprint)
        output.say(f"{gone.role} {gone.name} is not trusted in {workspace} any more.")
        output.value(plain(gone))

    return group
