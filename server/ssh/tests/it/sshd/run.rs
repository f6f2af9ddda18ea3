//! Words, outputs and endings of programs.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ssh::{Exit, SshError};
use testkit::Sshd;

use super::support::{SOON, connect, run, until};

#[tokio::test]
async fn input_goes_in_and_both_outputs_come_out() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let script = "cat; echo trouble >&2; exit 7";
    let output = session
        .run(&["sh", "-c", script], b"line\n\0\xff", SOON, 1_000)
        .await
        .unwrap();
    assert_eq!(output.stdout, b"line\n\0\xff");
    assert_eq!(output.error_text(), "trouble");
    assert_eq!(output.exit, Exit::Code(7));
    assert!(!output.exit.is_success());

    assert_eq!(run(&session, &["true"]).await.exit, Exit::Code(0));
    let killed = run(&session, &["sh", "-c", "kill -s TERM $$"]).await;
    assert_eq!(killed.exit, Exit::Signal("TERM".to_owned()));
    let missing = run(&session, &["no such program"]).await;
    assert_eq!(missing.exit, Exit::Code(127));
}

#[tokio::test]
async fn much_passes_both_ways() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    // More than any buffer on the way, and not the same everywhere.
    let bytes: Vec<u8> = (0..6_000_000_u32).map(|n| (n % 251) as u8).collect();
    let output = session
        .run(&["cat"], &bytes, SOON, bytes.len())
        .await
        .unwrap();
    assert!(output.stdout == bytes, "what went in came out");
    let unread = session.run(&["true"], &bytes, SOON, 10).await.unwrap();
    assert!(
        unread.exit.is_success(),
        "input that nobody reads is no error"
    );
}

#[tokio::test]
async fn output_and_time_are_limited_and_the_program_is_ended() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let error = session
        .run(&["yes", "limited"], b"", SOON, 1_000)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SshError::OutputTooLong { most: 1_000, .. }),
        "{error}"
    );
    let within = Duration::from_millis(200);
    let error = session
        .run(&["sleep", "1234"], b"", within, 1_000)
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::TimedOut { .. }), "{error}");
    until("both programs to end", async || {
        let lines = sshd.command_lines();
        (!lines
            .iter()
            .any(|line| line.contains("1234") || line.contains("limited")))
        .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dropped_call_ends_its_program() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let call = {
        let session = session.clone();
        tokio::spawn(async move { session.run(&["sleep", "4321"], b"", SOON, 10).await })
    };
    let is_there = || {
        sshd.command_lines()
            .iter()
            .any(|line| line.contains("4321"))
    };
    until("the program to run", async || is_there().then_some(())).await;
    call.abort();
    until("the program to end", async || (!is_there()).then_some(())).await;
    assert!(run(&session, &["true"]).await.exit.is_success());
}

#[tokio::test]
async fn many_run_at_the_same_time_on_one_link() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    // Servers allow ten sessions on a link.
    let calls = (0..8).map(|n| {
        let session = session.clone();
        async move {
            let n = n.to_string();
            let output = session.run(&["echo", &n], b"", SOON, 100).await.unwrap();
            assert_eq!(output.text().trim(), n);
        }
    });
    futures::future::join_all(calls).await;
}

/// Words with everything a shell may stumble over.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let awkward = prop::sample::select(vec![
        "'", "\"", "\\", "$", "`", "\n", "\r\n", "\t", " ", "!", "*", "?", "[a]", "{a,b}", "~",
        "#", "&", ";", "|", "<", ">", "(", ")", "%", "=", "^", "-", "--", "-n", "é", "漢", "🦀",
        "\u{7f}", "\u{1b}", "$(id)", "${HOME}", "\\n", "'\\''", "a",
    ]);
    prop_oneof![
        3 => prop::collection::vec(awkward, 0..8).prop_map(|parts| parts.concat().into_bytes()),
        1 => prop::collection::vec(1_u8.., 0..40),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn words_arrive_byte_for_byte() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mut runner = TestRunner::new(Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = tokio::runtime::Handle::current();
    let (session, inputs) = (&session, prop::collection::vec(word(), 0..6));
    tokio::task::block_in_place(|| {
        runner
            .run(&inputs, |words| {
                let mut line: Vec<Vec<u8>> = ["sh", "-c", "printf '%s\\0' \"$@\"", "sh"]
                    .map(|word| word.as_bytes().to_vec())
                    .to_vec();
                line.extend(words.iter().cloned());
                let output = runtime
                    .block_on(session.run(&line, b"", SOON, 1 << 20))
                    .unwrap();
                let expected = if words.is_empty() {
                    // printf prints its format once even without words.
                    vec![0]
                } else {
                    words
                        .iter()
                        .flat_map(|word| [word.as_slice(), b"\0"].concat())
                        .collect::<Vec<u8>>()
                };
                prop_assert_eq!(output.stdout, expected);
                Ok(())
            })
            .unwrap();
    });
}

#[tokio::test]
async fn what_no_program_can_be_given_is_refused_here() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let nul = session.run(&["echo", "a\0b"], b"", SOON, 10).await;
    assert!(matches!(nul, Err(SshError::NulInWord)));
    let none = session.run::<&str>(&[], b"", SOON, 10).await;
    assert!(matches!(none, Err(SshError::NoWords)));
    let long = session
        .run(&["echo", &"x".repeat(200_000)], b"", SOON, 10)
        .await;
    assert!(matches!(long, Err(SshError::CommandTooLong { .. })));
    let most = "y".repeat(100_000);
    let output = session
        .run(&["printf", "%s", &most], b"", SOON, 200_000)
        .await
        .unwrap();
    assert_eq!(output.text(), most);
}
