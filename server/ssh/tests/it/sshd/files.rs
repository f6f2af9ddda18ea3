//! Files there and back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ssh::{Patience, Progress, Session, SshError, SshTarget, TailFrom, digest_of_file};
use testkit::{Link, Sshd, data_dir};

use super::support::{connect, run, target};

/// Bytes that differ everywhere, from a seed.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn ignore(_: Progress) {}

async fn send(session: &Session, near: &Path, far: &str) -> Result<ssh::Sent, SshError> {
    session.send_file(near, far, None, &mut ignore).await
}

#[tokio::test]
async fn a_file_arrives_with_progress_and_is_not_sent_twice() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let near = folder.path().join("model.gguf");
    let bytes = content(1, 3_000_000);
    fs::write(&near, &bytes).unwrap();
    fs::set_permissions(&near, fs::Permissions::from_mode(0o755)).unwrap();
    let mut told = Vec::new();
    let sent = session
        .send_file(&near, "~/deep/folder/it's a model.gguf", None, &mut |it| {
            told.push(it);
        })
        .await
        .unwrap();
    assert_eq!((sent.total, sent.sent), (3_000_000, 3_000_000));
    assert!(told.is_sorted_by_key(|it| it.done) && told.len() > 3);
    assert_eq!(told.last().unwrap().done, 3_000_000);
    assert!(
        told.iter()
            .all(|it| it.total == 3_000_000 && it.file == "it's a model.gguf")
    );
    let far = sshd.home().join("deep/folder/it's a model.gguf");
    assert!(fs::read(&far).unwrap() == bytes);
    assert_eq!(
        fs::metadata(&far).unwrap().permissions().mode() & 0o777,
        0o755
    );

    let mut told = Vec::new();
    let again = session
        .send_file(&near, far.to_str().unwrap(), None, &mut |it| told.push(it))
        .await
        .unwrap();
    assert_eq!((again.total, again.sent), (3_000_000, 0));
    assert_eq!(told.len(), 1, "told that all is there");
    let names = run(
        &session,
        &["ls", "-A", far.parent().unwrap().to_str().unwrap()],
    )
    .await;
    assert_eq!(
        names.text(),
        ".it's a model.gguf.sha256\nit's a model.gguf\n",
        "the digest is kept, and no part is left"
    );

    // Another content of the same length is noticed in spite of the digest that is kept.
    let mut changed = bytes.clone();
    changed[1_000_000] ^= 1;
    fs::write(&far, &changed).unwrap();
    assert_eq!(
        send(&session, &near, far.to_str().unwrap())
            .await
            .unwrap()
            .sent,
        3_000_000
    );
    assert!(fs::read(&far).unwrap() == bytes);
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_was() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let through = SshTarget {
        port: link.port(),
        ..target(&sshd)
    };
    let folder = data_dir();
    let near = folder.path().join("weights.bin");
    let bytes = content(2, 8_000_000);
    fs::write(&near, &bytes).unwrap();
    let session = Session::connect(&through, Patience::default())
        .await
        .unwrap();
    link.cut_after(5_000_000);
    let error = send(&session, &near, "~/weights.bin").await.unwrap_err();
    assert!(matches!(error, SshError::LinkLost { .. }), "{error}");
    assert!(error.is_passing());
    assert!(session.is_lost());
    assert!(
        !sshd.home().join("weights.bin").exists(),
        "no half file under its name"
    );

    let session = Session::connect(&through, Patience::default())
        .await
        .unwrap();
    let sent = send(&session, &near, "~/weights.bin").await.unwrap();
    assert!(
        (3_000_000..7_000_000).contains(&sent.sent),
        "a part of it was there: {sent:?}"
    );
    assert!(fs::read(sshd.home().join("weights.bin")).unwrap() == bytes);
}

#[tokio::test]
async fn a_dropped_transfer_goes_on_too_on_the_same_link() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let near = folder.path().join("weights.bin");
    let bytes = content(8, 8_000_000);
    fs::write(&near, &bytes).unwrap();
    let (half, reached) = tokio::sync::oneshot::channel();
    let mut half = Some(half);
    let mut tell = |it: Progress| {
        if it.done > 4_000_000
            && let Some(half) = half.take()
        {
            half.send(()).unwrap();
        }
    };
    tokio::select! {
        biased;
        _ = reached => {}
        sent = session.send_file(&near, "~/weights.bin", None, &mut tell) => {
            panic!("it was dropped halfway: {sent:?}");
        }
    }
    let sent = send(&session, &near, "~/weights.bin").await.unwrap();
    assert!((1..8_000_000).contains(&sent.sent), "{sent:?}");
    assert!(fs::read(sshd.home().join("weights.bin")).unwrap() == bytes);
}

