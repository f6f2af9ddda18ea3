"""Makes the tiny model that the tests serve: real enough for a real engine, small enough for any machine.

    make_model.py OUT_DIR [--layers N] [--checkpoint DIR]

The weights are random (always the same ones), so its text is noise; loading, tokenising, batching and
streaming are those of any llama model. OUT_DIR receives:

- model.gguf             for llama.cpp
- tokenizer.json         for whoever counts tokens on the client's side
- tokenizer_config.json  for tools that load a tokenizer by folder

The folder of --checkpoint receives the same model as transformers and vLLM read it (needs safetensors).
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


def make_tensors(tokenizer: Tokenizer, layers: int) -> dict[str, np.ndarray]:
    """Every weight of the model, named as llama.cpp names them; q and k rotate halves, as in checkpoints."""
    random = np.random.default_rng(SEED)

    def weights(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    ones = np.ones(HIDDEN, dtype=np.float32)
    tensors = {"token_embd.weight": weights(VOCABULARY, HIDDEN) * np.float32(np.sqrt(HIDDEN))}
    for layer in range(layers):
        name = f"blk.{layer}"
        tensors |= {
            f"{name}.attn_norm.weight": ones,
            f"{name}.attn_q.weight": weights(HIDDEN, HIDDEN),
            f"{name}.attn_k.weight": weights(KEY_VALUE_HEADS * HEAD, HIDDEN),
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


def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
    """A q or k matrix as llama.cpp has it: it rotates neighbouring pairs, checkpoints rotate halves."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path: Path, tokenizer: Tokenizer, tensors: dict[str, np.ndarray], layers: int) -> None:
    """One self-contained file, as llama.cpp reads it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_description("random weights for tests; says nothing of sense")
    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(layers)
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
        if name.endswith("attn_q.weight"):
            tensor = interleaved(tensor, HEADS)
        elif name.endswith("attn_k.weight"):
            tensor = interleaved(tensor, KEY_VALUE_HEADS)
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


CHECKPOINT_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def write_checkpoint(folder: Path, tensors: dict[str, np.ndarray], layers: int, end: int) -> None:
    """Weights and configuration as transformers and vLLM read them, beside the tokenizer's files."""
    from safetensors.numpy import save_file  # Only needed here.

    def checkpoint_name(name: str) -> str:
        *layer, part, kind = name.split(".")
        prefix = f"model.layers.{layer[1]}." if layer else ""
        return f"{prefix}{CHECKPOINT_NAMES[part]}.{kind}"

    save_file({checkpoint_name(name): tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": ROPE_BASE,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": CONTEXT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the tiny random-weight model that the tests serve.")
    parser.add_argument("out_dir", type=Path, help="folder to write to; made when missing")
    parser.add_argument(
        "--text", type=Path, default=REPOSITORY / "LICENSE", help="text to train the tokenizer on (default: the licence)"
    )
    parser.add_argument("--layers", type=int, default=LAYERS, help=f"default: {LAYERS}; more take longer for each token")
    parser.add_argument("--checkpoint", type=Path, help="folder for the same model as vLLM reads it")
    args = parser.parse_args()

    tokenizer = train_tokenizer(args.text.read_text(encoding="utf-8"))
    tensors = make_tensors(tokenizer, args.layers)
    write_tokenizer(args.out_dir, tokenizer)
    if args.checkpoint:
        write_tokenizer(args.checkpoint, tokenizer)
        write_checkpoint(args.checkpoint, tensors, args.layers, tokenizer.token_to_id(END))

    # The model file comes last and whole: its presence says that the folder is complete.
    unfinished = args.out_dir / "model.gguf.new"
    write_gguf(unfinished, tokenizer, tensors, args.layers)
    unfinished.replace(args.out_dir / "model.gguf")


if __name__ == "__main__":
    main()
