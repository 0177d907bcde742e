"""The URL of a ClickHouse store."""

from __future__ import annotations

import pytest

from tracer._journal.locations import journal_folder, without_password
from tracer.errors import InvalidArgumentError
from tracer.store.clickhouse.address import Address, parse_address, url_of_project

pytestmark = pytest.mark.no_store


def test_an_address_has_user_password_host_port_and_database() -> None:
    address = parse_address("clickhouse://ann:p%40ss%2F@db.example.org:9123/traces")

    assert address == Address("db.example.org", 9123, "ann", "p@ss/", "traces")
    assert "p@ss" not in str(address)


def test_what_an_address_leaves_out_is_usual() -> None:
    assert parse_address("clickhouse://db/traces") == Address("db", 8123, "default", "", "traces")
    assert parse_address("clickhouse://db/traces?secure=1").port == 8443
    assert parse_address("clickhouse://db/traces?cluster=main").cluster == "main"


@pytest.mark.parametrize(
    ("options", "has_one_server"),
    [
        ("", True),
        ("?cluster=main", False),
        ("?cluster=main&sharded=1", False),
        ("?shared=1", False),
        ("?shared=0", True),
    ],
)
def test_an_address_says_whether_tables_have_more_than_one_server(options: str, has_one_server: bool) -> None:
    assert parse_address(f"clickhouse://db/traces{options}").has_one_server == has_one_server


def test_tables_are_on_shards_where_the_address_says_so() -> None:
    assert parse_address("clickhouse://db/traces?cluster=main&sharded=1").is_sharded
    assert not parse_address("clickhouse://db/traces?cluster=main").is_sharded
    with pytest.raises(InvalidArgumentError, match="expected cluster=NAME&sharded=1"):
        parse_address("clickhouse://ann:secret@db/traces?sharded=1")


def test_another_database_of_the_same_server_has_a_place_of_its_own_for_attachments() -> None:
    url = "clickhouse://ann:p%40ss%2F@db:9123/traces?secure=1&attachments=s3://bucket/a/&shared=1"

    assert parse_address(url_of_project(url, "traces_shop_1", "1")) == parse_address(url)._replace(
        database="traces_shop_1", attachments="s3://bucket/a/1"
    )


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3%3A%2F%2Fbucket", "s3://bucket"),
        ("/srv/attachments", "file:///srv/attachments"),
        ("file:///srv/attachments", "file:///srv/attachments"),
    ],
)
def test_an_address_names_the_place_of_attachments(given: str, place: str) -> None:
    assert parse_address(f"clickhouse://db/traces?attachments={given}").attachments == place


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://",
        "clickhouse://db",
        "clickhouse://db/",
        "clickhouse://ann:secret@db:x/traces",
        "clickhouse://ann:secret@db/a b",
        "clickhouse://ann:pass/secret@db/traces",
        "clickhouse://ann:se/cret@db:8123/traces",
        "clickhouse://ann:secret@db/12345",
        f"clickhouse://ann:secret@db/{'x' * 101}",
        "clickhouse://ann:secret@db/traces`; DROP DATABASE x",
        "clickhouse://ann:secret@db/traces?cluster=a'b",
        "clickhouse://ann:secret@db/traces?cluster=main&shared=1",
        "clickhouse://ann:secret@db/traces?sharded=1",
        "clickhouse://ann:secret@db/traces?cluster=main&sharded=ture",
        "clickhouse://ann:secret@db/traces?shared=2",
        "clickhouse://ann:secret@db/traces?user=ann",
        "clickhouse://ann:secret@db/traces?attachments=",
        "clickhouse://ann:secret@db/traces?attachments=folder",
        "clickhouse://ann:secret@db/traces?attachments=ftp://host/folder",
        "clickhouse://ann:secret@db/traces?attachments=s3://key:secret@bucket/prefix",
    ],
)
def test_another_address_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        parse_address(url)

    assert "secret" not in str(refused.value)
    assert "cret@" not in str(refused.value)
    assert "'se'" not in str(refused.value)


def test_no_password_is_in_what_is_shown_or_in_the_name_of_a_folder() -> None:
    url = "clickhouse://ann:secret@db:8123/traces"

    assert without_password(url) == "clickhouse://db:8123/traces"
    assert "secret" not in str(journal_folder(url))
    assert without_password("http://host:5000") == "http://host:5000"
