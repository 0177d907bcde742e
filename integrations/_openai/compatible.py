"""Providers for SDKs that Stainless generates for APIs like OpenAI's, with the doors and readings of `openai`."""

from __future__ import annotations

from tracer.provider import Call, Door, Provider, Tap

from .._stainless import StainlessSDK, call_attributes
from .._values import Arguments
from .chat import CHAT, COMPLETION
from .door import FindOperation, operation_and_body
from .other import EMBEDDING
from .routes import operation_of


def compatible_provider(
    name: str, *, supported: str, provider_name: str | None = None, find: FindOperation = operation_of
) -> Provider:
    """The provider ``name`` of the package of that name; ``find`` gives the operation of a POST to a path."""

    def read_call(arguments: Arguments) -> Call | None:
        client, options = arguments["self"], arguments["options"]
        operation, body = operation_and_body(options, find)
        if operation is None:
            return None
        return Call(operation, body, provider_name, call_attributes(client, options))

    sdk = StainlessSDK(name, request_id_headers=("x-request-id",))
    clients = (f"{name}._base_client:SyncAPIClient", f"{name}._base_client:AsyncAPIClient")
    return Provider(
        name=name,
        module=name,
        supported=supported,
        doors=tuple(Door(f"{client}.request", read_call, parameters=("options",)) for client in clients),
        taps=tuple(
            Tap(f"{client}._process_response", sdk.observe_response, parameters=("response",)) for client in clients
        ),
        read_error=sdk.read_error,
        read_later={f"{name}.chat": CHAT, f"{name}.completion": COMPLETION, f"{name}.embedding": EMBEDDING},
    )
