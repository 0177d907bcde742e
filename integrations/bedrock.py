"""Tracing of Amazon Bedrock through boto3, botocore and aiobotocore: models, agents and knowledge bases."""

from __future__ import annotations

from tracer.provider import Door, Provider, autolog_of

from ._bedrock import invoke, knowledge
from ._bedrock.converse import CONVERSE
from ._bedrock.door import read_call, read_error, reply_of, watch

__all__ = ["autolog", "provider"]

_READ_LATER = {
    "bedrock.converse": CONVERSE,
    "bedrock.chat": invoke.CHAT,
    "bedrock.text": invoke.TEXT,
    "bedrock.embedding": invoke.EMBEDDING,
    "bedrock.rerank": invoke.RERANK,
    "bedrock.retrieve_and_generate": knowledge.GENERATE,
}


def _door(client: str) -> Door:
    place = f"{client}._make_api_call"
    return Door(place, read_call, parameters=("operation_name", "api_params"), reply_of=reply_of, watch=watch)


provider = Provider(
    name="bedrock",
    module="botocore.client",
    distribution="botocore",
    supported="1.35.0 to 1.x",
    doors=(_door("botocore.client:BaseClient"),),
    read_error=read_error,
    read_later=_READ_LATER,
)
# its clients have a method of their own in the place of botocore's
_asynchronous = Provider(
    name="bedrock",
    module="aiobotocore.client",
    distribution="aiobotocore",
    supported="2.15.0 to 3.x",
    doors=(_door("aiobotocore.client:AioBaseClient"),),
    read_error=read_error,
    read_later=_READ_LATER,
)


@autolog_of("botocore", "aiobotocore")
def autolog(*, disable: bool = False) -> None:
    """Record every call to Amazon Bedrock: Converse, invoke_model, agents, knowledge bases, sync, async, streamed.

    May be called before or after ``import boto3``, and any number of times; clients that exist are covered. Calls of
    other AWS services pass untouched. ``disable=True`` puts the SDK back as it was.
    """
    _asynchronous.autolog(disable=disable)
    provider.autolog(disable=disable)
