"""One HTML file that needs nothing else: template, style, script and data in one."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from imgcollapse.report.reading import read_contents
from imgcollapse.report.sprites import draw_sprites
from imgcollapse.report.view import view

FOLDER = Path(__file__).parent
STYLE = "page.css"
SCRIPTS = ("words.js", "histogram.js", "charts.js", "tables.js", "page.js")
UNSAFE_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def draw_report(path: Path) -> bytes:
    """The report of a run, of a folder of runs, or of a study; the same bytes each time.

    Raises ConfigError where there is none, CorruptError where a file of it is broken.
    """
    contents = read_contents(path)
    sprites, fineness = draw_sprites(contents.chains, contents.seeds[0])
    return render(view(contents, sprites, fineness))


def render(values: dict[str, Any]) -> bytes:
    """The page of these values; all text is escaped, and a policy lets nothing else in."""
    style = _read(STYLE)
    script = '(() => {\n"use strict";\n' + "".join(map(_read, SCRIPTS)) + "})();\n"
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template("page.html").render(
        values,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(embedded_json(values["data"])),
    )
    return page.encode()


def embedded_json(value: object) -> str:
    """JSON that can stand in a script element: no sign in it ends the element or opens another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign, escaped in UNSAFE_IN_SCRIPT.items():
        text = text.replace(sign, escaped)
    return text


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing but this style, this script and pictures in the page itself."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_sha256(style)}'",
            f"script-src '{_sha256(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
