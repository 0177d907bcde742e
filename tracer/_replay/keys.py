"""Keys that stand in for the user's during a replay, so that SDKs make their clients without one."""

from __future__ import annotations

import os
from collections.abc import Callable

_NAMES = (
    *("ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "CO_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "HF_TOKEN"),
    *("MISTRAL_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY"),
)
_STAND_IN = "replayed"


def stand_in() -> Callable[[], None]:
    """Set the variables that have no value; what is returned takes them back."""
    google = "GOOGLE_API_KEY" in os.environ  # which counts beside the other name of it
    added = [name for name in _NAMES if name not in os.environ and not (google and name == "GEMINI_API_KEY")]
    os.environ.update(dict.fromkeys(added, _STAND_IN))

    def take_back() -> None:
        for name in added:
            if os.environ.get(name) == _STAND_IN:
                del os.environ[name]

    return take_back
