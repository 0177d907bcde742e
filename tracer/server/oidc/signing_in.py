"""Sign-ins that are on their way to the provider and back."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from tracer.server.oidc.rules import Oidc, Rule
from tracer.server.projects.projects import Projects

if TYPE_CHECKING:
    from tracer.server.oidc.provider import Provider

BEGUN_SECONDS: Final = 600
_MOST_BEGUN = 10_000


class Begun(NamedTuple):
    """The values that the provider's answer is checked against, and the page to open after the sign-in."""

    nonce: str
    verifier: str
    redirect_uri: str
    next: str


class SignIn:
    """Sign-ins at the provider: the unfinished ones, in memory, and their end."""

    def __init__(self, settings: Oidc, projects: Projects, provider: Provider) -> None:
        self.settings = settings
        self.projects = projects
        self.provider = provider
        self._begun: dict[str, tuple[float, Begun]] = {}

    def keep(self, state: str, begun: Begun) -> None:
        """Keep the data for the browser's return with this state."""
        now = time.monotonic()
        while self._begun:  # the oldest first
            oldest = next(iter(self._begun))
            if self._begun[oldest][0] > now and len(self._begun) < _MOST_BEGUN:
                break
            del self._begun[oldest]
        self._begun[state] = (now + BEGUN_SECONDS, begun)

    def take(self, state: str, cookie: str) -> Begun | None:
        """The kept data, once, and only for the browser that began the sign-in; else None."""
        if not hmac.compare_digest(state.encode("utf-8", "replace"), cookie.encode("utf-8", "replace")):
            return None
        until, begun = self._begun.pop(state, (0.0, None))
        return begun if time.monotonic() < until else None

    def rule_for(self, email: str, claims: Mapping[str, object]) -> Rule | None:
        """The first rule that a person meets."""
        return next((rule for rule in self.settings.rules if rule.admits(email, claims)), None)
