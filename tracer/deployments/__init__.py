"""A client of endpoints that speak OpenAI's API: OpenAI's own, a gateway, a model server, `tracer models serve`.

Its calls go through the ``openai`` package, so that `tracer.openai.autolog()` records them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tracer._distribution import install_advice
from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["DeploymentClient", "get_deploy_client"]


def get_deploy_client(target_uri: str, *, api_key: str | None = None) -> DeploymentClient:
    """A client of ``"openai"`` (as ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` say) or of a server's URL.

    A server's API is at its URL if that has a path, such as ``http://host:8000/v1``, else at ``/v1`` of it. It gets
    ``api_key``; the one of ``OPENAI_API_KEY`` is for "openai" alone. Raises InvalidArgumentError for other targets,
    ImportError where the ``openai`` package is not installed.
    """
    if target_uri != "openai" and not str(target_uri).startswith(("http://", "https://")):
        raise InvalidArgumentError(
            f"target_uri: got {target_uri!r}, expected 'openai' or the URL of a server that speaks OpenAI's API, "
            "such as 'http://localhost:11434/v1'."
        )
    try:
        from openai import OpenAI
    except ImportError as error:
        raise ImportError(f"tracer.deployments needs the openai package: {install_advice('openai')}") from error
    if target_uri == "openai":
        return DeploymentClient(OpenAI(api_key=api_key))
    has_path = bool(target_uri.partition("://")[2].partition("/")[2])
    return DeploymentClient(
        OpenAI(api_key=api_key or "none", base_url=target_uri if has_path else f"{target_uri.rstrip('/')}/v1")
    )


class DeploymentClient:
    """Asks the models of a server by their names."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def predict(
        self, deployment_name: str | None = None, inputs: JsonMapping | None = None, endpoint: str | None = None
    ) -> JsonObject:
        """The whole reply of a model, as a dict: ``predict(endpoint="gpt-4o-mini", inputs={"messages": […]})``.

        ``inputs`` is the request's body: with ``messages`` a chat, with ``prompt`` a completion, with ``input`` as a
        text or texts embeddings, with ``input`` as a list of items a response. Errors are those of the openai package.
        """
        ask, body = self._call(endpoint or deployment_name, inputs)
        return ask(**body).model_dump()  # type: ignore[no-any-return]

    def predict_stream(
        self, deployment_name: str | None = None, inputs: JsonMapping | None = None, endpoint: str | None = None
    ) -> Iterator[JsonObject]:
        """The same reply in pieces, each a dict."""
        ask, body = self._call(endpoint or deployment_name, inputs)
        with ask(**body, stream=True) as stream:
            for piece in stream:
                yield piece.model_dump()

    def list_endpoints(self) -> list[JsonObject]:
        """The models that the server has, each a dict with its ``name``."""
        return [{"name": model.id, **model.model_dump()} for model in self._client.models.list()]

    list_deployments = list_endpoints

    def get_endpoint(self, endpoint: str) -> JsonObject:
        """One of these models. Errors are those of the openai package."""
        model = self._client.models.retrieve(endpoint)
        return {"name": model.id, **model.model_dump()}

    def _call(self, model: str | None, inputs: JsonMapping | None) -> tuple[Any, JsonObject]:
        if not model:
            raise InvalidArgumentError("endpoint: got none, expected a model's name; list_endpoints() has them.")
        given = dict(inputs or {})
        given.pop("stream", None)
        asked = given.get("input")
        if "messages" in given:
            ask: Any = self._client.chat.completions.create
        elif "prompt" in given:
            ask = self._client.completions.create
        elif isinstance(asked, list) and asked and not isinstance(asked[0], (str, int, list)):
            ask = self._client.responses.create
        elif asked is not None:
            ask = self._client.embeddings.create
        else:
            raise InvalidArgumentError(
                f"inputs: got {inputs!r}, expected a request's body with messages, prompt or input, such as "
                "{'messages': [{'role': 'user', 'content': 'Hello'}]}."
            )
        parameters = {"model": model, **{key: given.pop(key) for key in _KNOWN & given.keys()}}
        return ask, {**parameters, "extra_body": given} if given else parameters


_KNOWN = frozenset({"messages", "prompt", "input", "model"})  # any other is passed on as it is
