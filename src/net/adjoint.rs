//! The adjoint of a graph: from what changes its output to what changes its input.
//!
//! Every operation is turned round by operations that there are already: a linear layer by its
//! transposed matrix, a convolution of stride 1 by one whose channels change places and whose taps
//! come in reverse.

use thiserror::Error;

use super::builder::Builder;
use super::graph::{Graph, Op, Role, TensorId, WeightId, WeightSpec};
use super::layout::Layout;

/// An operation that cannot be turned round.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no adjoint of {0}: a gradient can go through linear layers and convolutions of stride 1")]
pub struct NoAdjoint(pub String);

/// Of a graph from `input` to `output`: its gradient goes in and comes out as [`Role::Gradient`]. The
/// weights have the names that they have in `graph`.
///
/// # Errors
/// An operation on the way that has no adjoint, and an input that the output does not depend on.
pub fn adjoint(graph: &Graph, input: TensorId, output: TensorId) -> Result<Graph, NoAdjoint> {
    let mut b = Builder::default();
    let mut gradients: Vec<Option<TensorId>> = vec![None; graph.tensors.len()];
    let seed = like(&mut b, graph, output);
    b.input(Role::Gradient, seed);
    gradients[output.0] = Some(seed);
    for op in graph.ops.iter().rev() {
        if let Some(dy) = gradients[op.writes().0] {
            let (x, dx) = turned(&mut b, graph, op, dy)?;
            gradients[x.0] = Some(match gradients[x.0] {
                Some(other) => b.add(dx, other),
                None => dx,
            });
        }
    }
    let gradient = gradients[input.0].ok_or_else(|| NoAdjoint("an input that nothing depends on".into()))?;
    b.output(Role::Gradient, gradient);
    Ok(b.graph)
}

/// What an operation reads, and that tensor's gradient by the one of what it writes.
fn turned(b: &mut Builder, graph: &Graph, op: &Op, dy: TensorId) -> Result<(TensorId, TensorId), NoAdjoint> {
    let spec = |id: WeightId| graph.weights[id.0].clone();
    match *op {
        Op::Linear { x, weight, .. } => match spec(weight) {
            WeightSpec::Linear { parts, input, pointwise_conv } => {
                let layout = input.clone();
                let weight = b.weight(WeightSpec::Transposed { parts, input, pointwise_conv });
                let (bias, y) = (zeros(b, layout), like(b, graph, x));
                b.graph.ops.push(Op::Linear { x: dy, weight, bias, y });
                Ok((x, y))
            }
            other => Err(NoAdjoint(format!("a linear layer by {other:?}"))),
        },
        Op::Conv { x, weight, .. } => match spec(weight) {
            WeightSpec::Conv { name, input, output, stride, adjoint: false } => {
                let layout = input.clone();
                let (input, output) = (output, input);
                let weight = b.weight(WeightSpec::Conv { name, input, output, stride, adjoint: true });
                let (bias, y) = (zeros(b, layout), like(b, graph, x));
                b.graph.ops.push(Op::Conv { x: dy, weight, bias, y });
                Ok((x, y))
            }
            other => Err(NoAdjoint(format!("a convolution by {other:?}"))),
        },
        ref other => Err(NoAdjoint(format!("{other:?}"))),
    }
}

fn zeros(b: &mut Builder, layout: Layout) -> WeightId {
    b.weight(WeightSpec::Zeros { layout })
}

fn like(b: &mut Builder, graph: &Graph, x: TensorId) -> TensorId {
    let tensor = graph.tensor(x).clone();
    b.tensor(tensor.height, tensor.width, tensor.layout)
}
