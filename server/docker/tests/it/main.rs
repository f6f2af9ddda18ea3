//! Against a real Docker Engine. Modules that need one carry the word in their name, so that they can be left out.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod docker_connection;
mod docker_end;
mod docker_images;
mod docker_lifecycle;
mod docker_llama;
mod docker_marks;
mod docker_tls;
mod log_watch;
mod support;
