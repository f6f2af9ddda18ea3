//! Processes that outlive the link.

use std::fs;
use std::time::Duration;

use domain::secret::Secret;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ssh::{Mark, Session, SshError, Supervised};
use testkit::Sshd;

use super::support::{connect, run, until};

const GRACE: Duration = Duration::from_secs(10);

fn mark(run: &str) -> Mark {
    Mark::new("instance-1", run).unwrap()
}

fn supervised(mark: &Mark, words: &[&str]) -> Supervised {
    Supervised {
        mark: mark.clone(),
        name: "engine".to_owned(),
        words: words.iter().map(|&word| word.to_owned()).collect(),
        environment: Vec::new(),
        folder: None,
        log: None,
    }
}

fn shell(mark: &Mark, script: &str) -> Supervised {
    supervised(mark, &["sh", "-c", script])
}

async fn wait_for_log(session: &Session, log: &str, text: &str) -> String {
    until(text, async || {
        let log = run(session, &["cat", log]).await.text();
        log.contains(text).then_some(log)
    })
    .await
}

#[tokio::test]
async fn a_command_that_is_too_long_is_told_as_such() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-1");
    // Linux takes 128 KiB in one argument.
    let long = "x".repeat(200_000);
    let error = session
        .start(&supervised(&mark, &["echo", &long]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is longer than"), "{error}");
    assert_eq!(session.stop_run(&mark, GRACE).await.unwrap(), 0);
}

#[tokio::test]
async fn a_full_disk_made_as_root_is_why_a_process_is_not_started() {
    let sshd = Sshd::start();
    let disk = sshd.small_disk().expect("only root can make one");
    let session = connect(&sshd).await;
    let script =
        "mkdir \"$1/a\" && ln -s \"$1/a\" \"$HOME/.assay\" && cat /dev/zero > \"$1/filler\"";
    let words = ["sh", "-c", script, "sh", disk.to_str().unwrap()];
    run(&session, &words).await;
    let mark = mark("run-1");
    let error = session
        .start(&shell(&mark, "sleep 1000"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(session.stop_run(&mark, GRACE).await.unwrap(), 0);
}

#[tokio::test]
async fn it_outlives_the_link_and_is_found_and_stopped_by_another() {
    let sshd = Sshd::start();
    let mark = mark("run-1");
    let session = connect(&sshd).await;
    let started = session
        .start(&shell(&mark, "echo up; sleep 1000 & wait"))
        .await
        .unwrap();
    wait_for_log(&session, &started.log, "up").await;
    session.close().await;

    let session = connect(&sshd).await;
    let found = session.list("instance-1").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].run, "run-1");
    assert_eq!(found[0].processes, std::slice::from_ref(&started));
    assert!(session.is_alive(&mark, "engine").await.unwrap());
    assert!(session.list("instance-2").await.unwrap().is_empty());
    let error = session.start(&shell(&mark, "true")).await.unwrap_err();
    assert!(
        matches!(error, SshError::AlreadyRunning { process_id, .. } if process_id == started.process_id),
        "{error}"
    );
    let error = session.remove_run(&mark).await.unwrap_err();
    assert!(matches!(error, SshError::AlreadyRunning { .. }), "{error}");

    let count = session.stop(&mark, "engine", GRACE).await.unwrap();
    assert_eq!(count, 2, "the shell and what it started");
    assert!(!session.is_alive(&mark, "engine").await.unwrap());
    assert!(sshd.command_lines().iter().all(|it| !it.contains("1000")));
    assert_eq!(session.stop(&mark, "engine", GRACE).await.unwrap(), 0);
    session.remove_run(&mark).await.unwrap();
    session.remove_run(&mark).await.unwrap();
    assert!(session.list("instance-1").await.unwrap().is_empty());
    assert!(!sshd.home().join(".assay/runs/instance-1").exists());
}

#[tokio::test]
async fn words_environment_and_folder_reach_the_program_and_secrets_nothing_else() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-2");
    let folder = sshd.home().join("a folder's \"name\"");
    run(&session, &["mkdir", folder.to_str().unwrap()]).await;
    let secret = "sk-'quoted' $HOME \"and\"\nmore `lines` \\";
    let words = ["it's", "$HOME", "", "-n", "two\nlines", "漢 é"];
    let script = r#"
        printf '<%s>' "$@"; printf '<%s>' "$API_KEY"; printf '<%s>' "$(pwd)" "$PATH"
        [ -t 0 ] || cat; umask; echo ' up'; sleep 1000"#;
    let mut what = shell(&mark, script);
    what.words.push("sh".to_owned());
    what.words.extend(words.map(str::to_owned));
    what.folder = Some(folder.to_str().unwrap().to_owned());
    what.environment = vec![
        ("API_KEY".to_owned(), Secret::new(secret.to_owned())),
        (
            "PATH".to_owned(),
            Secret::new("/usr/bin:/bin:/opt/x".to_owned()),
        ),
    ];
    let started = session.start(&what).await.unwrap();
    let log = wait_for_log(&session, &started.log, " up").await;
    let expected = format!(
        "<it's><$HOME><><-n><two\nlines><漢 é><{secret}><{}></usr/bin:/bin:/opt/x>",
        folder.display()
    );
    assert!(log.starts_with(&expected), "{log}\nexpected\n{expected}");
    assert!(
        !log.contains("0077"),
        "the program's own files are as the account has them: {log}"
    );
    for line in sshd.command_lines() {
        assert!(!line.contains("sk-"), "{line}");
    }
    // The log is the only file that has it, because the program printed it.
    let files = run(
        &session,
        &["grep", "-rlF", "sk-", sshd.home().to_str().unwrap()],
    )
    .await;
    assert_eq!(files.text().trim(), started.log);
    session.stop_run(&mark, GRACE).await.unwrap();
    assert!(!format!("{what:?}").contains("sk-"));
}