#[tokio::test]
async fn a_part_with_other_bytes_is_noticed_and_removed() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let near = folder.path().join("a.bin");
    fs::write(&near, content(3, 100_000)).unwrap();
    let digest = digest_of_file(&near).await.unwrap();
    let part = sshd
        .home()
        .join(format!(".a.bin.{}.part", &digest.as_str()[..16]));
    session
        .write_file(part.to_str().unwrap(), &vec![7; 50_000])
        .await
        .unwrap();
    let error = send(&session, &near, "~/a.bin").await.unwrap_err();
    let SshError::DigestDiffers {
        expected, found, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(expected, digest.as_str());
    assert_ne!(found, expected);
    assert!(!part.exists() && !sshd.home().join("a.bin").exists());
    assert_eq!(
        send(&session, &near, "~/a.bin").await.unwrap().sent,
        100_000
    );
}

#[tokio::test]
async fn a_wrong_digest_gives_no_file() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let (near, other) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&near, b"one").unwrap();
    fs::write(&other, b"two").unwrap();
    let wrong = digest_of_file(&other).await.unwrap();
    let error = session
        .send_file(&near, "~/a", Some(wrong), &mut ignore)
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::DigestDiffers { .. }), "{error}");
    assert!(!sshd.home().join("a").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_made_as_root_is_said_before_and_while_it_is_written() {
    let sshd = Sshd::start();
    let disk = sshd.small_disk().expect("only root can make one");
    let session = connect(&sshd).await;
    let folder = data_dir();
    let near = folder.path().join("model.bin");
    fs::write(&near, content(4, 5_000_000)).unwrap();
    let far = disk.join("model.bin");
    let far = far.to_str().unwrap();
    let error = send(&session, &near, far).await.unwrap_err();
    let SshError::DiskFull { needed, free, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*needed, 5_000_000);
    assert!(*free < 3_000_000, "{error}");
    assert!(error.to_string().contains("5.0 MB are needed"), "{error}");

    // Room at first, and none any more when half of it is sent.
    fs::write(&near, content(5, 900_000)).unwrap();
    let filler = disk.join("filler");
    let filler = filler.to_str().unwrap();
    let runtime = tokio::runtime::Handle::current();
    let mut is_filled = false;
    let error = session
        .send_file(&near, far, None, &mut |_| {
            if !is_filled {
                is_filled = true;
                tokio::task::block_in_place(|| {
                    runtime.block_on(run(
                        &session,
                        &["sh", "-c", "cat /dev/zero > \"$1\"", "sh", filler],
                    ))
                });
            }
        })
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::DiskFull { .. }), "{error}");
    let left = run(&session, &["ls", "-A", disk.to_str().unwrap()]).await;
    assert_eq!(
        left.text(),
        "filler\n",
        "nothing of ours stays on a full disk"
    );
}

#[tokio::test]
async fn a_folder_arrives_whole_and_only_what_is_missing() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let root = folder.path();
    fs::create_dir(root.join("sub")).unwrap();
    fs::write(root.join("config.json"), b"{}").unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("sub/ü weights.bin"), content(6, 500_000)).unwrap();
    std::os::unix::fs::symlink("config.json", root.join("link.json")).unwrap();
    let mut told = Vec::new();
    let sent = session
        .send_folder(root, "~/model/", &mut |it| told.push(it))
        .await
        .unwrap();
    assert_eq!((sent.total, sent.sent), (500_004, 500_004));
    assert_eq!(told.last().unwrap().done, 500_004);
    assert!(told.iter().any(|it| it.file == "sub/ü weights.bin"));
    let far = sshd.home().join("model");
    for name in ["config.json", "empty", "link.json", "sub/ü weights.bin"] {
        assert!(
            fs::read(root.join(name)).unwrap() == fs::read(far.join(name)).unwrap(),
            "{name}"
        );
    }
    fs::write(root.join("config.json"), b"{\"a\":1}").unwrap();
    let sent = session
        .send_folder(root, "~/model", &mut ignore)
        .await
        .unwrap();
    assert_eq!(sent.sent, 14, "the file and the link to it");
    let sent = session
        .send_folder(root, "~/model", &mut ignore)
        .await
        .unwrap();
    assert_eq!(sent.sent, 0);
}

