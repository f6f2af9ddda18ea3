//! What goes wrong on purpose.

use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A fault of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Chunks that come before it; half of the answer's when not given.
    pub(crate) after_chunks: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Refused with this status, 400 to 599.
    Status(u16),
    /// The connection closes without an answer.
    Close,
    /// The connection is reset in the middle of the answer.
    Reset,
    /// The connection closes in the middle of the answer.
    Cut,
    /// The body ends properly in the middle of the answer.
    Truncate,
    /// Nothing more comes.
    Stall,
    /// An error object inside the stream.
    Error,
    /// An event that is no JSON.
    Malformed,
    /// The head comes in small pieces.
    SlowHeaders,
    /// Everything but `[DONE]`.
    NoDone,
    /// Finish without text.
    Empty,
}

/// A fault and the share of requests that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FaultShare {
    pub(crate) fault: Fault,
    /// 0 to 1.
    pub(crate) share: f64,
}

const NAMED: [(&str, FaultKind); 10] = [
    ("close", FaultKind::Close),
    ("reset", FaultKind::Reset),
    ("cut", FaultKind::Cut),
    ("truncate", FaultKind::Truncate),
    ("stall", FaultKind::Stall),
    ("error", FaultKind::Error),
    ("malformed", FaultKind::Malformed),
    ("slow-headers", FaultKind::SlowHeaders),
    ("no-done", FaultKind::NoDone),
    ("empty", FaultKind::Empty),
];

impl FaultKind {
    fn parse(text: &str) -> Option<Self> {
        if let Some((_, kind)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(*kind);
        }
        let status: u16 = text.parse().ok()?;
        (400..600).contains(&status).then_some(Self::Status(status))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Status(status) = self {
            return write!(f, "{status}");
        }
        let name = NAMED.iter().find(|(_, kind)| kind == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl Fault {
    /// Reads `KIND` or `KIND@CHUNKS`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, after) = match text.split_once('@') {
            Some((kind, after)) => (kind, Some(after)),
            None => (text, None),
        };
        let kind = FaultKind::parse(kind.trim())
            .ok_or_else(|| format!("{text:?} is no fault; see --help"))?;
        let after_chunks = match after.map(|after| after.trim().parse()) {
            None => None,
            Some(Ok(chunks)) => Some(chunks),
            Some(Err(_)) => return Err(format!("{text:?}: give a number of chunks after @")),
        };
        Ok(Self { kind, after_chunks })
    }
}

/// Reads `KIND[@CHUNKS]:SHARE`; without a share all requests have it.
pub(crate) fn parse_fault_share(text: &str) -> Result<FaultShare, String> {
    let (fault, share) = text.split_once(':').unwrap_or((text, "1"));
    match share.trim().parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(FaultShare {
            fault: Fault::parse(fault)?,
            share,
        }),
        _ => Err("give a share from 0 to 1".to_owned()),
    }
}

/// The fault of the request of that number, if it has one: shares stack, so that `429:0.1` and
/// `reset:0.1` hit a fifth of all requests. The same seed gives the same faults.
pub(crate) fn draw_fault(shares: &[FaultShare], seed: u64, number: u64) -> Option<Fault> {
    if shares.is_empty() {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ FAULT_SEED);
    rng.set_stream(number);
    let mut point: f64 = rng.random();
    for share in shares {
        if point < share.share {
            return Some(share.fault);
        }
        point -= share.share;
    }
    None
}

/// Keeps faults apart from the jitter of the same seed.
const FAULT_SEED: u64 = 0x6661_756c_7473;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_as_they_are_written() {
        for (name, kind) in NAMED {
            assert_eq!(Fault::parse(name).unwrap().kind, kind);
            assert_eq!(kind.to_string(), name);
        }
        let reset = parse_fault_share("reset@3:0.25").unwrap();
        assert_eq!(reset.fault.after_chunks, Some(3));
        assert_eq!(reset.share, 0.25);
        assert_eq!(
            parse_fault_share("503").unwrap(),
            FaultShare {
                fault: Fault {
                    kind: FaultKind::Status(503),
                    after_chunks: None
                },
                share: 1.0
            }
        );
        for text in [
            "",
            "200",
            "nothing",
            "reset@x",
            "reset:2",
            "reset:-0.1",
            "reset:",
        ] {
            assert!(parse_fault_share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_kept_and_repeat_with_the_seed() {
        let shares = [
            parse_fault_share("429:0.2").unwrap(),
            parse_fault_share("reset:0.1").unwrap(),
        ];
        let draw = |seed| (0..5_000).map(move |number| draw_fault(&shares, seed, number));
        let count = |kind| {
            draw(1)
                .filter(|fault| fault.is_some_and(|fault| fault.kind == kind))
                .count()
        };
        assert!((900..1_100).contains(&count(FaultKind::Status(429))));
        assert!((400..600).contains(&count(FaultKind::Reset)));
        assert!(draw(1).eq(draw(1)) && !draw(1).eq(draw(2)));
    }
}
