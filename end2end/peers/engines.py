"""The two engines, each alone on the machine while it is measured, and what they count themselves."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import MODEL, ROOT, TARGET, binary

READY_TIMEOUT_S = 300.0
SLOTS = 8
# Counters and the sums and buckets of histograms by name and, for a bucket, its upper bound.
Counters = dict[tuple[str, float | None], float]
# A figure of one run: a number, or a range that it lies in.
Witness = dict[str, float | str | None]


class Engine:
    """One that runs."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url

    def read_counters(self) -> Counters:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        counters: Counters = {}
        for line in lines:
            found = re.match(r"([a-z0-9_:]+)(\{.*\})? (\S+)$", line)
            if not found:
                continue
            bound = re.search(r'le="([^"]+)"', found[2] or "")
            key = found[1].split(":")[-1], float(bound[1]) if bound else None
            counters[key] = counters.get(key, 0.0) + float(found[3])
        return counters


def command_of(name: str, port: int) -> list[str | Path]:
    if name == "llama.cpp":
        server = ROOT / "end2end/engine/llama_server.py"
        command = [binary("vllm", "python"), server, "--model", MODEL / "model.gguf"]
        return [*command, "--port", str(port), "--parallel", str(SLOTS), "--ctx", "1024"]
    command = [binary("vllm", "vllm"), "serve", MODEL, "--served-model-name", "tiny", "--dtype", "float32"]
    command += ["--max-model-len", "1024", "--max-num-seqs", str(SLOTS), "--enforce-eager"]
    # The same prompts come from every client, in every round.
    return [*command, "--no-enable-prefix-caching", "--host", "127.0.0.1", "--port", str(port)]


@contextmanager
def started(name: str) -> Iterator[Engine]:
    """The engine, once it answers; ended with all its processes afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    log = TARGET / f"{name}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command_of(name, port), stdout=file, stderr=file, env=environment, start_new_session=True
        )
    try:
        engine = Engine(name, f"http://127.0.0.1:{port}")
        wait_until_healthy(engine.url, process, log)
        yield engine
    finally:
        end(process)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1.0) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise SystemExit(f"The engine did not start:\n{log.read_text()[-3_000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    signal_group(process, signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        pass
    # Workers of a group may outlive its leader.
    signal_group(process, signal.SIGKILL)
    process.wait()


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def tell(before: Counters, after: Counters) -> Witness:
    """The engine's own word on the requests between two readings."""

    def grown(name: str) -> float:
        return after.get((name, None), 0.0) - before.get((name, None), 0.0)

    def per(name: str, count: str) -> float | None:
        return 1e3 * grown(name) / grown(count) if grown(count) > 0 else None

    def bucket(name: str, quantile: float) -> str | None:
        """Between which bounds of its histogram the quantile lies."""
        counts = sorted(
            (bound, after[key] - before.get(key, 0.0))
            for key in after
            if key[0] == f"{name}_bucket" and (bound := key[1]) is not None
        )
        if not counts or counts[-1][1] == 0:
            return None
        low = 0.0
        for bound, count in counts:
            if count >= quantile * counts[-1][1]:
                return f"{low * 1e3:g} to {bound * 1e3:g}"
            low = bound
        return None

    if grown("e2e_request_latency_seconds_count") == 0:
        # llama.cpp counts sums alone: by prompt, and by token of the answers.
        return {
            "output tokens": grown("tokens_predicted_total"),
            "prompt, mean (ms per token)": per("prompt_seconds_total", "prompt_tokens_total"),
            "TPOT mean (ms)": per("tokens_predicted_seconds_total", "tokens_predicted_total"),
        }
    witness: Witness = {"output tokens": grown("generation_tokens_total")}
    histograms = {
        "TTFT": "time_to_first_token_seconds",
        "ITL": "inter_token_latency_seconds",
        "TPOT": "request_time_per_output_token_seconds",
        "E2E": "e2e_request_latency_seconds",
    }
    for metric, name in histograms.items():
        witness[f"{metric} mean (ms)"] = per(f"{name}_sum", f"{name}_count")
        witness[f"{metric} p50 (ms)"] = bucket(name, 0.5)
        witness[f"{metric} p99 (ms)"] = bucket(name, 0.99)
    return witness
