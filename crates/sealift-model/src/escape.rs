//! Makes foreign text safe to print.
//!
//! Names and messages from a medium, an upstream or a host can hold terminal control sequences and direction marks;
//! everything that is shown passes through here.

use std::fmt::Write as _;

/// Returns `text` with control characters, direction marks and other invisible characters spelled as `\u{…}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns bytes of unknown encoding as printable text; invalid UTF-8 becomes U+FFFD.
pub fn printable_bytes(bytes: &[u8]) -> String {
    printable(&String::from_utf8_lossy(bytes))
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_and_direction_tricks_become_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
        assert_eq!(printable("Grüße, 世界"), "Grüße, 世界");
    }
}
