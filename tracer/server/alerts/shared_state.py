"""The state of alerts of several servers on one ClickHouse: documents, of which each change sees all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import orjson

from tracer._json import JsonObject
from tracer.server.alerts.state import KEPT_SECONDS, ChannelState, Event, Message
from tracer.store.clickhouse import checked_address
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Change, Contents, Document, change, read, row
from tracer.store.clickhouse.migrations import CATALOG, STORE, check_schema

_KIND, _OWNER = "alerts", ""
_EVENT, _MESSAGE, _CHANNEL, _MADE = "event/", "message/", "channel/", "made"
_HELD = "alert-held"  # a row for each event, which is replaced: no other document depends on it
_DIGITS = 12


class SharedState:
    """Events and messages in the database of a store, or of the projects of a server."""

    def __init__(self, url: str, *, of_projects: bool) -> None:
        self._connection = Connection(checked_address(url))
        check_schema(self._connection, CATALOG if of_projects else STORE)

    def open_events(self) -> list[Event]:
        """The events that go on."""
        found = read(self._connection, _KIND, _OWNER, prefix=_EVENT)
        rows = self._connection.rows(
            "SELECT owner, content FROM documents FINAL WHERE kind = ? AND owner IN ?",
            [_HELD, [each["id"] for each in found.values()]],
        )
        held = {event: orjson.loads(content) for event, content in rows}
        return [
            Event(**{"rule": id.removeprefix(_EVENT), **each, **held.get(each["id"], {})}) for id, each in found.items()
        ]

    def begin(self, rule: str, now: float, value: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """Begin an event with its messages; without effect while the rule has an open one."""
        event = uuid.uuid4().hex

        def make(found: Contents) -> list[Document]:
            if _EVENT + rule in found:
                return []
            begun = {"id": event, "began": now, "held": now, "value": value}
            return [Document(_EVENT + rule, begun), *_messages(found, rule, event, now, messages)]

        self._change(make)

    def holds(self, event: str, now: float, value: float) -> None:
        """Note that the condition of the event still holds."""
        held = row(_HELD, event, int(now * 1000), {"held": now, "value": value})
        self._connection.insert("documents", [held])

    def end(self, event: str, now: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """End the event; without effect if another server has ended it already."""

        def make(found: Contents) -> list[Document]:
            rules = [id for id, each in found.items() if _EVENT in id and each["id"] == event]
            if not rules:
                return []
            old = [id for id, each in found.items() if _MESSAGE in id and each["made"] < now - KEPT_SECONDS]
            return [
                *(Document(id, None) for id in (*rules, *old)),
                *_messages(found, rules[0].removeprefix(_EVENT), event, now, messages),
            ]

        self._change(make)

    def claim(self, now: float, channels: Collection[str]) -> Message | None:
        """A message to one of these channels, claimed to be sent now; those of a channel in their order."""

        def make(found: Contents) -> list[Document]:
            asked = set[str]()  # channels whose first waiting message is known
            for id, each in sorted(found.items()):
                if each["state"] != "waiting" or each["channel"] in asked:
                    continue
                asked.add(each["channel"])
                if each["next"] <= now and each["channel"] in channels:
                    return [Document(id, {**each, "state": "sending", "next": now})]
            return []

        for id, each in self._change(make, prefix=_MESSAGE):
            return Message(
                int(id.removeprefix(_MESSAGE)), each["channel"], each["content"], each["made"], each["tries"]
            )
        return None

    def settle(self, message: Message, state: str) -> None:
        """Note that the message was sent, or is not tried again."""
        self._alter(message, lambda stored: {**stored, "state": state})

    def put_back(self, message: Message, again_at: float) -> None:
        """Note that the message was not accepted, and is sent again at a time."""
        self._alter(
            message, lambda stored: {**stored, "state": "waiting", "tries": stored["tries"] + 1, "next": again_at}
        )

    def give_up(self, before: float, channels: Collection[str]) -> int:
        """Number of messages to other channels that wait since before a time; they are not sent any more."""
        return self._settle_all(
            "waiting", "lost", lambda stored: stored["made"] < before and stored["channel"] not in channels
        )

    def drop(self, rule: str) -> None:
        """Send no more of the messages about a rule that wait."""
        self._settle_all("waiting", "lost", lambda stored: stored["rule"] == rule)

    def left_behind(self, before: float) -> int:
        """Number of messages whose sending began before a time and never ended: each may have arrived or not."""
        return self._settle_all("sending", "unknown", lambda stored: stored["next"] < before)

    def _settle_all(self, state: str, other: str, is_meant: Callable[[JsonObject], bool]) -> int:
        def make(found: Contents) -> list[Document]:
            return [
                Document(id, {**each, "state": other})
                for id, each in found.items()
                if each["state"] == state and is_meant(each)
            ]

        return len(self._change(make, prefix=_MESSAGE))

    def note(self, channel: str, now: float, fault: str | None) -> None:
        """Note that a channel accepted a message, or the fault because of which it did not."""
        noted = {"told": now} if fault is None else {"failed": now, "fault": fault}
        self._change(
            lambda found: [Document(_CHANNEL + channel, {**found.get(_CHANNEL + channel, {}), **noted})],
            prefix=_CHANNEL,
        )

    def channels(self) -> dict[str, ChannelState]:
        """The channels that messages were sent to, or wait for."""
        found = read(self._connection, _KIND, _OWNER)
        waiting = [each["channel"] for id, each in found.items() if _MESSAGE in id and each["state"] == "waiting"]
        return {
            name: ChannelState(**each, waiting=waiting.count(name))
            for id, each in found.items()
            if (name := id.removeprefix(_CHANNEL)) != id
        }

    def told(self) -> dict[str, float]:
        """When the newest message of each rule was sent, within the last thirty days."""
        told: dict[str, float] = {}
        for each in read(self._connection, _KIND, _OWNER, prefix=_MESSAGE).values():
            if each["state"] == "told":
                told[each["rule"]] = max(each["next"], told.get(each["rule"], 0.0))
        return told

    def _alter(self, message: Message, altered: Callable[[JsonObject], JsonObject]) -> None:
        id = _message_id(message.number)
        self._change(lambda found: [Document(id, altered(found[id]))] if id in found else [], prefix=id)

    def _change(self, make: Change, prefix: str = "") -> Sequence[Document]:
        return change(self._connection, _KIND, _OWNER, make, prefix=prefix)


def _messages(
    found: Contents, rule: str, event: str, now: float, messages: Sequence[tuple[str, JsonObject]]
) -> list[Document]:
    made = int(found.get(_MADE, 0))
    documents = [
        Document(
            _message_id(number),
            {
                "rule": rule, "channel": channel, "content": {**content, "event": event}, "made": now, "next": now,
                "tries": 0, "state": "waiting",
            },
        )
        for number, (channel, content) in enumerate(messages, start=made + 1)
    ]  # fmt: skip
    return [*documents, Document(_MADE, made + len(documents))] if documents else []


def _message_id(number: int) -> str:
    return f"{_MESSAGE}{number:0{_DIGITS}}"


if TYPE_CHECKING:
    from tracer.server.alerts.state import AlertState

    _is_a_state: type[AlertState] = SharedState
