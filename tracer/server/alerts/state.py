"""State of alerts that outlives the server: open events, and messages that are still to be sent.

An event is open once a rule, and a message is claimed before it is sent, so that two servers on one state, or a server
that was killed in the middle, send nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from tracer._catalog.folder import ALERTS
from tracer._journal.locations import alerts_file_of
from tracer._json import JsonObject

What = Literal["began", "ended"]
KEPT_SECONDS: Final = 30 * 86_400  # after the end of an event


class Event(NamedTuple):
    """A time in which a rule holds. Times are in seconds since the epoch; ``value`` is the newest that held."""

    id: str
    rule: str
    began: float
    held: float
    value: float


class Message(NamedTuple):
    """A message to be sent to a channel."""

    number: int
    channel: str
    content: JsonObject
    made: float
    tries: int


class ChannelState(NamedTuple):
    """The last success and the last failure of a channel; times in seconds since the epoch."""

    told: float | None = None  # of the last message that was accepted
    failed: float | None = None  # of the last message that was not
    fault: str | None = None
    waiting: int = 0  # messages that are still to be sent


class AlertState(Protocol):
    """Events and messages. Safe to use from several processes."""

    def open_events(self) -> list[Event]:
        """The events that go on."""
        ...

    def begin(self, rule: str, now: float, value: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """Begin an event with its messages; without effect while the rule has an open one."""
        ...

    def holds(self, event: str, now: float, value: float) -> None:
        """Note that the condition of the event still holds."""
        ...

    def end(self, event: str, now: float, messages: Sequence[tuple[str, JsonObject]]) -> None:
        """End the event; without effect if another server has ended it already."""
        ...

    def claim(self, now: float, channels: Collection[str]) -> Message | None:
        """A message to one of these channels to send now, claimed for this server; those of a channel in their order.

        Those to other channels are left to the servers that have them.
        """
        ...

    def settle(self, message: Message, state: str) -> None:
        """Note that the message was sent, or is not tried again."""
        ...

    def put_back(self, message: Message, again_at: float) -> None:
        """Note that the message was not accepted, and is sent again at a time."""
        ...

    def give_up(self, before: float, channels: Collection[str]) -> int:
        """Number of messages to other channels that wait since before a time; they are not sent any more."""
        ...

    def drop(self, rule: str) -> None:
        """Send no more of the messages about a rule that wait."""
        ...

    def left_behind(self, before: float) -> int:
        """Number of messages whose sending began before a time and never ended: each may have arrived or not."""
        ...

    def note(self, channel: str, now: float, fault: str | None) -> None:
        """Note that a channel accepted a message, or the fault because of which it did not."""
        ...

    def channels(self) -> dict[str, ChannelState]:
        """The channels that messages were sent to, or wait for."""
        ...

    def told(self) -> dict[str, float]:
        """When the newest message of each rule was sent, within the last thirty days."""
        ...


def state_of(url: str, *, of_projects: bool = False) -> AlertState:
    """The state of the alerts of a store, or of a server of projects: in ClickHouse within it, else in a file beside.

    Raises StoreError where its tables cannot be used.
    """
    if url.startswith("clickhouse://"):
        from tracer.server.alerts.shared_state import SharedState

        return SharedState(url, of_projects=of_projects)
    from tracer.server.alerts.file_state import FileState

    if of_projects:
        return FileState(Path(url, ALERTS))
    return FileState(alerts_file_of(url))
