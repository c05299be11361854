//! Writing a graph down, operation by operation.

use super::graph::{Affine, Graph, Op, Role, ScaleShift, Slice, Tensor, TensorId, WeightId, WeightSpec};
use super::layout::Layout;
use super::scope::Scope;
use crate::kernels::activation::Activation;

/// A graph that is being written. Operations return the tensor that they write.
#[derive(Debug, Default)]
pub struct Builder {
    pub graph: Graph,
}

impl Builder {
    pub fn tensor(&mut self, height: usize, width: usize, layout: Layout) -> TensorId {
        self.graph.tensors.push(Tensor { height, width, layout });
        TensorId(self.graph.tensors.len() - 1)
    }

    pub fn vector(&mut self, channels: usize) -> TensorId {
        self.tensor(1, 1, Layout::of(channels))
    }

    /// What callers fill as `role`.
    pub fn input(&mut self, role: Role, tensor: TensorId) -> TensorId {
        self.graph.inputs.push((role, tensor));
        tensor
    }

    /// What callers read as `role`.
    pub fn output(&mut self, role: Role, tensor: TensorId) {
        self.graph.outputs.push((role, tensor));
    }

    pub fn layout(&self, x: TensorId) -> Layout {
        self.graph.tensor(x).layout.clone()
    }

    pub fn weight(&mut self, spec: WeightSpec) -> WeightId {
        self.graph.weights.push(spec);
        WeightId(self.graph.weights.len() - 1)
    }

    /// A 3×3 convolution of stride 1 to so many channels.
    pub fn conv(&mut self, at: &Scope, x: TensorId, channels: usize) -> TensorId {
        let (weight, bias) = self.conv_weights(at, x, &Layout::of(channels), 1);
        let y = self.sized(x, Layout::of(channels));
        self.push(Op::Conv { x, weight, bias, y })
    }

    /// A 3×3 convolution of stride 2, with `pad` zeros before the first pixel.
    pub fn downsample(&mut self, at: &Scope, x: TensorId, pad: usize) -> TensorId {
        let layout = self.layout(x);
        let (weight, bias) = self.conv_weights(at, x, &layout, 2);
        let y = self.smaller(x);
        self.push(Op::Downsample { x, weight, bias, pad, y })
    }

    fn conv_weights(&mut self, at: &Scope, x: TensorId, to: &Layout, stride: usize) -> (WeightId, WeightId) {
        let (name, input, output) = (at.tensor("weight"), self.layout(x), to.clone());
        let weight = self.weight(WeightSpec::Conv { name, input, output, stride, adjoint: false });
        let bias = self.weight(WeightSpec::Bias { parts: vec![(at.tensor("bias"), to.clone())] });
        (weight, bias)
    }

    /// Layers of one input, their outputs side by side.
    pub fn linear(&mut self, layers: &[(Scope, Layout)], x: TensorId, pointwise_conv: bool) -> TensorId {
        let output = layers.iter().fold(Layout::new(&[]), |all, (_, layout)| all.then(layout));
        let y = self.sized(x, output);
        self.linear_into(layers, x, pointwise_conv, y)
    }

    /// The same, into a tensor that stands already.
    pub fn linear_into(
        &mut self,
        layers: &[(Scope, Layout)],
        x: TensorId,
        pointwise_conv: bool,
        y: TensorId,
    ) -> TensorId {
        let named =
            |kind: &str| layers.iter().map(|(at, layout)| (at.tensor(kind), layout.clone())).collect();
        let (parts, input) = (named("weight"), self.layout(x));
        let weight = self.weight(WeightSpec::Linear { parts, input, pointwise_conv });
        let bias = self.weight(WeightSpec::Bias { parts: named("bias") });
        self.push(Op::Linear { x, weight, bias, y })
    }

