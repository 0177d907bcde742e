"""A server of several projects: each key opens its own project, for what its roles allow."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from tests.engines import ENGINE, projects_url
from tests.server.conftest import ROOT_ID, START, TRACE_ID, chat, client_of, span
from tests.server.test_openapi import problems
from tests.waiting import until
from tracer._catalog.catalog import Catalog
from tracer._catalog.keys import Role
from tracer._catalog.opening import open_catalog
from tracer._catalog.rows import Project
from tracer.server import ServerSettings, running_server, served
from tracer.server.access import Needs, is_allowed
from tracer.server.answer import AnswerError
from tracer.server.openapi import document
from tracer.server.operations import BASE
from tracer.server.projects import projects
from tracer.server.projects.callers import KNOWN_SECONDS
from tracer.server.projects.quota import Quota
from tracer.server.retention import Retention

pytestmark = pytest.mark.no_store
SETTINGS = ServerSettings(port=0, projects=True)
NDJSON = {"Content-Type": "application/x-ndjson"}
SECRET_WORD = "Zanzibar"
WORD = SECRET_WORD.encode()
DIGEST = hashlib.sha256(WORD).hexdigest()
MODEL_ID = "m-" + "a" * 32
IDS = {
    "trace_id": TRACE_ID,
    "span_id": ROOT_ID,
    "session_id": f"session-{SECRET_WORD}",
    "key": SECRET_WORD,
    "assessment_id": f"a-{SECRET_WORD}",
    "model_id": MODEL_ID,
    "run_id": f"r-{SECRET_WORD}",
    "name": f"prompt-{SECRET_WORD}",
    "alias": "production",
    "owner": f"1-{SECRET_WORD}",
    "file": "model.txt",
    "digest": DIGEST,
    "project": "shop",
}
ENDLESS = f"{BASE}/events"
SIGN_IN = {f"{BASE}/sign-in", f"{BASE}/sign-in/oidc", f"{BASE}/sign-in/oidc/back", f"{BASE}/sign-out"}
OPEN = {f"{BASE}/server", *SIGN_IN, "/health", "/ready"}


class Shop(NamedTuple):
    """A server with the projects shop, which is full, and other, which is empty."""

    url: str
    catalog: Catalog
    administrator: str

    def key(self, project: str, *roles: Role) -> str:
        return self.catalog.create_key("of a test", project, roles, by="a test")[1]

    def sees(self) -> None:
        """Wait until the server has to know what was changed beside it."""
        if self.catalog.keeps_copy:
            time.sleep(KNOWN_SECONDS)

    def client(self, key: str) -> httpx.Client:
        client = client_of(self.url)
        client.headers["Authorization"] = f"Bearer {key}"
        return client


of_the_file = pytest.mark.skipif(ENGINE != "sqlite", reason="it looks into the file; tests/clickhouse has its like")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from shop_in(projects_url(tmp_path / "all"))


def shop_in(place: str, settings: ServerSettings = SETTINGS) -> Iterator[Shop]:
    catalog = open_catalog(place)
    administrator = catalog.start()
    assert administrator is not None
    for name in ("shop", "other"):
        catalog.create_project(name, by="a test")
    with running_server(place, settings) as url:
        yield Shop(url, catalog, administrator)
    catalog.close()


def records() -> list[dict[str, Any]]:
    """A bit of everything, with the secret word in each of its texts."""
    metadata = {"tracer.evaluation.run": IDS["run_id"]}
    said = {"json": {"tracer.inputs": {"question": SECRET_WORD}, "tracer.outputs": SECRET_WORD}}
    return [
        span(name=SECRET_WORD, **said),
        chat(name=SECRET_WORD),
        {"kind": "start", "trace_id": TRACE_ID, "span_id": "f" * 16, "parent_id": ROOT_ID, "name": "x", "start": START},
        {
            "kind": "trace", "trace_id": TRACE_ID, "time": START, "session_id": IDS["session_id"], "user": SECRET_WORD,
            "model_id": MODEL_ID, "tags": {SECRET_WORD: SECRET_WORD}, "run_id": IDS["run_id"],
        },
        {"kind": "model", "model_id": MODEL_ID, "name": SECRET_WORD, "time": 1},
        {"kind": "registered", "of": "prompt", "name": IDS["name"], "id": "1", "content": {"template": SECRET_WORD}},
        {"kind": "alias", "of": "prompt", "name": IDS["name"], "alias": "production", "id": "1"},
        {"kind": "run", "run_id": IDS["run_id"], "time": 1, "name": SECRET_WORD, "metrics": {"rows": 1}},
        {
            "kind": "assessment", "id": IDS["assessment_id"], "trace_id": TRACE_ID, "name": SECRET_WORD,
            "type": "feedback", "value": SECRET_WORD, "metadata": metadata, "time": 9,
        },
        {"kind": "attachment", "id": DIGEST, "trace_id": TRACE_ID, "mime": "text/plain", "content": "WmFuemliYXI="},
    ]  # fmt: skip


def send(client: httpx.Client, *given: dict[str, Any]) -> httpx.Response:
    content = b"\n".join(map(orjson.dumps, given))
    return client.post(f"{BASE}/records?owner={IDS['owner']}", content=content, headers=NDJSON)


# --- every operation of the OpenAPI document

OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
]


def path_of(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "none"), path)


def request(
    client: httpx.Client, method: str, path: str, operation: dict[str, Any], ids: dict[str, str]
) -> httpx.Response:
    """A call of an operation, with a body of the kind that it takes; one without an end is left at its beginning."""
    kinds = operation.get("requestBody", {}).get("content", {})
    kind = next(iter(kinds), None)
    content = {None: None, "application/x-ndjson": b"", "application/octet-stream": b"x"}.get(kind, b"{}")
    headers = {} if kind is None else {"Content-Type": kind}
    with client.stream(method, path_of(path, ids), content=content, headers=headers) as answer:
        if path != ENDLESS:
            answer.read()
    return answer


def needed(operation: dict[str, Any]) -> list[set[str]]:
    """The sets of roles with which an operation may be called, as the document says."""
    return [set(each["token"]) for each in operation["security"] if "token" in each]


def ids_of(shop: Shop, reader: httpx.Client) -> dict[str, str]:
    """Ids of everything in the project shop."""
    dataset_id = reader.post(f"{BASE}/datasets", json={"name": f"dataset-{SECRET_WORD}"}).json()["dataset_id"]
    reader.post(f"{BASE}/datasets/{dataset_id}/rows", json={"rows": [{"inputs": {"question": SECRET_WORD}}]})
    [row] = reader.get(f"{BASE}/datasets/{dataset_id}/rows").json()["rows"]
    scores = [{"name": SECRET_WORD, "kind": "yes_no"}]
    queue = reader.post(f"{BASE}/review-queues", json={"name": f"queue-{SECRET_WORD}", "scores": scores}).json()
    files = f"{BASE}/models/{MODEL_ID}/files"
    reader.put(f"{files}/model.txt", content=WORD, headers={"Content-Type": "application/octet-stream"})
    reader.post(files, json={"files": {"model.txt": DIGEST}}).raise_for_status()
    return {**IDS, "dataset_id": dataset_id, "row_id": row["row_id"], "queue_id": queue["queue_id"]}


def everything(client: httpx.Client, ids: dict[str, str]) -> dict[str, tuple[int, bytes]]:
    """What all operations say that only read."""
    return {
        path: (answer.status_code, re.sub(rb'"(seq|position)":\d+', b"", answer.content))
        for method, path, operation in OPERATIONS
        if method == "GET" and path != ENDLESS and path not in (f"{BASE}/keys", f"{BASE}/projects", f"{BASE}/audit-log")
        for answer in [request(client, method, path, operation, ids)]
    }


@pytest.mark.parametrize("roles", [("read", "write"), ("admin",)])
def test_no_operation_shows_or_changes_anything_of_another_project(roles: tuple[Role, ...], shop: Shop) -> None:
    ours, theirs = shop.client(shop.key("shop", "read", "write")), shop.client(shop.key("other", *roles))
    with ours, theirs:
        assert send(ours, *records()).status_code == 204
        ids = ids_of(shop, ours)
        before = everything(ours, ids)
        assert sum(SECRET_WORD.encode() in content for _, content in before.values()) > 20  # there is much to be seen

        for method, path, operation in OPERATIONS:
            if path == f"{BASE}/projects/{{project}}" and "admin" in roles:
                continue  # administrators delete projects, and do not see into them
            answer = request(theirs, method, path, operation, ids)
            shown = b"" if path == ENDLESS else answer.content
            # an error may name what was asked for
            assert answer.status_code >= 400 or SECRET_WORD.encode() not in shown, (method, path)
        for filter in (f"text CONTAINS '{SECRET_WORD}'", f"name = '{SECRET_WORD}'", f"trace_id = '{TRACE_ID}'"):
            assert theirs.get(f"{BASE}/traces", params={"filter": filter}).json()["traces"] == []
        theirs.post(f"{BASE}/traces/delete", json={"trace_ids": [TRACE_ID]})
        theirs.post(f"{BASE}/traces/delete", json={"filter": "spans > 0"})

        assert everything(ours, ids) == before
        assert theirs.get(f"{BASE}/attachments/{DIGEST}").status_code == 404


@pytest.mark.parametrize("roles", [("read",), ("write",), ("read", "write"), ("metrics",), ("admin",)])
def test_every_operation_is_refused_to_a_key_whose_role_may_not(roles: tuple[Role, ...], shop: Shop) -> None:
    with shop.client(shop.key("shop", *roles)) as client:
        for method, path, operation in OPERATIONS:
            if "admin" in roles and path == f"{BASE}/projects/{{project}}":
                continue  # it would be deleted
            answer = request(client, method, path, operation, IDS)
            may = "admin" in roles or any(each <= set(roles) for each in needed(operation)) or path in OPEN
            assert (answer.status_code == 403) == (not may or (path.endswith("/try-again") and method == "POST")), (
                method, path, answer.status_code,
            )  # fmt: skip


def test_without_a_key_or_with_a_wrong_one_no_operation_answers(shop: Shop) -> None:
    revoked, secret = shop.catalog.create_key("gone", "shop", ["read", "write"], by="a test")
    shop.catalog.revoke_key(revoked.id, by="a test")
    shop.sees()
    for key in ("none", "x", secret, secret[:-1]):
        with shop.client(key) as client:
            for method, path, operation in OPERATIONS:
                if path not in OPEN:
                    assert request(client, method, path, operation, IDS).status_code == 401, (method, path)


def test_only_what_a_program_sends_needs_no_role_to_read() -> None:
    found = {operation["operationId"] for _, _, operation in OPERATIONS if {"write"} in needed(operation)}

    assert found == {
        "take_records", "take_spans", "take_spans_of_langfuse", "take_logs", "drop_metrics", "owner_gone",
        "update_trace", "set_tag", "add_assessment", "take_part", "keep_files",
        # and what a program looks up of its own versions, prompts and runs
        "list_models", "list_registered", "list_runs", "list_experiments", "list_models_with_files", "list_files",
        "get_part",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("needs", "roles"),
    [
        ("read", "read"),
        ("write", "write"),
        ("either", "read"),
        ("either", "write"),
        ("key", "write"),
        ("both", "admin"),
        ("metrics", "metrics"),
    ],
)
def test_an_administrator_may_do_everything_and_others_what_their_role_says(needs: Needs, roles: Role) -> None:
    assert is_allowed(needs, [roles])
    assert is_allowed(needs, ["admin"])
    assert not is_allowed("admin", ["read", "write"])
    assert not is_allowed("both", ["read"])
    assert not is_allowed("both", ["write"])


# --- keys


def test_a_key_opens_the_api_as_a_bearer_token_a_basic_password_and_a_sign_in(shop: Shop) -> None:
    key = shop.key("shop", "read")
    with client_of(shop.url) as client:
        assert client.get(f"{BASE}/traces", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        assert client.get(f"{BASE}/traces", auth=("pk", key)).status_code == 200
        assert client.get(f"{BASE}/traces").status_code == 401
        assert client.post(f"{BASE}/sign-in", json={"token": key}).status_code == 204
        assert client.get(f"{BASE}/traces").status_code == 200

        found = client.get(f"{BASE}/server").json()
        assert problems(found, "Server") == []
        assert (found["project"], found["roles"], found["store"]) == ("shop", ["read"], "shop")
        client.post(f"{BASE}/sign-out")
        assert client.get(f"{BASE}/traces").status_code == 401


def test_a_key_for_figures_shows_nothing_else(shop: Shop) -> None:
    with shop.client(shop.key("shop", "metrics")) as client:
        assert "tracer_spans_accepted_total" in client.get("/metrics").text
        assert client.get(f"{BASE}/traces").status_code == 403
        assert send(client, *records()).status_code == 403
        assert client.post(f"{BASE}/sign-in", json={"token": shop.key("shop", "metrics")}).status_code == 403


DELETIONS: list[dict[str, Any]] = [
    {"kind": "run", "run_id": IDS["run_id"], "time": 9, "deleted": True},
    {"kind": "model", "model_id": MODEL_ID, "time": 9, "deleted": True},
    {"kind": "alias", "of": "prompt", "name": IDS["name"], "alias": "production", "time": 9},
    {"kind": "alias", "of": "prompt", "name": IDS["name"], "alias": "production", "time": 9, "id": 5},
    {"kind": "restore", "trace_id": TRACE_ID},
]


SHOWN_OF_RECORDS = (f"traces/{TRACE_ID}", "runs", "versions", f"registered?kind=prompt&name={IDS['name']}")


def shown_of_records(reader: httpx.Client) -> list[str]:
    """What the server says of them, without the numbers of changes."""
    return [re.sub(r'"seq":\d+', "", reader.get(f"{BASE}/{path}").text) for path in SHOWN_OF_RECORDS]


@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda each: str(each["kind"]))
@pytest.mark.parametrize("spelling", ["plain", "escaped", "nested", "no utf-8"])
def test_a_key_that_only_sends_deletes_nothing_by_records_either(
    deletion: dict[str, Any], spelling: str, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    line = orjson.dumps(deletion)
    for word in (b"deleted", b"restore", b"alias") if spelling == "escaped" else ():
        line = line.replace(word, b"\\u%04x" % word[0] + word[1:])
    more = {"nested": b"[" * 1000 + b"]" * 1000, "no utf-8": b'"\xff"'}.get(spelling, b"0")
    line = line[:-1] + b',"x":' + more + b"}"
    writer, reader = shop.client(shop.key("shop", "write")), shop.client(shop.key("shop", "read", "write"))
    with writer, reader:
        assert send(writer, *records()).status_code == 204
        if deletion["kind"] == "restore":
            assert reader.delete(f"{BASE}/traces/{TRACE_ID}").status_code == 204
        before = shown_of_records(reader)

        sent = writer.post(f"{BASE}/records", content=line + b"\n" + orjson.dumps(chat()), headers=NDJSON)

        assert sent.status_code == 204
        assert shown_of_records(reader) == before
        assert "1 records that delete or restore were left out" in caplog.text
        assert send(reader, deletion).status_code == 204
        if deletion["kind"] != "restore":
            assert shown_of_records(reader) != before


def test_a_key_that_only_sends_changes_what_programs_change_and_no_step(shop: Shop) -> None:
    path = f"{BASE}/traces/{TRACE_ID}"
    writer, reader = shop.client(shop.key("shop", "write")), shop.client(shop.key("shop", "read", "write"))
    with writer, reader:
        assert send(reader, *records()).status_code == 204
        steps = reader.get(path).json()["spans"]

        assert writer.patch(path, json={"tags": {SECRET_WORD: "other"}, "user": "other"}).status_code == 204
        changed = reader.get(path).json()["trace"]
        assert (changed["tags"], changed["user"]) == ({SECRET_WORD: "other"}, "other")
        assert writer.patch(path, json={"tags": {SECRET_WORD: None}}).status_code == 204
        assert writer.put(f"{path}/tags/env", json={"value": "test"}).status_code == 204
        given = {**records()[8], "value": "other", "time": 99}
        version = {**records()[5], "content": {"template": "other"}}
        assert send(writer, given, version, span(name="other"), chat(name="other")).status_code == 204

        trace = reader.get(path).json()
        assert trace["trace"]["tags"] == {"env": "test"}
        assert trace["trace"]["assessments"][0]["value"] == "other"
        assert trace["spans"] == steps
        found = reader.get(f"{BASE}/registered?kind=prompt&name={IDS['name']}").json()["registered"]
        assert found[0]["content"] == {"template": SECRET_WORD}
        assert writer.get(f"{BASE}/traces").status_code == writer.get(path).status_code == 403
        assert writer.delete(f"{path}/tags/env").status_code == 403


def test_a_key_that_only_sends_does_not_open_the_page(shop: Shop) -> None:
    with client_of(shop.url) as client:
        answer = client.post(f"{BASE}/sign-in", json={"token": shop.key("shop", "write")})

        assert answer.status_code == 403
        assert "role read" in answer.json()["error"]["message"]
        assert client.post(f"{BASE}/sign-in", json={"token": "none"}).status_code == 401


def test_a_revoked_key_ends_its_sign_in_and_its_live_updates(shop: Shop) -> None:
    key, secret = shop.catalog.create_key("ann", "shop", ["read", "write"], by="a test")
    with client_of(shop.url) as browser, shop.client(shop.key("shop", "write")) as program:
        browser.post(f"{BASE}/sign-in", json={"token": secret})
        with browser.stream("GET", f"{BASE}/events") as events:
            lines = events.iter_lines()
            assert next(lines) == "event: change"
            shop.catalog.revoke_key(key.id, by="a test")
            shop.sees()
            send(program, *records())
            left = list(lines)  # ends

        assert not any("event" in line for line in left)
        assert browser.get(f"{BASE}/traces").status_code == 401


@of_the_file
def test_what_is_kept_of_a_key_opens_nothing(shop: Shop) -> None:
    secret = shop.key("shop", "read")
    folder = Path(shop.catalog.url)
    with sqlite3.connect(folder / "catalog.db") as database:
        kept = database.execute("SELECT id, digest, cookie_digest FROM keys").fetchall()
    database.close()
    text = b"".join(file.read_bytes() for file in folder.glob("catalog.db*"))
    with client_of(shop.url) as client:
        client.post(f"{BASE}/sign-in", json={"token": secret})
        [(name, cookie)] = client.cookies.items()
        client.cookies.clear()

        assert secret.encode() not in text
        assert cookie.encode() not in text
        for row in kept:
            for value in (row[0], row[1].hex(), row[2].hex()):
                assert client.get(f"{BASE}/traces", headers={"Authorization": f"Bearer {value}"}).status_code == 401
                assert client.get(f"{BASE}/traces", headers={"Cookie": f"{name}={value}"}).status_code == 401


def test_a_key_is_a_secret_in_what_is_recorded(shop: Shop) -> None:
    key = shop.key("shop", "read", "write")
    with shop.client(key) as client:
        send(client, span(json={"tracer.inputs": f"tracer keys said {key} to me"}))
        shown = client.get(f"{BASE}/traces/{TRACE_ID}/records").text

    assert "tracer keys said" in shown
    assert key not in shown


def test_the_last_use_of_a_key_is_written_down_after_its_requests(tmp_path: Path) -> None:
    for shop in shop_in(projects_url(tmp_path / "all")):
        key, secret = shop.catalog.create_key("ann", "shop", ["read"], by="a test")
        unused, _ = shop.catalog.create_key("bob", "shop", ["read"], by="a test")
        with shop.client(secret) as client:
            client.get(f"{BASE}/traces")
    with contextlib.closing(open_catalog(projects_url(tmp_path / "all"))) as catalog:
        used = {found.id: found.last_used for found in catalog.keys("shop")}

    assert (used[key.id] or 0) > key.created
    assert used[unused.id] is None


# --- administrators


def test_administrators_make_list_and_revoke_keys_and_projects(shop: Shop) -> None:
    with shop.client(shop.administrator) as client:
        project = client.post(f"{BASE}/projects", json={"name": "new", "requests_a_minute": 100})
        assert (project.status_code, problems(project.json(), "Project")) == (201, [])
        assert problems(client.get(f"{BASE}/projects").json(), "Projects") == []
        changed = client.patch(f"{BASE}/projects/new", json={"bytes_a_minute": 1000}).json()
        assert (changed["requests_a_minute"], changed["bytes_a_minute"]) == (100, 1000)
        made = client.post(f"{BASE}/keys", json={"name": "ann", "project": "new", "roles": ["read", "write"]})
        assert (made.status_code, problems(made.json(), "MadeKey")) == (201, [])
        with shop.client(made.json()["secret"]) as ann:
            assert ann.get(f"{BASE}/traces").json()["traces"] == []
            keys = client.get(f"{BASE}/keys", params={"project": "new"}).json()
            assert problems(keys, "Keys") == []
            assert [key["name"] for key in keys["keys"]] == ["ann"]
            assert made.json()["secret"] not in client.get(f"{BASE}/keys").text
            assert client.delete(f"{BASE}/keys/{made.json()['id']}").status_code == 204
            assert ann.get(f"{BASE}/traces").status_code == 401
        assert client.delete(f"{BASE}/projects/new").status_code == 204

        log = client.get(f"{BASE}/audit-log").json()
        assert problems(log, "Acts") == []
        assert [act["did"] for act in log["acts"][:5]] == [
            "deleted the project",
            "revoked the key",
            "made the key",
            "changed the project",
            "made the project",
        ]
        assert {act["who"].split(maxsplit=1)[1] for act in log["acts"][:5]} == {"'first administrator'"}
        assert made.json()["secret"] not in str(log)
        assert [act["number"] for act in client.get(f"{BASE}/audit-log?limit=1&before=3").json()["acts"]] == [2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/projects", {"name": "Shop"}, 400),
        ("POST", "/projects", {"name": "../x"}, 400),
        ("POST", "/projects", {"name": "shop"}, 409),
        ("POST", "/projects", {"name": "a", "color": "red"}, 400),
        ("POST", "/projects", {"name": "a", "requests_a_minute": 0}, 400),
        ("POST", "/projects", {"name": "a", "bytes_a_minute": "1"}, 400),
        ("PATCH", "/projects/none", {"bytes_a_minute": 1}, 404),
        ("DELETE", "/projects/none", None, 404),
        ("GET", "/keys?project=none", None, 404),
        ("DELETE", "/keys/none", None, 404),
        ("POST", "/keys", {"name": "a", "project": "none", "roles": ["read"]}, 404),
        ("POST", "/keys", {"name": "a", "project": "shop", "roles": []}, 400),
        ("POST", "/keys", {"name": "a", "project": "shop", "roles": ["king"]}, 400),
        ("POST", "/keys", {"name": "a", "project": "shop", "roles": [["read"]]}, 400),
        ("POST", "/keys", {"name": "a\nb", "project": "shop", "roles": ["read"]}, 400),
        ("POST", "/keys", {"project": "shop", "roles": ["read"]}, 400),
    ],
)
def test_administrators_are_told_what_is_wrong(
    method: str, path: str, body: dict[str, Any] | None, status: int, shop: Shop
) -> None:
    with shop.client(shop.administrator) as client:
        answer = client.request(method, f"{BASE}{path}", json=body)

        assert answer.status_code == status
        assert problems(answer.json(), "Error") == []


def test_the_last_administrator_stays(shop: Shop) -> None:
    with shop.client(shop.administrator) as client:
        [key] = [key for key in client.get(f"{BASE}/keys").json()["keys"] if "admin" in key["roles"]]
        assert client.delete(f"{BASE}/keys/{key['id']}").status_code == 409
        assert client.delete(f"{BASE}/projects/default").status_code == 409
        shop.key("shop", "admin")
        assert client.delete(f"{BASE}/keys/{key['id']}").status_code == 204


def test_a_server_of_one_store_has_no_projects(tmp_path: Path) -> None:
    with running_server(tmp_path / "tracer.db") as url, client_of(url) as client:
        assert client.get(f"{BASE}/keys").status_code == 404
        assert client.post(f"{BASE}/projects", json={"name": "a"}).status_code == 404
        found = client.get(f"{BASE}/server").json()

    assert (found["project"], found["roles"]) == (None, None)


# --- deleted projects


@pytest.mark.sqlite_only("ClickHouse has a database for each project")
def test_a_project_whose_folder_is_a_link_is_deleted(shop: Shop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("of somebody else")
    project = shop.catalog.project("shop")
    stores = Path(shop.catalog.url, "projects")
    stores.mkdir(exist_ok=True)
    (stores / f"shop-{project.id}.db.attachments").symlink_to(elsewhere)

    shop.catalog.remove_store(shop.catalog.delete_project("shop", by="a test"))

    assert list(stores.glob("shop*")) == []
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize("by", ["the server", "another process"])
def test_a_deleted_project_is_gone_and_one_of_its_name_is_new(by: str, shop: Shop) -> None:
    key = shop.key("shop", "read", "write")
    stores, project = Path(shop.catalog.url, "projects"), shop.catalog.project("shop")
    with shop.client(key) as client, shop.client(shop.administrator) as administrator:
        send(client, *records())
        ids_of(shop, client)
        assert shop.catalog.has_store(project)
        if ENGINE == "sqlite":
            assert {path.suffix for path in stores.iterdir()} >= {".db", ".models"}

        if by == "the server":
            administrator.delete(f"{BASE}/projects/shop").raise_for_status()
        else:
            shop.catalog.remove_store(shop.catalog.delete_project("shop", by=by))
            shop.sees()

        assert not shop.catalog.has_store(project)
        assert list(stores.glob("shop*")) == []
        assert client.get(f"{BASE}/traces").status_code == 401
        administrator.post(f"{BASE}/projects", json={"name": "shop"}).raise_for_status()
        assert client.get(f"{BASE}/traces").status_code == 401
        with shop.client(shop.key("shop", "read")) as new:
            assert new.get(f"{BASE}/traces").json()["traces"] == []


@pytest.mark.parametrize("by", ["the server", "whoever asks for it"])
def test_what_is_left_of_a_project_whose_deleting_broke_off_is_removed(
    by: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "_EVERY_SECONDS", 0.05)
    with shop.client(shop.key("shop", "read", "write")) as client:
        send(client, *records()).raise_for_status()
    other = shop.catalog.project("other")
    with contextlib.closing(shop.catalog.open_store(other)) as store:
        store.count_traces()

    deleted = shop.catalog.delete_project("shop", by="a test")  # and killed before it removes the store
    if by == "the server":
        with running_server(shop.catalog.url, SETTINGS):
            assert until(lambda: not shop.catalog.has_store(deleted))
    else:
        shop.catalog.remove_leftovers()

    assert not shop.catalog.has_store(deleted)
    assert shop.catalog.has_store(other)
    shop.catalog.remove_leftovers()


# --- limits


def test_limits_that_are_changed_at_once_are_both_kept(shop: Shop) -> None:
    with contextlib.closing(open_catalog(shop.catalog.url)) as other, ThreadPoolExecutor(2) as pool:
        for number in range(1, 6):
            changes = [
                pool.submit(shop.catalog.change_project, "shop", {"requests_a_minute": number}, by="a test"),
                pool.submit(other.change_project, "shop", {"bytes_a_minute": number}, by="a test"),
            ]
            for each in changes:
                each.result()
            found = shop.catalog.project("shop")
            assert (found.requests_a_minute, found.bytes_a_minute) == (number, number)


def test_a_project_that_sends_too_much_is_told_to_wait_and_others_are_not(shop: Shop) -> None:
    shop.catalog.change_project("shop", {"requests_a_minute": 3, "bytes_a_minute": None}, by="a test")
    shop.sees()
    with shop.client(shop.key("shop", "read", "write")) as client, shop.client(shop.key("other", "read")) as other:
        statuses = [client.get(f"{BASE}/traces").status_code for _ in range(3)]
        refused = client.get(f"{BASE}/traces")
        otlp = client.post("/v1/traces", content=b"{}", headers={"Content-Type": "application/json"})

        assert statuses == [200, 200, 200]
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert otlp.status_code == 429
        assert other.get(f"{BASE}/traces").status_code == 200


def test_an_administrator_changes_the_limit_of_a_project_that_has_reached_it(shop: Shop) -> None:
    shop.catalog.change_project("default", {"requests_a_minute": 1, "bytes_a_minute": None}, by="a test")
    shop.sees()
    with shop.client(shop.administrator) as client:
        assert [client.get(f"{BASE}/traces").status_code for _ in range(2)] == [200, 429]
        assert client.patch(f"{BASE}/projects/default", json={"requests_a_minute": None}).status_code == 200
        assert client.get(f"{BASE}/traces").status_code == 200


def test_bytes_count_as_they_are_received_and_a_large_body_is_taken_whole(shop: Shop) -> None:
    shop.catalog.change_project("shop", {"requests_a_minute": None, "bytes_a_minute": 1000}, by="a test")
    shop.sees()
    with shop.client(shop.key("shop", "write")) as client:
        assert send(client, span(json={"tracer.outputs": "x" * 3000})).status_code == 204
        refused = send(client, span())

        assert refused.status_code == 429
        assert 60 < int(refused.headers["retry-after"]) <= 240


def test_a_quota_fills_up_evenly() -> None:
    project = Project("1", "shop", 0, 60, None)
    quota = Quota()
    for _ in range(60):
        quota.admit(project, 0.0)
    with pytest.raises(AnswerError) as refused:
        quota.admit(project, 0.0)
    assert refused.value.retry_after == 1
    quota.admit(project, 1.0)
    with pytest.raises(AnswerError):
        quota.admit(project, 1.0)
    for _ in range(60):
        quota.admit(project, 3600.0)
    with pytest.raises(AnswerError):
        quota.admit(project, 3600.0)


# --- stores of projects


def test_a_project_without_requests_is_closed_and_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(projects, "_REQUEST_SECONDS", 0.0)
    closed: list[str] = []
    close = projects._StoreOfProject.close

    def closing(store: projects._StoreOfProject) -> None:
        close(store)
        closed.append(store._open_store.args[0].name)  # type: ignore[attr-defined]

    monkeypatch.setattr(projects._StoreOfProject, "close", closing)
    for shop in shop_in(projects_url(tmp_path / "all")):
        with shop.client(shop.key("shop", "read", "write")) as client:
            send(client, *records()).raise_for_status()
            with shop.client(shop.key("other", "read", "write")) as other:
                other.post(f"{BASE}/policies", json={"name": "old", "keep_seconds": 9}).raise_for_status()
            monkeypatch.setattr(projects, "_IDLE_SECONDS", 0.0)
            assert until(lambda: "shop" in closed)
            monkeypatch.setattr(projects, "_IDLE_SECONDS", 900.0)
            assert "other" not in closed  # its policy is kept to
            assert len(client.get(f"{BASE}/traces").json()["traces"]) == 1


def test_the_policies_of_a_project_are_kept_to_before_anybody_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shop in shop_in(projects_url(tmp_path / "all")):
        with shop.client(shop.key("shop", "read", "write")) as client:
            send(client, span()).raise_for_status()
            client.post(f"{BASE}/policies", json={"name": "old", "keep_seconds": 1}).raise_for_status()
    monkeypatch.setattr(served, "Retention", partial(Retention, every_seconds=0.02))
    place = projects_url(tmp_path / "all")
    with (
        running_server(place, SETTINGS),
        contextlib.closing(open_catalog(place)) as catalog,
        contextlib.closing(catalog.open_store(catalog.project("shop"))) as store,
    ):
        assert until(lambda: store.count_traces() == 0)
