"""Programs in processes of their own, and what the store holds of them."""

from tests.programs import run, start, stored

__all__ = ["run", "start", "stored"]
