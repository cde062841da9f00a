"""The page: the built front end of `web/`, its index at every path that is no route of the API.

The bundle lies in `whet/server/page` (`make web`; a wheel carries it). Nothing in a page runs or loads but the files
of the bundle: no script in the HTML, none from elsewhere, no text made code.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from whet.server.errors import Refusal, missing
from whet.server.files import inside

BUNDLE = Path(__file__).parent.parent / "page"
# What the HTML says where the nonce of an answer goes, which style elements that a library makes have to carry.
NONCE = "%WHET_NONCE%"
# Paths that programs ask: an unknown one below them is an error in JSON, never a page.
_OF_PROGRAMS = ("api", "ajax-api", "v1", "openai")
# Names of files here hold the digest of what is in them.
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def router(bundle: Path = BUNDLE) -> APIRouter:
    """The routes of the page whose files lie in `bundle`; where none was built, each says how to build it."""
    made = APIRouter(tags=["page"])

    @made.get("/assets/{path:path}")
    def asset(path: str) -> Response:
        return FileResponse(_file(bundle, f"assets/{path}"), headers=_FOR_EVER)

    @made.get("/{path:path}")
    def page(path: str) -> Response:
        if path.partition("/")[0] in _OF_PROGRAMS:
            raise Refusal("ENDPOINT_NOT_FOUND", f"there is no /{path}", hint="/api/v1/openapi.json lists what there is")
        if not (bundle / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, headers={"Content-Security-Policy": policy("none")}, status_code=503)
        if path in _beside(bundle):
            return FileResponse(bundle / path)
        nonce = secrets.token_urlsafe(16)
        html = (bundle / "index.html").read_text(encoding="utf-8").replace(NONCE, nonce)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy(nonce)})

    return made


def policy(nonce: str) -> str:
    """What a page may load and do: its own files, its own API, pictures that it draws itself."""
    return (
        "default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
        f"media-src 'self' blob:; style-src 'self' 'nonce-{nonce}'; manifest-src 'self'; frame-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _beside(bundle: Path) -> set[str]:
    """Files that lie beside the index: the icon, what runs before the first paint."""
    return {entry.name for entry in bundle.iterdir() if entry.is_file() and entry.name != "index.html"}


def _file(bundle: Path, path: str) -> Path:
    found = inside(bundle, path)
    if not found.is_file():
        raise missing(f"the page has no file `{path}`")
    return found


_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>whet: the page is not built</title>
<h1>The page is not built yet</h1>
<p>This copy of whet has the server and not the page's files. In its folder, type:</p>
<pre>make web</pre>
<p>and load this address again. The API is at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>, and in a terminal
<code>whet runs</code>, <code>whet show RUN</code> and <code>whet top</code> show the same runs.</p></html>
"""
