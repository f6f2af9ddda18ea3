//! An engine that is brought to a far machine in an archive, and unpacked there.

use std::path::Path;
use std::time::Duration;

use domain::engine::{ENGINE_BLANK, EngineCommand};
use domain::size::bytes_in_words;
use ssh::{Session, digest_of_file};

use super::Run;
use super::transfer::teller;
use crate::node::{ANSWER_BYTES_MAX, ASK_WITHIN, Node};

/// How long unpacking may take: an engine with its libraries has gigabytes.
const UNPACK_WITHIN: Duration = Duration::from_mins(30);
/// Unpacks what was sent to the folder `$1` into the folder `$2`, which is there whole or not at all, and removes
/// what was sent. Owners of the archive mean nothing there.
const UNPACK: &str = r#"rm -rf -- "$2.part" && mkdir -p -- "$2.part" || exit
if tar -x -o -f "$1/archive" -C "$2.part"; then mv -- "$2.part" "$2" && rm -rf -- "$1"
else rm -rf -- "$2.part" "$1"; rmdir -- "${2%/*}" 2>/dev/null; exit 1; fi"#;

/// Brings the archive to the run's node and unpacks it, unless that was done for an earlier run. A note for people.
pub(super) async fn bring_archive(run: &Run, path: &Path) -> Result<String, String> {
    let Node::Far(session) = run.node().await? else {
        return Err("the node is this machine: it has the engine already".to_owned());
    };
    let place = session.place();
    // Opening a pipe or a device would wait for whoever is at its other end.
    if !tokio::fs::metadata(path)
        .await
        .is_ok_and(|data| data.is_file())
    {
        return Err(format!(
            "the engine’s archive {} is no file of this server: correct its path",
            path.display()
        ));
    }
    let digest = digest_of_file(path).await.map_err(in_words)?;
    let digest = digest.as_str().to_owned();
    let home = session.home().await.map_err(in_words)?;
    let folder = format!("{home}/.assay/engines/{digest}/unpacked");
    let what = format!("{} (SHA-256 {digest})", path.display());
    let note = if is_folder(&session, &folder).await? {
        format!("{place} has unpacked {what} already.")
    } else {
        let far = format!("{home}/.assay/engines/{digest}/sent");
        let mut tell = teller(run);
        let sent = session
            .send_file(path, &format!("{far}/archive"), None, &mut tell)
            .await
            .map_err(in_words)?;
        unpack(&session, path, &far, &folder).await?;
        format!(
            "{what} was brought to {place}, {}, and unpacked.",
            bytes_in_words(sent.total)
        )
    };
    run.found.lock().await.engine_folder = Some(folder);
    Ok(note)
}

fn in_words(error: ssh::SshError) -> String {
    error.to_string()
}

async fn is_folder(session: &Session, folder: &str) -> Result<bool, String> {
    let words = ["test", "-d", folder];
    let output = session.run(&words, &[], ASK_WITHIN, ANSWER_BYTES_MAX);
    Ok(output.await.map_err(in_words)?.exit.is_success())
}

async fn unpack(session: &Session, path: &Path, far: &str, folder: &str) -> Result<(), String> {
    let words = ["sh", "-c", UNPACK, "sh", far, folder];
    let output = session.run(&words, &[], UNPACK_WITHIN, ANSWER_BYTES_MAX);
    let output = output.await.map_err(in_words)?;
    if output.exit.is_success() {
        return Ok(());
    }
    Err(format!(
        "{} cannot be unpacked on {} ({}): {}",
        path.display(),
        session.place(),
        output.exit,
        output.error_text()
    ))
}

/// The command with its program and the blank for the folder looked up in what was unpacked.
pub(super) async fn in_archive(
    session: &Session,
    folder: &str,
    command: EngineCommand,
) -> Result<EngineCommand, String> {
    let filled = |text: &String| text.replace(ENGINE_BLANK, folder);
    let mut words: Vec<String> = command.words.iter().map(filled).collect();
    if let Some(program) = words.first_mut().filter(|program| !program.contains('/')) {
        *program = find_program(session, folder, program).await?;
    }
    let environment = command.environment.iter();
    Ok(EngineCommand {
        words,
        environment: environment
            .map(|(name, value)| (name.clone(), filled(value)))
            .collect(),
    })
}

/// The program of that name which lies highest in the folder.
async fn find_program(session: &Session, folder: &str, name: &str) -> Result<String, String> {
    let literally = literal(name);
    let words = [
        "find", folder, "(", "-type", "f", "-o", "-type", "l", ")", "-perm", "-u+x", "-name",
        &literally,
    ];
    let output = session.run(&words, &[], ASK_WITHIN, ANSWER_BYTES_MAX);
    let found = output.await.map_err(in_words)?.text();
    let paths = found.lines().filter(|line| !line.is_empty());
    let highest = paths.min_by_key(|path| (path.matches('/').count(), path.len(), *path));
    highest.map(str::to_owned).ok_or_else(|| {
        format!(
            "the engine’s archive has no program {name}: name the program as it is called in the archive, or give its path with {ENGINE_BLANK} for the archive’s folder"
        )
    })
}

/// A pattern of `find` that means these characters.
fn literal(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(literal("llama-server"), "llama-server");
        assert_eq!(literal("a*[b]?\\"), r"a\*\[b\]\?\\");
    }
}
