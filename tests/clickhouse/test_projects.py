"""Projects in ClickHouse: several servers on one catalogue, each project in a database of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import httpx
import pytest

from tests.clickhouse.engine import engine_process
from tests.store.records import found, span
from tracer._catalog.catalog import Catalog, made_project
from tracer._catalog.opening import has_projects, open_catalog
from tracer.cli import run
from tracer.errors import ConflictError, StoreError
from tracer.server import ServerSettings, running_server
from tracer.server.indexer import Indexer
from tracer.server.operations import BASE
from tracer.server.projects.callers import KNOWN_SECONDS
from tracer.store import Store, open_store
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.migrations import CATALOG, STORE, statements

pytestmark = pytest.mark.no_store
SETTINGS = ServerSettings(port=0, projects=True)
T = TypeVar("T")


@pytest.fixture
def opened_catalog(url: str) -> Iterator[Callable[[], Catalog]]:
    """Opens the catalogue once more, as another process has it."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(contextlib.closing(open_catalog(url)))


@pytest.fixture
def catalog(opened_catalog: Callable[[], Catalog]) -> Catalog:
    """A catalogue with its first administrator."""
    catalog = opened_catalog()
    assert catalog.start() is not None
    return catalog


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """The database of the catalogue."""
    with contextlib.closing(Connection(parse_address(url))) as connection:
        yield connection


def at_once(*actions: Callable[[], T]) -> list[T | Exception]:
    """What each returns or raises, begun at the same moment."""
    barrier = Barrier(len(actions))

    def one(action: Callable[[], T]) -> T | Exception:
        barrier.wait(30)
        try:
            return action()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(one, actions))


def traces(url: str, key: str) -> int:
    """The status of the answer to a list of traces."""
    return httpx.get(f"{url}{BASE}/traces", headers={"Authorization": f"Bearer {key}"}, timeout=60).status_code


# --- two servers


def test_a_key_that_one_server_makes_opens_the_other_at_once_and_a_revoked_one_is_refused_within_a_second(
    url: str, catalog: Catalog
) -> None:
    _, administrator = catalog.create_key("root", "default", ["admin"], by="a test")
    admin = {"Authorization": f"Bearer {administrator}"}
    with running_server(url, SETTINGS) as one, running_server(url, SETTINGS) as other:
        assert traces(other, administrator) == 200
        httpx.post(f"{one}{BASE}/projects", json={"name": "shop"}, headers=admin).raise_for_status()
        given = {"name": "ann", "project": "shop", "roles": ["read", "write"]}
        made = httpx.post(f"{one}{BASE}/keys", json=given, headers=admin).json()
        statuses = [traces(server, made["secret"]) for server in (other, one)]
        with contextlib.closing(open_store(other, token=made["secret"])) as sender:
            sender.append([span("a" * 32, "b" * 16)])
        with contextlib.closing(open_store(one, token=made["secret"])) as reader:
            seen = found(reader)

        httpx.delete(f"{one}{BASE}/keys/{made['id']}", headers=admin).raise_for_status()
        at_the_same = traces(one, made["secret"])
        time.sleep(KNOWN_SECONDS)
        at_the_other = traces(other, made["secret"])

    assert statuses == [200, 200]
    assert seen == ["a" * 32]
    assert (at_the_same, at_the_other) == (401, 401)


def test_of_two_servers_that_start_first_one_shows_the_key(opened_catalog: Callable[[], Catalog]) -> None:
    one, other = opened_catalog(), opened_catalog()

    keys = [key for key in at_once(one.start, other.start) if key is not None]

    assert len(keys) == 1
    assert one.caller(str(keys[0])) is not None
    assert [project.name for project in other.projects()] == ["default"]
    assert [act.did for act in other.acts()] == ["made the key", "made the project"]


def test_of_projects_of_one_name_that_are_made_at_once_one_is_made(
    catalog: Catalog, opened_catalog: Callable[[], Catalog], connection: Connection
) -> None:
    catalogs = [opened_catalog() for _ in range(4)]

    made = at_once(*(lambda each=each: each.create_project("shop", by="a test") for each in catalogs))  # type: ignore[misc]

    assert sum(isinstance(each, ConflictError) for each in made) == 3
    assert [project.name for project in catalog.projects()] == ["default", "shop"]
    names = connection.rows(
        "SELECT count() FROM system.databases WHERE startsWith(name, ?)", [f"{connection.address.database}_shop_"]
    )
    assert names == [[1]]


def test_two_administrators_who_revoke_each_other_at_once_leave_one(
    catalog: Catalog, opened_catalog: Callable[[], Catalog]
) -> None:
    catalog.create_key("another", "default", ["admin"], by="a test")
    [one, other] = [key.id for key in catalog.keys("default")]
    catalogs = opened_catalog(), opened_catalog()

    ended = at_once(
        lambda: catalogs[0].revoke_key(one, by="a test"), lambda: catalogs[1].revoke_key(other, by="a test")
    )

    assert sum(isinstance(each, ConflictError) for each in ended) == 1
    assert [key.revoked is None for key in catalog.keys("default")].count(True) == 1


