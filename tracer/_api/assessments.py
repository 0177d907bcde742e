"""Feedback and expectations, as they are given and as they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer._json import JsonObject
from tracer.semconv import OVERRIDDEN_BY, OVERRIDES
from tracer.store.rows import AssessmentRow

_NS_PER_MS = 1_000_000


class AssessmentSourceType:
    """Kinds of source of an assessment; any other word is one as well."""

    HUMAN = "HUMAN"
    LLM_JUDGE = "LLM_JUDGE"
    CODE = "CODE"


@dataclass(frozen=True)
class AssessmentSource:
    """Source of an assessment: ``source_type`` HUMAN, LLM_JUDGE, CODE or another word, and an id such as a name."""

    source_type: str = "CODE"
    source_id: str = "default"


@dataclass(frozen=True)
class Assessment:
    """Feedback on a trace or one of its spans, or an expectation."""

    assessment_id: str
    trace_id: str
    name: str
    type: str  # "feedback" or "expectation"
    value: Any
    span_id: str | None = None
    rationale: str | None = None
    source: AssessmentSource = field(default_factory=AssessmentSource)
    metadata: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    create_time_ms: int = 0

    @property
    def assessment_name(self) -> str:
        """The name."""
        return self.name

    @property
    def feedback(self) -> Assessment | None:
        """Itself if it is feedback, with ``value`` and ``error``; else None."""
        return self if self.type == "feedback" else None

    @property
    def expectation(self) -> Assessment | None:
        """Itself if it is an expectation, with ``value``; else None."""
        return self if self.type == "expectation" else None

    @property
    def overrides(self) -> str | None:
        """The id of the feedback that counts no more because of this one."""
        return self.metadata.get(OVERRIDES)

    @property
    def valid(self) -> bool:
        """Whether it counts: no other feedback overrides it."""
        return OVERRIDDEN_BY not in self.metadata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Assessment) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> JsonObject:
        """As plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: JsonObject) -> Assessment:
        """Read back the result of :meth:`to_dict`."""
        known = known_fields(Assessment, fields)
        return of_type(
            {**known, "source": AssessmentSource(**known_fields(AssessmentSource, fields.get("source", {})))}
        )


class Feedback(Assessment):
    """A person's or a judge's opinion of a trace: returned by a scorer, or given to `tracer.log_assessment`."""

    def __init__(
        self,
        name: str = "feedback",
        value: Any = None,
        error: BaseException | str | None = None,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: dict[str, str] | None = None,
        span_id: str | None = None,
        rationale: str | None = None,
        *,
        assessment_id: str = "",
        create_time_ms: int = 0,
    ) -> None:
        reason = error if error is None or isinstance(error, str) else f"{type(error).__name__}: {error}"
        super().__init__(
            assessment_id, trace_id or "", name, "feedback", value, span_id, rationale,
            source or AssessmentSource(), metadata or {}, reason, create_time_ms,
        )  # fmt: skip


class Expectation(Assessment):
    """The answer expected of a trace, to be given to `tracer.log_assessment`."""

    def __init__(
        self,
        name: str,
        value: Any,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: dict[str, str] | None = None,
        span_id: str | None = None,
        *,
        rationale: str | None = None,
        error: str | None = None,
        assessment_id: str = "",
        create_time_ms: int = 0,
    ) -> None:
        super().__init__(
            assessment_id, trace_id or "", name, "expectation", value, span_id, rationale,
            source or AssessmentSource("HUMAN"), metadata or {}, error, create_time_ms,
        )  # fmt: skip


def of_type(fields: JsonObject) -> Assessment:
    """Feedback or an expectation, by the field ``type``."""
    kind = Expectation if fields["type"] == "expectation" else Feedback
    return kind(**{name: value for name, value in fields.items() if name != "type"})


def assessment_from_row(row: AssessmentRow) -> Assessment:
    """The public form of a stored assessment."""
    return of_type(
        {
            "assessment_id": row.id,
            "trace_id": row.trace_id,
            "name": row.name,
            "type": row.type,
            "value": row.value,
            "span_id": row.span_id,
            "rationale": row.rationale,
            "source": source_from_row(row.source),
            "metadata": row.metadata,
            "error": row.error,
            "create_time_ms": row.time // _NS_PER_MS,
        }
    )


def source_from_row(source: Mapping[str, str]) -> AssessmentSource:
    """The public form of a stored assessment's source."""
    return AssessmentSource(source.get("type", "CODE"), source.get("id", "default"))


def known_fields(kind: type[Any], fields: JsonObject) -> JsonObject:
    """The fields that a dataclass has; those of a later version of tracer are left out."""
    names = {known.name for known in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}
