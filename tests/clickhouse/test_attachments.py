"""Attachments beside ClickHouse: in a folder, and in S3-compatible storage."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from tests.store.records import found, span
from tracer.errors import StoreError
from tracer.server import running_server
from tracer.store import Store
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection

pytest.importorskip("obstore", reason="tests/clickhouse/run.py makes an environment with it")
pytest.importorskip("moto", reason="tests/clickhouse/run.py makes an environment with it")

Opener = Callable[[str], Store]
CONTENT = b"\x89PNG of a cat"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
T, U = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The URL of a server with the interface of S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket that is empty, and the environment in which it is found."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", storage)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "its-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = boto3.resource("s3").Bucket("tracer-tests")
    bucket.create()
    bucket.objects.delete()
    return bucket


class Place(NamedTuple):
    """Where attachments lie, and the paths of all that is there."""

    url: str
    paths: Callable[[], list[str]]


@pytest.fixture(params=["s3", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        return Place("s3://tracer-tests/some/where", lambda: [each.key for each in bucket.objects.all()])
    folder = tmp_path / "attachments"
    return Place(str(folder), lambda: [str(each) for each in folder.rglob("*") if each.is_file()])


def kept_at(url: str, place: str) -> str:
    """The URL of a store whose attachments lie in a place."""
    return f"{url}{'&' if '?' in url else '?'}attachments={place}"


def picture(content: bytes = CONTENT) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    encoded = base64.b64encode(content).decode()
    return orjson.dumps({"kind": "attachment", "id": digest, "mime": "image/png", "content": encoded})


def with_picture(trace_id: str, *digests: str) -> bytes:
    named = [f"tracer-attachment:{digest};image/png;12" for digest in digests or (DIGEST,)]
    return span(trace_id, "c" * 16, json={"tracer.inputs": named})


def test_attachments_lie_in_the_place_that_the_url_names_and_go_with_the_last_trace(
    url: str, place: Place, opened: Opener
) -> None:
    store = opened(kept_at(url, place.url))
    store.append([picture(), with_picture(T), with_picture(U)])
    store.append([picture(), with_picture(U)])

    (path,) = place.paths()
    assert f"{DIGEST[:2]}/{DIGEST}/" in path
    assert Connection(parse_address(url)).rows("SELECT mime, length(content) FROM attachments") == [["image/png", 0]]
    assert store.attachment(DIGEST) == ("image/png", CONTENT)
    store.delete_traces(trace_ids=[T])
    assert store.attachment(DIGEST) == ("image/png", CONTENT)
    store.delete_traces(trace_ids=[U])
    assert (store.attachment(DIGEST), place.paths()) == (None, [])


def test_many_attachments_of_one_batch_are_kept_and_deleted(url: str, place: Place, opened: Opener) -> None:
    contents = [b"%d" % n for n in range(30)]
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    store = opened(kept_at(url, place.url))
    store.append([*map(picture, contents), with_picture(T, *digests)])

    assert len(place.paths()) == 30
    assert [store.attachment(digest) for digest in digests] == [("image/png", content) for content in contents]
    assert store.delete_traces() == 1
    assert place.paths() == []


def test_a_server_hands_out_what_another_one_took_in(url: str, place: Place, opened: Opener) -> None:
    where = kept_at(url, place.url)
    with running_server(where) as one, running_server(where) as other:
        opened(one).append([picture(), with_picture(T)])
        answer = httpx.get(f"{other}/api/v1/attachments/{DIGEST}")

        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, CONTENT, "image/png")


def test_a_missing_object_is_told_by_its_name(url: str, bucket: Any, opened: Opener) -> None:
    where = kept_at(url, "s3://tracer-tests/some/where")
    opened(where).append([picture(), with_picture(T)])
    bucket.objects.delete()

    with running_server(where) as server:
        answer = httpx.get(f"{server}/api/v1/attachments/{DIGEST}")

    assert answer.status_code == 503
    assert f"there is no s3://tracer-tests/some/where/{DIGEST[:2]}/{DIGEST}/" in answer.json()["error"]["message"]


def test_records_are_not_taken_while_the_storage_does_not_answer(
    url: str, bucket: Any, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = kept_at(url, "s3://tracer-tests")
    with monkeypatch.context() as without:
        without.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(StoreError, match="s3://tracer-tests refused or did not answer") as refused:
            opened(where).append([picture(), with_picture(T)])
    assert found(opened(where)) == []
    assert "its-secret" not in str(refused.value)

    opened(where).append([picture(), with_picture(T)])
    assert found(opened(where)) == [T]
    assert opened(where).attachment(DIGEST) == ("image/png", CONTENT)


def test_a_bucket_that_is_not_there_is_told(url: str, bucket: Any, opened: Opener) -> None:
    with pytest.raises(StoreError, match=r"s3://another refused .*NoSuchBucket"):
        opened(kept_at(url, "s3://another")).append([picture(), with_picture(T)])


def test_what_is_in_the_table_stays_there_and_is_read_as_before(url: str, place: Place, opened: Opener) -> None:
    opened(url).append([picture(), with_picture(T)])
    store = opened(kept_at(url, place.url))

    assert store.attachment(DIGEST) == ("image/png", CONTENT)
    store.append([picture(), with_picture(U)])
    assert place.paths() == []
    assert store.delete_traces() == 2
    assert store.attachment(DIGEST) is None


def test_a_server_whose_url_names_no_place_says_so_and_deletes_no_attachment(
    url: str, place: Place, opened: Opener
) -> None:
    opened(kept_at(url, place.url)).append([picture(), with_picture(T)])

    with pytest.raises(StoreError, match=r"add \?attachments=s3://"):
        opened(url).attachment(DIGEST)
    with pytest.raises(StoreError, match=r"add \?attachments=s3://"):
        opened(url).delete_traces()
    assert opened(kept_at(url, place.url)).attachment(DIGEST) == ("image/png", CONTENT)


def test_a_deletion_takes_what_two_servers_wrote_at_once_and_nothing_newer(
    url: str, bucket: Any, opened: Opener
) -> None:
    store = opened(kept_at(url, "s3://tracer-tests"))
    store.append([picture(), with_picture(T)])
    older, newer = (f"{DIGEST[:2]}/{DIGEST}/{number}" for number in (5, 10**17))
    for key in (older, newer):
        bucket.put_object(Key=key, Body=CONTENT)

    store.delete_traces()

    assert [each.key for each in bucket.objects.all()] == [newer]


@pytest.fixture(params=["table", "folder", pytest.param("s3", marks=pytest.mark.before_a_release)])
def pair(request: pytest.FixtureRequest, url: str, tmp_path: Path, opened: Opener) -> tuple[Store, Store]:
    """Two servers' stores on one database, with attachments in each kind of place."""
    if request.param == "s3":
        request.getfixturevalue("bucket")
    place = {"s3": "s3://tracer-tests/some/where", "folder": f"{tmp_path}/attachments"}.get(request.param)
    where = url if place is None else kept_at(url, place)
    return opened(where), opened(where)


