//! Weights of the file in the order that the kernels read them.

use super::choose::{self, Conv};
use super::graph::WeightSpec;
use super::layout::Layout;
use super::weights::{Weights, WeightsError};
use crate::kernels::winograd;
use crate::machine::Class;

/// The packed weight as f32 words, for a class of machine; padding channels get zeros, so that they
/// stay zero through the whole network.
pub fn pack(spec: &WeightSpec, class: Class, weights: &mut Weights) -> Result<Vec<u32>, WeightsError> {
    let values = match spec {
        WeightSpec::Conv { name, input, output, stride, adjoint } => {
            let values = match adjoint {
                false => weights.tensor(name, &[output.channels(), input.channels(), 3, 3])?.values,
                true => {
                    let tensor = weights.tensor(name, &[input.channels(), output.channels(), 3, 3])?;
                    turned(&tensor.values, output.channels())
                }
            };
            match choose::conv(class, *stride, [input.vec4s(), output.vec4s()]) {
                Conv::Direct => conv(&values, input, output, |taps| *taps),
                Conv::Winograd => conv(&values, input, output, winograd::weights),
            }
        }
        WeightSpec::Linear { parts, input, pointwise_conv } => {
            let width = physical(parts);
            let mut packed = vec![0f32; input.physical() * width];
            matrices(parts, input, *pointwise_conv, weights, |from, to, value| {
                packed[from * width + to] = value;
            })?;
            packed
        }
        WeightSpec::Transposed { parts, input, pointwise_conv } => {
            let width = input.physical();
            let mut packed = vec![0f32; physical(parts) * width];
            matrices(parts, input, *pointwise_conv, weights, |from, to, value| {
                packed[to * width + from] = value;
            })?;
            packed
        }
        WeightSpec::Zeros { layout } => vec![0f32; layout.physical()],
        WeightSpec::Bias { parts } => {
            let mut packed = Vec::new();
            for (name, layout) in parts {
                let tensor = weights.tensor(name, &[layout.channels()])?;
                packed.extend(laid_out(&tensor.values, layout));
            }
            packed
        }
        WeightSpec::Vector { name, len } => weights.tensor(name, &[*len])?.values,
        WeightSpec::Table { name, rows, layout } => {
            let tensor = weights.tensor(name, &[*rows, layout.channels()])?;
            tensor.values.chunks(layout.channels()).flat_map(|row| laid_out(row, layout)).collect()
        }
        WeightSpec::Constant { factor, term, layout } => {
            let channels = layout.channels();
            let (factors, terms) =
                (laid_out(&vec![*factor; channels], layout), laid_out(&vec![*term; channels], layout));
            factors.chunks(4).zip(terms.chunks(4)).flat_map(|(f, t)| [f, t].concat()).collect()
        }
    };
    Ok(values.into_iter().map(f32::to_bits).collect())
}

/// Whether kernels read it through a texture only.
pub fn is_image(spec: &WeightSpec, class: Class) -> bool {
    match spec {
        WeightSpec::Conv { input, output, stride, .. } => {
            choose::conv(class, *stride, [input.vec4s(), output.vec4s()]) == Conv::Winograd
        }
        _ => false,
    }
}

/// The tensors of the file that it is made of.
pub fn names(spec: &WeightSpec) -> impl Iterator<Item = &str> {
    let (one, parts) = match spec {
        WeightSpec::Conv { name, .. } | WeightSpec::Vector { name, .. } | WeightSpec::Table { name, .. } => {
            (Some(name), &[][..])
        }
        WeightSpec::Linear { parts, .. }
        | WeightSpec::Transposed { parts, .. }
        | WeightSpec::Bias { parts } => (None, &parts[..]),
        WeightSpec::Constant { .. } | WeightSpec::Zeros { .. } => (None, &[][..]),
    };
    one.into_iter().chain(parts.iter().map(|(name, _)| name)).map(String::as_str)
}

