"""Policies of retention."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.server.operation import Call
from tracer.store.policies import checked_policy
from tracer.store.rows import StoredPolicy


def list_policies(call: Call) -> JsonObject:
    """The policies, by name."""
    return {"policies": [_shape(policy) for policy in call.store.policies()]}


def write_policy(call: Call) -> JsonObject:
    """Make the policy of a name, or give it other contents."""
    return _shape(call.store.write_policy(checked_policy(call.body)))


def delete_policy(call: Call) -> None:
    """Delete a policy."""
    call.store.delete_policy(call.path["name"])


def _shape(policy: StoredPolicy) -> JsonObject:
    return {f"{name}_ns" if name in ("created", "updated") else name: value for name, value in policy._asdict().items()}
