//! Confines itself, tries everything it must not be able to do, and says what it could.
//!
//! `sealift-confine-probe OUTSIDE [INSIDE]`: OUTSIDE is a directory with a file `kept` that must stay as it is, INSIDE one
//! that stays writable. Prints a line `<attempt> <ok or the error number>` each.
#![allow(clippy::print_stdout, reason = "what it could is what it is run for")]

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use sealift_confine::{Allowance, confine};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outside = Path::new(&arguments[0]);
    let inside = arguments.get(1).map(Path::new);
    let allowance = inside.map_or_else(Allowance::nothing, |dir| Allowance::nothing().writing_below(dir));
    match confine(&allowance) {
        Ok(confined) => {
            println!("writes {:?}\nprograms {:?}\nsockets {:?}", confined.writes, confined.programs, confined.sockets);
        }
        Err(error) => return println!("confine {error}"),
    }
    // A thread started afterwards is held to the same.
    std::thread::scope(|scope| {
        scope.spawn(|| attempts("outside", outside));
    });
    if let Some(inside) = inside {
        attempts("inside", inside);
        say("inside/to-outside", fs::rename(inside.join("made"), outside.join("moved")));
    }
    say("again", confine(&Allowance::nothing().writing_below(outside)).map(drop).map_err(io::Error::other));
    say("outside/after-again", fs::write(outside.join("again"), "x"));
}

fn attempts(name: &str, dir: &Path) {
    let at = |what: &str, result: io::Result<()>| say(&format!("{name}/{what}"), result);
    at("read", fs::read(dir.join("kept")).map(drop));
    at("make", fs::write(dir.join("made"), "x"));
    at("append", fs::OpenOptions::new().append(true).open(dir.join("kept")).map(drop));
    at("truncate", fs::OpenOptions::new().write(true).truncate(true).open(dir.join("kept")).map(drop));
    at("mkdir", fs::create_dir(dir.join("d")));
    at("rmdir", fs::remove_dir(dir.join("empty")));
    at("link", fs::hard_link(dir.join("kept"), dir.join("second")));
    at("symlink", symlink("kept", dir.join("link")));
    at("rename", fs::rename(dir.join("spare"), dir.join("renamed")));
    at("remove", fs::remove_file(dir.join("third")));
    at("chmod", fs::set_permissions(dir.join("kept"), fs::Permissions::from_mode(0o777)));
    at("unix-listen", UnixListener::bind(dir.join("socket")).map(drop));
    at("unix-connect", UnixStream::connect(dir.join("socket")).map(drop));
    at("tcp-listen", TcpListener::bind("127.0.0.1:0").map(drop));
    at("tcp-connect", TcpStream::connect("127.0.0.1:9").map(drop));
    at("pair", UnixStream::pair().map(drop));
    at("run", Command::new("/bin/true").status().map(drop));
    at("run-script", Command::new(dir.join("script")).status().map(drop));
}

fn say(name: &str, result: io::Result<()>) {
    match result {
        Ok(()) => println!("{name} ok"),
        Err(error) => println!("{name} {}", error.raw_os_error().unwrap_or(0)),
    }
}
