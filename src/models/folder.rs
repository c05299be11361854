//! A diffusers folder: which files it has, in which layout, and what they hold together.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::attributes::{Attributes, AttributesError};
use super::facts::{Facts, FactsError};
use super::unet_2d::config::{ConfigError, UNetConfig};
use crate::net::weights::{Weights, WeightsError};

/// No config is larger (bytes).
const MAX_JSON: u64 = 4 << 20;
/// No weight file that a network of this engine could use is larger (bytes).
const MAX_WEIGHTS: u64 = 2 << 30;

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
/// Weight files that are recognised only to say what to do about them.
const OTHER_WEIGHTS: [(&str, &str); 3] = [
    (
        "diffusion_pytorch_model.bin",
        "convert it to safetensors: `UNet2DModel.from_pretrained(folder).save_pretrained(folder)`",
    ),
    ("diffusion_pytorch_model.fp16.safetensors", "rename it to diffusion_pytorch_model.safetensors"),
    (
        "diffusion_pytorch_model.safetensors.index.json",
        "the weights are in several files: save them as one, with `max_shard_size=\"2GB\"`",
    ),
];

/// The files of a folder, by their path from it, with `/` between parts.
pub trait Files {
    /// Whether `path` is there and is a file.
    fn has(&self, path: &str) -> bool;

    /// The content of `path`, or `None` where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or holds more than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FolderError>;
}

/// Files in memory, as a page fetches them.
impl Files for BTreeMap<String, Vec<u8>> {
    fn has(&self, path: &str) -> bool {
        self.contains_key(path)
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FolderError> {
        let file = self.get(path);
        file.map(|bytes| checked_size(path, bytes.len() as u64, limit).map(|()| bytes.clone())).transpose()
    }
}

/// Files on disk, below this directory.
#[cfg(not(target_arch = "wasm32"))]
impl Files for std::path::PathBuf {
    fn has(&self, path: &str) -> bool {
        self.join(path).is_file()
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FolderError> {
        let file = self.join(path);
        if !file.is_file() {
            return Ok(None);
        }
        let unreadable = |error: std::io::Error| FolderError::Unreadable {
            file: file.display().to_string(),
            reason: error.to_string(),
        };
        let size = file.metadata().map_err(unreadable)?.len();
        checked_size(path, size, limit)?;
        std::fs::read(&file).map(Some).map_err(unreadable)
    }
}

/// Refuses what is larger than such a file may be.
pub fn checked_size(path: &str, size: u64, limit: u64) -> Result<(), FolderError> {
    if size > limit {
        return Err(FolderError::TooLarge { file: path.into(), size, limit });
    }
    Ok(())
}

/// A model as its folder describes it, without its weights.
#[derive(Debug)]
pub struct ModelFolder {
    pub config: UNetConfig,
    /// The folder of the network's own files.
    unet: &'static str,
    /// The text of `scheduler_config.json`, if there is one.
    pub scheduler: Option<String>,
    pub facts: Facts,
    /// What an identity network's labels mean, if the folder says so.
    pub attributes: Option<Attributes>,
}

/// Why a folder is not a model that can be run.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum FolderError {
    #[error("{file} cannot be read: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("{file} has {size} bytes, more than the {limit} that such a file may have")]
    TooLarge { file: String, size: u64, limit: u64 },
    #[error("{file} is not UTF-8 text: save the model again with `save_pretrained`")]
    NotText { file: String },
    #[error(
        "there is no model here: neither unet/config.json nor config.json was found; \
         give the folder that `save_pretrained` wrote"
    )]
    NoConfig,
    #[error("{file} is missing: save the model with `save_pretrained`, or copy the file here")]
    NoWeights { file: String },
    #[error("only {found} has the weights, which cannot be read: {advice}")]
    OtherWeights { found: String, advice: &'static str },
    #[error("model_index.json is not a JSON object: save the pipeline again")]
    Index,
    #[error(
        "{pipeline} is not supported, {reason}: Reverie runs pipelines of a UNet2DModel and a \
         scheduler, such as DDPMPipeline and DDIMPipeline"
    )]
    Pipeline { pipeline: String, reason: String },
    #[error("{file}: {error}")]
    Config { file: String, error: ConfigError },
    #[error("reverie.json: {0}")]
    Facts(FactsError),
    #[error(transparent)]
    Attributes(#[from] AttributesError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl ModelFolder {
    /// Opens the pipeline layout (`unet/`, `scheduler/`) or the flat one (all files side by side).
    pub fn open(files: &dyn Files) -> Result<Self, FolderError> {
        if let Some(index) = text(files, "model_index.json")? {
            check_pipeline(&index)?;
        }
        let (unet, scheduler) = if files.has("unet/config.json") {
            ("unet/", "scheduler/")
        } else if files.has("config.json") {
            ("", "")
        } else {
            return Err(FolderError::NoConfig);
        };

        let file = format!("{unet}config.json");
        let json = text(files, &file)?.ok_or(FolderError::NoConfig)?;
        let config = UNetConfig::parse(&json).map_err(|error| FolderError::Config { file, error })?;
        let facts = match text(files, "reverie.json")? {
            Some(json) => Facts::parse(&json, &config).map_err(FolderError::Facts)?,
            None => Facts::default(),
        };
        let scheduler = text(files, &format!("{scheduler}scheduler_config.json"))?;
        let attributes = attributes(files, &config)?;
        Ok(Self { config, unet, scheduler, facts, attributes })
    }

    /// The network's weights, of the same folder.
    pub fn weights(&self, files: &dyn Files) -> Result<Weights, FolderError> {
        weights(files, self.unet)
    }
}

