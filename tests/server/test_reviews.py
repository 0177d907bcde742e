"""Review queues in a store: in a file, and through a server, both answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.server.conftest import SECOND, START, span
from tracer.errors import FilterSyntaxError, InvalidArgumentError, StoreError
from tracer.server import running_server
from tracer.server.operations import OPERATIONS
from tracer.store import Store, StoredQueue, TraceQuery, open_store
from tracer.store.filter import Expression, parse_filter, parse_order
from tracer.store.reviews import checked_queue, in_queue, left_for, queue_id_of, reviewed, reviewed_by

pytestmark = pytest.mark.no_store
KEY = "sk-" + "proj-" + "Zq3v9XkT7mB1nW5yR8cL2dF6gH4jP0sA"
CORRECT = {"name": "correct", "kind": "yes_no", "question": "Is it right?"}
TONE = {"name": "tone", "kind": "rating", "question": ""}
NOTE = {"name": "note", "kind": "text", "question": ""}
TRACES = [f"{number:032x}" for number in range(1, 5)]


@pytest.fixture(params=["file", "server"])
def kept(request: pytest.FixtureRequest, store: Store, server_url: str) -> Iterator[Store]:
    """A store of either kind."""
    if request.param == "file":
        yield store
        return
    opened = open_store(server_url)
    yield opened
    opened.close()


@pytest.fixture
def traces(write: Callable[..., None]) -> None:
    """Four traces, a second apart, and one that still runs."""
    write(*(span(trace_id=trace_id, start=START + at * SECOND) for at, trace_id in enumerate(TRACES)))
    write({"kind": "start", "trace_id": "f" * 32, "span_id": "f" * 16, "name": "runs", "start": START})


@pytest.fixture
def say(write: Callable[..., None]) -> Callable[..., None]:
    """Gives feedback on the trace of a number."""

    def give(number: int, reviewer: str, kind: str = "HUMAN", **values: object) -> None:
        write(*(
            {"kind": "assessment", "id": f"{reviewer}-{name}-{number}", "trace_id": TRACES[number], "name": name,
             "type": "feedback", "value": value, "source": {"type": kind, "id": reviewer}, "time": START}
            for name, value in values.items()
        ))  # fmt: skip

    return give


def queue(store: Store, **given: Any) -> StoredQueue:
    return store.write_review_queue(checked_queue({"name": "answers", "scores": [CORRECT, TONE, NOTE], **given}))


def numbers(store: Store, filter: Expression) -> list[int]:
    page = store.find_traces(TraceQuery(filter, parse_order("timestamp asc")))
    return [TRACES.index(row.trace_id) for row in page.traces]


def test_a_queue_is_made_changed_read_and_deleted(kept: Store) -> None:
    made = queue(kept, filter="state = 'ERROR'", experiment="lab", reviewers=2, guidance="Be strict.")
    other = queue(kept, name="others", scores=["correct"])
    changed = queue(kept, filter="  ", scores=[{"name": "kind", "choices": [" a ", "b"]}])

    assert made[4:] == ("state = 'ERROR'", "lab", [CORRECT, TONE, NOTE], 2, "Be strict.")
    assert made.queue_id == changed.queue_id == queue_id_of("answers")
    assert (changed.created, changed.updated > made.updated) == (made.created, True)
    assert changed[4:] == ("", None, [{"name": "kind", "kind": "choice", "question": "", "choices": ["a", "b"]}], 1, "")
    assert kept.review_queues() == [other, changed]
    assert kept.review_queues(queue_id=made.queue_id) == [changed]
    kept.delete_review_queue(made.queue_id)
    kept.delete_review_queue(made.queue_id)
    assert (kept.review_queues(), kept.review_queues(queue_id=made.queue_id)) == ([other], [])


def test_a_queue_has_the_traces_that_meet_its_filter_and_have_ended(kept: Store, traces: None) -> None:
    assert numbers(kept, in_queue(queue(kept))) == [0, 1, 2, 3]
    assert numbers(kept, in_queue(queue(kept, filter="tags.a = 'b' OR name = 'agent'", experiment="Default"))) == [
        0, 1, 2, 3,
    ]  # fmt: skip
    assert numbers(kept, in_queue(queue(kept, experiment="lab"))) == []


def test_a_trace_is_reviewed_by_those_who_answered_all_but_texts(
    kept: Store, traces: None, say: Callable[..., None]
) -> None:
    say(0, "ann", correct=True, tone=4)
    say(1, "ann", correct=True, note="well")
    say(2, "ben", correct=False, tone=1)
    say(3, "ann", kind="LLM_JUDGE", correct=True, tone=5)
    asked = queue(kept)

    assert numbers(kept, reviewed_by(asked, "ann")) == [0]
    assert numbers(kept, reviewed(asked)) == [0, 2]
    assert numbers(kept, left_for(asked, "ann")) == numbers(kept, left_for(asked, None)) == [1, 3]
    assert numbers(kept, reviewed_by(queue(kept, scores=[NOTE]), "ann")) == [1]


def test_a_trace_that_needs_two_people_is_left_for_the_second(
    kept: Store, traces: None, say: Callable[..., None]
) -> None:
    asked = queue(kept, reviewers=2, scores=[CORRECT])
    say(0, "ann", correct=True)
    say(1, "ann", correct=True)
    say(1, "ben", correct=False)

    assert numbers(kept, reviewed(asked)) == [1]
    assert numbers(kept, left_for(asked, "ann")) == [2, 3]
    assert numbers(kept, left_for(asked, "ben")) == numbers(kept, left_for(asked, None)) == [0, 2, 3]


def test_feedback_that_was_taken_back_counts_no_more(
    kept: Store, traces: None, say: Callable[..., None], write: Callable[..., None]
) -> None:
    asked = queue(kept, scores=[CORRECT])
    say(0, "ann", correct=True)
    write({"kind": "assessment", "id": "ann-correct-0", "trace_id": TRACES[0], "name": "correct", "type": "feedback",
           "deleted": True, "time": START + 1})  # fmt: skip

    assert numbers(kept, reviewed_by(asked, "ann")) == []


@pytest.mark.parametrize(
    ("filter_string", "found"),
    [
        ("reviewer.correct = 'ann'", [0, 1]),
        ("reviewer.`correct` IN ('ann', 'ben') AND feedback.correct = false", [1, 2]),
        ("reviewer.correct LIKE 'B%' OR reviewer.tone IS NOT NULL", [1]),
        ("reviewer.correct IS NULL", [3]),
        ("NOT reviewer.correct = 'ann'", [2, 3]),
        ("reviewers.correct >= 2", [1]),
        ("reviewers.correct = 0", [3]),
    ],
)
def test_traces_are_found_by_who_gave_feedback(
    kept: Store, traces: None, say: Callable[..., None], filter_string: str, found: list[int]
) -> None:
    say(0, "ann", correct=True)
    say(1, "ann", correct=True)
    say(1, "Ben", correct=False, tone=2)
    say(2, "ben", correct=False)
    say(3, "model", kind="LLM_JUDGE", correct=False)
    filter = parse_filter(f"({filter_string}) AND state != 'IN_PROGRESS'")
    assert filter is not None

    assert numbers(kept, filter) == found
    assert kept.count_traces(filter) == len(found)


def test_an_older_server_has_no_review_queues(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    older = tuple(operation for operation in OPERATIONS if not operation.path.startswith("/review-queues"))
    monkeypatch.setattr("tracer.server.app.OPERATIONS", older)
    with running_server(store_url) as url:
        remote = open_store(url)
        found = remote.review_queues(), remote.review_queues(queue_id="q-1")
        with pytest.raises(StoreError, match="is older than this tracer"):
            queue(remote)
        remote.close()

    assert found == ([], [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": " "}, "name is missing"),
        ({"scores": []}, "scores: got [], expected a list of 1 to 20"),
        ({"scores": ["a", {"name": "a "}]}, "scores: two have one name"),
        ({"scores": [{"kind": "yes_no"}]}, "scores[0].name is missing"),
        ({"scores": [{"name": "a", "kind": "stars"}]}, "scores[0].kind: got 'stars', expected one of yes_no, rating"),
        ({"scores": [{"name": "a", "kind": "choice"}]}, "scores[0].choices: got None, expected a list of 2 to 50"),
        ({"scores": [{"name": "a", "choices": ["x", "x "]}]}, "different texts"),
        ({"scores": [{"name": "a", "kind": "text", "choices": ["x", "y"]}]}, "its kind is text, expected choice"),
        ({"scores": [{"name": "a", "weight": 1}]}, "scores[0]: got {'name': 'a', 'weight': 1}, expected a dict of"),
        ({"reviewers": 0}, "reviewers is 0, expected a number from 1 to 100"),
        ({"guidance": 1}, "filter and guidance are no texts"),
        ({"experiment": 1}, "experiment is 1"),
        ({"color": "red"}, "a queue has no 'color'; it may have name, filter"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(client: httpx.Client, given: dict[str, Any], message: str) -> None:
    wanted = {"name": "answers", "scores": ["correct"], **given}

    with pytest.raises(InvalidArgumentError) as error:
        checked_queue(wanted)
    answer = client.post("/review-queues", json=wanted)

    assert message in str(error.value)
    assert (answer.status_code, message in answer.json()["error"]["message"]) == (400, True), answer.text


def test_a_filter_of_a_queue_that_does_not_parse_is_told(client: httpx.Client) -> None:
    with pytest.raises(FilterSyntaxError):
        checked_queue({"name": "a", "scores": ["b"], "filter": "modle = 1"})

    answer = client.post("/review-queues", json={"name": "a", "scores": ["b"], "filter": "modle = 1"})

    assert answer.json()["error"]["code"] == "filter_syntax"


# --- the API


def test_what_is_left_comes_oldest_first_with_the_progress(
    client: httpx.Client, traces: None, say: Callable[..., None]
) -> None:
    say(1, "ann", correct=True)
    made = client.post("/review-queues", json={"name": "a", "scores": ["correct"]}).json()
    path, asked = f"/review-queues/{made['queue_id']}", {"reviewer": "ann", "limit": 2}

    left = client.get(f"{path}/traces", params=asked).json()
    rest = client.get(f"{path}/traces", params={**asked, "page_token": left["next_page_token"]}).json()

    assert [TRACES.index(trace["trace_id"]) for trace in left["traces"] + rest["traces"]] == [0, 2, 3]
    counts = {"trace_count": 4, "reviewed_count": 1, "left_count": 3}
    assert client.get(f"{path}/progress", params={"reviewer": "ann"}).json() == {**counts, "by_reviewer": 1}
    assert client.get(f"{path}/progress", params={"reviewer": "ben"}).json() == {**counts, "by_reviewer": 0}
    assert client.get(f"{path}/progress").json() == {**counts, "by_reviewer": None}


def test_secrets_in_a_queue_are_not_kept(client: httpx.Client, store: Store) -> None:
    scores = [{"name": "a", "question": KEY}]
    client.post("/review-queues", json={"name": "a", "guidance": KEY, "scores": scores}).raise_for_status()

    assert KEY[-20:] not in repr(store.review_queues())


def test_a_queue_that_is_not_there_is_a_404(client: httpx.Client) -> None:
    for path in ("", "/traces", "/progress"):
        assert client.get(f"/review-queues/q-none{path}").status_code == 404
    assert client.delete("/review-queues/q-none").status_code == 204
    made = client.post("/review-queues", json={"name": "a", "scores": ["correct"]}).json()
    assert client.get(f"/review-queues/{made['queue_id']}/progress", params={"reviewer": "x" * 251}).status_code == 400
