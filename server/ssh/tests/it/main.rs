//! Everything against a real OpenSSH server, a real agent and real shells.

mod sshd;
