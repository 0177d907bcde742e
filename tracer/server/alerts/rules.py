"""Rules and channels of a file: a filter, a condition over a window, and the channels that get its messages."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.policy import default as mail_policy
from pathlib import Path
from typing import Any, Union

import httpx

from tracer.config import fault_of_address, split_address
from tracer.errors import InvalidArgumentError
from tracer.store.filter import parse_filter, read_duration
from tracer.store.rows import StatisticsRow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

TODAY = "today"
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\d+(?:\.\d+)?)\s*(%|[A-Za-z]*)\s*")
_UNITS = {
    "errors": ("", "%"),
    "traces": ("",),
    "cost": ("USD",),
    "tokens": ("",),
    "p50": ("s", "ms"),
    "p95": ("s", "ms"),
    "p99": ("s", "ms"),
}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = ("content-length", "transfer-encoding")
_KINDS = {str: "a text", int: "a whole number", list: "a list", dict: "a table"}
_SHORTEST_WINDOW = 1
_LONGEST_WINDOW = 92 * 86_400


@dataclass(frozen=True)
class Condition:
    """The condition of a rule: a measure of the traces in the window, and a threshold."""

    measure: str
    operator: str
    threshold: float
    unit: str

    def __str__(self) -> str:
        return f"{self.measure} {self.operator} {self.shown(self.threshold)}"

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.4g} {self.unit}".rstrip()

    def value(self, row: StatisticsRow | None) -> float | None:
        """The measure; None where there is nothing to measure."""
        if self.measure in ("errors", "traces", "tokens", "cost") and self.unit != "%":
            if row is None:
                return 0.0
            found = {"errors": row.errors, "traces": row.calls, "tokens": row.total_tokens, "cost": row.cost or 0.0}
            return float(found[self.measure])
        if row is None or not row.calls:
            return None
        if self.measure == "errors":
            return 100.0 * row.errors / row.calls
        latency: float = getattr(row, f"latency_{self.measure}_ms")
        return latency / 1000 if self.unit == "s" else latency

    def holds(self, value: float) -> bool:
        """Whether the value is beyond the threshold."""
        if self.operator.startswith(">"):
            return value > self.threshold or (self.operator == ">=" and value == self.threshold)
        return value < self.threshold or (self.operator == "<=" and value == self.threshold)


@dataclass(frozen=True)
class Rule:
    """A condition over the traces that meet a filter and started within the window."""

    name: str
    when: Condition
    window: str  # such as "10m", or "today"
    filter: str
    at_least: int  # traces, below which the condition does not hold
    tell: tuple[str, ...]  # names of channels
    project: str | None  # on a server of projects, the project of the traces

    def since(self, now: float) -> float:
        """The start of the window, in seconds since the epoch; a day starts at midnight of the process's time zone."""
        if self.window == TODAY:
            midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight.timestamp()
        return now - seconds_of(self.window)


@dataclass(frozen=True)
class Webhook:
    """A URL that gets JSON."""

    url: str
    headers: Mapping[str, str]
    is_slack: bool  # or another service that takes its {"text": …}


