//! Random credentials in the right shapes: nobody's.

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits, each kind at least once, so that no secret looks like a word or a number by chance.
pub(crate) fn letters(count: usize) -> String {
    loop {
        let text = from(LETTERS, count);
        let has = |kind: fn(&char) -> bool| text.chars().any(|letter| kind(&letter));
        if has(char::is_ascii_digit)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
        {
            return text;
        }
    }
}

/// The id of an AWS access key: `AKIA` for a user's, `ASIA` for a session's.
pub(crate) fn aws_key_id(prefix: &str) -> String {
    format!("{prefix}{}", from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(count: usize) -> String {
    from(b"0123456789abcdef", count)
}

fn from(alphabet: &[u8], count: usize) -> String {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
