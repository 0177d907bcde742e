"""The cost of a call in USD, from the price table of the `genai-prices` package: offline, and never guessed.

A model that is missing in the table has no cost. On a local host only closed models have one: there it must be a proxy.
Prices are those of the moment the call started. `genai-prices` is imported when the first span is priced: it takes
0.2 s alone, for pydantic, and 0.02 s beside an SDK that has loaded that.
"""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache, partial
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

from tracer import semconv
from tracer._fault import report
from tracer._json import JsonMapping
from tracer._late import aside
from tracer._records.price_table import load_price_table

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

# provider names of the conventions that the price table does not resolve, and its own names for them
_PROVIDER_IDS = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "moonshot_ai": "moonshotai",
    "zhipu_ai": "zhipuai",
    "voyage_ai": "voyageai",
    "novita_ai": "novita",
}
_RUN_LOCALLY = frozenset(
    {"ollama", "vllm", "lm_studio", "lmstudio", "llama.cpp", "llamafile", "localai", "sglang", "tgi"}
)
# behind a local host or without a provider's name, only closed models are priced: no one else can run them
_CLOSED = {
    "openai": ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-"),
    "anthropic": ("claude-",),
    "google": ("gemini-",),
    "x-ai": ("grok-",),
}
# gateways' prefixes for the seller of a model; none of these clouds can run on a machine of the user's
_PREFIXES = {
    "azure_ai": "azure",
    "bedrock": "aws",
    "gemini": "google",
    "vertex_ai": "google",
    "xai": "x-ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}
_CLOUDS = frozenset({"azure", "azure_ai", "bedrock", "vertex_ai", "groq", "together_ai", "fireworks_ai", "openrouter"})
_OPEN_WEIGHTS = ("gpt-oss", "grok-1")

# our names of token counts, and the table's; each is part of the input or of the output
_COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_write_input_tokens": "cache_write_tokens",
    "cache_write_1h_input_tokens": "cache_write_1h_tokens",
    "reasoning_output_tokens": "output_reasoning_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "image_input_tokens": "input_image_tokens",
    "image_output_tokens": "output_image_tokens",
}
_PARTS_OF_INPUT = (
    "cache_read_tokens", "cache_write_1h_tokens", "cache_write_tokens", "input_audio_tokens", "input_image_tokens",
)  # fmt: skip
_PARTS_OF_OUTPUT = ("output_reasoning_tokens", "output_audio_tokens", "output_image_tokens")
_PROBE_TOKENS = 1_000_000
_QUARTER_HOUR_NS = 900_000_000_000
_EVER = -1

Price = tuple[float, float, float]  # input, output, total
Calculate = Callable[[Mapping[str, int]], Price]


def cost_of(record: JsonMapping, usage: Mapping[str, int] | None) -> dict[str, float] | None:
    """input_cost, output_cost and total_cost of a span record in USD; None where no price is known. Never raises."""
    try:
        attributes: JsonMapping = record.get("attributes") or {}
        reported = _reported_cost(attributes)
        if reported is not None or not usage:
            return reported
        price = _price(attributes, usage, int(record.get("start") or 0))
    except Exception as error:
        report("pricing a span", error)
        return None
    return None if price is None else {"input_cost": price[0], "output_cost": price[1], "total_cost": price[2]}


def _reported_cost(attributes: JsonMapping) -> dict[str, float] | None:
    if not _is_amount(attributes.get(semconv.COST_TOTAL)):
        return None
    names = (
        ("input_cost", semconv.COST_INPUT),
        ("output_cost", semconv.COST_OUTPUT),
        ("total_cost", semconv.COST_TOTAL),
    )
    return {name: float(attributes[key]) for name, key in names if _is_amount(attributes.get(key))}


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _price(attributes: JsonMapping, usage: Mapping[str, int], start_ns: int) -> Price | None:
    if "input_tokens" not in usage:  # embeddings have no output; a call without counted input has no price
        return None
    call = (
        _text(attributes.get(semconv.RESPONSE_MODEL)),
        _text(attributes.get(semconv.REQUEST_MODEL)),
        _text(attributes.get(semconv.PROVIDER)).lower(),
        _text(attributes.get(semconv.SERVER_ADDRESS)).lower(),
        _text(attributes.get(semconv.OPENAI_RESPONSE_SERVICE_TIER)),
    )
    find = partial(_calculator, *call, start_ns)
    if call in _found:
        calculate = find()
    else:  # the table itself takes some 10 ms
        calculate = aside(find)
        if len(_found) >= _CALLS_REMEMBERED:
            _found.clear()
        _found.add(call)
    return calculate(_counts(usage)) if calculate else None


_found: set[tuple[str, ...]] = set()  # calls whose prices have been read off the table
_CALLS_REMEMBERED = 1_000


