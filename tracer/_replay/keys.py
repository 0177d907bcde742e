"""Keys that stand in for the user's during a replay, so that SDKs make their clients without one."""

from __future__ import annotations

import os
from collections.abc import Callable

_NAMES = (
    *("ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "CO_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "HF_TOKEN"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MISTRAL_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY"),
)
_STAND_IN = "replayed"


def stand_in() -> Callable[[], None]:
    """Set the variables that are empty, as CI leaves them, or not there; what is returned takes them back."""
    google = os.environ.get("GOOGLE_API_KEY")  # which counts beside the other name of it
    before = {
        name: os.environ.get(name)
        for name in _NAMES
        if not os.environ.get(name) and not (google and name == "GEMINI_API_KEY")
    }
    os.environ.update(dict.fromkeys(before, _STAND_IN))

    def take_back() -> None:
        for name, value in before.items():
            if os.environ.get(name) != _STAND_IN:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    return take_back
