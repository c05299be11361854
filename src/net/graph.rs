//! A network as mathematics: typed operations over shaped tensors, none of them joined to another.
//!
//! The graph of one image size; batch sizes come in when it is planned, the class of machine when
//! its operations are [fused](super::fuse).

use super::layout::Layout;
use crate::kernels::activation::Activation;

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

/// Channels of a vector, from an offset on: an embedding's projection in the table of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub tensor: TensorId,
    pub offset: usize,
}

/// Scale and shift of every channel, from two places of a vector.
#[derive(Clone, Copy, Debug)]
pub struct ScaleShift {
    pub tensor: TensorId,
    pub scale: usize,
    pub shift: usize,
}

/// Where a factor and a term for every channel come from.
#[derive(Clone, Copy, Debug)]
pub enum Affine {
    /// Others for each sample.
    Sample(TensorId),
    /// The same for all.
    Constant(WeightId),
}

/// One operation; the tensors that it reads come before the one that it writes.
#[derive(Clone, Debug)]
pub enum Op {
    /// 3×3, stride 1, padding 1, and a bias.
    Conv {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        y: TensorId,
    },
    /// 3×3, stride 2, with `pad` zeros before the first pixel, and a bias.
    Downsample {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        pad: usize,
        y: TensorId,
    },
    /// x·W + bias, for each pixel or vector.
    Linear {
        x: TensorId,
        weight: WeightId,
        bias: WeightId,
        y: TensorId,
    },
    /// Mean and 1/√(variance + eps) of every group of channels.
    Moments {
        x: TensorId,
        groups: usize,
        eps: f32,
        y: TensorId,
    },
    /// (x − mean)·deviation⁻¹·γ + β, by the moments of x.
    Normalise {
        x: TensorId,
        moments: TensorId,
        gamma: WeightId,
        beta: WeightId,
        y: TensorId,
    },
    /// x·(1 + scale) + shift.
    ScaleShift {
        x: TensorId,
        by: ScaleShift,
        y: TensorId,
    },
    /// factor·x + term.
    Affine {
        x: TensorId,
        by: Affine,
        y: TensorId,
    },
    Activation {
        x: TensorId,
        kind: Activation,
        y: TensorId,
    },
    Add {
        a: TensorId,
        b: TensorId,
        y: TensorId,
    },
    /// A vector added to every pixel.
    AddVector {
        x: TensorId,
        vector: Slice,
        y: TensorId,
    },
    Scale {
        x: TensorId,
        factor: f32,
        y: TensorId,
    },
    /// Side by side, in channels.
    Concat {
        parts: [TensorId; 2],
        y: TensorId,
    },
    /// q·kᵀ/√dim of every head, `[N, heads, tokens, tokens]`.
    Scores {
        qkv: TensorId,
        heads: usize,
        dim: usize,
        y: TensorId,
    },
    /// Of every row.
    Softmax {
        x: TensorId,
        y: TensorId,
    },
    /// p·v of every head, with an attention's probabilities p.
    Values {
        p: TensorId,
        qkv: TensorId,
        heads: usize,
        dim: usize,
        y: TensorId,
    },
    /// Twice as high and wide, by the nearest pixel.
    Upsample {
        x: TensorId,
        y: TensorId,
    },
    /// The mean of 2×2 pixels.
    AvgPool {
        x: TensorId,
        y: TensorId,
    },
    /// A row of a table for every sample.
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
            Op::Conv { x, .. }
            | Op::Downsample { x, .. }
            | Op::Linear { x, .. }
            | Op::Moments { x, .. }
            | Op::Affine { x, by: Affine::Constant(_), .. }
            | Op::Activation { x, .. }
            | Op::Scale { x, .. }
            | Op::Softmax { x, .. }
            | Op::Upsample { x, .. }
            | Op::AvgPool { x, .. } => vec![x],
            Op::Normalise { x, moments, .. } => vec![x, moments],
            Op::ScaleShift { x, by, .. } => vec![x, by.tensor],
            Op::Affine { x, by: Affine::Sample(by), .. } => vec![x, by],
            Op::Add { a, b, .. } => vec![a, b],
            Op::AddVector { x, vector, .. } => vec![x, vector.tensor],
            Op::Concat { parts, .. } => parts.to_vec(),
            Op::Scores { qkv, .. } => vec![qkv],
            Op::Values { p, qkv, .. } => vec![p, qkv],
            Op::ClassEmbedding { labels, .. } => vec![labels],
        }
    }

    /// The tensor written.
    pub fn writes(&self) -> TensorId {
        match *self {
            Op::Conv { y, .. }
            | Op::Downsample { y, .. }
            | Op::Linear { y, .. }
            | Op::Moments { y, .. }
            | Op::Normalise { y, .. }
            | Op::ScaleShift { y, .. }
            | Op::Affine { y, .. }
            | Op::Activation { y, .. }
            | Op::Add { y, .. }
            | Op::AddVector { y, .. }
            | Op::Scale { y, .. }
            | Op::Concat { y, .. }
            | Op::Scores { y, .. }
            | Op::Softmax { y, .. }
            | Op::Values { y, .. }
            | Op::Upsample { y, .. }
            | Op::AvgPool { y, .. }
            | Op::ClassEmbedding { y, .. } => y,
        }
    }
}

