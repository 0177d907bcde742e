"""A llama of a hundred kilobytes with random weights, for a server that needs some model."""

from __future__ import annotations

from pathlib import Path

_WIDTH, _INNER, _HEADS = 32, 64, 2
_CONTEXT = 512
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # kinds of token in the GGUF format


def write_model(path: Path, context: int = _CONTEXT) -> None:
    """Write the model, which generates printable characters without sense or end."""
    import gguf
    import numpy

    random = numpy.random.default_rng(7)
    letters = [chr(code) for code in range(33, 127)]
    silent = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *([_BYTE] * 256), _NORMAL, *([_NORMAL] * len(letters))]
    tokens = [*silent, *letters]

    def weights(*shape: int, scale: float = 0.3) -> numpy.ndarray:
        return random.normal(0, scale, shape).astype(numpy.float32)

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template("{% for one in messages %}{{ one['role'] }}: {{ one['content'] }}\n{% endfor %}")

    output = weights(len(tokens), _WIDTH, scale=1.0)
    output[: len(silent)] = 0  # the best of the letters is always better than nothing
    ones = numpy.ones(_WIDTH, numpy.float32)
    tensors = {
        "token_embd.weight": weights(len(tokens), _WIDTH),
        "output.weight": output,
        "output_norm.weight": ones,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **{f"blk.0.attn_{part}.weight": weights(_WIDTH, _WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": weights(_INNER, _WIDTH),
        "blk.0.ffn_up.weight": weights(_INNER, _WIDTH),
        "blk.0.ffn_down.weight": weights(_WIDTH, _INNER),
    }
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
