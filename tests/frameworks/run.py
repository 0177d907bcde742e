"""Frameworks and instrumentations with the real packages, recorded by one line: before a release.

    python tests/frameworks/run.py                      all of them
    python tests/frameworks/run.py pydantic_ai          one of them
    python tests/frameworks/run.py --oldest             with the oldest versions that are tried, where there are any
    python tests/frameworks/run.py --write              … and put the table into docs/frameworks.md

Each has a virtual environment of its own, kept under build/, and a file in tests/frameworks/programs/ with one function
a kind of program. They run in two processes of their own (program.py), with and without tracer's provider for the SDK
below, against a scripted server that knows what it counted. Prints a table of frameworks and aspects: ✔ right, ✗ wrong,
- not part of any of its programs, or not sent. Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402

PAGE = CHECKOUT / "docs" / "frameworks.md"
START, END = "<!-- written by `python tests/frameworks/run.py --write` -->", "<!-- end of what is written -->"
KINDS = ("plain", "tools", "streamed", "async", "error", "nested")
ASPECTS = (
    "one tree", "once", "tokens", "cost", "statistics", "messages", "tools", "tool steps", "model", "kinds", "error",
    "previews",
)  # fmt: skip
WITH_OURS = "beside tracer's provider"
_SECONDS = 600
_AT_ONCE = 2


class Framework(NamedTuple):
    """Its name, what makes the spans, and its packages, pinned to the newest and the oldest version that is tried."""

    title: str
    seen_by: str
    newest: tuple[str, ...]
    oldest: tuple[str, ...] = ()


OPENAI = "openai==3.57.0"
OI = "OpenInference's instrumentation"
OWN = "its own OpenTelemetry"
OF_THEIR_TIME = ("wrapt<2", "opentelemetry-sdk<1.37", "httpx<1")  # what the oldest versions work with
OI_OF = "openinference-instrumentation"
FRAMEWORKS = {
    "agent_framework": Framework(
        "Agent Framework", OWN, ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0")
    ),
    "agno": Framework("Agno", OI, ("agno==3.1.10", f"{OI_OF}-agno==1.0.15", OPENAI)),
    "autogen": Framework(
        "AutoGen",
        f"{OWN}, and {OI} of openai",
        ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5", f"{OI_OF}-openai==0.1.66"),
    ),
    "crewai": Framework(
        "CrewAI",
        f"{OI} of it and of openai",
        ("crewai==1.15.30", f"{OI_OF}-crewai==1.1.21", f"{OI_OF}-openai==0.1.66"),
    ),
    "dspy": Framework(
        "DSPy",
        f"{OI} of it and of LiteLLM",
        ("dspy==3.4.1", f"{OI_OF}-dspy==0.1.48", f"{OI_OF}-litellm==0.1.51"),
    ),
    "google_adk": Framework("Google ADK", OWN, ("google-adk==2.13.0", "litellm==1.110.2")),
    "haystack": Framework("Haystack", OI, ("haystack-ai==3.4.1", f"{OI_OF}-haystack==0.1.46")),
    "langchain": Framework(
        "LangChain", "none: [tracer's provider for it](langchain.md)",
        ("langchain==1.5.2", "langchain-openai==1.7.4", "langgraph==1.2.24", OPENAI),
        ("langchain-core==0.3.45", "langchain-openai==0.3.9", "langgraph==0.2.76", "openai<2"),
    ),
    "langfuse": Framework("Langfuse", "its wrapper of openai", ("langfuse==5.0.4", OPENAI)),
    "litellm": Framework(
        "LiteLLM", "none: [tracer's provider for it](litellm.md)",
        ("litellm==1.110.2", OPENAI), ("litellm==1.80.0", "openai<3"),
    ),
    "llama_index": Framework(
        "LlamaIndex", OI,
        ("llama-index-core==0.14.25", "llama-index-llms-openai==0.8.3", f"{OI_OF}-llama-index==4.6.1"),
    ),
    "logfire": Framework("Logfire", "`logfire.instrument_openai()`", ("logfire==5.4.0", OPENAI)),
    "openai_v2": Framework(
        "OpenTelemetry's openai-v2", "its instrumentation of openai",
        ("opentelemetry-instrumentation-openai-v2==2.4b0", OPENAI, "opentelemetry-util-genai==0.4b0", "httpx"),
    ),
    "openinference_anthropic": Framework(
        "OpenInference's anthropic", "its instrumentation, beside the SDK's own OpenTelemetry",
        (f"{OI_OF}-anthropic==3.1.0", "anthropic==2.14.0"),
    ),
    "openinference_openai": Framework(
        "OpenInference's openai", "its instrumentation",
        (f"{OI_OF}-openai==0.1.66", OPENAI), (f"{OI_OF}-openai==0.1.40", "openai==1.109.1"),
    ),
    "pydantic_ai": Framework(
        "PydanticAI", f"{OWN}, `Agent.instrument_all()`",
        ("pydantic-ai-slim[openai]==2.68.0", OPENAI),
    ),
    "semantic_kernel": Framework("semantic-kernel", OWN, ("semantic-kernel==1.45.0",)),
    "smolagents": Framework("smolagents", OI, ("smolagents[openai]==1.26.0", f"{OI_OF}-smolagents==0.1.43")),
    "strands": Framework("Strands", OWN, ("strands-agents[openai]==1.62.0",)),
    "traceloop": Framework(
        "traceloop's openai", "its instrumentation",
        ("opentelemetry-instrumentation-openai==0.62.4", OPENAI),
    ),
}  # fmt: skip
Cells = dict[str, list[str]]  # what is wrong, by aspect; no entry for what no program shows


def play(python: str, name: str, *, with_provider: bool) -> dict[str, Cells]:
    """What is wrong with the programs of a framework, by kind."""
    with tempfile.TemporaryDirectory() as folder:
        program = [python, str(CHECKOUT / "tests/frameworks/program.py"), name, "ours" if with_provider else "theirs"]
        try:
            done = subprocess.run(
                [*program, folder, *KINDS],
                capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=folder, stdin=subprocess.DEVNULL,
                env={**os.environ, "HOME": folder},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"start": {"once": [f"not done in {_SECONDS} s"]}}
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    return {"start": {"once": [done.stderr.strip().splitlines()[-1] if done.stderr else "nothing printed"]}}


def look_at(name: str, *, oldest: bool) -> tuple[dict[str, str], list[str]]:
    """Play all programs of a framework: the cells of its row, and what is wrong."""
    framework = FRAMEWORKS[name]
    packages = (*framework.oldest, *OF_THEIR_TIME) if oldest else framework.newest
    python = make_environment(f"frameworks/{name}{'-oldest' if oldest else ''}", "-e", str(CHECKOUT), *packages)
    wrong: list[str] = []
    cells = dict.fromkeys((*ASPECTS, WITH_OURS), "-")
    for with_provider in (False, True):
        for kind, found in play(python, name, with_provider=with_provider).items():
            title = f"{name}, {kind}, {'with' if with_provider else 'without'} the SDK's provider"
            for aspect, faults in found.items():
                wrong += [f"{title}: {aspect}: {fault}" for fault in faults]
                column = WITH_OURS if with_provider else aspect
                cells[column] = "✗" if faults or cells[column] == "✗" else "✔"
    return cells, wrong


def row_of(name: str, cells: dict[str, str]) -> str:
    """A framework's row of the page."""
    framework = FRAMEWORKS[name]
    version = framework.newest[0].partition("==")[2]
    columns = (f"{framework.title} {version}", framework.seen_by, *cells.values(), f"{date.today():%Y-%m-%d}")
    return f"| {' | '.join(columns)} |"


