//! This program on a far machine: it makes loads there, and is the reference engine.

use domain::size::bytes_in_words;
use ssh::{Session, digest_of_file};

use super::Run;
use super::transfer::teller;
use crate::node::{ANSWER_BYTES_MAX, ASK_WITHIN};

/// Brings this program to the machine, under its digest, and sees that it runs there.
pub(super) async fn bring_program(run: &Run, session: &Session) -> Result<String, String> {
    let place = session.place();
    let ask = async |words: &[&str]| {
        let output = session.run(words, &[], ASK_WITHIN, ANSWER_BYTES_MAX).await;
        output.map_err(|error| error.to_string())
    };
    let system = ask(&["uname", "-s", "-m"]).await?.text();
    let ours = format!("Linux {}", std::env::consts::ARCH);
    if system.trim() != ours {
        return Err(format!(
            "this program does not run on {place}, which is {}: it is for {ours}",
            system.trim()
        ));
    }
    let near = &run.shared.config.assay_binary;
    let digest = digest_of_file(near)
        .await
        .map_err(|error| error.to_string())?;
    let home = session.home().await.map_err(|error| error.to_string())?;
    let far = format!("{home}/.assay/bin/{}/assay", digest.as_str());
    let sent = session
        .send_file(near, &far, Some(digest), &mut teller(run))
        .await
        .map_err(|error| error.to_string())?;
    if sent.sent > 0 {
        run.log(format!(
            "{} of this program were sent to {place}.",
            bytes_in_words(sent.sent)
        ))
        .await;
    }
    let version = ask(&[&far, "--version"]).await?;
    if !version.exit.is_success() {
        return Err(format!(
            "this program does not run on {place} ({}): {}",
            version.exit,
            version.error_text()
        ));
    }
    Ok(far)
}
