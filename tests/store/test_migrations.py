"""A new store has the schema that the migrations make of the oldest one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.store.conftest import new_store
from tests.store.first_schema import FIRST_SCHEMA
from tests.store.records import span
from tracer.store import Facet
from tracer.store.sqlite.schema import APPLICATION_ID


def test_the_migrations_bring_the_first_schema_to_that_of_a_new_store(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        for statement in FIRST_SCHEMA:
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
        database.commit()

    for name in ("old.db", "new.db"):
        store = new_store(tmp_path, name)
        store.append([span("t", "r")])
        store.close()

    old, new = schema_of(tmp_path / "old.db"), schema_of(tmp_path / "new.db")
    assert old == new
    assert len(new) > 40


def test_stored_failures_get_their_failed_steps_and_exceptions(tmp_path: Path) -> None:
    raised = {"name": "exception", "time": 1, "attributes": {"exception.type": "ValueError"}}
    lines = [span("t", "b", "a", name="parse", status="ERROR", events=[raised]), span("t", "a", status="ERROR")]
    with closing(new_store(tmp_path, "old.db")) as store:
        store.append(lines)
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        for table in ("review_queues", "deleted", "policies"):
            database.execute(f"DROP TABLE {table}")
        database.execute("ALTER TABLE spans DROP COLUMN exception")
        database.execute("DELETE FROM labels")
        database.execute("PRAGMA user_version = 14")
        database.commit()

    with closing(new_store(tmp_path, "old.db")) as store:
        found = store.facets(None, ["failed_step", "exception"]).facets
    assert found == [Facet("failed_step", [("parse", 1)], False), Facet("exception", [("ValueError", 1)], False)]


def schema_of(path: Path) -> dict[str, object]:
    """The columns of each table, in their order, the columns and conditions of each index, and the first rows."""
    with closing(sqlite3.connect(path)) as database:
        found: dict[str, object] = {
            name: [(*row[1:], kind) for row in database.execute(f"PRAGMA table_xinfo({name})")]
            for name, kind in database.execute("SELECT name, type FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall():
            columns = [row[2:] for row in database.execute(f"PRAGMA index_xinfo({name})")]
            found[name] = (columns, sql and " ".join(sql.split()))
        for table in ("counters", "experiments"):
            found[f"rows of {table}"] = database.execute(f"SELECT * FROM {table}").fetchall()
        found["version"] = database.execute("PRAGMA user_version").fetchone()
        virtual = database.execute("SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'").fetchall()
        without_rowid = database.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main'").fetchall()
    return {**found, "virtual": sorted(virtual), "without rowid": sorted(without_rowid)}
