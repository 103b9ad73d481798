"""``haemony partner …``, ``trustee …``, ``platform …``, ``approver …``: parties of one package."""

from __future__ import annotations

import typer

from haemony.privacy.exchange import Role
from haemony.services.cli.parties import cards, keys, linkage, patients, sealing
from haemony.services.cli.parties.options import Command


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    groups = {role: cards.group_of(role) for role in Role}
    own: dict[Role, tuple[tuple[str, Command, str], ...]] = {
        Role.PARTNER: (
            ("init", sealing.partner_init, 'site --name "Hospital A"'),
            ("seal", sealing.seal, "aml-registry -w site -o post"),
            ("share-linkage-key", linkage.share, "1f3a -w site -o post"),
            ("take-linkage-key", linkage.take, "1f3a.linkage.haemony -w site"),
            ("withdraw", patients.ask_withdrawal, "aml-registry --patient 4711 -w site -o post"),
            ("identify", patients.identify, "aml-1.contact.haemony aml-registry -w site"),
            *keys.commands_of(Role.PARTNER, "site"),
        ),
        Role.TRUSTEE: (
            ("init", sealing.trustee_init, 'trustee --name "Trust centre"'),
            ("reviews", linkage.reviews, "-w trustee"),
            ("decide", linkage.decide, "3 same -w trustee"),
            ("relay", sealing.relay, "aml-1.identities.haemony -w trustee -o post"),
            (
                "obey",
                patients.obey,
                "aml-1.withdrawal.haemony a.ok b.ok -w trustee -o post",
            ),
            *keys.commands_of(Role.TRUSTEE, "trustee"),
        ),
        Role.PLATFORM: (
            ("init", sealing.platform_init, 'commons --name "Blood commons"'),
            ("receive", sealing.receive, "aml-1.payload.haemony aml-1.keys.haemony -w commons"),
            ("withdraw", patients.take_withdrawal, "aml-1.withdrawn.haemony -w commons"),
            (
                "recontact",
                patients.ask_recontact,
                "aml --person 9 --reason consent -w commons -o post",
            ),
            ("backup", keys.backup_of(Role.PLATFORM), "-w commons -o commons.backup"),
            ("recover", keys.recover_of(Role.PLATFORM), "commons.backup new-commons"),
        ),
        Role.APPROVER: (
            ("init", sealing.approver_init, 'alice --name "Alice A."'),
            ("approve", patients.approve, "aml-1.withdrawal.haemony -w alice -o a.approval"),
        ),
    }
    for role, commands in own.items():
        for name, command, example in commands:
            epilog = f"Example: haemony {role} {name} {example}"
            groups[role].command(name, epilog=epilog)(command)
        app.add_typer(groups[role], name=role.value)
