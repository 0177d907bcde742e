"""Kind of a run as a step: a graph, a node of one, an agent, a parser, or any other chain."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from tracer import semconv
from tracer.provider import SpanType

from .._values import Arguments

NODE = "tracer.langgraph.node"
STEP = "tracer.langgraph.step"

_TYPES = {
    "parser": SpanType.PARSER,
    "tool": SpanType.TOOL,
    "retriever": SpanType.RETRIEVER,
    "embedding": SpanType.EMBEDDING,
}
_OURS = ("tracer.", "integrations.", "langchain_core.callbacks.")
_FRAMES = 12
# the nodes of LangGraph's own agent, of which a graph that a program builds has others besides
_AGENT = "agent"
_NODES_OF_AGENTS = {
    "__start__", _AGENT, "tools", "generate_structured_response", "pre_model_hook", "post_model_hook",
}  # fmt: skip


class Kind(NamedTuple):
    """Name, type and attributes of a run's span."""

    name: str
    span_type: str
    attributes: Mapping[str, object] = {}


def name_of(arguments: Arguments, otherwise: str) -> str:
    """The name of a run: the config's, the runnable's, or that of its class."""
    serialized = arguments.get("serialized")
    names = serialized if isinstance(serialized, dict) else {}
    path = names.get("id")
    own = names.get("name") or (path[-1] if isinstance(path, list) and path else None)
    return str(arguments.get("name") or own or otherwise)


def kind_of_chain(arguments: Arguments) -> Kind:
    """The kind of a run that is no tool, retriever or model."""
    name = name_of(arguments, "chain")
    graph = _calling_graph()
    if graph is not None:
        return _kind_of_graph(name, graph)
    metadata = getattr(arguments["self"], "metadata", None) or {}
    if metadata.get("langgraph_node") == name and _is_node(arguments["self"]):
        return Kind(name, SpanType.TASK, {NODE: name, STEP: metadata.get("langgraph_step")})
    if name == "AgentExecutor":
        return Kind(name, SpanType.AGENT, {semconv.OPERATION: "invoke_agent", semconv.AGENT_NAME: name})
    return Kind(name, _TYPES.get(str(arguments.get("run_type")), SpanType.CHAIN))


def _is_node(manager: Any) -> bool:
    return any(tag.startswith("graph:step:") for tag in manager.tags)


def _kind_of_graph(name: str, graph: Any) -> Kind:
    metadata = (getattr(graph, "config", None) or {}).get("metadata") or {}
    nodes = set(getattr(graph, "nodes", None) or ())
    if "lc_agent_name" in metadata or metadata.get("ls_integration") == "langchain_create_agent":
        is_agent = True
    else:
        is_agent = _AGENT in nodes and nodes <= _NODES_OF_AGENTS
    if is_agent:
        return Kind(name, SpanType.AGENT, {semconv.OPERATION: "invoke_agent", semconv.AGENT_NAME: name})
    return Kind(name, SpanType.WORKFLOW, {semconv.OPERATION: "invoke_workflow"})


def _calling_graph() -> Any:
    """The graph whose run begins now, found where it calls LangChain: its reports are those of any chain."""
    if "langgraph.pregel" not in sys.modules:
        return None
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        module: str = frame.f_globals.get("__name__", "")
        if not module.startswith(_OURS):
            is_graph = module.startswith("langgraph.pregel") and frame.f_code.co_name in ("stream", "astream")
            return frame.f_locals.get("self") if is_graph else None
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
