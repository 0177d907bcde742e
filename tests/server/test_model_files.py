"""Files of logged models on a server: taken part by part, checked, never replaced, never outside of their folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

import tracer
from tracer.server import ServerSettings, running_server

TOKEN = "a-token-of-many-characters"
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server with a token, which is this process's store."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings = ServerSettings(port=0, token=TOKEN, max_model_bytes=1000)
    with running_server(f"sqlite:///{tmp_path / 'server.db'}", settings) as url:
        tracer.configure(store=url, token=TOKEN)
        yield url
        tracer.reset()


@pytest.fixture
def api(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server}/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


def test_files_are_taken_of_known_versions_alone_and_never_replaced(api: httpx.Client, server: str) -> None:
    version = tracer.create_external_model("v1")
    files = f"/models/{version.model_id}/files"
    unknown = f"/models/m-{'0' * 32}/files"

    def put(path: str) -> int:
        return api.put(path, content=b"x", headers=BINARY).status_code

    assert [put(f"{files}/a"), put(f"{unknown}/a"), put("/models/x/files/a")] == [204, 404, 400]
    assert put("/models/..%2f..%2fetc/files/a") in (400, 404, 405)
    assert api.post(files, json={"files": {"a": hashlib.sha256(b"x").hexdigest()}}).status_code == 204
    assert put(f"{files}/a") == 400
    assert api.post(files, json={"files": {"a": "0"}}).status_code == 400
    assert [api.get(unknown).status_code, api.get(f"{files}/b").status_code] == [404, 404]


def test_a_token_is_needed(api: httpx.Client, server: str) -> None:
    version = tracer.create_external_model("v1")
    files = f"{server}/api/v1/models/{version.model_id}/files"

    answers = (
        httpx.put(f"{files}/a", content=b"x", headers=BINARY),
        httpx.post(files, json={"files": {"a": "0"}}),
        *(httpx.get(url) for url in (files, f"{files}/a", f"{server}/api/v1/models/files")),
    )

    assert {answer.status_code for answer in answers} == {401}


def test_a_model_has_a_largest_size(api: httpx.Client) -> None:
    version = tracer.create_external_model("v1")
    files = f"/models/{version.model_id}/files"

    def put(name: str) -> int:
        return api.put(f"{files}/{name}", content=bytes(400), headers=BINARY).status_code

    assert [put("a"), put("b"), put("c")] == [204, 204, 413]


def test_files_that_nobody_finished_are_forgotten_after_a_day(api: httpx.Client, tmp_path: Path) -> None:
    kept = tmp_path / "server.db.models"
    first, second = tracer.create_external_model("v1"), tracer.create_external_model("v2")
    api.put(f"/models/{first.model_id}/files/a", content=b"x", headers=BINARY)
    (left,) = kept.iterdir()
    os.utime(left, (0, 0))

    api.put(f"/models/{second.model_id}/files/a", content=b"x", headers=BINARY)

    assert [path.name for path in kept.iterdir()] == [f".{second.model_id}.incoming"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a\\x", "a//x", "./x", "x" * 1001, "a/%00x"])
def test_a_file_outside_of_the_folder_is_refused(name: str, api: httpx.Client, tmp_path: Path) -> None:
    version = tracer.create_external_model("v1")
    place = f"/models/{version.model_id}/files/{quote(name, safe='%')}"

    statuses = {api.put(place, content=b"x", headers=BINARY).status_code, api.get(place).status_code}

    assert statuses <= {400, 404}
    assert not list(tmp_path.rglob("x"))


def test_parts_may_be_sent_again_and_digests_are_checked(api: httpx.Client, tmp_path: Path) -> None:
    version = tracer.create_external_model("v1")
    files = f"/models/{version.model_id}/files"

    def put(content: bytes, offset: int) -> int:
        return api.put(f"{files}/a/b", params={"offset": offset}, content=content, headers=BINARY).status_code

    def keep(digest: str) -> int:
        return api.post(files, json={"files": {"a/b": digest}}).status_code

    whole = hashlib.sha256(b"onetwo").hexdigest()
    assert [put(b"one", 0), put(b"xxx", 3), put(b"two", 3), put(b"two", 9)] == [204, 204, 204, 400]
    assert api.put(f"{files}/c", content=b"", headers={"Content-Type": "text/plain"}).status_code == 415
    assert api.get(files).status_code == 404
    assert api.post(files, json={"files": {"other": whole}}).status_code == 400
    assert keep("0" * 64) == 400
    assert put(b"onetwo", 0) == 204
    assert [keep(whole), keep(whole)] == [204, 204]
    assert api.get(files).json() == {"files": [{"path": "a/b", "size": 6}]}
    assert api.get(f"{files}/a/b", params={"offset": 3}).content == b"two"
    assert api.get("/models/files").json() == {"model_ids": [version.model_id]}
    assert [path.name for path in (tmp_path / "server.db.models").iterdir()] == [version.model_id]


def test_links_below_a_models_folder_are_not_followed(api: httpx.Client, tmp_path: Path) -> None:
    version = tracer.create_external_model("v1")
    folder = tmp_path / "server.db.models" / version.model_id
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")

    assert api.get(f"/models/{version.model_id}/files").json() == {"files": []}
    assert api.get(f"/models/{version.model_id}/files/link").status_code == 404
