"""Completions at a position of a filter, with | for the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.store.filter.complete import complete

pytestmark = pytest.mark.no_store
KNOWN = {
    "model": ["gpt-4o", "gpt-4o-mini", "llama"],
    "tags": ["env", "odd key"],
    "tags.env": ["prod", "it's"],
    "name": ["agent"],
    "session": ["s 1"],
}


def completed(marked: str) -> tuple[str, list[str]]:
    """What would be replaced, and what by."""
    cursor = marked.index("|")
    source = marked.replace("|", "", 1)
    found = complete(source, cursor, lambda field: KNOWN.get(field, []))
    return source[found.start : found.end], [item.text for item in found.items]


@pytest.mark.parametrize(
    ("marked", "replaced", "first"),
    [
        ("sta|", "sta", ["state", "status"]),
        ("|", "", ["trace_id", "client_request_id"]),
        ("to|ken > 1", "token", ["tokens", "tokens.input"]),
        ("state |", "", ["=", "!=", "IN (", "NOT IN ("]),
        ("state = |", "", ["'ERROR'", "'INTERRUPTED'"]),
        ("state = 'E|", "'E", ["'ERROR'"]),
        ("state = 'ER|R'", "'ERR'", ["'ERROR'"]),
        ("model = 'gpt|", "'gpt", ["'gpt-4o'", "'gpt-4o-mini'"]),
        ("model IN ('llama', |", "", ["'gpt-4o'", "'gpt-4o-mini'", "'llama'"]),
        ("name = 'a' AND mod|", "mod", ["model", "model_id"]),
        ("name = 'a' |", "", ["AND", "OR"]),
        ("name = 'a' O|", "O", ["OR"]),
        ("NOT (sess|", "sess", ["session", "session_id"]),
        ("tags.|", "tags.", ["tags.env", "tags.`odd key`"]),
        ("tags.env = |", "", ["'prod'", "'it''s'"]),
        ("duration BETWEEN 1s AND |", "", ["100ms", "1s"]),
        ("duration BETWEEN 1s AND 2s A|", "A", ["AND"]),
        ("timestamp > now|", "now", ["now-15m", "now-1h"]),
        ("text |", "", ["CONTAINS", "=", "LIKE", "ILIKE"]),
        ("tokens |", "", ["=", "!=", "<", "<="]),
        ("span.type = 'CH|", "'CH", ["'CHAIN'", "'CHAT_MODEL'"]),
        ("model:gpt-4o|", "model:gpt-4o", ["model = 'gpt-4o'", "model = 'gpt-4o-mini'", "model CONTAINS 'gpt-4o'"]),
        ("model:gpt|", "model:gpt", ["model CONTAINS 'gpt'", "model = 'gpt-4o'", "model = 'gpt-4o-mini'"]),
        ("state:err|", "state:err", ["state = 'ERROR'"]),
        ("duration:>2s|", "duration:>2s", ["duration > 2s"]),
        ("user = 'ann' AND tokens:9|", "tokens:9", ["tokens = 9", "tokens > 9", "tokens < 9"]),
        ("name = 'a' AND tags.env:pr|", "tags.env:pr", ["tags.env = 'prod'", "tags.env = 'pr'"]),
        ("text:it's|", "text:it's", ["text CONTAINS 'it''s'"]),
    ],
)
def test_what_can_stand_there(marked: str, replaced: str, first: list[str]) -> None:
    written, items = completed(marked)

    assert written == replaced
    assert items[: len(first)] == first


@given(source=st.text(alphabet="abc stateANDORtags.='\"`()<>!,0-9\n"), cursor=st.integers(0, 40))
def test_nothing_that_is_typed_breaks_it(source: str, cursor: int) -> None:
    place = min(cursor, len(source))

    found = complete(source, place, lambda field: ["x"])

    assert 0 <= found.start <= place <= found.end <= len(source)
    assert len(found.items) <= 30
