"""Tracing of the Together SDK: chat, completions, embeddings, images, audio, rerankings, sync, async and streamed."""

from __future__ import annotations

import functools

from tracer._json import JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType, autolog_of

from ._openai import routes
from ._openai.chat import error_in
from ._openai.compatible import compatible_provider
from ._openai.other import generic
from ._openai.usage import read_usage
from ._values import as_dict, as_dicts, as_text

__all__ = ["autolog", "provider"]


def _read_rerank_request(body: object) -> Request:
    body = as_dict(body)
    asked = [body.get("query"), *(body.get("documents") or ())]
    parts = [text_part(text) if isinstance(text, str) else {"type": "document", "document": text} for text in asked]
    return Request(as_text(body.get("model")), [{"role": "user", "parts": parts}])


def _read_rerank_reply(body: object) -> Reply:
    body = as_dict(body)
    ranked = [_ranked(result) for result in as_dicts(body.get("results"))]
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=[{"role": "assistant", "parts": ranked}] if ranked else [],
        usage=read_usage(body.get("usage")),
        **error_in(body),
    )


def _ranked(result: JsonObject) -> JsonObject:
    return {"type": "ranking", **{key: value for key, value in result.items() if value is not None}}


RERANK = Operation("rerank", _read_rerank_request, _read_rerank_reply, span_type=SpanType.RERANKER)

_OPERATIONS = {
    "rerank": RERANK,
    "execute": generic("tci.execute", SpanType.TOOL),
    "evaluation": generic("evals.runs", SpanType.EVALUATOR),
    "fine-tunes": generic("fine_tuning.jobs"),
}
_GENERATES_NOTHING = frozenset({
    "billing", "cancel", "clear", "compute", "deployments", "endpoints", "estimate-price", "organizations", "preview",
    "projects", "rl", "shaping", "supported-models",
})  # fmt: skip


@functools.lru_cache(maxsize=256)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path; None if it generates nothing."""
    segments = [segment for segment in path.split("/") if segment]
    if not _GENERATES_NOTHING.isdisjoint(segments):
        return None
    return _OPERATIONS.get("".join(segments[-1:])) or routes.operation_of(path)


provider = compatible_provider("together", supported="2.0.0 to 3.x", provider_name="together_ai", find=operation_of)


@autolog_of("together")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Together SDK: chat, embeddings, images, … sync, async, streamed.

    May be called before or after ``import together``, and any number of times. ``disable=True`` puts the SDK back as
    it was.
    """
    provider.autolog(disable=disable)
