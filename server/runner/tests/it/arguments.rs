//! What a plan says reaches the engine byte for byte, wherever it runs. The engine of these tests prints in
//! hexadecimal what it was given, and ends.

use std::fs;

use domain::plan::{Deployment, RunPlan};
use domain::run::event::RunOutcome;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use runner::DockerAddress;
use testkit::{DockerEngine, Sshd};
use tokio::runtime::Runtime;

use crate::house::{House, Login};
use crate::plans::{container_plan, far_plan, local_plan};

/// A line for the variable `SPOKEN` and each argument.
const ENGINE: &str = r#"for word in "$SPOKEN" "$@"; do
    printf %s "$word" | od -An -v -tx1 | tr -d ' \n'
    echo
done"#;
/// Runs with an engine that is started here; elsewhere each costs a second.
const CASES_HERE: u32 = 12;
const CASES_ELSEWHERE: u32 = 4;

/// Words with all that a shell or a list of lines would read as something else.
fn words() -> impl Strategy<Value = Vec<String>> {
    let nasty = r#"[-'"$`\\ \t\r\n*?~#!&|;<>(){}\[\]=%a-cäß漢🦀]{0,24}"#;
    let any = prop::collection::vec(any::<char>(), 0..24).prop_map(String::from_iter);
    let typical = prop::sample::select(vec![
        "--name=a b",
        "$HOME",
        "$(id)",
        "`id`",
        "it's",
        r#"{"a": "b"}"#,
        "%s\\n",
        "--",
        "-n",
        "",
        "\n",
        "last line ends\n",
        "{unknown}",
    ]);
    let word = prop_oneof![nasty, any, typical.prop_map(str::to_owned)];
    // No program can be given that byte.
    let word = word.prop_map(|word| word.replace('\0', ""));
    prop::collection::vec(word, 1..40)
}

/// Runs a plan whose engine is given each set of words, and compares what arrived.
fn check(house: &House, runtime: &Runtime, plan: &RunPlan, cases: u32) {
    let mut tests = TestRunner::new(ProptestConfig {
        cases,
        // Each try is a run.
        max_shrink_iters: 20,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = tests.run(&words(), |words| {
        let arrived = runtime.block_on(run_engine(house, plan, &words));
        prop_assert_eq!(arrived, words);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The words that an engine of the plan got: the first is its variable's value.
async fn run_engine(house: &House, plan: &RunPlan, words: &[String]) -> Vec<String> {
    let mut plan = plan.clone();
    let (spoken, arguments) = words.split_first().unwrap();
    let shell = ["sh", "-c", ENGINE, "engine"].map(str::to_owned);
    let environment = vec![("SPOKEN".to_owned(), spoken.clone())];
    match &mut plan.deployment {
        Deployment::Process { command, .. } => {
            command.words = [&shell[..], arguments].concat();
            command.environment = environment;
        }
        Deployment::Container {
            entrypoint,
            command,
            ..
        } => {
            *entrypoint = Some(shell.into());
            command.words = arguments.to_vec();
            command.environment = environment;
        }
        Deployment::Endpoint { .. } => panic!("nothing is started there"),
    }
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    let Some(RunOutcome::Failed { reason, .. }) = &state.outcome else {
        panic!("{state:#?}");
    };
    assert!(reason.contains("the engine ended"), "{reason}");
    let log = house.folder.path().join(format!("runs/{id}/engine.log"));
    let log = fs::read_to_string(log).unwrap();
    log.lines().map(of_hexadecimal).collect()
}

fn of_hexadecimal(line: &str) -> String {
    let digits: Vec<u8> = line.bytes().collect();
    let bytes = digits.chunks(2).map(|pair| {
        let pair = str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("“{line}” is not hexadecimal"))
    });
    String::from_utf8(bytes.collect()).unwrap()
}

#[test]
fn words_reach_a_local_process() {
    let runtime = Runtime::new().unwrap();
    let mut house = runtime.block_on(House::open());
    runtime.block_on(async { house.start() });
    check(&house, &runtime, &local_plan(&[]), CASES_HERE);
    runtime.block_on(house.stop());
}

#[test]
fn words_reach_a_docker_container() {
    let engine = DockerEngine::shared();
    let runtime = Runtime::new().unwrap();
    let mut house = runtime.block_on(House::open());
    house.config.docker = DockerAddress::Socket(engine.socket());
    runtime.block_on(async { house.start() });
    let plan = container_plan(engine.busybox_image(), &[]);
    check(&house, &runtime, &plan, CASES_ELSEWHERE);
    runtime.block_on(house.stop());
}

#[test]
fn words_reach_llama_behind_sshd() {
    let sshd = Sshd::start();
    let runtime = Runtime::new().unwrap();
    let mut house = runtime.block_on(House::open());
    let login = Login::Key(sshd.client_key());
    let cluster = runtime.block_on(house.machine(&sshd, sshd.port(), login));
    runtime.block_on(async { house.start() });
    let mut plan = far_plan(cluster);
    // Nothing has to be sent.
    plan.model.source = domain::catalogue::ModelSource::Served;
    check(&house, &runtime, &plan, CASES_ELSEWHERE);
    runtime.block_on(house.stop());
}
