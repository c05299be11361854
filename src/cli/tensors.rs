//! The tensors of an input file, each checked as it is taken.

use std::path::Path;

use reverie::net::weights::Weights;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::error::CliError;

/// A larger input is a mistake (bytes).
const MAX_BYTES: u64 = 2 << 30;

/// A safetensors file in memory, with a sound header.
pub struct TensorFile {
    name: String,
    bytes: Vec<u8>,
}

/// A tensor and the names that errors about it need.
pub struct Tensor<'a> {
    file: &'a str,
    name: &'a str,
    view: TensorView<'a>,
}

impl TensorFile {
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let name = path.display().to_string();
        let unreadable = |reason: String| CliError::Read { file: name.clone(), reason };
        let about = path.metadata().map_err(|e| unreadable(e.to_string()))?;
        if !about.is_file() {
            return Err(unreadable("it is not a file".into()));
        }
        if about.len() > MAX_BYTES {
            return Err(unreadable(format!("it has {} bytes, more than {MAX_BYTES}", about.len())));
        }
        let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
        // Unlike `SafeTensors`, this says which tensor of a damaged file lies.
        Weights::parse(bytes.clone(), &name)
            .map_err(|e| CliError::Input { file: name.clone(), reason: e.fault.to_string() })?;
        Ok(Self { name, bytes })
    }

    /// An error about this file.
    pub fn error(&self, reason: impl ToString) -> CliError {
        CliError::Input { file: self.name.clone(), reason: reason.to_string() }
    }

    /// The tensor `name`, if the file has it.
    pub fn find<'a>(&'a self, name: &'a str) -> Result<Option<Tensor<'a>>, CliError> {
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|e| self.error(e))?;
        let view = tensors.tensor(name).ok();
        Ok(view.map(|view| Tensor { file: &self.name, name, view }))
    }

    /// The tensor `name`, which must be there; `expected` says what it is.
    pub fn get<'a>(&'a self, name: &'a str, expected: &str) -> Result<Tensor<'a>, CliError> {
        let missing = || self.error(format!("there is no tensor `{name}`; it must be {expected}"));
        self.find(name)?.ok_or_else(missing)
    }
}

impl<'a> Tensor<'a> {
    pub fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// An error about this tensor.
    pub fn error(&self, reason: impl std::fmt::Display) -> CliError {
        CliError::Input { file: self.file.into(), reason: format!("`{}` {reason}", self.name) }
    }

    /// "has the shape …; it must be `expected`".
    pub fn shape_error(&self, expected: &str) -> CliError {
        self.error(format!("has the shape {:?}; it must be {expected}", self.shape()))
    }

    /// f32 values, all finite.
    pub fn floats(&self) -> Result<Vec<f32>, CliError> {
        if self.view.dtype() != Dtype::F32 {
            return Err(self.type_error("F32"));
        }
        let (values, _) = self.view.data().as_chunks();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(self.error(format!("holds {} at index {at}; it must be finite", values[at]))),
            None => Ok(values),
        }
    }

    /// i64 values.
    pub fn whole(&self) -> Result<Vec<i64>, CliError> {
        if self.view.dtype() != Dtype::I64 {
            return Err(self.type_error("I64"));
        }
        let (values, _) = self.view.data().as_chunks();
        Ok(values.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    /// i64 or f32 values.
    pub fn times(&self) -> Result<Vec<f32>, CliError> {
        match self.view.dtype() {
            Dtype::I64 => Ok(self.whole()?.into_iter().map(|value| value as f32).collect()),
            Dtype::F32 => self.floats(),
            _ => Err(self.type_error("I64 or F32")),
        }
    }

    fn type_error(&self, expected: &str) -> CliError {
        self.error(format!("has the type {}; it must be {expected}", self.view.dtype()))
    }
}
