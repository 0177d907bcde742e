"""Two traces, step by step: what is the same, and where they first part."""

from tracer._diff.trace_diff import Difference as Difference
from tracer._diff.trace_diff import TraceDiff as TraceDiff
from tracer._diff.trace_diff import diff as diff

__all__ = ["Difference", "TraceDiff", "diff"]
