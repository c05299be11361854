//! `config.json` of a diffusers `UNet2DModel`, typed, bounded and with its derived quantities.
//!
//! Missing keys mean the defaults of diffusers' `UNet2DModel.__init__`; unknown keys are ignored,
//! as diffusers does. What `UNet2DModel` would fail on, and what Reverie does not support, is a
//! [`ConfigError`] that names the key.

mod keys;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::Value;
use thiserror::Error;

use crate::models::blocks::{Heads, TimeScaleShift};

/// The largest height or width that a network is run at.
pub const MAX_SIZE: usize = 4096;

/// A `UNet2DModel`'s configuration. Levels count from 0, the full resolution.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetConfig {
    /// The height and width that the model was trained at, if the file says.
    pub sample_size: Option<(usize, usize)>,
    pub in_channels: usize,
    pub out_channels: usize,
    /// Whether the network sees 2x − 1 instead of the sample x.
    pub center_input_sample: bool,
    pub time_embedding: TimeEmbedding,
    /// Width of the time embedding after its MLP, and of every class embedding.
    pub time_embed_dim: usize,
    pub class_embedding: Option<ClassEmbedding>,
    /// One a level, from the full resolution down.
    pub down_blocks: Vec<DownBlock>,
    pub mid_block: Option<MidBlock>,
    /// One a level, from the lowest resolution up.
    pub up_blocks: Vec<UpBlock>,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a down block; an up block has one more.
    pub layers_per_block: usize,
    /// 1: a symmetric border of zeros; 0: one row below and one column to the right.
    pub downsample_padding: usize,
    /// How [`DownBlock::AttnDown`] downsamples; see [`UNetConfig::downsample`].
    pub downsample_type: Resampling,
    /// How [`UpBlock::AttnUp`] upsamples; see [`UNetConfig::upsample`].
    pub upsample_type: Resampling,
    /// The activation of the residual blocks; the time MLP and the output always use SiLU.
    pub act_fn: Activation,
    /// Channels of an attention head; `None` makes one head of all channels.
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm but the middle attention's; divides every level's channels.
    pub norm_num_groups: usize,
    pub norm_eps: f32,
    pub resnet_time_scale_shift: TimeScaleShift,
}

/// How a timestep becomes the input of the time MLP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeEmbedding {
    /// Sinusoids of the timestep (diffusers' `get_timestep_embedding`).
    Positional { flip_sin_to_cos: bool, freq_shift: f64 },
    /// Sines, then cosines, of log t at the frequencies `time_proj.weight`; the network's output
    /// is divided by t (diffusers' `GaussianFourierProjection`).
    Fourier,
    /// A row of `time_proj.weight` for each whole timestep.
    Learned { num_train_timesteps: usize },
}

/// What is added to the time embedding for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassEmbedding {
    /// A row of `class_embedding.weight`.
    Table { num_class_embeds: usize },
    /// A second MLP on the label, embedded as a timestep is.
    Timestep,
    /// The labels are the vectors themselves, `[N, time_embed_dim]`.
    Identity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownBlock {
    Down,
    AttnDown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpBlock {
    Up,
    AttnUp,
}

/// The middle: a residual block, perhaps attention, a residual block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MidBlock {
    /// Each residual block and the attention divide their output (residual included) by this.
    pub scale_factor: f32,
    pub attention: Option<MidAttention>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MidAttention {
    pub heads: Heads,
    /// Groups of the attention's group norm; `None` leaves the norm out, weights and all.
    pub norm_groups: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// A 3×3 convolution, of stride 2 or after nearest ×2.
    Conv,
    /// A residual block that averages 2×2, or repeats ×2, after its first norm and activation.
    Resnet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// With the exact error function.
    Gelu,
    Relu,
    Mish,
}

/// Why a config cannot be run.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ConfigError {
    #[error("this is not a JSON config ({0}): save the model again with `save_pretrained`")]
    Json(String),
    #[error("`{key}` is {value}, which is not supported; supported: {supported}")]
    Unsupported { key: String, value: String, supported: String },
    #[error("`{key}` is {value}: {needs}")]
    Invalid { key: String, value: String, needs: String },
    #[error(
        "the size {height}×{width} cannot be run: height and width must be multiples of {stride} \
         (`block_out_channels` has {levels} levels) from {stride} to {MAX_SIZE}"
    )]
    Size { height: usize, width: usize, stride: usize, levels: usize },
}

impl UNetConfig {
    /// Reads `config.json`.
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        parse::parse(json)
    }

    /// The number of resolutions.
    pub fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// The factor between the highest and the lowest resolution.
    pub fn stride(&self) -> usize {
        1 << (self.levels() - 1)
    }

    /// Height and width of a sample, where nothing else is asked for.
    pub fn size(&self) -> (usize, usize) {
        let side = self.stride().max(32);
        self.sample_size.unwrap_or((side, side))
    }

    /// Checks that a sample of `height` × `width` can go through every level and back.
    pub fn check_size(&self, height: usize, width: usize) -> Result<(), ConfigError> {
        let (stride, levels) = (self.stride(), self.levels());
        let fits = |side: usize| side > 0 && side <= MAX_SIZE && side.is_multiple_of(stride);
        if fits(height) && fits(width) {
            Ok(())
        } else {
            Err(ConfigError::Size { height, width, stride, levels })
        }
    }

    /// Width of the time MLP's input (also of a [`ClassEmbedding::Timestep`]'s).
    pub fn timestep_input_dim(&self) -> usize {
        match self.time_embedding {
            TimeEmbedding::Fourier => 2 * self.block_out_channels[0],
            TimeEmbedding::Positional { .. } | TimeEmbedding::Learned { .. } => self.block_out_channels[0],
        }
    }

    /// The heads of an attention over `channels`, at least one where [`UNetConfig::parse`] allows
    /// an attention of that width.
    pub fn heads(&self, channels: usize) -> Heads {
        let dim = self.attention_head_dim.unwrap_or(channels);
        Heads { count: channels / dim, dim }
    }

    /// How the down block `index` ends; the last one keeps its resolution.
    pub fn downsample(&self, index: usize) -> Option<Resampling> {
        let kind = match self.down_blocks[index] {
            DownBlock::Down => Resampling::Conv,
            DownBlock::AttnDown => self.downsample_type,
        };
        (index + 1 < self.levels()).then_some(kind)
    }

    /// How the up block `index`, counted from the lowest resolution, ends.
    pub fn upsample(&self, index: usize) -> Option<Resampling> {
        let kind = match self.up_blocks[index] {
            UpBlock::Up => Resampling::Conv,
            UpBlock::AttnUp => self.upsample_type,
        };
        (index + 1 < self.levels()).then_some(kind)
    }
}
