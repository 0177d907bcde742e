"""Several attempts at one call: those of the router, and of a call with fallbacks."""

from __future__ import annotations

from tracer.provider import FrameworkSpans, SpanType, set_failure

from .._values import Arguments

STEPS = FrameworkSpans("tracer.litellm")


class Attempts:
    """The step around all attempts; also its key."""

    def returned(self, result: object) -> None:
        """One of them has answered."""
        step = STEPS.leave(self)
        if step is not None:
            step.span.end()

    def raised(self, error: BaseException) -> None:
        """All of them failed."""
        step = STEPS.leave(self)
        if step is not None:
            set_failure(step.span, error)
            step.span.end()


def attempts_begin(arguments: Arguments) -> Attempts | None:
    """``async_function_with_fallbacks(…, model=…)``, and the same for a call without a router."""
    attempts = Attempts()
    model = arguments.get("model")
    name = f"route {model}" if model else "route"
    return attempts if STEPS.start(attempts, name, span_type=SpanType.CHAIN) is not None else None
