//! From JSON to a [`UNetConfig`]: every key's default and bounds, then what holds between keys.

use super::keys::{Keys, choice, flag, invalid, list, nullable, number, respelled, whole};
use super::*;

/// Bounds far above any published model, so that no config asks for an absurd allocation.
const MAX_LEVELS: usize = 16;
const MAX_LAYERS: usize = 64;
const MAX_CHANNELS: usize = 8192;
const MAX_EMBED_DIM: usize = 65_536;
const MAX_ROWS: usize = 1_000_000;

const DOWN_BLOCKS: &[(&str, DownBlock)] =
    &[("DownBlock2D", DownBlock::Down), ("AttnDownBlock2D", DownBlock::AttnDown)];
const UP_BLOCKS: &[(&str, UpBlock)] = &[("UpBlock2D", UpBlock::Up), ("AttnUpBlock2D", UpBlock::AttnUp)];
const RESAMPLINGS: &[(&str, Resampling)] = &[("conv", Resampling::Conv), ("resnet", Resampling::Resnet)];
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("gelu", Activation::Gelu),
    ("relu", Activation::Relu),
    ("mish", Activation::Mish),
];
const TIME_SCALE_SHIFTS: &[(&str, TimeScaleShift)] =
    &[("default", TimeScaleShift::Default), ("scale_shift", TimeScaleShift::ScaleShift)];

#[derive(Clone, Copy)]
enum TimeKind {
    Positional,
    Fourier,
    Learned,
}
const TIME_KINDS: &[(&str, TimeKind)] =
    &[("positional", TimeKind::Positional), ("fourier", TimeKind::Fourier), ("learned", TimeKind::Learned)];
const CLASS_KINDS: &[(&str, ClassEmbedding)] =
    &[("timestep", ClassEmbedding::Timestep), ("identity", ClassEmbedding::Identity)];

pub(super) fn parse(json: &str) -> Result<UNetConfig, ConfigError> {
    let keys = Keys::parse(json)?;
    keys.or("_class_name", (), choice(&[("UNet2DModel", ())]))?;
    keys.or("dropout", 0.0, number(0.0..=1.0))?; // does nothing at inference

    let block_out_channels = block_out_channels(&keys)?;
    let (down_blocks, up_blocks) = blocks(&keys, block_out_channels.len())?;
    let resnet_time_scale_shift =
        keys.or("resnet_time_scale_shift", TimeScaleShift::Default, choice(TIME_SCALE_SHIFTS))?;
    let time_embed_dim = keys.or("time_embedding_dim", None, nullable(whole(1..=MAX_EMBED_DIM)))?;

    let mut config = UNetConfig {
        sample_size: keys.or("sample_size", None, nullable(sample_size))?,
        in_channels: keys.or("in_channels", 3, whole(1..=MAX_CHANNELS))?,
        out_channels: keys.or("out_channels", 3, whole(1..=MAX_CHANNELS))?,
        center_input_sample: keys.or("center_input_sample", false, flag)?,
        time_embedding: time_embedding(&keys, block_out_channels[0])?,
        time_embed_dim: time_embed_dim.unwrap_or(4 * block_out_channels[0]),
        class_embedding: class_embedding(&keys)?,
        down_blocks,
        mid_block: None,
        up_blocks,
        layers_per_block: keys.or("layers_per_block", 2, whole(1..=MAX_LAYERS))?,
        downsample_padding: keys.or("downsample_padding", 1, whole(0..=1))?,
        downsample_type: resampling(&keys, "downsample_type")?,
        upsample_type: resampling(&keys, "upsample_type")?,
        act_fn: keys.or(
            "act_fn",
            Activation::Silu,
            respelled(|name| name.to_ascii_lowercase(), choice(ACTIVATIONS)),
        )?,
        attention_head_dim: keys.or("attention_head_dim", Some(8), nullable(whole(1..=MAX_CHANNELS)))?,
        norm_num_groups: keys.or("norm_num_groups", 32, whole(1..=MAX_CHANNELS))?,
        norm_eps: keys.or("norm_eps", 1e-5, number(1e-12..=1.0))? as f32,
        resnet_time_scale_shift,
        block_out_channels,
    };
    config.mid_block = mid_block(&keys, &config)?;
    check_groups(&config)?;
    check_heads(&config)?;
    Ok(config)
}

fn block_out_channels(keys: &Keys) -> Result<Vec<usize>, ConfigError> {
    let read = list(whole(1..=MAX_CHANNELS), 1..=MAX_LEVELS);
    keys.or("block_out_channels", vec![224, 448, 672, 896], read)
}

fn blocks(keys: &Keys, levels: usize) -> Result<(Vec<DownBlock>, Vec<UpBlock>), ConfigError> {
    let modern = |name: &str| name.strip_prefix("UNetRes").unwrap_or(name).to_owned();
    let default = [DownBlock::Down, DownBlock::AttnDown, DownBlock::AttnDown, DownBlock::AttnDown];
    let read = list(respelled(modern, choice(DOWN_BLOCKS)), 1..=MAX_LEVELS);
    let down = keys.or("down_block_types", default.to_vec(), read)?;
    let default = [UpBlock::AttnUp, UpBlock::AttnUp, UpBlock::AttnUp, UpBlock::Up];
    let read = list(respelled(modern, choice(UP_BLOCKS)), 1..=MAX_LEVELS);
    let up = keys.or("up_block_types", default.to_vec(), read)?;
    for (key, count) in [("down_block_types", down.len()), ("up_block_types", up.len())] {
        if count != levels {
            return Err(ConfigError::Invalid {
                key: key.into(),
                value: format!("a list of {count}"),
                needs: format!("`block_out_channels` has {levels} items and needs as many blocks"),
            });
        }
    }
    Ok((down, up))
}

