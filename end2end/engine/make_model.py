"""Makes the tiny model that the tests serve: real enough for a real engine, small enough for any machine.

    make_model.py OUT_DIR

The weights are random (always the same ones), so its text is noise; loading, tokenising, batching and
streaming are those of any llama model. OUT_DIR receives:

- model.gguf             for llama.cpp
- tokenizer.json         for whoever counts tokens on the client's side
- tokenizer_config.json  for tools that load a tokenizer by folder
"""

import argparse
import json
import sys
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

REPOSITORY = Path(__file__).resolve().parents[2]

SEED = 20_240_607
VOCABULARY = 1_536
CONTEXT = 32_768
LAYERS = 2
HIDDEN = 128
FEED_FORWARD = 384
HEADS = 4
KEY_VALUE_HEADS = 2
# Some engines accept no smaller head.
HEAD = HIDDEN // HEADS
ROPE_BASE = 10_000.0

END = "<|end|>"
SPECIALS = [END, "<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

# Only tokens made of these can win. No special token: nothing ends before the asked length. No part of a
# multi-byte character, and no bracket that an engine may hold back as the start of a tag: every token is
# sent as soon as it is made, so one chunk of the stream is exactly one token.
PLAIN = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:'-")


def train_tokenizer(text: str) -> Tokenizer:
    """A byte-level BPE of exactly VOCABULARY tokens; the special ones come first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [text],
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            min_frequency=1,
            special_tokens=SPECIALS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    if tokenizer.get_vocab_size() != VOCABULARY:
        sys.exit(f"the text gives only {tokenizer.get_vocab_size()} tokens, {VOCABULARY} are needed: give a longer --text")
    return tokenizer


def may_win(tokenizer: Tokenizer, token_id: int) -> bool:
    """Whether the model may ever say this token."""
    if token_id < len(SPECIALS):
        return False
    text = tokenizer.decode([token_id], skip_special_tokens=False)
    return bool(text) and set(text.encode()) <= PLAIN


def make_tensors(tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """Every weight of the model, named as llama.cpp names them."""
    random = np.random.default_rng(SEED)

    def weights(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
        # llama.cpp rotates neighbouring pairs, the usual checkpoints rotate halves.
        rows, columns = matrix.shape
        return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)

    ones = np.ones(HIDDEN, dtype=np.float32)
    tensors = {"token_embd.weight": weights(VOCABULARY, HIDDEN) * np.float32(np.sqrt(HIDDEN))}
    for layer in range(LAYERS):
        name = f"blk.{layer}"
        tensors |= {
            f"{name}.attn_norm.weight": ones,
            f"{name}.attn_q.weight": interleaved(weights(HIDDEN, HIDDEN), HEADS),
            f"{name}.attn_k.weight": interleaved(weights(KEY_VALUE_HEADS * HEAD, HIDDEN), KEY_VALUE_HEADS),
            f"{name}.attn_v.weight": weights(KEY_VALUE_HEADS * HEAD, HIDDEN),
            f"{name}.attn_output.weight": weights(HIDDEN, HIDDEN),
            f"{name}.ffn_norm.weight": ones,
            f"{name}.ffn_gate.weight": weights(FEED_FORWARD, HIDDEN),
            f"{name}.ffn_up.weight": weights(FEED_FORWARD, HIDDEN),
            f"{name}.ffn_down.weight": weights(HIDDEN, FEED_FORWARD),
        }
    tensors["output_norm.weight"] = ones
    # Wide logits: a token that may not win stays at 0, far below the best ones at any usual temperature.
    output = weights(VOCABULARY, HIDDEN) * np.float32(8.0)
    allowed = [may_win(tokenizer, token_id) for token_id in range(VOCABULARY)]
    output[~np.array(allowed)] = 0.0
    tensors["output.weight"] = output
    return tensors


def write_gguf(path: Path, tokenizer: Tokenizer, tensors: dict[str, np.ndarray]) -> None:
    """One self-contained file, as llama.cpp reads it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_description("random weights for tests; says nothing of sense")
    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    control, normal = int(gguf.TokenType.CONTROL), int(gguf.TokenType.NORMAL)
    end = tokenizer.token_to_id(END)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([tokenizer.id_to_token(token_id) for token_id in range(VOCABULARY)])
    writer.add_token_types([control if token_id < len(SPECIALS) else normal for token_id in range(VOCABULARY)])
    writer.add_token_merges([" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]])
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the tiny random-weight model that the tests serve.")
    parser.add_argument("out_dir", type=Path, help="folder to write to; made when missing")
    parser.add_argument(
        "--text", type=Path, default=REPOSITORY / "LICENSE", help="text to train the tokenizer on (default: the licence)"
    )
    args = parser.parse_args()

    tokenizer = train_tokenizer(args.text.read_text(encoding="utf-8"))
    args.out_dir.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out_dir / "tokenizer.json"))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": CONTEXT,
    }
    (args.out_dir / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2) + "\n", encoding="utf-8")

    # The model file comes last and whole: its presence says that the folder is complete.
    unfinished = args.out_dir / "model.gguf.new"
    write_gguf(unfinished, tokenizer, make_tensors(tokenizer))
    unfinished.replace(args.out_dir / "model.gguf")


if __name__ == "__main__":
    main()
