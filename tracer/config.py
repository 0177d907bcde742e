"""The settings: an argument of ``configure`` wins over ``TRACER_*`` in the environment, which wins over the default."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import SplitResult, urlsplit

from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

DEFAULT_STORE = "sqlite:///tracer.db"
DEFAULT_EXPERIMENT = "Default"
DEFAULT_JUDGE_MODEL = "openai:/gpt-4.1-mini"
MAX_VALUE_BYTES = 1 << 20
JOURNAL_MAX_BYTES = 1 << 30

Redaction = Union[str, "re.Pattern[str]", Callable[[str], str]]  # a pattern, or a function of a text

_OF_DATABRICKS = re.compile(r"(?:databricks|databricks-uc|uc)(?::|$)")  # tracking URIs of MLflow
PERIODS = ("trace", "session", "user", "day")
MODES = ("raise", "warn")
_UNPRICED = ("call", "million_tokens")
_TERM = re.compile(r"(\w+)\s*=\s*([^\s,;]+)")
_NUMBERS = ("cost", "tokens", "calls", "repeats")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class LimitTerms:
    """Terms of a limit: the arguments of ``tracer.limit``, checked."""

    cost: float | None = None  # USD
    tokens: int | None = None
    calls: int | None = None
    repeats: int | None = None
    per: str | None = None  # of PERIODS; None: the code inside of a block
    mode: str = "raise"
    unpriced: tuple[tuple[str, float], ...] = ()  # USD by "call" and "million_tokens"
    name: str = ""

    def __str__(self) -> str:
        given = [f"{name}={getattr(self, name):g}" for name in _NUMBERS if getattr(self, name) is not None]
        return f"limit({', '.join(given + ([f'per={self.per!r}'] if self.per else []))})"


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured, checked."""

    store: str = DEFAULT_STORE
    token: str | None = field(default=None, repr=False)
    experiment: str = DEFAULT_EXPERIMENT
    enabled: bool = True
    sample_rate: float = 1.0
    capture_content: bool = True
    redact: Sequence[Redaction] = ()
    span_processors: Sequence[SpanProcessor | Callable[..., object]] = ()
    exporters: Sequence[SpanExporter] = ()
    tracer_provider: TracerProvider | None = None
    service_name: str | None = None
    active_model: str | None = None
    judge_model: str = DEFAULT_JUDGE_MODEL
    limit: LimitTerms | None = None
    max_value_bytes: int = MAX_VALUE_BYTES
    journal_max_bytes: int = JOURNAL_MAX_BYTES
    given: frozenset[str] = field(default=frozenset(), compare=False)


def store_url(value: object, name: str = "store") -> str:
    """A store's URL from a URL, or from the path of an SQLite file; an error names the argument of the value."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(
            f"{name}: got {value!r}, expected a URL such as 'sqlite:///tracer.db' or the path of a file."
        )
    if value.strip() == ":memory:" or value.endswith("/:memory:") or value == "sqlite://":
        raise InvalidArgumentError(
            f"{name}: got {value!r}, but a store in memory cannot be shared by threads and processes. "
            "Give a file, for example in tempfile.mkdtemp()."
        )
    if value.startswith(("http://", "https://")):
        return _server_url(value, name)
    if value.startswith("clickhouse://"):
        return value  # its parts are read where it is opened
    if _OF_DATABRICKS.match(value.strip()):
        raise InvalidArgumentError(
            f"{name}: got {value!r}, which is no store of tracer. Give a file, such as 'sqlite:///tracer.db', or the "
            f"URL of a tracer server, such as 'http://host:5000'. For a file of this name write './{value}'."
        )
    if "://" in value:
        if not value.startswith("sqlite:///") or value == "sqlite:///":
            raise InvalidArgumentError(
                f"{name}: got {value!r}, expected 'sqlite:///tracer.db' (relative), 'sqlite:////absolute/path.db' or "
                "the URL of a tracer server such as 'http://host:5000'."
            )
        return value
    path = Path(value)
    return f"sqlite:////{str(path).lstrip('/')}" if path.is_absolute() else f"sqlite:///{path}"


def split_address(address: str) -> SplitResult | None:
    """The parts of an address; None where it has no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def fault_of_address(address: str, schemes: Sequence[str] = ("http", "https")) -> str | None:
    """What is wrong with an address that is to have one of these schemes, a host, and perhaps a port; None: nothing."""
    parts = split_address(address)
    if parts is None:
        return "a host in [ ] that is no address of IPv6"
    if parts.scheme not in schemes:
        return f"no {' or '.join(f'{scheme}://' for scheme in schemes)} at its beginning"
    if not parts.hostname:
        return "no host"
    if not _has_port(parts):
        return "a port that is no number from 1 to 65535"
    return None if is_host(parts.hostname) else f"a host that cannot be, {parts.hostname!r:.80}"


