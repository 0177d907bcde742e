"""The settings: an argument of ``configure`` wins over ``TRACER_*`` in the environment, which wins over the default."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import urlsplit

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
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


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
    max_value_bytes: int = MAX_VALUE_BYTES
    journal_max_bytes: int = JOURNAL_MAX_BYTES
    given: frozenset[str] = field(default=frozenset(), compare=False)


def store_url(value: object, name: str = "store") -> str:
    """A store's URL from a URL, or from the path of an SQLite file; an error names what the value was given as."""
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


def _server_url(value: str, name: str) -> str:
    try:
        parts = urlsplit(value)
        has_more = bool(parts.username or parts.query or parts.fragment)
        is_valid = bool(parts.hostname) and (parts.port is None or parts.port > 0) and not has_more
    except ValueError:
        is_valid = False
    if not is_valid:
        raise InvalidArgumentError(
            f"{name}: expected the URL of a tracer server such as 'http://host:5000', without user, query and "
            "fragment; a token goes into configure(token=…) or TRACER_TOKEN."
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
    # logfire's stands for one of the SDK's, which it holds
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


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "store": lambda name, value: store_url(value, name),
    "token": _text,
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
    "max_value_bytes": "TRACER_MAX_VALUE_BYTES",
    "journal_max_bytes": "TRACER_JOURNAL_MAX_BYTES",
}
OTHER_VARIABLES = ("TRACER_AUTOLOG", "TRACER_SERVE_API_KEY", "TRACER_TRUSTED_MODELS")  # read elsewhere
SECRET_VARIABLES = frozenset({"TRACER_TOKEN", "TRACER_SERVE_API_KEY"})


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
