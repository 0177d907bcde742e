"""Finishes deletions that broke off, of single traces and of weeks."""

from __future__ import annotations

from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.delete import delete_lives
from tracer.store.clickhouse.deletions import done, left_behind
from tracer.store.clickhouse.weeks import clear_week


def finish_deletions(connection: Connection) -> None:
    """Do what is left to do; what another process does at the same time does no harm."""
    for id, content in left_behind(connection):
        if "week" in content:
            clear_week(connection, content["week"], content["digests"])
        else:
            delete_lives(connection, content["lives"])
        done(connection, id)
