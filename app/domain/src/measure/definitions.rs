//! The definitions a result page shows, one click away from each figure.

/// One word of the metric dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Anchor in the page and key in code.
    pub key: &'static str,
    /// The term.
    pub term: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// What it is.
    pub text: &'static str,
}

/// The dictionary, edition [`super::METRICS_VERSION`].
pub const DEFINITIONS: &[Definition] = &[
    Definition {
        key: "ttft",
        term: "TTFT (time to first token)",
        unit: "ms",
        text: "From just before the first byte of the request is written to the first stream event that carries output (text, reasoning or a tool call). Role-only and empty events do not count.",
    },
    Definition {
        key: "tpot",
        term: "TPOT (time per output token)",
        unit: "ms per token",
        text: "(last output − first output) / (output tokens − 1), for answers of more than one token and at least two chunks.",
    },
    Definition {
        key: "itl",
        term: "ITL (inter-token latency)",
        unit: "ms",
        text: "The gap between neighbouring output events: one sample per chunk. With speculative decoding a chunk is not a token; tokens per chunk stands beside it.",
    },
    Definition {
        key: "e2e",
        term: "E2E latency",
        unit: "ms",
        text: "From just before the first byte of the request is written to the last stream event that carries output.",
    },
    Definition {
        key: "from_schedule",
        term: "From schedule",
        unit: "ms",
        text: "In open loop, TTFT and E2E are also taken from the instant the arrival process wanted the request sent, so that waiting in the client is not hidden (coordinated omission). In closed loop both are equal.",
    },
    Definition {
        key: "output_throughput",
        term: "Output throughput",
        unit: "tok/s",
        text: "Output tokens of requests that completed in the measured window, divided by its length. The peak is that of the fullest second: whole seconds from the start of the window, the tokens of each of these requests spread over its own chunks. A window shorter than a second has none.",
    },
    Definition {
        key: "request_throughput",
        term: "Request throughput",
        unit: "req/s",
        text: "Requests that completed in the measured window, divided by its length.",
    },
    Definition {
        key: "user_throughput",
        term: "Output throughput per user",
        unit: "tok/s",
        text: "Output tokens / E2E latency of one request.",
    },
    Definition {
        key: "duration",
        term: "Duration",
        unit: "s",
        text: "Length of the measured window: from the first measured request to the last finish, or to the deadline of a run with a duration. Warm-up is before it, the drain of a duration run after it.",
    },
    Definition {
        key: "error_rate",
        term: "Error rate",
        unit: "%",
        text: "Failed requests / requests sent in the measured window. A failed request is never retried silently and keeps its row.",
    },
    Definition {
        key: "concurrency",
        term: "Concurrency",
        unit: "requests",
        text: "Requests in flight, by an exact sweep over every start and end: time-weighted mean, and the peak.",
    },
    Definition {
        key: "steady_state",
        term: "Steady state",
        unit: "s",
        text: "The longest window in which the load held: at least 95 % of the asked concurrency in closed loop; no drift of in-flight, TTFT or the wait in the client in open loop. “None found” is a result.",
    },
    Definition {
        key: "client_health",
        term: "Client health",
        unit: "",
        text: "Whether the load generator kept up: lateness of its sends, its share of CPU time, and stalls of its host. A client-bound run says nothing about the engine and cannot be evidence.",
    },
    Definition {
        key: "percentile",
        term: "Percentiles",
        unit: "",
        text: "Exact values over the successful requests of the measured window, with linear interpolation between order statistics (numpy's default). A percentile with fewer than ten samples beyond it is marked “few samples”: p99 needs 1,000 requests, p95 200, p90 100.",
    },
    Definition {
        key: "bounds",
        term: "95 % bounds",
        unit: "",
        text: "The interval that holds the true percentile in 95 of 100 such runs, whatever the distribution: the values at two ranks that the binomial distribution gives. A side without enough samples beyond it is open. It takes requests to be independent; under a queue neighbours are alike, and the truth is less sure than the interval says. It says nothing about how runs differ: repeat the run for that.",
    },
    Definition {
        key: "other_tools",
        term: "What other tools would print",
        unit: "",
        text: "The figures of vLLM's bench serve, SGLang's bench_serving and GuideLLM by their own definitions, computed from the records of this run. What their clients would have added themselves is not in them.",
    },
    Definition {
        key: "goodput",
        term: "Goodput",
        unit: "req/s",
        text: "Requests that met every service-level objective, as a rate and as a share of the requests sent. In open loop TTFT and E2E latency count from the schedule. A failed request is a missed objective.",
    },
];

/// The definition of that key.
pub fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.key == key)
}
