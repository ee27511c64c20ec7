//! Which package versions the rules of a stream name, before their dependencies are added.
//!
//! A rule matches by package name, source package, section or everything, within all upstreams or one, and takes the
//! newest versions of what it matched. The answer keeps which rule took what, and which rules took nothing, because a
//! rule that silently matches nothing is a stream that silently lacks its patches.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroUsize;

use sealift_model::UpstreamId;
use wildmatch::WildMatch;

use crate::catalog::{Catalog, CatalogEntry, EntryId};

/// What a rule goes by. Texts may hold `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// The package's name.
    Package(String),
    /// The name of the source package it was built from.
    Source(String),
    /// Its section; `net` also matches `contrib/net`.
    Section(String),
    /// Everything.
    Everything,
}

/// One rule of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it goes by.
    pub matcher: Matcher,
    /// The upstream it is limited to.
    pub upstream: Option<UpstreamId>,
    /// The component it is limited to.
    pub component: Option<String>,
    /// How many versions of each package it takes, the newest first.
    pub newest: NonZeroUsize,
}

impl Rule {
    /// Returns a rule over all upstreams that takes the newest version of each package.
    pub fn new(matcher: Matcher) -> Self {
        Self { matcher, upstream: None, component: None, newest: NonZeroUsize::MIN }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.matcher {
            Matcher::Package(text) => write!(f, "package {text}")?,
            Matcher::Source(text) => write!(f, "source {text}")?,
            Matcher::Section(text) => write!(f, "section {text}")?,
            Matcher::Everything => f.write_str("everything")?,
        }
        if let Some(component) = &self.component {
            write!(f, " in component {component}")?;
        }
        if let Some(upstream) = &self.upstream {
            write!(f, " from {upstream}")?;
        }
        Ok(())
    }
}

/// What the rules took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Each entry taken, with the index of the first rule that took it.
    pub taken: BTreeMap<EntryId, usize>,
    /// Indexes of the rules that match nothing.
    pub unmatched: Vec<usize>,
}

/// Applies `rules` to the packages of `architectures`, `all` among them always.
pub fn select(catalog: &Catalog, rules: &[Rule], architectures: &[String]) -> Selection {
    let mut selection = Selection::default();
    let mut sources = None;
    for (index, rule) in rules.iter().enumerate() {
        let matched: Vec<EntryId> = match &rule.matcher {
            // A plain name is looked up: hundreds of names over a whole suite would otherwise be millions of matches.
            Matcher::Package(name) if is_literal(name) => catalog.named(name).to_vec(),
            Matcher::Source(name) if is_literal(name) => {
                sources.get_or_insert_with(|| by_source(catalog)).get(name.as_str()).cloned().unwrap_or_default()
            }
            matcher => scan(catalog, matcher),
        };
        let matched: Vec<_> = matched.into_iter().filter(|id| rule.covers(catalog, *id)).collect();
        let before = matched.len();
        let mut found = false;
        for architecture in architectures {
            for id in newest(catalog, &matched, architecture, rule.newest.get()) {
                found = true;
                selection.taken.entry(id).or_insert(index);
            }
        }
        debug_assert!(!found || before > 0);
        if !found {
            selection.unmatched.push(index);
        }
    }
    selection
}

impl Rule {
    fn covers(&self, catalog: &Catalog, id: EntryId) -> bool {
        let CatalogEntry { upstream, component, .. } = catalog.get(id);
        self.upstream.as_ref().is_none_or(|wanted| wanted == catalog.upstream(*upstream))
            && self.component.as_ref().is_none_or(|wanted| wanted.as_str() == &**component)
    }
}

fn is_literal(text: &str) -> bool {
    !text.contains(['*', '?'])
}

fn by_source(catalog: &Catalog) -> HashMap<&str, Vec<EntryId>> {
    let mut map: HashMap<&str, Vec<EntryId>> = HashMap::new();
    for (id, found) in catalog.iter() {
        map.entry(found.entry.source.as_str()).or_default().push(id);
    }
    map
}

