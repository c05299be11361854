//! Imagen's dynamic threshold: each sample's range of x̂0 (Saharia et al. 2022, §2.3).

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, floats, output, params};
pub use crate::kernels::shaders::dynamic_threshold::Params;
use crate::kernels::shaders::dynamic_threshold::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: registers, output, s. One uniform a row.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, [rows[0].batch, 1, 1])
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [registers, model_output] = floats(reads);
    let (channels, pixels) = (p.channels as usize, p.pixels as usize);
    for (n, s) in output(writes).iter_mut().take(p.batch as usize).enumerate() {
        let magnitude = |i: usize| {
            let (pixel, channel) = (n * pixels + i / channels, i % channels);
            let x = registers[p.input_offset as usize + pixel * p.pitch as usize + channel];
            let m = model_output[pixel * p.output_pitch as usize + channel];
            ((p.x0_from_input * x + p.x0_from_output * m) / p.x0_divisor).abs()
        };
        let mut sorted: Vec<f32> = (0..p.count as usize).map(magnitude).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let rank = p.ratio * (sorted.len() - 1) as f32;
        let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        *s = (low + (high - low) * rank.fract()).max(1.0).min(p.max);
    }
}

fn cases() -> Vec<Case> {
    let p = Params {
        batch: 2,
        count: 105,
        channels: 3,
        pitch: 4,
        output_pitch: 8,
        pixels: 35,
        input_offset: 280,
        ratio: 0.9,
        max: 9.0,
        x0_from_input: 3.0,
        x0_from_output: -2.0,
        x0_divisor: 0.9,
    };
    let cases = [
        ("between two ranks", p),
        ("the largest", Params { ratio: 1.0, ..p }),
        ("bounded by max", Params { max: 1.5, ..p }),
        ("at least one", Params { x0_from_input: 0.1, x0_from_output: 0.1, ..p }),
    ];
    let repeated = vec![2f32.to_bits(); 2 * 2 * 280];
    let mut cases: Vec<Case> = cases
        .map(|(label, p)| (label, p, random(1, 2 * 2 * 280)))
        .into_iter()
        .chain([("equal values", Params { x0_from_output: 0.0, ..p }, repeated)])
        .map(|(label, p, registers)| {
            let buffers = vec![registers, random(2, 2 * 35 * 8), zeros(4)];
            Case::new(label, &KERNEL, &p, buffers, [2, 1, 1])
        })
        .collect();
    let one = Params {
        batch: 1,
        count: 1,
        channels: 1,
        pixels: 1,
        pitch: 4,
        output_pitch: 4,
        input_offset: 0,
        ..p
    };
    let buffers = vec![random(1, 4), random(2, 4), zeros(4)];
    cases.push(Case::new("a single value", &KERNEL, &one, buffers, [1, 1, 1]));
    cases
}
