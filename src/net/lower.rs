//! From fused operations to dispatches, and what is between those of one operation.

use super::choose::{self, Downsample, Linear, Norm, Product};
use super::fused::{Fused, Op};
use super::graph::{Affine, TensorId, WeightId};
use super::memory::Scratch;
use crate::kernels::activation::Activation;
use crate::kernels::{
    BufferId, Dispatch, activation, avg_pool, class_embedding, conv3x3_stride2, group_norm, group_norm_lone,
    im2col, linear, matmul, matmul_few, upsample,
};

/// A dispatch's share of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The fused operation, by number.
    pub op: usize,
    /// Floating-point operations, as many as the plain sums have.
    pub flops: u64,
    /// Words that it reads and writes, each counted once.
    pub words: u64,
}

/// What a lowered dispatch binds, before anything has a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Tensor(usize),
    Weight(usize),
    /// What stands in for an input that an operation does without.
    Absent,
    Scratch(usize),
}

impl Operand {
    /// As a number: tensors first, then weights, what is absent, and scratch.
    fn id(self, network: &Fused) -> BufferId {
        let (tensors, weights) = (network.tensors.len(), network.weights.len());
        BufferId(match self {
            Operand::Tensor(tensor) => tensor,
            Operand::Weight(weight) => tensors + weight,
            Operand::Absent => tensors + weights,
            Operand::Scratch(scratch) => tensors + weights + 1 + scratch,
        })
    }

    /// The way back.
    pub fn of(BufferId(id): BufferId, network: &Fused) -> Self {
        let (tensors, weights) = (network.tensors.len(), network.weights.len());
        match id {
            _ if id < tensors => Operand::Tensor(id),
            _ if id < tensors + weights => Operand::Weight(id - tensors),
            _ if id == tensors + weights => Operand::Absent,
            _ => Operand::Scratch(id - tensors - weights - 1),
        }
    }
}

/// A network's dispatches over operands.
#[derive(Debug)]
pub struct Lowering<'a> {
    pub(super) network: &'a Fused,
    pub(super) batch: u32,
    /// The operation that is being lowered, and all that it has to do.
    whole: Share,
    pub dispatches: Vec<Dispatch>,
    pub shares: Vec<Share>,
    pub scratch: Vec<Scratch>,
}

impl<'a> Lowering<'a> {
    pub fn of(network: &'a Fused, batch: usize) -> Self {
        let mut lowering = Self {
            network,
            batch: batch as u32,
            whole: Share { op: 0, flops: 0, words: 0 },
            dispatches: Vec::new(),
            shares: Vec::new(),
            scratch: Vec::new(),
        };
        for (number, op) in network.ops.iter().enumerate() {
            let flops = batch as u64 * network.op_flops(op);
            lowering.whole = Share { op: number, flops, words: network.op_words(op, batch as u64) };
            lowering.lower(op);
        }
        lowering
    }

    /// A dispatch that is all of its operation.
    pub(super) fn push(&mut self, dispatch: Dispatch) {
        let Share { flops, words, .. } = self.whole;
        self.push_part(dispatch, flops, words);
    }

    /// One of several, with its part of the arithmetic and the words that it reads and writes.
    pub(super) fn push_part(&mut self, dispatch: Dispatch, flops: u64, words: u64) {
        self.dispatches.push(dispatch);
        self.shares.push(Share { flops, words, ..self.whole });
    }

    pub(super) fn flops(&self) -> u64 {
        self.whole.flops
    }

    /// Memory between this operation's dispatches, so many words a sample.
    pub(super) fn between(&mut self, words: u64) -> BufferId {
        self.scratch.push(Scratch { op: self.whole.op, words });
        Operand::Scratch(self.scratch.len() - 1).id(self.network)
    }

    pub(super) fn absent(&self) -> BufferId {
        Operand::Absent.id(self.network)
    }

    pub(super) fn weight(&self, id: WeightId) -> BufferId {
        Operand::Weight(id.0).id(self.network)
    }

    pub(super) fn tensor(&self, id: TensorId) -> BufferId {
        Operand::Tensor(self.network.root(id).0).id(self.network)
    }

    pub(super) fn view(&self, id: TensorId) -> View {
        View::of(self.network, self.tensor(id), id)
    }

    /// Of a tensor that there may not be.
    pub(super) fn view_or_absent(&self, id: Option<TensorId>) -> View {
        id.map_or(View { buffer: self.absent(), ..View::default() }, |id| self.view(id))
    }

