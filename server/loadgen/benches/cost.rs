//! What a streamed chunk costs the client, beside a bare HTTP reader of the same stream in the same run, and
//! how long prompts take to make. `cargo bench -p loadgen --bench cost -- --help` says more.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where something is missing"
)]

#[path = "cost/bare.rs"]
mod bare;
#[path = "cost/server.rs"]
mod server;

use std::process::Command;
use std::time::{Duration, Instant};

use domain::load::{LOAD_PLAN_VERSION, LoadEvent, LoadPlan};
use loadgen::LoadOutcome;
use nix::sys::resource::{UsageWho, getrusage};
use testkit::Process;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const HELP: &str = "\
cargo bench -p loadgen --bench cost [-- PART…]

Parts: fast (64 streams, as fast as the server sends), paced (512 streams, a chunk every 20 ms),
many (2,048 paced streams), prompts (100,000 prompts of 512 tokens). All of these without an argument.
long (50,000 answers of 500 tokens to prompts of 512, summarised; alone, since it shows the peak of memory).
serve only starts the server.

A server in a process of its own, one thread, sends chunks as vLLM writes them. The client reads them, and a
bare reader that takes frames off hyper's connections and drops them, on as many threads: three times
each in turn. CPU is getrusage of the client's process, which has no other work. The table shows medians.";

/// Rounds of which the medians are shown.
const ROUNDS: usize = 3;
/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A load to read.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    name: &'static str,
    path: &'static str,
    streams: u32,
    requests: u32,
    chunks: u32,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "fast",
        path: "/fast",
        streams: 64,
        requests: 4_096,
        chunks: 512,
    },
    Shape {
        name: "paced",
        path: "/paced",
        streams: 512,
        requests: 512,
        chunks: 200,
    },
    Shape {
        name: "many",
        path: "/paced",
        streams: 2_048,
        requests: 2_048,
        chunks: 100,
    },
];

/// What reading a shape took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    cpu_us_per_chunk: f64,
    chunks_per_s: f64,
}

impl Cost {
    pub(crate) fn of(chunks: u64, cpu: Duration, wall: Duration) -> Self {
        Self {
            cpu_us_per_chunk: cpu.as_secs_f64() * 1e6 / chunks as f64,
            chunks_per_s: chunks as f64 / wall.as_secs_f64(),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => return server::serve(),
        Some("--help") => return println!("{HELP}"),
        _ => {}
    }
    let is_asked = |part: &str| arguments.is_empty() || arguments.iter().any(|name| name == part);
    let mut server = Process::spawn(Command::new(std::env::current_exe().unwrap()).arg("serve"));
    let line = server.wait_for_line("listening on ", PATIENCE);
    let address = line.trim_start_matches("listening on ").to_owned();

    println!("| load | reader | CPU µs/chunk | chunks/s | CPU to bare |");
    println!("|---|---|---|---|---|");
    for shape in SHAPES.iter().filter(|shape| is_asked(shape.name)) {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(bare::read(&address, *shape));
            ours.push(load(&address, *shape));
        }
        let (bare, ours) = (median(&bare), median(&ours));
        for (reader, cost) in [("bare", bare), ("assay", ours)] {
            println!(
                "| {} ({} streams) | {reader} | {:.2} | {:.0} | {:.2} |",
                shape.name,
                shape.streams,
                cost.cpu_us_per_chunk,
                cost.chunks_per_s,
                cost.cpu_us_per_chunk / bare.cpu_us_per_chunk
            );
        }
    }
    if is_asked("prompts") {
        for (name, tokenizer) in [
            ("one token a word", None),
            ("byte-level BPE", Some(testkit::tiny_tokenizer_path())),
        ] {
            let tokenizer = tokenizer.map(|path| path.display().to_string());
            println!(
                "100,000 prompts of 512 tokens, {name}: {:.1} s",
                prepare(&address, tokenizer).as_secs_f64()
            );
        }
    }
    if arguments.iter().any(|name| name == "long") {
        run_long(&address);
    }
    println!("peak memory of this process: {} MB", peak_rss_mb());
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |value: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        cpu_us_per_chunk: middle(|cost| cost.cpu_us_per_chunk),
        chunks_per_s: middle(|cost| cost.chunks_per_s),
    }
}

