"""Work with recorded traces: evaluate an app, score its answers, keep what is to be asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer._late import load as _load

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with _HOMES
    from tracer._tracking.evaluation import EvaluationResult as EvaluationResult
    from tracer._tracking.evaluation import evaluate as evaluate
    from tracer._tracking.scoring import Scorer as Scorer
    from tracer._tracking.scoring import scorer as scorer

# where each name is defined; loaded on first use, as tracer's own names are
_HOMES = {
    "tracer._tracking.evaluation": ("EvaluationResult", "evaluate"),
    "tracer._tracking.scoring": ("Scorer", "scorer"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    __all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = _load(_HOME_OF[name], name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
