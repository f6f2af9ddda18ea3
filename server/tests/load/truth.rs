//! What the client says beside what the engine really sent.

use std::collections::HashMap;

use domain::load::{LoadEvent, LoadPlan, PromptSource, RESULT_FILE};
use domain::measure::record::{Outcome, RequestRecord, TokenSource};
use domain::measure::truth::SentAnswer;
use sha2::{Digest, Sha256};

use crate::parts::{Engine, events, load, plan, records};

fn run(plan: &LoadPlan) -> Vec<LoadEvent> {
    let folder = testkit::data_dir();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, serde_json::to_string(plan).unwrap()).unwrap();
    let output = load(&format!("--events --plan {}", path.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Sound, or bound by a machine that is busy with other tests: both have a result.
    assert!(matches!(output.status.code(), Some(0 | 5)), "{text}");
    events(&output)
}

#[test]
fn every_record_agrees_with_the_engines_own_log() {
    for options in [
        "--ttft-ms 30 --itl-ms 4",
        "--ttft-ms 10 --itl-ms 3 --tokens-per-chunk 5 --jitter-ms 1 --prefill-us-per-token 500",
    ] {
        let engine = Engine::start(options);
        let folder = testkit::data_dir();
        let plan = plan(&engine, folder.path().join("out"));
        run(&plan);
        let records = records(&folder.path().join("out"));
        let sent: HashMap<String, SentAnswer> = engine
            .sent(22)
            .into_iter()
            .map(|sent| (sent.prompt_sha256.clone(), sent))
            .collect();
        assert_eq!(
            (records.len(), sent.len()),
            (22, 22),
            "each prompt is its own"
        );
        for record in &records {
            let sent = &sent[&record.prompt_sha256];
            assert_eq!(record.outcome, Outcome::Ok, "{}", record.error);
            assert!(sent.is_complete);
            assert_eq!(
                record.input_tokens, record.planned_input_tokens,
                "exact lengths"
            );
            assert_eq!(record.input_tokens, sent.prompt_tokens);
            assert_eq!((record.output_tokens, sent.output_tokens), (12, 12));
            assert_eq!(record.token_source, TokenSource::Usage);
            assert_eq!(
                record.chunk_at.len(),
                sent.sent_ns.len(),
                "one stamp for each chunk sent"
            );
            // The clocks differ, so only spans compare. A client can never be faster than the engine.
            let engine_ttft_ns = sent.sent_ns[0] - sent.arrived_ns;
            assert!(record.chunk_at.first().unwrap() - record.sent_at >= engine_ttft_ns);
            assert!(engine_ttft_ns >= sent.due_ns[0] - sent.started_ns);
            let engine_e2e_ns = sent.sent_ns[sent.sent_ns.len() - 1] - sent.arrived_ns;
            assert!(record.chunk_at.last().unwrap() - record.sent_at >= engine_e2e_ns);
            assert!(
                sent.sent_ns
                    .iter()
                    .zip(&sent.due_ns)
                    .all(|(sent, due)| sent >= due),
                "never early"
            );
        }
    }
}

#[test]
fn the_result_is_what_the_records_say() {
    let engine = Engine::start("--ttft-ms 5 --itl-ms 1");
    let folder = testkit::data_dir();
    let plan = plan(&engine, folder.path().join("out"));
    let events = run(&plan);
    let Some(LoadEvent::Finished {
        records_sha256,
        records_bytes,
        prompts_sha256,
        schedule_sha256,
        is_cancelled: false,
        summary,
    }) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!(summary.prompt_source, PromptSource::Server);
    assert_eq!(
        (
            summary.sent_count,
            summary.completed_count,
            summary.warmup_count
        ),
        (20, 20, 2)
    );
    assert_eq!(summary.output_tokens, 240);
    let file = std::fs::read(folder.path().join("out").join("requests.parquet")).unwrap();
    assert_eq!(file.len() as u64, *records_bytes);
    let result = std::fs::read(folder.path().join("out").join(RESULT_FILE)).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    assert_eq!(
        result["records"]["sha256"],
        serde_json::json!(records_sha256)
    );
    assert_eq!(result["plan"], serde_json::to_value(&plan).unwrap());
    assert_eq!(result["summary"], serde_json::to_value(summary).unwrap());
    let records = records(&folder.path().join("out"));
    let prompts: String = records
        .iter()
        .flat_map(|record| [record.prompt_sha256.as_str(), "\n"])
        .collect();
    assert_eq!(*prompts_sha256, format!("{:x}", Sha256::digest(prompts)));
    assert_eq!(result["prompts_sha256"], serde_json::json!(prompts_sha256));
    assert_eq!(schedule_sha256, "", "a closed loop has no schedule");
    let measured: Vec<f64> = records[2..]
        .iter()
        .filter_map(RequestRecord::ttft_ms)
        .collect();
    let slowest = measured.iter().copied().fold(0.0, f64::max);
    assert_eq!(
        summary.ttft_ms.as_ref().unwrap().distribution.max.get(),
        slowest
    );
}
