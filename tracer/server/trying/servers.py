"""The allowed servers of models: those of known providers whose key is in the environment, and the named ones.

A key is sent only to the server that it belongs to: addresses in a trace choose no server here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tracer._fault import log_once
from tracer.config import fault_of_address
from tracer.errors import InvalidArgumentError
from tracer.server.trying.dialects import DIALECTS

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OPENAI = ("chat", "responses")
_OLLAMA_PORT = 11434


@dataclass(frozen=True)
class ModelServer:
    """A server of models: its URL, the variable of the environment with its key, and its dialects."""

    url: str
    key_variable: str | None
    dialects: tuple[str, ...]
    provider: str | None = None  # None: that of the dialect

    @property
    def host(self) -> str:
        """Its host, as recorded calls name it."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port, as recorded calls name it."""
        parts = urlsplit(self.url)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    def key(self) -> str | None:
        """The key as the environment has it now. Raises InvalidArgumentError for a key that no header can hold."""
        key = os.environ.get(self.key_variable, "").strip() if self.key_variable else ""
        if not key.isascii() or not key.isprintable():
            # refused here without its text: the HTTP client's error would quote the key
            raise InvalidArgumentError(f"the variable {self.key_variable} holds characters that no header can hold")
        return key or None


_KNOWN: Final = (
    ("https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL", _OPENAI, "openai"),
    ("https://api.anthropic.com", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ("anthropic",), "anthropic"),
    (
        "https://generativelanguage.googleapis.com",
        "GEMINI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        ("gemini",),
        "gcp.gemini",
    ),
    ("https://api.mistral.ai/v1", "MISTRAL_API_KEY", None, ("chat",), "mistral_ai"),
    ("https://api.groq.com/openai/v1", "GROQ_API_KEY", None, _OPENAI, "groq"),
    ("https://api.together.xyz/v1", "TOGETHER_API_KEY", None, ("chat",), "together_ai"),
    ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", None, ("chat",), "deepseek"),
    ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", None, ("chat",), "openrouter"),
    ("https://api.x.ai/v1", "XAI_API_KEY", None, _OPENAI, "x_ai"),
    ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", None, ("chat",), "fireworks_ai"),
    ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", None, ("chat",), "cerebras"),
)
"""URL, variable of the key, variable that puts another URL in its place, dialects, name in the conventions."""


def model_servers(named: Sequence[str], environ: Mapping[str, str] | None = None) -> list[ModelServer]:
    """The servers that may be asked: the named ones first. Raises InvalidArgumentError for an invalid name."""
    environ = os.environ if environ is None else environ
    found = [named_server(text) for text in named]
    for url, key_variable, url_variable, dialects, provider in _KNOWN:
        elsewhere = environ.get(url_variable, "").strip() if url_variable else ""
        if elsewhere:  # the key is for that server, not for the provider's own
            variable = key_variable if environ.get(key_variable) else None
            found += _from_environment(str(url_variable), elsewhere, variable, dialects)
        elif environ.get(key_variable, "").strip():
            found.append(ModelServer(url, key_variable, dialects, provider))
    ollama = environ.get("OLLAMA_HOST", "").strip()
    if ollama:
        found += _from_environment("OLLAMA_HOST", _ollama_url(ollama), None, ("ollama", "chat"))
    by_url = {server.url: server for server in reversed(found)}  # the first of a URL counts
    return [server for server in found if by_url[server.url] is server]


def named_server(text: str) -> ModelServer:
    """The server that ``URL`` or ``URL=VARIABLE`` names. Raises InvalidArgumentError."""
    url, equals, variable = text.strip().partition("=")
    if equals and not variable.isidentifier():  # perhaps the key itself, which is not repeated
        raise InvalidArgumentError(
            f"try_endpoints: got {url!r:.100} and after '=' no name of a variable; expected a URL without a query, "
            "or URL=VARIABLE with the variable of the environment that holds the key"
        )
    return ModelServer(_checked(url), variable or None, tuple(DIALECTS))


def _checked(url: str) -> str:
    expected = f"try_endpoints: got {url!r:.100}, expected a URL such as http://localhost:8000/v1"
    if fault := fault_of_address(url, tuple(_DEFAULT_PORTS)):
        raise InvalidArgumentError(f"{expected}; it has {fault}")
    parts = urlsplit(url)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidArgumentError(expected)
    if parts.query or parts.fragment or "?" in url or "#" in url or "@" in parts.netloc:
        raise InvalidArgumentError(f"{expected}, without a query and without a name and password")
    return url.rstrip("/")


def _from_environment(
    variable: str, url: str, key_variable: str | None, dialects: tuple[str, ...]
) -> list[ModelServer]:
    try:
        return [ModelServer(_checked(url), key_variable, dialects)]
    except InvalidArgumentError:
        log_once(f"try again {variable}", "tracer cannot use what %s holds as the URL of a server of models", variable)
        return []


def _ollama_url(host: str) -> str:
    """The URL of OLLAMA_HOST, which may have no scheme and no port, and may be the address that Ollama listens on."""
    url = host if "://" in host else f"http://{host}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return host
    name = parts.hostname or ""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)
    shown = f"[{name}]" if ":" in name else name
    if port is None and parts.scheme == "http":
        port = _OLLAMA_PORT
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path}"