fn sample_size(key: &str, value: &Value) -> Result<(usize, usize), ConfigError> {
    let side = whole(1..=MAX_SIZE);
    if !value.is_array() {
        return side(key, value).map(|side| (side, side));
    }
    let sides = list(side, 2..=2)(key, value)?;
    Ok((sides[0], sides[1]))
}

fn time_embedding(keys: &Keys, channels: usize) -> Result<TimeEmbedding, ConfigError> {
    let flip_sin_to_cos = keys.or("flip_sin_to_cos", true, flag)?;
    let freq_shift = keys.or("freq_shift", 0.0, number(0.0..=MAX_CHANNELS as f64))?;
    let num_train_timesteps = keys.or("num_train_timesteps", None, nullable(whole(1..=MAX_ROWS)))?;
    let kind = keys.or("time_embedding_type", TimeKind::Positional, choice(TIME_KINDS))?;
    match kind {
        TimeKind::Positional => {
            // The frequencies are 10000^(-i / (half - freq_shift)).
            let half = channels / 2;
            if half > 0 && freq_shift >= half as f64 {
                let needs = format!("less than {half} is needed, half of `block_out_channels[0]`");
                return Err(invalid("freq_shift", &freq_shift.into(), needs));
            }
            Ok(TimeEmbedding::Positional { flip_sin_to_cos, freq_shift })
        }
        TimeKind::Fourier => Ok(TimeEmbedding::Fourier),
        TimeKind::Learned => {
            let num_train_timesteps = num_train_timesteps.ok_or_else(|| {
                let needs = "the `learned` time embedding needs its number of rows";
                invalid("num_train_timesteps", &Value::Null, needs)
            })?;
            Ok(TimeEmbedding::Learned { num_train_timesteps })
        }
    }
}

fn class_embedding(keys: &Keys) -> Result<Option<ClassEmbedding>, ConfigError> {
    let rows = keys.or("num_class_embeds", None, nullable(whole(1..=MAX_ROWS)))?;
    let kind = keys.or("class_embed_type", None, nullable(choice(CLASS_KINDS)))?;
    // A named type wins over a table, as in diffusers.
    let table = || rows.map(|num_class_embeds| ClassEmbedding::Table { num_class_embeds });
    Ok(kind.or_else(table))
}

/// `null` means a convolution to diffusers' `get_down_block` and `get_up_block`.
fn resampling(keys: &Keys, key: &str) -> Result<Resampling, ConfigError> {
    let kind = keys.or(key, None, nullable(choice(RESAMPLINGS)))?;
    Ok(kind.unwrap_or(Resampling::Conv))
}

fn mid_block(keys: &Keys, config: &UNetConfig) -> Result<Option<MidBlock>, ConfigError> {
    let present = keys.or("mid_block_type", Some(()), nullable(choice(&[("UNetMidBlock2D", ())])))?;
    let scale_factor = keys.or("mid_block_scale_factor", 1.0, number(1e-6..=1e6))? as f32;
    let add_attention = keys.or("add_attention", true, flag)?;
    let groups = keys.or("attn_norm_num_groups", None, nullable(whole(1..=MAX_CHANNELS)))?;
    let default_groups = match config.resnet_time_scale_shift {
        TimeScaleShift::Default => Some(config.norm_num_groups),
        TimeScaleShift::ScaleShift => None,
    };
    let channels = config.block_out_channels[config.levels() - 1];
    let attention = add_attention
        .then(|| MidAttention { heads: config.heads(channels), norm_groups: groups.or(default_groups) });
    Ok(present.map(|()| MidBlock { scale_factor, attention }))
}

/// Group norms: of every level's channels, and of sums of them where skips are concatenated.
fn check_groups(config: &UNetConfig) -> Result<(), ConfigError> {
    let groups = config.norm_num_groups;
    for (level, &channels) in config.block_out_channels.iter().enumerate() {
        if !channels.is_multiple_of(groups) {
            let needs =
                format!("it does not divide the {channels} channels of `block_out_channels[{level}]`");
            return Err(invalid("norm_num_groups", &groups.into(), needs));
        }
    }
    let channels = config.block_out_channels[config.levels() - 1];
    let attention = config.mid_block.and_then(|mid| mid.attention);
    match attention.and_then(|attention| attention.norm_groups) {
        Some(groups) if !channels.is_multiple_of(groups) => {
            let needs = format!("it does not divide the {channels} channels of the middle block");
            Err(invalid("attn_norm_num_groups", &groups.into(), needs))
        }
        _ => Ok(()),
    }
}

/// Every attention needs at least one head.
fn check_heads(config: &UNetConfig) -> Result<(), ConfigError> {
    let levels = config.block_out_channels.iter();
    let down = levels.clone().zip(&config.down_blocks);
    let up = levels.rev().zip(&config.up_blocks);
    let down = down.filter(|&(_, &block)| block == DownBlock::AttnDown).map(|(&channels, _)| channels);
    let up = up.filter(|&(_, &block)| block == UpBlock::AttnUp).map(|(&channels, _)| channels);
    let mid = config.mid_block.and_then(|mid| mid.attention);
    let mid = mid.map(|_| config.block_out_channels[config.levels() - 1]);
    match (config.attention_head_dim, down.chain(up).chain(mid).min()) {
        (Some(dim), Some(channels)) if dim > channels => {
            let needs = format!("an attention has only {channels} channels: make it at most that");
            Err(invalid("attention_head_dim", &dim.into(), needs))
        }
        _ => Ok(()),
    }
}
