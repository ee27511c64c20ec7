use super::*;

/// Calls everything clean that it read to its end.
#[derive(Default)]
struct Recorder {
    seen: Vec<String>,
}

impl Hands for Recorder {
    fn engine(&mut self, scanner: usize) -> Result<String, String> {
        if scanner == 0 { Ok("ClamAV 1".into()) } else { Err("gone\nfound x".into()) }
    }

    fn stream(&mut self, scanner: usize, content: &mut dyn Read) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        if scanner == 0 {
            content.read_to_end(&mut bytes)?;
        }
        self.seen.push(String::from_utf8_lossy(&bytes).into_owned());
        Ok(Answer::Clean)
    }

    fn look(&mut self, _: usize, dir: &Path) -> Answer {
        self.seen.push(dir.display().to_string());
        Answer::Found("Bad.Thing\nclean".into())
    }
}

fn served(input: &[u8]) -> (io::Result<()>, String, Vec<String>) {
    let (mut hands, mut output) = (Recorder::default(), Vec::new());
    let outcome = serve(&mut hands, Path::new("/q"), input, &mut output);
    (outcome, String::from_utf8(output).unwrap(), hands.seen)
}

#[test]
fn requests_are_answered_in_order_one_line_each() {
    let input = [
        &b"engine 0\nengine 1\nstream 0\n"[..],
        &[0, 0, 0, 3],
        b"abc",
        &[0, 0, 0, 2],
        b"de",
        &[0; 4],
        b"look 0 scan-1/dir\n",
    ];
    let (outcome, output, seen) = served(&input.concat());
    outcome.unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4, "what a scanner writes cannot make a second answer: {lines:?}");
    assert_eq!((lines[0], lines[2]), ("says ClamAV 1", "clean"));
    assert!(lines[1].starts_with("silent gone") && lines[3].starts_with("found Bad.Thing"));
    assert_eq!(seen, ["abcde", "/q/scan-1/dir"]);
}

#[test]
fn content_that_broke_off_is_never_clean() {
    let input = [&b"stream 0\n"[..], &[0, 0, 0, 3], b"abc", &[0xff; 4], b"stream 1\n", &[0, 0, 0, 1], b"x", &[0; 4]];
    let (outcome, output, seen) = served(&input.concat());
    outcome.unwrap();
    assert_eq!(output, "silent the content could not be read to its end\nclean\n");
    assert_eq!(seen, [""], "what a scanner left unread is read before the next request");
    let (outcome, output, _) = served(b"stream 0\n\0\0\0\x09abc");
    assert!(outcome.is_err());
    assert_eq!(output, "");
}

#[test]
fn only_places_below_the_quarantine_and_known_verbs_are_asked() {
    for request in ["look 0 ../etc\n", "look 0 /etc\n", "look 0\n", "run 0 x\n", "engine x\n", "stream\n"] {
        let (outcome, output, seen) = served(request.as_bytes());
        assert!(outcome.is_err() && output.is_empty() && seen.is_empty(), "{request}");
    }
}

#[test]
fn what_is_no_answer_is_no_verdict() {
    for said in ["", "clean ", "Clean", "cleanfound", "ok"] {
        assert!(matches!(read_answer(said), Answer::Silent(_)), "{said}");
    }
    assert_eq!(read_answer("clean"), Answer::Clean);
    assert_eq!(read_answer("found X"), Answer::Found("X".into()));
}
