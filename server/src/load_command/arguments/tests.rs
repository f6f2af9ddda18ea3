use clap::Parser;

use super::*;

#[derive(Debug, clap::Parser)]
struct Command {
    #[command(flatten)]
    args: LoadArgs,
}

fn parse(line: &str) -> Result<LoadArgs, clap::Error> {
    let words = std::iter::once("load").chain(line.split_whitespace());
    Command::try_parse_from(words).map(|command| command.args)
}

#[test]
fn options_make_a_plan() {
    let args = parse(
        "--base-url http://a --model m --rate 2.5 --arrival constant --duration 9 --input-tokens uniform:5..9 --ignore-eos --out /tmp/o",
    );
    let plan = args.unwrap().to_plan().unwrap();
    assert_eq!(
        plan.workload.arrival.in_words(),
        "open loop at 2.5/s (constant)"
    );
    assert_eq!(plan.workload.stop, StopRule::Duration { seconds: 9 });
    assert_eq!(plan.workload.input, LengthSpec::Uniform { min: 5, max: 9 });
    assert_eq!(
        (plan.workload.ignore_eos, plan.out_dir.as_str()),
        (true, "/tmp/o")
    );
    let plan = parse("--base-url http://a --model m")
        .unwrap()
        .to_plan()
        .unwrap();
    assert_eq!(
        plan.workload.in_words(),
        "closed loop at 1 · 512 in / 128 out · 100 requests"
    );
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    for line in [
        "",
        "--base-url http://a",
        "--base-url http://a --model m --rate 1 --concurrency 2",
        "--base-url http://a --model m --requests 1 --duration 2",
        "--plan - --model m",
        "--base-url http://a --model m --input-tokens none",
        "--base-url http://a --model m --dataset a.jsonl --input-tokens 5",
        "--base-url http://a --model m --answer-lengths capped",
        "--plan - --dataset a.jsonl",
        "--base-url http://a --model m --api responses",
        "--base-url http://a --model m --burstiness 2",
        "--base-url http://a --model m --speed 2",
        "--base-url http://a --model m --concurrency 2 --max-in-flight 2",
        "--base-url http://a --model m --trace t.csv --rate 1",
        "--base-url http://a --model m --trace t.csv --ramp 1",
        "--base-url http://a --model m --duration soon",
        "--base-url http://a --model m --warmup soon",
        "--base-url http://a --model m --concurrency 0",
        "--base-url http://a --model m --concurrency 4294967296",
        "--base-url http://a --model m --rate 1 --max-in-flight 0",
        "--plan - --slo ttft_ms<=1",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn every_option_has_its_place_in_the_plan() {
    let line = "--base-url http://a --model m --rate 2 --burstiness 0.5 --max-in-flight 8 --ramp 1m --duration 1h \
        --warmup 30s --prefix-tokens 10 --prefix-share 0.25 --header X-Key:s3cret --extra-body {\"top_k\":1} \
        --slo ttft_ms<=200,error_rate<=0.01 --fresh-connections --timeout 2m";
    let args = parse(line).unwrap();
    assert!(!format!("{args:?}").contains("s3cret"), "{args:?}");
    let plan = args.to_plan().unwrap();
    let workload = &plan.workload;
    assert_eq!(
        workload.in_words(),
        "open loop at 2/s (gamma, burstiness 0.5), at most 8 in flight, ramp of 60 s · 512 in / 128 out · 3600 s"
    );
    assert_eq!(workload.warmup_in_words(), "30 s");
    assert_eq!(workload.prefix_share.get(), 0.25);
    assert_eq!(workload.extra_body["top_k"], 1);
    assert_eq!(workload.slos[0].to_string(), "ttft_ms<=200@p99");
    assert!(workload.fresh_connections);
    assert_eq!(workload.request_timeout_s, 120);
    assert_eq!(plan.headers[0].value.expose(), "s3cret");
}

#[test]
fn options_that_parse_and_do_not_fit_say_so() {
    for (line, expected) in [
        ("--max-in-flight 2", "closed loop is capped by its users"),
        (
            "--rate 1 --arrival poisson --burstiness 2",
            "poisson gaps have none",
        ),
        ("--rate NaN", "The rate is not a number."),
        ("--header Host:b", "sets it itself"),
        ("--header AuthorizationSECRET", "Name: value"),
        ("--rate 1 --speed 2", "--speed says nothing without --trace"),
        ("--slo ,", "--slo is empty"),
        (
            "--prefix-share 0.5 --dataset a.jsonl",
            "--prefix-share says nothing without --prefix-tokens",
        ),
        ("--slo ttft<=1", "no metric of an objective"),
        ("--extra-body []", "JSON object"),
        ("--extra-body {\"model\":1}", "Leave “model” out"),
        ("--trace /nowhere.csv", "/nowhere.csv cannot be read"),
    ] {
        let args = parse(&format!("--base-url http://a --model m {line}")).unwrap();
        let why = args.to_plan().unwrap_err();
        assert!(why.contains(expected), "{line}: {why}");
        assert!(!why.contains("SECRET"), "{why}");
    }
}

#[test]
fn a_trace_is_read_before_anything_is_sent() {
    let folder = testkit::data_dir();
    let path = folder.path().join("t.csv");
    std::fs::write(
        &path,
        "timestamp,input_length,output_length\n0,5,6\n9,7,8\n",
    )
    .unwrap();
    let line = format!(
        "--base-url http://a --model m --trace {} --speed 3",
        path.display()
    );
    let plan = parse(&line).unwrap().to_plan().unwrap();
    assert_eq!(
        plan.workload.in_words(),
        "trace t.csv of 2 requests at 3× · lengths of the trace · 2 requests"
    );
    assert_eq!(plan.trace_path.as_deref(), path.to_str());
}

#[test]
fn datasets_are_read_before_anything_is_sent() {
    let folder = testkit::data_dir();
    let path = folder.path().join("rows.jsonl");
    let line = format!(
        "--base-url http://a --model m --dataset {0} --dataset {0} --answer-lengths capped",
        path.display()
    );
    let missing = parse(&line).unwrap().to_plan().unwrap_err();
    assert!(missing.contains("rows.jsonl cannot be read"), "{missing}");
    std::fs::write(&path, "{\"prompt\":\"x\"}\n{oops}\n").unwrap();
    let broken = parse(&line).unwrap().to_plan().unwrap_err();
    assert!(broken.contains("Row 2 of the dataset"), "{broken}");
    std::fs::write(&path, "{\"prompt\":\"x\"}\n{\"prompt\":\"y\"}\n").unwrap();
    let plan = parse(&line).unwrap().to_plan().unwrap();
    assert_eq!(
        plan.dataset_paths,
        [path.display().to_string(), path.display().to_string()]
    );
    assert_eq!(
        plan.workload.in_words(),
        "closed loop at 1 · 4 rows of 2 datasets, answers as long as theirs, at most 128 · 100 requests"
    );
    let datasets = plan.workload.prompts.datasets();
    assert_eq!(datasets[0], datasets[1], "the same file has the same id");
    assert_eq!(datasets[0].id.0.get_version_num(), 8);
}

#[test]
fn a_plan_file_is_read_whole() {
    let plan = parse("--base-url http://a --model m")
        .unwrap()
        .to_plan()
        .unwrap();
    let folder = testkit::data_dir();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, serde_json::to_string_pretty(&plan).unwrap()).unwrap();
    let line = format!("--plan {}", path.display());
    assert_eq!(parse(&line).unwrap().to_plan().unwrap(), plan);
    let missing = parse("--plan /nowhere/plan.json")
        .unwrap()
        .to_plan()
        .unwrap_err();
    assert!(missing.contains("/nowhere/plan.json"), "{missing}");
    assert!(parse("--plan - --events").unwrap().stops_with_stdin());
}
