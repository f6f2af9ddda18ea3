//! A run as a browser sees it: live to its end, then as files.

use domain::catalogue::ClusterKind;
use domain::engine::{EngineChoice, EnginePreset, render_command};
use domain::history::BenchmarkRow;
use domain::id::BenchmarkId;
use domain::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use domain::run::{JournalEntry, RunState, RunStatus};
use domain::time::Timestamp;
use domain::workload::{Api, Arrival, EvaluationMethod, Prompts, StopRule, WorkloadSpec};
use futures::StreamExt as _;
use reqwest::Method;
use store::Store;
use uuid::Uuid;

use crate::house::{Browser, House, header};

/// A few short answers of the reference engine on this machine.
fn short_plan(cluster: &domain::catalogue::Cluster, model: &domain::catalogue::Model) -> RunPlan {
    let choice = EngineChoice {
        preset: EnginePreset::Reference,
        arguments: ["--ttft-ms", "20", "--itl-ms", "2"]
            .map(str::to_owned)
            .into(),
        environment: Vec::new(),
        readiness_timeout_s: 60,
        container: None,
        upstream_model: String::new(),
        archive: String::new(),
    };
    let nodes = cluster.nodes.iter().map(|node| PlannedNode {
        id: node.id,
        name: node.name.clone(),
        access: domain::catalogue::NodeAccess::default(),
        inventory: node.inventory.clone(),
    });
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: "Watched".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: model.id,
            name: model.name.clone(),
            served_name: model.served_name.clone(),
            source: model.source.clone(),
            tokenizer_path: String::new(),
            facts: None,
        },
        cluster: PlannedCluster {
            id: cluster.id,
            name: cluster.name.clone(),
            kind: ClusterKind::ThisMachine,
            nodes: nodes.collect(),
        },
        deployment: Deployment::Process {
            preset: choice.preset,
            command: render_command(&choice, "", &model.served_name),
            readiness_timeout_s: choice.readiness_timeout_s,
            archive: None,
        },
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: "16".parse().unwrap(),
            output: "8".parse().unwrap(),
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 2 },
            stop: StopRule::Requests { count: 6 },
            warmup_requests: 2,
            seed: 1,
            ignore_eos: true,
            request_timeout_s: 60,
            ..WorkloadSpec::default()
        },
        load_from: None,
        keep_engine: false,
    }
}

/// Puts the plan into the queue, as the wizard's last step does.
async fn queue_run(house: &House) -> BenchmarkId {
    queue_requests(house, 6).await
}

/// The same with so many requests.
pub(crate) async fn queue_requests(house: &House, count: u32) -> BenchmarkId {
    let store = Store::open_embedded(house.folder.path()).await.unwrap();
    let cluster = store.list_clusters().await.unwrap().remove(0);
    let model = store.list_models().await.unwrap().remove(0);
    let ada = store.find_user_by_name("ada").await.unwrap().unwrap();
    let id = BenchmarkId(Uuid::now_v7());
    let mut plan = short_plan(&cluster, &model);
    plan.workload.stop = StopRule::Requests { count };
    store
        .insert_benchmark(id, &plan, ada.account.id, false, Timestamp(1))
        .await
        .unwrap();
    id
}

/// One event of a stream.
#[derive(Debug, Default)]
struct Seen {
    name: String,
    id: Option<i64>,
    data: String,
}

/// Reads a stream until `is_last` says so of an event.
async fn watch(browser: &Browser, path: &str, mut is_last: impl FnMut(&Seen) -> bool) -> Vec<Seen> {
    let request = browser
        .request(Method::GET, path)
        .header("accept-encoding", "gzip, br");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(
        header(&response, "content-type").as_deref(),
        Some("text/event-stream")
    );
    assert_eq!(header(&response, "content-encoding"), None);
    let mut bytes = response.bytes_stream();
    let (mut text, mut seen) = (String::new(), Vec::new());
    while let Some(piece) = bytes.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let event = parse(block);
            text = rest.to_owned();
            let is_event = !event.name.is_empty();
            let ends = is_event && is_last(&event);
            seen.extend(is_event.then_some(event));
            if ends {
                return seen;
            }
        }
    }
    panic!("{path} ended early: {seen:?}");
}