def test_acts_of_several_servers_have_each_a_number(catalog: Catalog, opened_catalog: Callable[[], Catalog]) -> None:
    catalogs = [opened_catalog() for _ in range(4)]

    at_once(*(lambda each=each: each.create_key("a", "default", ["read"], by="a test") for each in catalogs))  # type: ignore[misc]

    assert [act.number for act in catalog.acts()] == [6, 5, 4, 3, 2, 1]
    assert [act.number for act in catalog.acts(limit=2, before=4)] == [3, 2]


def test_a_sign_in_that_several_servers_revoke_at_once_is_one_act(
    catalog: Catalog, opened_catalog: Callable[[], Catalog]
) -> None:
    cookie = catalog.sign_in("ann@shop.example", "default", ["read"], seconds=60, admitted_by="x")
    [key] = [key for key in catalog.keys("default") if key.expires is not None]
    catalogs = [opened_catalog() for _ in range(4)]

    ended = at_once(*(lambda each=each: each.revoke_key(key.id, by="a test") for each in catalogs))  # type: ignore[misc]

    assert len({each.revoked for each in ended if not isinstance(each, Exception)}) == 1
    assert [act.did for act in catalog.acts()].count("revoked the key") == 1
    catalog.refresh()
    assert catalog.caller_of_cookie(cookie) is None


# --- the database


def test_a_database_of_traces_is_none_for_projects_and_the_other_way_around(
    url: str, opened: Callable[[str], Store]
) -> None:
    opened(url).append([span("a" * 32, "b" * 16)])
    with pytest.raises(StoreError, match="is a store of traces already") as refused:
        open_catalog(url)
    assert "ss%2Fword" not in str(refused.value)

    other = f"{url}p"
    open_catalog(other).close()
    with pytest.raises(StoreError, match=r"has projects, each with a database of its own: `tracer server --projects`"):
        opened(other).count_traces()


def test_nothing_that_is_kept_of_a_key_is_its_secret(catalog: Catalog, connection: Connection) -> None:
    _, secret = catalog.create_key("ann", "default", ["read"], by="a test")
    cookie = catalog.sign_in("bob@shop.example", "default", ["read"], seconds=60, admitted_by="x")
    kept = str(connection.rows("SELECT * FROM documents"))

    assert "ann" in kept
    assert "bob@shop.example" in kept
    assert secret.rpartition("-")[2] not in kept
    assert cookie not in kept
    for digest in re.findall(r"[0-9a-f]{64}", kept):
        assert catalog.caller(digest) is None
        assert catalog.caller_of_cookie(digest) is None


def test_a_deleted_project_leaves_no_database_and_no_attachment(url: str, tmp_path: Path) -> None:
    place = tmp_path / "attachments"
    with contextlib.closing(open_catalog(f"{url}?attachments={place}")) as catalog:
        catalog.start()
        projects = [catalog.create_project(name, by="a test") for name in ("shop", "lab")]
        for project in projects:
            with contextlib.closing(catalog.open_store(project)) as store:
                digest = hashlib.sha256(b"abc").hexdigest()
                line = {"kind": "attachment", "id": digest, "trace_id": "a" * 32, "mime": "text/plain"}
                sent = {**line, "content": "YWJj"}
                store.append([span("a" * 32, "b" * 16, attributes={"x": digest}), json.dumps(sent).encode()])
        kept = {path.relative_to(place).parts[0] for path in place.rglob("*") if path.is_file()}
        catalog.remove_store(catalog.delete_project("shop", by="a test"))
        left = {path.relative_to(place).parts[0] for path in place.rglob("*") if path.is_file()}

        assert kept == {project.id for project in projects}
        assert left == {projects[1].id}
        assert [catalog.has_store(project) for project in projects] == [False, True]
        late = catalog.open_store(projects[0])
        with contextlib.closing(late), pytest.raises(StoreError, match="has no tables, or none any more"):
            late.count_traces()  # and makes none
        assert not catalog.has_store(projects[0])


def test_a_store_that_was_opened_before_its_project_was_deleted_makes_no_tables(catalog: Catalog) -> None:
    project = catalog.create_project("shop", by="a test")
    with contextlib.closing(catalog.open_store(project)) as store:  # nothing is asked of it yet
        catalog.remove_store(catalog.delete_project("shop", by="a test"))

        with pytest.raises(StoreError, match="has no tables, or none any more"):
            store.append([span("a" * 32, "b" * 16)])
    assert not catalog.has_store(project)


