//! A U-Net as a list of typed operations over shaped tensors.
//!
//! The graph of one image size; batch sizes come in when it is planned.

use super::layout::Layout;
use super::pack;
use crate::kernels::activation::Activation;
use crate::machine::Class;

/// A tensor of the graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorId(pub usize);

/// A packed weight, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightId(pub usize);

/// `[N, height, width, channels]`; vectors have height and width 1.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub height: usize,
    pub width: usize,
    pub layout: Layout,
    /// The concatenation that this tensor is written into, and where (in vec4s).
    pub home: Option<(TensorId, usize)>,
}

impl Tensor {
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// 32-bit words of one sample.
    pub fn words(&self) -> u64 {
        self.pixels() as u64 * self.layout.physical() as u64
    }
}

/// Where an embedding projection lies in the table of all of them, in channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub tensor: TensorId,
    pub offset: usize,
}

/// Scale and shift from the time embedding, after a group norm.
#[derive(Clone, Copy, Debug)]
pub struct ScaleShift {
    pub tensor: TensorId,
    pub scale: usize,
    pub shift: usize,
}

/// Where an activation's multiply-add comes from.
#[derive(Clone, Copy, Debug)]
pub enum Affine {
    None,
    /// One for each sample, e.g. from a group norm.
    Sample(TensorId),
    /// One for all.
    Constant(WeightId),
}

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
    pub temb: Option<Slice>,
    pub residual: Option<TensorId>,
    pub scale: f32,
}

impl Joined {
    pub const NOTHING: Self = Self { before: None, upsampled: false, temb: None, residual: None, scale: 1.0 };
}

/// One operation; tensors it reads come before the one it writes.
#[derive(Clone, Debug)]
pub enum Op {
    /// 3×3, stride 1, padding 1; y = (conv(upsampled(before(x))) + bias + temb + residual)·scale.
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
    GroupNorm {
        x: TensorId,
        gamma: WeightId,
        beta: WeightId,
        groups: usize,
        eps: f32,
        scale_shift: Option<ScaleShift>,
        affine: TensorId,
    },
    Activation {
        x: TensorId,
        affine: Affine,
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
    /// Tensors read.
    pub fn reads(&self) -> Vec<TensorId> {
        match *self {
            Op::Conv { x, joined: Joined { before, temb, residual, .. }, .. } => {
                let beside = [before.map(|b| b.affine), temb.map(|s| s.tensor), residual];
                [x].into_iter().chain(beside.into_iter().flatten()).collect()
            }
            Op::Linear { x, residual, .. } => [Some(x), residual].into_iter().flatten().collect(),
            Op::GroupNorm { x, scale_shift, .. } => {
                [Some(x), scale_shift.map(|s| s.tensor)].into_iter().flatten().collect()
            }
            Op::Activation { x, affine: Affine::Sample(affine), .. } => vec![x, affine],
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
            Op::Activation { affine: Affine::Constant(weight), .. } => vec![weight],
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

/// How tensors of the file become one packed weight.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightSpec {
    /// `[O, I, 3, 3]` → (tap, in, out), or as Winograd's method has them (place, in, out).
    Conv { name: String, input: Layout, output: Layout, stride: usize },
    /// `[O, I]` (or `[O, I, 1, 1]`) matrices → (in, out), their outputs side by side.
    Linear { parts: Vec<(String, Layout)>, input: Layout, pointwise_conv: bool },
    /// Vectors `[O]` side by side, laid out.
    Bias { parts: Vec<(String, Layout)> },
    /// A vector as it is.
    Vector { name: String, len: usize },
    /// `[rows, channels]`, each row laid out.
    Table { name: String, rows: usize, layout: Layout },
    /// factor·x + term for every channel.
    Constant { factor: f32, term: f32, layout: Layout },
}

/// What conditions the network besides the timestep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Label numbers, u32 `[N]`.
    Labels(TensorId),
    /// Vectors `[N, D]`: embedded timesteps, or finished embeddings.
    Vectors(TensorId),
}

/// The whole network at one image size.
#[derive(Clone, Debug)]
pub struct Graph {
    pub tensors: Vec<Tensor>,
    pub weights: Vec<WeightSpec>,
    pub ops: Vec<Op>,
    pub sample: TensorId,
    /// The time MLP's input, `[N, timestep_input_dim]`.
    pub time: TensorId,
    pub condition: Option<Condition>,
    /// For networks that divide their output by t: the factors, as an affine.
    pub output_scale: Option<TensorId>,
    pub output: TensorId,
}

impl Graph {
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// What callers fill before a run.
    pub fn inputs(&self) -> Vec<TensorId> {
        let condition = self.condition.map(|c| match c {
            Condition::Labels(id) | Condition::Vectors(id) => id,
        });
        [Some(self.sample), Some(self.time), condition, self.output_scale].into_iter().flatten().collect()
    }

    /// Floating-point operations of one sample, a multiply-add counted as two.
    pub fn flops(&self) -> u64 {
        self.ops.iter().map(|op| self.op_flops(op)).sum()
    }

    /// Words that an operation reads and writes for `batch` samples, each counted once, with weights
    /// as a class of machine has them.
    pub fn op_words(&self, op: &Op, batch: u64, class: Class) -> u64 {
        let read: u64 = op.reads().into_iter().map(|id| self.tensor(id).words()).sum();
        let weights: u64 = op.weights().into_iter().map(|id| pack::words(&self.weights[id.0], class)).sum();
        batch * (read + self.tensor(op.writes()).words()) + weights
    }

    /// What an operation works on, for people: image size and channels.
    pub fn op_shape(&self, op: &Op) -> String {
        let [from, to] = [op.reads().first().copied().unwrap_or(op.writes()), op.writes()]
            .map(|id| (self.tensor(id), self.tensor(id).layout.channels()));
        let Tensor { height, width, .. } = to.0;
        format!("{height}x{width} {} to {}", from.1, to.1)
    }

    /// Those of one operation.
    pub fn op_flops(&self, op: &Op) -> u64 {
        let shape = |id: TensorId| {
            let t = self.tensor(id);
            (t.pixels() as u64, t.layout.channels() as u64)
        };
        match *op {
            Op::Conv { x, y, .. } | Op::Downsample { x, y, .. } => {
                let (pixels, out) = shape(y);
                2 * 9 * pixels * out * shape(x).1
            }
            Op::Linear { x, y, .. } => 2 * shape(y).0 * shape(y).1 * shape(x).1,
            Op::Attention { qkv, heads, dim, .. } => 4 * shape(qkv).0.pow(2) * (heads * dim) as u64,
            _ => 0,
        }
    }
}
