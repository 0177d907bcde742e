"""What tracer exports, in the servers of other backends: arize-phoenix and mlflow, the real packages on loopback.

    python tests/frameworks/peers.py

Run it with a Python that has tracer's own packages for development. Each server has a virtual environment of its own,
kept under build/. The program in peers_program.py is exported in every way, read back through the backend's own API,
and compared with what tracer recorded. Prints a table of backends and aspects: ✔ right, ✗ wrong. Exits with 1 if
anything is wrong.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402

PHOENIX, MLFLOW = "arize-phoenix==20.26.1", "mlflow==3.17.2"
EXPERIMENT = "0"  # MLflow's, which is there from the beginning
WAYS = ("exporters", "provider", "lines")
# of the program
QUESTION = "How warm is Lisbon?"
ANSWER = "It is 21 degrees."
TOOL = {"name": "get_weather", "description": "Weather now", "parameters": {"type": "object", "properties": {}}}
SECRET = "sk-ant-api03-" + "Zk9Qw3xT7" * 10

_SECONDS = 600
_http = httpx.Client(timeout=60, verify=False)  # one: to load certificates takes long, and loopback needs none


@dataclass
class Step:
    """A span as a backend shows it."""

    name: str
    parent: str | None
    kind: str
    asked: str  # its input, as text
    said: str
    tokens: tuple[Any, ...]  # input, output, of the input: read from the cache, written to it
    cost: float | None
    error: str | None
    tools: str = ""  # that were offered to a model
    tool: str = ""  # name of the tool that was run


@dataclass
class Shown:
    """A trace as a backend shows it."""

    steps: dict[str, Step] = field(default_factory=dict)
    session: str | None = None
    user: str | None = None
    tags: Any = None
    metadata: Any = None
    cost: float | None = None
    asked: str = ""
    said: str = ""
    everything: str = ""


class Backend(NamedTuple):
    """A backend: how its trace is read, and what is special about it."""

    name: str
    read: Callable[[str, str], Shown | None]  # by the server's URL and the trace's id; None if it is not there yet
    kinds: dict[str, str]  # its names of kinds that it does not have
    tags: Any
    metadata: Any


# --- Phoenix

_TRACE = """query ($id: ID!) { projects { edges { node { trace(traceId: $id) {
  costSummary { total { cost } } session { sessionId }
  rootSpan { input { value } output { value } }
  spans(first: 100) { edges { node { spanId parentId name spanKind statusCode statusMessage attributes
    tokenCountPrompt tokenCountCompletion input { value } output { value } costSummary { total { cost } } } } }
} } } } }"""


def read_phoenix(url: str, trace_id: str) -> Shown | None:
    """A trace from Phoenix's GraphQL."""
    asked = {"query": _TRACE, "variables": {"id": trace_id}}
    answer = _http.post(f"{url}/graphql", json=asked).raise_for_status().json()
    found = [edge["node"]["trace"] for edge in answer["data"]["projects"]["edges"] if edge["node"]["trace"]]
    if not found or found[0]["rootSpan"] is None:
        return None
    [trace] = found
    shown = Shown(cost=trace["costSummary"]["total"]["cost"], everything=json.dumps(answer))
    shown.session = (trace["session"] or {}).get("sessionId")
    shown.asked, shown.said = value_of(trace["rootSpan"]["input"]), value_of(trace["rootSpan"]["output"])
    for node in (edge["node"] for edge in trace["spans"]["edges"]):
        attributes = json.loads(node["attributes"])
        counts = attributes.get("llm", {}).get("token_count", {})
        cached = counts.get("prompt_details", {})
        tokens = counts.get("prompt"), counts.get("completion"), cached.get("cache_read"), cached.get("cache_write")
        shown.steps[node["spanId"]] = Step(
            name=node["name"],
            parent=node["parentId"] or None,
            kind=node["spanKind"].upper(),
            asked=value_of(node["input"]),
            said=value_of(node["output"]),
            tokens=tokens,
            cost=((node["costSummary"] or {}).get("total") or {}).get("cost"),
            error=node["statusMessage"] if node["statusCode"] == "ERROR" else None,
            tools=json.dumps(attributes.get("llm", {}).get("tools")),
            tool=attributes.get("tool", {}).get("name", ""),
        )
        if node["parentId"] is None:
            shown.user = attributes.get("user", {}).get("id")
            shown.tags, shown.metadata = attributes.get("tag", {}).get("tags"), attributes.get("metadata")
    return shown


def value_of(found: dict[str, str] | None) -> str:
    return (found or {}).get("value", "")


# --- MLflow


