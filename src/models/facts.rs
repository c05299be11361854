//! `reverie.json`: what diffusers has no place for.

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::unet_2d::config::{ClassEmbedding, UNetConfig};

/// A model's extra facts; every one may be missing, and unknown keys are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub name: Option<String>,
    pub description: Option<String>,
    /// The name of each class label; the null label, where it is the last, needs none.
    pub class_names: Option<Vec<String>>,
    /// The label that stands for no class. Guidance is refused without it.
    pub null_label: Option<usize>,
    /// The values of a sample that are black and white; diffusers' own are −1 and 1.
    pub value_range: Option<[f32; 2]>,
    pub content: Content,
    pub licence: Option<String>,
    /// One sentence; who drew the training data is in `artists`.
    pub credits: Option<String>,
    pub artists: Vec<String>,
}

/// Where in a sample the picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Content {
    /// Pixels of background on every side.
    pub pad: usize,
}

/// Why the facts cannot be believed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum FactsError {
    #[error("this is not a JSON object of facts: {0}")]
    Json(String),
    #[error("`null_label` is {null_label}, but {classes}: remove it, or correct it")]
    NullLabel { null_label: usize, classes: String },
    #[error("`class_names` has {found} names, but {classes}: name each one, or none")]
    ClassNames { found: usize, classes: String },
    #[error("`value_range` is [{0}, {1}]: give two numbers, the lower one first")]
    ValueRange(f32, f32),
    #[error("`content.pad` is {pad}, which leaves nothing of a sample {side} pixels wide or high")]
    Pad { pad: usize, side: usize },
}

impl Facts {
    /// Reads `reverie.json` and checks it against the network that it speaks of.
    pub fn parse(json: &str, config: &UNetConfig) -> Result<Self, FactsError> {
        // By way of a map: alone, serde would take an array for the fields in order.
        let facts: Self = serde_json::from_str(json)
            .and_then(|facts: Map<String, Value>| serde_json::from_value(facts.into()))
            .map_err(|error| FactsError::Json(error.to_string()))?;
        facts.check_classes(config)?;
        if let Some([low, high]) = facts.value_range
            && !(low < high && (high - low).is_finite())
        {
            return Err(FactsError::ValueRange(low, high));
        }
        if let Some((height, width)) = config.sample_size {
            let (pad, side) = (facts.content.pad, height.min(width));
            if pad >= side.div_ceil(2) {
                return Err(FactsError::Pad { pad, side });
            }
        }
        Ok(facts)
    }

    fn check_classes(&self, config: &UNetConfig) -> Result<(), FactsError> {
        let rows = match config.class_embedding {
            Some(ClassEmbedding::Table { num_class_embeds }) => num_class_embeds,
            _ => 0,
        };
        let classes = format!("the network has {rows} class embeddings (`num_class_embeds`)");
        if let Some(null_label) = self.null_label.filter(|&label| label >= rows) {
            return Err(FactsError::NullLabel { null_label, classes });
        }
        let null_is_last = self.null_label.is_some_and(|label| label + 1 == rows);
        match self.class_names.as_ref().map(Vec::len) {
            Some(found) if found != rows && !(null_is_last && found + 1 == rows) => {
                Err(FactsError::ClassNames { found, classes })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Facts, FactsError> {
        let config = r#"{ "num_class_embeds": 3, "sample_size": [8, 16] }"#;
        Facts::parse(json, &UNetConfig::parse(config).unwrap())
    }

    #[test]
    fn every_fact_is_optional_and_unknown_ones_are_ignored() {
        assert_eq!(parse(r#"{ "images_seen": 7 }"#), Ok(Facts::default()));
        let json = r#"{
            "name": "digits", "class_names": ["zero", "one"], "null_label": 2,
            "value_range": [-1, 1], "content": { "pad": 2 }, "licence": "MIT", "artists": ["A", "B"]
        }"#;
        let facts = parse(json).unwrap();
        assert_eq!(facts.name.as_deref(), Some("digits"));
        assert_eq!(facts.null_label, Some(2));
        assert_eq!(facts.value_range, Some([-1.0, 1.0]));
        assert_eq!(facts.content.pad, 2);
        assert_eq!(facts.artists, ["A", "B"]);
    }

    #[test]
    fn facts_must_fit_the_network() {
        let error = |json| parse(json).unwrap_err().to_string();
        assert!(error(r#"{ "null_label": 3 }"#).contains("`null_label` is 3"));
        assert!(error(r#"{ "class_names": ["a", "b"] }"#).contains("`class_names` has 2 names"));
        assert!(error(r#"{ "class_names": ["a", "b"], "null_label": 0 }"#).contains("2 names"));
        assert!(error(r#"{ "value_range": [1, -1] }"#).contains("`value_range` is [1, -1]"));
        assert!(error(r#"{ "content": { "pad": 4 } }"#).contains("`content.pad` is 4"));
        assert!(error(r#"{ "null_label": -1 }"#).contains("-1"));
        assert!(error("[]").contains("not a JSON object"));
    }
}
