"""Calls that the SDKs of Anthropic and Cohere make to a cloud: what they ask, and the bytes in which it answers."""

from __future__ import annotations

import re
from urllib.parse import unquote

from tracer._json import JsonMapping, JsonObject
from tracer._replay.matching import path_of

SCOPES = frozenset({"tracer.anthropic", "tracer.cohere"})
PROVIDERS = frozenset({"aws.bedrock", "gcp.vertex_ai"})
NOT_AS_SENT = frozenset({"oci.generative_ai"})  # whose requests and replies Cohere's SDK writes in another format

# a model of Bedrock, an endpoint of SageMaker, a model of Vertex AI
_OF_AWS = re.compile(
    r"/(?:model/(?P<model>[^/]+)/invoke|endpoints/(?P<endpoint>[^/]+)/invocations)"
    r"(?P<stream>-with-response-stream|-response-stream)?$"
)
_OF_VERTEX = re.compile(r"/publishers/anthropic/models/(?P<model>[^/]+):(?P<stream>streamR|r)awPredict$")
_OF_CLOUDS = frozenset({"anthropic_version", "anthropic_beta", "user_profile_id", "api_version"})  # which SDKs add
_TOKENS = {"input_tokens": "x-amzn-bedrock-input-token-count", "output_tokens": "x-amzn-bedrock-output-token-count"}


def is_for_aws(request: JsonMapping) -> bool:
    """Whether a request is for a model of AWS, whose streams are its own binary ones."""
    return _OF_AWS.search(path_of(request)) is not None


def asked(request: JsonMapping, given: JsonMapping) -> JsonObject:
    """A request with its model and whether it streams in the body, as the SDK was given them."""
    path = path_of(request)
    found = _OF_AWS.search(path) or _OF_VERTEX.search(path)
    body = request.get("json")
    if found is None or not isinstance(body, dict):
        return dict(request)
    parts = found.groupdict()
    sent = {name: value for name, value in body.items() if name in given or name not in _OF_CLOUDS}
    sent["model"] = unquote(parts["model"] or parts["endpoint"])
    if (parts["stream"] or "r") != "r":
        sent["stream"] = True
    return {**request, "json": sent}


def event_of(chunk: object) -> JsonObject:
    """An event of AWS's stream, as a cassette has it."""
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return {"event": headers, "json": {"bytes": {"json": chunk}}}


def response_of_aws(response: JsonObject) -> JsonObject:
    """A reply with the headers in which AWS counts tokens; Cohere's SDK takes them from there."""
    meta = response["json"].get("meta") if isinstance(response.get("json"), dict) else None
    tokens = meta.get("tokens") if isinstance(meta, dict) else None
    if not isinstance(tokens, dict):
        return response
    counts = [[header, str(int(tokens[name]))] for name, header in _TOKENS.items() if tokens.get(name, -1) >= 0]
    return {**response, "headers": [*response["headers"], *counts]}