def _calculator(
    response_model: str, request_model: str, provider: str, host: str, tier: str, start_ns: int
) -> Calculate | None:
    entry = _entry(response_model, request_model, provider, host)
    if entry is None:
        return None
    slot = start_ns // _QUARTER_HOUR_NS if entry.changes_in_time else _EVER
    return _rates(entry.model, entry.provider_id, entry.url, tier or None, slot)


@dataclass(frozen=True)
class _Entry:
    """A model's place in the table."""

    model: str
    provider_id: str | None
    url: str | None
    changes_in_time: bool


@lru_cache(maxsize=1024)
def _entry(response_model: str, request_model: str, provider: str, host: str) -> _Entry | None:
    """The table's entry for a call; None where it has none, or the model may run on a machine of the user's."""
    if provider in _RUN_LOCALLY and not host.endswith("ollama.com"):
        return None
    if _is_local(host):  # a proxy of the user's, if the model is a closed one
        provider = host = ""
    elif provider and not _is_provider(_PROVIDER_IDS.get(provider, provider), None):
        provider = ""
    # Bedrock's ids contain the region of a model, on which its price depends; the name in a reply does not
    names = (request_model, response_model) if provider == "aws.bedrock" else (response_model, request_model)
    for model in dict.fromkeys(names):
        seller = _seller(model, provider, host) if model else None
        if seller is None:
            model, seller = _prefixed(model)
        if seller is not None:
            found = _lookup(model, *seller)
            changes = found is not None and isinstance(found.model.prices, list)
            return _Entry(model, *seller, changes)
    return None