def is_host(name: str) -> bool:
    """Whether the system can look for a host of this name: it raises where a part is empty or too long."""
    try:
        name.encode("idna")
    except ValueError:
        return False
    return not any(sign.isspace() for sign in name)


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _server_url(value: str, name: str) -> str:
    fault, parts = fault_of_address(value), split_address(value)
    if fault is None and parts is not None:
        has_more = bool(parts.username or parts.query or parts.fragment)
        is_path = parts.path.isascii() and parts.path.isprintable() and " " not in parts.path
        fault = "more than that" if has_more else None if is_path else "a path with a sign that no URL has"
    if fault is not None:
        raise InvalidArgumentError(
            f"{name}: got a URL with {fault}, expected the URL of a tracer server such as 'http://host:5000', without "
            "user, query and fragment; a token goes into configure(token=…) or TRACER_TOKEN."
        )
    return value.rstrip("/")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidArgumentError(f"{name}: got {value!r}, expected true or false (1, 0, yes, no, on, off).")


def _rate(name: str, value: object) -> float:
    try:
        rate = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        rate = -1.0
    if isinstance(value, bool) or not 0.0 <= rate <= 1.0:
        raise InvalidArgumentError(
            f"{name}: got {value!r}, expected a number from 0.0 (no trace) to 1.0 (every trace)."
        )
    return rate


def _size(name: str, value: object) -> int:
    try:
        size = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        size = 0
    if isinstance(value, bool) or size < 1024:
        raise InvalidArgumentError(f"{name}: got {value!r}, expected a number of bytes of at least 1024.")
    return int(size)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(f"{name}: got {value!r}, expected a string that is not empty.")
    return value


def checked_token(name: str, value: object) -> str:
    """A token that a header can hold. Raises InvalidArgumentError, which does not show it."""
    token = _text(name, value)
    if not token.isascii() or not token.isprintable():
        raise InvalidArgumentError(f"{name}: it has a sign that no header can hold, expected ASCII in one line.")
    return token


def _several(name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return (value,)


def _exporters(name: str, value: object) -> tuple[object, ...]:
    exporters = _several(name, value)
    for exporter in exporters:
        if not callable(getattr(exporter, "export", None)):
            raise InvalidArgumentError(
                f"{name}: {exporter!r} has no export(); expected OpenTelemetry SpanExporter objects, such as "
                "exporters=[OTLPSpanExporter()]."
            )
    return exporters


def _processors(name: str, value: object) -> tuple[object, ...]:
    processors = _several(name, value)
    for processor in processors:
        if not callable(processor) and not callable(getattr(processor, "on_end", None)):
            raise InvalidArgumentError(
                f"{name}: {processor!r} is neither an OpenTelemetry SpanProcessor nor a function that takes a span."
            )
    return processors


def _provider(name: str, value: object) -> object:
    # logfire's wraps one of the SDK's
    provider = value if _is_sdk_provider(value) else getattr(value, "provider", None)
    if not _is_sdk_provider(provider):
        raise InvalidArgumentError(
            f"{name}: got {type(value).__qualname__}, expected an opentelemetry.sdk.trace.TracerProvider. "
            "With none configured, opentelemetry.trace.get_tracer_provider() gives a placeholder that records nothing."
        )
    return provider


def _is_sdk_provider(value: object) -> bool:
    return hasattr(value, "_active_span_processor") and hasattr(value, "id_generator")


def _experiment(name: str, value: object) -> str:
    return _text(name, value)


def checked_terms(
    *,
    cost: object = None,
    tokens: object = None,
    calls: object = None,
    repeats: object = None,
    per: object = None,
    mode: object = "raise",
    unpriced: object = None,
    name: object = "",
) -> LimitTerms:
    """The terms; raises InvalidArgumentError for a value that is none."""
    numbers = {"cost": cost, "tokens": tokens, "calls": calls, "repeats": repeats}
    if all(value is None for value in numbers.values()):
        raise InvalidArgumentError(
            "limit: got nothing to limit, expected cost=, tokens=, calls= or repeats=, such as limit(cost=1.00)."
        )
    for given, value in numbers.items():
        _check_number(given, value, whole=given != "cost")
    if per is not None and per not in PERIODS:
        raise InvalidArgumentError(f"per: got {per!r}, expected one of {', '.join(PERIODS)}.")
    if mode not in MODES:
        raise InvalidArgumentError(f"mode: got {mode!r}, expected one of {', '.join(MODES)}.")
    if not isinstance(name, str):
        raise InvalidArgumentError(f"name: got {name!r}, expected a string.")
    return LimitTerms(cost, tokens, calls, repeats, per, str(mode), _prices(unpriced), name)  # type: ignore[arg-type]


def _check_number(name: str, value: object, *, whole: bool) -> None:
    kinds = (int,) if whole else (int, float)
    if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < float("inf")):
        expected = "a whole number from 1" if whole else "a number of USD above 0"
        raise InvalidArgumentError(f"{name}: got {value!r}, expected {expected}.")


