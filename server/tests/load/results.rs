//! The out folder of `assay load`: checked before the run, and nothing measured is lost with it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::parts::{Engine, load, load_command};

fn options(engine: &Engine, out: &Path) -> String {
    format!(
        "--base-url {} --model assay-reference --warmup 0 --requests 40 --concurrency 4 --input-tokens 5 --output-tokens 20 --out {}",
        engine.url,
        out.display()
    )
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for out in [Path::new("/dev/null"), Path::new("/proc/x"), &file] {
        let output = load(&options(&engine, out));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("cannot be written to"), "{text}");
    }
    let vllm = format!(
        "{} --vllm-json /proc/x.json",
        options(&engine, &folder.path().join("out"))
    );
    assert_eq!(load(&vllm).status.code(), Some(2));
    assert!(engine.sent(0).is_empty(), "nothing was sent");
}

#[test]
fn a_result_is_only_replaced_on_request_and_then_at_once() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let out = folder.path().join("out");
    let options = options(&engine, &out);
    assert!(matches!(load(&options).status.code(), Some(0 | 5)));
    let before = std::fs::read(out.join("result.json")).unwrap();
    let refused = load(&options);
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("--overwrite"), "{text}");
    assert_eq!(std::fs::read(out.join("result.json")).unwrap(), before);
    // A run that fails leaves nothing that could be taken for its result.
    let failing = format!("{options} --overwrite").replace("assay-reference", "other");
    let failing = failing.replace("--warmup 0", "--warmup 1");
    assert_eq!(load(&failing).status.code(), Some(4));
    assert!(names(&out).is_empty());
}

#[test]
fn a_full_disk_takes_the_files_and_not_the_figures() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let out = folder.path().join("out");
    // Files end at 1 KiB, as on a disk that is full then.
    let script = r#"trap '' XFSZ; ulimit -f 1; exec "$0" load "$@""#;
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_assay")])
        .args(options(&engine, &out).split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("Successful requests:                                    40"),
        "{text}"
    );
    assert!(text.contains("could not be written"), "{text}");
    assert!(!text.contains("Written to"), "{text}");
    assert!(names(&out).is_empty(), "{:?}", names(&out));
}

#[test]
fn a_report_that_cannot_be_printed_is_no_success() {
    let engine = Engine::start("--ttft-ms 1 --itl-ms 1");
    let folder = testkit::data_dir();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = load_command(&options(&engine, &folder.path().join("out")))
        .stdout(full.unwrap())
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("could not be printed"), "{text}");
}
