"""Exchanges recorded against real providers, asked for again through the real SDK."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import openai

from tests.openai.server import Scripted, Server

_PLACE = Path(os.environ.get("TRACER_RECORDED") or Path(__file__).parents[3] / "shared" / "recorded")
FILE = _PLACE / "openai.jsonl" if _PLACE.is_dir() else _PLACE
EXCHANGES = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []

_RESOURCES = {
    "chat/completions": ("chat", "completions", "create"),
    "completions": ("completions", "create"),
    "responses": ("responses", "create"),
    "embeddings": ("embeddings", "create"),
    "images/generations": ("images", "generate"),
}


def name_of(exchange: dict[str, Any]) -> str:
    """Of its test."""
    return f"{exchange['path'].strip('/').replace('/', '.')}-{exchange['id']}"


def scripted(exchange: dict[str, Any]) -> Scripted:
    """The provider's answer."""
    headers = {name: value for name, value in exchange["headers"].items() if name != "content-type"}
    return Scripted([exchange["body"].encode()], exchange["status"], headers, exchange["content_type"] or None)


def _client_settings(exchange: dict[str, Any], server: Server) -> dict[str, Any]:
    prefix = exchange["path"].removesuffix("/" + kind_of(exchange["path"]))
    if "/deployments/" in prefix:
        deployment = prefix.rsplit("/", 1)[1]
        settings = {"azure_endpoint": server.url, "azure_deployment": deployment, "api_version": "2024-10-21"}
    else:
        settings = {"base_url": server.url + prefix}
    return {**settings, "api_key": "k", "max_retries": 0}


def kind_of(path: str) -> str:
    """The end of a path that names the API."""
    return next(kind for kind in ("chat/completions", *_RESOURCES) if path.endswith("/" + kind))


def _method(client: Any, exchange: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    for name in _RESOURCES[kind_of(exchange["path"])]:
        client = getattr(client, name)
    named = {"model", "messages", "input", "prompt", "stream"}
    arguments = {key: value for key, value in exchange["request"].items() if key in named}
    rest = {key: value for key, value in exchange["request"].items() if key not in named}
    if not arguments.get("stream"):
        arguments.pop("stream", None)
    return client, {**arguments, "extra_body": rest}


def call(exchange: dict[str, Any], server: Server) -> Any:
    """What the SDK gives: a reply, the chunks of a stream, or the error that it raises."""
    settings = _client_settings(exchange, server)
    http = openai.DefaultHttpxClient(verify=False)  # loading certificates would take most of the test's time
    with (openai.AzureOpenAI if "azure_endpoint" in settings else openai.OpenAI)(
        **settings, http_client=http
    ) as client:
        method, arguments = _method(client, exchange)
        try:
            result = method(**arguments)
            return list(result) if arguments.get("stream") else result
        except (openai.APIError, ValueError) as error:  # ValueError: a body that is no JSON
            return error


async def call_async(exchange: dict[str, Any], server: Server) -> Any:
    """The same by the asynchronous client."""
    settings = _client_settings(exchange, server)
    http = openai.DefaultAsyncHttpxClient(verify=False)
    kind = openai.AsyncAzureOpenAI if "azure_endpoint" in settings else openai.AsyncOpenAI
    async with kind(**settings, http_client=http) as client:
        method, arguments = _method(client, exchange)
        try:
            result = await method(**arguments)
            return [each async for each in result] if arguments.get("stream") else result
        except (openai.APIError, ValueError) as error:  # ValueError: a body that is no JSON
            return error