/// How many parameters of the file a weight holds.
pub fn parameters(spec: &WeightSpec) -> u64 {
    let count = match spec {
        WeightSpec::Conv { input, output, .. } => 9 * input.channels() * output.channels(),
        WeightSpec::Linear { parts, input, .. } | WeightSpec::Transposed { parts, input, .. } => {
            input.channels() * parts.iter().map(|(_, layout)| layout.channels()).sum::<usize>()
        }
        WeightSpec::Bias { parts } => parts.iter().map(|(_, layout)| layout.channels()).sum(),
        WeightSpec::Vector { len, .. } => *len,
        WeightSpec::Table { rows, layout, .. } => rows * layout.channels(),
        WeightSpec::Constant { .. } | WeightSpec::Zeros { .. } => 0,
    };
    count as u64
}

/// 32-bit words of the weight as it is packed for a class of machine.
pub fn words(spec: &WeightSpec, class: Class) -> u64 {
    let count = match spec {
        WeightSpec::Conv { input, output, stride, .. } => {
            let places = match choose::conv(class, *stride, [input.vec4s(), output.vec4s()]) {
                Conv::Direct => 9,
                Conv::Winograd => winograd::PLACES,
            };
            places * input.physical() * output.physical()
        }
        WeightSpec::Linear { parts, input, .. } | WeightSpec::Transposed { parts, input, .. } => {
            input.physical() * physical(parts)
        }
        WeightSpec::Bias { parts } => physical(parts),
        WeightSpec::Zeros { layout } => layout.physical(),
        WeightSpec::Vector { len, .. } => *len,
        WeightSpec::Table { rows, layout, .. } => rows * layout.physical(),
        WeightSpec::Constant { layout, .. } => 2 * layout.physical(),
    };
    count as u64
}

/// Channels of all parts side by side, padding included.
fn physical(parts: &[(String, Layout)]) -> usize {
    parts.iter().map(|(_, layout)| layout.physical()).sum()
}

/// Hands every number of the layers' matrices to `put`, with its places among the inputs and the
/// outputs.
fn matrices(
    parts: &[(String, Layout)],
    input: &Layout,
    pointwise_conv: bool,
    weights: &mut Weights,
    mut put: impl FnMut(usize, usize, f32),
) -> Result<(), WeightsError> {
    let mut start = 0;
    for (name, layout) in parts {
        let mut shape = vec![layout.channels(), input.channels()];
        shape.extend(if pointwise_conv { &[1, 1][..] } else { &[] });
        let tensor = weights.tensor(name, &shape)?;
        for (o, to) in layout.places().enumerate() {
            for (i, from) in input.places().enumerate() {
                put(from, start + to, tensor.values[o * input.channels() + i]);
            }
        }
        start += layout.physical();
    }
    Ok(())
}

/// IOHW with `count` outputs → OIHW, the taps in reverse.
fn turned(values: &[f32], count: usize) -> Vec<f32> {
    let (taps, _) = values.as_chunks::<9>();
    let inputs = taps.len() / count;
    let of = |o: usize, i: usize| taps[i * count + o].iter().rev();
    (0..count).flat_map(|o| (0..inputs).flat_map(move |i| of(o, i))).copied().collect()
}

/// OIHW → (place, in, out): what `of` makes of the nine taps, number by number.
fn conv<const PLACES: usize>(
    values: &[f32],
    input: &Layout,
    output: &Layout,
    of: impl Fn(&[f32; 9]) -> [f32; PLACES],
) -> Vec<f32> {
    let (wide_in, wide_out) = (input.physical(), output.physical());
    let mut packed = vec![0f32; PLACES * wide_in * wide_out];
    let (all_taps, _) = values.as_chunks::<9>();
    for (o, to) in output.places().enumerate() {
        for (i, from) in input.places().enumerate() {
            for (place, value) in of(&all_taps[o * input.channels() + i]).iter().enumerate() {
                packed[(place * wide_in + from) * wide_out + to] = *value;
            }
        }
    }
    packed
}

fn laid_out(values: &[f32], layout: &Layout) -> Vec<f32> {
    let mut out = vec![0f32; layout.physical()];
    for (place, value) in layout.places().zip(values) {
        out[place] = *value;
    }
    out
}