fn parse(block: &str) -> Seen {
    let mut seen = Seen::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut seen.name),
            Some(("id", id)) => seen.id = id.parse().ok(),
            Some(("data", data)) => seen.data.push_str(data),
            _ => {}
        }
    }
    seen
}

fn entries(seen: &[Seen]) -> Vec<JournalEntry> {
    let journal = seen.iter().filter(|event| event.name == "journal");
    journal
        .map(|event| {
            let entry: JournalEntry = serde_json::from_str(&event.data).unwrap();
            assert_eq!(event.id, Some(entry.seq));
            entry
        })
        .collect()
}

#[tokio::test]
async fn a_run_is_watched_taken_up_again_and_downloaded() {
    let mut house = House::start(&[]);
    let browser = house.administrator().await;
    let id = queue_run(&house).await;
    let path = format!("/live?benchmark={id}&after=0");
    let is_end = |event: &Seen| event.name == "end";
    let seen = watch(&browser, &path, is_end).await;
    let entries_seen = entries(&seen);
    let state = RunState::of_journal(&entries_seen);
    assert_eq!(state.status(), RunStatus::Completed, "{state:#?}");
    let numbers: Vec<i64> = entries_seen.iter().map(|entry| entry.seq).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    // Live samples are removed at the end; everything else has been told.
    let all = watch(&browser, &path, is_end).await;
    let left_out = entries(&all)
        .into_iter()
        .find(|entry| !numbers.contains(&entry.seq));
    assert_eq!(left_out, None);

    // A browser that lost its connection names the last event it saw.
    let resumed = watch(&browser, &format!("/live?benchmark={id}&after=3"), is_end).await;
    assert!(entries(&resumed).iter().all(|entry| entry.seq > 3));
    let last = numbers.last().unwrap();
    let nothing_new = watch(
        &browser,
        &format!("/live?benchmark={id}&after={last}"),
        is_end,
    )
    .await;
    assert_eq!(entries(&nothing_new), []);

    let get = async |file: &str| {
        let path = format!("/benchmarks/{id}/{file}");
        let response = browser.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{file}");
        let disposition = header(&response, "content-disposition").unwrap();
        assert!(
            disposition.contains(&format!("assay-{id}-{file}")),
            "{disposition}"
        );
        response.bytes().await.unwrap()
    };
    let records = store::records::read_records(get("records.parquet").await).unwrap();
    assert_eq!(records.len(), 8, "warm-up included");
    let csv = String::from_utf8(get("requests.csv").await.into()).unwrap();
    let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(widths, [23; 9], "a heading and a line for each request");
    let result: serde_json::Value = serde_json::from_slice(&get("result.json").await).unwrap();
    assert_eq!(result["summary"]["completed_count"], 6);
    assert_eq!(
        result["manifest"]["records_sha256"].as_str(),
        state.records_sha256.as_deref()
    );
}

#[tokio::test]
async fn the_history_tells_rows_as_they_change() {
    let mut house = House::start(&[]);
    let browser = house.administrator().await;
    let id = queue_run(&house).await;
    let mut rows: Vec<BenchmarkRow> = Vec::new();
    watch(&browser, "/live?history=1", |event| {
        let row: BenchmarkRow = serde_json::from_str(&event.data).unwrap();
        assert_eq!((event.name.as_str(), row.id), ("row", id));
        assert_ne!(rows.last(), Some(&row), "nothing is told twice");
        rows.push(row);
        rows.last().is_some_and(|row| row.status.is_terminal())
    })
    .await;
    let last = rows.last().unwrap();
    assert_eq!(last.status, RunStatus::Completed, "{:?}", last.failure);
    assert!(last.output_tok_per_s.is_some());
}

#[tokio::test]
async fn what_does_not_exist_is_refused_at_once() {
    let mut house = House::start(&[]);
    let browser = house.administrator().await;
    let nil = Uuid::nil();
    for (path, status) in [
        (format!("/live?benchmark={nil}"), 404),
        ("/live?benchmark=x".to_owned(), 404),
        ("/live".to_owned(), 400),
        (format!("/benchmarks/{nil}/result.json"), 404),
        (format!("/benchmarks/{nil}/engine.log"), 404),
        ("/benchmarks/x/records.parquet".to_owned(), 404),
    ] {
        let response = browser.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}
