"""Measures the same prompts on two engines with three clients, and prints the tables of docs/measurement.md.

    python3 end2end/peers/compare.py [--assay target/debug/assay]

The engines are llama.cpp's server and vLLM on the CPU, with the same tiny model; the clients `assay load`, `vllm bench serve` and aiperf.
Sets up what it needs in target/peers the first time (about 7 GB; Python 3.11 or newer, no compiler). One engine runs
at a time. The clients take turns and begin with another one in every round, so that a machine that slows down slows
all of them. Each cell is the median over the rounds, with the lowest and the highest. Beside each client stands what the engine counted while
that client measured.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import clients
import engines
import environment

WARM_UP_REQUESTS = 32
# Unlike those of any round.
WARM_UP_SEED = 1_000


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assay", type=Path, default=clients.ASSAY, help="the binary")
    parser.add_argument("--engine", choices=["llama.cpp", "vLLM"], action="append", help="only this one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200, help="requests of each client in a round")
    parser.add_argument("--users", type=int, default=8, help="users of the closed loop")
    parser.add_argument("--input-tokens", type=int, default=128)
    parser.add_argument("--output-tokens", type=int, default=64)
    return parser.parse_args()


Runs = dict[str, list[dict[str, float | str | None]]]


def measure(args: argparse.Namespace, name: str) -> Runs:
    """All rounds on one engine: by client, the figures of each round."""
    runs: Runs = {client: [] for client in clients.CLIENTS}

    def prompts(count: int, seed: int) -> Path:
        return environment.write_prompts(f"{count}-{seed}", count, args.input_tokens, args.output_tokens, seed)

    with engines.started(name) as engine:
        def measured(client: str, path: Path, count: int) -> dict[str, float | str | None]:
            work = clients.Work(engine.url, path, count, args.users, args.output_tokens)
            before = engine.read_counters()
            with tempfile.TemporaryDirectory() as folder:
                figures = clients.CLIENTS[client](args.assay, work, Path(folder))
            witness = engines.tell(before, engine.read_counters())
            return figures | {f"The engine: {what}": value for what, value in witness.items()}

        measured("assay load", prompts(WARM_UP_REQUESTS, WARM_UP_SEED), WARM_UP_REQUESTS)
        for number in range(args.rounds):
            path = prompts(args.requests, number)
            order = list(runs)
            first = number % len(order)
            for client in order[first:] + order[:first]:
                runs[client].append(measured(client, path, args.requests))
                print(f"{name}, round {number + 1}: {client} done", file=sys.stderr)
    return runs


def in_words(values: list[float | str | None]) -> str:
    if any(isinstance(value, str) for value in values):
        return statistics.mode(str(value) for value in values)
    known = [value for value in values if isinstance(value, int | float)]
    if not known:
        return "–"
    low, middle, high = min(known), statistics.median(known), max(known)
    decimals = 0 if all(value == int(value) for value in known) else 1 if middle >= 100 else 2
    low, middle, high = (f"{value:.{decimals}f}" for value in (low, middle, high))
    return f"{middle} ({low} to {high})" if low != high else middle


def print_table(title: str, runs: Runs) -> None:
    print(f"\n**{title}**\n")
    print(f"| | {' | '.join(runs)} |\n|---|{'--:|' * len(runs)}")
    for row in next(iter(runs.values()))[0]:
        cells = [in_words([figures[row] for figures in of_client]) for of_client in runs.values()]
        if any(cell != "–" for cell in cells):
            print(f"| {row} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    args = parse_args()
    if not args.assay.is_file():
        raise SystemExit(f"There is no {args.assay}: cargo build --locked")
    environment.set_up()
    for name in args.engine or ["llama.cpp", "vLLM"]:
        print_table(f"{name}, {args.users} users, {args.requests} requests a round", measure(args, name))


if __name__ == "__main__":
    main()
