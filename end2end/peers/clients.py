"""The clients that are compared, each with the same prompts, and what each reports in its own words."""

import json
from dataclasses import dataclass
from pathlib import Path

from environment import MODEL, ROOT, binary, run

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Work:
    """One round: every prompt once, by users who each wait for their answer."""

    url: str
    prompts: Path
    requests: int
    users: int
    output_tokens: int


# Where each client has its metrics, by our names for them.
OF_ASSAY = {"TTFT": "ttft_ms", "ITL": "itl_ms", "TPOT": "tpot_ms", "E2E": "e2e_ms"}
OF_VLLM = {"TTFT": "ttft", "ITL": "itl", "TPOT": "tpot", "E2E": "e2el"}
OF_AIPERF = {
    "TTFT": "time_to_first_token",
    "ITL": "inter_chunk_latency",
    "TPOT": "inter_token_latency",
    "E2E": "request_latency",
}


def measure_with_assay(assay: Path, work: Work, out: Path) -> Figures:
    command = [assay, "load", "--base-url", work.url, "--model", "tiny", "--api", "chat", "--ignore-eos"]
    command += ["--dataset", work.prompts, "--requests", str(work.requests), "--concurrency", str(work.users)]
    command += ["--warmup", "0", "--output-tokens", str(work.output_tokens), "--tokenizer", MODEL, "--out", out]
    run(command)
    summary = json.loads((out / "result.json").read_text())["summary"]
    figures: Figures = {
        "Completed": summary["completed_count"],
        "Failed": summary["failed_count"],
        "Sent again on a fresh connection": summary["reconnect_count"],
        "Prompt tokens per request": summary["input_tokens"] / summary["completed_count"],
        "Output tokens per request": summary["output_tokens"] / summary["completed_count"],
        "Requests (1/s)": summary["request_per_s"],
        "Output (tok/s)": summary["output_tok_per_s"],
        "Requests in flight, mean": summary["concurrency"]["average"],
    }
    for metric, name in OF_ASSAY.items():
        values = summary[name]["distribution"]
        figures |= {f"{metric} {ours} (ms)": values[theirs] for ours, theirs in
                    (("mean", "mean"), ("p50", "median"), ("p99", "p99"))}
    return figures


def measure_with_vllm(_assay: Path, work: Work, out: Path) -> Figures:
    command = [binary("vllm", "vllm"), "bench", "serve", "--backend", "openai-chat", "--base-url", work.url]
    command += ["--endpoint", "/v1/chat/completions", "--model", "tiny", "--tokenizer", MODEL, "--ignore-eos"]
    # Without --skip-chat-template the template would be around the prompt twice.
    command += ["--dataset-name", "custom", "--dataset-path", work.prompts, "--skip-chat-template"]
    command += ["--custom-output-len", str(work.output_tokens), "--num-prompts", str(work.requests)]
    command += ["--max-concurrency", str(work.users), "--ready-check-timeout-sec", "0", "--num-warmups", "0"]
    command += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,99"]
    command += ["--save-result", "--result-dir", out, "--result-filename", "result.json", "--disable-tqdm"]
    run(command)
    report = json.loads((out / "result.json").read_text())
    figures: Figures = {
        "Completed": report["completed"],
        "Failed": report["failed"],
        "Sent again on a fresh connection": None,
        "Prompt tokens per request": report["total_input_tokens"] / report["completed"],
        "Output tokens per request": report["total_output_tokens"] / report["completed"],
        "Requests (1/s)": report["request_throughput"],
        "Output (tok/s)": report["output_throughput"],
        "Requests in flight, mean": None,
    }
    for metric, name in OF_VLLM.items():
        figures |= {f"{metric} {what} (ms)": report[f"{what}_{name}_ms"] for what in ("mean", "p50", "p99")}
    return figures


def measure_with_aiperf(_assay: Path, work: Work, out: Path) -> Figures:
    command = [binary("aiperf", "aiperf"), "profile", "-m", "tiny", "--url", work.url, "--endpoint-type", "chat"]
    command += ["--streaming", "--input-file", work.prompts, "--custom-dataset-type", "single_turn"]
    command += ["--dataset-sampling-strategy", "sequential", "--request-count", str(work.requests)]
    command += ["--concurrency", str(work.users), "--tokenizer", MODEL, "--ui", "none", "--artifact-dir", out]
    command += ["--output-tokens-mean", str(work.output_tokens), "--output-tokens-stddev", "0"]
    command += ["--extra-inputs", "ignore_eos:true", "--no-server-metrics", "--no-gpu-telemetry"]
    run(command)
    report = json.loads((out / "profile_export_aiperf.json").read_text())

    def of(metric: str, figure: str = "avg") -> float:
        return report[metric][figure]

    figures: Figures = {
        "Completed": of("request_count"),
        "Failed": report.get("error_request_count", {"avg": 0})["avg"],
        "Sent again on a fresh connection": None,
        "Prompt tokens per request": of("input_sequence_length"),
        "Output tokens per request": of("output_sequence_length"),
        "Requests (1/s)": of("request_throughput"),
        "Output (tok/s)": of("output_token_throughput"),
        "Requests in flight, mean": of("effective_concurrency"),
    }
    for metric, name in OF_AIPERF.items():
        figures |= {f"{metric} {ours} (ms)": of(name, theirs) for ours, theirs in
                    (("mean", "avg"), ("p50", "p50"), ("p99", "p99"))}
    return figures


CLIENTS = {
    "assay load": measure_with_assay,
    "vllm bench serve": measure_with_vllm,
    "aiperf": measure_with_aiperf,
}

# Everything between a socket and a time stamp is optimised in this profile too.
ASSAY = ROOT / "target/debug/assay"
