//! The only door from an argument list into shell text.

/// Returns the arguments as one line that a POSIX shell splits back into exactly them.
pub fn quote<S: AsRef<str>>(argv: &[S]) -> String {
    argv.iter().map(|arg| quote_one(arg.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quote_one(arg: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b'+' | b',');
    if !arg.is_empty() && arg.bytes().all(plain) {
        return arg.to_owned();
    }
    // Inside single quotes a shell reads everything but the single quote itself as it is.
    format!("'{}'", arg.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_back_the_same_arguments() {
        let args =
            ["a b", "", "it's", "$(id)", "`id`", "a\nb", "*", "~root", "-x", "\\", "\"", "ä;|&<>", "#c", "!x", "a=b"];
        let script = format!("printf '%s\\0' {}", quote(&args));
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.split_terminator('\0').collect::<Vec<_>>(), args);
    }
}
