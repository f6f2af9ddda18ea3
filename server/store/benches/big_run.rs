//! How long the server needs for what the page of a big run asks of its records.
//!
//! `cargo bench -p store --bench big_run` makes the records of 50,000 requests of 500 tokens, stores them
//! as a run would, and prints how long it takes to read them as pages do (without the arrivals of
//! chunks) and whole, and to compute the page's charts. `REQUESTS` and `CHUNKS` change the size. With
//! `DATA_DIR` the benchmark is left in that folder: start `assay` on it to look at its page.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for developers: it prints figures, and a panic says what is wrong"
)]

#[path = "../tests/it/builders.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod builders;

use std::path::PathBuf;
use std::time::Instant;

use domain::load::PromptSource;
use domain::measure::chunk_times::ChunkTimes;
use domain::measure::health::HostObservation;
use domain::measure::length_bins::{LengthAnalysis, LengthSide};
use domain::measure::record::{Outcome, RequestField, RequestPhase, RequestRecord, TokenSource};
use domain::measure::summary::{Summary, SummaryContext};
use domain::requests::{RequestPage, RequestQuery, ScatterData};
use domain::run::event::RunOutcome;
use domain::workload::{Arrival, StopRule};
use store::Store;

use builders::{add_owner, at, benchmark_id, finished, plan, result, started, state_after};

/// Users of the run.
const USERS: u32 = 256;

fn asked(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let (requests, chunks) = (asked("REQUESTS", 50_000), asked("CHUNKS", 500));
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::var("DATA_DIR").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|_| temporary.path().to_path_buf());
    let store = Store::open_embedded(&folder).await.unwrap();

    let records = timed("made", || {
        (0..requests).map(|n| record(n, chunks)).collect::<Vec<_>>()
    });
    let path = temporary.path().join("requests.parquet");
    timed("written as Parquet", || {
        store::records::write_records(&path, &records).unwrap()
    });
    let (sha256, bytes) = store.put_records(&path).await.unwrap();
    println!(
        "{requests} requests of {chunks} chunks: {:.1} MB",
        bytes as f64 / 1e6
    );

    let mut plan = plan("A big run");
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: USERS };
    plan.workload.stop = StopRule::Requests { count: requests };
    let host = HostObservation::default();
    let summary = timed("summarised", || {
        let context = SummaryContext {
            workload: &plan.workload,
            prompt_source: PromptSource::Estimate,
            host: &host,
            is_cancelled: false,
        };
        Summary::of(&records, &context)
    });
    drop(records);
    keep(&store, &plan, summary, &sha256, bytes).await;

    let open = async || store.open_records(&sha256).await.unwrap();
    let file = open().await;
    let lines = timed("read for a page, first", || {
        store::records::read_lines(file).unwrap()
    });
    let file = open().await;
    timed("read for a page, again", || {
        store::records::read_lines(file).unwrap()
    });
    timed("scatter", || {
        ScatterData::of(&lines, RequestField::SentAt, RequestField::Ttft)
    });
    timed("lengths", || {
        LengthAnalysis::of(&lines, LengthSide::Input, 10)
    });
    let query = RequestQuery {
        sort: Some(RequestField::Latency),
        ..RequestQuery::default()
    };
    timed("a page of the table, sorted", || {
        RequestPage::of(&lines, &query)
    });
    let whole = store.get_records(&sha256).await.unwrap();
    timed("read whole", || {
        store::records::read_records(whole).unwrap()
    });
    store.close().await;
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let made = work();
    println!("{what:<28} {:8.1} ms", began.elapsed().as_secs_f64() * 1e3);
    made
}

/// Users one after another: TTFT about 200 ms, a chunk about every 20 ms.
fn record(number: u32, chunks: u32) -> RequestRecord {
    const MS: u64 = 1_000_000;
    let jitter = |salt: u64| (u64::from(number).wrapping_mul(2_654_435_761) ^ salt) % (3 * MS);
    let length = (200 + u64::from(chunks) * 20) * MS;
    let sent_at = u64::from(number / USERS) * length + u64::from(number % USERS) * MS;
    let mut chunk_at = ChunkTimes::default();
    for chunk in 0..u64::from(chunks) {
        chunk_at.push(sent_at + (200 + chunk * 20) * MS + jitter(chunk));
    }
    RequestRecord {
        index: number,
        phase: RequestPhase::Measured,
        scheduled_at: sent_at,
        sent_at,
        connect_ns: None,
        finished_at: chunk_at.last().unwrap_or(sent_at) + MS,
        chunk_at,
        planned_input_tokens: 512,
        planned_output_tokens: chunks,
        input_tokens: 400 + number % 200,
        output_tokens: chunks,
        token_source: TokenSource::Usage,
        outcome: Outcome::Ok,
        http_status: Some(200),
        error: String::new(),
        reconnected: false,
        prompt_sha256: format!("{number:064x}"),
        dataset_id: None,
    }
}

/// Keeps the benchmark as a run that completed.
async fn keep(
    store: &Store,
    plan: &domain::plan::RunPlan,
    summary: Summary,
    sha256: &str,
    bytes: u64,
) {
    let owner = add_owner(store).await;
    let id = benchmark_id(1);
    store
        .insert_benchmark(id, plan, owner, false, at(0))
        .await
        .unwrap();
    let mut stored = result(plan, None);
    stored.summary = summary;
    stored.manifest.records_sha256 = sha256.to_owned();
    stored.records_bytes = bytes;
    store.insert_result(id, &stored, at(1)).await.unwrap();
    let events = [started(), finished(RunOutcome::Completed)];
    let journal = [(at(1), events[0].clone()), (at(2), events[1].clone())];
    store.append_journal(id, 1, &journal).await.unwrap();
    store
        .update_status(id, &state_after(&events), at(2))
        .await
        .unwrap();
    println!("kept as {id}");
}
