"""Imports run downward only: a module imports from its own room, its own floor, or those below it."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store

# from the bottom up: the rooms of each floor, and their modules; a new module needs a place here
FLOORS: tuple[dict[str, str], ...] = (
    {  # small things that everybody needs
        "tracer": (
            "_background_loop _distribution _exit _fault _ids _json _json_size _late _other_keywords "
            "_readable_names _threads config errors semconv"
        ),
        "tracer._encoding": "__init__ bounds foreign media plain shown text",
    },
    {  # what is written
        "tracer._redaction": "__init__ anchors judging names places redactor secrets seen shapes",
        "tracer._records": (
            "__init__ attachments cost derive exported line model_names other_keys price_table record trace_fields "
            "usage"
        ),
        "tracer": "_parts messages",
    },
    {  # the journal
        "tracer._journal": (
            "__init__ alive dead_segment drainer dropped frames head journal locations lockfile recovery segment "
            "sigbus sink"
        ),
    },
    {  # where records go
        "tracer.store": (
            "__init__ datasets decode latencies limits named_versions numbers parts pattern percentiles policies "
            "reviews rollup rows shape sql tally text tokens topmost trace_updates"
        ),
        "tracer.store.clickhouse": (
            "__init__ address append attachments compile connection datasets delete deletions documents find gathering "
            "layout logs migrations objects overview owners places policies read reviews rolled run_sums snippets "
            "spans statistics store unfinished weeks words"
        ),
        "tracer.store.filter": "__init__ complete durations expression fields lexer matching order parser values write",
        "tracer.store.remote": "__init__ connection rows store",
        "tracer.store.sqlite": (
            "__init__ append attachments backup bases blocks compile connection datasets delete facets find fulltext "
            "functions histogram hours indexing insert known logs migrations models_and_runs owners plan policies "
            "read reading recent registered reviews run_sums schema selecting sessions snippets statistics store "
            "versions"
        ),
        "tracer.dialects": (
            "__init__ adk agents bare bodies claude_code codex dialect gemini_cli genai genkit installed laminar "
            "langfuse langsmith litellm livekit logfire logs mlflow normal openinference reading semantic_kernel "
            "spring sums traceloop vercel voltagent"
        ),
        "tracer.otlp": "__init__ json logs values",
        "tracer.export": "__init__ copying lines otel parquet records",
        "tracer._catalog": "__init__ catalog clickhouse folder keys opening rows",
    },
    {  # what runs in the user's thread
        "tracer._engine": (
            "__init__ arguments bridge bridged_logs call_context coercion context contextual decorator exceptions "
            "joined_provider kinds lifecycle limits nonrecording otel pipeline propagation recorder results runtime "
            "span step traced_object"
        ),
    },
    {  # what users and providers call
        "tracer._api": (
            "__init__ annotations assessments configuration frames limits queries scope spans traces tracing"
        ),
        "tracer._tracking": (
            "__init__ aggregations artifacts bisection checks comparison digest evaluated_rows evaluation "
            "evaluation_comparison evaluation_result evaluation_rows experiments git git_versions logged_model "
            "model_uris registered_models registry runs scoring search stored_evaluations version_search versions"
        ),
        "tracer.provider": (
            "__init__ body call_recording chunk_encoder chunk_log chunk_shapes connection connection_recording "
            "contexts doors framework hidden_chunks import_hook installed instrumentor operation patch shown_events "
            "streams wrappers"
        ),
        "tracer._replay": (
            "__init__ answering bedrock_calls bodies cassette changes cloud_calls connections differing event_stream "
            "forking keys matching network places pools pytest_plugin replaying session sources span_tree "
            "spans_of_test step_errors steps traced_calls transport unreachable uses whole_program"
        ),
        "tracer": "otel",
    },
    {  # apps
        "tracer._audit": "__init__ audit caching calls content findings repeated",
        "tracer._diff": "__init__ alignment trace_diff",
        "tracer.genai": (
            "__init__ auditing built_in_judges chat_models code_scorers dataset_rows datasets judge judge_agreement "
            "judges material prompts reviews scorers verdicts"
        ),
        "tracer.tracing": "__init__ constant utils",
        "tracer.deployments": "__init__",
        "tracer.entities": "__init__",
        "tracer.models": (
            "__init__ chat copying described errors from_code info input_checks invocation joined_chunks joined_events "
            "kinds loaded loading log manifest messages on_server other_spellings own_code pickling plain_values "
            "prediction python_model requirements responses_agent saving schema serving serving_answer serving_app "
            "serving_errors serving_thread serving_wire serving_workers shape signature signing trust yaml_files"
        ),
        "tracer.types": "__init__ llm responses",
        "tracer.pyfunc": "__init__",
        "tracer.server": (
            "__init__ access annotate answer app attachments body budget completion conversation datasets ending "
            "endpoint evaluation_lines evaluations events findings gate health heartbeats indexer live logs measured "
            "metrics model_files openapi operation operations otlp otlp_protobuf overview page policies prompts "
            "protobuf_size protocol question records repeated retention reviews running schemas serve served settings "
            "shapes signin stores traces versions"
        ),
        "tracer.server.alerts": "__init__ file_state routes rules shared_state state telling watching",
        "tracer.server.oidc": "__init__ provider routes rules signing_in",
        "tracer.server.projects": "__init__ administration app callers projects quota",
        "tracer.server.trying": "__init__ calling dialects routes servers",
    },
    {  # providers
        "integrations": (
            "_stainless _values anthropic bedrock claude_agent_sdk cohere gemini groq huggingface langchain litellm "
            "mcp mistral ollama openai openai_agents together"
        ),
        "integrations._bedrock": "__init__ agents converse door invoke invoke_chunks knowledge streams values",
        "integrations._cohere": "__init__ chat first other values",
        "integrations._anthropic": "__init__ events messages",
        "integrations._gemini": "__init__ chunks content",
        "integrations._huggingface": "__init__ door tasks",
        "integrations._litellm": "__init__ attempts belongings calls replies",
        "integrations._mcp": "__init__ context exchange hooks methods",
        "integrations._langchain": "__init__ calls content graphs runs",
        "integrations._ollama": "__init__ chunks door other text values",
        "integrations._openai": (
            "__init__ audio chat chunks compatible connections door hosts images include_usage items other realtime "
            "responses routes uploads usage"
        ),
        "integrations._claude_agent_sdk": "__init__ accounts conversation steps taps",
        "integrations._openai_agents": "__init__ calls runs spans tree",
    },
    {  # the package as users import it
        "tracer": "__init__",
    },
    {  # commands
        "tracer": "__main__ _autostart",
        "tracer.cli": (
            "__init__ administration agreement alerts auditing backup bisecting conversation copying dataset deleting "
            "demo diff distributions doctor evaluating evaluations exporting forking group importing keys listing mcp "
            "migrating models options pairs parts policies projects prompts pushing reading restore rows running "
            "screen server serving show stats steps table tail tree ui values version_details versions wording"
        ),
        "tracer._mcp_server": "__init__ install outline questions server",
        "tracer._notebook": "__init__ content display html results trace",
        "tracer.demo": "__init__ agent replies server",
    },
)


def name_of(room: str, module: str) -> str:
    return room if module == "__init__" else f"{room}.{module}"


FLOOR_OF = {
    name_of(room, module): number
    for number, floor in enumerate(FLOORS)
    for room, modules in floor.items()
    for module in modules.split()
}


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ("tracer", "integrations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports_of(module: str, *, also_late: bool) -> Iterator[tuple[int, str]]:
    """What a module imports; ``also_late`` inside functions and for type checkers too."""
    waiting: list[ast.AST] = [tree(module)]
    while waiting:
        node = waiting.pop()
        if not also_late and (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or is_for_type_checkers(node)):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(module, node)
            for alias in node.names:
                below = f"{origin}.{alias.name}"
                yield node.lineno, below if below in MODULES else origin


def loads_of(module: str) -> Iterator[tuple[int, str]]:
    """What a module loads by name."""
    calls = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    yield from ((call.lineno, named) for call in calls if (named := loaded_by_name(call)))


def loaded_by_name(call: ast.Call) -> str | None:
    """The module that a call such as ``load("tracer.messages", …)`` names."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    is_load = function.lstrip("_") in ("load", "load_aside", "load_module_aside", "import_module")
    is_named = isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.startswith("tracer.")
    return first.value if is_load and is_named else None


