//! The command line of `assay load`: what it prints, how it ends.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use domain::load::{LoadEvent, LoadPhase};
use domain::measure::record::Outcome;
use domain::workload::StopRule;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::parts::{Engine, PATIENCE, load, load_command, plan, records};

#[test]
fn a_person_gets_a_report_and_two_files() {
    let engine = Engine::start("--ttft-ms 5 --itl-ms 1");
    let folder = testkit::data_dir();
    let out = folder.path().join("out");
    let output = load(&format!(
        "--base-url {}/v1 --model assay-reference --rate 50 --requests 30 --input-tokens 20 --output-tokens 8 --out {}",
        engine.url,
        out.display()
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 5)), "{text}");
    for words in [
        "Successful requests:                                    30",
        "Request rate asked for (req/s):                      50.00",
        "Time to first token, from schedule",
        "P99 TTFT (ms) (few samples):",
        "exact, by the server's /tokenize",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["requests.parquet", "result.json"]);
}

#[test]
fn rows_of_files_are_sent_in_the_order_of_the_seed() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let files = ["a", "b"].map(|name| {
        let rows = (0..15).map(|number| {
            format!(
                "{{\"prompt\":\"{name} {number}\",\"output_tokens\":{}}}\n",
                number + 2
            )
        });
        let path = folder.path().join(format!("{name}.jsonl"));
        std::fs::write(&path, rows.collect::<Vec<_>>().concat()).unwrap();
        path.display().to_string()
    });
    let load_rows = |name: &str, seed: u32| {
        let out = folder.path().join(name);
        let output = load(&format!(
            "--base-url {} --model assay-reference --concurrency 3 --warmup 4 --requests 40 --seed {seed} --dataset {} --dataset {} --out {}",
            engine.url,
            files[0],
            files[1],
            out.display()
        ));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(matches!(output.status.code(), Some(0 | 5)), "{text}");
        assert!(
            text.contains("Dataset b.jsonl (15 rows), SHA-256:\n  "),
            "{text}"
        );
        let result = std::fs::read(out.join("result.json")).unwrap();
        let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
        let digest = result["prompts_sha256"].as_str().unwrap().to_owned();
        assert!(text.contains(&digest), "{text}");
        (digest, records(&out))
    };
    let (one, rows) = load_rows("one", 7);
    assert_eq!((rows.len(), &load_rows("two", 7).0), (44, &one));
    assert_ne!(load_rows("three", 8).0, one);
    let ids: std::collections::BTreeSet<_> =
        rows.iter().map(|row| row.dataset_id.unwrap()).collect();
    assert_eq!(ids.len(), 2);
    let longest = rows.iter().map(|row| row.planned_output_tokens).max();
    assert_eq!(longest, Some(16));
    assert!(
        rows.iter()
            .all(|row| row.output_tokens == row.planned_output_tokens)
    );
}

