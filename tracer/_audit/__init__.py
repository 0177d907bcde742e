"""Avoidable costs of model calls, found in stored records alone by pure functions."""

from tracer._audit.audit import Audit as Audit
from tracer._audit.audit import audit_of as audit_of
from tracer._audit.calls import calls_of as calls_of
from tracer._audit.findings import Finding as Finding

__all__ = ["Audit", "Finding", "audit_of", "calls_of"]
