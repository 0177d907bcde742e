"""Tracing of LangChain and LangGraph: chains, agents, graphs and their nodes, tools, retrievers and model calls."""

from __future__ import annotations

from tracer._other_keywords import DONE
from tracer.provider import Hook, Provider, autolog_of

from ._langchain.calls import call_ends, call_fails, calls_start, generating, prompts_start, token_comes
from ._langchain.runs import (
    chain_ends,
    chain_starts,
    context_is_set,
    documents_come,
    method_begins,
    retrieval_starts,
    run_fails,
    tool_ends,
    tool_starts,
)

__all__ = ["autolog", "provider"]

_MANAGERS = "langchain_core.callbacks.manager"


def _both(name: str, method: str) -> tuple[str, str]:
    return f"{_MANAGERS}:{name}.{method}", f"{_MANAGERS}:Async{name}.{method}"


# Not a callback handler: programs replace handlers and list them, and the asynchronous ones run in contexts of their
# own. Every run passes these methods of the managers, with a handler or without.
provider = Provider(
    name="langchain",
    module="langchain_core.callbacks.manager",
    distribution="langchain-core",
    supported="0.3.45 to 1.8.x",
    covers=("openinference.instrumentation.langchain", "opentelemetry.instrumentation.langchain"),
    hooks=(
        *(Hook(target, chain_starts) for target in _both("CallbackManager", "on_chain_start")),
        *(Hook(target, chain_ends) for target in _both("CallbackManagerForChainRun", "on_chain_end")),
        *(Hook(target, run_fails) for target in _both("CallbackManagerForChainRun", "on_chain_error")),
        *(Hook(target, tool_starts) for target in _both("CallbackManager", "on_tool_start")),
        *(Hook(target, tool_ends) for target in _both("CallbackManagerForToolRun", "on_tool_end")),
        *(Hook(target, run_fails) for target in _both("CallbackManagerForToolRun", "on_tool_error")),
        *(Hook(target, retrieval_starts) for target in _both("CallbackManager", "on_retriever_start")),
        *(Hook(target, documents_come) for target in _both("CallbackManagerForRetrieverRun", "on_retriever_end")),
        *(Hook(target, run_fails) for target in _both("CallbackManagerForRetrieverRun", "on_retriever_error")),
        *(Hook(target, calls_start) for target in _both("CallbackManager", "on_chat_model_start")),
        *(Hook(target, prompts_start) for target in _both("CallbackManager", "on_llm_start")),
        *(Hook(target, token_comes) for target in _both("CallbackManagerForLLMRun", "on_llm_new_token")),
        *(Hook(target, call_ends) for target in _both("CallbackManagerForLLMRun", "on_llm_end")),
        *(Hook(target, call_fails) for target in _both("CallbackManagerForLLMRun", "on_llm_error")),
    ),
)
_CONFIG = "langchain_core.runnables.config"
_CHAT_MODELS = "langchain_core.language_models.chat_models"
_RETRIEVERS = "langchain_core.retrievers"
_CONTEXT_OF_LANGGRAPH = ("langgraph._internal._runnable", "langgraph.utils.runnable")


def _part(module: str, *hooks: Hook) -> Provider:
    """Hooks in a module that a program imports later, or never."""
    is_graph = module.startswith("langgraph")
    return Provider(
        name="langchain",
        module=module,
        distribution="langgraph" if is_graph else provider.distribution,
        supported="0.2.76 to 1.2.x" if is_graph else provider.supported,
        hooks=hooks,
    )


_parts = (
    _part(_CONFIG, Hook(f"{_CONFIG}:_set_config_context", context_is_set, parameters=("config",))),
    _part(
        _CHAT_MODELS,
        Hook(f"{_CHAT_MODELS}:BaseChatModel._generate_with_cache", generating),
        Hook(f"{_CHAT_MODELS}:BaseChatModel._agenerate_with_cache", generating),
    ),
    _part(
        _RETRIEVERS,
        Hook(f"{_RETRIEVERS}:BaseRetriever.invoke", method_begins),
        Hook(f"{_RETRIEVERS}:BaseRetriever.ainvoke", method_begins),
    ),
    *(
        _part(
            module,
            Hook(f"{module}:Chain.invoke", method_begins),
            Hook(f"{module}:Chain.ainvoke", method_begins),
        )
        for module in ("langchain_classic.chains.base", "langchain.chains.base")
    ),
    _part(
        "langgraph.pregel",
        Hook(
            tuple(f"{module}:_set_config_context" for module in _CONTEXT_OF_LANGGRAPH),
            context_is_set,
            parameters=("config",),
        ),
    ),
)


@autolog_of("langchain_core", also={"run_tracer_inline": DONE})
def autolog(*, disable: bool = False) -> None:
    """Record what the program does with LangChain and LangGraph, each run of a chain, an agent or a graph as one tree.

    May be called before or after they are imported, and any number of times. Callbacks of the program, LangSmith's
    among them, stay as they are. A call to a model that another provider of tracer's records, such as
    `tracer.openai`, is recorded by that one, in its place in the tree. ``disable=True`` puts everything back as it was.
    """
    for part in (provider, *_parts):
        part.autolog(disable=disable)
