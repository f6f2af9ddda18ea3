//! The module's name is in that of each test, by which they are left out where there is no server.

mod connect;
mod files;
mod forward;
mod link;
mod run;
mod supervise;
mod support;
