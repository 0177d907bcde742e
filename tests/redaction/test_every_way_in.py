"""Whatever way a secret comes in, it does not reach the disk."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.redaction.test_privacy import everything_on_disk
from tracer.cli import run
from tracer.errors import InvalidArgumentError
from tracer.models import save_model
from tracer.server import running_server

SECRET = "ghp_" + "tellnobody0" * 4
TRACE_ID, SPAN_ID = "4f2a1b3c4d5e6f708192a3b4c5d6e7f8", "00f067aa0ba902b7"
TEXT = "A page of text about a shop, its customers, and what they buy in it every week.\n" * 12


@tracer.trace
def echo(value: Any) -> Any:
    return value


def files_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def otlp(value: str, resource: str = "shop") -> dict[str, Any]:
    span = {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": f"call {value}",
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000000000000001",
        "attributes": [{"key": "note", "value": {"stringValue": value}}],
        "status": {"code": 2, "message": value},
    }
    attributes = [{"key": "service.name", "value": {"stringValue": resource}}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]}]}


def attached(text: str, kind: str = "text/plain") -> dict[str, str]:
    return {"url": f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"}


def in_base64(text: str) -> bytes:
    """The secret as it is in the base64 of the text."""
    start = text.index(SECRET)
    return base64.b64encode(text.encode())[(start // 3 + 1) * 4 : (start + len(SECRET)) // 3 * 4]


@pytest.fixture
def url(store_url: str) -> Any:
    with running_server(store_url) as found:
        yield found


def test_otlp_that_comes_in_is_redacted(url: str, tmp_path: Path) -> None:
    httpx.post(f"{url}/v1/traces", json=otlp(SECRET, resource=SECRET)).raise_for_status()

    answer = httpx.get(f"{url}/api/v1/traces/{TRACE_ID}/otlp").text
    assert "[REDACTED]" in answer
    assert "tellnobody" not in answer
    assert b"tellnobody" not in files_below(tmp_path)


def test_records_that_are_sent_to_a_server_are_redacted(url: str, tmp_path: Path) -> None:
    span = {"kind": "span", "trace_id": TRACE_ID, "span_id": SPAN_ID, "name": SECRET, "type": "LLM"}
    more = {"start": 1, "end": 2, "status": "OK", "attributes": {"api_key": "tellnobody"}}
    lines = [json.dumps({**span, **more}).encode()]
    headers = {"Content-Type": "application/x-ndjson"}

    httpx.post(f"{url}/api/v1/records", content=b"\n".join(lines), headers=headers).raise_for_status()

    assert "tellnobody" not in httpx.get(f"{url}/api/v1/traces/{TRACE_ID}/records").text
    assert b"tellnobody" not in files_below(tmp_path)


def test_tags_and_feedback_that_are_sent_to_a_server_are_redacted(url: str, tmp_path: Path) -> None:
    httpx.post(f"{url}/v1/traces", json=otlp("note")).raise_for_status()
    trace = f"{url}/api/v1/traces/{TRACE_ID}"

    httpx.put(f"{trace}/tags/t", json={"value": SECRET}).raise_for_status()
    feedback = {"name": "f", "value": {"password": "tellnobody"}, "rationale": SECRET, "metadata": {"m": SECRET}}
    answer = httpx.post(f"{trace}/assessments", json=feedback).raise_for_status()

    assert "tellnobody" not in answer.text
    assert "tellnobody" not in httpx.get(trace).text
    assert b"tellnobody" not in files_below(tmp_path)


def test_tags_feedback_and_metadata_of_this_process_are_redacted(tmp_path: Path) -> None:
    echo(1)
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    tracer.set_trace_tag(trace_id, "t", SECRET)
    tracer.log_feedback(trace_id=trace_id, value={"token": SECRET}, rationale=SECRET, metadata={"m": SECRET})
    with tracer.start_run(tags={"t": SECRET}, params={"api_key": SECRET}):
        tracer.log_param("password", SECRET)
    tracer.flush()

    assert b"tellnobody" not in everything_on_disk(tmp_path)


def test_what_is_imported_is_redacted(tmp_path: Path) -> None:
    file = tmp_path.parent / f"{tmp_path.name}.jsonl"
    file.write_text(json.dumps(otlp(SECRET, resource=SECRET)))

    code = run(["import", str(file)])

    assert code == 0
    assert tracer.get_trace(TRACE_ID).data.spans[0].attributes["note"] == "[REDACTED]"
    assert b"tellnobody" not in files_below(tmp_path)


@pytest.mark.parametrize("text", [f"key {SECRET}", TEXT + f"key {SECRET}\n" + TEXT], ids=["short", "long"])
@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_text_in_data_urls_and_attachments_is_redacted(text: str, kind: str, tmp_path: Path) -> None:
    echo(attached(text, kind))

    assert in_base64(text) not in everything_on_disk(tmp_path)


def test_a_text_without_secrets_is_attached_as_it_is(url: str) -> None:
    echo(attached(TEXT))

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    digest = span.outputs["url"].partition(":")[2].partition(";")[0]
    assert httpx.get(f"{url}/api/v1/attachments/{digest}").content == TEXT.encode()


def test_text_in_attachments_of_otlp_is_redacted(url: str, tmp_path: Path) -> None:
    httpx.post(f"{url}/v1/traces", json=otlp(attached(TEXT + SECRET + TEXT)["url"])).raise_for_status()

    assert in_base64(TEXT + SECRET + TEXT) not in files_below(tmp_path)


def test_an_attachment_with_a_secret_that_is_sent_to_a_server_is_left_out(url: str, tmp_path: Path) -> None:
    content = (TEXT + SECRET).encode()
    digest = hashlib.sha256(content).hexdigest()
    record = {"kind": "attachment", "id": digest, "mime": "text/plain", "content": base64.b64encode(content).decode()}
    line = json.dumps(record, separators=(",", ":"))
    headers = {"Content-Type": "application/x-ndjson"}

    httpx.post(f"{url}/api/v1/records", content=line, headers=headers).raise_for_status()

    assert httpx.get(f"{url}/api/v1/attachments/{digest}").status_code == 404


def test_names_of_exception_types_and_functions_are_redacted(tmp_path: Path) -> None:
    error = type(SECRET, (Exception,), {"__module__": SECRET})

    def fail() -> None:
        raise error(SECRET)

    fail.__name__ = fail.__qualname__ = SECRET
    with pytest.raises(error):
        tracer.trace(fail)()

    assert b"tellnobody" not in everything_on_disk(tmp_path)


@pytest.mark.parametrize(
    "argument",
    [
        {"model_config": {"api_key": SECRET}},
        {"input_example": {"messages": [{"role": "user", "content": SECRET}]}},
        {"metadata": {"note": SECRET}},
    ],
    ids=["config", "example", "metadata"],
)
def test_a_model_with_a_secret_is_warned_of_or_refused(
    argument: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = tmp_path / "app.py"
    app.write_text("import tracer\ntracer.models.set_model(lambda model_input: 'fine')\n")

    with pytest.raises(InvalidArgumentError, match=f"{next(iter(argument))} seems to hold a key"):
        save_model(tmp_path / "refused", app, **{"input_example": False, **argument}, refuse_secrets=True)
    save_model(tmp_path / "kept", app, **{"input_example": False, **argument})

    assert not (tmp_path / "refused").exists()
    assert "seems to hold a key" in caplog.text