def test_what_is_left_of_a_project_whose_making_broke_off_is_removed_later(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = made_project("shop", None, None)
    catalog._begin(begun)  # type: ignore[attr-defined]  # and killed then
    catalog.remove_leftovers()
    assert catalog.has_store(begun)  # it may still be made

    monkeypatch.setattr("tracer._catalog.clickhouse._MAKING_SECONDS", 0)
    again = made_project("shop", None, None)
    catalog._begin(again)  # type: ignore[attr-defined]
    catalog.remove_leftovers()
    assert (catalog.has_store(begun), catalog.has_store(again)) == (True, False)
    assert [project.name for project in catalog.projects()] == ["default"]


def test_a_store_of_clickhouse_is_not_asked_for_what_there_is_to_index(
    url: str, opened: Callable[[str], Store]
) -> None:
    indexer = Indexer(lambda: opened(url))
    indexer.start()

    assert indexer._thread is not None
    indexer._thread.join(30)
    assert not indexer._thread.is_alive()


def test_the_rows_of_expired_sign_ins_are_deleted(catalog: Catalog, connection: Connection) -> None:
    catalog.sign_in("ann@shop.example", "default", ["read"], seconds=0, admitted_by="x")
    catalog._cleaned_at = float("-inf")  # type: ignore[attr-defined]
    catalog.sign_in("bob@shop.example", "default", ["read"], seconds=60, admitted_by="x")

    assert connection.rows("SELECT count() FROM documents WHERE kind = 'sign-in'") == [[1]]


def test_each_statement_for_projects_on_a_cluster_is_one_that_the_engine_parses(server: str) -> None:
    with contextlib.closing(Connection(parse_address(f"clickhouse://{server}/default"))) as connection:
        for text in statements(parse_address("clickhouse://db/traces?cluster=main"), CATALOG):
            assert "ON CLUSTER main" in text
            assert connection.rows(f"EXPLAIN AST {text}")
        assert connection.rows("EXPLAIN AST DROP DATABASE IF EXISTS traces_shop ON CLUSTER main SYNC")


def test_a_database_of_projects_is_served_as_nothing_else(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    open_catalog(url).close()

    assert run(["server", "--port", "0", "--store", url]) == 2
    assert "has projects, each with a database of its own: add --projects" in capfd.readouterr().err


def test_projects_on_a_cluster_wait_for_the_command(url: str) -> None:
    with pytest.raises(StoreError, match="run `tracer migrate --projects`"):
        open_catalog(f"{url}?cluster=main")


# --- commands


def test_the_commands_of_administrators_work_on_the_database(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        assert run([*arguments, "--store", url]) == code
        out, err = capfd.readouterr()
        assert "ss%2Fword" not in out + err
        return out + err

    assert "has no projects; `tracer server --projects --store clickhouse://" in said("keys", "list", code=1)
    assert not has_projects(url)
    assert said("migrate", "--projects").endswith("brought up to date, schema 1\n")
    with contextlib.closing(open_catalog(url)) as catalog:
        catalog.start()
    said("projects", "create", "shop", "--requests-a-minute", "600")
    secret = said("keys", "create", "checkout", "--project", "shop", "--role", "write").splitlines()[0]
    keys = [json.loads(line) for line in said("keys", "list", "--project", "shop", "--json").splitlines()]
    migrated = json.loads(said("migrate", "--json"))
    said("projects", "delete", "shop", "--yes")

    assert secret.startswith("tracer-")
    assert [(key["name"], key["roles"]) for key in keys] == [("checkout", ["write"])]
    assert (migrated["before"], migrated["after"]) == (1, 1)
    same = {"before": STORE.version, "after": STORE.version}
    assert migrated["projects"] == [{"project": name, **same} for name in ("default", "shop")]
    assert [line.split()[-2:] for line in said("projects", "list").splitlines() if "shop" in line] == []


def test_migrate_makes_the_tables_of_a_project_whose_making_broke_off(
    url: str, catalog: Catalog, connection: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    project = catalog.create_project("shop", by="a test")
    catalog.remove_store(project)
    with pytest.raises(StoreError, match="`tracer migrate` makes those of projects"):
        catalog.open_store(project).count_traces()

    assert run(["migrate", "--store", url]) == 0

    assert "shop: brought up to date" in capfd.readouterr().out
    with contextlib.closing(catalog.open_store(project)) as store:
        assert store.count_traces() == 0


# --- an engine that is away


@pytest.mark.slow
@pytest.mark.skipif(find_spec("chdb") is None, reason="tests/run.py makes an environment with it")
def test_keys_are_not_called_wrong_while_the_engine_hangs(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (engine, address):
        place = f"clickhouse://{address}/traces"
        with contextlib.closing(open_catalog(place)) as catalog:
            catalog.start()
            _, key = catalog.create_key("prometheus", "default", ["metrics"], by="a test")
        with running_server(place, SETTINGS) as url, httpx.Client(timeout=60) as client:

            def asks(with_key: str) -> httpx.Response:
                return client.get(f"{url}/metrics", headers={"Authorization": f"Bearer {with_key}"})

            before = asks(key).status_code
            time.sleep(KNOWN_SECONDS)
            engine.send_signal(signal.SIGSTOP)
            known, unknown = asks(key), asks("x" * 40)
            sign_in = client.post(f"{url}{BASE}/sign-in", json={"token": "x" * 40})
            engine.send_signal(signal.SIGCONT)
            after = [asks(key).status_code, asks("x" * 40).status_code]

    assert (before, known.status_code, unknown.status_code) == (200, 200, 503)
    assert sign_in.status_code == 503
    assert "projects and keys cannot be read" in unknown.text
    assert after == [200, 401]
