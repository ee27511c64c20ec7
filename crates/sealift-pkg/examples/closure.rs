//! Measures parsing, selection and closure over whole indexes:
//! `cargo run --release -p sealift-pkg --example closure -- [--recommends] [--essential] NAMES INDEX…`, where NAMES is a
//! file of package names (or `*`), one a line, and each INDEX counts as an upstream of its own.
#![expect(clippy::print_stdout, reason = "a tool for developers")]

use std::time::Instant;

use sealift_model::UpstreamId;
use sealift_pkg::Catalog;
use sealift_pkg::catalog::Added;
use sealift_pkg::closure::{ClosureOptions, Missing, closure};
use sealift_pkg::decompress::open_index;
use sealift_pkg::index::{INDEX_LIMIT, IndexReader};
use sealift_pkg::select::{Matcher, Rule, select};

fn main() {
    let (flags, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let names = std::fs::read_to_string(&files[0]).expect("a file of names");
    let start = Instant::now();
    let mut catalog = Catalog::new();
    for (number, file) in files[1..].iter().enumerate() {
        let upstream = catalog.add_upstream(UpstreamId::new(&format!("upstream-{number}")).expect("a name"));
        let input = std::fs::File::open(file).expect("an index");
        let mut reader = IndexReader::new(file, open_index(file, input, INDEX_LIMIT).expect("an index"));
        while let Some((entry, _)) = reader.next_entry().expect("a package index") {
            if let Added::Differs(other) = catalog.add(upstream, &"main".into(), entry) {
                println!("differs: {}", catalog.title(other));
            }
        }
    }
    let parsed = start.elapsed();
    let rules: Vec<_> = names.lines().map(|name| Rule::new(Matcher::Package(name.to_owned()))).collect();
    let selection = select(&catalog, &rules, &["amd64".to_owned()]);
    let selected = start.elapsed();
    let options = ClosureOptions {
        architecture: "amd64".to_owned(),
        recommends: has("--recommends"),
        essential: has("--essential"),
        missing: if has("--strict") { Missing::Refuse } else { Missing::Report },
        base: Vec::new(),
    };
    let found = closure(&catalog, &selection, &options);
    println!(
        "{} entries in {parsed:?}, {} selected by {selected:?}, closed by {:?}",
        catalog.len(),
        selection.taken.len(),
        start.elapsed()
    );
    match found {
        Ok(found) => {
            println!(
                "{} members, {} unresolved, {} apart",
                found.members.len(),
                found.unresolved.len(),
                found.apart.len()
            );
            for broken in &found.uninstallable {
                println!("uninstallable: {}\n{}", catalog.title(broken.entry), broken.explanation);
            }
            if has("--list") {
                let mut titles: Vec<_> = found.members.keys().map(|id| catalog.title(*id)).collect();
                titles.sort();
                println!("{}", titles.join("\n"));
            }
        }
        Err(error) => println!("{error}"),
    }
}
