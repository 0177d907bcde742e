"""`tracer dataset`: datasets are listed, shown, filled, written, read and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.cli.conftest import TRACE_ID, Ran, span

Command = Callable[..., Ran]
Write = Callable[..., None]
ASKED: dict[str, Any] = {"json": {"tracer.inputs": {"question": "Where to?"}, "tracer.outputs": "Lisbon"}}


@pytest.fixture
def questions(store_url: str) -> tracer.genai.EvaluationDataset:
    """A dataset with two rows."""
    dataset = tracer.genai.create_dataset("questions", tags={"team": "search"})
    dataset.add([
        {"inputs": {"question": "Where to?"}, "expectations": {"answer": "Porto"}, "split": "test"},
        {"inputs": {"a": 1, "b": [2]}, "outputs": "x", "tags": {"kind": "hard"}},
    ])  # fmt: skip
    return dataset


def test_datasets_are_listed(tracer_command: Command, questions: object) -> None:
    tracer.genai.create_dataset("other")

    listed = tracer_command("dataset", "list")
    as_json = tracer_command("dataset", "list", "--json")

    assert [line.split()[0] for line in listed.lines] == ["NAME", "other", "questions"]
    assert listed.lines[2].split()[1] == "2"
    assert listed.lines[2].endswith("team=search")
    shape = json.loads(as_json.lines[1])
    assert (shape["name"], shape["rows"], shape["tags"]) == ("questions", 2, {"team": "search"})


def test_rows_are_shown(tracer_command: Command, questions: tracer.genai.EvaluationDataset) -> None:
    first, second = questions.records

    shown = tracer_command("dataset", "show", "questions")
    some = tracer_command("dataset", "show", "questions", "--filter", "split = 'test'", "--json")
    one = tracer_command("dataset", "show", "questions", "--limit", "1")

    assert shown.lines[1:] == [
        f"{first.id}  test      Where to?  →  answer: Porto",
        f'{second.id}            {{"a":1,"b":[2]}}',
    ]
    assert [json.loads(line) for line in some.lines] == [
        {"id": first.id, "inputs": {"question": "Where to?"}, "expectations": {"answer": "Porto"}, "split": "test"}
    ]
    assert (len(one.lines), one.err) == (2, "There are more than 1 row: --limit shows them.\n")


def test_what_rows_say_is_shown_and_not_obeyed(tracer_command: Command, questions: object) -> None:
    tracer.genai.create_dataset("a\x1b[31m").add({"inputs": "b\x1b[31m\n", "split": "c\x1b", "tags": {"\x1b": "\x1b"}})

    outputs = [
        tracer_command("dataset", "show", "a\x1b[31m").out,
        tracer_command("dataset", "list").out,
        tracer_command("dataset", "delete", "a\x1b[31m", "--yes").err,
    ]

    assert "\x1b" not in "".join(outputs)


def test_a_dataset_is_made_and_filled_from_traces(tracer_command: Command, write: Write) -> None:
    write(span("agent", **ASKED), span("nothing", trace_id="b" * 32))

    made = tracer_command("dataset", "create", "questions", "--tag", "team=a=b")
    by_id = tracer_command("dataset", "add", "questions", TRACE_ID[:6], "--split", "test", "--tag", "kind=hard")
    by_filter = tracer_command("dataset", "add", "questions", "--filter", "timestamp > 0")

    assert made.err.startswith("'questions' is in ")
    assert by_id.err == "added 1 row, changed 0\n"
    assert by_filter.err == "added 0 rows, changed 0, 1 trace without inputs left out\n"
    dataset = tracer.genai.get_dataset("questions")
    [row] = dataset.records
    assert (row.inputs, row.trace_id, row.split, row.tags, dataset.tags) == (
        {"question": "Where to?"}, TRACE_ID, "test", {"kind": "hard"}, {"team": "a=b"},
    )  # fmt: skip


def test_rows_go_to_a_file_and_back(
    tracer_command: Command, questions: tracer.genai.EvaluationDataset, tmp_path: Path
) -> None:
    file, other, before = tmp_path / "questions.jsonl", str(tmp_path / "other.db"), questions.records

    exported = tracer_command("dataset", "export", "questions", "-o", str(file))
    part = tracer_command("dataset", "export", "questions", "--filter", "tags.kind = 'hard'")
    imported = tracer_command("dataset", "import", "copy", str(file), "--split", "new", "--store", other)
    again = tracer_command("dataset", "import", "copy", str(file), "--store", other)

    assert exported.err == f"wrote 2 rows to {file}\n"
    assert len(part.lines) == 1
    assert imported.err == f"added 2 rows to 'copy' in {other}, changed 0\n"
    assert again.err == f"added 0 rows to 'copy' in {other}, changed 0\n"
    tracer.configure(store=other)
    after = tracer.genai.get_dataset("copy").records
    assert [(row.id, row.inputs, row.outputs, row.expectations, row.tags) for row in before] == [
        (row.id, row.inputs, row.outputs, row.expectations, row.tags) for row in after
    ]
    assert [row.split for row in after] == ["test", "new"]


def test_rows_and_datasets_are_deleted(tracer_command: Command, questions: tracer.genai.EvaluationDataset) -> None:
    some = tracer_command("dataset", "delete", "questions", "--filter", "split = 'test'", "--yes")
    asked = tracer_command("dataset", "delete", "questions")
    left = len(questions)
    whole = tracer_command("dataset", "delete", "questions", "--yes")

    assert some.err == "deleted 1 row\n"
    assert (asked.code, left) == (1, 1)
    assert "Delete 'questions' with 1 row?" in asked.err
    assert whole.err == "deleted 1 row\n"
    assert tracer.genai.search_datasets() == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ('{"question": 1}', "line 2: has 'question'; a row may have inputs"),
        ('{"inputs": 1, "expectations": 2}', "line 2.expectations: got 2"),
        ("[]", "line 2: got [], expected a dict with inputs"),
    ],
)
def test_a_bad_line_is_named(tracer_command: Command, tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(f"\n{line}\n")

    ran = tracer_command("dataset", "import", "questions", str(file))

    assert ran.code == 2
    assert message in " ".join(ran.err.split())


def test_bad_usage_is_told(tracer_command: Command, questions: object, tmp_path: Path) -> None:
    nothing = tracer_command("dataset", "list", "--store", str(tmp_path / "none.db"))
    unknown = tracer_command("dataset", "show", "question")
    neither = tracer_command("dataset", "add", "questions")
    tag = tracer_command("dataset", "create", "questions", "--tag", "x")
    file = tracer_command("dataset", "import", "questions", str(tmp_path / "none.jsonl"))

    assert (nothing.code, nothing.err.startswith("Error: no datasets yet")) == (1, True)
    assert not (tmp_path / "none.db").exists()
    assert (unknown.code, "which has 'questions'" in unknown.err) == (1, True)
    assert (neither.code, "give either trace ids or --filter" in neither.err) == (2, True)
    assert (tag.code, "expected KEY=VALUE" in tag.err) == (2, True)
    assert (file.code, "no such file" in file.err) == (2, True)


def test_datasets_travel_with_all_traces(tracer_command: Command, write: Write, tmp_path: Path) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 400
    write(span("agent", **ASKED))
    dataset = tracer.genai.create_dataset("questions", tags={"team": "search"})
    dataset.add({"inputs": {"q": number, "image_url": picture}, "expectations": {"a": 1}} for number in range(450))
    file, other, before = tmp_path / "all.jsonl", str(tmp_path / "other.db"), dataset.records

    exported = tracer_command("export", "-o", str(file))
    imported = tracer_command("import", str(file), "--store", other)
    again = tracer_command("import", str(file), "--store", other)

    assert exported.err == f"wrote 1 trace and 1 dataset to {file}\n"
    assert imported.err == f"read 1 span of 1 trace into {other}, and 1 dataset\n"
    assert again.code == 0
    assert all("resourceSpans" in json.loads(line) for line in file.read_text().splitlines())
    tracer.configure(store=other)
    copy = tracer.genai.get_dataset("questions")
    assert (len(copy), copy.tags, copy.dataset_id) == (450, {"team": "search"}, dataset.dataset_id)
    assert [(row.id, row.inputs, row.expectations) for row in copy.rows()] == [
        (row.id, row.inputs, row.expectations) for row in before
    ]


def test_an_import_keeps_what_has_changed_since_the_export(tracer_command: Command, tmp_path: Path) -> None:
    file = str(tmp_path / "all.jsonl")
    dataset = tracer.genai.create_dataset("questions", tags={"team": "a"})
    dataset.add({"inputs": 1, "expectations": {"answer": "old"}})
    tracer_command("export", "-o", file)
    tracer.genai.create_dataset("questions", tags={"team": "b"})
    dataset.add({"inputs": 1, "expectations": {"answer": "new"}})

    assert tracer_command("import", file).code == 0

    assert tracer.genai.get_dataset("questions").tags == {"team": "b"}
    assert dataset.records[0].expectations == {"answer": "new"}


def described_queues() -> list[tuple[object, ...]]:
    queues = tracer.genai.search_review_queues()
    return [(each.name, each.filter_string, each.scores, each.reviewers, each.guidance) for each in queues]


def test_review_queues_travel_with_all_traces_and_stay_as_they_are_by_now(
    tracer_command: Command, tmp_path: Path
) -> None:
    file, other = str(tmp_path / "all.jsonl"), str(tmp_path / "other.db")
    scores = [{"name": "correct"}, {"name": "fault", "choices": ["none", "too long"]}]
    tracer.genai.create_review_queue(
        "answers", filter_string="state = 'OK'", scores=scores, reviewers=2, guidance="Be strict."
    )
    tracer.genai.create_review_queue("later", scores=scores)
    before = described_queues()

    assert tracer_command("export", "-o", file).code == 0
    tracer.genai.create_review_queue("answers", scores=["correct"])
    assert tracer_command("import", file).code == 0
    assert len(tracer.genai.get_review_queue("answers").scores) == 1
    imported = tracer_command("import", file, "--store", other)

    assert imported.err == f"read 0 spans of 0 traces into {other}, and 2 review queues\n"
    tracer.configure(store=other)
    assert described_queues() == before


def test_a_line_with_a_broken_dataset_is_named(tracer_command: Command, tmp_path: Path) -> None:
    record = json.dumps([{"kind": "dataset", "name": "", "rows": []}])
    attribute = {"key": "tracer.trace.records", "value": {"stringValue": record}}
    file = tmp_path / "broken.jsonl"
    file.write_text(json.dumps({"resourceSpans": [{"resource": {"attributes": [attribute]}, "scopeSpans": []}]}))

    ran = tracer_command("import", str(file))

    assert ran.code == 2
    assert "line 1: name is missing" in ran.err
