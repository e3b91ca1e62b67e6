"""A random model of a few thousand parameters and a tokeniser of bytes: nothing is downloaded."""

from __future__ import annotations

from typing import Any

TEMPLATE = """\
{%- if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif -%}
{%- for message in messages -%}
<|{{ message.role }}|>
{%- if message.role == "assistant" -%}
{%- generation -%}
{{ message.content }}
{%- for call in message.tool_calls or [] -%}<|call|>{{ call.function.name }}{{ call.function.arguments }}{%- endfor -%}
<|end|>
{%- endgeneration -%}
{%- else -%}
{{ message.content }}<|end|>
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<|assistant|>{% endif -%}
"""
MARKS = ["<|tools|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|call|>", "<|end|>", "<|spare|>"]


def tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # The last one that no text holds stands for an answer while ART tokenises: it has to be a character of its own.
    letters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=lambda letter: (letter.isascii(), letter))
    made = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", pad_token="<|pad|>")
    fast.add_special_tokens({"additional_special_tokens": MARKS})
    fast.chat_template = TEMPLATE
    return fast


def model(vocabulary: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, max_position_embeddings=8192, **sizes))
