"""The provider: code flow with PKCE, and the claims of ID tokens that are checked in full."""

from __future__ import annotations

from typing import Any

from authlib.integrations.starlette_client import StarletteOAuth2App

from tracer.errors import TracerError
from tracer.server.oidc.rules import Oidc
from tracer.server.oidc.signing_in import Begun

_SECONDS = 10.0
_LEEWAY_SECONDS = 60  # of the clocks of two machines
_SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class UnexpectedAnswerError(TracerError):
    """The provider's answer breaks the protocol."""


class Provider:
    """The provider of a server's settings; it is asked at each sign-in."""

    def __init__(self, settings: Oidc) -> None:
        self._issuer = settings.issuer.rstrip("/")
        self._client_id = settings.client_id
        self._app = StarletteOAuth2App(
            None,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": _SECONDS},
        )

    async def begin(self, redirect_uri: str, next: str) -> tuple[str, str, Begun]:
        """The URL for the browser, the state that the browser brings back, and the data to keep until then."""
        await self._discovered()
        made = await self._app.create_authorization_url(redirect_uri)
        return made["url"], made["state"], Begun(made["nonce"], made["code_verifier"], redirect_uri, next)

    async def claims(self, code: str, begun: Begun) -> dict[str, Any]:
        """The provider's claims about the person with this code."""
        metadata = await self._discovered()
        token = await self._app.fetch_access_token(
            code=code, redirect_uri=begun.redirect_uri, code_verifier=begun.verifier
        )
        expected = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": self._client_id},
        }
        claims = await self._app.parse_id_token(token, begun.nonce, claims_options=expected, leeway=_LEEWAY_SECONDS)
        if claims is None:
            raise UnexpectedAnswerError("the provider has sent no ID token")
        if "email" in claims or "userinfo_endpoint" not in metadata:
            return dict(claims)
        more = await self._app.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise UnexpectedAnswerError("the provider's userinfo is of somebody else")
        return {**more, **claims}

    async def _discovered(self) -> dict[str, Any]:
        metadata: dict[str, Any] = await self._app.load_server_metadata()
        found = str(metadata.get("issuer"))
        if found.rstrip("/") != self._issuer:
            metadata.clear()  # asked for again the next time
            raise UnexpectedAnswerError(f"the provider calls itself {found!r:.200}, and the settings {self._issuer}")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in _SIGNED_BY]
        return metadata
