"""The search for secrets: a record stays a record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer._secrets import without_secrets

TELLING = [
    *(
        "password",
        "api_key",
        "token",
        "access_token",
        "authorization",
        "cookie",
        "secret",
        "Bearer ",
        "bearer ",
        "=",
        ":",
    ),
    *(
        " ",
        ",",
        "'",
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "?",
        "&",
        ";",
        "#",
        "/",
        "@",
        ".",
        "é",
        "1",
        "s",
        "x",
        "d",
        "b'",
    ),
    *("sk-proj-", "sk-abcdefghijklmnopqrstuvwxyz0123456789", "https://", "u:p@h", "eyJabcdefghijklmnopqrstuvwxyz."),
    *("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "abcdef123456", '{"role":', '{"type":'),
]
texts = st.lists(st.sampled_from(TELLING), max_size=7).map("".join)
names = texts | st.sampled_from(["role", "type"])
values = st.recursive(
    texts | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4) | inner.map(json.dumps),
    max_leaves=12,
)


def line_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@given(values)
@settings(max_examples=400, deadline=None)
def test_a_record_without_its_secrets_is_still_a_record(value: Any) -> None:
    json.loads(without_secrets(line_of({"value": value})))


@pytest.mark.parametrize(
    "text", ["password=", "api_key\\", '-----BEGIN RSA PRIVATE KEY-----"', 'my "password\\', "token='"]
)
def test_the_structure_around_a_text_is_no_part_of_a_secret(text: str) -> None:
    value: Any = {text: 1, "text": text}
    for _ in range(9):
        value = {"a": value}

    json.loads(without_secrets(line_of(value)))
