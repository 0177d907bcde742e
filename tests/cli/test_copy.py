"""`tracer copy`: what is in one store is in the other, however often it was started and wherever it was ended."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson

import tracer
from tests.cli.conftest import START, TRACE_ID, Ran, span
from tests.cli.test_export_import import record_everything
from tracer.models import load_model, log_model
from tracer.server import ServerSettings, running_server
from tracer.store import Store, open_store

Command = Callable[..., Ran]
Write = Callable[..., None]
TOKEN = "a-token-of-enough-letters"


def of_every_kind(store_url: str) -> None:
    """Traces, and everything that may belong to one."""
    record_everything()
    tracer.create_external_model(name="app", tags={"stage": "old"}, params={"k": "1"})
    with tracer.start_run(run_name="nightly", tags={"by": "cron"}):
        tracer.log_params({"k": 3})
        tracer.log_metric("loss", 0.5, step=1)
        tracer.log_metric("loss", 0.25, step=2)
        with tracer.start_span("of a run"):
            pass
    tracer.register_prompt("greeting", "Hello {{name}}")
    tracer.register_prompt("greeting", "Hi {{name}}")
    tracer.set_prompt_alias("greeting", "production", 1)
    tracer.genai.create_dataset("questions", tags={"lang": "en"}).add(
        [{"inputs": {"question": str(number)}, "expectations": {"answer": number}} for number in range(3)]
    )
    tracer.genai.create_review_queue("errors", filter_string="status = 'ERROR'", scores=["right"])
    tracer.flush()
    store = open_store(store_url)
    running = {"kind": "start", "trace_id": "e" * 32, "span_id": "1" * 16, "name": "died", "type": "AGENT", "start": 5}
    store.append([orjson.dumps(running)], owner="9-dead")
    store.owner_gone("9-dead")
    for number, owner in enumerate(("1-a", "2-b", "1-a", "3-c")):  # of one moment, of several processes
        about = {"kind": "process", "owner": owner, "resource": {"service.name": owner}}
        links = [{"trace_id": TRACE_ID, "span_id": "1" * 16, "attributes": {"why": "follows"}}]
        one = span("same moment", trace_id=f"{16 - number:032x}", start=START, links=links)
        store.append([orjson.dumps(about), orjson.dumps(one)], owner=owner)
    store.close()


def beside_traces(store: Store) -> list[object]:
    """What an export does not have."""
    runs = [run._replace(experiment_id="") for run in store.runs()]
    queues = [queue._replace(created=0, updated=0) for queue in store.review_queues()]
    return [runs, queues, [(row.id, row.name) for row in store.experiments()]]


def test_a_store_of_every_kind_comes_back_from_a_server_byte_for_byte(
    tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    of_every_kind(store_url)
    before = tracer_command("export").out
    back = str(tmp_path / "back.db")

    with running_server(f"sqlite:///{tmp_path}/team.db", ServerSettings(port=0, token=TOKEN)) as url:
        up = tracer_command("copy", store_url, url, "--to-token", TOKEN)
        down = tracer_command("copy", url, back, "--from-token", TOKEN)

    assert (up.code, down.code) == (0, 0), up.err + down.err
    assert "copied 8 traces with 9 spans, 1 version, 2 prompt versions, 1 dataset to http://" in up.err
    assert tracer_command("export", "--store", back).out == before
    one, other = open_store(store_url), open_store(f"sqlite:////{back.lstrip('/')}")
    assert beside_traces(other) == beside_traces(one)


def test_a_copy_that_was_killed_goes_on_where_it_was(
    write: Write, tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    write(*(span("step", trace_id=f"{number:032x}", start=START + number) for number in range(1, 1501)))
    target = tmp_path / "target.db"
    program = [sys.executable, "-m", "tracer", "copy", store_url, str(target)]

    with subprocess.Popen(program, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not has_traces(target):
            pass
        process.kill()
    first = open_store(f"sqlite:///{target}").count_traces()
    again = tracer_command("copy", store_url, str(target))

    assert 0 < first <= 1500
    assert f"copied {1500 - first:,} traces" in again.err
    assert f"({first:,} there already)" in again.err
    assert tracer_command("export", "--store", str(target)).out == tracer_command("export").out


def has_traces(path: Path) -> bool:
    """Whether a file is a store with traces."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    store = open_store(f"sqlite:///{path}")
    try:
        return store.count_traces() > 0
    finally:
        store.close()


