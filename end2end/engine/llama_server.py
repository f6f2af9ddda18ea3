"""Runs llama.cpp's own server in the foreground, out of the xllamacpp wheel.

    llama_server.py --model FILE --port PORT [--host ADDRESS] [--parallel N] [--ctx N]

Prints `ready on http://ADDRESS:PORT` once it answers, serves until SIGTERM or SIGINT, and exits with 0.
Its log goes to stderr.
"""

import argparse
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import xllamacpp

READY_TIMEOUT_S = 60.0
POLL_S = 0.05


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs llama.cpp's server in the foreground.")
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 inside a container")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback address; 0 picks a free one")
    parser.add_argument("--parallel", type=int, default=8, help="requests served at once")
    parser.add_argument("--ctx", type=int, default=4_096, help="tokens of context for each request")
    parser.add_argument("--threads", type=int, default=1, help="threads that compute")
    parser.add_argument("--alias", default="tiny", help="name of the model in /v1/models")
    parser.add_argument("--api-key", default="", help="key that requests must bring; none by default")
    parser.add_argument(
        "--prompt-cache",
        action="store_true",
        help="reuse earlier prompts; off by default, because a cached prompt measures the cache",
    )
    return parser.parse_args()


def server_params(args: argparse.Namespace) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(args.model)
    params.model_alias = {args.alias}
    params.hostnames = [args.host]
    params.port = args.port
    params.n_parallel = args.parallel
    # The server splits its context over the slots.
    params.n_ctx = args.ctx * args.parallel
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = args.threads
    params.cpuparams_batch.n_threads = args.threads
    # Two for every slot: the streams, and the ones that look in.
    params.n_threads_http = 2 * args.parallel + 4
    params.endpoint_metrics = True
    params.endpoint_props = True
    params.ui = False
    params.cache_prompt = args.prompt_cache
    if not args.prompt_cache:
        params.cache_ram_mib = 0
    if args.api_key:
        params.api_keys = [args.api_key]
    return params


def wait_until_healthy(address: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1.0) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(POLL_S)
    sys.exit(f"the server did not answer {address}/health within {READY_TIMEOUT_S:.0f} s")


def main() -> None:
    args = parse_args()
    if not args.model.is_file():
        sys.exit(f"there is no model at {args.model}: make one with end2end/engine/make_model.py")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())

    server = xllamacpp.Server(server_params(args))
    address = server.listening_address
    wait_until_healthy(address)
    print(f"ready on {address}", flush=True)
    stop.wait()


if __name__ == "__main__":
    main()
