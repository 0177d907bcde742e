"""Datasets through the public door: made, filled from traces, rows and tables, searched, deleted."""

from __future__ import annotations

import multiprocessing
import tracemalloc
from typing import Any

import pytest

import tracer
from tracer.errors import DatasetNotFoundError, FilterSyntaxError, InvalidArgumentError, TraceNotFoundError
from tracer.genai import EvaluationDataset, datasets

KEY = "sk-" + "proj-" + "Zq3v9XkT7mB1nW5yR8cL2dF6gH4jP0sA"


@tracer.trace
def answer(question: str) -> str:
    return f"{question}!"


def traced(question: str) -> str:
    answer(question)
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    return trace_id


def test_a_dataset_is_made_found_and_deleted(kept: None) -> None:
    made = tracer.genai.create_dataset("questions", tags={"team": "search", "number": 1})
    again = tracer.genai.create_dataset("questions", tags={"more": "x"})
    found = tracer.genai.get_dataset("questions")

    assert made.tags == {"team": "search", "number": "1"}
    assert again.tags == found.tags == {"team": "search", "number": "1", "more": "x"}
    assert made.dataset_id == again.dataset_id == tracer.genai.get_dataset(dataset_id=made.dataset_id).dataset_id
    assert (found.name, found.experiment_ids, len(found), bool(found)) == ("questions", ["0"], 0, True)
    datasets.set_dataset_tags(found.dataset_id, {"team": None, "number": "2"})
    datasets.delete_dataset_tag(found.dataset_id, "more")
    assert tracer.genai.get_dataset("questions").tags == {"number": "2"}
    datasets.delete_dataset("questions")
    with pytest.raises(DatasetNotFoundError, match="no dataset 'questions' in the store, which has none"):
        tracer.genai.get_dataset("questions")
    with pytest.raises(DatasetNotFoundError):
        list(found)


def test_datasets_are_searched(kept: None) -> None:
    tracer.set_experiment("other")
    tracer.genai.create_dataset("qa hard", tags={"team": "search"})
    tracer.genai.create_dataset("qa easy", experiment_id=["0"], tags={"team": "ads"})
    tracer.genai.create_dataset("chat", experiment_id="0")

    def names(*args: Any, **kwargs: Any) -> list[str]:
        return [dataset.name for dataset in tracer.genai.search_datasets(*args, **kwargs)]

    assert names() == ["chat", "qa easy", "qa hard"]
    assert names("name LIKE 'qa%' AND tags.team = 'search'") == ["qa hard"]
    assert names(experiment_ids=["other"]) == ["qa hard"]
    assert names(experiment_ids="0", order_by=["name DESC"], max_results=1) == ["qa easy"]
    assert names("created_time > 5 AND last_update_time > '2026-01-01'", order_by=["created_time"])[0] == "qa hard"
    with pytest.raises(FilterSyntaxError, match="fields are name, dataset_id"):
        names("split = 'x'")
    with pytest.raises(InvalidArgumentError, match="order_by: got 'nothing'"):
        names(order_by=["nothing"])
    with pytest.raises(InvalidArgumentError, match="experiment_id"):
        names(experiment_ids=["none"])


def test_a_trace_gives_inputs_outputs_and_expectations(kept: None) -> None:
    trace_id = traced("Where to")
    trace = tracer.get_trace(trace_id)
    tracer.log_expectation(trace_id=trace_id, name="answer", value="Porto")
    tracer.log_expectation(trace_id=trace_id, name="answer", value="Lisbon")
    tracer.log_feedback(trace_id=trace_id, name="good", value=False)
    tracer.set_trace_tag(trace_id, "env", "prod")
    dataset = tracer.genai.create_dataset("questions")

    added = dataset.add(trace, split="test", tags={"kind": "bad"})

    assert added == (1, 0, 0)
    [row] = dataset.records
    assert (row.inputs, row.outputs, row.expectations) == (
        {"question": "Where to"}, "Where to!", {"answer": "Lisbon"},
    )  # fmt: skip
    assert (row.tags, row.split, row.trace_id) == ({"kind": "bad"}, "test", trace_id)


