//! Words for a POSIX shell: the one place where anything is quoted.

use crate::SshError;

/// Linux takes no longer single argument, and the whole line is one (`sh -c LINE`).
const LINE_MAX: usize = 120_000;

/// Quotes one word so that a POSIX shell reads exactly these bytes.
///
/// # Errors
/// [`SshError::NulInWord`]: no program can be given that byte.
pub fn quote(word: impl AsRef<[u8]>) -> Result<Vec<u8>, SshError> {
    let word = word.as_ref();
    if word.contains(&0) {
        return Err(SshError::NulInWord);
    }
    let mut quoted = Vec::with_capacity(word.len() + 2);
    quoted.push(b'\'');
    for &byte in word {
        if byte == b'\'' {
            quoted.extend_from_slice(br"'\''");
        } else {
            quoted.push(byte);
        }
    }
    quoted.push(b'\'');
    Ok(quoted)
}

/// Quotes words and joins them to a command line.
///
/// # Errors
/// [`SshError::NulInWord`], [`SshError::NoWords`], [`SshError::CommandTooLong`].
pub fn quote_line<W: AsRef<[u8]>>(words: &[W]) -> Result<Vec<u8>, SshError> {
    if words.is_empty() {
        return Err(SshError::NoWords);
    }
    let mut line = Vec::new();
    for word in words {
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend(quote(word)?);
    }
    if line.len() > LINE_MAX {
        return Err(SshError::CommandTooLong {
            length: line.len(),
            most: LINE_MAX,
        });
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_a_shell_would_read_otherwise() {
        let line = quote_line(&["echo", "", "it's $HOME", "-n"]).unwrap();
        assert_eq!(line, br"'echo' '' 'it'\''s $HOME' '-n'");
    }

    #[test]
    fn refuses_what_no_program_can_be_given() {
        assert!(matches!(quote("a\0b"), Err(SshError::NulInWord)));
        assert!(matches!(quote_line::<&str>(&[]), Err(SshError::NoWords)));
        assert!(matches!(
            quote_line(&["x".repeat(LINE_MAX)]),
            Err(SshError::CommandTooLong { .. })
        ));
    }
}
