"""Attachments whose content lies in files beside a store: as in the store's file, and gone with their last use."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.store.records import span, start
from tracer._journal.locations import attachments_folder_of
from tracer.errors import StoreError
from tracer.store import Store, open_store
from tracer.store.sqlite.backup import copied_store

PICTURE = b"\x89PNG" + bytes(range(256)) * 4


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attachment(content: bytes) -> bytes:
    encoded = base64.b64encode(content).decode()
    return orjson.dumps({"kind": "attachment", "id": digest_of(content), "mime": "image/png", "content": encoded})


def using(trace_id: str, content: bytes) -> bytes:
    return span(trace_id, "r", json={"tracer.inputs": f"see tracer-attachment:{digest_of(content)};image/png"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    attachments_folder_of(path).mkdir()
    return path


@pytest.fixture
def beside(file: Path) -> Iterator[Store]:
    """A store with a folder for its attachments."""
    store = open_store(f"sqlite:////{str(file).lstrip('/')}")
    yield store
    store.close()


def files(path: Path) -> dict[str, bytes]:
    """The files beside a store by their names."""
    return {each.name: each.read_bytes() for each in attachments_folder_of(path).glob("*/*")}


def in_file(path: Path) -> list[tuple[str, int]]:
    """The rows of a store's file: digests, and how long the content is there."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT digest, length(content) FROM attachments ORDER BY 1").fetchall()
    connection.close()
    return rows


def test_the_content_is_a_file_by_its_digest_until_its_last_trace_is_deleted(beside: Store, file: Path) -> None:
    beside.append([attachment(PICTURE), using("t", PICTURE), attachment(PICTURE), using("u", PICTURE)])

    assert files(file) == {digest_of(PICTURE): PICTURE}
    assert in_file(file) == [(digest_of(PICTURE), 0)]
    assert beside.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)
    beside.delete_traces(trace_ids=["t"])
    assert beside.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)
    beside.delete_traces(trace_ids=["u"])
    assert beside.attachment(digest_of(PICTURE)) is None
    assert (files(file), in_file(file)) == ({}, [])

    beside.append([attachment(PICTURE), using("v", PICTURE)])
    assert beside.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)


def test_nothing_at_all_is_an_attachment_too(beside: Store, file: Path) -> None:
    beside.append([attachment(b""), using("t", b"")])

    assert beside.attachment(digest_of(b"")) == ("image/png", b"")
    assert files(file) == {}


def test_a_row_of_a_dataset_keeps_it_as_long_as_it_names_it(beside: Store, file: Path) -> None:
    dataset = beside.write_dataset("pictures")
    named = f"tracer-attachment:{digest_of(PICTURE)};image/png"
    beside.append([attachment(PICTURE), using("t", PICTURE)])
    beside.write_rows(dataset.dataset_id, [{"inputs": {"picture": named}, "outputs": named}])
    beside.delete_traces(trace_ids=["t"])
    assert beside.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)

    [row] = beside.rows(dataset.dataset_id).rows
    beside.delete_rows(dataset.dataset_id, [row.row_id])

    assert (beside.attachment(digest_of(PICTURE)), files(file)) == (None, {})


def test_a_file_that_is_missing_is_told(beside: Store, file: Path) -> None:
    beside.append([attachment(PICTURE), using("t", PICTURE)])
    [path] = attachments_folder_of(file).glob("*/*")
    path.unlink()

    with pytest.raises(StoreError, match=f"cannot be read from .*{digest_of(PICTURE)}: No such file"):
        beside.attachment(digest_of(PICTURE))


@pytest.mark.parametrize("tidy", ["free space", "a deletion"])
def test_what_a_killed_process_left_goes_with_the_free_space_and_the_next_deletion(
    beside: Store, file: Path, tidy: str
) -> None:
    beside.append([attachment(PICTURE), using("t", PICTURE), attachment(b"gone"), using("u", b"gone")])
    left = attachments_folder_of(file) / "ab"
    left.mkdir()
    (left / ("ab" * 32)).write_bytes(b"of a deleted trace")
    (left / f"{'ab' * 32}.part").write_bytes(b"half")

    if tidy == "a deletion":
        beside.delete_traces(trace_ids=["u"])
    else:
        while beside.release_space(whole=True):
            pass
        beside.delete_traces(trace_ids=["u"])

    assert files(file) == {digest_of(PICTURE): PICTURE}


