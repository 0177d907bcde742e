"""A program for each SDK that asks a question, plainly and streamed, sync and async."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import ollama
import openai
from google import genai
from mistralai.client import Mistral, basesdk

from tests.anthropic import replies as of_anthropic
from tests.gemini import replies as of_gemini
from tests.gemini.conftest import closed
from tests.ollama import replies as of_ollama
from tests.openai import replies as of_openai
from tests.openai.server import Scripted, Server, reply, sse

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading certificates would take most of a test's time
Program = Callable[[Server, str, str], Any]


async def listed(stream: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in stream]


def ask_openai(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": question}]}
    settings: Any = {"api_key": "k", "base_url": f"{server.url}/v1", "max_retries": 0}
    if not way.startswith("async"):
        with openai.OpenAI(**settings, http_client=openai.DefaultHttpxClient(verify=False)) as client:
            completions = client.chat.completions
            return list(completions.create(**asked, stream=True)) if way == "stream" else completions.create(**asked)

    async def scenario() -> Any:
        http = openai.DefaultAsyncHttpxClient(verify=False)
        async with openai.AsyncOpenAI(**settings, http_client=http) as client:
            if way == "async stream":
                return await listed(await client.chat.completions.create(**asked, stream=True))
            return await client.chat.completions.create(**asked)

    return asyncio.run(scenario())


def ask_anthropic(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": question}]}
    settings: Any = {"api_key": "k", "base_url": server.url, "max_retries": 0}
    if not way.startswith("async"):
        with anthropic.Anthropic(**settings, http_client=anthropic.DefaultHttpxClient(verify=False)) as client:
            return (
                list(client.messages.create(**asked, stream=True))
                if way == "stream"
                else client.messages.create(**asked)
            )

    async def scenario() -> Any:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropic(**settings, http_client=http) as client:
            if way == "async stream":
                return await listed(await client.messages.create(**asked, stream=True))
            return await client.messages.create(**asked)

    return asyncio.run(scenario())


def ask_gemini(server: Server, way: str, question: str) -> Any:
    fast: Any = {"verify": NO_CERTIFICATES}
    options: Any = {"base_url": server.url, "client_args": fast, "async_client_args": fast}
    client = genai.Client(api_key="k", http_options=options)
    asked: Any = {"model": "m", "contents": question}
    if not way.startswith("async"):
        models = client.models
        try:
            return (
                list(models.generate_content_stream(**asked)) if way == "stream" else models.generate_content(**asked)
            )
        finally:
            client.close()

    async def scenario() -> Any:
        models = client.aio.models
        try:
            if way == "async stream":
                return await listed(await models.generate_content_stream(**asked))
            return await models.generate_content(**asked)
        finally:
            await closed(client)

    return asyncio.run(scenario())


def ask_mistral(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": question}]}
    settings: Any = {"api_key": "k", "server_url": server.url}
    if not way.startswith("async"):
        with basesdk.httpx.Client(verify=False) as http, Mistral(**settings, client=http) as client:
            return list(client.chat.stream(**asked)) if way == "stream" else client.chat.complete(**asked)

    async def scenario() -> Any:
        async with (
            basesdk.httpx.AsyncClient(verify=False) as http,
            Mistral(**settings, async_client=http) as client,
        ):
            if way == "async stream":
                return await listed(await client.chat.stream_async(**asked))
            return await client.chat.complete_async(**asked)

    return asyncio.run(scenario())


def ask_ollama(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": question}]}
    if not way.startswith("async"):
        client = ollama.Client(host=server.url, verify=False)
        try:
            return list(client.chat(**asked, stream=True)) if way == "stream" else client.chat(**asked)
        finally:
            client._client.close()

    async def scenario() -> Any:
        client = ollama.AsyncClient(host=server.url, verify=False)
        try:
            if way == "async stream":
                return await listed(await client.chat(**asked, stream=True))
            return await client.chat(**asked)
        finally:
            await client._client.aclose()

    return asyncio.run(scenario())


OTHERS: dict[str, tuple[Program, Scripted, Scripted]] = {
    "anthropic": (
        ask_anthropic,
        reply(of_anthropic.message(of_anthropic.TEXT, of_anthropic.CALL)),
        sse(*of_anthropic.lima(), done=False),
    ),
    "gemini": (
        ask_gemini,
        reply(of_gemini.content({"text": "Lima."}, of_gemini.CALL)),
        sse(*of_gemini.lima(), done=False),
    ),
    "mistral": (ask_mistral, reply(of_openai.chat()), sse(*of_openai.lima())),
    "ollama": (ask_ollama, reply(of_ollama.chat()), of_ollama.ndjson(*of_ollama.lima())),
}

SDKS: dict[str, tuple[Program, Scripted, Scripted]] = {
    "openai": (ask_openai, reply(of_openai.chat()), sse(*of_openai.lima())),
    **OTHERS,
}
