"""Datasets in a store: in a file, and through a server, both answer alike."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.server.conftest import ROOT_ID, TRACE_ID, chat, span
from tracer.errors import ConflictError, DatasetNotFoundError, InvalidArgumentError, StoreError
from tracer.server import running_server
from tracer.server.operations import OPERATIONS
from tracer.store import Store, StoredRow, open_store
from tracer.store.datasets import dataset_id_of, parse_row_filter, row_id_of

pytestmark = pytest.mark.no_store
KEY = "sk-" + "proj-" + "Zq3v9XkT7mB1nW5yR8cL2dF6gH4jP0sA"


@pytest.fixture(params=["file", "server"])
def kept(request: pytest.FixtureRequest, store: Store, server_url: str) -> Iterator[Store]:
    """A store of either kind."""
    if request.param == "file":
        yield store
        return
    opened = open_store(server_url)
    yield opened
    opened.close()


def questions(store: Store, *rows: dict[str, Any]) -> str:
    """The id of a dataset with these rows."""
    made = store.write_dataset("questions")
    store.write_rows(made.dataset_id, rows)
    return made.dataset_id


def all_rows(store: Store, dataset_id: str, filter_string: str | None = None, limit: int = 1000) -> list[StoredRow]:
    found: list[StoredRow] = []
    token = None
    while True:
        page = store.rows(dataset_id, filter=parse_row_filter(filter_string), limit=limit, page_token=token)
        assert len(page.rows) <= limit
        found += page.rows
        token = page.next_page_token
        if token is None:
            return found


def test_a_dataset_is_made_changed_and_read(kept: Store) -> None:
    made = kept.write_dataset("questions", tags={"team": "search", "old": "x"}, experiments=["Default"])
    again = kept.write_dataset("questions", tags={"old": None, "new": "y"})

    assert made.dataset_id == again.dataset_id == dataset_id_of("questions")
    assert (made.name, made.experiments, made.row_count) == ("questions", ["Default"], 0)
    assert (again.tags, again.experiments, again.created) == ({"team": "search", "new": "y"}, ["Default"], made.created)
    assert kept.datasets() == kept.datasets(dataset_id=made.dataset_id) == [again]
    assert kept.datasets(dataset_id="d-nothing") == []


def test_an_older_record_of_a_dataset_changes_nothing_that_is_newer(kept: Store) -> None:
    kept.write_dataset("questions", tags={"team": "search"})

    older = kept.write_dataset("questions", tags={"team": "ads", "more": "1"}, time=5)

    assert older.tags == {"team": "search", "more": "1"}


def test_rows_with_the_same_inputs_are_one(kept: Store) -> None:
    dataset_id = questions(kept)

    first = kept.write_rows(dataset_id, [
        {"inputs": {"q": 1, "k": [2]}, "expectations": {"answer": "A", "facts": ["f"]}, "tags": {"t": "1", "u": "2"}},
        {"inputs": {"q": 2}, "outputs": "B", "split": "test"},
    ])  # fmt: skip
    second = kept.write_rows(dataset_id, [
        {"inputs": {"k": [2], "q": 1}, "expectations": {"answer": "C", "facts": None}, "tags": {"u": None}},
        {"inputs": {"q": 2}, "outputs": "B"},
        {"inputs": {"q": 3}, "source": {"source_type": "DOCUMENT"}, "trace_id": "a" * 32},
        {"inputs": {"q": 3}, "tags": {"v": "3"}},
    ])  # fmt: skip

    assert (first, second) == ((2, 0), (1, 1))
    one, two, three = all_rows(kept, dataset_id)
    assert one.row_id == row_id_of({"q": 1, "k": [2]}) == row_id_of({"k": [2], "q": 1})
    assert (one.inputs, one.expectations, one.tags) == ({"q": 1, "k": [2]}, {"answer": "C"}, {"t": "1"})
    assert (two.outputs, two.split, two.created) == ("B", "test", two.updated)
    assert (three.source, three.trace_id, three.tags) == ({"source_type": "DOCUMENT"}, "a" * 32, {"v": "3"})
    assert kept.datasets()[0].row_count == 3


def test_an_older_record_of_a_row_only_fills_in_what_is_missing(kept: Store) -> None:
    dataset_id = questions(kept, {"inputs": 1, "outputs": "new", "expectations": {"a": 1}})

    kept.write_rows(dataset_id, [{"inputs": 1, "outputs": "old", "expectations": {"a": 0, "b": 2}, "time": 5}])

    [row] = all_rows(kept, dataset_id)
    assert (row.outputs, row.expectations) == ("new", {"a": 1, "b": 2})


def test_rows_come_in_pages_oldest_first(kept: Store) -> None:
    dataset_id = questions(kept, *({"inputs": number} for number in range(25)))

    page = kept.rows(dataset_id, limit=10)

    assert [row.inputs for row in page.rows] == list(range(10))
    assert [row.inputs for row in all_rows(kept, dataset_id, limit=10)] == list(range(25))
    assert kept.rows(dataset_id, limit=25).next_page_token is None
    with pytest.raises(InvalidArgumentError, match="page_token"):
        kept.rows(dataset_id, page_token="x")


@pytest.mark.parametrize(
    ("filter_string", "numbers"),
    [
        ("split = 'test'", [1]),
        ("tags.kind = 'hard' AND expectations.answer = 'B'", [2]),
        ("inputs.q > 1", [2, 3]),
        ("tags.number >= 5 AND tags.number < 6", [1]),
        ("inputs.nested.`deep` = 'x'", [3]),
        ("inputs CONTAINS 'DEEP'", [3]),
        ("outputs CONTAINS 'lisbon' OR trace_id IS NOT NULL", [1, 2]),
        ("text CONTAINS 'LISBON' OR text CONTAINS 'x'", [1, 3]),
        ("text CONTAINS 'q'", []),
        ("outputs.city IS NULL AND NOT tags.kind IN ('hard', 'easy')", [3]),
        ("created_time > '2026-01-01' AND last_update_time > 5", [1, 2, 3]),
    ],
)
def test_rows_are_found_by_a_filter(kept: Store, filter_string: str, numbers: list[int]) -> None:
    dataset_id = questions(
        kept,
        {"inputs": {"q": 1}, "split": "test", "outputs": {"city": "Lisbon"}, "tags": {"kind": "easy", "number": "5.5"}},
        {
            "inputs": {"q": 2},
            "expectations": {"answer": "B"},
            "tags": {"kind": "hard", "number": "0_5"},
            "trace_id": "a" * 32,
        },
        {"inputs": {"q": 3, "nested": {"deep": "x"}}, "tags": {"number": " 5 "}},
    )

    assert [row.inputs["q"] for row in all_rows(kept, dataset_id, filter_string)] == numbers


def test_a_filter_for_rows_names_their_fields(kept: Store) -> None:
    with pytest.raises(InvalidArgumentError, match=r"fields are id, split, .*tags\.<key>"):
        parse_row_filter("state = 'OK'")


def test_an_edited_row_has_what_it_was_given_and_keeps_its_place(kept: Store) -> None:
    row = {"inputs": {"q": 1}, "outputs": "A", "expectations": {"old": 1, "a": 1}, "tags": {"t": "1"}, "split": "test"}
    dataset_id = questions(kept, row, {"inputs": {"q": 2}})
    [before, other] = all_rows(kept, dataset_id)

    changes = {"inputs": {"q": "one"}, "expectations": {"a": 2}, "tags": None, "outputs": None}
    edited = kept.edit_row(dataset_id, before.row_id, changes, expected=before.updated)

    assert edited._replace(created=0, updated=0) == StoredRow(
        row_id_of({"q": "one"}), {"q": "one"}, None, {"a": 2}, {}, "test", None, None, 0, 0
    )
    assert (edited.created, edited.updated > before.updated) == (before.created, True)
    assert all_rows(kept, dataset_id) == [edited, other]
    assert kept.datasets()[0].updated >= edited.updated
    assert kept.edit_row(dataset_id, edited.row_id, {"split": "test"}) == edited


def test_an_edit_of_a_row_that_another_changed_meanwhile_is_told_and_changes_nothing(kept: Store) -> None:
    dataset_id = questions(kept, {"inputs": 1}, {"inputs": 2})
    [seen, _] = all_rows(kept, dataset_id)
    theirs = kept.edit_row(dataset_id, seen.row_id, {"expectations": {"answer": "theirs"}}, expected=seen.updated)

    with pytest.raises(ConflictError, match="changed meanwhile"):
        kept.edit_row(dataset_id, seen.row_id, {"expectations": {"answer": "mine"}}, expected=seen.updated)
    with pytest.raises(ConflictError, match="another row of the dataset has these inputs"):
        kept.edit_row(dataset_id, seen.row_id, {"inputs": 2})
    with pytest.raises(DatasetNotFoundError, match="no row 'r-none'"):
        kept.edit_row(dataset_id, "r-none", {"split": "test"})

    assert all_rows(kept, dataset_id)[0] == theirs


def test_rows_and_the_dataset_are_deleted(kept: Store) -> None:
    dataset_id = questions(kept, *({"inputs": number} for number in range(1200)))

    assert kept.delete_rows(dataset_id, [row_id_of(number) for number in range(1, 1200)] + ["r-none"]) == 1199
    assert [row.inputs for row in all_rows(kept, dataset_id)] == [0]
    kept.delete_dataset(dataset_id)
    kept.delete_dataset(dataset_id)

    assert kept.datasets() == []
    assert questions(kept) == dataset_id
    assert all_rows(kept, dataset_id) == []


def test_a_dataset_that_is_not_there_is_told(kept: Store) -> None:
    for ask in (
        lambda: kept.rows("d-none"),
        lambda: kept.write_rows("d-none", [{"inputs": 1}]),
        lambda: kept.delete_rows("d-none", ["r-1"]),
    ):
        with pytest.raises(DatasetNotFoundError, match="d-none"):
            ask()


def test_processes_that_add_at_once_make_one(kept: Store) -> None:
    def add(first: int) -> None:
        dataset_id = kept.write_dataset("questions").dataset_id
        for number in range(first, first + 20):
            kept.write_rows(dataset_id, [{"inputs": number, "tags": {f"by {first}": "x"}}])

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [dataset] = kept.datasets()
    found = all_rows(kept, dataset.dataset_id)
    assert sorted(row.inputs for row in found) == list(range(40))
    assert {row.inputs: len(row.tags) for row in found}[15] == 2


def test_a_picture_of_a_row_is_kept_when_its_trace_is_deleted(
    kept: Store, write: Callable[..., None], store: Store
) -> None:
    digest = hashlib.sha256(b"\0\0\0").hexdigest()
    picture = f"tracer-attachment:{digest};image/png;3"
    write(span(json={"tracer.inputs": {"image": picture}}),
          {"kind": "attachment", "id": digest, "mime": "image/png", "content": "AAAA"})  # fmt: skip
    dataset_id = questions(kept, {"inputs": {"image": picture}})

    kept.delete_traces(trace_ids=[TRACE_ID])
    had = kept.attachment(digest)
    edited = kept.edit_row(dataset_id, row_id_of({"image": picture}), {"inputs": 1, "outputs": picture})
    has = kept.attachment(digest)
    kept.edit_row(dataset_id, edited.row_id, {"outputs": None})

    assert had == has == ("image/png", b"\0\0\0")
    assert kept.attachment(digest) is None
    kept.write_rows(dataset_id, [{"inputs": {"image": picture}}])
    write({"kind": "attachment", "id": digest, "mime": "image/png", "content": "AAAA"})
    kept.delete_rows(dataset_id, [row_id_of({"image": picture})])
    assert kept.attachment(digest) is None


def test_rows_of_many_values_are_written(kept: Store) -> None:
    rows = [{"inputs": number, "outputs": [1] * 30_000} for number in range(20)]

    dataset_id = questions(kept, *rows)

    assert len(all_rows(kept, dataset_id)) == 20


def test_an_older_server_has_no_datasets(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    older = tuple(operation for operation in OPERATIONS if not operation.path.startswith("/datasets"))
    monkeypatch.setattr("tracer.server.app.OPERATIONS", older)
    with running_server(store_url) as url:
        remote = open_store(url)
        found = remote.datasets(), remote.datasets(dataset_id="d-1")
        for ask in (
            lambda: remote.write_dataset("questions"),
            lambda: remote.rows("d-1"),
            lambda: remote.write_rows("d-1", [{"inputs": 1}]),
        ):
            with pytest.raises(StoreError, match="is older than this tracer"):
                ask()
        remote.close()

    assert found == ([], [])


# --- the API


def test_a_row_of_a_trace_gets_what_the_trace_has(client: httpx.Client, write: Callable[..., None]) -> None:
    write(span(), {"kind": "assessment", "id": "a1", "trace_id": TRACE_ID, "name": "answer", "type": "expectation",
                   "value": "Porto", "time": 9})  # fmt: skip
    made = client.post("/datasets", json={"name": "questions"}).json()

    path = f"/datasets/{made['dataset_id']}/rows"
    written = client.post(path, json={"rows": [{"trace_id": TRACE_ID, "split": "test"}]}).json()

    assert written == {"added": 1, "changed": 0, "skipped": 0}
    [row] = client.get(path).json()["rows"]
    assert {name: row[name] for name in ("inputs", "outputs", "expectations", "trace_id", "split")} == {
        "inputs": {"question": "Where to?"}, "outputs": "Lisbon", "expectations": {"answer": "Porto"},
        "trace_id": TRACE_ID, "split": "test",
    }  # fmt: skip


def test_a_row_of_a_step_gets_what_the_step_has_and_names_it(client: httpx.Client, write: Callable[..., None]) -> None:
    tool = span(span_id="a" * 16, parent_id=ROOT_ID, name="find", json={"tracer.inputs": {"q": 7}})
    expected = {"kind": "assessment", "trace_id": TRACE_ID, "name": "answer", "type": "expectation", "time": 9}
    write(span(), tool, {**expected, "id": "a1", "value": "Porto"},
          {**expected, "id": "a2", "value": "Faro", "span_id": "a" * 16})  # fmt: skip
    path = f"/datasets/{client.post('/datasets', json={'name': 'questions'}).json()['dataset_id']}/rows"

    client.post(path, json={"rows": [{"trace_id": TRACE_ID, "span_id": "a" * 16}]}).raise_for_status()

    [row] = client.get(path).json()["rows"]
    named = {"trace_id": TRACE_ID, "span_id": "a" * 16, "name": "find"}
    assert (row["inputs"], row["expectations"], row["trace_id"]) == ({"q": 7}, {"answer": "Faro"}, TRACE_ID)
    assert row["source"] == {"source_type": "TRACE", "source_data": named}
    missing = client.post(path, json={"rows": [{"trace_id": TRACE_ID, "span_id": "b" * 16}]})
    assert (missing.status_code, "has no span 'bbbb" in missing.text) == (404, True)


def test_traces_without_inputs_are_skipped_where_that_is_asked_for(
    client: httpx.Client, write: Callable[..., None]
) -> None:
    empty = "b" * 32
    write(span(), span(trace_id=empty, json={}))
    path = f"/datasets/{client.post('/datasets', json={'name': 'questions'}).json()['dataset_id']}/rows"
    both = [{"trace_id": TRACE_ID}, {"trace_id": empty}]

    refused = client.post(path, json={"rows": both})
    taken = client.post(path, json={"rows": both, "skip_empty": True})

    assert (refused.status_code, "has no inputs" in refused.text) == (400, True)
    assert taken.json() == {"added": 1, "changed": 0, "skipped": 1}


def test_a_row_is_edited_and_a_conflict_is_a_409(client: httpx.Client) -> None:
    path = f"/datasets/{client.post('/datasets', json={'name': 'questions'}).json()['dataset_id']}/rows"
    client.post(path, json={"rows": [{"inputs": {"q": 1}}]})
    [row] = client.get(path).json()["rows"]
    place = f"{path}/{row['row_id']}"

    mine = {"expectations": {"a": KEY}, "expected_updated_ns": row["updated_ns"]}
    edited = client.patch(place, json=mine).json()
    again = client.patch(place, json=mine)

    assert KEY[-20:] not in repr(edited)
    assert list(edited["expectations"]) == ["a"]
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    for body, message in (
        ({}, "expected a dict with some of inputs"),
        ({"inputs": None}, "has no inputs"),
        ({"expectations": "Paris"}, "row.expectations: got 'Paris'"),
        ({"split": "x", "expected_updated_ns": "1"}, "expected_updated_ns is '1'"),
    ):
        answer = client.patch(place, json=body)
        assert (answer.status_code, message in answer.text) == (400, True), answer.text
    assert client.patch(f"{path}/r-none", json={"split": "x"}).status_code == 404


def test_a_conversation_that_others_recorded_makes_a_row(client: httpx.Client, write: Callable[..., None]) -> None:
    write(chat(parent_id=None, json={
        "gen_ai.input.messages": [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "uri", "uri": "https://x/y.png", "modality": "image"}]},
        ],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Lisbon"}]}],
    }))  # fmt: skip
    made = client.post("/datasets", json={"name": "questions"}).json()

    path = f"/datasets/{made['dataset_id']}/rows"
    client.post(path, json={"rows": [{"trace_id": TRACE_ID}]})

    [row] = client.get(path).json()["rows"]
    assert row["outputs"] == "Lisbon"
    assert row["inputs"] == {"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "parts": [{"type": "uri", "uri": "https://x/y.png", "modality": "image"}]},
    ]}  # fmt: skip


def test_large_rows_come_in_small_pages(kept: Store) -> None:
    dataset_id = questions(kept, *({"inputs": number, "outputs": "x" * 2_000_000} for number in range(5)))

    page = kept.rows(dataset_id)

    assert len(page.rows) == 3
    assert [row.inputs for row in all_rows(kept, dataset_id)] == list(range(5))


def test_secrets_in_rows_are_not_kept(client: httpx.Client, store: Store) -> None:
    made = client.post("/datasets", json={"name": "questions", "tags": {"key": KEY}}).json()
    client.post(f"/datasets/{made['dataset_id']}/rows", json={"rows": [
        {"inputs": {"q": KEY}, "outputs": KEY, "expectations": {"a": KEY}, "tags": {"t": KEY}, "source": {"s": KEY}}
    ]})  # fmt: skip

    assert KEY[-20:] not in repr([store.datasets(), all_rows(store, made["dataset_id"])])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("", {}, "name is missing"),
        ("", {"name": " "}, "name is missing"),
        ("", {"name": "x", "tags": {"a": 1}}, "tags is no object of texts"),
        ("", {"name": "x", "experiments": "Default"}, "experiments is no list"),
        ("", {"name": "x", "time": -1}, "time is -1"),
        ("/rows", {}, "rows is no list"),
        ("/rows", {"rows": [1]}, "rows[0]: got 1, expected a dict"),
        ("/rows", {"rows": [{"question": 1}]}, "rows[0]: has 'question'; a row may have inputs"),
        ("/rows", {"rows": [{"outputs": 1}]}, "rows[0]: has no inputs"),
        ("/rows", {"rows": [{"inputs": 1, "expectations": "Paris"}]}, "rows[0].expectations: got 'Paris'"),
        ("/rows", {"rows": [{"inputs": 1, "tags": {"a": 1}}]}, "rows[0].tags: 'a' is 1, expected a text"),
        ("/rows", {"rows": [{"inputs": 1, "split": 2}]}, "rows[0].split: got 2"),
        ("/rows", {"rows": [{"inputs": 1, "time": 2**63}]}, "rows[0].time: got"),
        ("/rows", {"rows": [{"inputs": 1}] * 1001}, "1001 rows"),
        ("/rows/delete", {"row_ids": "r-1"}, "row_ids is no list"),
    ],
)
def test_bad_bodies_are_refused(client: httpx.Client, path: str, body: dict[str, Any], message: str) -> None:
    dataset_id = client.post("/datasets", json={"name": "x"}).json()["dataset_id"]

    answer = client.post(f"/datasets/{dataset_id}{path}" if path else "/datasets", json=body)

    assert (answer.status_code, message in answer.json()["error"]["message"]) == (400, True), answer.text


def test_what_is_not_there_is_a_404(client: httpx.Client) -> None:
    dataset_id = client.post("/datasets", json={"name": "x"}).json()["dataset_id"]

    assert client.get("/datasets/d-none").status_code == 404
    assert client.get("/datasets/d-none/rows").status_code == 404
    missing = client.post(f"/datasets/{dataset_id}/rows", json={"rows": [{"trace_id": "a" * 32}]})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
