"""Content of LangChain's runs besides their values: sessions, tags, results of tools, interrupts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracer._json import JsonObject

_SESSION = ("session_id", "conversation_id", "thread_id")  # as LangSmith names them
_USER = ("user_id", "langgraph_auth_user_id")
# metadata that LangChain, LangGraph and LangSmith set themselves
_OWN = (
    "ls_", "lc_", "langgraph_", "checkpoint_", "LANGSMITH_", "LANGCHAIN_", "__", "revision_id", "usage_metadata",
    "task_id", "run_id", "assistant_id", "graph_id",
)  # fmt: skip
_OWN_TAGS = ("seq:step", "graph:step", "map:key", "langsmith:", "condition:")


def session_of(values: Mapping[str, Any]) -> str | None:
    """The session that metadata or a config's ``configurable`` names."""
    return next((str(values[name]) for name in _SESSION if values.get(name)), None)


def about_trace(metadata: Mapping[str, Any], tags: Iterable[str]) -> JsonObject:
    """Fields of a trace from a run's metadata and tags, as `update_current_trace` takes them."""
    known = (*_SESSION, *_USER)
    described = {
        key: value
        for key, value in metadata.items()
        if key not in known and not key.startswith(_OWN) and isinstance(value, (str, int, float))
    }
    about = {
        "session_id": session_of(metadata),
        "user": next((str(metadata[name]) for name in _USER if metadata.get(name)), None),
        "metadata": described or None,
        "tags": {tag: "true" for tag in tags if not tag.startswith(_OWN_TAGS)} or None,
    }
    return {key: value for key, value in about.items() if value is not None}


def result_of(output: Any) -> tuple[object, str | None]:
    """A tool's result, and the text of the error if it is one that LangChain has caught."""
    if getattr(output, "type", None) != "tool" or not hasattr(output, "content"):
        return output, None
    content = output.content
    error = str(content) if getattr(output, "status", None) == "error" else None
    return content, error


def interrupts_of(error: BaseException) -> list[JsonObject] | None:
    """The questions with which LangGraph has paused a step; None if it was another end."""
    found = error.args[0] if error.args else None
    is_pause = any(kind.__name__ == "GraphInterrupt" for kind in type(error).__mro__)
    if not is_pause or not isinstance(found, (list, tuple)):
        return None
    return [{"value": getattr(each, "value", each), "id": getattr(each, "id", None)} for each in found]
