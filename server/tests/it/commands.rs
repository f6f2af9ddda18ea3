//! The command line: help, faults at the start, the end.

use std::process::{Command, Output};

use nix::sys::signal::Signal;

use crate::house::{House, PATIENCE, spawn};

fn assay(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn every_command_and_option_is_explained() {
    let help = String::from_utf8(assay(&["--help"]).stdout).unwrap();
    for command in ["serve", "load", "engine"] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
        let output = assay(&[command, "--help"]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let options = text
            .lines()
            .filter(|line| line.trim_start().starts_with("--"));
        assert!(options.count() >= 4, "{text}");
    }
    let serve = String::from_utf8(assay(&["serve", "--help"]).stdout).unwrap();
    for words in [
        "127.0.0.1:3000",
        "./assay-data",
        "--database-url",
        "--demo",
        "--public-url",
    ] {
        assert!(serve.contains(words), "{words}: {serve}");
    }
}

#[test]
fn a_fault_at_the_start_says_what_it_is() {
    let house = House::start(&[]);
    let address = house.url.replace("http://", "");
    let folder = testkit::data_dir();
    let mut second = spawn(folder.path(), &address, &[]);
    assert!(!second.wait_for_exit(PATIENCE).success());
    assert!(
        second
            .output()
            .contains(&format!("could not listen on {address}"))
    );

    let mut on_same_data = spawn(house.folder.path(), "127.0.0.1:0", &[]);
    assert!(!on_same_data.wait_for_exit(PATIENCE).success());
    let output = on_same_data.output();
    assert!(
        output.contains("another server is already running"),
        "{output}"
    );
}

#[test]
fn a_password_in_the_database_url_is_not_repeated() {
    let folder = testkit::data_dir();
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/x", testkit::free_port());
    let mut process = spawn(folder.path(), "127.0.0.1:0", &["--database-url", &url]);
    assert!(!process.wait_for_exit(PATIENCE).success());
    let output = process.output();
    assert!(output.contains("could not open the database"), "{output}");
    assert!(!output.contains("hunter2"), "{output}");
}

#[test]
fn another_kind_of_database_is_refused_by_name() {
    let folder = testkit::data_dir();
    let url = "mysql://u:hunter2@127.0.0.1/x";
    let mut process = spawn(folder.path(), "127.0.0.1:0", &["--database-url", url]);
    assert!(!process.wait_for_exit(PATIENCE).success());
    let output = process.output();
    assert!(output.contains("begins with postgres://"), "{output}");
    assert!(!output.contains("hunter2"), "{output}");
}

#[test]
fn it_stops_when_it_is_asked_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut house = House::start(&[]);
        house.process.send_signal(signal);
        let status = house.process.wait_for_exit(PATIENCE);
        assert!(status.success(), "{signal}: {}", house.process.output());
    }
}
