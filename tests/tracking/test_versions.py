"""Versions of an app: made, found, active where they are meant to be, and linked to by traces."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tracer
from tracer.errors import FilterSyntaxError, InvalidArgumentError, ModelNotFoundError

ROOT = Path(__file__).resolve().parents[2]


@tracer.trace
def step() -> str | None:
    return tracer.get_active_trace_id()


def version_of(trace_id: str | None) -> str | None:
    assert trace_id is not None
    trace = tracer.get_trace(trace_id)
    assert trace is not None
    return trace.info.model_id


def test_a_trace_belongs_to_the_version_that_is_active_when_it_starts() -> None:
    before = step()
    first = tracer.set_active_model("my-agent-v1.0")
    during = step()
    second = tracer.set_active_model(name="my-agent-v2.0")
    after = step()

    assert [version_of(t) for t in (before, during, after)] == [None, first.model_id, second.model_id]
    assert [t.trace_id for t in tracer.search_traces(model_id=first.model_id)] == [during]


def test_the_same_name_is_the_same_version() -> None:
    first = tracer.set_active_model("v1")
    tracer.clear_active_model()

    assert tracer.set_active_model("v1").model_id == first.model_id
    assert len(tracer.search_logged_models()) == 1


def test_a_name_stands_for_its_newest_version_in_this_experiment() -> None:
    tracer.create_external_model("agent")
    newest = tracer.create_external_model("agent")

    assert tracer.set_active_model("agent").model_id == newest.model_id
    tracer.set_experiment("another")
    assert tracer.set_active_model("agent").model_id != newest.model_id


def test_a_block_restores_what_was_active() -> None:
    outer = tracer.set_active_model("outer")
    with tracer.set_active_model("inner") as inner:
        assert tracer.get_active_model_id() == inner.model_id
        with tracer.set_active_model("innermost"):
            pass
        assert tracer.get_active_model_id() == inner.model_id

    assert tracer.get_active_model_id() == outer.model_id
    tracer.clear_active_model()
    assert tracer.get_active_model_id() is None


def test_a_block_that_raises_restores_too() -> None:
    with pytest.raises(KeyError), tracer.set_active_model("inner"):
        raise KeyError

    assert tracer.get_active_model_id() is None


def test_versions_of_asyncio_tasks_neither_cross_nor_leak() -> None:
    async def work(name: str) -> tuple[str, str | None]:
        model = tracer.set_active_model(name)
        await asyncio.sleep(0)
        trace_id = step()
        await asyncio.sleep(0)
        return model.model_id, trace_id

    async def main() -> list[tuple[str, str | None]]:
        return await asyncio.gather(*(work(f"v{number}") for number in range(20)))

    pairs = asyncio.run(main())

    assert [version_of(trace_id) for _, trace_id in pairs] == [model_id for model_id, _ in pairs]
    assert tracer.get_active_model_id() is None


def test_threads_neither_cross_nor_leak() -> None:
    together = threading.Barrier(8)

    def work(number: int) -> tuple[str, str | None]:
        model = tracer.set_active_model(f"v{number}")
        together.wait(30)
        return model.model_id, step()

    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(work, range(8)))

    assert [version_of(trace_id) for _, trace_id in pairs] == [model_id for model_id, _ in pairs]
    assert tracer.get_active_model_id() is None


def test_what_the_main_program_sets_holds_in_its_threads_but_a_block_does_not() -> None:
    with ThreadPoolExecutor(1) as pool:
        with tracer.set_active_model("block"):
            in_block = pool.submit(tracer.get_active_model_id).result()
        main = tracer.set_active_model("main")
        in_thread = pool.submit(tracer.get_active_model_id).result()

    assert (in_block, in_thread) == (None, main.model_id)


def test_wrap_context_carries_the_version_into_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool, tracer.set_active_model("block") as model:
        assert pool.submit(tracer.wrap_context(tracer.get_active_model_id)).result() == model.model_id


def in_child(program: str, store_url: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "TRACER_STORE": store_url, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


LINKED = """
import tracer
@tracer.trace
def step(): return tracer.get_active_trace_id()
print(tracer.get_trace(step()).info.model_id)
"""


@pytest.mark.parametrize("by", ["id", "name"])
def test_the_environment_names_a_version_by_id_or_name(by: str, own_store: str) -> None:
    model = tracer.create_external_model("agent-v1.0")
    tracer.flush()

    given = model.model_id if by == "id" else model.name

    assert in_child(LINKED, own_store, TRACER_ACTIVE_MODEL_ID=given) == model.model_id


def test_a_new_name_in_the_environment_makes_the_version(own_store: str) -> None:
    found = in_child(LINKED, own_store, TRACER_ACTIVE_MODEL_ID="brand-new")

    assert tracer.get_logged_model(found).name == "brand-new"


def test_processes_that_name_a_version_at_once_make_one(own_store: str) -> None:
    program = "import tracer; print(tracer.set_active_model('together').model_id)"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: in_child(program, own_store), range(4)))

    assert len(set(found)) == 1
    assert [model.model_id for model in tracer.search_logged_models()] == [found[0]]


def test_a_version_has_everything_that_was_said_of_it() -> None:
    model = tracer.create_external_model(
        name="recommendation-engine-v2.1",
        model_type="rag-agent",
        params={"llm_model": "gpt-4", "temperature": "0.7"},
        tags={"team": "ml-platform"},
    )
    tracer.log_model_params({"retrieval_k": "5"}, model_id=model.model_id)
    tracer.set_logged_model_tags(model.model_id, {"environment": "staging"})
    tracer.log_model_metrics({"accuracy": 0.9}, model_id=model.model_id)
    tracer.delete_logged_model_tag(model.model_id, "team")

    stored = tracer.get_logged_model(model.model_id)

    assert (stored.name, stored.model_type, str(stored.status.value)) == (model.name, "rag-agent", "READY")
    assert stored.params == {"llm_model": "gpt-4", "temperature": "0.7", "retrieval_k": "5"}
    assert (stored.tags, stored.metrics) == ({"environment": "staging"}, {"accuracy": 0.9})
    assert (stored.experiment_id, stored.model_uri) == ("0", f"models:/{model.model_id}")
    assert stored.last_updated_timestamp >= stored.creation_timestamp == model.creation_timestamp


def test_params_of_the_active_version() -> None:
    model = tracer.set_active_model("v1")
    tracer.log_model_params({"llm": "gpt-4"})

    assert tracer.get_logged_model(model.model_id).params == {"llm": "gpt-4"}


def test_params_that_are_no_texts_are_refused_and_the_error_shows_the_fix() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        tracer.create_external_model(name="wrong", params={"temperature": 0.7, "llm": "gpt-4"})  # type: ignore[dict-item]

    assert str(caught.value) == (
        "params: 'temperature' is 0.7 (float), expected str. Write params={'temperature': '0.7', 'llm': 'gpt-4'}."
    )
    assert tracer.search_logged_models() == []


def test_versions_without_a_name_get_readable_ones() -> None:
    names = {tracer.create_external_model().name for _ in range(5)}

    assert len(names) == 5
    assert all(len(name.split("-")) == 3 for name in names)


def test_a_version_that_failed() -> None:
    model = tracer.create_external_model("v1")

    assert tracer.finalize_logged_model(model.model_id, "FAILED").status is tracer.LoggedModelStatus.FAILED
    with pytest.raises(InvalidArgumentError, match="READY"):
        tracer.finalize_logged_model(model.model_id, "BROKEN")


@pytest.mark.parametrize("call", [tracer.get_logged_model, lambda given: tracer.set_active_model(model_id=given)])
def test_an_unknown_id_is_named(call: object) -> None:
    with pytest.raises(ModelNotFoundError, match="m-unknown"):
        call("m-unknown")  # type: ignore[operator]


def test_neither_name_nor_id_is_an_error_that_shows_how() -> None:
    with pytest.raises(InvalidArgumentError, match=r"set_active_model\('my-agent-v1'\)"):
        tracer.set_active_model()


def test_a_name_that_is_not_the_ids() -> None:
    model = tracer.create_external_model("right")

    with pytest.raises(InvalidArgumentError, match="right"):
        tracer.set_active_model("wrong", model_id=model.model_id)


def test_searching_versions() -> None:
    for number, llm in enumerate(("gpt-4", "llama", "gpt-5")):
        model = tracer.create_external_model(f"v{number}", params={"llm": llm}, tags={"team": "search"})
        tracer.log_model_metrics({"score": number / 10}, model.model_id)

    def names(filter_string: str | None = None, **arguments: object) -> list[str]:
        return [model.name for model in tracer.search_logged_models(filter_string, **arguments)]  # type: ignore[arg-type]

    assert names() == ["v2", "v1", "v0"]
    assert names("params.llm LIKE 'gpt%' AND tags.team = 'search'") == ["v2", "v0"]
    assert names("metrics.score >= 0.1 AND NOT name = 'v2'") == ["v1"]
    assert names("name IN ('v0', 'v1') OR metrics.score > 5") == ["v1", "v0"]
    assert names("params.absent IS NULL AND creation_timestamp > now-1h", max_results=1) == ["v2"]
    assert names(order_by=["metrics.score ASC"]) == ["v0", "v1", "v2"]
    with pytest.raises(FilterSyntaxError, match="unknown field 'nam'"):
        names("nam = 'v1'")
    with pytest.raises(InvalidArgumentError, match="order_by"):
        names(order_by=["name SIDEWAYS"])


def test_nothing_is_stored_while_tracer_is_off() -> None:
    tracer.disable()
    model = tracer.set_active_model("off")
    tracer.create_external_model("off too")
    tracer.enable()

    assert model.name == "off"
    assert tracer.search_logged_models() == []


def test_a_store_that_cannot_be_read_keeps_no_program_from_running(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)

    program = "import tracer; m = tracer.set_active_model('v1'); tracer.create_external_model('x'); print(m.name)"

    assert in_child(program, f"sqlite:///{tmp_path / 'broken.db'}") == "v1"


def test_the_version_of_the_environment_is_in_the_store_that_is_configured_later(
    own_store: str, tmp_path: Path
) -> None:
    program = f"""
import tracer
tracer.create_external_model("agent")
print(tracer.get_active_model_id())
tracer.configure(store={str(tmp_path / "other.db")!r})
print([tracer.get_active_model_id()] == [model.model_id for model in tracer.search_logged_models()])
"""

    assert in_child(program, own_store, TRACER_ACTIVE_MODEL_ID="agent").splitlines()[1] == "True"


def test_a_block_in_a_thread_changes_nothing_for_others() -> None:
    main = tracer.set_active_model("main")
    with ThreadPoolExecutor(1) as pool:

        def block() -> None:
            with tracer.set_active_model("block"):
                pass

        pool.submit(block).result()
        assert pool.submit(tracer.get_active_model_id).result() == main.model_id

    assert tracer.get_active_model_id() == main.model_id
