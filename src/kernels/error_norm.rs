//! How an adaptive step's error compares with what is allowed, for each sample.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, floats, output, params};
pub use crate::kernels::shaders::error_norm::Params;
use crate::kernels::shaders::error_norm::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: registers, norm.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, [p.batch, 1, 1])
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [registers] = floats(reads);
    let (pixels, channels) = (p.pixels as usize, p.channels as usize);
    let at = |offset: u32, n: usize, i: usize| {
        let pixel = n * pixels + i / channels;
        registers[offset as usize + pixel * p.pitch as usize + i % channels]
    };
    for (n, norm) in output(writes).iter_mut().take(p.batch as usize).enumerate() {
        let share = |i: usize| {
            let size = at(p.start_offset, n, i).abs().max(at(p.end_offset, n, i).abs());
            at(p.error_offset, n, i) / (p.absolute + p.relative * size)
        };
        let sum: f32 = (0..pixels * channels).map(|i| share(i) * share(i)).sum();
        *norm = (sum / (pixels * channels) as f32).sqrt();
    }
}

fn cases() -> Vec<Case> {
    let p = Params {
        batch: 2,
        pixels: 150,
        channels: 3,
        pitch: 4,
        start_offset: 0,
        end_offset: 1200,
        error_offset: 3600,
        absolute: 1e-3,
        relative: 1e-2,
    };
    let one = Params { batch: 1, pixels: 1, channels: 1, ..p };
    [("two samples", p), ("a single value", one)]
        .map(|(label, p)| {
            let buffers = vec![random(1, 4800), zeros(4)];
            Case::new(label, &KERNEL, &p, buffers, [p.batch, 1, 1]).with_tolerance(1e-5)
        })
        .into()
}
