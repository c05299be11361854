//! The tensors of a `.safetensors` file, taken one by one, each checked as it is taken.

mod header;

use std::fmt;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorInfo};
use thiserror::Error;

use header::Tensors;

/// The type that a tensor has in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    F32,
    F16,
    Bf16,
}

/// A tensor, widened to f32 without loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Outermost dimension first, as in PyTorch.
    pub shape: Vec<usize>,
    pub precision: Precision,
    /// Row-major, all finite.
    pub values: Vec<f32>,
}

/// A weight file whose layout is sound and whose tensors have not all been taken. Its last bytes may
/// still be on their way.
#[derive(Clone, Debug)]
pub struct Weights {
    file: String,
    bytes: Vec<u8>,
    /// Where the data begin in `bytes`; the tensors' offsets count from here.
    data: usize,
    /// Where they should end.
    end: usize,
    tensors: Tensors,
}

/// What is wrong with a weight file.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{file}: {fault}")]
pub struct WeightsError {
    pub file: String,
    pub fault: Fault,
}

/// The part of a [`WeightsError`] that does not name the file.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Fault {
    #[error("the file ends after {found} of {needed} bytes: download or copy it again")]
    Truncated { found: usize, needed: u64 },
    #[error("this is a Git LFS pointer, not the weights: fetch them with `git lfs pull`")]
    LfsPointer,
    #[error("its header would have {0} bytes: this is not a safetensors file, or it is damaged")]
    HeaderSize(u64),
    #[error("its header cannot be read ({0}): this is not a safetensors file, or it is damaged")]
    Header(String),
    #[error("{0} bytes follow the last tensor: the file is damaged, download or copy it again")]
    Trailing(usize),
    #[error("`{name}` has the offsets {begin} to {end}, but {reason}: save the model again")]
    Offsets { name: String, begin: usize, end: usize, reason: String },
    #[error("`{name}` has the type {dtype}: save the model as f32, f16 or bf16")]
    Dtype { name: String, dtype: Dtype },
    #[error("there is no tensor `{name}`{nearest}: config and weights belong to different models")]
    Missing { name: String, nearest: Nearest },
    #[error("`{name}` has the shape {found:?}, but the config asks for {expected:?}")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("`{name}` holds {value} at index {index}: training went wrong, use another checkpoint")]
    NotFinite { name: String, index: usize, value: f32 },
    #[error(
        "the network has no place for {count} of the tensors ({names}): config and weights belong \
         to different models"
    )]
    Extra { count: usize, names: String },
}

/// The name in the file that is most like one that is not there, if there is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest(pub Option<String>);

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, " (the nearest is `{name}`)"))
    }
}

impl Weights {
    /// Reads the header of a `.safetensors` file; `file` names it in errors.
    pub fn parse(bytes: Vec<u8>, file: &str) -> Result<Self, WeightsError> {
        let weights = Self::begin(bytes, file)?;
        weights.check_length()?;
        Ok(weights)
    }

    /// Whether the beginning of a file is enough for [`Self::begin`].
    pub(super) fn has_header(bytes: &[u8]) -> bool {
        header::is_whole(bytes)
    }

    /// Reads the header of a file that may still be arriving.
    pub(super) fn begin(bytes: Vec<u8>, file: &str) -> Result<Self, WeightsError> {
        match header::read(&bytes) {
            Ok((data, end, tensors)) => Ok(Self { file: file.into(), bytes, data, end, tensors }),
            Err(fault) => Err(WeightsError { file: file.into(), fault }),
        }
    }

    /// Goes on with bytes that have arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether all of a tensor is there. There is nothing to wait for where the file has none of
    /// this name.
    pub(super) fn has_arrived(&self, name: &str) -> bool {
        let info = old_name(name).and_then(|old| self.tensors.get(&old)).or_else(|| self.tensors.get(name));
        info.is_none_or(|info| self.data.saturating_add(info.data_offsets.1) <= self.bytes.len())
    }

    /// Checks that the file is whole, and has no more than it should.
    pub(super) fn check_length(&self) -> Result<(), WeightsError> {
        let found = self.bytes.len();
        if found < self.end {
            return Err(self.error(Fault::Truncated { found, needed: self.end as u64 }));
        }
        if found > self.end {
            return Err(self.error(Fault::Trailing(found - self.end)));
        }
        Ok(())
    }

