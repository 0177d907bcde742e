"""The OpenAPI document of the server, generated from its operations and schemas."""

from __future__ import annotations

import re
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from tracer._json import JsonObject
from tracer.server.access import OTHER_NEEDS, security
from tracer.server.answer import json_answer, takes_gzip
from tracer.server.model_files import BINARY, OFFSET
from tracer.server.operation import Operation, Parameter
from tracer.server.operations import BASE, OPERATIONS
from tracer.server.otlp import JSON, PROTOBUF
from tracer.server.schemas import SCHEMAS, TEXT, ref
from tracer.server.signin import installed_version

_IN_PATH = re.compile(r"\{(\w+)(?::path)?\}")
_PROBLEM = {"description": "What is wrong.", "content": {"application/json": {"schema": ref("Error")}}}
_ANY_JSON = {"description": "It does.", "content": {"application/json": {"schema": {"type": "object"}}}}
_OF_LANGFUSE = "_of_langfuse"
_TOKEN = "The one token of a server, or a key of a project, which needs the roles that are named beside it."
_DESCRIPTION = (
    "Traces of LLM programs. Times and durations are integers of nanoseconds, costs are US dollars, a field without"
    " a value is null; in the light spans of a tree such fields are left out. Unknown parameters are refused."
)


@lru_cache(maxsize=1)
def document() -> JsonObject:
    """The whole document, OpenAPI 3.1."""
    paths: dict[str, JsonObject] = {}
    for operation in OPERATIONS:
        place = paths.setdefault(BASE + _IN_PATH.sub(r"{\1}", operation.path), {})
        place[operation.method.lower()] = _operation(operation)
    for path, entries in _others().items():
        for entry in entries.values():
            entry["security"] = security(OTHER_NEEDS[entry["operationId"].removesuffix(_OF_LANGFUSE)])
        paths.setdefault(path, {}).update(entries)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tracer server", "version": installed_version(), "description": _DESCRIPTION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _TOKEN}},
        },
        "security": [{}],
    }


def _operation(operation: Operation) -> JsonObject:
    found: JsonObject = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "description": (operation.handler.__doc__ or "").strip(),
        "parameters": [
            *(_path_parameter(name) for name in _IN_PATH.findall(operation.path)),
            *(_query_parameter(parameter) for parameter in operation.query),
        ],
        "responses": {str(operation.status): _success(operation), "default": _PROBLEM},
        "security": security(operation.needs),
    }
    if operation.body is not None:
        found["requestBody"] = _json_body(operation.body)
    return found


def _success(operation: Operation) -> JsonObject:
    if operation.result is None:
        return {"description": "Done."}
    if operation.result == "Binary":
        return {"description": operation.summary, "content": {"*/*": {"schema": {}}}}
    return _json_content(operation.summary, operation.result)


def _json_content(description: str, name: str) -> JsonObject:
    return {"description": description, "content": {"application/json": {"schema": ref(name)}}}


def _json_body(name: str) -> JsonObject:
    return {"required": True, "content": {"application/json": {"schema": ref(name)}}}


def _path_parameter(name: str) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> JsonObject:
    schema: JsonObject = {"type": parameter.kind}
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.bounds is not None:
        schema["minimum"], schema["maximum"] = parameter.bounds
    return {"name": parameter.name, "in": "query", "description": parameter.summary, "schema": schema}