fn scan(catalog: &Catalog, matcher: &Matcher) -> Vec<EntryId> {
    let pattern = match matcher {
        Matcher::Package(text) | Matcher::Source(text) | Matcher::Section(text) => WildMatch::new(text),
        Matcher::Everything => WildMatch::new("*"),
    };
    let matches = |found: &CatalogEntry| match matcher {
        Matcher::Package(_) => pattern.matches(&found.entry.package),
        Matcher::Source(_) => pattern.matches(&found.entry.source),
        Matcher::Section(_) => found.entry.section.as_deref().is_some_and(|section| {
            let last = section.rsplit('/').next().unwrap_or(section);
            pattern.matches(section) || pattern.matches(last)
        }),
        Matcher::Everything => true,
    };
    catalog.iter().filter(|(_, found)| matches(found)).map(|(id, _)| id).collect()
}

/// Returns the `count` newest of each package name among those that run on `architecture`.
fn newest(catalog: &Catalog, matched: &[EntryId], architecture: &str, count: usize) -> Vec<EntryId> {
    let mut by_name: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
    for id in matched {
        let entry = &catalog.get(*id).entry;
        if entry.architecture == architecture || entry.architecture == "all" {
            by_name.entry(&entry.package).or_default().push(*id);
        }
    }
    for ids in by_name.values_mut() {
        ids.sort_by_key(|id| Reverse(&catalog.get(*id).entry.version));
        ids.truncate(count);
    }
    by_name.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::tests::catalog;

    fn taken(rule: Rule) -> Vec<String> {
        let catalog = catalog(&[
            ("linux-image-1", "1", "Section: kernel\nSource: linux\n"),
            ("linux-image-2", "1", "Section: kernel\nSource: linux\n"),
            ("openssl", "3.0~1", "Section: utils\n"),
            ("openssl", "3.0", "Section: utils\n"),
            ("libssl3", "3.0", "Section: contrib/libs\nSource: openssl (3.0)\n"),
        ]);
        let selection = select(&catalog, &[rule], &["amd64".into()]);
        let mut titles: Vec<_> = selection.taken.keys().map(|id| catalog.title(*id)).collect();
        titles.sort();
        titles
    }

    #[test]
    fn rules_take_the_newest_of_what_they_match() {
        assert_eq!(taken(Rule::new(Matcher::Package("openssl".into()))), ["openssl=3.0"]);
        assert_eq!(taken(Rule::new(Matcher::Package("linux-image-?".into()))), ["linux-image-1=1", "linux-image-2=1"]);
        assert_eq!(taken(Rule::new(Matcher::Source("openssl".into()))), ["libssl3=3.0", "openssl=3.0"]);
        assert_eq!(taken(Rule::new(Matcher::Section("libs".into()))), ["libssl3=3.0"]);
        assert_eq!(taken(Rule::new(Matcher::Everything)).len(), 4);
        let two = Rule { newest: NonZeroUsize::new(2).unwrap(), ..Rule::new(Matcher::Package("openssl".into())) };
        assert_eq!(taken(two), ["openssl=3.0", "openssl=3.0~1"]);
    }

    #[test]
    fn rules_stay_within_their_upstream_and_component() {
        let other = Some(UpstreamId::new("other").unwrap());
        assert!(taken(Rule { upstream: other, ..Rule::new(Matcher::Everything) }).is_empty());
        assert!(taken(Rule { component: Some("contrib".into()), ..Rule::new(Matcher::Everything) }).is_empty());
        assert_eq!(taken(Rule { component: Some("main".into()), ..Rule::new(Matcher::Everything) }).len(), 4);
    }

    #[test]
    fn tells_which_rules_match_nothing() {
        let catalog = catalog(&[("a", "1", "")]);
        let rules = [Rule::new(Matcher::Package("a".into())), Rule::new(Matcher::Package("no-such-*".into()))];
        assert_eq!(select(&catalog, &rules, &["amd64".into()]).unmatched, [1]);
        assert_eq!(select(&catalog, &rules, &["arm64".into()]).unmatched, [0, 1]);
    }
}
