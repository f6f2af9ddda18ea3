//! The scripts that run on the machine, and how values get into them.

use std::time::Duration;

use crate::exec::Output;
use crate::quote::quote;
use crate::{Session, SshError};

const COMMON: &str = include_str!("scripts/common.sh");

/// A script with values set before it.
pub(crate) struct Script {
    text: Vec<u8>,
    purpose: &'static str,
}

impl Script {
    /// `purpose` completes "… on HOST failed".
    pub(crate) fn new(purpose: &'static str) -> Self {
        Self {
            text: Vec::new(),
            purpose,
        }
    }

    /// Sets a variable of the script.
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, SshError> {
        self.line(&[name.as_bytes(), b"=", &quote(value)?]);
        Ok(self)
    }

    /// Adds a line as it is.
    pub(crate) fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.text.extend_from_slice(part);
        }
        self.text.push(b'\n');
    }

    /// Runs it with `body` after what all scripts share, and returns its lines.
    pub(crate) async fn run(
        self,
        session: &Session,
        body: &str,
        within: Duration,
    ) -> Result<Vec<String>, SshError> {
        let mut text = COMMON.as_bytes().to_vec();
        text.extend_from_slice(&self.text);
        text.extend_from_slice(body.as_bytes());
        let output = session.run_script(&text, within).await?;
        if !output.exit.is_success() {
            return Err(self.failed(session, &output));
        }
        Ok(output.text().lines().map(str::to_owned).collect())
    }

    fn failed(&self, session: &Session, output: &Output) -> SshError {
        let said = output.error_text();
        SshError::Failed {
            host: session.place().to_owned(),
            what: self.purpose.to_owned(),
            reason: if said.is_empty() {
                output.exit.to_string()
            } else {
                said
            },
        }
    }
}

impl Session {
    /// The account's home folder.
    ///
    /// # Errors
    /// Those of [`Session::run`].
    pub async fn home(&self) -> Result<String, SshError> {
        /// For anything that is done in a moment.
        const WITHIN: Duration = Duration::from_secs(30);
        let lines = Script::new("finding the home folder")
            .run(self, "printf '%s\\n' \"$HOME\"", WITHIN)
            .await?;
        Ok(lines.join("\n"))
    }
}
