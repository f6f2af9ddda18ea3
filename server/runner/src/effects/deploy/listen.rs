//! Which address of a far machine an engine listens on.

use std::net::{IpAddr, Ipv4Addr};

use domain::engine::is_private;
use ssh::Session;

use crate::effects::Run;
use crate::node::{ANSWER_BYTES_MAX, ASK_WITHIN};

/// The machine's loopback address, which this server reaches through the link; and where another machine makes the
/// load, the address under which the machine itself was reached, if that is private.
///
/// # Errors
///
/// In words.
pub(super) async fn address(run: &Run, session: &Session) -> Result<IpAddr, String> {
    if !run.plan.is_loaded_from_elsewhere() {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let asked = ["printenv", "SSH_CONNECTION"];
    let answer = session.run(&asked, &[], ASK_WITHIN, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| error.to_string())?.text();
    let place = session.place();
    // The addresses and ports of both ends: the other's, then its own.
    let own = answer.split_whitespace().nth(2);
    let address: IpAddr = own.and_then(|own| own.parse().ok()).ok_or_else(|| {
        format!(
            "{place} does not tell its own address, which the machine that makes the load needs: let the engine’s node make it, or the server"
        )
    })?;
    if !is_private(address) {
        return Err(format!(
            "the machine that makes the load would reach the engine at {address} only, where anybody could use it: let the engine’s node make the load, or the server"
        ));
    }
    Ok(address)
}