def _prefixed(model: str) -> tuple[str, tuple[str, None] | None]:
    """Model and seller of a name such as ``openai/gpt-4o-mini``, by which gateways choose a provider.

    Model hubs and local servers name open models in the same way, so only closed ones and clouds count.
    """
    prefix, _, name = model.partition("/")
    provider_id = _PREFIXES.get(prefix, prefix)
    beginnings = _CLOSED.get(provider_id)
    is_sold = prefix in _CLOUDS or (
        beginnings is not None and name.startswith(beginnings) and not name.startswith(_OPEN_WEIGHTS)
    )
    if not is_sold or _lookup(name, provider_id, None) is None:
        return model, None
    return name, (provider_id, None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_local(host: str) -> bool:
    """Whether a host is this machine or one of a private network."""
    if not host:
        return False
    host = host.strip("[]")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host  # the name of a container or of a machine next door
    return address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified


def _counts(usage: Mapping[str, int]) -> dict[str, int]:
    """The table's token counts; parts never more than their whole, which the table refuses."""
    counts = {"input_tokens": 0, "output_tokens": 0}
    for name, count in usage.items():
        if count and name in _COUNTS:
            counts[_COUNTS[name]] = count
    if len(counts) == 2:
        return counts
    if "cache_write_1h_tokens" in counts and "cache_write_tokens" in counts:  # the one is part of the other
        counts["cache_write_tokens"] = max(counts["cache_write_tokens"] - counts["cache_write_1h_tokens"], 0)
    for whole, parts in (("input_tokens", _PARTS_OF_INPUT), ("output_tokens", _PARTS_OF_OUTPUT)):
        left = counts[whole]
        for part in parts:
            if part in counts:
                counts[part] = min(counts[part], left)
                left -= counts[part]
    return counts


def _seller(model: str, provider: str, host: str) -> tuple[str | None, str | None] | None:
    """Provider id or API URL to look a model up with: first by the host, then the provider's name, then the model."""
    url = f"https://{host}"
    if host and _lookup(model, None, url) is not None:
        return None, url
    known_host = bool(host) and _is_provider(None, url)
    if provider and not known_host:
        provider_id = _PROVIDER_IDS.get(provider, provider)
        if provider_id == "openai" and host and model.startswith(_OPEN_WEIGHTS):
            return None  # an unknown host that speaks OpenAI's protocol
        return (provider_id, None) if _lookup(model, provider_id, None) is not None else None
    if provider or known_host:
        return None
    for provider_id, beginnings in _CLOSED.items():
        if model.startswith(beginnings) and not model.startswith(_OPEN_WEIGHTS) and ":" not in model:
            return (provider_id, None) if _lookup(model, provider_id, None) is not None else None
    return None


@dataclass(frozen=True)
class _Linear:
    """Prices a token of each kind; the price of a call is their sum."""

    base: Price
    rates: dict[str, Price]

    def __call__(self, counts: Mapping[str, int]) -> Price:
        rated, total_in, total_out, total = self.rates, *self.base
        for kind, count in counts.items():
            rate = rated[kind]
            total_in += rate[0] * count
            total_out += rate[1] * count
            total += rate[2] * count
        return round(total_in, 15), round(total_out, 15), round(total, 15)


@dataclass(frozen=True)
class _Tiered:
    """Prices that change with the length of the input; at a border the table itself is asked."""

    ask: Calculate
    starts: tuple[int, ...]
    bands: tuple[_Linear, ...]

    def __call__(self, counts: Mapping[str, int]) -> Price:
        tokens = counts["input_tokens"]
        if tokens in self.starts or tokens == 0:
            return self.ask(counts)
        return self.bands[bisect.bisect_left(self.starts, tokens)](counts)


@lru_cache(maxsize=4096)
def _rates(model: str, provider_id: str | None, url: str | None, tier: str | None, slot: int) -> Calculate | None:
    """The table takes 250 µs a call, so prices are read off once, for each range of inputs with prices of its own."""
    moment = None if slot == _EVER else datetime.fromtimestamp(slot * _QUARTER_HOUR_NS / 1e9, timezone.utc)

    def ask(counts: Mapping[str, int]) -> Price:
        found = _calculate(model, provider_id, url, counts, moment, tier)
        return float(found.input_price), float(found.output_price), float(found.total_price)

    prices = vars(_calculate(model, provider_id, url, {}, moment, tier).model_price)
    if not any(name.endswith("_mtok") and price is not None for name, price in prices.items()):
        return None  # billed by the image, the page or the second, not by tokens
    starts = sorted({tier.start for price in prices.values() for tier in getattr(price, "tiers", ())})
    if not starts:
        return _linear(ask, 0, 2 * _PROBE_TOKENS)
    edges = [0, *starts, starts[-1] + 4 * _PROBE_TOKENS]
    bands = tuple(_linear(ask, low + 1, high - 1) for low, high in pairwise(edges))
    return _Tiered(ask, tuple(starts), bands)


def _linear(ask: Calculate, low: int, high: int) -> _Linear:
    """The prices of calls with an input between these two, read off at both ends."""
    output = {"output_tokens": 2 * _PROBE_TOKENS}
    start = ask({"input_tokens": low, "output_tokens": 0})
    end = ask({"input_tokens": high, "output_tokens": 0})
    whole = ask({"input_tokens": high, **output})
    part = (high - low) // 2
    rates = {
        "input_tokens": _rate(start, end, high - low),
        "output_tokens": _rate(end, whole, 2 * _PROBE_TOKENS),
        **{kind: _rate(whole, ask({"input_tokens": high, **output, kind: part}), part) for kind in _PARTS_OF_INPUT},
        **{kind: _rate(whole, ask({"input_tokens": high, **output, kind: part}), part) for kind in _PARTS_OF_OUTPUT},
    }
    base = [round(total - rate * low, 9) for total, rate in zip(start, rates["input_tokens"])]
    return _Linear((base[0], base[1], base[2]), rates)


def _rate(before: Price, after: Price, tokens: int) -> Price:
    # rounded at 1e-9 USD a million tokens, the error of a difference of two floats
    parts = [round((end - start) / tokens * _PROBE_TOKENS, 9) / _PROBE_TOKENS for start, end in zip(before, after)]
    return parts[0], parts[1], parts[2]


@lru_cache(maxsize=1)
def _table() -> Callable[..., PriceCalculation]:
    """The package's function that prices a call; a function without any model where it cannot be imported."""
    try:
        return load_price_table()
    except Exception as error:
        report("loading the price table", error)
        return _without_table


def _without_table(*_: object, **__: object) -> NoReturn:
    raise LookupError("there is no price table")


@lru_cache(maxsize=2048)
def _lookup(model: str, provider_id: str | None, url: str | None) -> PriceCalculation | None:
    """The table's entry for a model; None where it has none."""
    try:
        return _calculate(model, provider_id, url, {}, None, None)
    except LookupError:
        return None


def _calculate(
    model: str,
    provider_id: str | None,
    url: str | None,
    counts: Mapping[str, int],
    moment: datetime | None,
    tier: str | None,
) -> PriceCalculation:
    # a cached audio token counts as both; no provider sends their number, and the parts are made to add up without
    usage = SimpleNamespace(cache_audio_read_tokens=0, cache_image_read_tokens=0, input_tokens=0, output_tokens=0)
    vars(usage).update(counts)
    if "cache_write_1h_tokens" in counts:
        usage.cache_write_tokens = counts.get("cache_write_tokens", 0) + counts["cache_write_1h_tokens"]
    context = {"service_tier": tier} if tier else None
    return _table()(
        usage,
        model,
        provider_id=provider_id,
        provider_api_url=url,
        genai_request_timestamp=moment,
        price_context=context,
    )


@lru_cache(maxsize=256)
def _is_provider(provider_id: str | None, url: str | None) -> bool:
    """Whether the table contains a provider, by its id or the URL of its API."""
    try:
        usage = SimpleNamespace(input_tokens=0, output_tokens=0)
        _table()(usage, "-", provider_id=provider_id, provider_api_url=url)
    except LookupError as error:
        return "model" in str(error)  # the provider was found, its model was not
    return True
