"""The screen of the plan as a page that needs no server: HTML with the engine's tables in it, a script and styles."""

from __future__ import annotations

import json

from whet.plan.screen.answers import whole

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; img-src data:">
<title>whet: what fits</title>
<link rel="stylesheet" href="plan.css">
</head>
<body>
<div id="plan"></div>
<noscript>This page needs JavaScript. In a terminal, <code>whet plan</code> says the same.</noscript>
<script type="application/json" id="plan-tables">TABLES</script>
<script src="plan.js"></script>
</body>
</html>
"""  # noqa: E501


def site(script: str, styles: str) -> dict[str, str]:
    """The files by name. What is in the tables ends no element of the page."""
    told = json.dumps(whole(), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return {"index.html": _PAGE.replace("TABLES", told), "plan.js": script, "plan.css": styles}
