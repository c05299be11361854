//! How a timestep becomes a vector, on the CPU.
//!
//! WGSL's sine is good to 2⁻¹¹ and only near zero, while arguments here reach
//! 1000 rad; so the sines are made here, in f32 and in PyTorch's order of
//! operations, each function rounded once from f64.

use super::config::{TimeEmbedding, UNetConfig};
use crate::net::weights::{Weights, WeightsError};

/// The input of the time MLP for any timestep (diffusers' `UNet2DModel.time_proj`).
#[derive(Clone, Debug)]
pub struct TimeProjection {
    kind: TimeEmbedding,
    dim: usize,
    /// Frequencies (Fourier) or rows (learned), from the file.
    weight: Vec<f32>,
}

impl TimeProjection {
    pub fn load(config: &UNetConfig, weights: &mut Weights) -> Result<Self, WeightsError> {
        let kind = config.time_embedding;
        let channels = config.block_out_channels[0];
        let weight = match kind {
            TimeEmbedding::Positional { .. } => Vec::new(),
            TimeEmbedding::Fourier => weights.tensor("time_proj.weight", &[channels])?.values,
            TimeEmbedding::Learned { num_train_timesteps } => {
                weights.tensor("time_proj.weight", &[num_train_timesteps, channels])?.values
            }
        };
        Ok(Self { kind, dim: config.timestep_input_dim(), weight })
    }

    /// How many numbers come from the file.
    pub fn parameters(&self) -> u64 {
        self.weight.len() as u64
    }

    /// Floats of one vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What is wrong with a timestep, if anything; `end` is the schedule's length. Without one,
    /// sinusoids take numbers below 0 too: EDM's networks are asked at ¼·ln σ.
    pub fn check(&self, timestep: f32, end: Option<usize>) -> Result<(), String> {
        let end = match self.kind {
            TimeEmbedding::Learned { num_train_timesteps } => Some(num_train_timesteps),
            TimeEmbedding::Positional { .. } => end,
            TimeEmbedding::Fourier => None,
        };
        if !timestep.is_finite() {
            return Err(format!("timestep {timestep} is not a number that a network can see"));
        }
        match (self.kind, end) {
            (TimeEmbedding::Fourier, _) if timestep <= 0.0 => {
                Err(format!("timestep {timestep} has no logarithm; this network takes times above 0"))
            }
            (TimeEmbedding::Learned { .. }, _) if timestep.fract() != 0.0 => {
                Err(format!("timestep {timestep} is not whole, as this network's learned embedding needs"))
            }
            (TimeEmbedding::Learned { .. }, _) | (_, Some(_)) if timestep < 0.0 => {
                Err(format!("timestep {timestep} is negative; timesteps start at 0"))
            }
            (_, Some(end)) if timestep >= end as f32 => Err(format!(
                "timestep {timestep} is out of range; this model's timesteps are 0 to {}",
                end - 1
            )),
            _ => Ok(()),
        }
    }

    /// The vector of a timestep that [`Self::check`] accepts.
    pub fn embed(&self, timestep: f32) -> Vec<f32> {
        match self.kind {
            TimeEmbedding::Positional { flip_sin_to_cos, freq_shift } => {
                let half = self.dim / 2;
                let step = -(10_000f64.ln());
                let angles: Vec<f32> = (0..half)
                    .map(|i| (step as f32 * i as f32) / (half as f64 - freq_shift) as f32)
                    .map(|exponent| libm::exp(f64::from(exponent)) as f32 * timestep)
                    .collect();
                let mut vector = waves(&angles, flip_sin_to_cos);
                vector.resize(self.dim, 0.0);
                vector
            }
            TimeEmbedding::Fourier => {
                let log = libm::log(f64::from(timestep)) as f32;
                let angle = |w: &f32| log * w * 2.0 * std::f32::consts::PI;
                waves(&self.weight.iter().map(angle).collect::<Vec<_>>(), false)
            }
            TimeEmbedding::Learned { .. } => self.weight[timestep as usize * self.dim..][..self.dim].to_vec(),
        }
    }

    /// Vectors of a batch, as an instance's `time` wants them.
    pub fn words(&self, timesteps: &[f32]) -> Vec<u32> {
        timesteps.iter().flat_map(|t| padded(&self.embed(*t))).collect()
    }

    /// Output factors of a batch, as an instance's `output_scale` wants them.
    pub fn output_words(&self, timesteps: &[f32], channels: usize) -> Vec<u32> {
        let vec4s = channels.div_ceil(4);
        let words = |t: &f32| {
            let factor = self.output_factor(*t).to_bits();
            (0..vec4s).flat_map(move |_| [factor, factor, factor, factor, 0, 0, 0, 0])
        };
        timesteps.iter().flat_map(words).collect()
    }

    /// The factor of the network's output (Fourier networks divide it by t).
    pub fn output_factor(&self, timestep: f32) -> f32 {
        if self.kind == TimeEmbedding::Fourier { 1.0 / timestep } else { 1.0 }
    }
}

/// Sines then cosines, or the other way round.
fn waves(angles: &[f32], cosine_first: bool) -> Vec<f32> {
    let sines = angles.iter().map(|a| libm::sin(f64::from(*a)) as f32);
    let cosines = angles.iter().map(|a| libm::cos(f64::from(*a)) as f32);
    if cosine_first { cosines.chain(sines).collect() } else { sines.chain(cosines).collect() }
}

/// Floats as words, padded by zeros to whole vec4s.
pub(super) fn padded(values: &[f32]) -> Vec<u32> {
    let mut words: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
    words.resize(words.len().next_multiple_of(4), 0);
    words
}