#[tokio::test]
async fn a_file_comes_back_and_goes_on_after_a_cut() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let bytes = content(7, 2_000_000);
    fs::write(sshd.home().join("result.parquet"), &bytes).unwrap();
    let folder = data_dir();
    let near = folder.path().join("result.parquet");
    let error = session
        .fetch_file("~/result.parquet", &near, 1_000_000, &mut ignore)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            SshError::FileTooLarge {
                size: 2_000_000,
                ..
            }
        ),
        "{error}"
    );
    let mut told = Vec::new();
    let digest = session
        .fetch_file("~/result.parquet", &near, 2_000_000, &mut |it| {
            told.push(it);
        })
        .await
        .unwrap();
    assert!(fs::read(&near).unwrap() == bytes);
    assert_eq!(digest, digest_of_file(&near).await.unwrap());
    assert_eq!(told.last().unwrap().done, 2_000_000);

    // What an earlier transfer left is taken, if it is the beginning; if not, it is noticed.
    let part = folder
        .path()
        .join(format!(".result.parquet.{}.part", &digest.as_str()[..16]));
    fs::write(&part, &bytes[..1_500_000]).unwrap();
    let mut told = Vec::new();
    session
        .fetch_file("~/result.parquet", &near, 2_000_000, &mut |it| {
            told.push(it);
        })
        .await
        .unwrap();
    assert_eq!(told.first().unwrap().done, 1_500_000);
    assert!(fs::read(&near).unwrap() == bytes);
    fs::write(&part, [0; 1_000]).unwrap();
    let error = session
        .fetch_file("~/result.parquet", &near, 2_000_000, &mut ignore)
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::DigestDiffers { .. }), "{error}");
    assert!(!part.exists());
    assert!(
        !sshd.home().join(".result.parquet.sha256").exists(),
        "nothing is left beside it"
    );
}

#[tokio::test]
async fn a_growing_file_is_read_on() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let log = sshd.home().join("engine.log");
    fs::write(&log, "one\ntwo\n").unwrap();
    let first = session
        .tail("~/engine.log", TailFrom::Start(0), 6)
        .await
        .unwrap();
    assert_eq!(
        (first.bytes.as_slice(), first.next, first.size),
        (&b"one\ntw"[..], 6, 8)
    );
    let second = session
        .tail("~/engine.log", TailFrom::Start(first.next), 100)
        .await
        .unwrap();
    assert_eq!((second.bytes.as_slice(), second.next), (&b"o\n"[..], 8));
    let nothing = session
        .tail("~/engine.log", TailFrom::Start(8), 100)
        .await
        .unwrap();
    assert_eq!((nothing.bytes.len(), nothing.next), (0, 8));
    fs::write(&log, "one\ntwo\nthree\n").unwrap();
    let more = session
        .tail("~/engine.log", TailFrom::Start(8), 100)
        .await
        .unwrap();
    assert_eq!(more.bytes, b"three\n");
    let end = session
        .tail("~/engine.log", TailFrom::End(4), 100)
        .await
        .unwrap();
    assert_eq!((end.bytes.as_slice(), end.offset), (&b"ree\n"[..], 10));
    fs::write(&log, "new\n").unwrap();
    let anew = session
        .tail("~/engine.log", TailFrom::Start(14), 100)
        .await
        .unwrap();
    assert_eq!((anew.bytes.as_slice(), anew.offset), (&b"new\n"[..], 0));
    let error = session
        .tail("~/none.log", TailFrom::Start(0), 1)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("there is no such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_short_file_is_written_for_the_account_alone() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    for content in ["first: version\n", ""] {
        session
            .write_file("~/new/config.yaml", content.as_bytes())
            .await
            .unwrap();
        let file = sshd.home().join("new/config.yaml");
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let error = session.write_file("relative", b"").await.unwrap_err();
    assert!(matches!(error, SshError::FarFile { .. }), "{error}");
    let error = session.write_file("/proc/no/such", b"").await.unwrap_err();
    assert!(matches!(error, SshError::FarFile { .. }), "{error}");
}
