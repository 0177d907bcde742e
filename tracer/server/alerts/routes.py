"""The route that lists the rules of alerts, and which of them hold."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tracer._json import JsonObject
from tracer.server.alerts.watching import Alerts, RuleStatus
from tracer.server.answer import json_answer


async def list_alerts(request: Request) -> Response:
    """Each rule with its newest value, and since when it holds; none where the server has no rules."""
    alerts: Alerts | None = request.app.state.alerts
    return json_answer({"alerts": [_shape(status) for status in alerts.statuses.values()] if alerts else []})


def _shape(status: RuleStatus) -> JsonObject:
    rule = status.rule
    return {
        "name": rule.name,
        "when": str(rule.when),
        "window": rule.window,
        "filter": rule.filter,
        "at_least": rule.at_least,
        "tell": list(rule.tell),
        "value": status.value,
        "since_ns": None if status.since is None else int(status.since * 1e9),
        "fault": status.fault,
    }