#[test]
fn the_exit_code_says_what_went_wrong() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let common = format!(
        "--input-tokens 5 --output-tokens 2 --requests 3 --out {}",
        folder.path().display()
    );
    let nowhere = format!("http://127.0.0.1:{}", testkit::free_port());
    let cases = [
        (
            format!(
                "--base-url {} --model m --concurrency 0 {common}",
                engine.url
            ),
            2,
            "0 is not in 1..=10000",
        ),
        (
            format!("--base-url not-a-url --model m {common}"),
            2,
            "not-a-url",
        ),
        (
            format!("--base-url {}?a=b --model m {common}", engine.url),
            2,
            "Leave out what follows ?",
        ),
        (
            format!(
                "--base-url {} --model m {common} --header AuthorizationBearerHIDDEN",
                engine.url
            ),
            2,
            "Give a header as Name: value",
        ),
        (
            format!("--base-url {} --model m {common} --rate -1", engine.url),
            2,
            "The rate is -1.0; give a number from 0.001",
        ),
        (
            format!("--base-url {} --model m {common} --rate 1e300", engine.url),
            2,
            "The rate is 1e300;",
        ),
        (
            "--plan /nowhere/plan.json".to_owned(),
            2,
            "/nowhere/plan.json",
        ),
        (
            format!(
                "--base-url {} --model m --dataset /nowhere.jsonl --output-tokens 2",
                engine.url
            ),
            2,
            "The dataset /nowhere.jsonl cannot be read",
        ),
        (
            format!("--base-url {nowhere} --model m {common}"),
            3,
            "No connection to",
        ),
        (
            format!("--base-url {} --model m {common}", engine.url),
            4,
            "does not exist",
        ),
    ];
    for (options, code, words) in cases {
        let output = load(&options);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{options}\n{text}");
        assert!(text.contains(words), "{options}\n{text}");
        assert!(!text.contains("HIDDEN"), "{text}");
    }
    let failing = format!("--base-url {} --model m --warmup 0 {common}", engine.url);
    let output = load(&failing);
    assert_eq!(
        output.status.code(),
        Some(4),
        "a result, but not a sound one"
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("does not exist")
    );
}

#[test]
fn a_load_ends_with_its_runner_or_at_a_signal() {
    let engine = Engine::start("--ttft-ms 50 --itl-ms 50");
    for ends_by_signal in [false, true] {
        let folder = testkit::data_dir();
        let mut plan = plan(&engine, folder.path().join("out"));
        plan.workload.stop = StopRule::Duration { seconds: 3_600 };
        plan.workload.warmup_requests = 0;
        let mut command = load_command("--plan - --events");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{}", serde_json::to_string(&plan).unwrap()).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || {
            let line = lines.next().expect("an event").unwrap();
            serde_json::from_str::<LoadEvent>(&line).unwrap()
        };
        while !matches!(next(), LoadEvent::Live { sample } if sample.in_flight_count == 4) {}
        if ends_by_signal {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        } else {
            drop(stdin);
        }
        let last = loop {
            match next() {
                LoadEvent::Phase { phase } => assert_ne!(phase, LoadPhase::Drain),
                LoadEvent::Live { .. } => {}
                event => break event,
            }
        };
        let LoadEvent::Finished {
            is_cancelled: true,
            summary,
            ..
        } = &last
        else {
            panic!("{last:?}");
        };
        assert!(summary.sent_count > 0);
        let status = testkit::wait_until("the load to end", PATIENCE, || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(130));
        let records = records(&folder.path().join("out"));
        let cancelled = records
            .iter()
            .filter(|record| record.outcome == Outcome::Cancelled)
            .count();
        assert!((1..=4).contains(&cancelled), "{cancelled}");
    }
}

#[test]
fn the_key_is_sent_and_written_nowhere() {
    let folder = testkit::data_dir();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = format!(
        "--base-url {url} --model m --requests 1 --warmup 0 --input-tokens 5 --timeout 30 --out {}",
        folder.path().display()
    );
    // A server that repeats the key it was given, as some do.
    let server = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for stream in listener.incoming().take(4) {
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            let head: String = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let body = "{\"error\":\"bad key sk-very-secret\"}";
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 401 X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let is_last = head.contains("/v1/chat/completions");
            heads.push(head);
            if is_last {
                break;
            }
        }
        heads
    });
    let output = load_command(&options)
        .env("ASSAY_LOAD_API_KEY", "sk-very-secret")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let heads = server.join().unwrap();
    let request = heads.last().unwrap().to_lowercase();
    assert!(
        request.contains("authorization: bearer sk-very-secret"),
        "{request}"
    );
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("bad key [key]"), "{said}");
    let result = std::fs::read_to_string(folder.path().join("result.json")).unwrap();
    assert!(!said.contains("sk-very-secret") && !result.contains("sk-very-secret"));
    assert_eq!(records(folder.path())[0].error, "bad key [key]");
}
