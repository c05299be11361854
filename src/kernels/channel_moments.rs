//! Mean and squared deviations of every channel over stretches of pixels.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::channel_moments::Params;
use crate::kernels::shaders::channel_moments::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x, moments.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

impl Params {
    fn stretches(&self) -> u32 {
        self.pixels.div_ceil(self.stretch)
    }

    /// Words of the moments.
    pub fn words(&self) -> u64 {
        8 * u64::from(self.batch) * u64::from(self.stretches()) * u64::from(self.channels)
    }
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.stretches() * p.channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x] = floats(reads);
    let (pixels, stretch, channels) = (p.pixels as usize, p.stretch as usize, p.channels as usize);
    let stretches = p.stretches() as usize;
    let threads = p.batch as usize * stretches * channels;
    for (id, out) in output(writes).chunks_exact_mut(8).take(threads).enumerate() {
        let (n, first) = (id / (channels * stretches), id / channels % stretches * stretch);
        let pixels_of = n * pixels + first..n * pixels + pixels.min(first + stretch);
        for lane in 0..4 {
            let at = |pixel: usize| 4 * (pixel * p.pitch as usize + p.offset as usize + id % channels) + lane;
            let values = || pixels_of.clone().map(|pixel| f64::from(x[at(pixel)]));
            let mean = values().sum::<f64>() / pixels_of.len() as f64;
            out[lane] = mean as f32;
            out[4 + lane] = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() as f32;
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params { batch: 2, pixels: 35, stretch: 16, channels: 3, pitch: 3, offset: 0 };
    let slice = Params { stretch: 64, pitch: 7, offset: 2, ..plain };
    [("stretches, the last one short", plain), ("one stretch, slice", slice)]
        .map(|(label, p)| {
            let buffers = vec![random(1, 4 * p.batch * p.pixels * p.pitch), zeros(p.words() as u32)];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
