//! A network as a machine of one class runs it: operations that each do as much as its kernels can
//! at once.

use super::graph::{
    Affine, Role, ScaleShift, Slice, Tensor, TensorId, WeightId, WeightSpec, attention_flops, conv_flops,
};
use super::pack;
use crate::kernels::activation::Activation;
use crate::machine::Class;

/// What a convolution's input goes through first: kind(factor·x + term), with a sample's affine.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    pub affine: TensorId,
    pub kind: Activation,
}

/// What is joined to a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Joined {
    pub before: Option<Before>,
    /// Twice as high and wide, by the nearest pixel.
    pub upsampled: bool,
    pub vector: Option<Slice>,
    pub residual: Option<TensorId>,
    pub scale: f32,
}

/// One operation; the tensors that it reads come before the one that it writes.
#[derive(Clone, Debug)]
pub enum Op {
    /// 3×3, stride 1, padding 1; y = (conv(upsampled(before(x))) + bias + vector + residual)·scale.
    Conv {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        joined: Joined,
        y: TensorId,
    },
    /// 3×3, stride 2, with `pad` zeros before the first pixel.
    Downsample {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        pad: usize,
        y: TensorId,
    },
    /// y = (x·W + bias + residual)·scale, for each pixel or vector.
    Linear {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        residual: Option<TensorId>,
        scale: f32,
        y: TensorId,
    },
    /// A group norm as one multiply-add for every channel of a sample.
    GroupNorm {
        x: TensorId,
        gamma: WeightId,
        beta: WeightId,
        groups: usize,
        eps: f32,
        scale_shift: Option<ScaleShift>,
        affine: TensorId,
    },
    /// y = kind(factor·x + term).
    Activation {
        x: TensorId,
        affine: Option<Affine>,
        kind: Activation,
        y: TensorId,
    },
    /// softmax(q·kᵀ/√dim)·v of every head.
    Attention {
        qkv: TensorId,
        heads: usize,
        dim: usize,
        y: TensorId,
    },
    Upsample {
        x: TensorId,
        y: TensorId,
    },
    AvgPool {
        x: TensorId,
        y: TensorId,
    },
    ClassEmbedding {
        labels: TensorId,
        table: WeightId,
        y: TensorId,
    },
}

impl Op {
    /// The tensors read.
    pub fn reads(&self) -> Vec<TensorId> {
        match *self {
            Op::Conv { x, joined: Joined { before, vector, residual, .. }, .. } => {
                let beside = [before.map(|b| b.affine), vector.map(|s| s.tensor), residual];
                [x].into_iter().chain(beside.into_iter().flatten()).collect()
            }
            Op::Linear { x, residual, .. } => [Some(x), residual].into_iter().flatten().collect(),
            Op::GroupNorm { x, scale_shift, .. } => {
                [Some(x), scale_shift.map(|s| s.tensor)].into_iter().flatten().collect()
            }
            Op::Activation { x, affine: Some(Affine::Sample(affine)), .. } => vec![x, affine],
            Op::Activation { x, .. }
            | Op::Downsample { x, .. }
            | Op::Upsample { x, .. }
            | Op::AvgPool { x, .. } => vec![x],
            Op::Attention { qkv, .. } => vec![qkv],
            Op::ClassEmbedding { labels, .. } => vec![labels],
        }
    }

    /// The packed weights read.
    pub fn weights(&self) -> Vec<WeightId> {
        match *self {
            Op::Conv { weight, bias, .. }
            | Op::Downsample { weight, bias, .. }
            | Op::Linear { weight, bias, .. } => vec![weight, bias],
            Op::GroupNorm { gamma, beta, .. } => vec![gamma, beta],
            Op::Activation { affine: Some(Affine::Constant(weight)), .. } => vec![weight],
            Op::ClassEmbedding { table, .. } => vec![table],
            _ => vec![],
        }
    }

    /// The tensor written.
    pub fn writes(&self) -> TensorId {
        match *self {
            Op::Conv { y, .. }
            | Op::Downsample { y, .. }
            | Op::Linear { y, .. }
            | Op::Activation { y, .. }
            | Op::Attention { y, .. }
            | Op::Upsample { y, .. }
            | Op::AvgPool { y, .. }
            | Op::ClassEmbedding { y, .. } => y,
            Op::GroupNorm { affine, .. } => affine,
        }
    }
}

/// The whole network at one image size, for one class of machine.
#[derive(Clone, Debug)]
pub struct Fused {
    pub class: Class,
    pub tensors: Vec<Tensor>,
    /// The concatenation that a tensor is written into, and where (in vec4s).
    pub homes: Vec<Option<(TensorId, usize)>>,
    pub weights: Vec<WeightSpec>,
    pub ops: Vec<Op>,
    pub inputs: Vec<(Role, TensorId)>,
    pub outputs: Vec<(Role, TensorId)>,
}

impl Fused {
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// The tensor whose buffer this one lies in, followed through concatenations.
    pub fn root(&self, tensor: TensorId) -> TensorId {
        self.homes[tensor.0].map_or(tensor, |(home, _)| self.root(home))
    }

    /// Words of a weight as this class of machine has it.
    pub fn weight_words(&self, id: WeightId) -> u64 {
        pack::words(&self.weights[id.0], self.class)
    }

    /// Words that an operation reads and writes for `batch` samples, each counted once.
    pub fn op_words(&self, op: &Op, batch: u64) -> u64 {
        let read: u64 = op.reads().into_iter().map(|id| self.tensor(id).words()).sum();
        let weights: u64 = op.weights().into_iter().map(|id| self.weight_words(id)).sum();
        batch * (read + self.tensor(op.writes()).words()) + weights
    }

    /// Floating-point operations of one sample, as many as the plain sums have.
    pub fn op_flops(&self, op: &Op) -> u64 {
        let shape = |id: TensorId| {
            let tensor = self.tensor(id);
            (tensor.pixels() as u64, tensor.layout.channels() as u64)
        };
        match *op {
            Op::Conv { x, y, .. } | Op::Downsample { x, y, .. } => conv_flops(shape(x).1, shape(y)),
            Op::Linear { x, y, .. } => 2 * shape(y).0 * shape(y).1 * shape(x).1,
            Op::Attention { qkv, heads, dim, .. } => attention_flops(shape(qkv).0, heads, dim),
            _ => 0,
        }
    }

    /// What an operation works on, for people: image size and channels.
    pub fn op_shape(&self, op: &Op) -> String {
        let to = op.writes();
        let from = op.reads().first().copied().unwrap_or(to);
        let Tensor { height, width, .. } = self.tensor(from);
        let [from, to] = [from, to].map(|id| self.tensor(id).layout.channels());
        format!("{height}x{width} {from} to {to}")
    }
}
