"""The provider of a host: many providers have an API compatible with OpenAI's."""

from __future__ import annotations

import functools

# names from the conventions where they have one: gen_ai.provider.name
_PROVIDER_OF_HOST = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.openai",
    "azure-api.net": "azure.ai.openai",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "inference.ai.azure.com": "azure.ai.inference",
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "together.ai": "together_ai",
    "together.xyz": "together_ai",
    "openrouter.ai": "openrouter",
    "fireworks.ai": "fireworks_ai",
    "cerebras.ai": "cerebras",
    "sambanova.ai": "sambanova",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "dashscope.aliyuncs.com": "dashscope",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "bigmodel.cn": "zhipu_ai",
    "z.ai": "zhipu_ai",
    "voyageai.com": "voyage_ai",
    "writer.com": "writer",
    "huggingface.co": "hugging_face",
    "nvidia.com": "nvidia",
    "deepinfra.com": "deepinfra",
    "hyperbolic.xyz": "hyperbolic",
    "novita.ai": "novita_ai",
    "databricks.com": "databricks",
    "github.ai": "github",
}


@functools.lru_cache(maxsize=1024)
def provider_of(host: str, client_class: str) -> str | None:
    """The provider's name in the conventions; None, which means "openai", for an unknown host."""
    if "Azure" in client_class:
        return "azure.ai.openai"
    labels = host.lower().split(".")
    for start in range(len(labels) - 1):
        found = _PROVIDER_OF_HOST.get(".".join(labels[start:]))
        if found is not None:
            return found
    return None
