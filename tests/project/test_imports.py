"""What `import tracer` loads, and which names it has."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tracer

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store

HEAVY = (
    "openai",
    "ollama",
    "httpx",
    "httpx2",
    "pydantic",
    "sqlite3",
    "starlette",
    "uvicorn",
    "rich",
    "click",
    "genai_prices",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter",
    "google.protobuf",
    "tracer.cli",
    "tracer.demo",
    "tracer.server",
    "tracer.store.sqlite",
    "tracer.store.remote",
    "tracer.dialects",
    "tracer.openai",
)
# modules for recording, and modules that only read or annotate stored traces
ENGINE = ("opentelemetry", "tracer._engine.runtime", "tracer._api.tracing", "tracer._engine.span")
READING = (
    "tracer.store",
    "tracer._api.queries",
    "tracer._api.traces",
    "tracer._tracking.versions",
    "tracer._tracking.runs",
    "tracer._tracking.evaluation",
)


def imports_for_type_checkers(package: ModuleType = tracer) -> dict[str, str]:
    """The module that a package imports each name from where only type checkers look."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    found = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.asname == alias.name, f"{alias.name} is exported only as `{alias.name} as {alias.name}`"
            found[alias.name] = str(statement.module)
    return found


def in_new_python(program: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def loaded_by(program: str) -> list[str]:
    """The modules that a program has loaded when it ends."""
    return in_new_python(f"{program}\nimport sys; print('\\n'.join(sys.modules))").splitlines()


def found_in(loaded: list[str], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(found == name or found.startswith(name + ".") for found in loaded)]


def test_import_tracer_loads_nothing_heavy() -> None:
    loaded = loaded_by("import tracer")

    assert found_in(loaded, (*HEAVY, *ENGINE, *READING)) == []
    assert found_in(loaded, ("tracer",)) == ["tracer"]
    assert sorted(name for name in loaded if name.startswith("tracer.")) == ["tracer._exit", "tracer._late"]


def test_autolog_loads_what_recording_needs_only_with_the_sdk() -> None:
    before = loaded_by("import tracer; tracer.openai.autolog()")
    after = loaded_by("import tracer; tracer.openai.autolog(); import openai")

    assert found_in(before, ("openai", "opentelemetry", *ENGINE, *READING)) == []
    assert found_in(after, ("openai", *ENGINE)) == [
        "openai",
        "opentelemetry",
        "tracer._engine.runtime",
        "tracer._engine.span",
    ]
    assert found_in(after, READING) == []


def test_recording_a_span_loads_nothing_that_reads_in_its_thread() -> None:
    program = """
import sys, threading, tempfile, tracer
caller, loaded = threading.get_ident(), []
class Watching:
    def find_spec(self, name, path=None, target=None):
        if threading.get_ident() == caller:
            loaded.append(name)
with tempfile.TemporaryDirectory() as folder:
    sys.meta_path.insert(0, Watching())
    tracer.configure(store=folder + "/t.db")
    with tracer.start_span("a"): pass
    print("\\n".join(loaded))
    tracer.shutdown()
"""

    loaded = in_new_python(program).splitlines()

    assert found_in(loaded, ENGINE) == list(ENGINE)
    assert found_in(loaded, (*READING, "sqlite3")) == []


RECORDS = """
import sys, tempfile, tracer
with tempfile.TemporaryDirectory() as folder:
    tracer.configure(store=folder + "/t.db")
    with tracer.start_span("a"): pass
    tracer.shutdown()
"""


def test_a_program_that_only_records_loads_nothing_that_answers_questions() -> None:
    asks = "    print(len(tracer.search_traces()))\n"

    loaded, after_question = loaded_by(RECORDS), loaded_by(RECORDS + asks + "    tracer.shutdown()\n")

    answering = [
        "filter",
        "rows",
        *(f"sqlite.{name}" for name in ("read", "find", "compile", "statistics", "fulltext")),
    ]
    modules = tuple(f"tracer.store.{name}" for name in ["sqlite.append", *answering])
    assert found_in(loaded, modules) == ["tracer.store.sqlite.append"]
    assert "tracer.store.sqlite.find" in after_question


def test_recording_a_span_keeps_rich_and_click_out() -> None:
    loaded = 'print(sorted({"rich", "click", "openai"} & set(sys.modules)))'

    assert in_new_python(RECORDS + loaded) == "[]"


def test_the_public_names_are_exactly_those_that_type_checkers_see() -> None:
    seen = imports_for_type_checkers()

    assert {name: home for name, home in seen.items() if home != "tracer"} == tracer._HOME_OF
    assert sorted([*seen, "autolog"]) == tracer.__all__


def test_the_names_of_genai_are_exactly_those_that_type_checkers_see() -> None:
    seen = imports_for_type_checkers(tracer.genai)

    assert {name: home for name, home in seen.items() if home != "tracer.genai"} == tracer.genai._HOME_OF
    assert sorted(seen) == tracer.genai.__all__
    assert [name for name in tracer.genai.__all__ if not (getattr(tracer.genai, name).__doc__ or "").strip()] == []
    with pytest.raises(AttributeError, match=r"'tracer\.genai' has no attribute 'no_such_thing'"):
        _ = tracer.genai.no_such_thing


def test_the_names_of_providers_are_those_of_the_kit() -> None:
    assert tracer._PROVIDERS == tracer.provider.BUILT_IN


def test_every_public_name_is_there() -> None:
    assert [name for name in tracer.__all__ if not hasattr(tracer, name)] == []
    assert sorted(tracer.__all__) == sorted(set(tracer.__all__))


def test_every_public_name_says_what_the_user_gets() -> None:
    assert [name for name in tracer.__all__ if not (getattr(tracer, name).__doc__ or "").strip()] == []


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = tracer.no_such_thing


PROVIDERS = (
    "Its providers are anthropic, bedrock, claude_agent_sdk, cohere, gemini, groq, huggingface, langchain, litellm, "
    "mcp, mistral, ollama, openai, openai_agents, together; tracer.otel.autolog() takes what other frameworks and "
    "instrumentations record with OpenTelemetry, and a package adds a provider by the entry-point group "
    "'tracer.providers', as docs/new-provider.md shows."
)
START_SPAN = "Did you mean 'start_span'?"
OPENAI = "Did you mean 'openai'?"


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("tracer.dspy", f"AttributeError: module 'tracer' has no attribute 'dspy'. {PROVIDERS}"),
        ("tracer.crewai.autolog()", f"AttributeError: module 'tracer' has no attribute 'crewai'. {PROVIDERS}"),
        ("from tracer import dspy", f"ImportError: cannot import name 'dspy' from 'tracer'. {PROVIDERS}"),
        ("from tracer import trace, dspy as d", f"ImportError: cannot import name 'dspy' from 'tracer'. {PROVIDERS}"),
        ("tracer.strat_span", f"AttributeError: module 'tracer' has no attribute 'strat_span'. {START_SPAN}"),
        ("tracer.opnai", f"AttributeError: module 'tracer' has no attribute 'opnai'. {OPENAI}"),
        ("from tracer import OpenAI", f"ImportError: cannot import name 'OpenAI' from 'tracer'. {OPENAI}"),
        ("from tracer import strat_span", f"ImportError: cannot import name 'strat_span' from 'tracer'. {START_SPAN}"),
    ],
)
def test_a_provider_that_is_not_there_names_those_that_are(program: str, error: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"import tracer\n{program}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ran.stderr.splitlines()[-1] == error


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("opnai", "openai"),
        ("open_ai", "openai"),
        ("OpenAI", "openai"),
        ("antropic", "anthropic"),
        ("openai_agent", "openai_agents"),
        ("OpenAIAgents", "openai_agents"),
    ],
)
def test_a_name_close_to_that_of_a_provider_names_it(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'\. Did you mean '{meant}'\?$"):
        getattr(tracer, name)


def test_a_provider_that_is_not_there_is_no_attribute() -> None:
    assert not hasattr(tracer, "dspy")
    assert getattr(tracer, "crewai", None) is None


def test_every_public_name_is_that_of_its_module() -> None:
    program = """
import importlib, tracer
for name, module in tracer._HOME_OF.items():
    assert name not in vars(tracer), name
    assert getattr(tracer, name) is getattr(importlib.import_module(module), name), name
    assert vars(tracer)[name] is getattr(tracer, name), name
for name in tracer._MODULES:
    assert getattr(tracer, name) is importlib.import_module(f"tracer.{name}"), name
print(sorted({*tracer._HOME_OF, *tracer._MODULES, *tracer.provider.BUILT_IN, "autolog"} - set(tracer.__all__)))
print(sorted(set(tracer.__all__) - {*tracer._HOME_OF, *tracer._MODULES, *tracer.provider.BUILT_IN, "autolog"}))
"""

    modules, missing = in_new_python(program).splitlines()

    assert missing == "[]"
    assert "errors" not in modules
    assert "server" in modules


def test_every_public_module_is_a_name_of_the_package() -> None:
    program = """
import pkgutil, tracer
inner = {"cli", "demo", "otlp", *tracer.provider.BUILT_IN}
print([each.name for each in pkgutil.iter_modules(tracer.__path__) if each.name[0] != "_" and each.name not in inner])
print([name for name in ("__version__", "provider", "store", "start_span", "openai") if name not in dir(tracer)])
print([name for name in ("Any", "TYPE_CHECKING", "annotations") if name in dir(tracer)])
"""
    modules, missing, helping = in_new_python(program).splitlines()

    assert set(eval(modules)) == tracer._MODULES
    assert missing == helping == "[]"


def test_import_star_brings_every_public_name() -> None:
    program = "from tracer import *\nimport tracer\nprint([name for name in tracer.__all__ if name not in globals()])"

    assert in_new_python(program) == "[]"


def test_names_survive_a_reload() -> None:
    program = """
import importlib, pickle, tracer
Trace, start_span = tracer.Trace, tracer.start_span
importlib.reload(tracer)
assert (tracer.Trace, tracer.start_span) == (Trace, start_span)
print(pickle.loads(pickle.dumps(tracer.Trace)) is Trace, Trace.__module__)
"""

    assert in_new_python(program) == "True tracer._api.traces"


def test_many_threads_may_ask_for_the_first_name_at_once() -> None:
    program = """
import threading, tracer
barrier, found = threading.Barrier(8), []
def ask():
    barrier.wait(30)
    found.append((tracer.start_span, tracer.get_trace, tracer.openai, tracer.provider.FrameworkSpans))
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(30)
print(len(found), len(set(found)))
"""

    assert in_new_python(program) == "8 1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_fork_waits_for_a_name_that_is_being_loaded(seconds: float) -> None:
    """However long that takes, on a busy machine, as long as it goes on."""
    program = f"""
import os, sys, threading, time, tracer
seconds = {seconds}
"""
    program += """
is_loading, may_go_on = threading.Event(), threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "tracer._engine.runtime":
            is_loading.set()
            may_go_on.wait(30)
        if name.startswith("tracer._engine."):
            time.sleep(seconds)
sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: tracer.start_span)
thread.start()
assert is_loading.wait(30)
os.register_at_fork(before=may_go_on.set)
child = os.fork()
if child == 0:
    tracer.start_span
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join(30)
"""

    assert in_new_python(program) == "7"
