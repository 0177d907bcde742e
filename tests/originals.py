"""What a class consists of, to compare it before and after patching."""

from __future__ import annotations


def contents_of(*kinds: type) -> dict[str, tuple[int, object]]:
    """Each attribute of these classes: the very object, and the code of functions."""
    return {
        f"{kind.__qualname__}.{name}": (id(held), getattr(held, "__code__", None))
        for kind in kinds
        for name, held in vars(kind).items()
    }
