use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

/// A clamd that answers each stream with the next text; `None` is silence, and then it hangs up.
fn clamd(answers: Vec<Option<&'static str>>) -> (tempfile::TempDir, Clamd) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("clamd.ctl");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        let mut answers = answers.into_iter();
        'session: for session in listener.incoming() {
            let mut session = session.unwrap();
            let mut number = 0;
            while let Some(command) = command(&mut session) {
                number += 1;
                match command.as_str() {
                    "zIDSESSION" => number = 0,
                    "zVERSION" => write!(session, "{number}: ClamAV 1.0.7/27123/Fri Nov 20 08:00:00 2026\0").unwrap(),
                    _ => {
                        let received = stream(&mut session);
                        match answers.next() {
                            Some(Some("echo")) => write!(session, "{number}: stream: {received}.Name FOUND\0").unwrap(),
                            Some(Some(answer)) => write!(session, "{number}: {answer}\0").unwrap(),
                            Some(None) => thread::sleep(Duration::from_secs(3)),
                            None => continue 'session,
                        }
                    }
                }
            }
        }
    });
    let clamd = Clamd::new(&socket, Duration::from_secs(1));
    (dir, clamd)
}

fn command(session: &mut UnixStream) -> Option<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    loop {
        session.read_exact(&mut byte).ok()?;
        match byte {
            [0] => return String::from_utf8(text).ok(),
            [byte] => text.push(byte),
        }
    }
}

fn stream(session: &mut UnixStream) -> usize {
    let mut total = 0;
    loop {
        let mut length = [0; 4];
        session.read_exact(&mut length).unwrap();
        match u32::from_be_bytes(length) as usize {
            0 => return total,
            length => {
                session.read_exact(&mut vec![0; length]).unwrap();
                total += length;
            }
        }
    }
}

fn ask(clamd: &mut Clamd) -> Answer {
    clamd.stream(&mut &b"content"[..]).unwrap()
}

#[test]
fn one_session_carries_many_streams_whole() {
    let (_dir, mut clamd) = clamd(vec![Some("stream: OK"), Some("echo"), Some("stream: OK")]);
    assert_eq!(clamd.version().unwrap(), "ClamAV 1.0.7/27123/Fri Nov 20 08:00:00 2026");
    assert_eq!(ask(&mut clamd), Answer::Clean);
    let large = vec![1; 200_000];
    assert_eq!(clamd.stream(&mut large.as_slice()).unwrap(), Answer::Found("200000.Name".into()));
    assert_eq!(ask(&mut clamd), Answer::Clean);
}

#[test]
fn whatever_is_neither_ok_nor_a_finding_is_no_verdict() {
    for said in [
        "INSTREAM size limit exceeded. ERROR",
        "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND",
        "stream: not OK",
        "stream: OKAY",
        "",
        "UNKNOWN COMMAND",
        "1: stream: OK",
        "stream: OK\0two: stream: OK",
    ] {
        let (_dir, mut clamd) = clamd(vec![Some(said), Some("stream: OK")]);
        assert!(matches!(ask(&mut clamd), Answer::Silent(_)), "{said}");
        assert_eq!(ask(&mut clamd), Answer::Clean, "the next content has a session of its own");
    }
}

#[test]
fn a_daemon_that_hangs_hangs_up_or_is_gone_is_no_verdict() {
    let (_dir, mut clamd) = self::clamd(vec![None]);
    assert_eq!(ask(&mut clamd), Answer::Silent("clamd gave no answer within 1 seconds".into()));
    let (_dir, mut hangs_up) = self::clamd(vec![]);
    assert!(matches!(ask(&mut hangs_up), Answer::Silent(_)));
    let mut gone = Clamd::new(Path::new("/nonexistent/clamd.ctl"), Duration::from_secs(1));
    let Answer::Silent(reason) = ask(&mut gone) else { panic!("a clean verdict by nobody") };
    assert!(reason.starts_with("clamd is not running"), "{reason}");
    assert!(gone.version().unwrap_err().contains("nobody listens"));
}

#[test]
fn a_fault_of_the_content_is_no_word_of_the_scanner() {
    struct Bad;
    impl Read for Bad {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("bad sector"))
        }
    }
    let (_dir, mut clamd) = clamd(vec![Some("stream: OK")]);
    assert_eq!(clamd.stream(&mut Bad).unwrap_err().to_string(), "bad sector");
}
