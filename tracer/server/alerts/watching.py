"""Checks every rule at an interval, and sends messages when events begin and end."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlencode

from tracer._catalog.catalog import NotInCatalogError
from tracer._fault import log_once, logger
from tracer._json import JsonObject
from tracer.server.alerts.rules import TODAY, Rule, Rules, seconds_of
from tracer.server.alerts.state import AlertState, Event, What
from tracer.server.alerts.telling import NotToldError, tell
from tracer.server.repeated import Repeated
from tracer.store import Store
from tracer.store.filter import parse_filter
from tracer.store.limits import time_limit

_EVERY_SECONDS = 15.0
_QUERY_SECONDS = 30.0
_CALM_SECONDS = 300.0  # for which a condition must not hold, before its event ends
_AGAIN_SECONDS = (15.0, 60.0, 300.0, 900.0)  # after each try; the last one repeats
_GIVEN_UP_SECONDS = 86_400.0
_SENT_SECONDS = 120.0  # longer than any message takes
_STOP_SECONDS = 12.0  # for a message that is being sent: an interrupted one is not repeated


class RuleStatus(NamedTuple):
    """The result of the last check of a rule."""

    rule: Rule
    value: float | None  # None where there was nothing to measure, or no check yet
    since: float | None  # start of the open event; None without one
    fault: str | None  # of the last check, which failed


class Alerts(Repeated):
    """A thread that checks the rules of a file."""

    def __init__(
        self,
        rules: Rules,
        store_of: Callable[[Rule], AbstractContextManager[Store]],
        open_state: Callable[[], AlertState],
    ) -> None:
        super().__init__("alerts", "look at its alerts", _EVERY_SECONDS, stop_seconds=_STOP_SECONDS, is_at_once=True)
        self.rules = rules
        self._store_of = store_of
        self._open_state = open_state
        self.statuses = {rule.name: RuleStatus(rule, None, None, None) for rule in rules.rules}

    def _work(self) -> None:
        try:
            self.check(time.time())
        except Exception as error:
            self.statuses = {name: each._replace(fault=str(error)) for name, each in self.statuses.items()}
            raise

    @cached_property
    def state(self) -> AlertState:
        """The state that outlives the server."""
        return self._open_state()

    def try_channel(self, name: str) -> str | None:
        """Send a channel a trial message; why it was not taken. Raises KeyError."""
        fault = None
        try:
            tell(self.rules.channels[name], trial_message(time.time()))
        except NotToldError as error:
            fault = str(error)
        self.state.note(name, time.time(), fault)
        return fault

    def check(self, now: float) -> None:
        """Check every rule once, and send the messages that are due."""
        state = self.state
        going_on = {event.rule: event for event in state.open_events()}
        for rule in self.rules.rules:
            self._look_at(rule, going_on.pop(rule.name, None), state, now)
        for event in going_on.values():  # of rules that are not in the file; another server's may have them
            if now - event.held >= _CALM_SECONDS:
                _end_silently(event.rule, event, state, now)
        self._tell(state, now)

    def _look_at(self, rule: Rule, event: Event | None, state: AlertState, now: float) -> None:
        since = event.began if event else None
        try:
            with self._store_of(rule) as store:
                value, traces = measured(rule, store, now)
        except NotInCatalogError as error:
            log_once(f"alert {rule.name}", "tracer server: the alert %r is about no project: %s", rule.name, error)
            _end_silently(rule.name, event, state, now)
            self.statuses[rule.name] = RuleStatus(rule, None, None, str(error))
            return
        except Exception as error:
            log_once(f"alert {rule.name}", "tracer server cannot look at the alert %r: %s", rule.name, error)
            self.statuses[rule.name] = RuleStatus(rule, None, since, str(error))
            return
        holds = does_hold(rule, value, traces)
        if value is not None and holds and event is None:
            since = now
            state.begin(rule.name, now, value, self._messages(rule, "began", now, None, value))
        elif value is not None and holds and event is not None:
            state.holds(event.id, now, value)
        elif event is not None and now - event.held >= _calm_seconds(rule):
            since = None
            state.end(event.id, now, self._messages(rule, "ended", event.began, now, value))
        self.statuses[rule.name] = RuleStatus(rule, value, since, None)

    def _messages(
        self, rule: Rule, what: What, began: float, ended: float | None, value: float | None
    ) -> list[tuple[str, JsonObject]]:
        window = TODAY if rule.window == TODAY else f"in {rule.window}"
        if what == "began":
            text = f"{rule.name}: {rule.when.measure} {rule.when.shown(value or 0.0)} {window} ({rule.when})"
        else:
            text = f"{rule.name} has ended after {_shown_seconds((ended or began) - began)} ({rule.when} {window})"
        content: JsonObject = {
            "what": what,
            "rule": rule.name,
            "project": rule.project,
            "when": str(rule.when),
            "window": rule.window,
            "filter": rule.filter,
            "value": value,
            "began": _shown_time(began),
            "ended": None if ended is None else _shown_time(ended),
            "text": text,
            "url": self._link(rule),
        }
        return [(channel, content) for channel in rule.tell]

    def _link(self, rule: Rule) -> str | None:
        if self.rules.page is None:
            return None
        return f"{self.rules.page}/traces" + (f"?{urlencode({'filter': rule.filter})}" if rule.filter else "")

    def _tell(self, state: AlertState, now: float) -> None:
        if left := state.left_behind(now - _SENT_SECONDS):
            logger.warning(
                "tracer server: %s messages of alerts may have been told or not; they are not repeated", left
            )
        if late := state.give_up(now - _GIVEN_UP_SECONDS, self.rules.channels):
            logger.warning("tracer server: %s messages of alerts are for channels that no file has for a day", late)
        while not self._ended.is_set() and (message := state.claim(now, self.rules.channels)) is not None:
            try:
                tell(self.rules.channels[message.channel], message.content)
            except NotToldError as error:
                state.note(message.channel, now, str(error))
                is_over = not error.is_certain or now - message.made > _GIVEN_UP_SECONDS
                again_in = _AGAIN_SECONDS[min(message.tries, len(_AGAIN_SECONDS) - 1)]
                then = "it is not repeated" if is_over else f"again in {again_in:g} s"
                logger.warning(
                    "tracer server: channel %r was not told of an alert: %s; %s", message.channel, error, then
                )
                if is_over:
                    state.settle(message, "unknown" if not error.is_certain else "lost")
                else:
                    state.put_back(message, now + again_in)
            else:
                state.settle(message, "told")
                state.note(message.channel, now, None)


def _end_silently(rule: str, event: Event | None, state: AlertState, now: float) -> None:
    """End the event of a rule that can hold no more; nobody is told, nor of what was still to be told."""
    if event is not None:
        state.end(event.id, now, [])
    state.drop(rule)


def measured(rule: Rule, store: Store, now: float) -> tuple[float | None, int]:
    """The measure of a rule, None where there is nothing to measure, and the number of the traces."""
    with time_limit(_QUERY_SECONDS):
        rows = store.statistics(
            group_by="all_traces",
            filter=parse_filter(rule.filter or None),
            since_ms=rule.since(now) * 1000,
            until_ms=now * 1000,
        )
    row = rows[0] if rows else None
    return rule.when.value(row), row.calls if row else 0


def does_hold(rule: Rule, value: float | None, traces: int) -> bool:
    """Whether the condition holds."""
    return value is not None and traces >= rule.at_least and rule.when.holds(value)


def trial_message(now: float) -> JsonObject:
    """A message that only shows whether it arrives."""
    return {
        "what": "trial",
        "event": uuid.uuid4().hex,
        **dict.fromkeys(("rule", "when", "window", "filter"), ""),
        **dict.fromkeys(("project", "value", "ended", "url")),
        "began": _shown_time(now),
        "text": "A trial: alerts of tracer arrive here",
    }


def _calm_seconds(rule: Rule) -> float:
    return _CALM_SECONDS if rule.window == TODAY else min(_CALM_SECONDS, seconds_of(rule.window))


def _shown_time(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _shown_seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{math.floor(seconds / 60)} min"