def read_mlflow(url: str, trace_id: str) -> Shown | None:
    """A trace from MLflow's REST API."""
    answer = _http.get(f"{url}/api/3.0/mlflow/traces/tr-{trace_id}")
    if answer.status_code == 404:
        return None
    about = answer.raise_for_status().json()["trace"]["trace_info"]
    named = {"request_id": f"tr-{trace_id}"}
    spans = _http.get(f"{url}/ajax-api/3.0/mlflow/get-trace-artifact", params=named).raise_for_status()
    found = spans.json()["spans"]
    if not any(span["parent_span_id"] is None for span in found):
        return None
    metadata = about["trace_metadata"]
    shown = Shown(everything=answer.text + spans.text, asked=about["request_preview"], said=about["response_preview"])
    shown.session, shown.user = metadata.get("mlflow.trace.session"), metadata.get("mlflow.trace.user")
    shown.cost = json.loads(metadata.get("mlflow.trace.cost", "{}")).get("total_cost")
    shown.tags = {key: value for key, value in about["tags"].items() if key in ("env", "beta")}
    for span in found:
        attributes = {key: parsed(value) for key, value in span["attributes"].items()}
        usage, status = attributes.get("mlflow.chat.tokenUsage") or {}, span["status"]
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        shown.steps[hex_of(span["span_id"]) or ""] = Step(
            name=span["name"],
            parent=hex_of(span["parent_span_id"]),
            kind=str(attributes.get("mlflow.spanType")),
            asked=as_text(attributes.get("mlflow.spanInputs")),
            said=as_text(attributes.get("mlflow.spanOutputs")),
            tokens=tuple(usage.get(name) for name in names),
            cost=(attributes.get("mlflow.llm.cost") or {}).get("total_cost"),
            error=status["message"] if status["code"] == "STATUS_CODE_ERROR" else None,
            tools=as_text(attributes.get("mlflow.chat.tools")),
            tool=str(attributes.get("gen_ai.tool.name", "")),
        )
        if span["parent_span_id"] is None:
            shown.metadata = attributes.get("metadata")
    return shown


def hex_of(identity: str | None) -> str | None:
    """A span's id, which MLflow has in base64."""
    return None if identity is None else base64.b64decode(identity).hex()


def parsed(value: Any) -> Any:
    """An attribute's value, which MLflow has as JSON."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


BACKENDS = (
    Backend(
        "Phoenix",
        read_phoenix,
        {"UNKNOWN": "CHAIN", "CHAT_MODEL": "LLM", "PARSER": "CHAIN"},
        ["env:prod", "beta"],
        {"release": "2.4"},
    ),
    Backend("MLflow", read_mlflow, {"UNKNOWN": "CHAIN"}, {"env": "prod", "beta": "true"}, {"release": "2.4"}),
)


# --- what is wrong


def faults(backend: Backend, recorded: dict[str, Any], shown: Shown) -> dict[str, list[str]]:
    """What is wrong with a trace that a backend shows, by aspect."""
    found: dict[str, list[str]] = {}

    def expect(aspect: str, what: str, given: Any, wanted: Any) -> None:
        found.setdefault(aspect, []).extend([] if given == wanted else [f"{what} is {given!r}, not {wanted!r}"])

    def contains(aspect: str, what: str, text: str, part: str) -> None:
        found.setdefault(aspect, []).extend([] if part in text else [f"{what} is {text!r}, without {part!r}"])

    expect("tree", "steps", {id: (step.name, step.parent) for id, step in shown.steps.items()}, tree(recorded))
    for each in recorded["steps"]:
        step = shown.steps.get(each["id"])
        if step is None:
            continue
        name, usage = each["name"], each["usage"] or {}
        expect("kinds", name, step.kind, backend.kinds.get(each["type"], each["type"]))
        if each["inputs"] is not None:
            expect("inputs", name, bool(step.asked), True)
        if each["outputs"] is not None:
            expect("outputs", name, bool(step.said), True)
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens")
        # Phoenix shows 0 where nothing was counted
        expect("tokens", name, [count or None for count in step.tokens], [usage.get(key) for key in names])
        if each["type"] == "CHAT_MODEL":
            expect("cost", name, rounded(step.cost), rounded(each["cost"]))
    calls = [step for step in shown.steps.values() if step.name == "chat gpt-4o-mini"]
    contains("inputs", "the first call", " ".join(call.asked for call in calls), QUESTION)
    contains("outputs", "the last call", " ".join(call.said for call in calls), ANSWER)
    [tool] = [step for step in shown.steps.values() if step.name == "get_weather"]
    expect("tools", "the name of the one that was run", tool.tool, "get_weather")
    contains("tools", "its arguments", tool.asked, "Lisbon")
    contains("tools", "its result", tool.said, "21 degrees")
    contains("tools", "those that were offered", " ".join(call.tools for call in calls), TOOL["name"])
    [failed] = [step for step in shown.steps.values() if step.name == "chat gpt-none"]
    contains("errors", "the message", failed.error or "", "no such model")
    contains("previews", "the request", shown.asked, QUESTION)
    contains("previews", "the response", shown.said, ANSWER)
    expect("session", "its id", shown.session, "session-7")
    expect("user", "its id", shown.user, "ann")
    expect("tags", "of the trace", shown.tags, backend.tags)
    expect("metadata", "of the trace", shown.metadata, backend.metadata)
    expect("redaction", "the secret's being there", SECRET in shown.everything, False)
    return found


def tree(recorded: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {each["id"]: (each["name"], each["parent"]) for each in recorded["steps"]}


def rounded(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 9)


# --- servers


@contextmanager
def running(name: str, package: str, command: list[str], variables: dict[str, str], alive: str) -> Iterator[str]:
    """The URL of a backend's server, which is ended afterwards."""
    python = make_environment(f"peers/{name}", package)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        places = {"port": str(free.getsockname()[1]), "folder": folder}
        free.close()
        program = [str(Path(python).with_name(command[0])), *(part.format(**places) for part in command[1:])]
        given = {key: value.format(**places) for key, value in variables.items()}
        log = Path(folder) / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                program, cwd=folder, env={**os.environ, **given}, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                yield wait_for(f"http://127.0.0.1:{places['port']}", alive, server, log)
            finally:
                server.terminate()
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()


