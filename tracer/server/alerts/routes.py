"""The routes about alerts: which rules hold, what became of their messages, and a trial of a channel."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._catalog.rows import Caller
from tracer._json import JsonObject
from tracer.server.alerts.rules import Channel, Mail
from tracer.server.alerts.state import ChannelState
from tracer.server.alerts.watching import Alerts, RuleStatus
from tracer.server.answer import answer_for, error_answer, json_answer
from tracer.server.stores import CALLER


async def list_alerts(request: Request) -> Response:
    """Each rule with its newest value, and since when it holds; none where the server has no rules.

    Of other projects' rules an administrator sees whether they hold, others nothing, and no channel that they tell.
    """
    alerts: Alerts | None = request.app.state.alerts
    if alerts is None:
        return json_answer({"alerts": [], "channels": []})
    try:
        return json_answer(await to_thread.run_sync(_answer, alerts, request.scope[CALLER]))
    except Exception as error:
        return answer_for(error)


async def try_channel(request: Request) -> Response:
    """Send a channel a trial message."""
    alerts: Alerts | None = request.app.state.alerts
    name = request.path_params["channel"]
    if alerts is None or name not in alerts.rules.channels:
        return error_answer(404, f"there is no channel {name!r:.100} in the server's file of alerts")
    try:
        fault = await to_thread.run_sync(alerts.try_channel, name, limiter=request.app.state.trials)
    except Exception as error:
        return answer_for(error)
    return json_answer({"told": fault is None, "fault": fault})


def _answer(alerts: Alerts, caller: Caller) -> JsonObject:
    is_admin = "admin" in caller.roles
    own = caller.project.name or None
    seen = [each for each in alerts.statuses.values() if is_admin or each.rule.project == own]
    told, channels = alerts.state.told(), alerts.state.channels()
    named = {name for status in seen for name in status.rule.tell}
    of_others = {name for each in alerts.rules.rules if each.project != own for name in each.tell}
    return {
        "alerts": [_rule(each, told.get(each.rule.name), is_own=each.rule.project == own) for each in seen],
        "channels": [
            _channel(name, channel, channels.get(name, ChannelState()))
            for name, channel in alerts.rules.channels.items()
            if is_admin or name in named - of_others
        ],
    }


def _rule(status: RuleStatus, told: float | None, *, is_own: bool) -> JsonObject:
    rule, value = status.rule, status.value if is_own else None
    return {
        "name": rule.name,
        "project": rule.project,
        "when": str(rule.when),
        "window": rule.window,
        "filter": rule.filter,
        "at_least": rule.at_least,
        "tell": list(rule.tell),
        "value": value,
        "shown": None if value is None else rule.when.shown(value),
        "since_ns": _ns(status.since),
        "told_ns": _ns(told),
        "fault": status.fault,
    }


def _channel(name: str, channel: Channel, state: ChannelState) -> JsonObject:
    kind = "mail" if isinstance(channel, Mail) else "slack" if channel.is_slack else "webhook"
    return {
        "name": name,
        "kind": kind,
        "told_ns": _ns(state.told),
        "failed_ns": _ns(state.failed),
        "fault": state.fault,
        "waiting": state.waiting,
    }


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1e9)