#[tokio::test]
async fn secrets_are_in_no_argument_list_at_any_moment_of_the_start() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let start = tokio::spawn(async move {
        for n in 0..10 {
            let mark = mark(&format!("run-{n}"));
            let mut what = supervised(&mark, &["sleep", "1000"]);
            what.environment = vec![("KEY".to_owned(), Secret::new("sk-hidden".to_owned()))];
            session.start(&what).await.unwrap();
            session.stop_run(&mark, GRACE).await.unwrap();
        }
    });
    let mut looks = 0;
    while !start.is_finished() {
        for line in sshd.command_lines() {
            assert!(!line.contains("sk-hidden"), "{line}");
            looks += 1;
        }
        tokio::task::yield_now().await;
    }
    start.await.unwrap();
    assert!(looks > 10, "there was something to look at");
}

#[tokio::test]
async fn one_that_ignores_term_is_killed_with_its_children() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-3");
    let script = "trap '' TERM; sleep 1001 & echo up; while :; do wait; done";
    let started = session.start(&shell(&mark, script)).await.unwrap();
    wait_for_log(&session, &started.log, "up").await;
    let count = session
        .stop(&mark, "engine", Duration::from_millis(300))
        .await
        .unwrap();
    assert_eq!(count, 2);
    assert!(sshd.command_lines().iter().all(|it| !it.contains("1001")));
}

#[tokio::test]
async fn one_that_says_goodbye_may() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-4");
    let script = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done";
    let started = session.start(&shell(&mark, script)).await.unwrap();
    wait_for_log(&session, &started.log, "up").await;
    session.stop(&mark, "engine", GRACE).await.unwrap();
    wait_for_log(&session, &started.log, "bye").await;
}

#[tokio::test]
async fn what_a_dead_leader_left_is_found_and_ended() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-5");
    // One stays in the session, one leaves it, one has emptied its environment.
    let script = "sleep 1002 & setsid sleep 1003 & env -i sleep 1004 & echo up; exit 0";
    let started = session.start(&shell(&mark, script)).await.unwrap();
    wait_for_log(&session, &started.log, "up").await;
    until("the leader to end", async || {
        (!session.is_alive(&mark, "engine").await.unwrap()).then_some(())
    })
    .await;
    until("the three to run", async || {
        let lines = sshd.command_lines();
        let count = lines
            .iter()
            .filter(|it| it.starts_with("sleep 100"))
            .count();
        (count == 3).then_some(())
    })
    .await;
    let error = session.remove_run(&mark).await.unwrap_err();
    assert!(matches!(error, SshError::AlreadyRunning { .. }), "{error}");
    assert_eq!(session.stop(&mark, "engine", GRACE).await.unwrap(), 3);
    assert!(
        sshd.command_lines()
            .iter()
            .all(|it| !it.contains("sleep 100"))
    );
    session.remove_run(&mark).await.unwrap();
}

