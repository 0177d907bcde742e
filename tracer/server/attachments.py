"""Binary content of payloads; types that a browser could execute are sent as a download."""

from __future__ import annotations

import re

from starlette.responses import Response

from tracer.errors import TraceNotFoundError
from tracer.server.operation import Call

# without SVG, which can contain scripts
_SHOWN = re.compile(r"(?:image/(?:png|jpeg|gif|webp|avif|bmp)|audio/[\w.+-]+|video/[\w.+-]+)\Z")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def get_attachment(call: Call) -> Response:
    """The content with its media type."""
    digest = call.path["digest"]
    found = call.store.attachment(digest) if _DIGEST.match(digest) else None
    if found is None:
        raise TraceNotFoundError(f"no attachment {digest[:64]!r} in the store")
    media_type, content = found
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",  # its name is its digest
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if not _SHOWN.match(media_type):
        headers["Content-Disposition"] = f'attachment; filename="{digest[:12]}"'
        media_type = media_type if _MEDIA_TYPE.match(media_type) else "application/octet-stream"
    return Response(content, 200, headers, media_type)
