//! The scheduler config of a run: the model's own, with what the arguments set.

use std::path::Path;

use reverie::diffusion::scheduler_config::{KEYS, SchedulerConfig};
use serde_json::{Map, Value};

use super::error::CliError;
use super::wish::nearest;

/// A key and its value, as `timestep_spacing=trailing` gives them.
pub fn setting(text: &str) -> Result<(String, Value), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(
            "give a key of diffusers' scheduler configs and its value, as timestep_spacing=trailing".into()
        );
    };
    if !KEYS.contains(&key) {
        return Err(format!("diffusers' scheduler configs have no such key{}", nearest(key, KEYS)));
    }
    // What is not a number, a truth or a list is a name.
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
    Ok((key.into(), value))
}

/// The config of a file's text with the settings in the place of its own; no text means
/// `DDPMScheduler`'s defaults.
pub fn config(
    text: Option<&str>,
    settings: &[(String, Value)],
    file: &Path,
) -> Result<SchedulerConfig, CliError> {
    let wrong = |e: &dyn std::fmt::Display| CliError::Input {
        file: file.display().to_string(),
        reason: e.to_string(),
    };
    let text = text.unwrap_or(r#"{"_class_name": "DDPMScheduler"}"#);
    if settings.is_empty() {
        return SchedulerConfig::from_json(text).map_err(|e| wrong(&e));
    }
    let mut map: Map<String, Value> = serde_json::from_str(text).map_err(|e| wrong(&e))?;
    map.extend(settings.iter().cloned());
    let text = Value::Object(map).to_string();
    SchedulerConfig::from_json(&text).map_err(|e| CliError::Usage(e.to_string()))
}
