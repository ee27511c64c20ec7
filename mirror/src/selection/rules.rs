//! A stream's rules, from `mirror.toml` to the selector's form and back to the operator's words.

use sealift_pkg::select::{Matcher, Rule};

use crate::config::StreamConfig;

/// Returns the rules of a stream, in the order in which they explain a package: the most specific first.
pub(super) fn of(stream: &StreamConfig) -> Vec<Rule> {
    let packages = stream.packages.iter().cloned().map(Matcher::Package);
    let sources = stream.source_packages.iter().cloned().map(Matcher::Source);
    let sections = stream.sections.iter().cloned().map(Matcher::Section);
    let everything = stream.all.then_some(Matcher::Everything);
    let matchers = packages.chain(sources).chain(sections).chain(everything);
    matchers.map(|matcher| Rule { newest: stream.newest, ..Rule::new(matcher) }).collect()
}

/// Returns a rule as `mirror.toml` writes it, so that it can be searched for there.
pub(super) fn spelled(rule: &Rule) -> String {
    match &rule.matcher {
        Matcher::Package(text) => format!("packages = \"{text}\""),
        Matcher::Source(text) => format!("source_packages = \"{text}\""),
        Matcher::Section(text) => format!("sections = \"{text}\""),
        Matcher::Everything => "all = true".to_owned(),
    }
}
