"""``tracer.limit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tracer._engine import limits
from tracer._engine.contextual import in_context
from tracer._engine.limits import Block
from tracer.config import LimitTerms, checked_terms
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


class limit:
    """Refuse a call to a model, before it is sent, once so much was spent: ``with tracer.limit(cost=1.00): …``

    Also a decorator, for each call of a function anew, and a setting: ``tracer.configure(limit=tracer.limit(cost=5.00,
    per="day"))``. The refused call raises `tracer.errors.LimitExceededError` and is recorded as a failed step. Calls
    are counted when they are sent, their tokens and cost when they have ended: calls that run at the same time may go
    beyond those by what they use.

    :param cost: USD.
    :param tokens: of input and output.
    :param calls: number of calls.
    :param repeats: how often the identical request may be sent in a trace.
    :param per: what is counted together: "trace", "session", "user" or "day" (UTC), in all threads and processes that
        use the same store; without it, what runs inside of the block, and in threads and processes started there.
    :param mode: "raise", or "warn" to only log it.
    :param unpriced: USD that a call counts whose price is not known: ``{"call": 0.01}``, ``{"million_tokens": 2.5}``
        or both; without it such a call counts only for ``tokens`` and ``calls``.
    :param name: limits with the same ``per`` and name share one count.
    """

    def __init__(
        self,
        *,
        cost: float | None = None,
        tokens: int | None = None,
        calls: int | None = None,
        repeats: int | None = None,
        per: Literal["trace", "session", "user", "day"] | None = None,
        mode: Literal["raise", "warn"] = "raise",
        unpriced: Mapping[str, float] | None = None,
        name: str = "",
    ) -> None:
        self.terms: LimitTerms = checked_terms(
            cost=cost, tokens=tokens, calls=calls, repeats=repeats, per=per, mode=mode, unpriced=unpriced, name=name
        )

    def __repr__(self) -> str:
        return f"tracer.{self.terms}"

    def copy(self) -> Block:
        """A block of its own, for one call of a decorated function."""
        limits.use()
        return Block(self.terms, limits.counting_file(), owner=self)

    def __enter__(self) -> Block:
        block = self.copy()
        limits.blocks_here.set((*limits.blocks_of_context(), block))
        return block

    def __exit__(self, *_: object) -> None:
        blocks = limits.blocks_here.get()
        for block in reversed(blocks):
            if block.owner is self:
                limits.blocks_here.set(tuple(other for other in blocks if other is not block))
                limits.leave(block)
                return

    def __call__(self, function: F) -> F:
        """The function, each call of which may spend so much; a coroutine or generator function stays one."""
        if not callable(function):
            raise InvalidArgumentError(f"limit: got {function!r}, expected a function to decorate.")
        bound: F = in_context(function, self)
        return bound