    fn lower(&mut self, op: &Op) {
        match *op {
            Op::Conv { x, weight, bias, joined, y } => self.conv(x, [weight, bias], joined, y),
            Op::Downsample { x, weight, bias, pad, y } => self.downsample(x, [weight, bias], pad, y),
            Op::Linear { x, weight, bias, residual, scale, y } => {
                self.linear(x, [weight, bias], residual, scale, y);
            }
            Op::GroupNorm { .. } => self.group_norm(op),
            Op::Activation { x, affine, kind, y } => self.activation(x, affine, kind, y),
            Op::Attention { qkv, heads, dim, y } => self.attention([qkv, y], heads, dim),
            Op::Upsample { x, y } => self.upsample(x, y),
            Op::AvgPool { x, y } => self.avg_pool(x, y),
            Op::ClassEmbedding { labels, table, y } => {
                let p = class_embedding::Params { rows: self.batch, channels: self.view(y).channels };
                let buffers = [self.tensor(labels), self.weight(table), self.tensor(y)];
                self.push(class_embedding::dispatch(&p, buffers));
            }
        }
    }

    fn linear(
        &mut self,
        x: TensorId,
        [weight, bias]: [WeightId; 2],
        residual: Option<TensorId>,
        scale: f32,
        y: TensorId,
    ) {
        let (x, y, r) = (self.view(x), self.view(y), self.view_or_absent(residual));
        let p = linear::Params {
            rows: self.batch * y.height * y.width,
            in_channels: x.channels,
            in_pitch: x.pitch,
            in_offset: x.offset,
            out_channels: y.channels,
            out_pitch: y.pitch,
            out_offset: y.offset,
            residual_pitch: r.pitch,
            residual_offset: r.offset,
            scale,
        };
        let buffers = [x.buffer, self.weight(weight), self.weight(bias), r.buffer, y.buffer];
        self.push(match choose::linear(self.network.class, p.rows) {
            Linear::Rows => linear::dispatch(&p, buffers),
            Linear::Product => product(&p.into(), buffers),
        });
    }

    fn group_norm(&mut self, op: &Op) {
        let Op::GroupNorm { x, gamma, beta, groups, eps, scale_shift, affine } = *op else { return };
        let layout = &self.network.tensor(x).layout;
        let (split, gap) = layout.seam();
        let (x, t) = (self.view(x), self.view_or_absent(scale_shift.map(|s| s.tensor)));
        let p = group_norm::Params {
            batch: self.batch,
            pixels: x.height * x.width,
            channels: layout.channels() as u32,
            groups: groups as u32,
            pitch: 4 * x.pitch,
            offset: 4 * x.offset,
            split: split as u32,
            gap: gap as u32,
            physical: layout.physical() as u32,
            temb_pitch: 4 * t.pitch,
            scale_offset: scale_shift.map_or(0, |s| s.scale as u32),
            shift_offset: scale_shift.map_or(0, |s| s.shift as u32),
            eps,
        };
        let buffers = [x.buffer, self.weight(gamma), self.weight(beta), t.buffer, self.tensor(affine)];
        self.push(match choose::norm(self.network.class, p.pixels.saturating_mul(p.channels / p.groups)) {
            Norm::Group => group_norm::dispatch(&p, buffers),
            Norm::Lone => group_norm_lone::dispatch(&p, buffers),
        });
    }

    fn activation(&mut self, x: TensorId, affine: Option<Affine>, kind: Activation, y: TensorId) {
        let (x, y) = (self.view(x), self.view(y));
        let (from, affine_pitch) = match affine {
            None => (self.absent(), 0),
            // How far the samples are apart.
            Some(Affine::Sample(id)) => (self.tensor(id), self.view(id).pitch),
            Some(Affine::Constant(id)) => (self.weight(id), 0),
        };
        let p = activation::Params {
            batch: self.batch,
            pixels: y.height * y.width,
            channels: y.channels,
            in_pitch: x.pitch,
            in_offset: x.offset,
            out_pitch: y.pitch,
            out_offset: y.offset,
            kind: kind as u32,
            has_affine: u32::from(affine.is_some()),
            affine_pitch,
        };
        self.push(activation::dispatch(&p, [x.buffer, from, y.buffer]));
    }

