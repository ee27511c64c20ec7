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

/// Returns an error and what caused it in one line, printable: for ledgers and reports, which keep text.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    printable(&text)
}

/// Returns text of several lines as [`printable`] does, with its line breaks as they are: for what a tool prints as a whole.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Returns a JSON text that means the same and is safe to print: what [`printable`] spells out becomes `\uXXXX`.
///
/// Such characters stand in strings only; everything else JSON consists of is ASCII.
pub fn printable_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
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
        // Arabic letter mark, Mongolian vowel separator, fillers, annotation, tags.
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_and_direction_tricks_become_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
        assert_eq!(printable("Grüße, 世界"), "Grüße, 世界");
        assert_eq!(printable("\u{61c}\u{3164}\u{fffa}\u{e0041}"), "\\u{61c}\\u{3164}\\u{fffa}\\u{e0041}");
    }

    #[test]
    fn causes_follow_their_error_in_one_printable_line() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("reading a\u{1b}[2J")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Outer(std::io::Error::other("no such\nmedium"));
        assert_eq!(with_causes(&error), "reading a\\u{1b}[2J: no such\\u{a}medium");
    }

    #[test]
    fn lines_stay_lines_and_nothing_else_does() {
        assert_eq!(printable_lines("a\u{1b}[2J\nb\r\n"), "a\\u{1b}[2J\nb\\u{d}\n");
    }

    #[test]
    fn json_means_the_same_after_it_was_made_printable() {
        let value = serde_json::json!({"a\u{202e}": ["x\u{9b}2J", "\u{e0041}", "\u{7f}", "Grüße", "\n\u{1b}"]});
        let text = printable_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
