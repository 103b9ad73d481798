"""``haemony partner …``, ``trustee …``, ``platform …``: three parties, one package."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from haemony.admission import leave
from haemony.admission import receive as receive_envelopes
from haemony.lake.store import write_bytes
from haemony.model.errors import UsageError
from haemony.parties import Partner, Party, Trustee, custody, requests
from haemony.privacy.exchange import Card, Role, peek
from haemony.privacy.exchange.approval import Approval
from haemony.services.cli.contributions import DataOption, load, say_admission
from haemony.services.cli.output import JsonFlag, Output, WorkspaceOption
from haemony.workspace import Workspace

Command = Callable[..., None]
FolderArgument = Annotated[Path, typer.Argument(help="A new or empty folder.")]
NameOption = Annotated[str, typer.Option("--name", help="How the party is called.")]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the envelopes; made if absent.")
]
PassphraseOption = Annotated[
    str,
    typer.Option(
        "--passphrase",
        envvar="HAEMONY_PASSPHRASE",
        prompt=True,
        hide_input=True,
        help="At least 15 letters; better given when asked, or in the environment.",
    ),
]
FileOption = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
FINGERPRINT = "The fingerprint its owner read out; without it you are asked to compare."

_PURPOSES = {
    Role.PARTNER: "The partner's side: seal contributions.",
    Role.TRUSTEE: "The trustee's side: turn site pseudonyms into patient keys.",
    Role.PLATFORM: "The platform's side: receive what was sealed and relayed.",
    Role.APPROVER: "One of the people whose approval the trustee needs for what cannot be undone.",
}


class WrongFingerprint(UsageError):
    """A card has another fingerprint than the one that was read out."""

    def __init__(self) -> None:
        super().__init__(
            "the card is not trusted: its fingerprint is not the one that was read out; compare "
            "once more with its owner, and ask for the card again if they still differ"
        )


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    groups = {role: _group(role) for role in Role}
    own: dict[Role, tuple[tuple[str, Command, str], ...]] = {
        Role.PARTNER: (
            ("init", partner_init, 'site --name "Hospital A"'),
            ("seal", seal, "aml-registry -w site -o post"),
            ("withdraw", ask_withdrawal, "aml-registry --patient 4711 -w site -o post"),
            ("identify", identify, "aml-1.contact.haemony aml-registry -w site"),
            *_custody(Role.PARTNER, "site"),
        ),
        Role.TRUSTEE: (
            ("init", trustee_init, 'trustee --name "Trust centre"'),
            ("relay", relay, "aml-1.identities.haemony -w trustee -o post"),
            ("obey", obey, "aml-1.withdrawal.haemony a.approval b.approval -w trustee -o post"),
            *_custody(Role.TRUSTEE, "trustee"),
        ),
        Role.PLATFORM: (
            ("init", platform_init, 'commons --name "Blood commons"'),
            ("receive", receive, "aml-1.payload.haemony aml-1.keys.haemony -w commons"),
            ("withdraw", take_withdrawal, "aml-1.withdrawn.haemony -w commons"),
            ("recontact", ask_recontact, "aml --person 123 --reason consent -w commons -o post"),
            ("backup", _backup(Role.PLATFORM), "-w commons -o commons.backup"),
            ("recover", _recover(Role.PLATFORM), "commons.backup new-commons"),
        ),
        Role.APPROVER: (
            ("init", approver_init, 'alice --name "Alice A."'),
            ("approve", approve, "aml-1.withdrawal.haemony -w alice -o a.approval"),
        ),
    }
    for role, commands in own.items():
        for name, command, example in commands:
            epilog = f"Example: haemony {role} {name} {example}"
            groups[role].command(name, epilog=epilog)(command)
        app.add_typer(groups[role], name=role.value)


def _custody(role: Role, folder: str) -> tuple[tuple[str, Command, str], ...]:
    """The commands that a holder of pseudonymisation keys has."""
    key = {Role.PARTNER: "site", Role.TRUSTEE: "domain"}[role]
    return (
        ("rotate", _rotate(role), f"-w {folder}"),
        ("order", _order(role), f'{key}-1 --reason "no longer needed" -w {folder} -o order.json'),
        ("destroy", _destroy(role), f"order.json a.approval b.approval -w {folder}"),
        ("backup", _backup(role), f"-w {folder} -o {folder}.backup"),
        ("recover", _recover(role), f"{folder}.backup new-{folder}"),
    )


def _group(role: Role) -> typer.Typer:
    """The commands that every party has, for one role."""
    group = typer.Typer(no_args_is_help=True, help=_PURPOSES[role])

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
        output.value(_plain(party.card))

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
        output.value(_plain(trusted))

    @group.command(epilog=f"Example: haemony {role} trusted -w DIR")
    def trusted(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
        """List the cards that are trusted here."""
        output = Output(json)
        cards = Party(workspace, role).trusted
        rows = [(card.role, card.name, card.spoken) for card in cards]
        output.table("Trusted here", ("role", "name", "fingerprint"), rows)
        output.value([_plain(card) for card in cards])

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
        output.value(_plain(gone))

    return group


def _plain(card: Card) -> dict[str, str]:
    return {"role": card.role, "name": card.name, "fingerprint": card.fingerprint}


def partner_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a partner's workspace; its contributions name their partner just so."""
    _made(Partner.init(folder, name), folder, Output(json))


