"""The trace UI: its files, index.html for the routes of the page, and advice if it was not built."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from tracer.server.answer import error_answer, takes_gzip

STATIC = Path(__file__).with_name("static")
_TEXTS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>tracer</title>
<h1>The trace UI is not part of this installation</h1>
<p>The server runs, and its API answers under <a href="/api/v1/openapi.json">/api/v1</a>; only the page was not built.
<p>In a checkout, build it with <code>pip install -e .</code> (without TRACER_SKIP_UI); wheels contain it.
</html>"""


async def page(request: Request) -> Response:
    """A file of the UI, or index.html for the routes that the page itself knows."""
    path: str = request.path_params["path"]  # without the prefix of a mounted app
    file = _file_at(path)
    if file is not None:
        is_immutable = path.startswith("assets/")  # file names contain a digest of the content
        caching = "public, max-age=31536000, immutable" if is_immutable else "no-cache"
        if is_immutable and file.suffix in _TEXTS and takes_gzip(request):
            headers = {"Cache-Control": caching, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return Response(_packed(file, file.stat().st_mtime_ns), headers=headers, media_type=_TEXTS[file.suffix])
        return FileResponse(file, headers={"Cache-Control": caching})
    index = STATIC / "index.html"
    if "." in path.rsplit("/", 1)[-1] and path.startswith("assets/"):
        return error_answer(404, "no such file")
    if not index.is_file():
        return HTMLResponse(_MISSING, 200, {"Cache-Control": "no-store"})
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


@lru_cache(maxsize=64)
def _packed(file: Path, changed_ns: int) -> bytes:
    """A file as gzip, compressed once at the highest level: every first visit loads it."""
    return gzip.compress(file.read_bytes(), 9)


def _file_at(path: str) -> Path | None:
    """The file of the bundle at a path; never a file outside of the bundle."""
    relative = path.lstrip("/")
    if not relative or "\x00" in relative or "\\" in relative:
        return None
    try:
        file = (STATIC / relative).resolve()
        return file if file.is_file() and STATIC.resolve() in file.parents else None
    except OSError:  # a name that is too long
        return None
