//! The runner with real parts: a database, processes, llama.cpp's server, the load process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod arguments;
mod cancel;
mod credential_test;
mod datasets;
mod docker_logins;
mod docker_runs;
mod docker_silent;
mod docker_tls;
mod failures;
mod house;
mod kills;
mod litellm;
mod plans;
mod probe;
mod ready;
mod recovery;
mod side_by_side;
mod sshd_archives;
mod sshd_docker;
mod sshd_llama_runs;
mod sshd_loads;
mod sshd_machines;
mod warm_kills;
mod warm_runs;
mod whole_run;
