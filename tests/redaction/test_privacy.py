"""Secrets never reach the disk: not in the store, not in the journal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer._redaction.secrets import without_secrets
from tracer.errors import InvalidArgumentError

SECRETS = [
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
    "sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
    "AIzaSyA1234567890abcdefghijklmnopqrstuvw",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "gsk_abcdefghijklmnopqrstuvwxyz0123",
    "xoxb-123456789012-abcdefghijkl",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]


@tracer.trace
def echo(value: Any) -> Any:
    return value


def everything_on_disk(folder: Path) -> bytes:
    journal = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    trace = tracer.get_trace(tracer.get_last_active_trace_id())
    return journal + trace.to_json().encode()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "my key: {}",
        "first line\n{}\nlast",
        "Authorization: Bearer {}",
        "https://x/?key={}&b=1",
        '{{"nested": "{}"}}',
        "({})",
    ],
)
def test_keys_in_text_are_redacted_wherever_they_stand(secret: str, form: str, tmp_path: Path) -> None:
    echo({"messages": [{"content": form.format(secret)}]})

    kept = everything_on_disk(tmp_path)
    assert secret[8:30].encode() not in kept
    assert b"[REDACTED]" in kept


def test_a_run_of_letters_that_was_harmless_is_looked_at_again_where_it_begins_a_word(tmp_path: Path) -> None:
    run = "nhf_abcdefghijklmnopqrstuvwxyz"  # with a backslash before it, the n is a line break

    echo([run, run, "a line" + chr(10) + run.removeprefix("n")])

    assert tracer.get_trace(tracer.get_last_active_trace_id()).data.spans[0].outputs == [run, run, "a line\n[REDACTED]"]


VALUE = "Xk29fjQpL3mZ"
SENSITIVE_NAMES = [
    *(
        "api_key",
        "apiKeys",
        "api-key-id",
        "API_KEYS",
        "access_key_id",
        "access-key-id",
        "subscription-key",
        "private_key",
    ),
    *(
        "access_tokens",
        "accessTokens",
        "refresh_token",
        "auth_token_id",
        "session_token_id",
        "session_tokens",
        "id_tokens",
    ),
    *("security_token", "secret_key", "clientSecret", "pwd", "passwd", "passphrase", "db_password", "Set-Cookie"),
]
FORMS: list[Any] = [
    lambda name: {name: VALUE},
    lambda name: {name: [VALUE, VALUE]},
    lambda name: f"export {name}='{VALUE}'",
    lambda name: f"'{name}': '{VALUE}'",
    lambda name: json.dumps({name: VALUE}),
    lambda name: json.dumps({"inner": json.dumps({name: VALUE})}),
    lambda name: f"https://host/path?{name}={VALUE}",
]


@pytest.mark.parametrize("name", SENSITIVE_NAMES)
@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_every_sensitive_name_is_known_in_every_form_by_itself(name: str, form: Any) -> None:
    line = json.dumps({"value": form(name)}).encode()

    assert VALUE.encode() not in without_secrets(line)


@pytest.mark.parametrize(
    "value",
    [
        {"Authorization": "tellnobody"},
        {"headers": {"authorization": "Basic tellnobody"}},
        {"headers": [["Authorization", "tellnobody"]]},
        {"headers": [("x-api-key", "tellnobody")]},
        {"Cookie": "session=tellnobody"},
        {"Set-Cookie": "session=tellnobody"},
        {"api_key": "tellnobody"},
        {"apiKey": "tellnobody"},
        {"OPENAI_API_KEY": "tellnobody"},
        {"X-Api-Key": 'telln"obody\\ tellnobody'},
        {"password": "tellnobody"},
        {"mcp_servers": [{"authorization_token": "tellnobody"}]},
        {"headers": {"Ocp-Apim-Subscription-Key": "tellnobody", "Private-Token": "tellnobody"}},
        {"arguments": '{"api_key": "tellnobody", "q": 1}'},
        {"arguments": '{"authorization":"tellnobody"}'},
        "postgres://user:tellnobody@host/db",
        {"db_password": "tellnobody"},
        {"clientSecret": "tellnobody"},
        {"accessToken": "tellnobody"},
        {"aws_secret_access_key": "tellnobody"},
        {"password": ["tellnobody", "tellnobody"]},
        {"pin": 1, "password": {"arguments": '{"o": "{\\"password\\": \\"tellnobody\\"}"}'}},
        {"arguments": '{"q": 1, "password": "tellnobo'},
        {b"Authorization": b"tellnobody"},
        [(b"authorization", b"tellnobody")],
        b"sk-proj-tellnobodytellnobodytellnobody",
        "{'api_key': 'tellnobody', 'q': 1}",
        "x-api-key: tellnobody",
        "GET / HTTP/1.1\nCookie: session=tellnobody",
        "export DB_PASSWORD='tellnobody'",
        "\x1b[31msk-proj-tellnobodytellnobodytellnobody",
        "url%3Fkey%3Dsk-proj-tellnobodytellnobodytellnobody",
        "Bearer tellnobody-abcdef12",
        "https://host/path?api_key=tellnobody&x=1",
        "-----BEGIN RSA PRIVATE KEY-----\nMIItellnobody\n-----END RSA PRIVATE KEY-----",
    ],
    ids=str,
)
def test_values_under_sensitive_names_are_redacted(value: Any, tmp_path: Path) -> None:
    echo(value)

    assert b"tellnobody" not in everything_on_disk(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 5, "token_count": 7, "tokens": "seven"},
        "a task-management-system-that-is-long and a risk-assessment-procedure",
        {"monkey": "banana", "keyboard": "qwerty"},
        {"type": "object", "properties": {"password": {"type": "string"}}},
        "the bearer of bad news",
        "chatcmpl-CdxiIrlxetLzjuBRfsl3k1X7s1F9u",
        "mail me@example.com or see https://example.com/a@b",
        "sk-learn is scikit-learn",
        {"logprobs": {"content": [{"token": "Hello", "logprob": -0.1}]}},
        {"keys": [{"key": "a", "value": "b"}], "secretary": "Ann"},
        "the key = value form, a=b, tokens=5",
    ],
    ids=str,
)
def test_what_only_looks_like_a_secret_is_kept(value: Any) -> None:
    echo(value)

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == value


def test_what_a_model_thought_and_only_its_provider_reads_is_kept() -> None:
    token = "gAAAAABqYk6FCQPaGIVpnvBjoann3I3xWKzSghA9HLOCfLcaAxLRHL5REEsDrFELQyp6-1ggJsJAPEOrU"
    for line in (
        json.dumps({"encrypted_content": token}),
        json.dumps({"text": json.dumps({"encrypted_content": token})}),
    ):
        assert without_secrets(line.encode()) == line.encode()

    assert token.encode() not in without_secrets(json.dumps({"content": token}).encode())


def test_exceptions_attributes_events_names_and_tags_are_redacted(tmp_path: Path) -> None:
    secret = SECRETS[0]
    with pytest.raises(ValueError, match="key"), tracer.start_span(f"call {secret}") as span:
        span.set_attribute("a", secret)
        span.set_attribute("b", [secret])
        span.add_event("e", {"k": secret})
        tracer.update_current_trace(tags={"t": secret}, metadata={"m": secret}, request_preview=secret)
        raise ValueError(f"wrong key {secret}")

    assert secret[8:30].encode() not in everything_on_disk(tmp_path)


def test_the_users_patterns_and_functions_come_after(tmp_path: Path) -> None:
    tracer.configure(redact=[r"\d{4}-\d{4}", re.compile("(?i)acme"), lambda text: text.replace("Bob", "<name>")])

    echo({"card": "1234-5678 for Bob\tat ACME"})

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == {"card": "[REDACTED] for <name>\tat [REDACTED]"}


@pytest.mark.swallow_faults
@pytest.mark.parametrize("broken", [lambda text: 1 / 0, lambda text: None], ids=["raises", "returns none"])
def test_if_redaction_fails_the_payload_is_left_out(
    broken: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracer.configure(redact=broken)

    assert echo("tellnobody") == "tellnobody"

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert (span.inputs, span.attributes["tracer.redaction_failed"]) == (None, True)
    assert b"tellnobody" not in everything_on_disk(tmp_path)
    assert "redacting a record" in caplog.text


def test_capture_content_off_keeps_structure_and_timing_only(tmp_path: Path) -> None:
    tracer.configure(capture_content=False)

    with pytest.raises(ValueError, match="tellnobody"), tracer.start_span("step") as span:
        span.set_inputs("tellnobody")
        span.set_attribute("gen_ai.usage.input_tokens", 5)
        span.add_event("chunk", {"content": "tellnobody"})
        echo("tellnobody")
        raise ValueError("tellnobody")

    trace = tracer.get_trace(span.trace_id)
    assert [s.name for s in trace.data.spans] == ["step", "echo"]
    assert trace.data.spans[0].attributes["error.type"] == "ValueError"
    assert trace.info.token_usage["input_tokens"] == 5
    assert b"tellnobody" not in everything_on_disk(tmp_path)


def test_the_users_patterns_see_keys_too_but_not_the_names_of_attributes() -> None:
    tracer.configure(redact=["ann@[a-z.]+", "tracer|gen_ai"])

    echo({"ann@example.org": 1})

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == {"[REDACTED]": 1}


def test_the_description_of_the_service_is_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "db.password=tellnobody")
    tracer.configure(service_name="shop")
    echo(1)

    assert b"tellnobody" not in everything_on_disk(tmp_path)


def test_without_content_a_generators_return_value_is_left_out_too(tmp_path: Path) -> None:
    tracer.configure(capture_content=False)

    @tracer.trace
    def words() -> Any:
        yield "tellnobody"
        return {"all": "tellnobody"}

    list(words())

    assert b"tellnobody" not in everything_on_disk(tmp_path)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="regular expression"):
        tracer.configure(redact="(")
    with pytest.raises(InvalidArgumentError, match="regular expression"):
        tracer.configure(redact=[3])