fn text(files: &dyn Files, path: &str) -> Result<Option<String>, FolderError> {
    let bytes = files.read(path, MAX_JSON)?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| FolderError::NotText { file: path.into() })
}

fn attributes(files: &dyn Files, config: &UNetConfig) -> Result<Option<Attributes>, FolderError> {
    let (json, tables) = ("attributes.json", "attributes.safetensors");
    match (text(files, json)?, files.read(tables, MAX_WEIGHTS)?) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(AttributesError::Half { found: json, missing: tables }.into()),
        (None, Some(_)) => Err(AttributesError::Half { found: tables, missing: json }.into()),
        (Some(text), Some(bytes)) => {
            let tables = Weights::parse(bytes, tables)?;
            Ok(Some(Attributes::parse(&text, tables, config)?))
        }
    }
}

fn weights(files: &dyn Files, unet: &str) -> Result<Weights, FolderError> {
    let file = format!("{unet}{WEIGHTS}");
    if let Some(bytes) = files.read(&file, MAX_WEIGHTS)? {
        return Ok(Weights::parse(bytes, &file)?);
    }
    for (name, advice) in OTHER_WEIGHTS {
        let found = format!("{unet}{name}");
        if files.has(&found) {
            return Err(FolderError::OtherWeights { found, advice });
        }
    }
    Err(FolderError::NoWeights { file })
}

/// `model_index.json` lists the pipeline's parts as `"name": ["library", "class"]`.
fn check_pipeline(index: &str) -> Result<(), FolderError> {
    let Ok(Value::Object(index)) = serde_json::from_str(index) else {
        return Err(FolderError::Index);
    };
    let pipeline = match index.get("_class_name") {
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
        None => "a pipeline without `_class_name`".into(),
    };
    let refused = |reason| Err(FolderError::Pipeline { pipeline: pipeline.clone(), reason });
    let class = |part: &Value| part.get(1).and_then(Value::as_str).map(str::to_owned);

    match index.get("unet").and_then(class).as_deref() {
        Some("UNet2DModel") => {}
        Some(unet) => return refused(format!("its network is a {unet}")),
        None => return refused("it has no `unet`".into()),
    }
    let parts = index.iter().filter(|(name, _)| !matches!(name.as_str(), "unet" | "scheduler"));
    for (name, part) in parts {
        if let Some(class) = class(part) {
            return refused(format!("it needs `{name}` too, a {class}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(index: &str) -> String {
        check_pipeline(index).unwrap_err().to_string()
    }

    #[test]
    fn a_pipeline_of_a_unet_and_a_scheduler_is_accepted() {
        let index = r#"{
            "_class_name": "DDPMPipeline", "_diffusers_version": "0.42.1",
            "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"],
            "safety_checker": [null, null], "requires_safety_checker": false
        }"#;
        assert_eq!(check_pipeline(index), Ok(()));
    }

    #[test]
    fn other_pipelines_are_refused_by_name() {
        let error = refused(
            r#"{ "_class_name": "StableDiffusionPipeline",
                 "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"] }"#,
        );
        assert!(error.contains("StableDiffusionPipeline is not supported"), "{error}");
        assert!(error.contains("its network is a UNet2DConditionModel"), "{error}");
        let error = refused(
            r#"{ "_class_name": "LDMPipeline",
                 "unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "VQModel"] }"#,
        );
        assert!(error.contains("LDMPipeline is not supported, it needs `vqvae` too"), "{error}");
        assert!(refused(r#"{ "_class_name": "FluxPipeline" }"#).contains("it has no `unet`"));
        assert!(refused("{}").contains("a pipeline without `_class_name`"));
        assert_eq!(refused("[]"), FolderError::Index.to_string());
    }
}