@pytest.mark.parametrize("is_beside", [True, False])
def test_one_of_a_step_that_ends_after_its_trace_was_deleted_goes(beside: Store, file: Path, is_beside: bool) -> None:
    if not is_beside:
        attachments_folder_of(file).rmdir()
    beside.append([start("t", "r"), attachment(b"other"), using("u", b"other")])
    beside.delete_traces(trace_ids=["t"])

    beside.append([attachment(PICTURE)])
    beside.append(
        [using("t", PICTURE), span("t", "s", json={"tracer.inputs": f"tracer-attachment:{digest_of(b'other')}"})]
    )

    assert beside.attachment(digest_of(PICTURE)) is None
    assert beside.attachment(digest_of(b"other")) == ("image/png", b"other")
    assert set(files(file)) == ({digest_of(b"other")} if is_beside else set())


@pytest.mark.swallow_faults
def test_a_file_that_cannot_be_removed_holds_no_record_up(beside: Store, file: Path) -> None:
    beside.append([start("t", "r"), attachment(PICTURE)])
    beside.delete_traces(trace_ids=["t"])
    [path] = attachments_folder_of(file).glob("*/*")
    path.unlink()
    path.mkdir()

    beside.append([using("t", PICTURE), span("u", "r")])

    assert beside.trace("u") is not None
    assert beside.attachment(digest_of(PICTURE)) is None


def test_what_nothing_uses_goes_after_a_day(beside: Store, file: Path) -> None:
    beside.append([attachment(PICTURE), attachment(b"new")])
    assert set(files(file)) == {digest_of(PICTURE), digest_of(b"new")}
    [path] = attachments_folder_of(file).glob(f"*/{digest_of(PICTURE)}")
    os.utime(path, (0, 0))

    while beside.release_space(whole=True):
        pass

    assert set(files(file)) == {digest_of(b"new")}
    assert in_file(file) == [(digest_of(b"new"), 0)]


def test_what_was_in_the_file_before_stays_there(file: Path) -> None:
    folder = attachments_folder_of(file)
    folder.rmdir()
    store = open_store(f"sqlite:////{str(file).lstrip('/')}")
    store.append([attachment(PICTURE), using("t", PICTURE)])
    folder.mkdir()
    store.append([attachment(PICTURE), using("u", PICTURE), attachment(b"new"), using("v", b"new")])

    assert store.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)
    assert store.attachment(digest_of(b"new")) == ("image/png", b"new")
    store.delete_traces(trace_ids=["t", "u", "v"])
    assert (files(file), in_file(file)) == ({}, [])
    store.close()


def test_a_copy_has_them(beside: Store, file: Path, tmp_path: Path) -> None:
    beside.append([attachment(PICTURE), using("t", PICTURE)])

    with copied_store(file, tmp_path / "copy.db"):
        pass
    beside.delete_traces(trace_ids=["t"])

    store = open_store(f"sqlite:////{str(tmp_path / 'copy.db').lstrip('/')}")
    assert store.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)
    store.close()


def _write_and_delete(url: str, number: int) -> None:
    store = open_store(url)
    for turn in range(30):
        trace_id = f"{number}-{turn}"
        store.append([attachment(PICTURE), using(trace_id, PICTURE)])
        found = store.attachment(digest_of(PICTURE))
        if found != ("image/png", PICTURE):
            os._exit(1)
        store.delete_traces(trace_ids=[trace_id])
    store.append([attachment(PICTURE), using(f"{number}-last", PICTURE)])
    store.close()


def test_who_writes_one_while_others_delete_it_has_it(beside: Store, file: Path) -> None:
    url = f"sqlite:////{str(file).lstrip('/')}"
    processes = [
        multiprocessing.get_context("spawn").Process(target=_write_and_delete, args=(url, n)) for n in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0] * 4
    assert beside.attachment(digest_of(PICTURE)) == ("image/png", PICTURE)
    assert files(file) == {digest_of(PICTURE): PICTURE}