    fn upsample(&mut self, x: TensorId, y: TensorId) {
        let (batch, x, y) = (self.batch, self.view(x), self.view(y));
        let (in_pitch, in_offset) = (x.pitch, x.offset);
        let View { height, width, channels, .. } = y;
        let p = upsample::Params { batch, height, width, channels, in_pitch, in_offset };
        self.push(upsample::dispatch(&p, [x.buffer, y.buffer]));
    }

    fn avg_pool(&mut self, x: TensorId, y: TensorId) {
        let (x, y) = (self.view(x), self.view(y));
        let p = avg_pool::Params {
            batch: self.batch,
            height: y.height,
            width: y.width,
            in_height: x.height,
            in_width: x.width,
            channels: y.channels,
            in_pitch: x.pitch,
            in_offset: x.offset,
        };
        self.push(avg_pool::dispatch(&p, [x.buffer, y.buffer]));
    }

    fn downsample(&mut self, x: TensorId, [weight, bias]: [WeightId; 2], pad: usize, y: TensorId) {
        let (x, y, weight, bias) = (self.view(x), self.view(y), self.weight(weight), self.weight(bias));
        let p = conv3x3_stride2::Params {
            batch: self.batch,
            in_height: x.height,
            in_width: x.width,
            out_height: y.height,
            out_width: y.width,
            pad: pad as u32,
            in_channels: x.channels,
            in_pitch: x.pitch,
            in_offset: x.offset,
            out_channels: y.channels,
            out_pitch: y.pitch,
            out_offset: y.offset,
        };
        match choose::downsample(self.network.class) {
            Downsample::Direct => {
                self.push(conv3x3_stride2::dispatch(&p, [x.buffer, weight, bias, y.buffer]));
            }
            Downsample::Product => self.gathered(&p, [x.buffer, weight, bias, y.buffer]),
        }
    }

    /// A convolution of stride 2 as a product; buffers as `conv3x3_stride2` has them.
    fn gathered(&mut self, p: &conv3x3_stride2::Params, [x, weight, bias, y]: [BufferId; 4]) {
        let words = im2col::words(p.out_height, p.out_width, p.in_channels);
        let neighbours = self.between(words);
        let input = im2col::Params {
            batch: p.batch,
            in_height: p.in_height,
            in_width: p.in_width,
            out_height: p.out_height,
            out_width: p.out_width,
            pad: p.pad,
            channels: p.in_channels,
            pitch: p.in_pitch,
            offset: p.in_offset,
        };
        let multiply = matmul::Params {
            products: 1,
            rows: p.batch * p.out_height * p.out_width,
            in_channels: 9 * p.in_channels,
            in_pitch: 9 * p.in_channels,
            out_channels: p.out_channels,
            out_pitch: p.out_pitch,
            out_offset: p.out_offset,
            has_bias: 1,
            scale: 1.0,
            ..Default::default()
        };
        self.push_part(im2col::dispatch(&input, [x, neighbours]), 0, 2 * u64::from(p.batch) * words);
        self.push(product(&multiply, [neighbours, weight, bias, self.absent(), y]));
    }
}

/// Products of matrices for a processor behind a driver; buffers as `matmul` has them.
pub fn product(p: &matmul::Params, buffers: [BufferId; 5]) -> Dispatch {
    match choose::product(p.rows) {
        Product::Many => matmul::dispatch(p, buffers),
        Product::Few => matmul_few::dispatch(p, buffers),
    }
}

/// A tensor in a buffer; channels, pitch and offset in vec4s.
#[derive(Clone, Copy)]
pub struct View {
    pub buffer: BufferId,
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    pub pitch: u32,
    pub offset: u32,
}

impl Default for View {
    fn default() -> Self {
        Self { buffer: BufferId(0), height: 0, width: 0, channels: 0, pitch: 0, offset: 0 }
    }
}

impl View {
    fn of(network: &Fused, buffer: BufferId, id: TensorId) -> Self {
        let tensor = network.tensor(id);
        Self {
            buffer,
            height: tensor.height as u32,
            width: tensor.width as u32,
            channels: tensor.layout.vec4s() as u32,
            pitch: network.tensor(network.root(id)).layout.vec4s() as u32,
            offset: network.homes[id.0].map_or(0, |(_, offset)| offset as u32),
        }
    }

    /// Words of one sample.
    pub fn words(&self) -> u64 {
        4 * u64::from(self.height * self.width) * u64::from(self.channels)
    }
}
