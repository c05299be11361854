//! What a Langevin corrector's step goes by: snr·‖z‖/‖ε̂‖ of each sample.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, floats, output, params};
pub use crate::kernels::shaders::langevin_ratio::Params;
use crate::kernels::shaders::langevin_ratio::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: registers, noise, ratio. One uniform a row.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, [rows[0].batch, 1, 1])
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [registers, noise] = floats(reads);
    let (batch, pixels, pitch) = (p.batch as usize, p.pixels as usize, p.pitch as usize);
    let norm = |values: &[f32], n: usize| {
        let sample = values[n * pixels * pitch..(n + 1) * pixels * pitch].chunks_exact(pitch);
        let values = sample.flat_map(|pixel| &pixel[..p.channels as usize]);
        values.map(|value| value * value).sum::<f32>().sqrt()
    };
    let eps_hat = &registers[p.eps_offset as usize..];
    for (n, ratio) in output(writes).iter_mut().take(batch).enumerate() {
        let samples = if p.all == 1 { 0..batch } else { n..n + 1 };
        let sum = |values: &[f32]| samples.clone().map(|n| norm(values, n)).sum::<f32>();
        *ratio = p.snr * sum(noise) / sum(eps_hat);
    }
}

fn cases() -> Vec<Case> {
    let p = Params { batch: 3, pixels: 150, channels: 3, pitch: 4, eps_offset: 1800, all: 0, snr: 0.16 };
    let cases = [("each sample", p), ("the whole batch", Params { all: 1, ..p })];
    let few = Params { batch: 1, pixels: 1, channels: 1, eps_offset: 0, ..p };
    let case = |(label, p): (&str, Params)| {
        let values = p.batch * p.pixels * p.pitch;
        let buffers = vec![random(1, p.eps_offset + values), random(2, values), zeros(4)];
        Case::new(label, &KERNEL, &p, buffers, [p.batch, 1, 1])
    };
    cases.into_iter().chain([("a single value", few)]).map(case).collect()
}
