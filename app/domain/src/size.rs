//! Sizes in words.

/// `3.30 MiB`: in binary units, as pages show sizes.
pub fn bytes_in_words(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1_023.5 {
            let decimals = match value {
                _ if unit == "bytes" => 0,
                ..9.995 => 2,
                ..99.95 => 1,
                _ => 0,
            };
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1_024.0;
    }
    format!("{value:.2} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        assert_eq!(bytes_in_words(7), "7 bytes");
        assert_eq!(bytes_in_words(3_460_301), "3.30 MiB");
        assert_eq!(bytes_in_words(85_899_345_920), "80.0 GiB");
    }
}
