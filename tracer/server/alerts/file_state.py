"""The state of alerts in a file of SQLite beside the store."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tracer._json import JsonObject
from tracer.server.alerts.state import KEPT_SECONDS, ChannelState, Event, Message

_WAIT_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events(
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, began REAL NOT NULL, held REAL NOT NULL, value REAL NOT NULL, ended REAL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_event ON events(rule) WHERE ended IS NULL;
CREATE TABLE IF NOT EXISTS messages(
    number INTEGER PRIMARY KEY, event TEXT NOT NULL, channel TEXT NOT NULL, content TEXT NOT NULL, made REAL NOT NULL,
    next REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting'
);
CREATE TABLE IF NOT EXISTS channels(name TEXT PRIMARY KEY, told REAL, failed REAL, fault TEXT);
"""


class FileState:
    """Events and messages in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._changing() as connection:
            connection.executescript(_SCHEMA)

    def open_events(self) -> list[Event]:
        """The events that go on."""
        with self._changing() as connection:
            rows = connection.execute("SELECT id, rule, began, held, value FROM events WHERE ended IS NULL")
            return [Event(*row) for row in rows]

    def begin(self, rule: str, now: float, value: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """Begin an event with its messages; without effect while the rule has an open one."""
        event = uuid.uuid4().hex
        with self._changing() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO events(id, rule, began, held, value) VALUES (?, ?, ?, ?, ?)",
                (event, rule, now, now, value),
            )
            if made.rowcount:
                _add_messages(connection, event, now, messages)

    def holds(self, event: str, now: float, value: float) -> None:
        """Note that the condition of the event still holds."""
        with self._changing() as connection:
            connection.execute("UPDATE events SET held = ?, value = ? WHERE id = ?", (now, value, event))

    def end(self, event: str, now: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """End the event; without effect if another server has ended it already."""
        with self._changing() as connection:
            ended = connection.execute("UPDATE events SET ended = ? WHERE id = ? AND ended IS NULL", (now, event))
            if ended.rowcount:
                _add_messages(connection, event, now, messages)
            old = (now - KEPT_SECONDS,)
            connection.execute("DELETE FROM messages WHERE event IN (SELECT id FROM events WHERE ended < ?)", old)
            connection.execute("DELETE FROM events WHERE ended < ?", old)

    def claim(self, now: float, channels: Collection[str]) -> Message | None:
        """A message to one of these channels, claimed to be sent now; those of a channel in their order."""
        marks = ", ".join("?" * len(channels))
        with self._changing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                "SELECT number, channel, content, made, tries FROM messages AS m WHERE state = 'waiting' AND next <= ?"
                f" AND channel IN ({marks})"
                " AND NOT EXISTS (SELECT 1 FROM messages AS earlier WHERE earlier.channel = m.channel"
                " AND earlier.number < m.number AND earlier.state = 'waiting') ORDER BY number LIMIT 1",
                (now, *channels),
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE messages SET state = 'sending', next = ? WHERE number = ?", (now, row[0]))
        return Message(row[0], row[1], orjson.loads(row[2]), row[3], row[4])

    def settle(self, message: Message, state: str) -> None:
        """Note that the message was sent, or is not tried again."""
        with self._changing() as connection:
            connection.execute("UPDATE messages SET state = ? WHERE number = ?", (state, message.number))

    def put_back(self, message: Message, again_at: float) -> None:
        """Note that the message was not accepted, and is sent again at a time."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE messages SET state = 'waiting', tries = tries + 1, next = ? WHERE number = ?",
                (again_at, message.number),
            )

    def give_up(self, before: float, channels: Collection[str]) -> int:
        """Number of messages to other channels that wait since before a time; they are not sent any more."""
        marks = ", ".join("?" * len(channels))
        old = f"UPDATE messages SET state = 'lost' WHERE state = 'waiting' AND made < ? AND channel NOT IN ({marks})"
        with self._changing() as connection:
            return connection.execute(old, (before, *channels)).rowcount

    def drop(self, rule: str) -> None:
        """Send no more of the messages about a rule that wait."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE messages SET state = 'lost' WHERE state = 'waiting'"
                " AND event IN (SELECT id FROM events WHERE rule = ?)",
                (rule,),
            )

    def left_behind(self, before: float) -> int:
        """Number of messages whose sending began before a time and never ended: each may have arrived or not."""
        with self._changing() as connection:
            left = "UPDATE messages SET state = 'unknown' WHERE state = 'sending' AND next < ?"
            return connection.execute(left, (before,)).rowcount

    def note(self, channel: str, now: float, fault: str | None) -> None:
        """Note that a channel accepted a message, or the fault because of which it did not."""
        change = "told = excluded.told" if fault is None else "failed = excluded.failed, fault = excluded.fault"
        told, failed = (now, None) if fault is None else (None, now)
        with self._changing() as connection:
            connection.execute(
                "INSERT INTO channels(name, told, failed, fault) VALUES (?, ?, ?, ?)"
                f" ON CONFLICT(name) DO UPDATE SET {change}",
                (channel, told, failed, fault),
            )

    def channels(self) -> dict[str, ChannelState]:
        """The channels that messages were sent to, or wait for."""
        with self._changing() as connection:
            rows = connection.execute(
                "SELECT name, told, failed, fault, (SELECT count(*) FROM messages WHERE channel = name AND state ="
                " 'waiting') FROM channels"
            )
            return {name: ChannelState(*row) for name, *row in rows}

    def told(self) -> dict[str, float]:
        """When the newest message of each rule was sent, within the last thirty days."""
        with self._changing() as connection:
            return dict(
                connection.execute(
                    "SELECT rule, max(next) FROM messages JOIN events ON id = event WHERE state = 'told' GROUP BY rule"
                )
            )

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        # opened each time: changes are rare, and no connection is left over in a thread or after a fork
        with closing(sqlite3.connect(self._file, timeout=_WAIT_SECONDS)) as connection, connection:
            yield connection


def _add_messages(
    connection: sqlite3.Connection, event: str, now: float, messages: Sequence[tuple[str, JsonObject]]
) -> None:
    connection.executemany(
        "INSERT INTO messages(event, channel, content, made, next) VALUES (?, ?, ?, ?, ?)",
        [
            (event, channel, orjson.dumps({**content, "event": event}).decode(), now, now)
            for channel, content in messages
        ],
    )


if TYPE_CHECKING:
    from tracer.server.alerts.state import AlertState

    _is_a_state: type[AlertState] = FileState
