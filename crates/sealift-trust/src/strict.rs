//! Holds serde to JSON objects: a derived reader also takes an array for a struct and null for an absent field.
//!
//! Other readers refuse the array, and drop the null when they write the document again to check its signature.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A struct that was written as an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        read(&value).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a struct from a value that must be an object.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    if value.is_object() { T::deserialize(value) } else { Err(serde_json::Error::custom("expected an object")) }
}

/// Reads an optional field that, if it is there, is not null.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
