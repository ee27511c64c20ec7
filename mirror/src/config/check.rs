//! The rules of `mirror.toml` beyond its shape, and where in the text one is broken.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;

use sealift_model::escape::printable;
use sealift_model::{RelPath, UpstreamId};
use sealift_pkg::index::is_architecture;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Config, ConfigError, Receipts};

/// Makes the error for the byte `at` of `text`.
pub(super) fn invalid(file: &Path, text: &str, at: usize, message: String) -> ConfigError {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(start..).unwrap_or_default();
    ConfigError::Invalid {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.get(start..).unwrap_or_default().chars().count() + 1,
        message,
        text: printable(&rest.lines().next().unwrap_or_default().chars().take(200).collect::<String>()),
    }
}

/// Locates what the parser complains about.
pub(super) fn malformed(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    // The parser's messages span lines for syntax errors; one line is enough with the place beside it.
    let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join("; ");
    invalid(file, text, error.span().map_or(0, |span| span.start), printable(&message))
}

#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    upstream: Vec<Named>,
    #[serde(default)]
    stream: Vec<NamedStream>,
    #[serde(default)]
    site: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: Spanned<String>,
}

#[derive(Deserialize)]
struct NamedStream {
    name: Spanned<String>,
    upstreams: Vec<Spanned<String>>,
}

/// Checks what one part of the file says about another: names are unique, streams name upstreams that exist, every
/// stream has a rule.
pub(super) fn references(config: &Config, text: &str, file: &Path) -> Result<(), ConfigError> {
    let places: Places = toml::from_str(text).map_err(|e| malformed(file, text, &e))?;
    let fail = |span: Range<usize>, message: String| Err(invalid(file, text, span.start, message));
    let names = |named: &[Named]| named.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
    let streams: Vec<_> = places.stream.iter().map(|s| s.name.clone()).collect();
    for (kind, list) in [("upstream", names(&places.upstream)), ("stream", streams), ("site", names(&places.site))] {
        let mut seen = BTreeSet::new();
        for name in list {
            if !seen.insert(name.get_ref().clone()) {
                return fail(name.span(), format!("there are two {kind}s named `{}`", name.get_ref()));
            }
        }
    }
    for (site, place) in config.sites.iter().zip(&places.site) {
        if site.receipts == Receipts::Signed && site.receipt_key.is_none() {
            let message = format!("site `{}` needs a receipt_key, or receipts = \"never\"", site.name);
            return fail(place.name.span(), message);
        }
    }
    for (stream, place) in config.streams.iter().zip(&places.stream) {
        for name in &place.upstreams {
            if !config.upstreams.iter().any(|u| u.name.as_str() == name.get_ref()) {
                let message = format!("stream `{}` names the unknown upstream `{}`", stream.name, name.get_ref());
                return fail(name.span(), message);
            }
        }
        let rules = [&stream.packages, &stream.sections, &stream.source_packages];
        if !stream.all && rules.iter().all(|rule| rule.is_empty()) {
            let message =
                format!("stream `{}` selects nothing: give packages, sections, source_packages or all", stream.name);
            return fail(place.name.span(), message);
        }
    }
    Ok(())
}

fn strings<'de, D: Deserializer<'de>>(
    deserializer: D,
    what: &str,
    valid: impl Fn(&str) -> bool,
) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(deserializer)?;
    match list.iter().find(|text| !valid(text)) {
        Some(bad) => Err(D::Error::custom(format!("`{}` is not {what}", printable(bad)))),
        None => Ok(list),
    }
}

/// Sorts a list that must name at least one thing, each once.
fn some_sorted<E: serde::de::Error>(mut list: Vec<String>, what: &str) -> Result<Vec<String>, E> {
    list.sort();
    let twice = list.iter().zip(list.iter().skip(1)).find(|(a, b)| a == b);
    match twice {
        Some((name, _)) => Err(E::custom(format!("`{name}` is listed twice"))),
        None if list.is_empty() => Err(E::custom(format!("name at least one {what}"))),
        None => Ok(list),
    }
}

/// Tells whether `text` can be a suite: a path below `dists`, which is also how it is fetched.
pub(crate) fn is_suite(text: &str) -> bool {
    RelPath::new(text).is_ok()
}

/// Tells whether `text` can be a component.
pub(crate) fn is_component(text: &str) -> bool {
    RelPath::new(text).is_ok()
}

pub(super) fn suite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.ends_with('/') {
        return Err(D::Error::custom("flat repositories (a suite ending in `/`) are not supported"));
    }
    if is_suite(&text) { Ok(text) } else { Err(D::Error::custom(format!("`{}` is not a suite", printable(&text)))) }
}

pub(super) fn components<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    some_sorted(strings(deserializer, "a component", is_component)?, "component")
}

pub(super) fn architectures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    some_sorted(strings(deserializer, "an architecture", is_architecture)?, "architecture")
}

pub(super) fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let valid = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    strings(deserializer, "a pattern: use a name, with `*` and `?` where needed", valid)
}

pub(super) fn stream_upstreams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UpstreamId>, D::Error> {
    let list = Vec::<UpstreamId>::deserialize(deserializer)?;
    if list.is_empty() {
        return Err(D::Error::custom("name at least one upstream"));
    }
    let mut seen = BTreeSet::new();
    match list.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(D::Error::custom(format!("`{twice}` is listed twice"))),
        None => Ok(list),
    }
}

pub(super) fn newest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroUsize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    NonZeroUsize::new(number).ok_or_else(|| D::Error::custom("use a number of versions from 1 up"))
}

pub(super) fn receipt_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    sealift_model::digest::unhex(&text)
        .and_then(|bytes| bytes.try_into().ok())
        .map(Some)
        .ok_or_else(|| D::Error::custom("a receipt key is 64 lower-case hexadecimal digits"))
}
