//! Judges TUF repositories, one a line: reads a case from standard input, prints what the trust core says of it.
//!
//! The cases are made by `tests/differential`, which holds the verdicts against python-tuf's. A document is hexadecimal
//! text. There is a verdict for the whole of TUF and one for what media may carry; `target` is what was found under the
//! wanted name, as length and digest.
#![allow(clippy::print_stdout, reason = "answers go to standard output")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;
use sealift_model::digest::unhex;
use sealift_model::{RelPath, Timestamp};
use sealift_trust::metadata::TargetFile;
use sealift_trust::trusted_set::{Search, Step, TargetsBody};
use sealift_trust::{Previous, Refusal, TrustedSet, TufSet};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case = Case::read(&serde_json::from_str::<Value>(&line?)?)?;
        writeln!(out, "{}", json!({ "tuf": case.whole_tuf(), "media": case.media() }))?;
        out.flush()?;
    }
    Ok(())
}

/// The documents of a case.
struct Case {
    now: Timestamp,
    root: Vec<u8>,
    roots: Vec<Vec<u8>>,
    timestamp: Vec<u8>,
    snapshot: Vec<u8>,
    targets: Vec<u8>,
    delegated: BTreeMap<String, Vec<u8>>,
    previous: [Option<Vec<u8>>; 2],
    want: String,
}

impl Case {
    fn read(case: &Value) -> anyhow::Result<Self> {
        let delegated = case["delegated"].as_object().context("no delegated roles")?;
        let delegated = delegated.iter().map(|(name, bytes)| Ok((name.clone(), document(bytes)?)));
        Ok(Self {
            now: case["now"].as_str().context("no time")?.parse()?,
            root: document(&case["root"])?,
            roots: case["roots"].as_array().context("no roots")?.iter().map(document).collect::<Result<_, _>>()?,
            timestamp: document(&case["timestamp"])?,
            snapshot: document(&case["snapshot"])?,
            targets: document(&case["targets"])?,
            delegated: delegated.collect::<anyhow::Result<_>>()?,
            previous: [optional(&case["previous"]["timestamp"])?, optional(&case["previous"]["snapshot"])?],
            want: case["want"].as_str().context("no wanted target")?.to_owned(),
        })
    }

    fn previous(&self) -> Previous<'_> {
        let [timestamp, snapshot] = self.previous.each_ref().map(Option::as_deref);
        Previous { timestamp, snapshot }
    }

    fn whole_tuf(&self) -> Value {
        let set = TufSet::for_tuf(&self.root, self.previous(), self.now).and_then(|set| self.refresh(set));
        let mut set = match set {
            Ok(set) => set,
            Err(refusal) => return refused(&refusal),
        };
        match self.search(&mut set) {
            Ok(found) => accepted(&json!(found.map(|file| json!([file.length, file.hashes.prefix()])))),
            Err(why) => json!({ "accept": true, "target": null, "why": why }),
        }
    }

    fn media(&self) -> Value {
        let set = TrustedSet::with_previous(&self.root, self.previous(), self.now);
        let set = match set.and_then(|set| self.refresh(set)) {
            Ok(set) => set,
            Err(refusal) => return refused(&refusal),
        };
        let found = RelPath::new(&self.want).ok().and_then(|want| set.target(&want).cloned());
        accepted(&json!(found.map(|info| json!([info.length, info.sha256]))))
    }

    /// The client workflow: roots one after the other, then down to the targets.
    fn refresh<T: TargetsBody>(&self, mut set: TrustedSet<T>) -> Result<TrustedSet<T>, Refusal> {
        for root in &self.roots {
            set.update_root(root)?;
        }
        set.update_timestamp(&self.timestamp)?;
        set.update_snapshot(&self.snapshot)?;
        set.update_targets(&self.targets)?;
        Ok(set)
    }

    fn search(&self, set: &mut TufSet) -> Result<Option<TargetFile>, String> {
        let mut search = Search::new(&self.want);
        loop {
            let need = match search.step(set).map_err(|refusal| refusal.to_string())? {
                Step::Found(file) => return Ok(Some(file.clone())),
                Step::Absent => return Ok(None),
                Step::Needs(need) => need,
            };
            let bytes = self.delegated.get(need.role().as_str());
            let bytes = bytes.filter(|bytes| bytes.len() as u64 <= need.limit()).ok_or("not there or too long")?;
            set.update_delegated(&need, bytes).map_err(|refusal| refusal.to_string())?;
        }
    }
}

fn refused(refusal: &Refusal) -> Value {
    json!({ "accept": false, "target": null, "why": refusal.to_string() })
}

fn accepted(target: &Value) -> Value {
    json!({ "accept": true, "target": target, "why": "" })
}

fn document(value: &Value) -> anyhow::Result<Vec<u8>> {
    value.as_str().and_then(unhex).context("a document is not hexadecimal text")
}

fn optional(value: &Value) -> anyhow::Result<Option<Vec<u8>>> {
    if value.is_null() { Ok(None) } else { document(value).map(Some) }
}
