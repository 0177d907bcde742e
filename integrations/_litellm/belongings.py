"""Session, user and tags of a call of LiteLLM, from its ``metadata``."""

from __future__ import annotations

from collections.abc import Mapping

from .._values import Arguments


def belongings(arguments: Arguments) -> dict[str, object]:
    """Session, user and tags of a call."""
    metadata = {**_mapping(arguments.get("litellm_metadata")), **_mapping(arguments.get("metadata"))}
    named = {
        "session_id": metadata.get("session_id") or arguments.get("litellm_session_id"),
        "user": (
            metadata.get("trace_user_id")
            or metadata.get("user_id")
            or arguments.get("user")
            or metadata.get("user_api_key_end_user_id")
        ),
    }
    found: dict[str, object] = {key: str(value) for key, value in named.items() if value}
    tags = metadata.get("tags")
    if isinstance(tags, (list, tuple)) and tags:
        found["tags"] = {str(tag): "true" for tag in tags}
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
