"""What replicated tables refuse for a moment, while another insert is being confirmed, is asked again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tracer.errors import StoreError
from tracer.store.clickhouse import connection as connecting
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection

pytestmark = pytest.mark.no_store

ANOTHER_INSERT, NOT_IN_QUORUM, TOO_FEW_REPLICAS = 286, 289, 285


@pytest.fixture
def connection(server: str) -> Iterator[Connection]:
    """A connection to the engine, with an empty table."""
    with contextlib.closing(Connection(parse_address(f"clickhouse://{server}/default"))) as connection:
        connection.command("CREATE TABLE waiting (n UInt8) ENGINE = Memory")
        yield connection
        connection.command("DROP TABLE waiting")


def number_of_rows(connection: Connection, code: int) -> list[list[int]]:
    """Their number, or the engine's error with a code while there is none."""
    return connection.rows(
        f"SELECT count(), throwIf(count() = 0, 'not yet', toInt16({code})) FROM waiting"
        " SETTINGS allow_custom_error_code_in_throwif = 1"
    )


@pytest.mark.parametrize("code", [ANOTHER_INSERT, NOT_IN_QUORUM])
def test_what_is_refused_for_a_moment_is_asked_again(
    connection: Connection, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", lambda _: connection.insert("waiting", [{"n": 1}]))

        assert number_of_rows(connection, code) == [[1, 0]]


@pytest.mark.parametrize("code", [ANOTHER_INSERT, NOT_IN_QUORUM])
def test_it_is_not_asked_for_ever(connection: Connection, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_SOON_SECONDS", 0)

    with pytest.raises(StoreError, match="not yet"):
        number_of_rows(connection, code)


def test_other_errors_are_told_at_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_WAIT_SECONDS", None)  # to wait would be another error

    with pytest.raises(StoreError, match="not yet"):
        number_of_rows(connection, TOO_FEW_REPLICAS)
