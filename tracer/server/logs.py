"""The log of a server's process: lines of text or of JSON, without secrets and without bodies."""

from __future__ import annotations

import logging
import logging.config
import re
import traceback
from datetime import datetime, timezone
from typing import Literal

import orjson
from starlette.types import Scope

from tracer._json import JsonObject
from tracer._redaction.redactor import REDACT_DEFAULT

LogFormat = Literal["text", "json"]
_OURS = "tracer.server"
_server = logging.getLogger(_OURS)
_requests = logging.getLogger(f"{_OURS}.requests")
_LONGEST = 500  # characters of a message or a line: an error may quote a long input
_MOST_LINES = 100  # of a traceback
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def write_log(format: LogFormat) -> None:
    """Write this process's log to standard error: all warnings and errors, and requests if a request log is on."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lines": {"()": {"text": _Text, "json": _Json}[format]}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {"uvicorn": {"level": "WARNING"}, _OURS: {"level": "INFO"}},
        }
    )


def announce(message: str, **shown: str) -> None:
    """Log a line that is no fault; in JSON the fields ``shown`` are written as they are: a new key is not redacted."""
    _server.info("%s", message, extra={"shown": shown})


def log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    """Log a line for a request: the route's pattern, since a path or a query may have texts of users in it."""
    client = scope.get("client")
    fields = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "client": client[0] if client else None,
    }
    _requests.info("%(method)s %(route)s %(status)s in %(ms)s ms, %(client)s", fields, extra={"fields": fields})


class _Lines(logging.Formatter):
    """Fields of both formats: time, level, message and error of a record, without secrets."""

    def fields(self, record: logging.LogRecord) -> JsonObject:
        found: JsonObject = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST],
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            found["error"] = {
                "type": type(error).__name__,
                "message": str(error)[:_LONGEST],
                "traceback": _traceback(error),
            }
        redacted: JsonObject = orjson.loads(REDACT_DEFAULT(orjson.dumps(found, default=str)))
        return {**redacted, **getattr(record, "shown", {})}


class _Json(_Lines):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.fields(record)).decode()


class _Text(_Lines):
    """A line a record, and those of its traceback, indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        lines = [f"{fields['time']} {fields['level']:<7} {_shown(fields['message'])}"]
        if "error" in fields:
            lines += [f"    {_shown(line)}" for line in fields["error"]["traceback"].splitlines()]
        return "\n".join(lines)


def _traceback(error: BaseException) -> str:
    """The error with its causes, the last lines of it."""
    lines = "".join(traceback.format_exception(error)).splitlines()[-_MOST_LINES:]
    return "\n".join(line[:_LONGEST] for line in lines)


def _shown(text: str) -> str:
    """The text on one line, and harmless to a terminal."""
    return _CONTROL.sub(" ", text.replace("\n", " "))
