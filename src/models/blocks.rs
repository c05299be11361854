//! The blocks that diffusers' networks share, each written once: where it stands is a scope.

use crate::kernels::activation::Activation;
use crate::net::builder::Builder;
use crate::net::graph::{ScaleShift, Slice, TensorId};
use crate::net::layout::Layout;
use crate::net::scope::Scope;

/// The heads of one attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub count: usize,
    /// Channels a head.
    pub dim: usize,
}

impl Heads {
    /// Width of queries, keys and values: less than the channels where `dim` does not divide them.
    pub fn inner_dim(self) -> usize {
        self.count * self.dim
    }
}

/// What group norms are by.
#[derive(Clone, Copy, Debug)]
pub struct Norm {
    pub groups: usize,
    pub eps: f32,
}

/// The projections of one embedding for every residual block: a layer, their outputs side by side.
#[derive(Debug)]
pub struct Projections {
    /// The table of all of them, which grows by every block.
    table: TensorId,
    layers: Vec<(Scope, Layout)>,
}

impl Projections {
    pub fn new(b: &mut Builder) -> Self {
        Self { table: b.vector(1), layers: Vec::new() }
    }

    /// A place for one more, `count` times so many channels: where each of them begins.
    fn reserve(&mut self, b: &mut Builder, at: Scope, channels: usize, count: usize) -> Vec<usize> {
        let start: usize = self.layers.iter().map(|(_, layout)| layout.physical()).sum();
        self.layers.push((at, Layout::repeat(channels, count)));
        let all = self.layers.iter().fold(Layout::new(&[]), |all, (_, layout)| all.then(layout));
        b.graph.tensors[self.table.0].layout = all;
        (0..count).map(|part| start + part * Layout::of(channels).physical()).collect()
    }

    /// Writes the table, of an embedding.
    pub fn write(self, b: &mut Builder, embedding: TensorId) {
        b.linear_into(&self.layers, embedding, false, self.table);
    }
}

/// How a residual block takes the embedding in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeScaleShift {
    /// Added to the channels before the second norm.
    Default,
    /// Scale and shift, `x (1 + scale) + shift`, after the second norm.
    ScaleShift,
}

/// What a residual block does to the image size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    No,
    Up,
    Down,
}

/// diffusers' `ResnetBlock2D`.
#[derive(Clone, Copy, Debug)]
pub struct Resnet {
    pub norm: Norm,
    pub act_fn: Activation,
    pub time: TimeScaleShift,
    pub channels: usize,
    /// After the first norm and activation, and of what goes round the block.
    pub resample: Resample,
    /// Of the sum of both.
    pub scale: f32,
}

impl Resnet {
    pub fn write(self, b: &mut Builder, at: &Scope, x: TensorId, embedding: &mut Projections) -> TensorId {
        let Self { norm, channels, .. } = self;
        let h = b.group_norm(&at.at("norm1"), x, norm.groups, norm.eps);
        let h = b.activation(h, self.act_fn);
        let (h, x) = (self.resampled(b, h), self.resampled(b, x));
        let mut h = b.conv(&at.at("conv1"), h, channels);
        let projection = at.at("time_emb_proj");
        let scale_shift = match self.time {
            TimeScaleShift::Default => {
                let offset = embedding.reserve(b, projection, channels, 1)[0];
                h = b.add_vector(h, Slice { tensor: embedding.table, offset });
                None
            }
            TimeScaleShift::ScaleShift => {
                let places = embedding.reserve(b, projection, channels, 2);
                Some(ScaleShift { tensor: embedding.table, scale: places[0], shift: places[1] })
            }
        };
        h = b.group_norm(&at.at("norm2"), h, norm.groups, norm.eps);
        if let Some(by) = scale_shift {
            h = b.scale_shift(h, by);
        }
        let h = b.activation(h, self.act_fn);
        let shortcut = match b.layout(x).channels() == channels {
            true => x,
            false => b.linear(&[(at.at("conv_shortcut"), Layout::of(channels))], x, true),
        };
        let h = b.conv(&at.at("conv2"), h, channels);
        let sum = b.add(h, shortcut);
        b.scale(sum, self.scale)
    }

    fn resampled(self, b: &mut Builder, x: TensorId) -> TensorId {
        match self.resample {
            Resample::No => x,
            Resample::Up => b.upsample(x),
            Resample::Down => b.avg_pool(x),
        }
    }
}

/// diffusers' `Attention` over pixels, as its attention blocks set it up: norm, heads, and what went
/// in added.
#[derive(Clone, Copy, Debug)]
pub struct SelfAttention {
    pub heads: Heads,
    /// `None` leaves the norm out, weights and all.
    pub norm: Option<Norm>,
    pub scale: f32,
}

impl SelfAttention {
    pub fn write(self, b: &mut Builder, at: &Scope, x: TensorId) -> TensorId {
        let Heads { count, dim } = self.heads;
        let h = match self.norm {
            Some(norm) => b.group_norm(&at.at("group_norm"), x, norm.groups, norm.eps),
            None => x,
        };
        let inner = Layout::repeat(dim, count);
        let parts = ["to_q", "to_k", "to_v"].map(|part| (at.at(part), inner.clone()));
        let qkv = b.linear(&parts, h, false);
        let values = b.attention(qkv, count, dim);
        let layout = b.layout(x);
        let y = b.linear(&[(at.at("to_out").at(0), layout)], values, false);
        let sum = b.add(y, x);
        b.scale(sum, self.scale)
    }
}

/// diffusers' `TimestepEmbedding`: two layers with a SiLU between them.
pub fn timestep_embedding(b: &mut Builder, at: &Scope, x: TensorId, dim: usize) -> TensorId {
    let hidden = b.linear(&[(at.at("linear_1"), Layout::of(dim))], x, false);
    let hidden = b.activation(hidden, Activation::Silu);
    b.linear(&[(at.at("linear_2"), Layout::of(dim))], hidden, false)
}
