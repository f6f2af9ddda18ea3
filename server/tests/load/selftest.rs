//! `assay load selftest`: what it prints, how it ends.

use serde_json::Value;

use crate::parts::load;

#[test]
fn every_level_is_an_object_and_the_exit_code_says_whether_all_are_within() {
    let output = load("selftest --streams 2,8 --open-rate 100 --rounds 2 --json");
    let text = String::from_utf8(output.stdout).unwrap();
    let levels: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(levels.len(), 3, "{text}");
    for level in &levels {
        for field in [
            "ttft_error_mean_ms",
            "ttft_error_p99_ms",
            "itl_error_mean_ms",
            "itl_error_p99_ms",
            "e2e_error_mean_ms",
            "rate_error",
            "chunks_per_s",
            "cpu_us_per_chunk",
            "peak_rss_mb",
            "host_stall_p99_ms",
        ] {
            assert!(
                level[field].as_f64().is_some_and(|value| value >= 0.0),
                "{field}: {level}"
            );
        }
        assert_eq!(level["lost_count"], 0, "{level}");
    }
    assert_eq!(
        (&levels[0]["streams"], &levels[1]["streams"]),
        (&2.into(), &8.into())
    );
    assert_eq!(levels[1]["streams_open"], 8);
    assert_eq!(
        (&levels[1]["compared_count"], &levels[2]["compared_count"]),
        (&16.into(), &200.into())
    );
    let is_within = |level: &Value| level["verdict"] == "within";
    for level in &levels {
        let reasons = level["reasons"].as_array().unwrap();
        assert_eq!(is_within(level), reasons.is_empty(), "{level}");
        assert!(is_within(level) || level["verdict"] == "client_bound");
    }
    // A machine that is busy with other tests may be the limit, and then the code says so.
    let code = if levels.iter().all(is_within) { 0 } else { 5 };
    assert_eq!(output.status.code(), Some(code), "{text}");
}

#[test]
fn what_a_machine_cannot_do_is_said() {
    let output = load("selftest --streams 2 --open-rate 0 --rounds 1 --ttft-bound 0");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    for words in [
        "CLIENT-BOUND",
        "2 streams: The mean error of TTFT is",
        "This machine's honest ceiling: none of these levels.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn a_level_that_cannot_be_is_refused() {
    for options in [
        "--streams 0",
        "--streams 999999",
        "--rounds 0",
        "--itl-bound x",
        "--model m",
    ] {
        let output = load(&format!("selftest {options}"));
        assert_eq!(output.status.code(), Some(2), "{options}");
    }
}
