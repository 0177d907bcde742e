"""One version over the API: what it is, what its files say, the names that it has, deleting it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import tracer
from tests.server.conftest import TOKEN
from tests.server.test_openapi import problems
from tracer.models import log_model


@pytest.fixture
def model_id() -> str:
    """The id of a logged model with a config, an example and two names."""
    logged = log_model(
        "echo", lambda number: number, input_example=21, model_config={"k": 5}, params={"top_p": "1"},
        registered_model_name="shop",
    )  # fmt: skip
    tracer.set_registered_model_alias("shop", "champion", 1)
    tracer.register_model(logged.model_uri, "backup")
    tracer.flush()
    return logged.model_id


def test_a_version_has_its_params_config_example_and_names(client: httpx.Client, model_id: str) -> None:
    answer = client.get(f"/models/{model_id}").json()

    assert problems(answer, "WholeVersion") == []
    assert (answer["model"]["name"], answer["model"]["params"]["top_p"]) == ("echo", "1")
    assert (answer["config"], answer["input_example"]) == ({"k": 5}, {"input": 21})
    assert answer["registered_as"] == [
        {"name": "backup", "number": 1, "aliases": []},
        {"name": "shop", "number": 1, "aliases": ["champion"]},
    ]


def test_a_version_without_files_says_what_is_known(client: httpx.Client, write: Callable[..., None]) -> None:
    write({"kind": "model", "model_id": "v1", "time": 1, "name": "shop-v1", "tags": {"git.branch": "main"}})

    answer = client.get("/models/v1").json()

    assert problems(answer, "WholeVersion") == []
    assert (answer["model"]["tags"], answer["config"], answer["registered_as"]) == ({"git.branch": "main"}, None, [])
    assert client.get("/models/v2").status_code == 404


def test_files_that_are_no_model_are_no_fault(client: httpx.Client, model_id: str, tmp_path: Path) -> None:
    (manifest,) = tmp_path.rglob(f"{model_id}/model.yaml")
    manifest.write_text("config: ../../secrets.yaml\nkind: chat\n")

    answer = client.get(f"/models/{model_id}")

    assert (answer.status_code, answer.json()["config"]) == (200, None)


def test_a_version_is_deleted_with_its_files(client: httpx.Client, model_id: str, tmp_path: Path) -> None:
    assert list(tmp_path.rglob(f"{model_id}/model.yaml"))

    answers = [client.delete(f"/models/{model_id}").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert client.get(f"/models/{model_id}").json()["model"]["deleted"] is True
    assert not list(tmp_path.rglob(f"{model_id}/model.yaml"))
    assert client.delete("/models/none").status_code == 404


def test_a_version_behind_a_token_is_neither_shown_nor_deleted_without_it(guarded: httpx.Client) -> None:
    path = "/api/v1/models/m-0"

    assert (guarded.get(path).status_code, guarded.delete(path).status_code) == (401, 401)
    assert guarded.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404