    pub fn group_norm(&mut self, at: &Scope, x: TensorId, groups: usize, eps: f32) -> TensorId {
        let layout = self.layout(x);
        let len = layout.channels();
        let gamma = self.weight(WeightSpec::Vector { name: at.tensor("weight"), len });
        let beta = self.weight(WeightSpec::Vector { name: at.tensor("bias"), len });
        let moments = self.vector(2 * groups);
        self.push(Op::Moments { x, groups, eps, y: moments });
        let y = self.like(x);
        self.push(Op::Normalise { x, moments, gamma, beta, y })
    }

    pub fn scale_shift(&mut self, x: TensorId, by: ScaleShift) -> TensorId {
        let y = self.like(x);
        self.push(Op::ScaleShift { x, by, y })
    }

    pub fn affine(&mut self, x: TensorId, by: Affine) -> TensorId {
        let y = self.like(x);
        self.push(Op::Affine { x, by, y })
    }

    pub fn activation(&mut self, x: TensorId, kind: Activation) -> TensorId {
        let y = self.like(x);
        self.push(Op::Activation { x, kind, y })
    }

    pub fn add(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let y = self.like(a);
        self.push(Op::Add { a, b, y })
    }

    pub fn add_vector(&mut self, x: TensorId, vector: Slice) -> TensorId {
        let y = self.like(x);
        self.push(Op::AddVector { x, vector, y })
    }

    /// x·factor, which is x where that is 1.
    pub fn scale(&mut self, x: TensorId, factor: f32) -> TensorId {
        if factor == 1.0 {
            return x;
        }
        let y = self.like(x);
        self.push(Op::Scale { x, factor, y })
    }

    pub fn concat(&mut self, first: TensorId, second: TensorId) -> TensorId {
        let y = self.sized(first, self.layout(first).then(&self.layout(second)));
        self.push(Op::Concat { parts: [first, second], y })
    }

    /// softmax(q·kᵀ/√dim)·v of every head; each head's q, k and v is a slice of `qkv`.
    pub fn attention(&mut self, qkv: TensorId, heads: usize, dim: usize) -> TensorId {
        let tokens = self.graph.tensor(qkv).pixels();
        let scores = self.tensor(heads, tokens, Layout::of(tokens));
        self.push(Op::Scores { qkv, heads, dim, y: scores });
        let p = self.like(scores);
        self.push(Op::Softmax { x: scores, y: p });
        let y = self.sized(qkv, Layout::repeat(dim, heads));
        self.push(Op::Values { p, qkv, heads, dim, y })
    }

    pub fn upsample(&mut self, x: TensorId) -> TensorId {
        let Tensor { height, width, layout } = self.graph.tensor(x).clone();
        let y = self.tensor(2 * height, 2 * width, layout);
        self.push(Op::Upsample { x, y })
    }

    pub fn avg_pool(&mut self, x: TensorId) -> TensorId {
        let y = self.smaller(x);
        self.push(Op::AvgPool { x, y })
    }

    pub fn class_embedding(&mut self, at: &Scope, labels: TensorId, rows: usize, dim: usize) -> TensorId {
        let (name, layout) = (at.tensor("weight"), Layout::of(dim));
        let table = self.weight(WeightSpec::Table { name, rows, layout });
        let y = self.vector(dim);
        self.push(Op::ClassEmbedding { labels, table, y })
    }

    fn push(&mut self, op: Op) -> TensorId {
        let y = op.writes();
        self.graph.ops.push(op);
        y
    }

    fn like(&mut self, x: TensorId) -> TensorId {
        self.sized(x, self.layout(x))
    }

    /// A tensor of `x`'s size with other channels.
    fn sized(&mut self, x: TensorId, layout: Layout) -> TensorId {
        let Tensor { height, width, .. } = *self.graph.tensor(x);
        self.tensor(height, width, layout)
    }

    /// Half as high and wide.
    fn smaller(&mut self, x: TensorId) -> TensorId {
        let Tensor { height, width, layout } = self.graph.tensor(x).clone();
        self.tensor(height / 2, width / 2, layout)
    }
}