/// How tensors of the file become one packed weight.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightSpec {
    /// `[O, I, 3, 3]` → (tap, in, out), or as Winograd's method has them (place, in, out).
    ///
    /// `adjoint`: of the convolution from `output`'s channels to `input`'s, whose file tensor is
    /// `[I, O, 3, 3]`: in and out change places, and the taps come in reverse.
    Conv { name: String, input: Layout, output: Layout, stride: usize, adjoint: bool },
    /// `[O, I]` (or `[O, I, 1, 1]`) matrices → (in, out), their outputs side by side.
    Linear { parts: Vec<(String, Layout)>, input: Layout, pointwise_conv: bool },
    /// The same matrices transposed, → (out, in): the adjoint of such a layer.
    Transposed { parts: Vec<(String, Layout)>, input: Layout, pointwise_conv: bool },
    /// Vectors `[O]` side by side, laid out.
    Bias { parts: Vec<(String, Layout)> },
    /// Nothing of the file: zeros for every channel.
    Zeros { layout: Layout },
    /// A vector as it is.
    Vector { name: String, len: usize },
    /// `[rows, channels]`, each row laid out.
    Table { name: String, rows: usize, layout: Layout },
    /// factor·x + term for every channel.
    Constant { factor: f32, term: f32, layout: Layout },
}

/// What an input or output of a network is to those who run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The picture that a network sees: `[N, H, W, C]`.
    Sample,
    /// What the time MLP makes an embedding of, `[N, timestep_input_dim]`.
    Time,
    /// Label numbers, u32 `[N]`.
    Labels,
    /// Vectors `[N, D]` that condition the network: embedded times, or finished embeddings.
    Vectors,
    /// For networks that divide their output by t: the factors, as an affine.
    OutputScale,
    /// What a network answers, `[N, H, W, C]`.
    Prediction,
    /// Of what an adjoint turns round: its output's going in, its input's coming out.
    Gradient,
}

/// The whole network at one image size.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub tensors: Vec<Tensor>,
    pub weights: Vec<WeightSpec>,
    pub ops: Vec<Op>,
    /// What callers fill before a run.
    pub inputs: Vec<(Role, TensorId)>,
    /// What they read after it.
    pub outputs: Vec<(Role, TensorId)>,
}

impl Graph {
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Floating-point operations of one sample, a multiply-add counted as two.
    pub fn flops(&self) -> u64 {
        let shape = |id: TensorId| {
            let tensor = self.tensor(id);
            (tensor.pixels() as u64, tensor.layout.channels() as u64)
        };
        let of = |op: &Op| match *op {
            Op::Conv { x, y, .. } | Op::Downsample { x, y, .. } => conv_flops(shape(x).1, shape(y)),
            Op::Linear { x, y, .. } => 2 * shape(y).0 * shape(y).1 * shape(x).1,
            Op::Scores { qkv, heads, dim, .. } | Op::Values { qkv, heads, dim, .. } => {
                attention_flops(shape(qkv).0, heads, dim) / 2
            }
            _ => 0,
        };
        self.ops.iter().map(of).sum()
    }
}

/// Of a 3×3 convolution from so many channels to (pixels, channels).
pub(super) fn conv_flops(input: u64, (pixels, channels): (u64, u64)) -> u64 {
    2 * 9 * pixels * channels * input
}

/// Of an attention's two products.
pub(super) fn attention_flops(tokens: u64, heads: usize, dim: usize) -> u64 {
    4 * tokens.pow(2) * (heads * dim) as u64
}
