"""Switches recording on in any Python program that starts with TRACER_AUTOLOG in its environment.

``autolog.pth``, which is installed beside the package, imports this module as the interpreter starts.
"""

from __future__ import annotations

import logging
import os


def start(names: str) -> None:
    """Call ``autolog()`` of everything that is named, as in ``openai,otel`` or ``all``; never raises."""
    import tracer

    for name in filter(None, (each.strip() for each in names.split(","))):
        try:
            (tracer if name == "all" else getattr(tracer, name)).autolog()
        except Exception as error:  # the program must start
            logging.getLogger("tracer").error("TRACER_AUTOLOG: %r cannot be recorded: %s", name, error)


start(os.environ.get("TRACER_AUTOLOG", ""))
