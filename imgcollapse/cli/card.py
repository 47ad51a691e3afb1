"""``imgcollapse card``: what was run and what can be said of it, as a page of Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, print_json


def card(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run, or a study or folder of runs.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write it here and not to stdout; never over anything.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a card of a run or study: setting, data and their terms, limits, compute, checklist."""
    from imgcollapse.report.card import card_of, in_markdown
    from imgcollapse.store.files import write_text
    from imgcollapse.store.finding import runs_below
    from imgcollapse.store.places import refuse_taken

    if out is not None:
        refuse_taken(out, "card")
    made = card_of(directory, runs_below(directory))
    if out is not None:
        write_text(out, in_markdown(made))
    if as_json:
        print_json(made)
    elif out is None:
        print(in_markdown(made), end="")
    else:
        print(f"{out}: a card of {len(made['runs'])} run{'s' if len(made['runs']) > 1 else ''}")
