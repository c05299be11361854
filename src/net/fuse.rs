//! From mathematics to what the kernels of a class of machine do at once.
//!
//! Operations are taken in their order, and one that a later one can take in waits for it: a group
//! norm becomes one multiply-add a channel, which a convolution applies as it loads where its kernel
//! can, and a pass ahead of it where not; what is added to a convolution or a linear layer is joined
//! to its end; attention's three operations are one; both parts of a concatenation are written in
//! place. What still waits when its value is asked for is written then, no sooner: so it is alive
//! for as short as can be.

use super::choose;
use super::fused::{Before, Fused, Joined, Op};
use super::graph::{Affine, Graph, Op as Plain, ScaleShift, Slice, Tensor, TensorId, WeightId};
use super::layout::Layout;
use crate::kernels::activation::Activation;
use crate::machine::Class;

/// The operations of `graph`, joined as a class of machine runs them.
///
/// # Panics
/// For what no kernel does by itself: a scale and shift after anything but a group norm, a sum of two
/// tensors neither of which is a product's, moments or probabilities that anything but their norm or
/// attention reads.
pub fn fuse(graph: &Graph, class: Class) -> Fused {
    let mut fuser = Fuser::of(graph, class);
    graph.ops.iter().for_each(|op| fuser.take(op));
    for (_, output) in &graph.outputs {
        fuser.value(*output);
    }
    fuser.fused
}

/// What a tensor is that is not written yet.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// A group norm whose scale and shift are still to come.
    Norm(Norm),
    /// kind(factor·x + term).
    Activated { x: TensorId, before: Before },
    /// Twice as large.
    Upsampled { x: TensorId },
    /// A convolution or linear layer to which more is added.
    Sum(Sum),
}

#[derive(Clone, Copy, Debug)]
struct Norm {
    x: TensorId,
    groups: usize,
    eps: f32,
    gamma: WeightId,
    beta: WeightId,
}

/// A product and what is added to it.
#[derive(Clone, Copy, Debug)]
struct Sum {
    is_conv: bool,
    x: TensorId,
    weight: WeightId,
    bias: WeightId,
    vector: Option<Slice>,
    residual: Option<TensorId>,
    scale: f32,
}

impl Sum {
    /// Whether a kernel's end can still do what reads this sum, `y`.
    fn takes(&self, reader: &Plain, y: TensorId) -> bool {
        let bare = self.residual.is_none() && self.scale == 1.0;
        match reader {
            Plain::AddVector { .. } => self.is_conv && self.vector.is_none() && bare,
            // The other one is written by then.
            Plain::Add { a, b, .. } => bare && *a == y && *b != y,
            Plain::Scale { .. } => self.scale == 1.0,
            _ => false,
        }
    }
}

struct Fuser<'a> {
    graph: &'a Graph,
    fused: Fused,
    /// Who reads each tensor, and whether callers do or fill it.
    readers: Vec<Vec<&'a Plain>>,
    callers: Vec<bool>,
    waiting: Vec<Option<Waiting>>,
}

impl<'a> Fuser<'a> {
    fn of(graph: &'a Graph, class: Class) -> Self {
        let count = graph.tensors.len();
        let mut readers = vec![Vec::new(); count];
        for op in &graph.ops {
            op.reads().into_iter().for_each(|id| readers[id.0].push(op));
        }
        let mut callers = vec![false; count];
        graph.inputs.iter().chain(&graph.outputs).for_each(|(_, id)| callers[id.0] = true);
        let fused = Fused {
            class,
            tensors: graph.tensors.clone(),
            homes: vec![None; count],
            weights: graph.weights.clone(),
            ops: Vec::new(),
            inputs: graph.inputs.clone(),
            outputs: graph.outputs.clone(),
        };
        Self { graph, fused, readers, callers, waiting: vec![None; count] }
    }

