//! What a directory holds, in a form in which two runs can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};

/// Path → what is there.
pub type State = BTreeMap<String, String>;

/// What is not compared of a file that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every byte counts.
    Content,
    /// The file has to be there, with this mode; a key made anew differs.
    Presence,
    /// It is not looked at.
    Nothing,
}

/// Reads the state of `top` below `dir`.
pub fn read(dir: &Path, tops: &[&str], depth: &dyn Fn(&str) -> Depth) -> State {
    let mut state = State::new();
    for top in tops {
        let path = dir.join(top);
        if path.symlink_metadata().is_ok() {
            visit(&path, top, depth, &mut state);
        }
    }
    state
}

fn visit(path: &Path, name: &str, depth: &dyn Fn(&str) -> Depth, state: &mut State) {
    let how = depth(name);
    if how == Depth::Nothing {
        return;
    }
    let metadata = fs::symlink_metadata(path).unwrap();
    if metadata.is_symlink() {
        let target = fs::read_link(path).unwrap();
        state.insert(name.to_owned(), format!("→ {}", target.display()));
        return;
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_dir() {
        state.insert(name.to_owned(), format!("directory {mode:o}"));
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            visit(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), depth, state);
        }
        return;
    }
    let content = match how {
        Depth::Presence => String::new(),
        _ if name.ends_with(".sqlite") => database(path).unwrap_or_else(|error| error.to_string()),
        _ => String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned(),
    };
    state.insert(name.to_owned(), format!("{mode:o} {content}"));
}

/// Columns that depend on how many runs it took.
const RUNS: [&str; 3] = ["rows", "tree", "event"];
/// Tables that do.
const COUNTERS: [&str; 3] = ["sqlite_sequence", "ledger_head", "pending_events"];

/// Returns the rows of a database as text.
fn database(path: &Path) -> rusqlite::Result<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut tables = connection.prepare(names)?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut text = String::new();
    for table in tables.iter().filter(|table| !COUNTERS.contains(&table.as_str())) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let values = columns.iter().enumerate().filter(|(_, name)| !RUNS.contains(&name.as_str()));
            let mut shown = Vec::new();
            for (at, name) in values {
                shown.push(format!("{name}={}", value(row.get_ref(at)?)));
            }
            lines.push(format!("{table}: {}\n", shown.join(" ")));
        }
        lines.sort();
        text.extend(lines);
    }
    Ok(text)
}

fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Integer(number) => number.to_string(),
        other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
    }
}

/// Says how two states differ, briefly; `None` if they do not.
pub fn difference(expected: &State, found: &State) -> Option<String> {
    let mut lines = Vec::new();
    for (name, content) in expected {
        match found.get(name) {
            None => lines.push(format!("missing: {name}")),
            Some(other) if other != content => {
                lines.push(format!("changed: {name}\n  expected {}\n  found    {}", cut(content), cut(other)));
            }
            Some(_) => {}
        }
    }
    lines.extend(found.keys().filter(|name| !expected.contains_key(*name)).map(|name| format!("too much: {name}")));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn cut(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.chars().count() > 1200 { plain.chars().take(1200).chain("…".chars()).collect() } else { plain }
}