@dataclass(frozen=True)
class Mail:
    """People who get mail, by way of a server."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    is_tls: bool  # from the first byte; else STARTTLS where the server offers it
    user: str | None
    password: str | None


Channel = Union[Webhook, Mail]


@dataclass(frozen=True)
class Rules:
    """A file of rules."""

    rules: tuple[Rule, ...]
    channels: Mapping[str, Channel]
    page: str | None  # address of the web page, for links


def seconds_of(window: str) -> float:
    """The length of a window such as "10m"."""
    return read_duration(window) / 1000


def read_rules(file: str | os.PathLike[str], *, of_projects: bool | None = False) -> Rules:
    """The rules of a TOML file, ``of_projects`` for a server of projects, None where either will do.

    Raises InvalidArgumentError with the fault and its place.
    """
    path = Path(file)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgumentError(f"alerts: {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"alerts: {path} is not TOML: {error}") from None
    try:
        found = _rules(content)
    except _WrongError as error:
        raise InvalidArgumentError(f"alerts: {path}: {error}") from None
    for rule in found.rules:
        if of_projects and rule.project is None:
            raise InvalidArgumentError(
                f"alerts: {path}: rule {rule.name!r}: project is missing: whose traces it is about"
            )
        if rule.project is not None and of_projects is False:
            raise InvalidArgumentError(f"alerts: {path}: rule {rule.name!r}: project is given, and this is one store")
    return found


class _WrongError(Exception):
    """A fault in a file, with its place."""


def _rules(content: Mapping[str, Any]) -> Rules:
    table = _Table(content, "the file")
    channels = {
        name: _channel(_Table(given, f"channels.{name}"))
        for name, given in table.take("channels", dict, {}).items()
        if isinstance(given, dict) or table.fail(f"channels.{name} is no table")
    }
    rules = [_rule(_Table(given, f"rule {number}"), channels) for number, given in _numbered(table)]
    page = table.take("page", str, None)
    if page is not None and (fault := _fault_of_url(page)):
        table.fail(f'page is {page!r:.80}, which has {fault}; expected one such as "https://traces.example.org"')
    table.done()
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        table.fail(f"two rules are called {twice!r}")
    return Rules(tuple(rules), channels, page.rstrip("/") if page else None)


def _numbered(table: _Table) -> list[tuple[int, Mapping[str, Any]]]:
    given = table.take("rule", list, [])
    if not given or not all(isinstance(each, dict) for each in given):
        table.fail("it has no [[rule]]")
    return list(enumerate(given, 1))


def _rule(table: _Table, channels: Mapping[str, Channel]) -> Rule:
    name = table.take("name", str)
    if not name.strip() or not name.isprintable():
        table.fail("name is empty or has more than a line")
    table.place = f"rule {name!r}"
    when = _condition(table)
    window = _window(table)
    filter_string = table.take("filter", str, "")
    try:
        parse_filter(filter_string or None)
    except InvalidArgumentError as error:
        table.fail(f"filter: {error}")
    tell = table.take("tell", list, list(channels))
    unknown = [each for each in tell if not isinstance(each, str) or each not in channels]
    if unknown or not tell:
        missing = f"channel {unknown[0]!r:.40}" if unknown else "any channel"
        table.fail(f"tell: the file has no table for {missing}; write [channels.team] with slack, webhook or mail")
    at_least = table.take("at_least", int, 0)
    if at_least < 0:
        table.fail(f"at_least is {at_least}, expected a number of traces")
    project = table.take("project", str, None)
    table.done()
    return Rule(name, when, window, filter_string, at_least, tuple(tell), project)


def _window(table: _Table) -> str:
    window: str = table.take("window", str).strip()
    try:
        if window != TODAY and not _SHORTEST_WINDOW <= seconds_of(window) <= _LONGEST_WINDOW:
            table.fail(f'window is {window!r}, expected a second to 92 days, or "today"')
    except InvalidArgumentError as error:
        table.fail(f'window: {error}, or "today"')
    return window


def _condition(table: _Table) -> Condition:
    text = table.take("when", str)
    found = _CONDITION.fullmatch(text)
    measure, unit = (found.group(1), found.group(4)) if found else ("", "")
    if found is None or unit not in _UNITS.get(measure, ()) or math.isinf(float(found.group(3))):
        known = ", ".join(_UNITS)
        table.fail(
            f'when is {text!r:.80}, expected one such as "errors > 5 %", "cost > 20 USD", "p95 > 8 s"; of {known}'
        )
    assert found is not None
    return Condition(measure, found.group(2), float(found.group(3)), unit)


def _channel(table: _Table) -> Channel:
    kinds = [kind for kind in ("webhook", "slack", "mail") if kind in table.given]
    if len(kinds) != 1:
        table.fail("expected one of webhook, slack and mail")
    if kinds == ["mail"]:
        found: Channel = _mail(table)
    else:
        found = Webhook(_url(table, kinds[0]), _headers(table), kinds == ["slack"])
    table.done()
    return found


def _url(table: _Table, name: str) -> str:
    """The URL of a webhook, which no message shows: it is a secret."""
    url = table.text(name)
    if fault := _fault_of_url(url):
        table.fail(f'{name} is no URL of http or https, it has {fault}; write one such as "https://example.org/hook"')
    return url


def _fault_of_url(url: str) -> str | None:
    """What is wrong with a URL to call, without a part of it that may be secret; None if nothing is."""
    fault = fault_of_address(url)
    if fault is None:
        try:
            httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            return "a host or a sign that no URL has"
    return fault


def _headers(table: _Table) -> dict[str, str]:
    given = table.take("headers", dict, {})
    for name in given:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            table.fail(f"headers: {name!r:.40} is no name of a header that can be given, such as Authorization")
    return {name: _sendable(table, f"headers.{name}", table.resolved(value)) for name, value in given.items()}


def _sendable(table: _Table, name: str, text: str) -> str:
    """A text that may be a secret, which is sent as it is."""
    odd = next((sign for sign in text if not (sign.isascii() and sign.isprintable())), None)
    if odd is not None or text != text.strip():
        table.fail(f"{name} has {odd or ' '!r} in it, expected ASCII in one line, without spaces around it")
    return text


def _mail(table: _Table) -> Mail:
    to = table.take("mail", list)
    if not to or not all(isinstance(each, str) and _is_mail_address(each) for each in to):
        table.fail(f'mail is {to!r:.80}, expected a list of addresses such as ["oncall@example.org"]')
    sender = table.text("from")
    if not _is_mail_address(sender):
        table.fail(f'from is {sender!r:.80}, expected one address such as "tracer@example.org"')
    smtp = table.text("smtp")
    server, fault = split_address(smtp), fault_of_address(smtp, ("smtp", "smtps"))
    if server is None or fault or server.username:
        given = "smtp" if "@" in smtp else f"smtp is {smtp!r:.80}, which"  # a password stands before an @
        what = fault or "a user, which is a field of its own"
        table.fail(f'{given} has {what}; expected "smtp://mail.example.org:587" or "smtps://mail.example.org"')
    assert server is not None
    user, password = (
        _sendable(table, name, table.text(name)) if name in table.given else None for name in ("user", "password")
    )
    is_tls = server.scheme == "smtps"
    port = server.port or (465 if is_tls else 25)
    return Mail(tuple(to), sender, server.hostname or "", port, is_tls, user, password)


def _is_mail_address(text: str) -> bool:
    """Whether it is one address, with a name before it or without."""
    if not text.isprintable():
        return False
    try:
        [found] = mail_policy.header_factory("to", text).addresses
    except Exception:  # the parser of some versions of Python fails at odd ones, in several ways
        return False
    return bool(found.username and found.domain)


class _Table:
    """A table of the file; a field that is not known is an error."""

    def __init__(self, given: Mapping[str, Any], place: str) -> None:
        self.given = given
        self.place = place
        self._known: set[str] = set()

    def take(self, name: str, kind: type, *default: Any) -> Any:
        """The value of a field."""
        self._known.add(name)
        if name not in self.given:
            return default[0] if default else self.fail(f"{name} is missing")
        value = self.given[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            self.fail(f"{name} is {value!r:.40}, expected {_KINDS[kind]}")
        return value

    def text(self, name: str) -> str:
        """A text; with a $ before it, the value of the environment variable of this name."""
        return self.resolved(self.take(name, str))

    def resolved(self, value: object) -> str:
        """A text that may name a variable."""
        if not isinstance(value, str):
            self.fail(f"{value!r:.40} is no text")
        text = str(value)
        if not text.startswith("$"):
            return text
        if not os.environ.get(text[1:]):
            self.fail(f"the environment has no variable {text[1:]}")
        return os.environ[text[1:]]

    def done(self) -> None:
        """Refuse fields that were not asked for."""
        others = [name for name in self.given if name not in self._known]
        if others:
            self.fail(f"{others[0]} is not known here; expected {', '.join(sorted(self._known))}")

    def fail(self, what: str) -> bool:
        """Raise _WrongError with the place in the file."""
        raise _WrongError(f"{self.place}: {what}")
