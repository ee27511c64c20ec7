//! The same from outside: the kernel's answers are changed by strace(1), also for what SQLite does by itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cases::{Case, find};
use crate::invariants::broken;
use crate::sweep::finish;
use crate::world::{Line, Said, clock, run, scratch};

/// Calls that change the disk.
const CALLS: &str =
    "write,pwrite64,fsync,fdatasync,syncfs,rename,renameat2,link,linkat,unlink,unlinkat,mkdir,ftruncate,symlink";
const FAULTS: [&str; 5] = ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EINTR", "error=EROFS"];
/// Moments of each call that are tried.
const MOMENTS: usize = 3;

fn strace(dir: &Path, line: &Line, options: &[&str]) -> Said {
    let mut command = Command::new("strace");
    command.env_clear().env("SEALIFT_FAULTY", format!("tool={} clock={}", line.tool, clock()));
    command.args(["-f", "-qq"]).args(options).arg(env!("CARGO_BIN_EXE_faulty")).args(&line.arguments);
    crate::world::finish(dir, command)
}

/// Returns how often a fault-free run makes each call.
fn count(case: &Case, dir: &Path, beside: &Path, calls: &str) -> BTreeMap<String, usize> {
    let file = beside.join("calls");
    case.prepare(dir);
    let said = strace(dir, &case.line, &["-o", file.to_str().unwrap(), "-e", &format!("trace={calls}")]);
    assert!(said.done(), "{}: {}", case.name, said.text);
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        let call = line.split_whitespace().nth(1).and_then(|word| word.split('(').next());
        if let Some(call) = call.filter(|call| calls.split(',').any(|known| known == *call)) {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
    }
    counts
}

fn moments(count: usize, limit: usize) -> impl Iterator<Item = usize> {
    (1..=count).step_by(count.div_ceil(limit).max(1))
}

#[test]
fn processes_killed_and_failed_from_outside_recover() {
    let scratch = scratch();
    let dir = scratch.path().join("w");
    let (mut runs, mut harmed, mut troubles) = (0, 0, Vec::new());
    for name in ["build", "import-init", "receive-again", "promote", "publish-again"] {
        let case = find(name);
        for (call, times) in count(case, &dir, scratch.path(), CALLS) {
            for (at, fault) in moments(times, MOMENTS).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
                case.prepare(&dir);
                let inject = format!("inject={call}:{fault}:when={at}");
                let said =
                    strace(&dir, &case.line, &["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
                runs += 1;
                harmed += usize::from(!said.done());
                let broken = broken(case, case.reference(), &dir).or_else(|| finish(case, &dir).err());
                troubles.extend(broken.map(|trouble| format!("{name}, {inject}: {trouble}\nafter {}", said.text)));
            }
        }
    }
    println!(
        "figure: outside: {runs} faults at system calls of 5 commands, {harmed} stopped them, {} not recovered",
        troubles.len()
    );
    assert!(
        troubles.is_empty(),
        "{} troubles, the first:\n{}",
        troubles.len(),
        troubles[..troubles.len().min(6)].join("\n\n")
    );
}

/// A medium that fails at the k-th read: a clean stop that says so, and the same command goes on (test 90).
#[test]
fn a_medium_that_fails_while_it_is_read_is_gone_on_with_by_the_same_command() {
    let case = find("receive");
    let scratch = scratch();
    let dir = scratch.path().join("w");
    let (mut runs, mut stopped) = (0, 0);
    for (call, times) in count(case, &dir, scratch.path(), "read,pread64") {
        for (at, fault) in moments(times, 14).flat_map(|at| ["error=EIO", "error=EINTR"].map(|fault| (at, fault))) {
            case.prepare(&dir);
            let inject = format!("inject={call}:{fault}:when={at}");
            let said = strace(&dir, &case.line, &["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
            runs += 1;
            stopped += usize::from(!said.done());
            assert!(!said.text.contains("panicked"), "{inject}: {}", said.text);
            assert_eq!(broken(case, case.reference(), &dir), None, "{inject}: {}", said.text);
            finish(case, &dir).unwrap();
        }
    }
    println!("figure: outside: {runs} reads failed while a medium was received, {stopped} stopped it, all recovered");
}

/// Whoever reads what a command says may go away: the work is done, or not, but never half (P22).
#[test]
fn a_reader_that_closes_its_end_of_the_pipe_leaves_nothing_half_done() {
    let scratch = scratch();
    let dir = scratch.path().join("w");
    for name in ["build", "receive", "publish", "import-init"] {
        let case = find(name);
        case.prepare(&dir);
        let shell = format!("{} {} 2>&1 | true", env!("CARGO_BIN_EXE_faulty"), case.line.arguments.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &shell]).env_clear();
        command.env("SEALIFT_FAULTY", format!("tool={} clock={}", case.line.tool, clock()));
        crate::world::finish(&dir, command);
        assert_eq!(broken(case, case.reference(), &dir), None, "{name}");
        finish(case, &dir).unwrap();
    }
    let said = run(&dir, &Line::new("import", "status --dir isolated"), "");
    assert!(said.done(), "{}", said.text);
}
