"""`tracer export` and `tracer import`: nothing is lost there and back, and bad input is refused at its line."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import TRACE_ID, Ran, chat, said, span

Command = Callable[..., Ran]
Write = Callable[..., None]


# its base64 has what would be a key in a text
PICTURE = "data:image/png;base64,iVBORw0KGgoA" + "AAAA" * 300 + "AAA/AKIAQ7XWZ2N5LTRB4KVD/AAA" + "AAAA" * 30


def record_everything() -> None:
    """Traces of every kind that the library records."""

    @tracer.trace(span_type="AGENT")
    def agent(question: str, image: str) -> dict[str, object]:
        tracer.update_current_trace(
            tags={"env": "prod"}, metadata={"release": "1"}, session_id="s", user="ann", model_id="m-1"
        )
        with tracer.start_span("tool", span_type="TOOL", attributes={"n": 1, "x": 0.5, "flags": [True]}) as inner:
            inner.add_event("cache miss", {"key": "ü"})
            inner.set_outputs({"rows": [1, None, {"deep": "\u2028"}]})
        return {"answer": question.upper()}

    agent("why?", PICTURE)
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    tracer.log_feedback(trace_id=trace_id, name="helpful", value={"score": 1}, rationale="good", source="HUMAN")
    tracer.log_expectation(trace_id=trace_id, name="answer", value="WHY?")
    try:
        with tracer.start_span("fails"):
            raise ValueError("broken")
    except ValueError:
        pass
    tracer.flush()


def test_everything_comes_back(tracer_command: Command, tmp_path: Path) -> None:
    record_everything()
    before = [trace.to_dict() for trace in tracer.search_traces()]
    one, two, other = tmp_path / "one.jsonl", tmp_path / "two.jsonl", str(tmp_path / "other.db")

    assert tracer_command("export", "-o", str(one)).err == f"wrote 2 traces to {one}\n"
    assert tracer_command("import", str(one), "--store", other).code == 0
    assert tracer_command("export", "-o", str(two), "--store", other).code == 0

    assert two.read_bytes() == one.read_bytes()
    tracer.configure(store=other)
    after = [trace.to_dict() for trace in tracer.search_traces()]
    assert after == before
    assert before[0]["info"]["name"] == "fails"
    assert b'"kind":"attachment"' in one.read_bytes().replace(b'\\"', b'"')


def test_importing_twice_takes_nothing_in_twice(tracer_command: Command, tmp_path: Path) -> None:
    record_everything()
    file = tmp_path / "one.jsonl"
    tracer_command("export", "-o", str(file))

    tracer_command("import", str(file))

    assert len(tracer.search_traces()) == 2
    assert sum(len(trace.info.assessments) for trace in tracer.search_traces()) == 2


def test_import_says_what_was_there_already(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("one", 1), span("two", 2, 1))
    file, other = str(tmp_path / "lines.jsonl"), str(tmp_path / "other.db")
    tracer_command("export", "-o", file)

    first = tracer_command("import", file, file, "--store", other)
    write(span("three", 3, 1))
    tracer_command("export", "-o", file)
    second = tracer_command("import", file, "--store", other)

    assert first.err == f"read 4 spans of 1 trace into {other}, 2 of them there already\n"
    assert second.err == f"read 3 spans of 1 trace into {other}, 2 of them there already\n"


def test_export_to_stdout_is_otlp_and_only_otlp(write: Write, tracer_command: Command) -> None:
    write(chat(1, None, [said("user", "hi")], [said("assistant", "ho")]))

    ran = tracer_command("export", "latest")

    (line,) = ran.lines
    exported = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert exported["traceId"] == TRACE_ID
    assert ran.err == "wrote 1 trace\n"


def test_export_and_import_of_a_running_trace_make_it_interrupted(
    write: Write, tracer_command: Command, tmp_path: Path
) -> None:
    start = {"kind": "start", "trace_id": TRACE_ID, "span_id": "1" * 16, "name": "agent", "type": "AGENT", "start": 5}
    write(start)
    file, other = tmp_path / "one.jsonl", str(tmp_path / "other.db")

    tracer_command("export", "-o", str(file))
    tracer_command("import", str(file), "--store", other)

    assert "agent  interrupted" in tracer_command("show", "--store", other).out


def test_import_reads_gzip_and_skips_other_signals(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("step", 1))
    line = tracer_command("export").out
    file = tmp_path / "lines.gz"
    file.write_bytes(gzip.compress(b'{"resourceLogs":[]}\n\n' + line.encode()))

    ran = tracer_command("import", str(file), "--store", str(tmp_path / "other.db"))

    assert (ran.code, ran.err) == (0, f"read 1 span of 1 trace into {tmp_path / 'other.db'}\n")


def test_import_names_a_bad_line_and_keeps_those_before(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("step", 1))
    file, other = tmp_path / "lines.jsonl", str(tmp_path / "other.db")
    file.write_text(tracer_command("export").out + "{broken\n")

    ran = tracer_command("import", str(file), "--store", other)

    assert ran.code == 2
    assert f"{file}, line 2: not JSON" in ran.err
    assert len(tracer_command("list", "--store", other).lines) == 2


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:40] + b"junk" * 20])
def test_import_names_damaged_gzip_data(
    damage: Callable[[bytes], bytes], write: Write, tracer_command: Command, tmp_path: Path
) -> None:
    write(span("step", 1))
    whole = gzip.compress(tracer_command("export").out.encode())
    file = tmp_path / "damaged.jsonl.gz"
    file.write_bytes(damage(whole))

    ran = tracer_command("import", str(file), "--store", str(tmp_path / "other.db"))

    assert ran.code == 2
    assert f"{file}: damaged gzip data" in ran.err


def test_export_to_a_pipe_leaves_it_a_pipe(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("step", 1))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert tracer_command("export", "-o", str(pipe)).code == 0
        assert reader.stdout is not None
        assert len(reader.stdout.read().splitlines()) == 1

    assert pipe.is_fifo()


def test_import_names_a_missing_file_before_reading_others(tracer_command: Command, tmp_path: Path) -> None:
    ran = tracer_command("import", str(tmp_path / "none.jsonl"), "--store", str(tmp_path / "other.db"))

    assert ran.code == 2
    assert "none.jsonl: no such file" in ran.err
    assert not (tmp_path / "other.db").exists()


def test_export_takes_ids_or_a_filter(write: Write, tracer_command: Command) -> None:
    write(span("one", 1), span("two", 2, trace_id="0" * 31 + "1"))

    assert len(tracer_command("export", "--filter", "name = 'two'").lines) == 1
    assert len(tracer_command("export", TRACE_ID[:5], "latest").lines) == 2
    assert tracer_command("export", "latest", "--filter", "name = 'two'").code == 2


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("script", ["{} import <(cat {})", "{} import /dev/stdin < {}", "cat {1} | {0} import -"])
def test_import_reads_pipes_and_devices(
    write: Write, tracer_command: Command, tmp_path: Path, script: str, packed: bool
) -> None:
    write(span("step", 1))
    file, other = tmp_path / "lines", tmp_path / "other.db"
    line = tracer_command("export").out.encode()
    file.write_bytes(gzip.compress(line) if packed else line)
    command = script.format(f"{shlex.quote(sys.executable)} -m tracer", shlex.quote(str(file)))

    ran = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "TRACER_STORE": str(other), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.returncode, ran.stderr) == (0, f"read 1 span of 1 trace into {other}\n")


def test_import_refuses_a_folder(tracer_command: Command, tmp_path: Path) -> None:
    ran = tracer_command("import", str(tmp_path))

    assert ran.code == 2
    assert f"{tmp_path}: a folder" in ran.err


@pytest.mark.parametrize(
    ("place", "complaint"), [("nowhere", "No such file or directory"), ("tracer.db", "Not a directory")]
)
def test_a_file_that_cannot_be_written_is_named_as_it_was_given(
    write: Write, tracer_command: Command, tmp_path: Path, place: str, complaint: str
) -> None:
    write(span("step", 1))
    output = tmp_path / place / "x"

    ran = tracer_command("export", "-o", str(output))

    assert ran.code == 1
    assert ran.err == f"Error: {output}: {complaint}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["export"], ["dataset", "export", "d"]])
def test_a_full_disk_is_told_with_the_file(
    command: list[str], write: Write, tracer_command: Command, tmp_path: Path
) -> None:
    write(span("root", json={"tracer.inputs": {"question": "Where?"}}))
    tracer_command("dataset", "create", "d")
    tracer_command("dataset", "add", "d", TRACE_ID)
    output = tmp_path / "traces.jsonl"
    for name in (output, Path("/dev/full")):
        output.with_name(f"{output.name}.{os.getpid()}.part").symlink_to("/dev/full")  # what is written first
        ran = tracer_command(*command, "-o", str(name))
        output.with_name(f"{output.name}.{os.getpid()}.part").unlink(missing_ok=True)

        assert (ran.code, ran.err) == (1, f"Error: {name}: No space left on device\n")
    assert list(tmp_path.glob("traces*")) == []
