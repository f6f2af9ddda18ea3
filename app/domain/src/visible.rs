//! Text from outside, made safe to print.

/// The text with every character that a terminal could act on, or that changes the direction of text,
/// written as its code: `\u{1b}`. Line feeds stay.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter != '\n' && is_hidden(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Controls, and the marks of the Unicode Bidirectional Algorithm (UAX #9).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_as_its_code() {
        assert_eq!(
            visible("a\u{1b}[31mred\u{7}\r\u{9b}2J\nü ✓"),
            "a\\u{1b}[31mred\\u{7}\\u{d}\\u{9b}2J\nü ✓"
        );
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
    }
}
