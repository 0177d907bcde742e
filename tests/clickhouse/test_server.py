"""Servers of tracer on one ClickHouse: what one takes in, the other shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

import tracer
from tests.clickhouse.faults import server_process
from tests.store.records import found, span
from tracer.server import running_server
from tracer.store import Store
from tracer.store.datasets import dataset_id_of

Opener = Callable[[str], Store]


@pytest.fixture
def server_urls(url: str) -> Iterator[tuple[str, str]]:
    """Two servers on one database."""
    with running_server(url) as one, running_server(url) as other:
        yield one, other


def test_what_one_server_takes_in_the_other_shows(server_urls: tuple[str, str], opened: Opener) -> None:
    one, other = map(opened, server_urls)
    one.append([span("a" * 32, "b" * 16, json={"tracer.inputs": "omega"}, model="gpt-4o", usage=(3, 4))], owner="o")
    one.append([span("a" * 32, "b" * 16)], owner="o")

    stored = other.trace("a" * 32)
    assert stored is not None
    assert stored.row.usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert found(other, "text = 'omega' AND tokens > 6") == ["a" * 32]
    assert [(row.group, row.calls) for row in other.statistics()] == [("gpt-4o", 1)]
    assert other.delete_traces(trace_ids=["a" * 32]) == 1
    assert found(one) == []


def test_the_routes_of_the_page_answer(server_urls: tuple[str, str], opened: Opener) -> None:
    one, other = server_urls
    opened(one).append([span("a" * 32, "b" * 16, model="gpt-4o", usage=(3, 4))])

    for path in (
        "/api/v1/traces", "/api/v1/statistics", "/api/v1/sessions", "/api/v1/experiments", "/api/v1/versions",
        "/api/v1/server", f"/api/v1/traces/{'a' * 32}", "/api/v1/traces/facets?fields=model,tags.a",
        "/api/v1/traces/histogram", "/api/v1/changes", "/api/v1/datasets",
    ):  # fmt: skip
        answer = httpx.get(other + path)
        assert answer.status_code == 200, (path, answer.text)
        assert "ss%2Fword" not in answer.text


def test_a_program_writes_to_clickhouse_itself(url: str) -> None:
    tracer.configure(store=url)

    @tracer.trace
    def double(x: int) -> int:
        return 2 * x

    assert double(4) == 8

    trace = tracer.get_trace(tracer.get_last_active_trace_id() or "")
    assert trace is not None
    assert (trace.data.spans[0].inputs, trace.data.spans[0].outputs) == ({"x": 4}, 8)
    tracer.set_trace_tag(trace.info.trace_id, "env", "test")
    tracer.log_feedback(trace_id=trace.info.trace_id, name="good", value=True)
    again = tracer.search_traces("tags.env = 'test' AND feedback.good = true")
    assert [each.info.trace_id for each in again] == [trace.info.trace_id]


def test_a_server_that_is_killed_while_it_takes_records_in_loses_nothing_and_doubles_nothing(
    url: str, opened: Opener
) -> None:
    opened(url).count_traces()
    batches = [[span(f"{n:032x}", f"{k:016x}", usage=(1, 1), model="m") for k in range(20)] for n in range(1, 13)]
    with server_process(url) as (doomed, first), running_server(url) as second:
        one, other = opened(first), opened(second)
        for number, batch in enumerate(batches):
            if number == 6:
                doomed.kill()
                doomed.wait(30)
            try:
                one.append(batch, owner="o")
            except tracer.errors.StoreError:
                other.append(batch, owner="o")
            if number % 3 == 0:
                other.append(batch[:7], owner="o")

        assert other.count_traces() == 12
        assert [(row.calls, row.input_tokens) for row in other.statistics()] == [(240, 240)]


def test_a_dataset_written_through_one_server_is_read_through_the_other(
    server_urls: tuple[str, str], opened: Opener
) -> None:
    one, other = map(opened, server_urls)
    one.write_dataset("questions", tags={"team": "search"})
    written = one.write_rows(dataset_id_of("questions"), [{"inputs": {"q": n}} for n in range(5)])

    assert (written.added, written.changed) == (5, 0)
    page = other.rows(dataset_id_of("questions"), limit=3)
    assert [row.inputs["q"] for row in page.rows] == [0, 1, 2]
    rest = other.rows(dataset_id_of("questions"), page_token=page.next_page_token)
    assert [row.inputs["q"] for row in rest.rows] == [3, 4]
    assert one.delete_rows(dataset_id_of("questions"), [page.rows[0].row_id, "none"]) == 1
    assert [each.row_count for each in other.datasets()] == [4]
    other.delete_dataset(dataset_id_of("questions"))
    assert one.datasets() == []
