"""Recomputes the figures of a result from its raw records with numpy, and compares them.

    check_percentiles.py REQUESTS_PARQUET RESULT_JSON

RESULT_JSON is a summary, or any object with one under "summary". Prints one line for each figure that
differs by more than 1e-9 of its value and exits with 1; exits with 0 when all agree.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TOLERANCE = 1e-9
NS_PER_MS = 1e6
PERCENTILES = {"min": 0, "p25": 25, "median": 50, "p75": 75, "p90": 90, "p95": 95, "p99": 99, "max": 100}


class Requests:
    """The raw records as columns."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        chunk_at = table.column("chunk_at").combine_chunks()
        if chunk_at.null_count:
            sys.exit("chunk_at holds nulls: a request without output has an empty list")
        self.chunk_at = chunk_at.values.to_numpy(zero_copy_only=False).astype(np.int64)
        self.starts = chunk_at.offsets.to_numpy()[:-1]
        self.ends = chunk_at.offsets.to_numpy()[1:]

    def column(self, name: str) -> np.ndarray:
        return self._table.column(name).to_numpy()

    def names(self, name: str) -> np.ndarray:
        return np.array(self._table.column(name).to_pylist(), dtype=object)

    def instants(self, name: str) -> np.ndarray:
        return self.column(name).astype(np.int64)


def samples(requests: Requests) -> dict[str, np.ndarray]:
    """The samples of each metric, of the successful requests of the measured window."""
    good = (requests.names("phase") == "measured") & (requests.names("outcome") == "ok")
    chunks = requests.ends - requests.starts
    answered = good & (chunks > 0)
    first_at = requests.chunk_at[requests.starts[answered]]
    last_at = requests.chunk_at[requests.ends[answered] - 1]
    sent_at = requests.instants("sent_at")[answered]
    scheduled_at = requests.instants("scheduled_at")[answered]
    tokens = requests.column("output_tokens")[answered].astype(np.int64)

    e2e_ms = (last_at - sent_at) / NS_PER_MS
    paced = (tokens > 1) & (chunks[answered] > 1)
    timed = (e2e_ms > 0) & (tokens > 0)
    gaps = [np.diff(requests.chunk_at[start:end]) for start, end in zip(requests.starts[good], requests.ends[good])]
    return {
        "ttft_ms": (first_at - sent_at) / NS_PER_MS,
        "tpot_ms": ((last_at - first_at) / NS_PER_MS)[paced] / (tokens[paced] - 1),
        "itl_ms": (np.concatenate(gaps) if gaps else np.empty(0)) / NS_PER_MS,
        "e2e_ms": e2e_ms,
        "user_tok_per_s": tokens[timed] / (e2e_ms[timed] / 1e3),
        "ttft_from_schedule_ms": (first_at - scheduled_at) / NS_PER_MS,
        "e2e_from_schedule_ms": (last_at - scheduled_at) / NS_PER_MS,
    }


def describe(values: np.ndarray) -> dict[str, float]:
    described = {name: float(np.percentile(values, percentile)) for name, percentile in PERCENTILES.items()}
    return described | {"count": len(values), "mean": float(np.mean(values)), "std": float(np.std(values))}


def totals(requests: Requests, duration_s: float) -> dict[str, float]:
    """Counts, sums and rates of the measured window, given its length."""
    measured = requests.names("phase") == "measured"
    good = measured & (requests.names("outcome") == "ok")
    input_tokens = int(requests.column("input_tokens")[good].sum())
    output_tokens = int(requests.column("output_tokens")[good].sum())
    counted = {
        "sent_count": int(measured.sum()),
        "completed_count": int(good.sum()),
        "failed_count": int(measured.sum() - good.sum()),
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
    }
    if duration_s <= 0:
        return counted
    return counted | {
        "request_per_s": counted["completed_count"] / duration_s,
        "input_tok_per_s": input_tokens / duration_s,
        "output_tok_per_s": output_tokens / duration_s,
        "total_tok_per_s": (input_tokens + output_tokens) / duration_s,
    }


class Comparison:
    """Counts the figures compared, and keeps those that differ."""

    def __init__(self) -> None:
        self.compared = 0
        self.differences: list[str] = []

    def compare(self, name: str, stated: Any, expected: float, scale: float | None = None) -> None:
        """`scale` is what the tolerance is relative to; the expected value by default."""
        self.compared += 1
        allowed = TOLERANCE * abs(expected if scale is None else scale)
        if stated is None or abs(stated - expected) > allowed:
            self.differences.append(f"{name}: the result says {stated!r}, numpy {expected!r}")

    def compare_distribution(self, name: str, stated: dict[str, Any] | None, values: np.ndarray) -> None:
        if not len(values):
            self.compared += 1
            if stated is not None:
                self.differences.append(f"{name}: the result has figures, the records have no samples")
            return
        for statistic, expected in describe(values).items():
            # A spread of almost nothing is rounding: it is small against the values, not against itself.
            scale = float(np.abs(values).max()) if statistic == "std" else None
            self.compare(f"{name} {statistic}", (stated or {}).get(statistic), expected, scale)


def check(requests: Requests, summary: dict[str, Any]) -> Comparison:
    comparison = Comparison()
    for name, values in samples(requests).items():
        stated = summary.get(name)
        if name.endswith("_from_schedule_ms"):
            # Only open-loop results state these; in closed loop they equal the others.
            if stated is None:
                continue
        elif stated is not None:
            stated = stated["distribution"]
        comparison.compare_distribution(name, stated, values)
    for name, expected in totals(requests, summary["duration_s"]).items():
        comparison.compare(name, summary.get(name), expected)
    return comparison


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares a result with what numpy makes of its raw records.")
    parser.add_argument("requests_parquet", type=Path)
    parser.add_argument("result_json", type=Path)
    args = parser.parse_args()

    result = json.loads(args.result_json.read_text(encoding="utf-8"))
    summary = result if "metrics_version" in result and "duration_s" in result else result["summary"]
    comparison = check(Requests(pq.read_table(args.requests_parquet)), summary)
    for difference in comparison.differences:
        print(difference)
    if comparison.differences:
        sys.exit(1)
    print(f"{comparison.compared} figures agree")


if __name__ == "__main__":
    main()
