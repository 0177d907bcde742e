"""The openai SDK with Langfuse's wrapper, below tracer's own steps."""

from __future__ import annotations

import os

from langfuse import Langfuse  # type: ignore[import-not-found]

from tests.openai.server import Server, reply

server = Server()  # in the place of Langfuse's
server.will(reply({}))
os.environ.update(dict.fromkeys(("LANGFUSE_BASE_URL", "LANGFUSE_HOST"), server.url))
Langfuse(public_key="pk", secret_key="sk")

import langfuse.openai  # type: ignore[import-not-found]  # noqa: E402, F401

from tests.frameworks.openai_calls import *  # noqa: E402, F403