#[tokio::test]
async fn a_number_that_was_given_to_another_process_is_left_alone() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let (ours, other) = (mark("run-6"), mark("run-7"));
    let stranger = session
        .start(&supervised(&other, &["sleep", "1005"]))
        .await
        .unwrap();
    let ended = session.start(&supervised(&ours, &["true"])).await.unwrap();
    until("ours to end", async || {
        (!session.is_alive(&ours, "engine").await.unwrap()).then_some(())
    })
    .await;
    // The supervision file as it would be if the stranger had got our number: once with another time of
    // start (ours may be the stranger's, for both began at once), once with the stranger's and another start
    // of the system.
    let file = format!(
        "{}/engine.process",
        session.run_folder(&ours).await.unwrap()
    );
    for (started, boot) in [
        (stranger.started + 1, ended.boot.as_str()),
        (stranger.started, "00000000-0000-0000-0000-000000000000"),
    ] {
        let record = format!(
            "pid={}\nstart={started}\nboot={boot}\nlog={}\n",
            stranger.process_id, ended.log
        );
        session.write_file(&file, record.as_bytes()).await.unwrap();
        assert!(!session.is_alive(&ours, "engine").await.unwrap());
        assert_eq!(session.stop(&ours, "engine", GRACE).await.unwrap(), 0);
    }
    assert!(session.is_alive(&other, "engine").await.unwrap());
    session.remove_run(&ours).await.unwrap();
    session.stop_run(&other, GRACE).await.unwrap();
}

#[tokio::test]
async fn runs_do_not_touch_each_other() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let (first, second) = (mark("run-8"), mark("run-80"));
    for mark in [&first, &second] {
        session
            .start(&supervised(mark, &["sleep", "1006"]))
            .await
            .unwrap();
    }
    assert_eq!(session.stop_run(&first, GRACE).await.unwrap(), 1);
    assert!(session.is_alive(&second, "engine").await.unwrap());
    let left = session.list("instance-1").await.unwrap();
    assert_eq!(left.len(), 1);
    session.stop_run(&second, GRACE).await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_broken_off_leaves_nothing_that_cannot_be_found() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-9");
    // Dropped at one moment after the other, from before the first byte to after the start.
    for step in 0..30 {
        let what = supervised(&mark, &["sleep", "1007"]);
        let start = session.start(&what);
        let _ = tokio::time::timeout(Duration::from_millis(step * 2), start).await;
        // What is going on there may still start it; its folder or process is there then.
        until("nothing to be left", async || {
            session.stop_run(&mark, GRACE).await.ok()?;
            let lines = sshd.command_lines();
            (!lines.iter().any(|it| it.contains("1007"))).then_some(())
        })
        .await;
    }
    assert!(session.list("instance-1").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-10");
    let error = session
        .start(&supervised(&mark, &["no-such-engine"]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("lacks no-such-engine"),
        "{error}"
    );
    let mut what = supervised(&mark, &["true"]);
    what.folder = Some("/no/such/folder".to_owned());
    let error = session.start(&what).await.unwrap_err();
    assert!(
        error.to_string().contains("lacks /no/such/folder"),
        "{error}"
    );
    what.folder = None;
    what.environment = vec![("NOT A NAME".to_owned(), Secret::new(String::new()))];
    let error = session.start(&what).await.unwrap_err();
    assert!(matches!(error, SshError::BadName { .. }), "{error}");
    what.environment.clear();
    what.words.clear();
    assert!(matches!(session.start(&what).await, Err(SshError::NoWords)));
    let folder = session.run_folder(&mark).await.unwrap();
    assert!(fs::exists(folder).unwrap_or(true));
    session.remove_run(&mark).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_supervised_processes_arrive_byte_for_byte() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let mark = mark("run-11");
    let runtime = tokio::runtime::Handle::current();
    let log = sshd.home().join("words.log");
    let mut runner = TestRunner::new(Config {
        cases: 25,
        failure_persistence: None,
        ..Config::default()
    });
    // Anything but NUL, and often what shells care for.
    let word = prop_oneof!["[^\0]{0,12}", r#"['"\\$`!*?~#&;|<>(){}\[\] \n\t=-]{0,12}"#];
    let check = async |words: &[String]| {
        fs::remove_file(&log).ok();
        let mut what = shell(&mark, "printf '%s\\0' \"$@\" end");
        what.log = log.to_str().map(str::to_owned);
        what.words.push("sh".to_owned());
        what.words.extend_from_slice(words);
        session.start(&what).await.unwrap();
        let expected = format!("{}\0end\0", words.join("\0"));
        let expected = expected.trim_start_matches(if words.is_empty() { "\0" } else { "" });
        until("the words", async || {
            (fs::read(&log).ok()? == expected.as_bytes()).then_some(())
        })
        .await;
        session.stop_run(&mark, GRACE).await.unwrap();
    };
    tokio::task::block_in_place(|| {
        runner
            .run(&prop::collection::vec(word, 0..5), |words| {
                runtime.block_on(check(&words));
                Ok(())
            })
            .unwrap();
    });
}