def absolute(module: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    package = module.split(".")[: None if is_package and node.level == 1 else -node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def is_ours(name: str) -> bool:
    return name.split(".")[0] in ("tracer", "integrations")


def found_in(name: str) -> str:
    """`tracer.openai` is integrations/openai.py."""
    elsewhere = f"integrations.{name.removeprefix('tracer.')}"
    return elsewhere if name not in MODULES and elsewhere in MODULES else name


def test_every_module_has_a_floor() -> None:
    assert sorted(FLOOR_OF) == sorted(MODULES)


def test_imports_run_downward_only() -> None:
    upward = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {module} imports {name}"
        for module in MODULES
        for line, name in (*imports_of(module, also_late=True), *loads_of(module))
        if is_ours(name) and FLOOR_OF[found_in(name)] > FLOOR_OF[module]
    ]

    assert upward == []


def test_only_commands_import_the_package_as_users_do() -> None:
    found = [
        f"{MODULES[module].relative_to(ROOT)}:{line}"
        for module in MODULES
        for line, name in imports_of(module, also_late=True)
        if name == "tracer" and FLOOR_OF[module] < FLOOR_OF["tracer"]
    ]

    assert found == []


def test_integrations_have_no_package_file_and_no_name_of_the_core() -> None:
    names = {path.name for path in (ROOT / "integrations").iterdir()}

    assert "__init__.py" not in names
    assert names & {path.name for path in (ROOT / "tracer").iterdir()} - {"__pycache__"} == set()


def test_provider_modules_import_each_other_relatively() -> None:
    """In use it is ``tracer.openai``, to a type checker ``integrations.openai``: a relative import is right in both."""
    found = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {name}"
        for module in MODULES
        if module.startswith("integrations")
        for line, name in imports_of(module, also_late=True)
        if found_in(name).startswith("integrations") and found_in(name) != name
    ]

    assert found == []


def test_provider_modules_import_no_sdk_at_their_top() -> None:
    allowed = {"tracer", "integrations", "orjson"} | sys.stdlib_module_names

    found = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {name}"
        for module in MODULES
        if module.startswith("integrations")
        for line, name in imports_of(module, also_late=False)
        if name.split(".")[0] not in allowed
    ]

    assert found == []
