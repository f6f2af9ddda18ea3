//! Small matters of wording that several pages share.

use ui::format;

/// The text with its first letter as a capital: a fragment becomes a sentence. An address or a name
/// of a program at the start stays as it is written.
pub fn capitalised(text: &str) -> String {
    let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || c == ',');
    if !text.split(' ').next().is_some_and(is_word) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A whole number of seconds as a person would say it: `25 s`, `5 m`, `1 h 3 m`.
pub fn whole_seconds(seconds: u64) -> String {
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format::duration_s(seconds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_have_no_decimals() {
        assert_eq!(whole_seconds(25), "25 s");
        assert_eq!(whole_seconds(300), "5 m");
        assert_eq!(capitalised("the engine"), "The engine");
        assert_eq!(
            capitalised("http://host cannot be used"),
            "http://host cannot be used"
        );
        assert_eq!(capitalised(""), "");
    }
}
