//! What a new root changes, in words that a holder can check before signing.
//!
//! Keys are told apart by the public key itself, never by the id they are filed under. Whatever differs and has no words
//! here is named by its place: nothing changes in silence.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::Digest;
use sealift_model::escape::printable;
use sealift_trust::{PublicKey, Purpose, Role, Root, Signed};
use serde_json::Value;

use super::change::keys_of;
use crate::metadata::parse_covered;

const PURPOSES: [Purpose; 5] =
    [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence];

/// Returns what `new` changes of `old`, a line each; of a first root, all that it says.
pub fn changes(old: Option<&Signed<Root>>, new: &Signed<Root>) -> Vec<String> {
    let before = old.map_or(Value::Null, part);
    let after = part(new);
    let mut lines = vec![expiry(old, new)];
    for purpose in PURPOSES {
        keys(&before, &after, purpose, &mut lines);
    }
    for role in Role::ALL {
        threshold(&before, &after, role, &mut lines);
    }
    people(&before, &after, &mut lines);
    policy(&before, &after, &mut lines);
    if old.is_some() {
        rest(before, after, &mut lines);
    }
    lines
}

fn part(root: &Signed<Root>) -> Value {
    parse_covered(root.covered()).unwrap_or_default()
}

fn expiry(old: Option<&Signed<Root>>, new: &Signed<Root>) -> String {
    match old {
        Some(old) => format!("expires: {} instead of {}", new.expires(), old.expires()),
        None => format!("expires: {}", new.expires()),
    }
}

fn ids(signed: &Value, purpose: Purpose) -> BTreeSet<Digest> {
    keys_of(signed, purpose).iter().map(|(_, key)| key.id()).collect()
}

fn keys(before: &Value, after: &Value, purpose: Purpose, lines: &mut Vec<String>) {
    let (old, new) = (ids(before, purpose), ids(after, purpose));
    lines.extend(old.difference(&new).map(|id| format!("{purpose}: loses key {id}")));
    lines.extend(new.difference(&old).map(|id| format!("{purpose}: gets key {id}")));
}

fn threshold(before: &Value, after: &Value, role: Role, lines: &mut Vec<String>) {
    let of = |signed: &Value| signed.pointer(&format!("/roles/{role}/threshold")).and_then(Value::as_u64);
    let count = ids(after, role.into()).len();
    match (of(before), of(after)) {
        (Some(old), Some(new)) if old != new => {
            lines.push(format!("{role}: {new} of {count} must sign instead of {old}"));
        }
        (None, Some(new)) => lines.push(format!("{role}: {new} of {count} must sign")),
        _ => {}
    }
}

fn table(signed: &Value, pointer: &str) -> BTreeMap<String, Value> {
    let object = signed.pointer(pointer).and_then(Value::as_object);
    object.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn people(before: &Value, after: &Value, lines: &mut Vec<String>) {
    let (old, new) = (table(before, "/custom/sealift/people"), table(after, "/custom/sealift/people"));
    lines.extend(
        old.keys().filter(|name| !new.contains_key(*name)).map(|n| format!("person {}: removed", printable(n))),
    );
    for (name, person) in new.iter().filter(|(name, person)| old.get(*name) != Some(person)) {
        let word = if old.contains_key(name) { "changed" } else { "new" };
        lines.push(format!("person {}: {word}; {}", printable(name), describe(person)));
    }
}

fn describe(person: &Value) -> String {
    let may = person.get("may").and_then(Value::as_array);
    let may: Vec<String> = may.into_iter().flatten().filter_map(Value::as_str).map(printable).collect();
    let objects = table(person, "/keys");
    let keys: Vec<String> =
        objects.values().filter_map(|o| PublicKey::from_object(o).ok()).map(|key| key.id().to_string()).collect();
    format!("may {}; {} {}", may.join(", "), if keys.len() == 1 { "key" } else { "keys" }, keys.join(", "))
}

fn policy(before: &Value, after: &Value, lines: &mut Vec<String>) {
    let (old, new) = (table(before, "/custom/sealift/policy"), table(after, "/custom/sealift/policy"));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let number = |value: Option<&Value>| value.map_or_else(|| "unset".into(), |v| printable(&v.to_string()));
        let (old, new) = (number(old.get(name)), number(new.get(name)));
        lines.push(format!("policy {}: {new} instead of {old}", printable(name)));
    }
}

/// Names whatever differs and was not told above.
fn rest(mut before: Value, mut after: Value, lines: &mut Vec<String>) {
    for signed in [&mut before, &mut after] {
        forget_told(signed);
    }
    let names: BTreeSet<String> = [&before, &after].into_iter().flat_map(|v| table(v, "").into_keys()).collect();
    let differ = names.iter().filter(|name| before.get(name.as_str()) != after.get(name.as_str()));
    lines.extend(differ.map(|name| format!("another change, in the field `{}`", printable(name))));
}

fn forget_told(signed: &mut Value) {
    let used: BTreeSet<String> =
        PURPOSES.iter().flat_map(|purpose| keys_of(signed, *purpose)).map(|(id, _)| id).collect();
    let Some(fields) = signed.as_object_mut() else { return };
    fields.remove("version");
    fields.remove("expires");
    if let Some(keys) = fields.get_mut("keys").and_then(Value::as_object_mut) {
        keys.retain(|id, _| !used.contains(id));
    }
    for role in fields.get_mut("roles").and_then(Value::as_object_mut).into_iter().flat_map(|r| r.values_mut()) {
        if let Some(role) = role.as_object_mut() {
            role.remove("keyids");
            role.remove("threshold");
        }
    }
    if let Some(custom) = fields.get_mut("custom").and_then(|c| c.get_mut("sealift")).and_then(Value::as_object_mut) {
        for told in ["evidence", "people", "policy"] {
            custom.remove(told);
        }
    }
    // An object that is left empty differs from one that was never there in nothing that matters.
    prune(fields.get_mut("custom"));
    if fields.get("custom").is_some_and(is_empty) {
        fields.remove("custom");
    }
}

fn prune(custom: Option<&mut Value>) {
    if let Some(fields) = custom.and_then(Value::as_object_mut) {
        fields.retain(|_, value| !is_empty(value));
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}