def meanwhile(monkeypatch: pytest.MonkeyPatch, table: str, nth: int, action: Callable[[], object]) -> list[str]:
    """Do something before the nth insert into a table; the list is empty until then."""
    done: list[str] = []
    before = [table] * nth
    insert = Connection._insert_block

    def slow(self: Connection, into: str, *arguments: Any, **named: Any) -> None:
        if into in before:
            before.remove(into)
            if not before:
                done.append(into)
                action()
        insert(self, into, *arguments, **named)

    monkeypatch.setattr(Connection, "_insert_block", slow)
    return done


def kept(store: Store, url: str) -> tuple[object, int]:
    """The attachment, and the number of rows with anything of it."""
    rows = Connection(parse_address(url)).rows("SELECT count() FROM attachments FINAL WHERE NOT deleted")
    return store.attachment(DIGEST), rows[0][0]


@pytest.mark.parametrize("table", ["spans", "traces", "changes"])
def test_an_attachment_stays_whenever_the_last_other_trace_with_it_is_deleted_during_an_append(
    table: str, url: str, pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.append([picture(), with_picture(T)])
    done = meanwhile(monkeypatch, table, 1, lambda: other.delete_traces(trace_ids=[T]))

    one.append([picture(), with_picture(U)])

    assert done
    assert found(other) == [U]
    assert kept(other, url) == (("image/png", CONTENT), 1)
    other.delete_traces()
    assert kept(one, url) == (None, 0)


@pytest.mark.parametrize(("table", "nth"), [("traces", 1), ("changes", 1), ("attachments", 1), ("attachments", 2)])
def test_an_attachment_stays_whenever_a_trace_with_it_comes_during_the_deletion_of_another(
    table: str, nth: int, url: str, pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.append([picture(), with_picture(T)])
    done = meanwhile(monkeypatch, table, nth, lambda: other.append([picture(), with_picture(U)]))

    one.delete_traces(trace_ids=[T])

    assert done
    assert kept(other, url) == (("image/png", CONTENT), 1)
    one.delete_traces()
    assert kept(one, url) == (None, 0)


@pytest.mark.parametrize(("table", "nth"), [("traces", 1), ("changes", 1), ("attachments", 1)])
def test_a_trace_that_names_what_was_sent_earlier_keeps_it_until_its_deletion_is_decided(
    table: str, nth: int, url: str, pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.append([picture(), with_picture(T)])
    meanwhile(monkeypatch, table, nth, lambda: other.append([with_picture(U)]))

    one.delete_traces(trace_ids=[T])

    assert kept(other, url) == (("image/png", CONTENT), 1)


@pytest.mark.parametrize("table", ["spans", "traces", "changes"])
def test_nothing_stays_of_a_trace_that_is_deleted_while_it_is_appended_to(
    table: str, url: str, pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.append([span(T, "d" * 16)])
    done = meanwhile(monkeypatch, table, 1, lambda: other.delete_traces(trace_ids=[T]))

    one.append([picture(), with_picture(T)])

    assert done
    assert found(other) == []
    assert kept(other, url) == (None, 0)


@pytest.mark.parametrize("table", ["traces", "changes", "attachments"])
def test_nothing_stays_of_what_comes_to_a_trace_while_it_is_deleted(
    table: str, url: str, pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.append([picture(), with_picture(T)])
    another = picture(b"another")
    named = hashlib.sha256(b"another").hexdigest()
    meanwhile(
        monkeypatch,
        table,
        1,
        lambda: other.append([another, span(T, "e" * 16, json={"a": f"tracer-attachment:{named}"})]),
    )

    one.delete_traces()

    assert kept(other, url) == (None, 0)
    assert other.attachment(named) is None


_FORKED = """
import os, sys
from tests.clickhouse.test_attachments import T, U, picture, with_picture
from tracer.errors import StoreError
from tracer.store import open_store

open_store(sys.argv[1]).append([picture(), with_picture(T)])
child = os.fork()
if not child:
    try:
        open_store(sys.argv[1]).append([picture(b"other"), with_picture(U)])
    except StoreError as error:
        os._exit(7 if "forked" in str(error) else 1)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_forked_process_is_told_and_does_not_wait_for_ever(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FORKED, kept_at(url, f"{tmp_path}/attachments")]

    subprocess.run(command, cwd=Path(__file__).resolve().parents[2], check=True, timeout=60)
