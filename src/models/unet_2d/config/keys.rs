//! Reading one key of a config: its default, its type and its bounds.
//!
//! A reader is a function from a key and its JSON value to a checked value; readers nest, so
//! that `list(choice(DOWN_BLOCKS), 1..=16)` reads a bounded list of block names.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::ConfigError;

/// The keys of one config file.
pub(super) struct Keys(Map<String, Value>);

impl Keys {
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        match serde_json::from_str(json) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(ConfigError::Json("it is not an object".into())),
            Err(error) => Err(ConfigError::Json(error.to_string())),
        }
    }

    /// The value of `key`, or `default` where the file leaves it out.
    pub fn or<T>(&self, key: &str, default: T, read: impl Read<T>) -> Result<T, ConfigError> {
        self.0.get(key).map_or(Ok(default), |value| read(key, value))
    }
}

/// A reader of values of type `T`.
pub(super) trait Read<T>: Fn(&str, &Value) -> Result<T, ConfigError> {}

impl<T, F: Fn(&str, &Value) -> Result<T, ConfigError>> Read<T> for F {}

/// A whole number within `range`.
pub(super) fn whole(range: RangeInclusive<usize>) -> impl Read<usize> {
    move |key, value| {
        let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            invalid(key, value, format!("a whole number from {low} to {high} is needed"))
        })
    }
}

/// A number within `range`, whole or not.
pub(super) fn number(range: RangeInclusive<f64>) -> impl Read<f64> {
    move |key, value| {
        value.as_f64().filter(|n| range.contains(n)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            invalid(key, value, format!("a number from {low} to {high} is needed"))
        })
    }
}

/// `true` or `false`.
pub(super) fn flag(key: &str, value: &Value) -> Result<bool, ConfigError> {
    value.as_bool().ok_or_else(|| invalid(key, value, "true or false is needed"))
}

/// One of the names of `table`.
pub(super) fn choice<T: Copy>(table: &'static [(&'static str, T)]) -> impl Read<T> {
    move |key, value| {
        let known = table.iter().find(|(name, _)| value.as_str() == Some(name));
        known.map(|&(_, choice)| choice).ok_or_else(|| ConfigError::Unsupported {
            key: key.into(),
            value: shown(value),
            supported: table.iter().map(|&(name, _)| name).collect::<Vec<_>>().join(", "),
        })
    }
}

/// `null`, or what `read` reads.
pub(super) fn nullable<T>(read: impl Read<T>) -> impl Read<Option<T>> {
    move |key, value| {
        if value.is_null() { Ok(None) } else { read(key, value).map(Some) }
    }
}

/// A list whose length is within `lengths`; an item's errors name it as `key[index]`.
pub(super) fn list<T>(read: impl Read<T>, lengths: RangeInclusive<usize>) -> impl Read<Vec<T>> {
    move |key, value| {
        let items = value.as_array().filter(|items| lengths.contains(&items.len()));
        let items = items.ok_or_else(|| {
            let (low, high) = (lengths.start(), lengths.end());
            invalid(key, value, format!("a list of {low} to {high} items is needed"))
        })?;
        let named = items.iter().enumerate();
        named.map(|(i, item)| read(&format!("{key}[{i}]"), item)).collect()
    }
}

/// `read` on a string changed by `change` (diffusers accepts some spellings of a name).
pub(super) fn respelled<T>(change: impl Fn(&str) -> String, read: impl Read<T>) -> impl Read<T> {
    move |key, value| match value.as_str() {
        // An unknown name is reported as it was written.
        Some(name) => read(key, &change(name).into()).or_else(|_| read(key, value)),
        None => read(key, value),
    }
}

/// The error of a value that `needs` to be something else.
pub(super) fn invalid(key: &str, value: &Value, needs: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.into(), value: shown(value), needs: needs.into() }
}

/// A value as an error message shows it: its JSON, cut where it is long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    let json = value.to_string();
    match json.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}