def test_a_second_copy_brings_what_has_changed_and_nothing_twice(
    write: Write, tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    write(span("one"), span("two", trace_id="2" * 32))
    target = str(tmp_path / "target.db")
    tracer_command("copy", store_url, target)

    tracer.set_trace_tag(TRACE_ID, "seen", "yes")
    tracer.log_feedback(trace_id=TRACE_ID, name="good", value=True)
    tracer.flush()
    second = tracer_command("copy", store_url, target)
    third = tracer_command("copy", store_url, target)

    assert "copied 1 trace with 1 span (1 there already)" in second.err
    assert "copied 0 traces with 0 spans (2 there already)" in third.err
    assert tracer_command("export", "--store", target).out == tracer_command("export").out


def test_the_spans_of_traces_that_were_deleted_there_are_not_counted(
    write: Write, tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    write(span("kept", trace_id="1" * 32), *(span("gone", number, 1, trace_id="2" * 32) for number in (1, 2, 3)))
    target = str(tmp_path / "target.db")
    tracer_command("copy", store_url, target)
    tracer_command("delete", "timestamp > 0", "--yes", "--store", target)
    write(span("new", trace_id="3" * 32), span("its child", 2, 1, trace_id="3" * 32))

    ran = tracer_command("copy", store_url, target)
    told = json.loads(tracer_command("copy", store_url, target, "--json").out)

    assert "copied 1 trace with 2 spans (2 deleted there, and left so)" in ran.err
    assert (told["traces"], told["spans"], told["there"], told["deleted_there"]) == (0, 0, 1, 2)


def test_an_image_of_a_trace_that_was_deleted_there_comes_with_the_next_one_that_has_it(
    tracer_command: Command, tmp_path: Path
) -> None:
    source, target = (f"sqlite:///{tmp_path}/{name}.db" for name in ("source", "target"))
    content = b"an image"
    digest = hashlib.sha256(content).hexdigest()
    named = {"tracer.inputs": f"{'words ' * 20_000} tracer-attachment:{digest};image/png;8"}  # few fit into a batch
    ids = [f"{number:032x}" for number in range(1, 31)]
    traces = [
        orjson.dumps(span("asked", trace_id=trace_id, start=START + number, end=START + number + 1, json=named))
        for number, trace_id in enumerate(ids)
    ]
    image = {"kind": "attachment", "id": digest, "mime": "image/png", "content": base64.b64encode(content).decode()}
    with closing(open_store(source)) as store, closing(open_store(target)) as there:
        store.append([orjson.dumps(image), *traces])
        there.append(traces[:15])
        there.delete_traces(trace_ids=ids[:15])

        assert tracer_command("copy", source, target).code == 0

        assert there.count_traces() == 15
        assert there.attachment(digest) == ("image/png", content)


def test_the_files_of_logged_models_are_copied_from_a_server_to_a_file_and_load_there(
    tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    model = log_model("times", lambda number: number * 2, input_example=False)
    back = str(tmp_path / "back.db")

    with running_server(f"sqlite:///{tmp_path}/team.db") as url:
        up = tracer_command("copy", store_url, url)
        again = tracer_command("copy", store_url, url)
        down = tracer_command("copy", url, back)

    tracer.configure(store=back)
    assert ("1 logged model" in up.err, "logged model" in again.err, "1 logged model" in down.err) == (
        True,
        False,
        True,
    )
    assert load_model(model.model_uri).predict(21) == 42


def test_a_filter_copies_the_traces_that_meet_it_with_the_runs_that_they_name(
    write: Write, tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    write(span("plain"))
    with tracer.start_run(run_name="nightly") as run, tracer.start_span("of a run"):
        pass
    tracer.flush()
    target = str(tmp_path / "target.db")

    ran = tracer_command("copy", store_url, target, "--filter", f"run_id = '{run.info.run_id}'")

    store = open_store(f"sqlite:////{target.lstrip('/')}")
    assert "copied 1 trace with 1 span to " in ran.err
    assert ([row.run_id for row in store.runs()], store.count_traces()) == ([run.info.run_id], 1)


def test_a_store_is_not_copied_into_itself(write: Write, tracer_command: Command, store_url: str) -> None:
    write(span("one"))

    ran = tracer_command("copy", store_url, store_url)

    assert (ran.code, "is the store that is read" in ran.err) == (2, True)


def test_push_sends_chosen_traces_redacted_once_more_and_says_what(
    write: Write, tracer_command: Command, tmp_path: Path
) -> None:
    asked = {"tracer.inputs": {"question": "where is ACME-17?", "also": ["ACME-18", "nothing"]}}
    write(span("chosen", json=asked), span("other", trace_id="2" * 32))
    pushed = ("push", "name = 'chosen'", "--redact", r"ACME-\d+")

    with running_server(f"sqlite:///{tmp_path}/team.db", ServerSettings(port=0, token=TOKEN)) as url:
        dry = tracer_command(*pushed, "--to", url, "--to-token", TOKEN, "--dry-run")
        team = open_store(url, token=TOKEN)
        before = team.count_traces()
        ran = tracer_command(*pushed, "--to", url, "--to-token", TOKEN)
        (sent,) = team.spans(TRACE_ID)
        after = team.count_traces()
        team.close()

    assert (before, after) == (0, 1)
    assert sent["json"] == {"tracer.inputs": {"question": "where is [REDACTED]?", "also": ["[REDACTED]", "nothing"]}}
    told = ["redacted 2 texts more in 1 trace:", "  tracer.inputs: 2", TRACE_ID]
    assert (dry.lines, ran.lines) == (told, told)
    assert dry.err.startswith("would push 1 trace with 1 span to http://")
    assert ran.err.startswith("pushed 1 trace with 1 span to http://")


def test_push_says_what_it_redacts_in_runs_and_versions(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    model = tracer.create_external_model(name="app", tags={"by": "ACME-17"}, params={"customer": "ACME-18", "k": "1"})
    with tracer.start_run(run_name="nightly", tags={"by": "ACME-19"}) as run:
        tracer.log_params({"customer": "ACME-20"})
    meta = {"kind": "trace", "trace_id": TRACE_ID, "time": START, "run_id": run.info.run_id, "model_id": model.model_id}
    write(span("chosen"), meta)
    pushed = ("push", "name = 'chosen'", "--redact", r"ACME-\d+", "--to", str(tmp_path / "team.db"))

    dry = json.loads(tracer_command(*pushed, "--dry-run", "--json").out)
    ran = tracer_command(*pushed)

    store = open_store(f"sqlite:///{tmp_path}/team.db")
    ((sent_run,), (sent_model,)) = store.runs(), store.models()
    assert (sent_run.params, sent_run.tags["by"]) == ({"customer": "[REDACTED]"}, "[REDACTED]")
    assert (sent_model.params, sent_model.tags) == ({"customer": "[REDACTED]", "k": "1"}, {"by": "[REDACTED]"})
    assert ran.lines == [
        "redacted 4 texts more in 1 run, 1 version:",
        "  by: 2",
        "  customer: 2",
        f"run {run.info.run_id}",
        f"version {model.model_id}",
    ]
    assert (dry["redacted_traces"], dry["redacted_runs"], dry["redacted_versions"]) == (
        [],
        [run.info.run_id],
        [model.model_id],
    )


def test_push_leaves_out_an_attachment_with_a_secret(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    content = ("a long text " * 400 + "ACME-17").encode()
    digest = hashlib.sha256(content).hexdigest()
    attached = {"kind": "attachment", "id": digest, "mime": "text/plain", "content": base64.b64encode(content).decode()}
    write(attached, span("chosen", json={"tracer.inputs": {"file": f"tracer-attachment:{digest}"}}))
    target = str(tmp_path / "team.db")

    ran = tracer_command("push", "name = 'chosen'", "--redact", r"ACME-\d+", "--to", target)

    store = open_store(f"sqlite:////{target.lstrip('/')}")
    assert (store.count_traces(), store.attachment(digest)) == (1, None)
    assert "  an attachment, left out: 1" in ran.lines
