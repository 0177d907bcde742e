"""Models under the name that other tools give them; their home is ``tracer.models``."""

from __future__ import annotations

from tracer.models.loaded import LoadedModel as PyFuncModel
from tracer.models.loading import load_model
from tracer.models.log import log_model, save_model
from tracer.models.python_model import ChatModel, PythonModel, PythonModelContext
from tracer.models.responses_agent import ResponsesAgent

__all__ = [
    "ChatModel",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "ResponsesAgent",
    "load_model",
    "log_model",
    "save_model",
]


def __getattr__(name: str) -> object:
    if name == "ChatAgent":
        raise AttributeError("tracer.pyfunc has no ChatAgent; write a ResponsesAgent, or a ChatModel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
