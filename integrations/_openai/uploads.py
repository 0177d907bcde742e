"""Files that a request uploads: names, media types and sizes, never their content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracer._json import JsonMapping, JsonObject

from .._values import as_dicts, given


def describe_files(files: object) -> list[JsonObject]:
    """Field, name, media type and size of each file of a request, without reading it."""
    pairs = list(files.items()) if isinstance(files, Mapping) else files
    if not isinstance(pairs, (list, tuple)):
        return []
    return [_describe(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _describe(field: object, file: object) -> JsonObject:
    name, content, content_type = [*file, None, None][:3] if isinstance(file, tuple) else [None, file, None]
    name = name if isinstance(name, str) else getattr(content, "name", None)
    described = {
        "field": field,
        "filename": name if isinstance(name, str) else None,
        "content_type": content_type,
        "bytes": len(content) if isinstance(content, (bytes, str)) else None,
    }
    return {key: value for key, value in described.items() if value is not None or key == "filename"}


def upload_parts(body: JsonMapping, modality: str) -> Iterator[JsonObject]:
    """Parts of a message for the uploaded files of a request."""
    for file in as_dicts(body.get("files")):
        yield given({
            "type": "file",
            "modality": modality,
            "mime_type": file.get("content_type"),
            "filename": file.get("filename"),
            "bytes": file.get("bytes"),
        })  # fmt: skip
