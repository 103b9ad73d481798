"""Options that several commands of the parties share, and how a card is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from haemony.privacy.exchange import Card

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


def plain(card: Card) -> dict[str, str]:
    """A card for programs."""
    return {"role": card.role, "name": card.name, "fingerprint": card.fingerprint}
