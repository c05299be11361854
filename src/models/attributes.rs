//! `attributes.json` and `attributes.safetensors`: several wishes at once, in one label.
//!
//! Each attribute has a table `[V + 1, D]`, a row for each of its values and last
//! the row that leaves it free. The label of a network of `class_embed_type` identity
//! is the sum of one row of each, so that all of them free is its null label.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::unet_2d::config::{ClassEmbedding, UNetConfig};
use crate::net::weights::{Weights, WeightsError};

/// What a model can be asked for, in the order of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    list: Vec<Attribute>,
    /// Width of a label: the network's time embedding.
    dim: usize,
}

/// One of them, and the names that its values have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribute {
    pub name: String,
    /// The name as people read it.
    pub title: String,
    pub values: Vec<String>,
    /// `[V + 1, D]`.
    #[serde(skip)]
    table: Vec<f32>,
}

/// Why the two files cannot be believed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum AttributesError {
    #[error("{found} is here, but {missing} is not: copy both, or remove both")]
    Half { found: &'static str, missing: &'static str },
    #[error("attributes.json: this is not an object with a list of `attributes`: {0}")]
    Json(String),
    #[error("attributes.json: it lists no attributes: list one, or remove it and attributes.safetensors")]
    Empty,
    #[error(
        "attributes.json: the network takes no vectors as labels (its `class_embed_type` must be \
         \"identity\"): these files belong to another model"
    )]
    Network,
    #[error(
        "attributes.json: {what} is called {name:?}: names are of lower-case letters, digits and \
         single hyphens, such as `dark-elf`"
    )]
    Name { what: String, name: String },
    #[error("attributes.json: {what} is there twice: give each another name")]
    Twice { what: String },
    #[error("attributes.json: `{name}` has no values: give it some, or leave it out")]
    NoValues { name: String },
    #[error(
        "`{name}` needs a table [{rows}, {dim}], a row for each of its values and the free one last, \
         as wide as the network's time embedding: {error}"
    )]
    Table { name: String, rows: usize, dim: usize, error: Box<WeightsError> },
    #[error("attributes.json lists fewer attributes than there are tables: {0}")]
    Tables(WeightsError),
}

#[derive(Deserialize)]
struct Description {
    attributes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    title: Option<String>,
    values: Vec<String>,
}

impl Attributes {
    /// Reads both files and checks them against each other and the network.
    pub fn parse(json: &str, mut tables: Weights, config: &UNetConfig) -> Result<Self, AttributesError> {
        let Description { attributes } =
            serde_json::from_str(json).map_err(|e| AttributesError::Json(e.to_string()))?;
        if attributes.is_empty() {
            return Err(AttributesError::Empty);
        }
        if config.class_embedding != Some(ClassEmbedding::Identity) {
            return Err(AttributesError::Network);
        }
        let dim = config.time_embed_dim;
        check_names("an attribute", attributes.iter().map(|entry| &entry.name))?;
        let list = attributes.into_iter().map(|entry| Attribute::new(entry, &mut tables, dim));
        let list = list.collect::<Result<_, _>>()?;
        tables.finish().map_err(AttributesError::Tables)?;
        Ok(Self { list, dim })
    }

    pub fn list(&self) -> &[Attribute] {
        &self.list
    }

    /// The label `[D]` of a wish: the number of a value of each attribute, or None.
    pub fn label(&self, wish: &[Option<u32>]) -> Result<Vec<f32>, String> {
        if wish.len() != self.list.len() {
            let (found, count) = (wish.len(), self.list.len());
            return Err(format!("{found} values for {count} attributes; give each a value or leave it free"));
        }
        let mut sum = vec![0.0; self.dim];
        for (attribute, value) in self.list.iter().zip(wish) {
            let Attribute { name, values, table, .. } = attribute;
            let row = value.map_or(values.len(), |value| value as usize);
            if value.is_some() && row >= values.len() {
                return Err(format!("{name} has no value {row}; its values are 0 to {}", values.len() - 1));
            }
            let row = &table[row * self.dim..][..self.dim];
            sum.iter_mut().zip(row).for_each(|(sum, term)| *sum += term);
        }
        Ok(sum)
    }
}

impl Attribute {
    fn new(entry: Entry, tables: &mut Weights, dim: usize) -> Result<Self, AttributesError> {
        let Entry { name, title, values } = entry;
        if values.is_empty() {
            return Err(AttributesError::NoValues { name });
        }
        check_names(&format!("a value of `{name}`"), values.iter())?;
        let rows = values.len() + 1;
        match tables.tensor(&name, &[rows, dim]) {
            Ok(table) => {
                Ok(Self { title: title.unwrap_or_else(|| name.clone()), name, values, table: table.values })
            }
            Err(error) => Err(AttributesError::Table { name, rows, dim, error: Box::new(error) }),
        }
    }
}

/// Names that a link and a command line can hold, each once.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), AttributesError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !name.split('-').all(is_word) {
            return Err(AttributesError::Name { what: what.into(), name: name.clone() });
        }
        if !seen.insert(name) {
            return Err(AttributesError::Twice { what: format!("{what}, `{name}`,") });
        }
    }
    Ok(())
}