def test_traces_are_added_in_every_form(kept: None) -> None:
    first, second, third, fourth = map(traced, "abcd")
    other = tracer.get_trace(first).to_json()  # type: ignore[union-attr]
    tracer.delete_traces([first])
    dataset = tracer.genai.create_dataset("questions")

    dataset.add(tracer.Trace.from_json(other))
    dataset.add([tracer.get_trace(second), f"tr-{third}"])
    tracer.log_expectation(trace_id=fourth, name="tone", value="kind")
    dataset.add({"trace": fourth, "expectations": {"answer": "D"}})
    dataset.add({"trace_id": fourth})
    dataset.add(tracer.search_traces())
    dataset.add(tracer.search_traces().to_pandas())

    assert [row.inputs["question"] for row in dataset.rows()] == ["a", "b", "c", "d"]
    assert [row.trace_id for row in dataset.rows()] == [first, second, third, fourth]
    assert dataset.records[3].expectations == {"tone": "kind", "answer": "D"}


def test_traces_are_added_by_a_filter_oldest_first(kept: None) -> None:
    for question in "abc":
        traced(question)
    with tracer.start_span("nothing asked"):
        pass
    dataset = tracer.genai.create_dataset("questions")

    added = dataset.add(filter_string="name IN ('answer', 'nothing asked') AND NOT text CONTAINS 'b!'", split="train")

    assert added == (2, 0, 1)
    assert [(row.inputs["question"], row.split) for row in dataset.rows()] == [("a", "train"), ("c", "train")]


def test_rows_with_the_same_inputs_are_merged(kept: None) -> None:
    dataset = tracer.genai.create_dataset("questions")

    first = dataset.add([{"inputs": {"q": 1}, "expectations": {"answer": "A", "facts": ["f"]}, "tags": {"n": 1}}])
    same = dataset.add([{"inputs": {"q": 1}, "expectations": {"answer": "A"}}] * 2)
    more = dataset.add({"inputs": {"q": 1}, "expectations": {"answer": "B", "facts": None}, "split": "test"})

    assert (first, same, more) == ((1, 0, 0), (0, 0, 0), (0, 1, 0))
    [row] = dataset.records
    assert (row.expectations, row.tags, row.split) == ({"answer": "B"}, {"n": "1"}, "test")


def test_a_table_gives_rows(kept: None) -> None:
    pandas = pytest.importorskip("pandas")
    dataset = tracer.genai.create_dataset("questions")

    dataset.add(
        pandas.DataFrame({"inputs": [{"q": 1}, {"q": 2}], "expectations": [{"a": 1}, None], "split": ["x", None]})
    )

    assert [(row.inputs, row.expectations, row.split) for row in dataset.rows()] == [
        ({"q": 1}, {"a": 1}, "x"), ({"q": 2}, {}, None),
    ]  # fmt: skip
    frame = dataset.to_df()
    assert list(frame["inputs"]) == [{"q": 1}, {"q": 2}]
    assert tracer.genai.create_dataset("copy").add(frame) == (2, 0, 0)


def test_a_dataset_is_copied_with_all_that_its_rows_have(kept: None) -> None:
    first = tracer.genai.create_dataset("first")
    first.add({"inputs": 1, "outputs": 2, "expectations": {"a": 3}, "tags": {"t": "4"}, "split": "5"})
    second = tracer.genai.create_dataset("second")

    second.add(first)

    [one], [other] = first.records, second.records
    assert {**one.to_dict(), "created_time": 0, "last_update_time": 0} == {
        **other.to_dict(), "created_time": 0, "last_update_time": 0,
    }  # fmt: skip


def test_iterated_it_gives_rows_to_evaluate(kept: None) -> None:
    dataset = tracer.genai.create_dataset("questions")
    dataset.add({"inputs": {"q": 1}, "outputs": "kept", "expectations": {"answer": "A"}, "tags": {"kind": "hard"}})

    rows = list(dataset)

    assert rows == [
        {"inputs": {"q": 1}, "expectations": {"answer": "A"}, "tags": {"kind": "hard"}, "id": dataset.records[0].id}
    ]


