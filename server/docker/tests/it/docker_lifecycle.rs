//! What a container is given, and what it can be seen doing.

use std::fs;

use docker::{
    ContainerStatus, EnvValue, Error, HostFiles, Limits, LogSource, LogStart, Mount, MountRules,
    PublishedPort,
};
use domain::secret::Secret;
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::log_watch;
use crate::support::Stage;

#[tokio::test]
async fn labels_limits_and_confinement_are_seen_by_the_docker_engine() {
    let stage = Stage::new().await;
    let mut spec = stage.shell("sleep 600", &[]);
    spec.labels.insert("purpose".into(), "a test".into());
    spec.limits = Limits {
        cpus: vec![0],
        cpu_count: Some(1),
        memory_bytes: Some(64 << 20),
        shm_bytes: Some(16 << 20),
        pids: 50,
        log_bytes: 1 << 20,
    };
    let id = stage.run(&spec).await;
    let raw = stage.raw(&id);
    let host = &raw["HostConfig"];
    assert_eq!(raw["Name"], format!("/{}", spec.name));
    assert_eq!(
        raw["Config"]["Labels"]["assay.instance"],
        stage.mark.instance
    );
    assert_eq!(
        raw["Config"]["Labels"]["assay.run"],
        stage.mark.run.to_string()
    );
    assert_eq!(raw["Config"]["Labels"]["purpose"], "a test");
    assert_eq!(host["CpusetCpus"], "0");
    assert_eq!(host["NanoCpus"], 1_000_000_000);
    assert_eq!(host["Memory"], 64 << 20);
    assert_eq!(host["ShmSize"], 16 << 20);
    assert_eq!(host["PidsLimit"], 50);
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "1048576");
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["CapAdd"], serde_json::Value::Null);
    assert_eq!(host["SecurityOpt"][0], "no-new-privileges:true");
    assert_eq!(host["RestartPolicy"]["Name"], "no");
    assert_eq!(host["NetworkMode"], "bridge");

    let state = stage.docker.inspect(&id).await.unwrap();
    assert_eq!(state.status, ContainerStatus::Running);
    assert_eq!(state.exit_code, None);
    assert_eq!(state.cpus, "0");
    assert_eq!(state.memory_bytes, Some(64 << 20));
    assert_eq!(state.mark, Some(stage.mark.clone()));
    assert_eq!(raw["Image"], state.image_id);

    let running = stage.docker.running_containers().await.unwrap();
    let ours = running
        .iter()
        .find(|facts| facts.id == id.as_str())
        .unwrap();
    assert_eq!(ours.mark, Some(stage.mark.clone()));
    assert!(
        ours.to_string().starts_with(&format!("{} (", spec.name)),
        "{ours}"
    );
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn the_container_itself_is_confined() {
    let stage = Stage::new().await;
    let script =
        "grep -E 'NoNewPrivs|CapEff|Cpus_allowed_list' /proc/self/status; cat /proc/1/comm; true";
    let mut spec = stage.shell(script, &[]);
    spec.limits.cpus = vec![0];
    let id = stage.run(&spec).await;
    let output = stage.output(&id).await.join("\n");
    assert!(output.contains("NoNewPrivs:\t1"), "{output}");
    assert!(output.contains("Cpus_allowed_list:\t0\n"), "{output}");
    let capabilities = output
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:\t"))
        .unwrap();
    let capabilities = u64::from_str_radix(capabilities, 16).unwrap();
    for (name, bit) in [
        ("NET_ADMIN", 12),
        ("NET_RAW", 13),
        ("SYS_PTRACE", 19),
        ("SYS_ADMIN", 21),
        ("MKNOD", 27),
    ] {
        assert_eq!(capabilities >> bit & 1, 0, "{name}");
    }
    assert!(
        output.ends_with("sh"),
        "process 1 is not the container's own: {output}"
    );
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

#[test]
fn words_arrive_byte_for_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::new());
    let nasty = prop_oneof![
        "[ '\"$`\\\\\n\t!*?{}()<>|&;#~%=-]{0,12}",
        "\\PC{0,12}",
        Just(String::new()),
        Just("$(reboot) 'a' \"b\" ${HOME}\r\n".to_owned()),
        Just("größer 模型 🦀 \u{0301}\u{200b}".to_owned()),
    ];
    let words = proptest::collection::vec(nasty, 1..30);
    // Each case is a container of its own.
    let config = ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&words, |words| {
            let script = "base64 -w 0 /proc/$$/cmdline; echo";
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let spec = stage.shell(script, &words);
            let line = runtime.block_on(async {
                let id = stage.run(&spec).await;
                let output = stage.output(&id).await;
                stage.docker.remove(&id, &stage.mark).await.unwrap();
                output.concat()
            });
            let mut expected = vec!["sh", "-c", script, "sh"];
            expected.extend(&words);
            let expected: String = expected.iter().flat_map(|word| [word, "\0"]).collect();
            prop_assert_eq!(decode_base64(&line), expected.into_bytes());
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn secrets_reach_the_container_and_no_message() {
    let stage = Stage::new().await;
    let secret = "s3cret with 'quotes'";
    let mut spec = stage.shell("printf '%s|%s\\n' \"$KEY\" \"$PLAIN\"", &[]);
    spec.environment.insert(
        "KEY".into(),
        EnvValue::Secret(Secret::new(secret.to_owned())),
    );
    spec.environment
        .insert("PLAIN".into(), EnvValue::Plain("a=b\nc".to_owned()));
    let id = stage.run(&spec).await;
    assert_eq!(stage.output(&id).await, [&format!("{secret}|a=b"), "c"]);
    assert!(!format!("{spec:?}").contains(secret));
    let taken = stage
        .docker
        .create(&spec, &MountRules::none())
        .await
        .unwrap_err();
    assert_eq!(
        taken,
        Error::NameTaken {
            name: spec.name.clone()
        }
    );
    // The secret as the program: the Docker Engine's message about it names the program.
    let mut echoing = spec.clone();
    echoing.name.push_str("-2");
    echoing.entrypoint = Some(vec!["/no such program".to_owned()]);
    let created = stage
        .docker
        .create(&echoing, &MountRules::none())
        .await
        .unwrap();
    let error = stage.docker.start(&created.id).await.unwrap_err();
    assert!(
        matches!(&error, Error::StartFailed { reason } if reason.contains("no such program")),
        "{error}"
    );
    assert!(!format!("{error:?}{:?}", stage.docker).contains(secret));
    let state = stage.docker.inspect(&created.id).await.unwrap();
    assert!(
        state.describe().starts_with("it did not start: "),
        "{}",
        state.describe()
    );
    assert!(!format!("{state:?}").contains(secret));
    log_watch::assert_no_secret();
    stage
        .docker
        .remove_marked(&stage.mark.instance, stage.mark.run)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_port_is_published_on_a_private_address_only() {
    let stage = Stage::new().await;
    // Two engines on the same port inside: each gets a free one outside.
    let mut ports = Vec::new();
    for number in 0..2 {
        let mut spec = stage.shell(
            "echo hello > /tmp/index.html; httpd -f -p 8000 -h /tmp",
            &[],
        );
        spec.name.push_str(&number.to_string());
        spec.port = Some(PublishedPort::on_loopback(8000));
        let id = stage.run(&spec).await;
        let address = stage.docker.published_port(&id, 8000).await.unwrap();
        assert!(address.ip().is_loopback(), "{address}");
        let raw = stage.raw(&id);
        let bindings = raw["NetworkSettings"]["Ports"]["8000/tcp"]
            .as_array()
            .unwrap();
        assert_eq!(bindings.len(), 1, "{bindings:?}");
        testkit::wait_for_http(
            &format!("http://{address}/index.html"),
            std::time::Duration::from_secs(20),
        );
        let other = stage.docker.published_port(&id, 9000).await.unwrap_err();
        assert_eq!(
            other,
            Error::NotPublished {
                id: id.to_string(),
                port: 9000
            }
        );
        ports.push(address.port());
    }
    assert_ne!(ports[0], ports[1]);
    stage
        .docker
        .remove_marked(&stage.mark.instance, stage.mark.run)
        .await
        .unwrap();
}

#[tokio::test]
async fn mounts_are_read_only_and_inside_the_allowed_folders() {
    let stage = Stage::new().await;
    let folder = testkit::data_dir();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    fs::write(models.join("name"), "tiny\n").unwrap();
    std::os::unix::fs::symlink("/etc", models.join("link")).unwrap();
    let rules = MountRules::new([models.clone()], HostFiles::Here).unwrap();

    let mut spec = stage.shell(
        "cat /m/name; echo x > /m/new || echo refused; echo y > /w/new; cat /w/new",
        &[],
    );
    spec.mounts = vec![
        Mount::read_only(&models, "/m"),
        Mount {
            source: models.clone(),
            target: "/w".into(),
            is_writable: true,
        },
    ];
    let created = stage.docker.create(&spec, &rules).await.unwrap();
    stage.docker.start(&created.id).await.unwrap();
    let output = stage.output(&created.id).await;
    // What a program writes to its two outputs may arrive in either order.
    assert!(output.iter().any(|line| line == "tiny"), "{output:?}");
    assert!(output.iter().any(|line| line == "refused"), "{output:?}");
    assert_eq!(fs::read_to_string(models.join("new")).unwrap(), "y\n");

    for outside in [
        models.join("link"),
        models.join(".."),
        "/etc".into(),
        models.join("link/passwd"),
    ] {
        spec.mounts = vec![Mount::read_only(&outside, "/m")];
        let error = stage.docker.create(&spec, &rules).await.unwrap_err();
        assert!(matches!(error, Error::MountRefused { .. }), "{error}");
    }
    stage.docker.remove(&created.id, &stage.mark).await.unwrap();
}

#[tokio::test]
async fn logs_are_followed_to_the_end_and_taken_up_again() {
    let stage = Stage::new().await;
    let script = "for n in 1 2 3; do echo line $n; done; echo oops >&2; \
                  head -c 40000 /dev/zero | tr '\\0' x; echo; printf 'no end'";
    let id = stage.run(&stage.shell(script, &[])).await;
    let log = stage.docker.follow_logs(&id, LogStart::Beginning);
    let lines: Vec<_> = log.try_collect().await.unwrap();
    let of = |source| lines.iter().filter(move |line| line.source == source);
    let stdout: Vec<_> = of(LogSource::Stdout)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(stdout[..3], ["line 1", "line 2", "line 3"]);
    assert_eq!(
        stdout[3].len(),
        (16 << 10) + '…'.len_utf8(),
        "a long line is cut"
    );
    assert_eq!(stdout[4..], ["no end"]);
    assert_eq!(
        of(LogSource::Stderr)
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>(),
        ["oops"]
    );

    let second = of(LogSource::Stdout).nth(1).unwrap();
    let rest = stage
        .docker
        .follow_logs(&id, LogStart::After(second.at_nanos));
    let rest: Vec<_> = rest.map(|line| line.unwrap().text).collect().await;
    assert!(
        !rest.contains(&"line 2".to_owned()) && rest.contains(&"line 3".to_owned()),
        "{rest:?}"
    );
    let last = stage.docker.last_logs(&id, 1).await.unwrap();
    assert_eq!(last.last().unwrap().text, "no end");
    stage.docker.remove(&id, &stage.mark).await.unwrap();

    let gone = stage.docker.last_logs(&id, 1).await.unwrap_err();
    assert_eq!(gone, Error::NoSuchContainer { id: id.to_string() });
}

/// The Docker Engine itself loses the end of a log that is followed, where the last line has no end.
#[tokio::test]
async fn the_last_words_of_a_container_are_not_lost() {
    let stage = Stage::new().await;
    let script =
        "trap \"printf 'last words'; exit 3\" TERM; echo ready; while :; do sleep 1 & wait; done";
    let id = stage.run(&stage.shell(script, &[])).await;
    let mut log = std::pin::pin!(stage.docker.follow_logs(&id, LogStart::Beginning));
    assert_eq!(log.next().await.unwrap().unwrap().text, "ready");
    stage
        .docker
        .stop(&id, &stage.mark, std::time::Duration::from_secs(20))
        .await
        .unwrap();
    let rest: Vec<_> = log.map(|line| line.unwrap().text).collect().await;
    assert_eq!(rest, ["last words"]);
    stage.docker.remove(&id, &stage.mark).await.unwrap();
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if 8 <= held {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).unwrap());
        }
    }
    bytes
}