    /// The names of the tensors that have not been taken, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Takes the tensor `name` (diffusers' name today), which must have `shape`.
    ///
    /// An attention's projection is also found by the name it had before diffusers 0.15
    /// (`query` for `to_q`, …), and then may be a 1×1 convolution's `[C, C, 1, 1]`.
    ///
    /// # Errors
    /// A tensor that is missing (or already taken), of another shape, of a type other than f32,
    /// f16 and bf16, or with a value that is not finite.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        self.take(name, shape).map_err(|fault| self.error(fault))
    }

    /// A tensor as it lies in the file, of whatever type: what is taken goes through
    /// [`Self::tensor`].
    pub fn raw(&self, name: &str) -> Result<(&TensorInfo, &[u8]), WeightsError> {
        let Some(info) = self.tensors.get(name) else {
            return Err(self.error(Fault::Missing { name: name.into(), nearest: self.nearest(name) }));
        };
        let (begin, end) = info.data_offsets;
        Ok((info, &self.bytes[self.data + begin..self.data + end]))
    }

    /// Checks that every tensor has been taken.
    pub fn finish(self) -> Result<(), WeightsError> {
        const SHOWN: usize = 4;
        let count = self.tensors.len();
        if count == 0 {
            return Ok(());
        }
        let mut names: Vec<_> = self.names().take(SHOWN).map(shortened).collect();
        if count > SHOWN {
            names.push("…".into());
        }
        Err(self.error(Fault::Extra { count, names: names.join(", ") }))
    }

    fn error(&self, fault: Fault) -> WeightsError {
        WeightsError { file: self.file.clone(), fault }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Fault> {
        let old = old_name(name).filter(|old| self.tensors.contains_key(old));
        let is_old = old.is_some();
        let name = old.unwrap_or_else(|| name.into());
        let Some(info) = self.tensors.remove(&name) else {
            let nearest = self.nearest(&name);
            return Err(Fault::Missing { name, nearest });
        };

        let as_linear = || info.shape.strip_suffix(&[1, 1]);
        if info.shape != shape && !(is_old && as_linear() == Some(shape)) {
            return Err(Fault::Shape { name, found: info.shape, expected: shape.into() });
        }
        // In range: the header's offsets were checked against the file.
        let (begin, end) = info.data_offsets;
        let bytes = &self.bytes[self.data + begin..self.data + end];
        let (precision, values) = match info.dtype {
            Dtype::F32 => (Precision::F32, widen(bytes, f32::from_le_bytes)),
            Dtype::F16 => (Precision::F16, widen(bytes, |b| f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => (Precision::Bf16, widen(bytes, |b| bf16::from_le_bytes(b).to_f32())),
            dtype => return Err(Fault::Dtype { name, dtype }),
        };
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Fault::NotFinite { name, index, value: values[index] });
        }
        Ok(Tensor { shape: shape.into(), precision, values })
    }

    /// The name that shares the longest beginning and end with `name`.
    fn nearest(&self, name: &str) -> Nearest {
        let shared = |other: &&str| {
            let pairs = || name.bytes().zip(other.bytes());
            let ends = name.bytes().rev().zip(other.bytes().rev());
            pairs().take_while(|(a, b)| a == b).count() + ends.take_while(|(a, b)| a == b).count()
        };
        Nearest(self.names().max_by_key(shared).map(shortened))
    }
}

/// Little-endian elements of `SIZE` bytes as f32.
fn widen<const SIZE: usize>(bytes: &[u8], read: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks();
    elements.iter().map(|&element| read(element)).collect()
}

/// The name of an attention's projection before diffusers 0.15, for a name of today.
fn old_name(name: &str) -> Option<String> {
    const PROJECTIONS: [(&str, &str); 4] =
        [(".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")];
    let (new, old) = PROJECTIONS.iter().find(|(new, _)| name.contains(new))?;
    Some(name.replacen(new, old, 1))
}

/// A name out of a file, cut where it is absurdly long.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 120;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn weights(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Weights {
        let views = tensors.iter().map(|&(name, dtype, shape, bytes)| {
            (name, TensorView::new(dtype, shape.to_vec(), bytes).unwrap())
        });
        Weights::parse(safetensors::serialize(views, None).unwrap(), "w.safetensors").unwrap()
    }

    #[test]
    fn every_precision_is_widened_without_loss() {
        let mut weights = weights(&[
            ("a", Dtype::F32, &[1, 2], bytemuck::cast_slice(&[0.1f32, -2.0])),
            ("b", Dtype::F16, &[2], bytemuck::cast_slice(&[f16::from_f32(0.1), f16::MIN_POSITIVE_SUBNORMAL])),
            ("c", Dtype::BF16, &[1], bytemuck::cast_slice(&[bf16::MAX])),
        ]);
        let a = weights.tensor("a", &[1, 2]).unwrap();
        assert_eq!(a, Tensor { shape: vec![1, 2], precision: Precision::F32, values: vec![0.1, -2.0] });
        let b = weights.tensor("b", &[2]).unwrap();
        assert_eq!((b.precision, b.values), (Precision::F16, vec![0.099975586, 2f32.powi(-24)]));
        let c = weights.tensor("c", &[1]).unwrap();
        assert_eq!((c.precision, c.values), (Precision::Bf16, vec![bf16::MAX.to_f32()]));
        assert_eq!(weights.finish(), Ok(()));
    }

    #[test]
    fn old_attention_names_and_shapes_are_found() {
        let four: &[u8] = bytemuck::cast_slice(&[1f32, 2.0, 3.0, 4.0]);
        let mut weights = weights(&[
            ("mid_block.attentions.0.query.weight", Dtype::F32, &[2, 2], four),
            ("mid_block.attentions.0.proj_attn.weight", Dtype::F32, &[2, 2, 1, 1], four),
            ("mid_block.attentions.0.to_v.weight", Dtype::F32, &[2, 2, 1, 1], four),
        ]);
        for name in ["to_q", "to_out.0"] {
            let tensor = weights.tensor(&format!("mid_block.attentions.0.{name}.weight"), &[2, 2]).unwrap();
            assert_eq!((tensor.shape, tensor.values), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        }
        // Only the old names had convolutions.
        let error = weights.tensor("mid_block.attentions.0.to_v.weight", &[2, 2]).unwrap_err();
        assert!(matches!(error.fault, Fault::Shape { .. }), "{error}");
    }
}
