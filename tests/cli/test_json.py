"""Each command that says something says it as JSON, too, in a shape that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import tracer
from tests.cli.conftest import TRACE_ID, Ran, chat, said, span
from tests.cli.json_shapes import check_shape, kept
from tracer import semconv
from tracer.cli.group import tracer_command as root
from tracer.models import log_model

WITHOUT = {
    "demo": "shows what it has recorded, for people",
    "run": "its output is the program's",
    "fork": "its output is the program's",
    "ui": "runs until it is stopped",
    "server": "runs until it is stopped",
    "models serve": "runs until it is stopped",
    "mcp": "runs until it is stopped",
    "export": "writes JSON lines",
    "dataset export": "writes JSON lines",
}
ELSEWHERE = {"bisect": "tests/cli/test_bisect.py", "tail": "prints the lines of list", "migrate": "tests/clickhouse"}
EVALUATION = """
import tracer
from tracer.genai.scorers import scorer

predict_fn = lambda question: "Lima"
data = [{"inputs": {"question": "Capital of Peru?"}, "expectations": {"expected_response": "Lima"}}]

@scorer
def right(outputs, expectations):
    return outputs == expectations["expected_response"]

scorers = [right]
"""


def commands(command: click.Command = root, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for below in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), below)
            assert found is not None
            yield from commands(found, f"{name} {below}".strip())
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command


def test_every_command_has_json_or_a_reason() -> None:
    with_json = {name for name, command in commands() if any("--json" in each.opts for each in command.params)}
    every = {name for name, _ in commands()}

    assert every - with_json == set(WITHOUT)
    assert with_json - set(ELSEWHERE) == set(kept()) - {"bisect"}


def test_shapes_stay(
    tracer_command: Callable[..., Ran],
    write: Callable[..., None],
    tmp_path: Path,
    folder: Path,
    store_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def prints(command: str, *arguments: str, code: int = 0) -> None:
        ran = tracer_command(*command.split(), *arguments, "--json")
        assert ran.code == code, ran.err
        check_shape(command, ran.out)

    question, other = [said("user", "Capital of Peru?")], [said("user", "Capital of Mali?")]
    root_span = span("agent", 1, json={semconv.INPUTS: {"question": "Capital of Peru?"}, semconv.OUTPUTS: "Lima"})
    write(
        root_span, chat(2, 1, question, [said("assistant", "Lima")]), chat(3, 1, question, [said("assistant", "Lima")])
    )
    second = f"{int(TRACE_ID, 16) + 1:032x}"
    write(*({**record, "trace_id": second} for record in (root_span, chat(2, 1, other, [said("assistant", "Bamako")]))))
    tracer.log_feedback(trace_id=TRACE_ID, name="right", value=True, source={"source_type": "HUMAN", "source_id": "a"})
    tracer.log_feedback(
        trace_id=TRACE_ID, name="right", value=False, source={"source_type": "LLM_JUDGE", "source_id": "j"}
    )
    tracer.flush()
    for command in ("list", "show", "stats", "audit", "agreement"):
        prints(command, *(["latest"] if command == "show" else []))
    prints("diff", TRACE_ID, second, code=1)
    monkeypatch.setattr("tracer.provider.installed.names", lambda: ["ollama"])  # to load all SDKs takes long
    prints("doctor")

    lines = tmp_path / "all.jsonl"
    assert tracer_command("export", "-o", str(lines)).code == 0
    other_store = str(tmp_path / "other.db")
    prints("import", str(lines), "--store", other_store)
    prints("backup", str(tmp_path / "backup"))
    prints("restore", str(tmp_path / "backup"), "--store", str(tmp_path / "restored.db"))

    prints("copy", store_url, str(tmp_path / "copied.db"))
    prints("push", "name = 'agent'", "--redact", "Capital", "--to", str(tmp_path / "pushed.db"))
    prints("policy set", "rest", "--keep", "90d", "--sample", "5%", "--after", "7d", "--store", other_store)
    prints("policy list", "--store", other_store)
    prints("policy run", "--dry-run", "--store", other_store)
    prints("policy remove", "rest", "--store", other_store)
    prints("delete", f"trace_id = '{second}'", "--yes", "--store", other_store)

    prints("dataset create", "questions", "--tag", "team=search")
    prints("dataset add", "questions", TRACE_ID)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"inputs": {"question": "Capital of Mali?"}, "expectations": {"expected_response": "Bamako"}}\n')
    prints("dataset import", "questions", str(rows))
    prints("dataset list")
    prints("dataset show", "questions")
    prints("dataset delete", "questions", "--yes")

    tracer.register_prompt("qa", "Answer {{question}}", "first", {"team": "search"})
    tracer.register_prompt("qa", "Answer briefly: {{question}}")
    prints("prompts alias", "qa", "production", "2")
    prints("prompts")
    prints("prompts show", "qa/1")
    prints("prompts diff", "qa")

    model = log_model("times", lambda number: number, input_example=False)
    prints("models register", model.model_uri, "multiply")
    prints("models alias", "multiply", "champion", "1")
    prints("models list")

    program = tmp_path / "evaluation.py"
    program.write_text(EVALUATION)
    prints("evaluate", str(program), "--version", "v1")
    prints("evaluations")
    prints("versions", "v1")
    check_shape("mcp install", tracer_command("mcp", "--store", store_url, "install", "cursor", "--json").out)