def test_a_part_is_searched_counted_and_deleted(kept: None) -> None:
    dataset = tracer.genai.create_dataset("questions")
    dataset.add([{"inputs": {"q": number}, "split": "test" if number % 2 else "train"} for number in range(10)])

    part = dataset.search("split = 'test'").search("inputs.q > 3")

    assert (len(dataset), len(part)) == (10, 3)
    assert [row["inputs"]["q"] for row in part] == [5, 7, 9]
    assert part.delete(filter_string="inputs.q = 9") == 1
    assert dataset.delete(part.rows()) == 2
    assert dataset.delete([dataset.records[0].id]) == dataset.delete(dataset.records[0]) == 1
    assert dataset.delete_records(["r-none"]) == 0
    assert [row["inputs"]["q"] for row in dataset] == [2, 3, 4, 6, 8]
    with pytest.raises(FilterSyntaxError, match="fields are id, split"):
        dataset.search("state = 'OK'")


def test_the_same_names_as_elsewhere_work(kept: None) -> None:
    dataset = tracer.genai.datasets.create_dataset(name="questions", experiment_id="0", tags={"a": "b"})

    result = dataset.merge_records([
        {"inputs": {"q": 1}, "expectations": {"answer": "A"},
         "source": {"source_type": "HUMAN", "source_data": {"user": "ann"}}},
        {"inputs": {"q": 2}, "source": {"source_type": "TRACE", "source_data": {"trace_id": "a" * 32}}},
    ])  # fmt: skip

    assert result is dataset
    assert isinstance(tracer.genai.datasets.get_dataset(dataset_id=dataset.dataset_id), EvaluationDataset)
    one, two = dataset.records
    assert (one.source, two.trace_id) == ({"source_type": "HUMAN", "source_data": {"user": "ann"}}, "a" * 32)
    assert one.dataset_record_id == one.id
    pytest.importorskip("pandas")
    assert dataset.delete_records(dataset.to_df()["dataset_record_id"].tolist()) == 2


def test_secrets_in_rows_are_not_kept(kept: None) -> None:
    tracer.configure(redact=r"customer-\d+")
    dataset = tracer.genai.create_dataset("questions", tags={"t": KEY})

    dataset.add({"inputs": {"q": KEY}, "outputs": "customer-77", "expectations": {"a": KEY}, "tags": {"t": KEY}})
    dataset.add({"inputs": {"q": KEY}})

    [row] = dataset.records
    assert KEY[-20:] not in repr((row, tracer.genai.get_dataset("questions").tags))
    assert "customer-77" not in repr(row)


def test_values_of_any_kind_become_json(kept: None) -> None:
    dataset = tracer.genai.create_dataset("questions")

    dataset.add({"inputs": {"when": 2**70, "who": {"ann"}, "half": "\ud800", 1: None}, "outputs": object()})
    dataset.add({"inputs": "text"})

    assert len(dataset) == 2
    assert dataset.records[0].inputs["who"] == ["ann"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "takes either rows or traces, or filter_string="),
        (5, "data: got int, expected dicts with inputs"),
        (b"x", "data: got bytes"),
        ("name = 'x'", "data: got \"name = 'x'\", expected the id of a trace. For .* write filter_string="),
        ([1], r"data\[0\]: got 1, expected a dict with inputs, a trace or its id"),
        ([{"question": "x"}], r"data\[0\]: has 'question'; a row may have inputs, outputs"),
        ([{"inputs": 1}, {"outputs": "x"}], r"data\[1\]: has no inputs"),
        ([{"inputs": 1, "expectations": "Paris"}], r"data\[0\].expectations: got 'Paris', expected a dict"),
        ([{"inputs": 1, "tags": ["x"]}], r"data\[0\].tags: got \['x'\], expected a dict"),
        ([{"inputs": 1, "tags": {"": "x"}}], r"data\[0\].tags: the key '' is no text"),
        ([{"inputs": 1, "split": 3}], r"data\[0\].split: got 3, expected a text"),
        ([{"inputs": 1, "trace": 3}], r"data\[0\].trace: got 3, expected a trace or its id"),
        ([{"inputs": "x" * 3_000_001}], r"data\[0\]: has 3,000,\d+ bytes as JSON, expected at most 3,000,000"),
    ],
)
def test_bad_rows_are_refused(store_url: str, data: object, message: str) -> None:
    dataset = tracer.genai.create_dataset("questions")

    with pytest.raises(InvalidArgumentError, match=message):
        dataset.add(data)
    assert len(dataset) == 0