    fn take(&mut self, op: &Plain) {
        let y = op.writes();
        match *op {
            // Part of the norm or the attention that they lead to.
            Plain::Moments { .. } | Plain::Scores { .. } | Plain::Softmax { .. } => {
                let reader = self.only_reader(y);
                let led = matches!(
                    reader,
                    Some(Plain::Normalise { .. } | Plain::Softmax { .. } | Plain::Values { .. })
                );
                assert!(led, "moments and probabilities are kept for nobody but their norm and attention");
            }
            Plain::Normalise { x, moments, gamma, beta, .. } => self.normalise(x, moments, [gamma, beta], y),
            Plain::ScaleShift { x, by, .. } => match self.waiting[x.0].take() {
                Some(Waiting::Norm(norm)) => self.norm(norm, Some(by), y),
                _ => unreachable!("a scale and shift follow a group norm that nothing else reads"),
            },
            Plain::Affine { x, by, .. } => {
                let x = self.value(x);
                self.push(Op::Activation { x, affine: Some(by), kind: Activation::Identity, y });
            }
            Plain::Activation { x, kind, .. } => self.activation(x, kind, y),
            Plain::Upsample { x, .. } => self.waiting[y.0] = Some(Waiting::Upsampled { x }),
            Plain::Conv { x, weight, bias, .. } => self.product(true, x, [weight, bias], y),
            Plain::Linear { x, weight, bias, .. } => self.product(false, x, [weight, bias], y),
            Plain::AddVector { x, vector, .. } => {
                let sum = Sum { vector: Some(vector), ..self.sum_at(x) };
                self.sum(sum, y);
            }
            Plain::Add { a, b, .. } => {
                let residual = Some(self.value(b));
                let sum = Sum { residual, ..self.sum_at(a) };
                self.sum(sum, y);
            }
            Plain::Scale { x, factor, .. } => {
                let sum = Sum { scale: factor, ..self.sum_at(x) };
                self.sum(sum, y);
            }
            Plain::Concat { parts, .. } => self.concat(parts, y),
            Plain::Values { qkv, heads, dim, .. } => {
                let qkv = self.value(qkv);
                self.push(Op::Attention { qkv, heads, dim, y });
            }
            Plain::Downsample { x, weight, bias, pad, .. } => {
                let x = self.value(x);
                self.push(Op::Downsample { x, weight, bias, pad, y });
            }
            Plain::AvgPool { x, .. } => {
                let x = self.value(x);
                self.push(Op::AvgPool { x, y });
            }
            Plain::ClassEmbedding { labels, table, .. } => self.push(Op::ClassEmbedding { labels, table, y }),
        }
    }

    fn normalise(&mut self, x: TensorId, moments: TensorId, [gamma, beta]: [WeightId; 2], y: TensorId) {
        let made = self.graph.ops.iter().find(|op| op.writes() == moments);
        let Some(&Plain::Moments { groups, eps, .. }) = made else {
            unreachable!("a group norm is by the moments of what it normalises")
        };
        let norm = Norm { x: self.value(x), groups, eps, gamma, beta };
        match self.only_reader(y) {
            Some(Plain::ScaleShift { .. }) => self.waiting[y.0] = Some(Waiting::Norm(norm)),
            _ => self.norm(norm, None, y),
        }
    }

    /// Writes a norm's multiply-adds; what they make of x waits.
    fn norm(&mut self, norm: Norm, scale_shift: Option<ScaleShift>, y: TensorId) {
        let Norm { x, groups, eps, gamma, beta } = norm;
        let words = 2 * self.fused.tensor(x).layout.physical();
        let affine = self.tensor(Tensor { height: 1, width: 1, layout: Layout::of(words) });
        self.push(Op::GroupNorm { x, gamma, beta, groups, eps, scale_shift, affine });
        let before = Before { affine, kind: Activation::Identity };
        self.waiting[y.0] = Some(Waiting::Activated { x, before });
    }

    fn activation(&mut self, x: TensorId, kind: Activation, y: TensorId) {
        match self.waiting[x.0] {
            Some(Waiting::Activated { x, before: Before { affine, kind: Activation::Identity } }) => {
                self.waiting[y.0] = Some(Waiting::Activated { x, before: Before { affine, kind } });
            }
            _ => {
                let x = self.value(x);
                self.push(Op::Activation { x, affine: None, kind, y });
            }
        }
    }