def write(rows: dict[str, str]) -> None:
    """Put rows into the page, beside those of the other frameworks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    written, _, after = rest.partition(END)
    for name, framework in FRAMEWORKS.items():
        known = [line for line in written.splitlines() if line.startswith(f"| {framework.title} ")]
        rows.setdefault(name, "\n".join(known))
    header = ("", "spans by", *ASPECTS, WITH_OURS, "tried on")
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|", *(rows[name] for name in FRAMEWORKS)]
    table = "\n".join(line for line in lines if line)
    PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FRAMEWORKS))
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--oldest", action="store_true")
    kind.add_argument("--write", action="store_true")
    given = parser.parse_args()
    unknown = set(given.names) - set(FRAMEWORKS)
    if unknown:
        parser.error(f"no framework {', '.join(sorted(unknown))}; there are {', '.join(FRAMEWORKS)}")
    names = [name for name in given.names or FRAMEWORKS if FRAMEWORKS[name].oldest or not given.oldest]
    started = time.monotonic()
    found_wrong: list[str] = []
    rows: dict[str, str] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name, (cells, wrong) in zip(names, pool.map(partial(look_at, oldest=given.oldest), names)):
            rows[name] = row_of(name, cells)
            found_wrong += wrong
            print(f"| {name} | {' | '.join(cells.values())} |", flush=True)
    print(f"\n| | {' | '.join((*ASPECTS, WITH_OURS))} |", *found_wrong, f"{time.monotonic() - started:.0f} s", sep="\n")
    if given.write:
        write(rows)
    return 1 if found_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
