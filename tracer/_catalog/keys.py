"""Keys: made and shown once, kept as digests only.

A key has 256 random bits, which cannot be guessed, so a plain SHA-256 of it is enough. Slow hashes are for passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Final, Literal, cast

from tracer.errors import InvalidArgumentError

Role = Literal["write", "read", "metrics", "admin"]
ROLES: Final[tuple[Role, ...]] = ("write", "read", "metrics", "admin")


def new_key(project_id: str) -> str:
    """A new key. It begins with its project's id, by which a program keeps the journals of its projects apart."""
    return f"tracer-{project_id}-{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> bytes:
    """The stored digest of a key, or of the cookie of its sign-in."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def cookie_of(key: str) -> str:
    """Value of the cookie of a sign-in: derived from the key, which cannot be read from it."""
    return hmac.new(key.encode("utf-8", "replace"), b"tracer sign-in", hashlib.sha256).hexdigest()


def checked_roles(given: Collection[object]) -> tuple[Role, ...]:
    """Roles in their usual order. Raises InvalidArgumentError for none, and for unknown ones."""
    unknown = [role for role in given if role not in ROLES]
    if unknown or not given:
        found = f"{unknown[0]!r:.40}" if unknown else "none"
        raise InvalidArgumentError(f"roles: got {found}, expected some of {', '.join(ROLES)}")
    return cast("tuple[Role, ...]", tuple(role for role in ROLES if role in given))