    fn product(&mut self, is_conv: bool, x: TensorId, [weight, bias]: [WeightId; 2], y: TensorId) {
        self.sum(Sum { is_conv, x, weight, bias, vector: None, residual: None, scale: 1.0 }, y);
    }

    /// Writes a sum, unless what reads it is joined to it.
    fn sum(&mut self, sum: Sum, y: TensorId) {
        match self.only_reader(y) {
            Some(reader) if sum.takes(reader, y) => self.waiting[y.0] = Some(Waiting::Sum(sum)),
            _ if sum.is_conv => self.conv(sum, y),
            _ => {
                let x = self.value(sum.x);
                let Sum { weight, bias, residual, scale, .. } = sum;
                self.push(Op::Linear { x, weight, bias, residual, scale, y });
            }
        }
    }

    fn sum_at(&mut self, x: TensorId) -> Sum {
        match self.waiting[x.0].take() {
            Some(Waiting::Sum(sum)) => sum,
            _ => unreachable!("what is added or scaled is a product that nothing else reads"),
        }
    }

    fn conv(&mut self, sum: Sum, y: TensorId) {
        let Sum { mut x, weight, bias, vector, residual, scale, .. } = sum;
        let channels = [x, y].map(|id| self.fused.tensor(id).layout.vec4s());
        let loads = choose::conv(self.fused.class, 1, channels).loads();
        let mut joined = Joined { before: None, upsampled: false, vector, residual, scale };
        if let Some(Waiting::Upsampled { x: small }) = self.waiting[x.0]
            && loads.doubled
        {
            (x, joined.upsampled) = (small, true);
        }
        if let Some(Waiting::Activated { x: plain, before }) = self.waiting[x.0]
            && loads.activated == Some(before.kind)
        {
            (x, joined.before) = (plain, Some(before));
        }
        let x = self.value(x);
        self.push(Op::Conv { x, weight, bias, joined, y });
    }

    /// Both parts are written straight into the result, unless one of them is the caller's, already
    /// lives elsewhere or is both.
    fn concat(&mut self, parts: [TensorId; 2], y: TensorId) {
        let mut offset = 0;
        for part in parts {
            let mut part = self.value(part);
            let is_twice = parts[0] == parts[1];
            if is_twice || self.callers[part.0] || self.fused.homes[part.0].is_some() {
                let copy = self.tensor(self.fused.tensor(part).clone());
                self.push(Op::Activation { x: part, affine: None, kind: Activation::Identity, y: copy });
                part = copy;
            }
            self.fused.homes[part.0] = Some((y, offset));
            offset += self.fused.tensor(part).layout.vec4s();
        }
    }

    /// A tensor that is written, now at the latest.
    fn value(&mut self, id: TensorId) -> TensorId {
        match self.waiting[id.0].take() {
            None => {}
            Some(Waiting::Activated { x, before: Before { affine, kind } }) => {
                self.push(Op::Activation { x, affine: Some(Affine::Sample(affine)), kind, y: id });
            }
            Some(Waiting::Upsampled { x }) => {
                let x = self.value(x);
                self.push(Op::Upsample { x, y: id });
            }
            Some(Waiting::Norm(_) | Waiting::Sum(_)) => unreachable!("these wait for their only reader"),
        }
        id
    }

    /// What alone reads a tensor.
    fn only_reader(&self, id: TensorId) -> Option<&'a Plain> {
        match (self.callers[id.0], &self.readers[id.0][..]) {
            (false, [reader]) => Some(reader),
            _ => None,
        }
    }

    fn tensor(&mut self, tensor: Tensor) -> TensorId {
        self.fused.tensors.push(tensor);
        self.fused.homes.push(None);
        // Made here: nobody reads it but what fusing writes.
        self.readers.push(Vec::new());
        self.callers.push(false);
        self.waiting.push(None);
        TensorId(self.fused.tensors.len() - 1)
    }

    fn push(&mut self, op: Op) {
        self.fused.ops.push(op);
    }
}
