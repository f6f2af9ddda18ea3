//! Values of options, as they are typed.

use domain::finite::Finite;
use domain::secret::Secret;
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{AnswerLengths, Api, LengthSpec};

use super::Warmup;

/// Read later: what is wrong with it is told without its value then.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap wants")]
pub(super) fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// An option that was given as an empty text is a mistake, such as a variable that was not set.
pub(super) fn not_empty(text: Option<&str>, option: &str) -> Result<String, String> {
    match text {
        Some(text) if text.trim_matches([' ', ',', '\n', '\t']).is_empty() => Err(format!(
            "{option} is empty. Give it a value, or leave it out."
        )),
        text => Ok(text.unwrap_or_default().to_owned()),
    }
}

pub(super) fn parse_api(text: &str) -> Result<Api, String> {
    Api::parse(text).ok_or_else(|| "give chat or completions".to_owned())
}

pub(super) fn parse_arrival(text: &str) -> Result<ArrivalProcess, String> {
    ArrivalProcess::parse(text).ok_or_else(|| "give constant, poisson or gamma".to_owned())
}

/// `90`, `90s`, `10m` or `1h`, in seconds.
pub(super) fn parse_seconds(text: &str) -> Result<u32, String> {
    let help = || "give a time such as 90, 90s, 10m or 1h".to_owned();
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h']) {
        None => (text, 1),
        Some(number) if text.ends_with('s') => (number, 1),
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) => (number, 3_600),
    };
    let number: u32 = number.parse().map_err(|_| help())?;
    number.checked_mul(factor).ok_or_else(help)
}

/// A number of requests, or a time with its unit.
pub(super) fn parse_warmup(text: &str) -> Result<Warmup, String> {
    match text.parse() {
        Ok(count) => Ok(Warmup::Requests(count)),
        Err(_) => parse_seconds(text)
            .map(Warmup::Seconds)
            .map_err(|_| "give a number of requests such as 10, or a time such as 30s".to_owned()),
    }
}

pub(super) fn finite(value: f64, what: &str) -> Result<Finite, String> {
    Finite::new(value).ok_or_else(|| format!("The {what} is not a number."))
}

pub(super) fn parse_answer_lengths(text: &str) -> Result<AnswerLengths, String> {
    AnswerLengths::parse(text).ok_or_else(|| "give rows, capped or planned".to_owned())
}

pub(super) fn parse_length(text: &str) -> Result<LengthSpec, String> {
    text.parse()
}