def wait_for(url: str, alive: str, server: subprocess.Popen[bytes], log: Path) -> str:
    """The URL once the server answers there."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if _http.get(url + alive).is_success:
                return url
        except httpx.HTTPError:
            time.sleep(0.5)
    raise TimeoutError(f"no server at {url}: {log.read_text(errors='replace')[-2000:]}")


def phoenix_server() -> Any:
    variables = {
        "PHOENIX_WORKING_DIR": "{folder}", "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": "{port}",
        "PHOENIX_GRPC_PORT": "0", "PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_SQL_DATABASE_URL": "sqlite:///:memory:",
        "PHOENIX_DB_LOGGING_LEVEL": "warning",
    }  # fmt: skip
    return running("phoenix", PHOENIX, ["phoenix", "serve"], variables, "/healthz")


def mlflow_server() -> Any:
    # what `mlflow server` runs, but for the process around it, which loads all of mlflow once more
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "_MLFLOW_SERVER_FILE_STORE": "sqlite:///{folder}/mlflow.db", "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "{folder}/artifacts",
    }  # fmt: skip
    command = ["uvicorn", "mlflow.server.fastapi_app:app", "--host", "127.0.0.1", "--port", "{port}"]
    return running("mlflow", MLFLOW, command, variables, "/health")


# --- the programs


def export(folder: str, phoenix: str, mlflow: str) -> dict[str, dict[str, Any]]:
    """Run the program, which exports its spans in each way; gives what tracer recorded."""
    program = str(CHECKOUT / "tests/frameworks/peers_program.py")
    done = run([sys.executable, program, folder, phoenix, mlflow], folder)
    lines = run([sys.executable, "-m", "tracer", "export", "--store", f"sqlite:///{folder}/lines.db"], folder)
    headers = {"content-type": "application/json", "x-mlflow-experiment-id": EXPERIMENT}
    _http.post(f"{mlflow}/v1/traces", content=lines, headers=headers).raise_for_status()
    recorded: dict[str, dict[str, Any]] = json.loads(done.splitlines()[-1])
    return recorded


def run(command: list[str], folder: str) -> str:
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[1:3]} failed: {done.stderr[-2000:]}")
    return done.stdout


def shown_by(backend: Backend, url: str, recorded: dict[str, Any]) -> Shown:
    """The trace once the backend shows as many steps as tracer recorded, or has had its time."""
    deadline = time.monotonic() + 60
    while True:
        shown = backend.read(url, recorded["trace_id"])
        if shown is not None and len(shown.steps) >= len(recorded["steps"]):
            return shown
        if time.monotonic() > deadline:
            return shown or Shown()
        time.sleep(0.2)


def main() -> int:
    began = os.times()
    wrong: list[str] = []
    cells: dict[str, dict[str, str]] = {}
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        starting = [pool.submit(stack.enter_context, server()) for server in (phoenix_server, mlflow_server)]
        urls = [server.result() for server in starting]
        print(f"servers are ready after {os.times().elapsed - began.elapsed:.0f} s", flush=True)
        recorded_by = export(stack.enter_context(tempfile.TemporaryDirectory()), *urls)
        for way, recorded in recorded_by.items():
            for backend, url in zip(BACKENDS, urls):
                if way == "lines" and backend.name != "MLflow":
                    continue  # takes protobuf alone
                found = faults(backend, recorded, shown_by(backend, url, recorded))
                title = f"{backend.name}, {way}"
                wrong += [f"{title}: {aspect}: {fault}" for aspect, each in found.items() for fault in each]
                cells[title] = {aspect: "✗" if each else "✔" for aspect, each in found.items()}
    aspects = list(next(iter(cells.values())))
    rows = [f"| {title} | {' | '.join(row.values())} |" for title, row in cells.items()]
    print("\n".join([f"| | {' | '.join(aspects)} |", f"|{'---|' * (len(aspects) + 1)}", *rows, "", *wrong]))
    spent = os.times()
    print(f"{spent.elapsed - began.elapsed:.0f} s, {spent.user + spent.children_user:.0f} s of CPU")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
