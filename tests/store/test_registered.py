"""Prompts and registered models in a store: numbered as they come, once each, with aliases that move."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.store.records import found, new_store, said, span
from tracer.store import Store

pytestmark = pytest.mark.no_store


def version(id: str, name: str = "qa", **fields: Any) -> bytes:
    """The record of a version of a prompt."""
    record = {"kind": "registered", "of": "prompt", "name": name, "id": id, "time": 5, "content": {"template": id}}
    return orjson.dumps({**record, **fields})


def alias(alias: str, id: str | None, time: int, name: str = "qa") -> bytes:
    """The record that sets an alias, or takes it away."""
    record = {"kind": "alias", "of": "prompt", "name": name, "alias": alias, "time": time}
    return orjson.dumps({**record, "id": id} if id else record)


def numbers(store: Store, name: str = "qa") -> dict[str, int]:
    return {row.id: row.number for row in store.registered("prompt", name=name)}


def test_versions_of_a_name_are_numbered_as_they_come_and_once(store: Store) -> None:
    store.append([version("a"), version("b"), version("other", name="summary")])
    store.append([version("a"), version("c", tags={"team": "search"})])

    newest = store.registered("prompt", name="qa")[0]
    assert numbers(store) == {"c": 3, "b": 2, "a": 1}
    assert (newest.kind, newest.name, newest.created, newest.tags) == ("prompt", "qa", 5, {"team": "search"})
    assert newest.content == {"template": "c"}
    assert [(row.name, row.number) for row in store.registered("prompt")] == [("qa", 3), ("summary", 1)]
    assert [row.id for row in store.registered("prompt", name="qa", number=2)] == ["b"]
    assert [row.number for row in store.registered("prompt", name="qa", id="a")] == [1]
    assert store.registered("prompt", name="qa", alias="latest") == [newest]
    assert store.registered("model") == store.registered("prompt", name="none") == []


def test_processes_that_register_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    stores = [new_store(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(lambda n: stores[n % 4].append([version(f"v{n}")]), range(20)):
            pass

    assert sorted(numbers(stores[0]).values()) == list(range(1, 21))
    for store in stores:
        store.close()


def test_a_number_from_another_store_is_kept_where_it_is_free(store: Store) -> None:
    store.append([version("a", number=4), version("b", number=4), version("c", number=2), version("d", number=-1)])

    assert numbers(store) == {"a": 4, "b": 5, "c": 2, "d": 6}


def test_the_latest_record_of_an_alias_counts_in_whatever_order_they_come(store: Store) -> None:
    store.append([version("a"), version("b"), alias("production", "b", 20), alias("production", "a", 10)])
    store.append([alias("gone", None, 30), alias("gone", "a", 20), alias("early", "c", 1)])

    assert store.registered("prompt", name="qa")[0].aliases == {"production": 2}
    assert [row.id for row in store.registered("prompt", name="qa", alias="production")] == ["b"]
    assert store.registered("prompt", name="qa", alias="gone") == []
    store.append([version("c")])
    assert store.registered("prompt")[0].aliases == {"early": 3, "production": 2}


@pytest.mark.parametrize(
    "record",
    [
        {"of": "prompt", "name": "qa"},
        {"of": "prompt", "name": 3, "id": "x"},
        {"of": None, "name": "qa", "id": "x"},
        {"of": "prompt", "name": "qa", "id": "x", "content": 3, "tags": {"a": 1}, "time": "now", "number": 2**40},
    ],
)
def test_a_strange_version_harms_nothing(record: dict[str, Any], store: Store) -> None:
    store.append([orjson.dumps({"kind": "registered", **record}), version("a"), orjson.dumps({"kind": "alias"})])

    assert "a" in numbers(store)


def test_traces_are_found_by_the_prompts_that_they_used(store: Store) -> None:
    used = {"tracer.prompt.qa/2": "qa@production", "tracer.prompt.summary/1": "summary/1", "else": "x"}
    store.append([span("t1", "a"), said("t1", metadata=used)])
    store.append([span("t2", "b"), said("t2", metadata={"tracer.prompt.qa/1": "qa/1"}), span("t3", "c")])

    assert found(store, "prompt = 'qa/2'") == found(store, "prompt = 'summary/1' AND name LIKE 'span%'") == ["t1"]
    assert sorted(found(store, "prompt LIKE 'qa/%'")) == ["t1", "t2"]
    assert sorted(found(store, "prompt IN ('qa/1', 'qa/2')")) == ["t1", "t2"]
    assert found(store, "prompt IS NULL") == ["t3"]
    assert found(store, "prompt = 'qa'") == []
    store.append([said("t1", time=9, metadata={"tracer.prompt.qa/2": None})])
    assert found(store, "prompt = 'qa/2'") == []


def test_a_deleted_model_keeps_its_name_alone_until_it_is_made_again(store: Store) -> None:
    def said_of_model(time: int, **fields: Any) -> bytes:
        return orjson.dumps({"kind": "model", "model_id": "m-1", "time": time, **fields})

    store.append([said_of_model(9, deleted=True), said_of_model(8, params={"late": "x"})])
    store.append([said_of_model(1, name="v1", created=1, tags={"a": "b"}, metrics={"m": 1.0}, deleted=False)])

    [gone] = store.models()
    assert (gone.name, gone.deleted, gone.tags, gone.params, gone.metrics) == ("v1", True, {}, {}, {})
    store.append([said_of_model(20, name="v1", created=20, deleted=False, tags={"c": "d"}, status="READY")])
    store.append([said_of_model(7, tags={"late": "x"})])
    [again] = store.models(name="v1")
    assert (again.deleted, again.tags, again.created) == (False, {"c": "d"}, 1)
