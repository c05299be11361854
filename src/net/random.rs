//! Reproducible random weights: what a network does with them says nothing, but how long it takes.

use safetensors::tensor::{Dtype, TensorView, serialize};

use super::graph::WeightSpec;
use super::weights::{Weights, WeightsError};
use crate::kernels::case::random;

/// Weights of ±0.1.
pub fn random_weights(specs: &[WeightSpec]) -> Result<Weights, WeightsError> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = specs
        .iter()
        .flat_map(shapes)
        .zip(1..)
        .map(|((name, shape), seed)| {
            let words = random(seed, shape.iter().product::<usize>() as u32);
            let values = words.iter().map(|w| 0.1 * f32::from_bits(*w));
            (name, shape, values.flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let view = |shape: &Vec<usize>, bytes| TensorView::new(Dtype::F32, shape.clone(), bytes);
    let views: Result<Vec<_>, _> =
        tensors.iter().map(|(name, shape, bytes)| Ok((name.as_str(), view(shape, bytes)?))).collect();
    let file = views.and_then(|views| serialize(views, None));
    let file = file.expect("tensors have as many bytes as their shapes say");
    Weights::parse(file, "random.safetensors")
}

/// The tensors of the file that a packed weight is made of.
fn shapes(spec: &WeightSpec) -> Vec<(String, Vec<usize>)> {
    match spec {
        WeightSpec::Conv { name, input, output, adjoint, .. } => {
            let (to, from) = if *adjoint { (input, output) } else { (output, input) };
            vec![(name.clone(), vec![to.channels(), from.channels(), 3, 3])]
        }
        WeightSpec::Linear { parts, input, pointwise_conv }
        | WeightSpec::Transposed { parts, input, pointwise_conv } => parts
            .iter()
            .map(|(name, layout)| {
                let mut shape = vec![layout.channels(), input.channels()];
                shape.extend(if *pointwise_conv { &[1, 1][..] } else { &[] });
                (name.clone(), shape)
            })
            .collect(),
        WeightSpec::Bias { parts } => {
            parts.iter().map(|(name, layout)| (name.clone(), vec![layout.channels()])).collect()
        }
        WeightSpec::Vector { name, len } => vec![(name.clone(), vec![*len])],
        WeightSpec::Table { name, rows, layout } => vec![(name.clone(), vec![*rows, layout.channels()])],
        WeightSpec::Constant { .. } | WeightSpec::Zeros { .. } => vec![],
    }
}