def _prices(given: object) -> tuple[tuple[str, float], ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not given or set(given) - set(_UNPRICED):
        raise InvalidArgumentError(
            f"unpriced: got {given!r}, expected USD for calls whose price is not known, such as "
            "{'call': 0.01} or {'million_tokens': 2.5}."
        )
    for name, value in given.items():
        _check_number(f"unpriced[{name!r}]", value, whole=False)
    return tuple(given.items())


def terms_of_setting(name: str, value: object) -> LimitTerms | None:
    """The terms of a setting: a limit, a text such as ``"cost=5 per=day"``, or False for none."""
    if value is False or (isinstance(value, str) and value.strip().lower() in ("off", "none", "0", "false")):
        return None
    terms = terms_from_text(name, value) if isinstance(value, str) else getattr(value, "terms", None)
    if not isinstance(terms, LimitTerms):
        raise InvalidArgumentError(
            f"{name}: got {value!r}, expected tracer.limit(cost=5.00, per='day'), the same as a text such as "
            "'cost=5.00 per=day', or False for no limit."
        )
    if terms.per is None:
        raise InvalidArgumentError(
            f"{name}: a limit that holds everywhere needs per=, one of {', '.join(PERIODS)}, such as "
            f"{str(terms)[:-1]}, per='day')."
        )
    return terms


def terms_from_text(name: str, text: str) -> LimitTerms:
    """The terms of a text such as ``"cost=5.00 calls=50 per=day mode=warn"``."""
    found = dict(_TERM.findall(text))
    known = {field.name for field in fields(LimitTerms)} - {"unpriced"} | {f"unpriced_{kind}" for kind in _UNPRICED}
    rest = _TERM.sub("", text).strip(" ,;")
    if rest or not found or set(found) - known:
        wrong = rest or ", ".join(sorted(set(found) - known)) or text
        raise InvalidArgumentError(f"{name}: cannot read {wrong!r}, expected a text such as 'cost=5.00 per=day'.")
    values: dict[str, object] = {}
    unpriced: dict[str, object] = {}
    for key, value in found.items():
        kind = key.removeprefix("unpriced_")
        if key != kind:
            unpriced[kind] = _number(value)
        else:
            values[key] = _number(value) if key in _NUMBERS else value
    return checked_terms(**values, unpriced=unpriced or None)


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "store": lambda name, value: store_url(value, name),
    "token": checked_token,
    "experiment": _experiment,
    "enabled": _flag,
    "sample_rate": _rate,
    "capture_content": _flag,
    "redact": _several,
    "span_processors": _processors,
    "exporters": _exporters,
    "tracer_provider": _provider,
    "service_name": _text,
    "active_model": _text,
    "judge_model": _text,
    "limit": terms_of_setting,
    "max_value_bytes": _size,
    "journal_max_bytes": _size,
}

ENVIRONMENT = {
    "store": "TRACER_STORE",
    "token": "TRACER_TOKEN",
    "experiment": "TRACER_EXPERIMENT",
    "enabled": "TRACER_ENABLED",
    "sample_rate": "TRACER_SAMPLE_RATE",
    "capture_content": "TRACER_CAPTURE_CONTENT",
    "service_name": "TRACER_SERVICE_NAME",
    "active_model": "TRACER_ACTIVE_MODEL_ID",
    "judge_model": "TRACER_JUDGE_MODEL",
    "limit": "TRACER_LIMIT",
    "max_value_bytes": "TRACER_MAX_VALUE_BYTES",
    "journal_max_bytes": "TRACER_JOURNAL_MAX_BYTES",
}
OTHER_VARIABLES = (
    "TRACER_AUTOLOG",
    "TRACER_OIDC_SECRET",
    "TRACER_SERVE_API_KEY",
    "TRACER_TRUSTED_MODELS",
)  # read elsewhere
SECRET_VARIABLES = frozenset({"TRACER_TOKEN", "TRACER_OIDC_SECRET", "TRACER_SERVE_API_KEY"})


def checked(arguments: Mapping[str, object]) -> dict[str, Any]:
    """The arguments that were given (not None), each checked."""
    return {name: _CHECKS[name](name, value) for name, value in arguments.items() if value is not None}


def settings_from_environment(environment: Mapping[str, str]) -> Settings:
    """The defaults and the environment's settings; an error names the invalid variable."""
    settings, errors = read_environment(environment)
    if errors:
        raise next(iter(errors.values()))
    return settings


def read_environment(environment: Mapping[str, str]) -> tuple[Settings, dict[str, InvalidArgumentError]]:
    """The defaults and the environment's valid settings; and an error for each invalid one."""
    values: dict[str, Any] = {}
    errors: dict[str, InvalidArgumentError] = {}
    for name, variable in ENVIRONMENT.items():
        text = environment.get(variable, "").strip()
        if text:
            try:
                values[name] = _CHECKS[name](variable, text)
            except InvalidArgumentError as error:
                errors[name] = error
    if "service_name" not in values and environment.get("OTEL_SERVICE_NAME"):
        values["service_name"] = environment["OTEL_SERVICE_NAME"]
    return Settings(**values, given=frozenset(values)), errors
