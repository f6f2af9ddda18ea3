"""Measures one workload on one llama.cpp server with Assay and with aiperf, in turn, and prints a table.

    target/venv/bin/python end2end/compare_with_peer.py --assay target/release/assay

Needs what `cargo xtask test` sets up (target/venv, target/tiny-model), and aiperf in target/venv-peer
(end2end/requirements-peer.txt says how). The order of the two changes with every round, so that a machine
that slows down slows both. The table goes to standard output, in Markdown: the median over the rounds, and in
brackets the lowest and the highest.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "target/tiny-model"
INPUT_TOKENS, OUTPUT_TOKENS = 128, 64
WARM_UP = 16

Figures = dict[str, float | None]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assay", type=Path, default=ROOT / "target/release/assay", help="the binary")
    parser.add_argument("--aiperf", type=Path, default=ROOT / "target/venv-peer/bin/aiperf")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="measured requests of each run")
    parser.add_argument("--concurrency", type=int, default=8, help="users of the closed loop")
    return parser.parse_args()


def start_engine() -> tuple[subprocess.Popen[str], str]:
    """llama.cpp's server, ready, and its base URL."""
    command = [sys.executable, ROOT / "end2end/engine/llama_server.py", "--model", MODEL / "model.gguf"]
    engine = subprocess.Popen(
        [*command, "--parallel", "8", "--ctx", "1024"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert engine.stdout is not None
    for line in engine.stdout:
        if line.startswith("ready on "):
            return engine, line.removeprefix("ready on ").strip()
    raise SystemExit("The engine did not start.")


def read_counters(url: str) -> dict[str, float]:
    """What the engine has counted since its start, by its own clock."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    rows = [line.split() for line in lines if line.startswith("llamacpp:")]
    return {name.removeprefix("llamacpp:"): float(value) for name, value in rows}


def tell_engine(before: dict[str, float], after: dict[str, float]) -> Figures:
    """The engine's own word on the requests between two readings, warm-up included."""

    def grown(name: str) -> float:
        return after[name] - before[name]

    return {
        "The engine's own: prompt (ms per token)": 1e3
        * grown("prompt_seconds_total")
        / grown("prompt_tokens_total"),
        "The engine's own: answer (ms per token)": 1e3
        * grown("tokens_predicted_seconds_total")
        / grown("tokens_predicted_total"),
    }


def run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{(done.stdout + done.stderr)[-2_000:]}")


def measure_with_assay(args: argparse.Namespace, url: str, out: Path) -> Figures:
    command = [args.assay, "load", "--base-url", url, "--model", "tiny", "--ignore-eos", "--out", out]
    command += ["--concurrency", str(args.concurrency), "--requests", str(args.requests)]
    command += ["--warmup", str(WARM_UP), "--tokenizer", MODEL]
    command += ["--input-tokens", str(INPUT_TOKENS), "--output-tokens", str(OUTPUT_TOKENS)]
    run(command)
    summary = json.loads((out / "result.json").read_text())["summary"]

    def of(metric: str, figure: str) -> float:
        return summary[f"{metric}_ms"]["distribution"][figure]

    return {
        "Completed": summary["completed_count"],
        "Failed": summary["failed_count"],
        "Sent again on a fresh connection": summary["reconnect_count"],
        "Prompt tokens per request": summary["input_tokens"] / summary["completed_count"],
        "Output tokens per request": summary["output_tokens"] / summary["completed_count"],
        "Requests (1/s)": summary["request_per_s"],
        "Output throughput (tok/s)": summary["output_tok_per_s"],
        "Requests in flight, mean": summary["concurrency"]["average"],
        "TTFT p50 (ms)": of("ttft", "median"),
        "TTFT p99 (ms)": of("ttft", "p99"),
        "TPOT p50 (ms per token)": of("tpot", "median"),
        "ITL mean (ms)": of("itl", "mean"),
        "ITL p50 (ms)": of("itl", "median"),
        "ITL p99 (ms)": of("itl", "p99"),
        "E2E p50 (ms)": of("e2e", "median"),
        "E2E p99 (ms)": of("e2e", "p99"),
    }


def measure_with_aiperf(args: argparse.Namespace, url: str, out: Path) -> Figures:
    command = [args.aiperf, "profile", "-m", "tiny", "--url", url, "--endpoint-type", "chat", "--streaming"]
    command += ["--concurrency", str(args.concurrency), "--request-count", str(args.requests)]
    command += ["--warmup-request-count", str(WARM_UP), "--tokenizer", MODEL]
    command += ["--synthetic-input-tokens-mean", str(INPUT_TOKENS), "--synthetic-input-tokens-stddev", "0"]
    command += ["--output-tokens-mean", str(OUTPUT_TOKENS), "--output-tokens-stddev", "0"]
    command += ["--extra-inputs", "ignore_eos:true", "--artifact-dir", out, "--ui", "none"]
    run(command)
    report = json.loads((out / "profile_export_aiperf.json").read_text())

    def of(metric: str, figure: str = "avg") -> float:
        return report[metric][figure]

    return {
        "Completed": of("request_count"),
        "Failed": report.get("error_request_count", {"avg": 0})["avg"],
        "Sent again on a fresh connection": None,
        "Prompt tokens per request": of("input_sequence_length"),
        "Output tokens per request": of("output_sequence_length"),
        "Requests (1/s)": of("request_throughput"),
        "Output throughput (tok/s)": of("output_token_throughput"),
        "Requests in flight, mean": of("effective_concurrency"),
        "TTFT p50 (ms)": of("time_to_first_token", "p50"),
        "TTFT p99 (ms)": of("time_to_first_token", "p99"),
        "TPOT p50 (ms per token)": of("inter_token_latency", "p50"),
        "ITL mean (ms)": of("inter_chunk_latency"),
        "ITL p50 (ms)": of("inter_chunk_latency", "p50"),
        "ITL p99 (ms)": of("inter_chunk_latency", "p99"),
        "E2E p50 (ms)": of("request_latency", "p50"),
        "E2E p99 (ms)": of("request_latency", "p99"),
    }


def in_words(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "not told"
    low, middle, high = min(known), statistics.median(known), max(known)
    if all(value == int(value) for value in known):
        return f"{middle:g} ({low:g} to {high:g})" if low != high else f"{middle:g}"
    decimals = 1 if middle >= 100 else 2 if middle >= 1 else 3
    return f"{middle:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def print_table(assay: list[Figures], peer: list[Figures]) -> None:
    print("| | Assay | aiperf | aiperf / Assay |\n|---|--:|--:|--:|")
    for name in assay[0]:
        ours, theirs = [run[name] for run in assay], [run[name] for run in peer]
        ratio = "–"
        if None not in ours + theirs and statistics.median(ours) > 0:
            ratio = f"{statistics.median(theirs) / statistics.median(ours):.2f}"
        print(f"| {name} | {in_words(ours)} | {in_words(theirs)} | {ratio} |")


def main() -> None:
    args = parse_args()
    clients = [measure_with_assay, measure_with_aiperf]
    figures: dict[str, list[Figures]] = {client.__name__: [] for client in clients}
    engine, url = start_engine()
    try:
        for number in range(args.rounds):
            for client in clients if number % 2 == 0 else reversed(clients):
                before = read_counters(url)
                with tempfile.TemporaryDirectory() as folder:
                    measured = client(args, url, Path(folder))
                figures[client.__name__].append(measured | tell_engine(before, read_counters(url)))
                print(f"round {number + 1}: {client.__name__} done", file=sys.stderr)
    finally:
        engine.terminate()
        engine.wait()
    print_table(*figures.values())


if __name__ == "__main__":
    main()
