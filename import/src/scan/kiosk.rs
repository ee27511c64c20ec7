//! Results of a scanning station apart, as a file of comma-separated values (format/scan §5).
//!
//! Columns are found by their names in the first line. A result says what the station was and what it knew; whatever is
//! missing or malformed stops the whole file, so that a line is never skipped that says infected.

use sealift_model::{Digest, Timestamp};

use super::shown;
use super::verdicts::{Engine, Finding, Verdict};

/// Largest file that is read.
pub const LIMIT: u64 = 64 << 20;
const COLUMNS: [&str; 6] = ["sha256", "verdict", "engine", "engine_version", "signatures", "time"];

/// Why results cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// Not text.
    #[error("the file is not UTF-8")]
    Text,
    /// A column is missing.
    #[error("the first line names no column `{0}`")]
    Column(&'static str),
    /// A line.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the results of the station `scanner`. Nothing from after `now` is taken.
///
/// # Errors
/// The first line that cannot be understood.
pub fn read(bytes: &[u8], scanner: &str, now: Timestamp) -> Result<Vec<Verdict>, CsvError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CsvError::Text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let wrong = |line: usize, reason: &str| CsvError::Line { line: line + 1, reason: reason.to_owned() };
    let (_, header) = lines.next().ok_or(CsvError::Column(COLUMNS[0]))?;
    let header = cells(header).ok_or_else(|| wrong(0, "its quotation marks do not match"))?;
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|cell| cell.trim() == name).ok_or(CsvError::Column(name))?;
    }
    lines
        .map(|(at, line)| {
            let row = cells(line).ok_or_else(|| wrong(at, "its quotation marks do not match"))?;
            let cell = |place: usize| row.get(place).map_or("", |cell| cell.trim());
            verdict(places.map(cell), scanner, now).map_err(|reason| wrong(at, &reason))
        })
        .collect()
}

fn verdict(row: [&str; COLUMNS.len()], scanner: &str, now: Timestamp) -> Result<Verdict, String> {
    let [sha256, said, engine, version, signatures, time] = row;
    let digits = sha256.strip_prefix("sha256:").unwrap_or(sha256).to_ascii_lowercase();
    let sha256: Digest = digits.parse().map_err(|_| "`sha256` is not 64 hexadecimal digits".to_owned())?;
    let time: Timestamp = time.parse().map_err(|_| "`time` is not of the form 2026-11-22T16:00:00Z".to_owned())?;
    if time > now {
        return Err(format!("`time` is {time}, and now it is {now}"));
    }
    for (name, cell) in [("engine", engine), ("engine_version", version), ("signatures", signatures)] {
        if cell.is_empty() {
            return Err(format!("`{name}` is empty"));
        }
    }
    let found = said.strip_prefix("infected").map(|rest| rest.trim_start_matches([':', ' ']).trim());
    let findings = match (said, found) {
        ("clean", _) => Vec::new(),
        (_, Some(name)) => {
            let name = if name.is_empty() { "not named" } else { name };
            vec![Finding { inside: String::new(), name: shown(name) }]
        }
        _ => return Err("`verdict` is neither `clean` nor `infected: NAME`".into()),
    };
    let engine = Engine { name: shown(engine), version: shown(version), signatures: shown(signatures) };
    Ok(Verdict { scanner: scanner.to_owned(), engine, time, sha256, path: digits, files: 1, findings })
}

/// Splits a line; `None` if a quotation mark stands where none can.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line.trim_end_matches('\r');
    loop {
        let (cell, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_cell(quoted)?
        } else {
            let (cell, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (Some(cell.to_owned()).filter(|cell| !cell.contains('"'))?, after)
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(cells),
        }
    }
}

fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Some((cell, after)),
        }
    }
}

/// Writes verdicts as [`read`] takes them, with the scanner and the path besides.
pub fn table(verdicts: &[&Verdict]) -> String {
    let mut out = format!("{},scanner,path\n", COLUMNS.join(","));
    for verdict in verdicts {
        let found = verdict.findings.first().map_or("clean".to_owned(), |f| format!("infected: {}", f.name));
        let Engine { name, version, signatures } = &verdict.engine;
        let (digest, time) = (verdict.sha256.to_hex(), verdict.time.to_string());
        let cells = [&digest, &found, name, version, signatures, &time, &verdict.scanner, &verdict.path];
        out.push_str(&cells.map(|text| cell(text)).join(","));
        out.push('\n');
    }
    out
}

/// Returns a cell for a file that a spreadsheet may open: quoted, and never taken for a formula.
pub fn cell(text: &str) -> String {
    let text = sealift_model::escape::printable(text);
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "time,sha256,verdict,engine,engine_version,signatures,station\n";

    fn now() -> Timestamp {
        "2026-11-22T16:00:00Z".parse().unwrap()
    }

    fn row(sha256: &str, verdict: &str) -> String {
        format!("2026-11-22T15:00:00Z,{sha256},{verdict},Engine X,7.1,\"base 9, of today\",hall 2\r\n")
    }

    #[test]
    fn reads_results_by_the_names_of_their_columns() {
        let digest = Digest::of(b"a");
        let text = format!(
            "{HEADER}{}\n{}",
            row(&digest.to_hex(), "clean"),
            row(&digest.tagged(), "\"infected: \"\"Bad\"\"\"")
        );
        let verdicts = read(text.as_bytes(), "kiosk-2", now()).unwrap();
        assert_eq!(verdicts.len(), 2);
        assert_eq!((verdicts[0].sha256, verdicts[0].findings.len()), (digest, 0));
        assert_eq!(verdicts[0].engine.signatures, "base 9, of today");
        assert_eq!(verdicts[1].findings[0].name, "\"Bad\"");
    }

    #[test]
    fn one_bad_line_stops_the_whole_file() {
        let digest = Digest::of(b"a").to_hex();
        let good = row(&digest, "clean");
        for (bad, why) in [
            (row("abc", "clean"), "64 hexadecimal"),
            (row(&digest, "ok"), "neither"),
            (row(&digest, ""), "neither"),
            (row(&digest, "clean").replace("7.1", ""), "`engine_version` is empty"),
            (row(&digest, "clean").replace("2026-11-22T15", "2026-11-22T17"), "now it is"),
            (row(&digest, "\"clean"), "quotation"),
            ("x\n".to_owned(), "64 hexadecimal"),
        ] {
            let error = read(format!("{HEADER}{good}{bad}").as_bytes(), "k", now()).unwrap_err();
            assert!(matches!(&error, CsvError::Line { line: 3, reason } if reason.contains(why)), "{error}");
        }
        assert_eq!(read(b"sha256,verdict\n", "k", now()), Err(CsvError::Column("engine")));
        assert_eq!(read(b"", "k", now()), Err(CsvError::Column("sha256")));
        assert_eq!(read(b"\xff", "k", now()), Err(CsvError::Text));
    }

    #[test]
    fn cells_are_never_formulas_and_never_escape_to_a_terminal() {
        for (text, shown) in [
            ("=cmd()", "\"'=cmd()\""),
            ("+1", "\"'+1\""),
            ("@x", "\"'@x\""),
            ("-1", "\"'-1\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
        ] {
            assert_eq!(cell(text), shown);
        }
        assert!(!cell("\u{1b}[31mred").contains('\u{1b}'));
    }
}
