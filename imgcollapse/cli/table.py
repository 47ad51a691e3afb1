"""``imgcollapse table``: the scores of a study or a run as a table for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import JsonOption
from imgcollapse.errors import ConfigError


def table(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run or a study.")],
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX; needs booktabs only.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown [default].")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Every number as it is, one a row.")] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="This score, or NAME/REFERENCE such as fd_judge/balanced; may be given again.",
        ),
    ] = None,
    generation: Annotated[
        list[int] | None,
        typer.Option(
            metavar="G",
            help="Of a study, this generation [default: the last]; of a run, may be given again "
            "[default: all].",
        ),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(metavar="ARM", help="Test against this arm [default: the study's control]."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it there, not to stdout; never over anything."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print means with 95 % intervals over chains, n, and tests against an arm.

    Tests are t-tests paired over seeds, corrected for the number of them (Holm). Of a run,
    intervals are those of measurement.
    """
    if latex + markdown + csv + as_json > 1:
        raise ConfigError(
            "--latex, --markdown, --csv and --json exclude each other", "give one of them"
        )
    from imgcollapse.figures.drawing_all import is_study
    from imgcollapse.figures.result_table import run_table, study_table
    from imgcollapse.figures.study_tables import StudyTables
    from imgcollapse.figures.table_formats import to_csv, to_json, to_latex, to_markdown
    from imgcollapse.figures.tables import RunTables
    from imgcollapse.store.files import write_text
    from imgcollapse.store.places import refuse_taken

    if out is not None:
        refuse_taken(out, "table")
    names, numbers = metric or [], generation or []
    if is_study(directory):
        if len(numbers) > 1:
            raise ConfigError(
                "a table of a study shows one generation", "give --generation once, or tables apart"
            )
        one = next(iter(numbers), None)
        made = study_table(StudyTables.read(directory), names, one, control)
    elif control is not None:
        raise ConfigError("--control is of studies, and a run has no arms", "give a study")
    else:
        made = run_table(RunTables.of_folder(directory), names, numbers)
    label = "".join(one if one.isalnum() else "-" for one in directory.resolve().name)
    if latex:
        text = to_latex(made, label)
    else:
        text = (to_csv if csv else to_json if as_json else to_markdown)(made)
    if out is None:
        print(text, end="")
        return
    write_text(out, text)
    print(out)