def trustee_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a trustee's workspace, with the key of a new domain."""
    _made(Trustee.init(folder, name), folder, Output(json))


def platform_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make a platform's workspace, without partners or trustee beside it."""
    _made(Workspace.init(folder, name, alone=True), folder, Output(json))


def approver_init(folder: FolderArgument, name: NameOption, json: JsonFlag = False) -> None:
    """Make an approver's workspace: a key of their own, and a card for the trustee."""
    Party.make(folder, Role.APPROVER, name, ())
    _made(Party(folder, Role.APPROVER), folder, Output(json))


def _made(party: Party, folder: Path, output: Output) -> None:
    output.say(f"[bold]{folder}[/] is the workspace of a {party.role}. Its keys lie in")
    output.say(f"{folder}/keys, for you alone; back them up now.")
    output.say(
        f"Next: [bold]haemony {party.role} card -w {folder} -o {party.role}-card.json[/], and send "
        "the card to the other parties"
    )
    output.value({"workspace": str(party.folder), **_plain(party.card)})


def seal(
    contribution: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    out: OutOption,
    data: DataOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Seal a version once more whose envelopes were lost.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Part a contribution: identities sealed to the trustee, everything else to the platform."""
    output = Output(json)
    partner = Partner(workspace)
    given = load(contribution, data)
    with output.progress("sealing") as watch:
        now = datetime.now(UTC)
        sealed = partner.seal(given, out.resolve(), now=now, again=again, watch=watch)
    rows = [
        ("identities", "trustee", sealed.identities.name),
        ("payload", "platform", sealed.payload.name),
    ]
    output.table(f"Sealed in {out}", ("what", "send to the", "file"), rows)
    output.value(
        {
            "number": sealed.number,
            "identities": str(sealed.identities),
            "payload": str(sealed.payload),
        }
    )


def relay(
    envelopes: Annotated[list[Path], typer.Argument(help="Identities that partners sealed.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Give every patient a key, and seal the keys to the platform."""
    output = Output(json)
    trustee = Trustee(workspace)
    written: list[Path] = []
    for path in envelopes:
        written.append(trustee.relay(path, out.resolve(), now=datetime.now(UTC)))
    rows = [("keys", "platform", path.name) for path in written]
    output.table(f"Sealed in {out}", ("what", "send to the", "file"), rows)
    output.value({"keys": [str(path) for path in written]})


def receive(
    envelopes: Annotated[list[Path], typer.Argument(help="Payloads and keys, in any order.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Take payloads and their keys into the lake, as one new release."""
    output = Output(json)
    opened = Workspace(workspace)
    with output.progress("receiving") as watch:
        admission = receive_envelopes(envelopes, opened, watch)
    say_admission(admission, workspace, output)


def ask_withdrawal(
    contribution: Annotated[str, typer.Argument(help="Id of the contribution.")],
    patient: Annotated[str, typer.Option(help="Your own number of the patient.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask the trustee that a patient leaves; two people approve there."""
    output = Output(json)
    path = requests.ask_withdrawal(
        Partner(workspace), contribution, patient, out.resolve(), now=datetime.now(UTC)
    )
    output.say(f"Send [bold]{path.name}[/] to the trustee.")
    output.value({"request": str(path)})


def ask_recontact(
    contribution: Annotated[str, typer.Argument(help="Id of the contribution.")],
    person: Annotated[int, typer.Option(help="The person_id of the release.")],
    reason: Annotated[str, typer.Option(help="finding, consent or data.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Ask the trustee that a partner contacts a patient again; two people approve there."""
    output = Output(json)
    if reason.upper() not in requests.Reason.__members__:
        raise UnknownReason(reason)
    path = requests.ask_recontact(
        Workspace(workspace),
        contribution,
        person,
        requests.Reason[reason.upper()],
        out.resolve(),
        now=datetime.now(UTC),
    )
    output.say(f"Send [bold]{path.name}[/] to the trustee.")
    output.value({"request": str(path)})


class UnknownReason(UsageError):
    """A recontact has one of three reasons."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        names = ", ".join(name.lower() for name in requests.Reason.__members__)
        super().__init__(f"{reason!r} is no reason to contact a patient; give one of: {names}")


def approve(
    file: Annotated[Path, typer.Argument(help="A request, or an order, exactly as it came.")],
    out: FileOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Approve one exact file with your own key; it needs a second person's approval as well."""
    output = Output(json)
    person = Party(workspace, Role.APPROVER)
    given = Approval.give(file.read_bytes(), person.card, person.keys)
    write_bytes(out.resolve(), given.to_bytes())
    person.governance.record("approved", file.name[:255], {"sha256": given.of})
    output.say(f"[bold]{out}[/] holds your approval of {file.name}; send both to the trustee.")
    output.value({"approval": str(out), "sha256": given.of})


def obey(
    request: Annotated[Path, typer.Argument(help="A request for withdrawal or recontact.")],
    approvals: Annotated[list[Path], typer.Argument(help="Approvals of two different people.")],
    out: OutOption,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Carry out a request that two people have approved."""
    output = Output(json)
    trustee, now = Trustee(workspace), datetime.now(UTC)
    _, part = peek(request.read_bytes(), request.name)
    if part == requests.RECONTACT:
        paths = requests.obey_recontact(trustee, request, approvals, out.resolve(), now=now)
    else:
        paths = (requests.obey_withdrawal(trustee, request, approvals, out.resolve(), now=now),)
    receiver = "partner" if part == requests.RECONTACT else "platform"
    output.table(f"Sealed in {out}", ("send to the", "file"), [(receiver, p.name) for p in paths])
    output.value({"sealed": [str(path) for path in paths]})


def take_withdrawal(
    envelope: Annotated[Path, typer.Argument(help="What the trustee sealed.")],
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Make a release without the patient whose withdrawal the trustee has passed on."""
    output = Output(json)
    release = leave(envelope, Workspace(workspace))
    output.say(f"Release {release.number} is without the patient. Older releases still hold the")
    output.say("data; `haemony withdraw ID --shred` destroys whole contributions there.")
    output.value({"release": release.number})


def identify(
    envelope: Annotated[Path, typer.Argument(help="What the trustee sealed.")],
    contribution: Annotated[Path, typer.Argument(help="Folder of the contribution.")],
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonFlag = False,
) -> None:
    """Find out which of your own patients is to be contacted again, and why."""
    output = Output(json)
    found = requests.identify(
        Partner(workspace), envelope, load(contribution, data), now=datetime.now(UTC)
    )
    output.say(f"Patient [bold]{found.patient}[/]: {found.reason}")
    output.value({"patient": found.patient, "reason": found.reason.name.lower()})


def _rotate(role: Role) -> Command:
    def rotate(workspace: WorkspaceOption = Path(), json: JsonFlag = False) -> None:
        """Replace the key of the pseudonyms; patients stay the persons they are."""
        output = Output(json)
        old = custody.rotate(Party(workspace, role))
        output.say(f"The old key is retired as [bold]{old}[/] and still recognises patients.")
        output.value({"retired": old})

    return rotate


def _order(role: Role) -> Command:
    def order(
        name: Annotated[str, typer.Argument(help="Name of the key, such as site-1.")],
        reason: Annotated[str, typer.Option(help="Why, for the record.")],
        out: FileOption,
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Write the order to destroy a key; two people approve it before `destroy`."""
        output = Output(json)
        given = custody.order_destruction(Party(workspace, role), name, reason, datetime.now(UTC))
        write_bytes(out.resolve(), given)
        output.say(f"[bold]{out}[/] needs the approvals of two people: haemony approver approve")
        output.value({"order": str(out)})

    return order


def _destroy(role: Role) -> Command:
    def destroy(
        order: Annotated[Path, typer.Argument(help="The order.")],
        approvals: Annotated[list[Path], typer.Argument(help="Approvals of two people.")],
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Destroy a key for good, and leave a signed record of it."""
        output = Output(json)
        record = custody.destroy(
            Party(workspace, role),
            order.read_bytes(),
            order.name,
            [path.read_bytes() for path in approvals],
            datetime.now(UTC),
        )
        output.say(f"The key is gone; [bold]{record}[/] says so, signed.")
        output.value({"record": str(record)})

    return destroy


def _backup(role: Role) -> Command:
    def backup(
        out: FileOption,
        passphrase: PassphraseOption,
        workspace: WorkspaceOption = Path(),
        json: JsonFlag = False,
    ) -> None:
        """Back up keys, trusted cards and ledger under a passphrase; a lake is not part of it."""
        output = Output(json)
        write_bytes(out.resolve(), custody.back_up(Party(workspace, role), passphrase))
        output.say(f"[bold]{out}[/] holds everything that cannot be made again. Keep it apart")
        output.say("from the machine and from the passphrase, and try `recover` once.")
        output.value({"backup": str(out)})

    return backup


def _recover(role: Role) -> Command:
    def recover(
        backup: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
        folder: FolderArgument,
        passphrase: PassphraseOption,
        json: JsonFlag = False,
    ) -> None:
        """Bring a workspace back from its backup."""
        output = Output(json)
        party = custody.recover(backup.read_bytes(), backup.name, passphrase, folder)
        output.say(f"[bold]{folder}[/] is the workspace of the {party.role} {party.name} again.")
        if party.role is not role:
            output.say(f"The backup is that of a {party.role}, not of a {role}.")
        output.value({"workspace": str(folder), **_plain(party.card)})

    return recover
