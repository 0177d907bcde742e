"""LangGraph: graphs, their nodes, agents and tools as one tree, with what the program does in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph", reason="tests/run.py makes an environment with it")

import operator

import openai
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

import tracer
from tests.langchain.conftest import Trees, make_model
from tests.openai.replies import chat, chunk, delta, lima, tool_call
from tests.openai.server import Asked, Scripted, Server, reply, sse

CALL = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "weather", '{"city": "Lima"}')]}
ASKED = {"messages": [("user", "Weather in Lima?")]}


def answer(asked: Asked) -> Scripted:
    """Asks for the tool once, then answers."""
    body = asked.json
    wants_tool = bool(body.get("tools")) and not any(message["role"] == "tool" for message in body["messages"])
    if not body.get("stream"):
        return reply(chat(CALL, finish="tool_calls") if wants_tool else chat())
    if not wants_tool:
        return sse(*lima())
    call = {"index": 0, **CALL["tool_calls"][0]}  # type: ignore[index]
    return sse(chunk(delta(role="assistant", tool_calls=[call])), chunk(delta(finish="tool_calls")))


@tracer.trace
def look_up(city: str) -> str:
    return f"{city}: 24 °C"


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return look_up(city)


@tool("weather")
async def slow_weather(city: str) -> str:
    """The weather of a city."""
    await asyncio.sleep(0)
    return look_up(city)


def make_agent(model: Any, *tools: Any, name: str = "guide", **settings: Any) -> Any:
    try:
        from langchain.agents import create_agent
    except ImportError:
        from langgraph.prebuilt import create_react_agent as create_agent
    return create_agent(model, list(tools) or [weather], name=name, **settings)


def invoke(graph: Any, *args: Any) -> Any:
    return graph.invoke(*args)


def stream(graph: Any, *args: Any) -> Any:
    for _ in graph.stream(*args):
        pass


def stream_messages(graph: Any, *args: Any) -> Any:
    for _ in graph.stream(*args, stream_mode="messages"):
        pass


def ainvoke(graph: Any, *args: Any) -> Any:
    return asyncio.run(graph.ainvoke(*args))


def astream(graph: Any, *args: Any) -> Any:
    async def main() -> None:
        async for _ in graph.astream(*args):
            pass

    asyncio.run(main())


def astream_events(graph: Any, *args: Any) -> Any:
    async def main() -> None:
        async for _ in graph.astream_events(*args, version="v2"):
            pass

    asyncio.run(main())


def in_an_executor(graph: Any, *args: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(graph.invoke, *args).result()


WAYS = (invoke, stream, stream_messages, ainvoke, astream, astream_events, in_an_executor)
SYNC = (invoke, stream, stream_messages, in_an_executor)


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_is_one_tree(way: Callable[..., Any], model: Any, server: Server, stored: Trees) -> None:
    server.will(answer)

    way(make_agent(model), ASKED, {"configurable": {"thread_id": "chat-1"}})

    assert [line.replace("agent TASK", "model TASK") for line in stored.steps] == [
        "guide AGENT",
        "  model TASK",
        "    chat gpt-4o-mini CHAT_MODEL",
        "  tools TASK",
        "    weather TOOL",
        "      look_up UNKNOWN",
        "  model TASK",
        "    chat gpt-4o-mini CHAT_MODEL",
    ]
    tool_span = stored.named("weather")
    assert (tool_span.inputs, tool_span.outputs) == ({"city": "Lima"}, "Lima: 24 °C")
    assert tool_span.attributes["gen_ai.tool.call.id"] == "call_1"
    info = stored.trace.info
    assert (info.session_id, info.request_preview, info.response_preview) == ("chat-1", "Weather in Lima?", "Lima.")
    assert len(stored.calls) == len(server.asked) == 2


def test_tokens_and_cost_of_an_agent_are_those_of_its_calls(model: Any, server: Server, stored: Trees) -> None:
    server.will(answer)

    make_agent(model).invoke(ASKED)

    assert stored.trace.info.token_usage["input_tokens"] == 28
    assert stored.trace.info.token_usage["output_tokens"] == 18


@pytest.mark.parametrize("way", [ainvoke, astream, astream_events])
def test_asynchronous_tools_are_steps_with_what_they_do(
    way: Callable[..., Any], model: Any, server: Server, stored: Trees
) -> None:
    server.will(answer)

    way(make_agent(model, slow_weather), ASKED)

    [look] = [span for span in stored.spans if span.name == "look_up"]
    assert look.parent_id == stored.named("weather").span_id


@pytest.mark.parametrize("way", SYNC)
def test_an_sdk_that_a_node_calls_is_below_the_node(way: Callable[..., Any], server: Server, stored: Trees) -> None:
    server.will(reply(chat()))
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)

    def ask(state: MessagesState) -> Any:
        asked = [{"role": "user", "content": str(state["messages"][-1].content)}]
        done = client.chat.completions.create(model="gpt-4o", messages=asked)  # type: ignore[arg-type]
        return {"messages": [("assistant", done.choices[0].message.content)]}

    way(one_node(ask), ASKED)
    client.close()

    assert stored.tree == ["LangGraph WORKFLOW", "  ask TASK", "    chat gpt-4o CHAT_MODEL"]


@pytest.mark.parametrize("way", [ainvoke, astream, astream_events])
def test_an_sdk_that_an_asynchronous_node_calls_is_below_the_node(
    way: Callable[..., Any], server: Server, stored: Trees
) -> None:
    server.will(reply(chat()))

    async def ask(state: MessagesState) -> Any:
        asked = [{"role": "user", "content": str(state["messages"][-1].content)}]
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0) as client:
            done = await client.chat.completions.create(model="gpt-4o", messages=asked)  # type: ignore[arg-type]
        return {"messages": [("assistant", done.choices[0].message.content)]}

    way(one_node(ask), ASKED)

    assert stored.tree == ["LangGraph WORKFLOW", "  ask TASK", "    chat gpt-4o CHAT_MODEL"]


def one_node(node: Any, name: str = "ask", **settings: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    graph.add_edge(name, END)
    return graph.compile(**settings)


class Sums(TypedDict):
    numbers: list[int]
    squares: Annotated[list[int], operator.add]


@pytest.mark.parametrize("way", [invoke, stream, ainvoke, astream, in_an_executor])
def test_branches_of_a_graph_keep_their_steps_apart(way: Callable[..., Any], stored: Trees) -> None:
    @tracer.trace
    def square(number: int) -> int:
        return number * number

    graph = StateGraph(Sums)
    graph.add_node("square_one", lambda number: {"squares": [square(number)]})
    graph.add_conditional_edges(START, lambda state: [Send("square_one", n) for n in state["numbers"]])
    graph.add_edge("square_one", END)

    way(graph.compile(), {"numbers": [1, 2, 3, 4], "squares": []})

    nodes = {span.span_id: span for span in stored.spans if span.name == "square_one"}
    squares = [span for span in stored.spans if span.name == "square"]
    assert sorted((nodes[span.parent_id].inputs, span.inputs["number"]) for span in squares) == [
        (1, 1), (2, 2), (3, 3), (4, 4),
    ]  # fmt: skip
    assert {span.span_type for span in nodes.values()} == {"TASK"}
    assert len(tracer.search_traces()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_inside_a_node_is_below_the_node(way: Callable[..., Any], stored: Trees) -> None:
    inner = one_node(lambda state: {"messages": [("assistant", look_up("Lima"))]}, name="look")

    way(one_node(inner, name="research"), ASKED)

    assert stored.tree == [
        "LangGraph WORKFLOW",
        "  research TASK",
        "    LangGraph WORKFLOW",
        "      look TASK",
        "        look_up UNKNOWN",
    ]


def test_a_graph_below_a_block_of_the_program_is_in_its_trace(stored: Trees) -> None:
    graph = one_node(lambda state: {"messages": []})

    async def main() -> None:
        with tracer.start_span("request"):
            await asyncio.gather(graph.ainvoke(ASKED), graph.ainvoke(ASKED))

    asyncio.run(main())

    assert sorted(stored.tree) == sorted([
        "request UNKNOWN", "  LangGraph WORKFLOW", "    ask TASK", "  LangGraph WORKFLOW", "    ask TASK",
    ])  # fmt: skip


@pytest.mark.parametrize("way", [invoke, stream, ainvoke, astream])
def test_a_pause_is_no_error_and_the_resumed_run_is_in_the_same_session(way: Callable[..., Any], stored: Trees) -> None:
    def approve(state: MessagesState) -> Any:
        return {"messages": [("assistant", f"You said {interrupt('Really?')}")]}

    graph = one_node(approve, checkpointer=MemorySaver())
    config = {"configurable": {"thread_id": "chat-9"}}

    way(graph, ASKED, config)
    way(graph, Command(resume="yes"), config)

    resumed, paused = sorted(tracer.search_traces(), key=lambda trace: -trace.info.request_time)
    assert [trace.info.session_id for trace in (paused, resumed)] == ["chat-9", "chat-9"]
    assert "ERROR" not in [trace.info.state for trace in (paused, resumed)]
    [node] = [span for span in paused.data.spans if span.name == "ask"]
    assert (node.status, node.attributes["tracer.incomplete"]) == ("UNSET", "paused")
    assert [each["value"] for each in node.outputs["interrupts"]] == ["Really?"]
    [node] = [span for span in resumed.data.spans if span.name == "ask"]
    assert "You said yes" in str(node.outputs)
    assert "yes" in str(resumed.data.spans[0].inputs)


def test_a_pause_inside_an_inner_graph_is_no_error_either(stored: Trees) -> None:
    inner = one_node(lambda state: {"messages": [("assistant", str(interrupt("Really?")))]}, name="approve")
    graph = one_node(inner, name="research", checkpointer=MemorySaver())

    graph.invoke(ASKED, {"configurable": {"thread_id": "chat-9"}})

    assert {span.status for span in stored.spans} == {"UNSET"}
    assert stored.named("approve").attributes["tracer.incomplete"] == "paused"


def test_a_command_for_the_graph_above_is_no_error(stored: Trees) -> None:
    inner = one_node(lambda state: Command(goto="last", graph=Command.PARENT), name="leave")
    graph = StateGraph(MessagesState)
    graph.add_node("research", inner)
    graph.add_node("last", lambda state: {"messages": [("assistant", "done")]})
    graph.add_edge(START, "research")

    graph.compile().invoke(ASKED)

    assert {span.status for span in stored.spans} == {"UNSET"}
    assert not any("tracer.incomplete" in span.attributes for span in stored.spans)


def test_a_node_that_fails_is_an_error_of_the_graph(stored: Trees) -> None:
    def fail(state: MessagesState) -> Any:
        raise LookupError("no such city")

    with pytest.raises(LookupError):
        one_node(fail).invoke(ASKED)

    assert [(span.name, span.status) for span in stored.trace.data.spans] == [("LangGraph", "ERROR"), ("ask", "ERROR")]


@pytest.mark.parametrize("way", [invoke, ainvoke])
def test_a_tool_that_fails_is_an_error_while_the_agent_goes_on(
    way: Callable[..., Any], model: Any, server: Server, stored: Trees
) -> None:
    server.will(answer)

    @tool("weather")
    def broken(city: str) -> str:
        """The weather of a city."""
        raise LookupError("no such city")

    broken.handle_tool_error = True
    from langgraph.prebuilt import ToolNode

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([broken], handle_tool_errors=True))
    graph.add_edge(START, "tools")
    call = {"name": "weather", "args": {"city": "Atlantis"}, "id": "call_1"}
    from langchain_core.messages import AIMessage

    way(graph.compile(), {"messages": [HumanMessage("?"), AIMessage("", tool_calls=[call])]})

    failed = stored.named("weather")
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "LookupError")
    assert stored.trace.info.state != "ERROR"


def test_a_model_that_a_tool_calls_is_below_the_tool(server: Server, stored: Trees) -> None:
    server.will(answer)
    model = make_model(server)

    @tool("weather")
    def ask_another(city: str) -> str:
        """The weather of a city."""
        return str(model.invoke(city).content)

    make_agent(model, ask_another).invoke(ASKED)

    below = [call.parent_id for call in stored.calls]
    assert below.count(stored.named("weather").span_id) == 1
    assert len(stored.calls) == len(server.asked) == 3
