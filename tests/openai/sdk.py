"""Features of the installed version of the SDK."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

HAS_RESPONSES = find_spec("openai.resources.responses") is not None

needs_responses = pytest.mark.skipif(not HAS_RESPONSES, reason="this version of the SDK has no Responses API")