fn plan(base_url: String, workload: serde_json::Value, tokenizer_path: Option<String>) -> LoadPlan {
    serde_json::from_value(serde_json::json!({
        "version": LOAD_PLAN_VERSION,
        "base_url": base_url,
        "model": "m",
        "workload": workload,
        "tokenizer_path": tokenizer_path,
        "out_dir": "",
    }))
    .unwrap()
}

fn load(address: &str, shape: Shape) -> Cost {
    let workload = serde_json::json!({
        "api": "chat",
        "input": { "kind": "fixed", "tokens": 16 },
        "output": { "kind": "fixed", "tokens": shape.chunks },
        "shared_prefix_tokens": 0,
        "arrival": { "kind": "closed_loop", "concurrency": shape.streams },
        "stop": { "kind": "requests", "count": shape.requests },
        "warmup_requests": 0,
        "seed": 1,
        "ignore_eos": false,
        "request_timeout_s": 120,
    });
    let plan = plan(format!("http://{address}{}", shape.path), workload, None);
    let outcome = run(&plan, |_, _| {});
    let chunks: usize = outcome
        .records
        .iter()
        .map(|record| record.chunk_at.len())
        .sum();
    assert_eq!(
        chunks,
        (shape.requests * shape.chunks) as usize,
        "all chunks came"
    );
    let from = outcome
        .records
        .iter()
        .map(|record| record.sent_at)
        .min()
        .unwrap();
    let to = outcome
        .records
        .iter()
        .map(|record| record.finished_at)
        .max()
        .unwrap();
    let cpu = Duration::from_secs_f64(outcome.host.cpu_s.get());
    Cost::of(chunks as u64, cpu, Duration::from_nanos(to - from))
}

/// How long it takes until 100,000 prompts are ready.
fn prepare(address: &str, tokenizer: Option<String>) -> Duration {
    let workload = serde_json::json!({
        "api": "chat",
        "input": { "kind": "fixed", "tokens": 512 },
        "output": { "kind": "fixed", "tokens": 1 },
        "shared_prefix_tokens": 0,
        "arrival": { "kind": "closed_loop", "concurrency": 1 },
        "stop": { "kind": "requests", "count": 100_000 },
        "warmup_requests": 0,
        "seed": 1,
        "ignore_eos": false,
        "request_timeout_s": 120,
    });
    let plan = plan(format!("http://{address}/fast"), workload, tokenizer);
    let started_at = Instant::now();
    let mut took = Duration::ZERO;
    run(&plan, |event, cancel| {
        if let LoadEvent::Prepared { .. } = event {
            took = started_at.elapsed();
            cancel.cancel();
        }
    });
    took
}

/// A run of 25 million chunks, with its summary.
fn run_long(address: &str) {
    let workload = serde_json::json!({
        "api": "chat",
        "input": { "kind": "fixed", "tokens": 512 },
        "output": { "kind": "fixed", "tokens": 500 },
        "shared_prefix_tokens": 0,
        "arrival": { "kind": "closed_loop", "concurrency": 256 },
        "stop": { "kind": "requests", "count": 50_000 },
        "warmup_requests": 0,
        "seed": 1,
        "ignore_eos": false,
        "request_timeout_s": 120,
    });
    let plan = plan(format!("http://{address}/fast"), workload, None);
    let outcome = run(&plan, |_, _| {});
    println!("peak memory after the run: {} MB", peak_rss_mb());
    let started_at = Instant::now();
    let summary = outcome.summarise(&plan.workload);
    println!(
        "summary of {} ITL samples: {:.1} s",
        summary.itl_ms.map_or(0, |itl| itl.distribution.count),
        started_at.elapsed().as_secs_f64()
    );
}

fn run(plan: &LoadPlan, mut on_event: impl FnMut(&LoadEvent, &CancellationToken)) -> LoadOutcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (sender, mut receiver) = mpsc::channel(1_024);
        let cancel = CancellationToken::new();
        let watching = async {
            while let Some(event) = receiver.recv().await {
                on_event(&event, &cancel);
            }
        };
        let (outcome, ()) =
            tokio::join!(loadgen::run(plan, None, sender, cancel.clone()), watching);
        outcome.unwrap()
    })
}

/// CPU time of this process.
pub(crate) fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_micros(u64::try_from(value.tv_sec() * 1_000_000 + value.tv_usec()).unwrap())
    };
    time(usage.user_time()) + time(usage.system_time())
}

fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_024
}