def test_other_bad_input_is_refused(store_url: str) -> None:
    dataset = tracer.genai.create_dataset("questions")

    for wrong in (None, "", " ", 3, "x" * 251):
        with pytest.raises(InvalidArgumentError, match="name: "):
            tracer.genai.create_dataset(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="tags: got"):
        tracer.genai.create_dataset("x", tags="y")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="experiment_id: got 'none'"):
        tracer.genai.create_dataset("x", experiment_id="none")
    with pytest.raises(TraceNotFoundError, match="no trace 'aaaa"):
        dataset.add("a" * 32)
    with pytest.raises(InvalidArgumentError, match=r"delete\(\) takes either rows"):
        dataset.delete()
    with pytest.raises(InvalidArgumentError, match="rows: got 3, expected the id of a row"):
        dataset.delete([3])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="either its name or dataset_id="):
        tracer.genai.get_dataset()


def test_rows_before_a_bad_one_are_counted(store_url: str) -> None:
    dataset = tracer.genai.create_dataset("questions")

    with pytest.raises(InvalidArgumentError, match=r"data\[1000\]: got None.* 500 rows before it were taken in"):
        dataset.add([*({"inputs": number} for number in range(1000)), None])
    assert len(dataset) == 500


def test_it_works_while_recording_is_off(store_url: str) -> None:
    tracer.disable()

    tracer.genai.create_dataset("questions").add({"inputs": 1})

    assert len(tracer.genai.get_dataset("questions")) == 1


def _add_from_another_process(url: str, first: int) -> None:
    tracer.set_tracking_uri(url)
    dataset = tracer.genai.create_dataset("questions")
    dataset.add({"inputs": number, "tags": {str(first): "x"}} for number in range(first, first + 200))


def test_several_processes_fill_one_dataset(store_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_from_another_process, args=(store_url, first)) for first in (0, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    dataset = tracer.genai.get_dataset("questions")
    assert sorted(row["inputs"] for row in dataset) == list(range(300))
    assert sum(len(row["tags"]) for row in dataset) == 400


def test_many_rows_are_added_and_read_in_bounded_memory(store_url: str) -> None:
    dataset = tracer.genai.create_dataset("questions")
    dataset.add({"inputs": 0})
    tracemalloc.start()

    dataset.add({"inputs": {"q": number, "text": "x" * 2000}} for number in range(10_000))
    count = sum(1 for _ in dataset)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 10_001
    assert peak < 12_000_000  # the rows together are 20 MB


def test_pictures_come_back_as_they_were(kept: None) -> None:
    content = "iVBORw0KGgo" * 400
    url = f"data:image/png;base64,{content}"

    @tracer.trace
    def look(messages: list[Any]) -> str:
        return "a cat"

    messages = [{"type": "image_url", "image_url": {"url": url}}, {"type": "audio", "data": content}]
    look(messages)
    dataset = tracer.genai.create_dataset("pictures")

    first = dataset.add(filter_string="name = 'look'")
    by_hand = dataset.add({"inputs": {"messages": messages}})
    tracer.delete_traces(filter_string="name = 'look'")

    assert (first, by_hand) == ((1, 0, 0), (0, 0, 0))
    assert dataset.records[0].inputs == {"messages": messages}
    assert tracer.genai.create_dataset("copy").add(dataset) == (1, 0, 0)