def _others() -> dict[str, JsonObject]:
    """Paths that are not operations: sign-in, streams, and bodies other than JSON objects."""
    return {
        f"{BASE}/server": {"get": _entry("server", "The server itself.", _json_content("The server.", "Server"))},
        f"{BASE}/sign-in": {
            "post": {**_entry("sign_in", "Sign in with the token.", None), "requestBody": _json_body("SignIn")}
        },
        f"{BASE}/sign-in/oidc": {
            "get": {
                **_sent("begin_sign_in", "Send the browser to the provider, where people sign in with OpenID Connect."),
                "parameters": [_query_parameter(Parameter("next", "The path of this server to be at afterwards."))],
            }
        },
        f"{BASE}/sign-in/oidc/back": {
            "get": {
                **_sent("end_sign_in", "Take the browser back from the provider."),
                "parameters": [
                    _query_parameter(Parameter("state", "As it was sent to the provider.")),
                    _query_parameter(Parameter("code", "What the provider tells who signs in for.")),
                    _query_parameter(Parameter("error", "Why the provider tells nothing.")),
                ],
            }
        },
        f"{BASE}/sign-out": {"post": _entry("sign_out", "Sign out.", None)},
        f"{BASE}/openapi.json": {
            "get": _entry(
                "openapi",
                "This document.",
                {"description": "OpenAPI.", "content": {"application/json": {"schema": {}}}},
            )
        },
        f"{BASE}/events": {
            "get": _entry(
                "events",
                "Change numbers as they move.",
                {
                    "description": (
                        'Server-sent events without an end: named change with {"seq": number} as data, at once and'
                        " after each change, and a comment every 15 seconds."
                    ),
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                },
            )
        },
        f"{BASE}/alerts": {"get": _entry("list_alerts", "The rules of alerts.", _json_content("The rules.", "Alerts"))},
        f"{BASE}/alerts/channels/{{channel}}/trial": {
            "post": {
                **_entry(
                    "try_channel",
                    "Send a channel of alerts a message, to see whether it arrives.",
                    _json_content("Whether it was taken.", "Trial"),
                ),
                "parameters": [_path_parameter("channel")],
            }
        },
        f"{BASE}/try-again": {
            "get": _entry(
                "model_servers_of", "The servers that may be asked.", _json_content("The servers.", "ModelServers")
            ),
            "post": {
                **_entry(
                    "try_again",
                    "Ask a model, where the server was started with it.",
                    {
                        "description": (
                            "Server-sent events: start, with the ids of the trace; reply with all messages so far and"
                            " more with what was added to the last text; failed; and done, with the trace and its span."
                        ),
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                ),
                "requestBody": _json_body("Try"),
            },
        },
        f"{BASE}/records": {
            "post": {
                **_entry("take_records", "Take in records of a journal.", None),
                "parameters": [{"name": "owner", "in": "query", "schema": {**TEXT, "minLength": 1, "maxLength": 200}}],
                "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
            }
        },
        f"{BASE}/models/{{model_id}}/files/{{file}}": {
            "put": {
                **_entry("take_part", "Take in a part of a model's file.", None),
                "parameters": [_path_parameter("model_id"), _path_parameter("file"), _query_parameter(OFFSET)],
                "requestBody": {"required": True, "content": {BINARY: {"schema": {"type": "string"}}}},
            }
        },
        "/health": {"get": _entry("health", "The process lives.", _ANY_JSON)},
        "/ready": {"get": _entry("ready", "The store answers; 503 if it does not.", _ANY_JSON)},
        "/metrics": {
            "get": _entry(
                "metrics",
                "Figures for Prometheus.",
                {"description": "Prometheus's text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
            )
        },
        "/v1/traces": {"post": _take_in("take_spans", "Take in spans (OTLP).", "Otlp")},
        "/api/public/otel/v1/traces": {
            "post": _take_in(f"take_spans{_OF_LANGFUSE}", "The same, where Langfuse's SDKs send theirs.", "Otlp")
        },
        "/v1/logs": {
            "post": _take_in("take_logs", "Take in what log records say of spans, and drop others (OTLP).", "OtlpLogs")
        },
        "/v1/metrics": {
            "post": {
                "operationId": "drop_metrics",
                "summary": "Take metrics that are sent along (OTLP), and keep none.",
                "responses": {
                    "200": {"description": "ExportMetricsServiceResponse.", "content": _in_otlp("OtlpTaken")},
                    **dict.fromkeys(("401", "403", "405", "429"), _PROBLEM),
                    "default": {"description": "google.rpc.Status.", "content": _in_otlp("OtlpStatus")},
                },
            }
        },
    }


def _in_otlp(name: str) -> JsonObject:
    return {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}, JSON: {"schema": ref(name)}}


def _take_in(operation_id: str, summary: str, shape: str) -> JsonObject:
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": "The answer follows the commit, in the media type of the request; JSON where that is unknown.",
        "requestBody": {"required": True, "content": _in_otlp(shape)},
        "responses": {
            "200": {
                "description": "The export's response; says which spans or log records were refused.",
                "content": _in_otlp(f"{shape}Taken"),
            },
            **dict.fromkeys(("401", "403", "405", "429"), _PROBLEM),
            "default": {"description": "google.rpc.Status.", "content": _in_otlp("OtlpStatus")},
        },
    }


def _sent(name: str, summary: str) -> JsonObject:
    answers = {"303": {"description": "Where the browser goes on."}}
    return {"operationId": name, "summary": summary, "responses": {**answers, "default": _PROBLEM}}


def _entry(name: str, summary: str, success: JsonObject | None) -> JsonObject:
    answers = {"204": {"description": "Done."}} if success is None else {"200": success}
    return {"operationId": name, "summary": summary, "responses": {**answers, "default": _PROBLEM}}


async def openapi(request: Request) -> Response:
    """The document."""
    return json_answer(document(), is_gzip_taken=takes_gzip(request))
