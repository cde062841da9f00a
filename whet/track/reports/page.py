"""A frozen report as one file of HTML that needs nothing else: its data, and the script and styles that draw it."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from typing import Any

from whet.track.script.plain import to_json

ELEMENT, DATA = "report", "report-data"


def page(frozen: Mapping[str, Any], script: str, style: str, language: str = "en") -> str:
    """The file. Nothing but this script runs in it, and it asks no network for anything (its policy says so)."""
    script = script.replace("</script", "<\\/script")
    title = html.escape(str(frozen["report"]["title"]))
    policy = f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:"
    return "".join((
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        f'<div id="{ELEMENT}"><h1>{title}</h1><noscript>Charts are drawn by a script.</noscript></div>\n',
        f'<script type="application/json" id="{DATA}">{_inert(frozen)}</script>\n',
        f"<script>{script}</script>\n</body>\n</html>\n",
    ))  # fmt: skip


def _inert(value: Any) -> str:
    """JSON that ends no element of HTML, whatever texts are in it."""
    text = to_json(value).decode()
    for letter in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
