"""Figures that providers count in ways of their own: reasoning beside the output, and what the reply says it costs."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.openai.replies import chat
from tests.openai.server import Server, reply

QUESTION = [{"role": "user", "content": "Why?"}]


def answer(server: Server, client: openai.OpenAI, usage: dict[str, Any]) -> None:
    server.will(reply(chat(model="gpt-4o-mini", usage=usage)))
    client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)  # type: ignore[arg-type]


def test_reasoning_that_the_total_counts_beside_the_output_is_output(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    details = {"reasoning_tokens": 1000}
    usage = {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 1041, "completion_tokens_details": details}
    answer(server, client, usage)

    found = stored.span.token_usage
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (32, 1009, 1041)
    assert found["reasoning_output_tokens"] == 1000


@pytest.mark.parametrize(
    ("usage", "output"),
    [
        ({"prompt_tokens": 32, "completion_tokens": 0, "total_tokens": 1032}, 1000),
        ({"prompt_tokens": 0, "completion_tokens": 9, "total_tokens": 1009}, 1009),
        ({"prompt_tokens": 32, "completion_tokens": 9}, 1009),
        ({"prompt_tokens": 32, "completion_tokens": 1009}, 1009),
    ],
    ids=["cut off while it reasoned", "no input", "no total", "no total, within"],
)
def test_reasoning_is_output_also_where_a_count_is_zero_or_missing(
    usage: dict[str, Any], output: int, server: Server, client: openai.OpenAI, stored: Any
) -> None:
    answer(server, client, {**usage, "completion_tokens_details": {"reasoning_tokens": 1000}})

    assert stored.span.token_usage["output_tokens"] == output


def test_reasoning_that_is_part_of_the_output_counts_once(server: Server, client: openai.OpenAI, stored: Any) -> None:
    details = {"reasoning_tokens": 1000}
    usage = {"prompt_tokens": 32, "completion_tokens": 1009, "total_tokens": 1041, "completion_tokens_details": details}
    answer(server, client, usage)

    assert stored.span.token_usage["output_tokens"] == 1009


@pytest.mark.parametrize(
    ("bill", "cost"),
    [
        ({"cost": 0.00125}, {"total_cost": 0.00125}),
        ({"cost_in_usd_ticks": 37_756_000}, {"total_cost": 0.0037756}),
        (
            {
                "cost": {
                    "input_tokens_cost": 0.001,
                    "output_tokens_cost": 0.002,
                    "request_cost": 0.005,
                    "total_cost": 0.008,
                }
            },
            {"input_cost": 0.001, "output_cost": 0.002, "total_cost": 0.008},
        ),
    ],
    ids=["OpenRouter", "xAI", "Perplexity"],
)
def test_a_bill_in_the_reply_wins_over_the_table_of_prices(
    server: Server, client: openai.OpenAI, stored: Any, bill: dict[str, Any], cost: dict[str, float]
) -> None:
    answer(server, client, {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, **bill})

    assert stored.span.cost == cost


@pytest.mark.parametrize("bill", [{"cost": "much"}, {"cost": {}}, {"cost": None}, {"cost_in_usd_ticks": "many"}])
def test_a_bill_that_cannot_be_read_leaves_the_price_of_the_table(
    server: Server, client: openai.OpenAI, stored: Any, bill: dict[str, Any]
) -> None:
    answer(server, client, {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, **bill})

    assert stored.span.cost["total_cost"] == pytest.approx(0.00021)
