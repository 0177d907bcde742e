"""The openai SDK with Logfire's instrumentation, below tracer's own steps."""

from __future__ import annotations

import logfire  # type: ignore[import-not-found]

from tests.frameworks.openai_calls import *  # noqa: F403

logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_openai()
