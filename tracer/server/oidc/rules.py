"""Which provider people sign in with, and the rules that say what they may: the first that is met counts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlsplit

from tracer._catalog.keys import Role, checked_roles
from tracer.config import fault_of_address
from tracer.errors import InvalidArgumentError

_EXAMPLE = "'read,write:shop=@shop.example'"


class Rule(NamedTuple):
    """Roles in a project, for one e-mail address, all of a domain, or a value of a claim."""

    roles: tuple[Role, ...]
    project: str
    who: str

    def admits(self, email: str, claims: Mapping[str, object]) -> bool:
        """Whether the rule is met by a person with this verified address and these claims."""
        claim, is_claim, value = self.who.partition("=")
        if is_claim:
            found = claims.get(claim)
            return value in found if isinstance(found, list) else value == found
        address = email.lower()
        expected = self.who.lower()
        return address == expected or f"@{address.rpartition('@')[2]}" == expected


@dataclass(frozen=True)
class Oidc:
    """The provider, this server's id and secret there (None: it has none), and the rules as texts."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if fault := fault_of_address(self.issuer):
            raise InvalidArgumentError(
                f"oidc issuer: got {self.issuer!r:.200}, which has {fault}; expected an https:// URL"
            )
        found = urlsplit(self.issuer)
        if found.scheme != "https" and found.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise InvalidArgumentError(f"oidc issuer: got {self.issuer!r:.200}, expected an https:// URL")
        if not self.client_id:
            raise InvalidArgumentError("oidc client: the id is missing that the provider has given this server")
        if not self.rules:
            raise InvalidArgumentError(f"oidc roles: none, so nobody could sign in; expected some such as {_EXAMPLE}")

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules. Raises InvalidArgumentError."""
        return tuple(map(_parsed, self.roles))

    @property
    def name(self) -> str:
        """The provider's name, for people."""
        return urlsplit(self.issuer).netloc

    @property
    def fingerprint(self) -> str:
        """Another one where anything has changed by which people were let in."""
        return hashlib.sha256(repr((self.issuer, self.client_id, self.roles)).encode()).hexdigest()


def _parsed(text: str) -> Rule:
    what, is_rule, who = text.partition("=")
    names, has_project, project = what.partition(":")
    if not (is_rule and has_project and project and who) or not ("@" in who or "=" in who):
        raise InvalidArgumentError(
            f"oidc role: got {text!r:.200}, expected ROLES:PROJECT=WHO such as {_EXAMPLE}, where WHO is an e-mail"
            " address, @DOMAIN or CLAIM=VALUE"
        )
    roles = checked_roles(names.split(","))
    if not {"read", "admin"} & set(roles):
        raise InvalidArgumentError(f"oidc role: got {text!r:.200}, and the page needs the role read")
    return Rule(roles, project, who)
