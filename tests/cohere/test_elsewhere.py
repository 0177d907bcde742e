"""Clients of the SDK that send to Bedrock what they write for Cohere."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")
pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

import cohere
from cohere import aws_client

from tests.openai.server import Server, reply


def test_a_client_for_bedrock_is_a_provider_of_its_own(
    monkeypatch: pytest.MonkeyPatch, server: Server, stored: Any
) -> None:
    monkeypatch.setattr(aws_client, "get_url", lambda **_: f"{server.url}/model/m/invoke")
    server.will(reply({"text": "Lima.", "generation_id": "g1", "finish_reason": "COMPLETE"}, **HEADERS))
    client = cohere.BedrockClient(aws_region="eu-west-1", aws_access_key="k", aws_secret_key="s")

    with client._client_wrapper.httpx_client.httpx_client:
        said = client.chat(model="cohere.command-r-v1:0", message="What is the capital of Peru?")

    assert said.text == "Lima."
    assert stored.ending == ("UNSET", None, "Lima.")
    assert stored.span.attributes["gen_ai.provider.name"] == "aws.bedrock"
    assert stored.span.attributes["gen_ai.request.model"] == "cohere.command-r-v1:0"
    assert stored.span.token_usage == {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    assert "server.address" not in stored.span.attributes


HEADERS = {"x_amzn_bedrock_input_token_count": "7", "x_amzn_bedrock_output_token_count": "2"}
