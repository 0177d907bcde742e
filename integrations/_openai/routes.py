"""The operation of a request by its path: a table, and rules for all other paths."""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

from tracer.provider import Operation, SpanType

from .audio import SPEECH, TRANSCRIPTION
from .chat import CHAT, COMPLETION
from .images import IMAGE
from .other import DECISION, EMBEDDING, MODERATION, generic
from .responses import COMPACTION, RESPONSE

OPERATIONS: dict[str, Operation] = {
    "chat/completions": CHAT,
    "completions": COMPLETION,
    "responses": RESPONSE,
    "responses/compact": COMPACTION,
    "embeddings": EMBEDDING,
    "moderations": MODERATION,
    "decisions": DECISION,
    "images/generations": IMAGE,
    "images/edits": IMAGE,
    "images/variations": IMAGE,
    "audio/speech": SPEECH,
    "audio/transcriptions": TRANSCRIPTION,
    "audio/translations": TRANSCRIPTION,
    "vector_stores/*/search": generic("retrieval", SpanType.RETRIEVER),
    "videos": generic("videos", SpanType.LLM),
    "videos/edits": generic("videos.edits", SpanType.LLM),
    "videos/extensions": generic("videos.extensions", SpanType.LLM),
    "videos/*/remix": generic("videos.remix", SpanType.LLM),
    # paid work that runs later: the response to the request holds no reply of a model
    "batches": generic("batches"),
    "fine_tuning/jobs": generic("fine_tuning.jobs"),
    "graders/run": generic("graders.run", SpanType.EVALUATOR),
    "evals/*/runs": generic("evals.runs", SpanType.EVALUATOR),
    "threads/runs": generic("threads.runs", SpanType.AGENT),
    "threads/*/runs": generic("threads.runs", SpanType.AGENT),
    "runs/*/submit_tool_outputs": generic("threads.runs.submit_tool_outputs", SpanType.AGENT),
    "agents/sessions": generic("agents.sessions", SpanType.AGENT),
    "sessions/*/events": generic("agents.sessions.events", SpanType.AGENT),
    "automations/*/invocations": generic("agents.automations.invocations", SpanType.AGENT),
}
"""POSTs that generate something or cost money, by the end of their path; ``*`` is an id."""

GENERATES_NOTHING = frozenset({
    "agents", "assistants", "batches", "calls", "cancel", "certificates", "characters", "chatkit", "client_secrets",
    "containers", "content_provenance_checks", "conversations", "evals", "files", "fine_tuning", "input_tokens", "live",
    "models", "organization", "projects", "safety", "sessions", "skills", "threads", "transcription_sessions",
    "uploads", "vaults", "vector_stores", "voice_consents", "voices", "webhook_endpoints", "webhooks",
})  # fmt: skip
"""A POST with one of these segments that is not in the table only stores, changes or counts something."""


@functools.lru_cache(maxsize=1024)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path, a generic one for an unknown path; None if it generates nothing."""
    segments = _segments(path)
    found = next((OPERATIONS[key] for key in _keys(segments) if key in OPERATIONS), None)
    if found is not None or not GENERATES_NOTHING.isdisjoint(segments):
        return found
    if "completions" in segments or "responses" in segments:  # …/{id}: an action on a stored reply
        return None
    return generic(".".join(segments[-2:]) or "request")


@functools.lru_cache(maxsize=1024)
def streamed_response_id(path: str) -> str | None:
    """The id of the response that a GET with ``stream=true`` follows; None for any other path."""
    segments = _segments(path)
    return segments[-1] if segments[-2:-1] == ["responses"] else None


def _segments(path: str) -> list[str]:
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    if "deployments" in segments:  # Azure: …/deployments/{name}/chat/completions
        return segments[segments.index("deployments") + 2 :]
    return segments


def _keys(segments: list[str]) -> list[str]:
    """The keys of a path in the table, the longest first."""
    with_id = [f"{segments[-3]}/*/{segments[-1]}"] if len(segments) > 2 else []
    return [*with_id, "/".join(segments[-2:]), "".join(segments[-1:])]
