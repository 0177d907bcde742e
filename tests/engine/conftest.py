"""Fixtures: programs in processes of their own, and the content of their store."""

from tests.programs import run, start, stored

__all__ = ["run", "start", "stored"]
