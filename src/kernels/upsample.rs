//! Nearest-neighbour upsampling by two.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::upsample::Params;
use crate::kernels::shaders::upsample::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.height * p.width * p.channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x] = floats(reads);
    let (h, w, channels) = (p.height as usize, p.width as usize, 4 * p.channels as usize);
    let pixels = p.batch as usize * h * w;
    for (pixel, out) in output(writes).chunks_exact_mut(channels).take(pixels).enumerate() {
        let (n, row, column) = (pixel / (h * w), pixel / w % h, pixel % w);
        let from = (n * h / 2 + row / 2) * (w / 2) + column / 2;
        out.copy_from_slice(&x[4 * (from * p.in_pitch as usize + p.in_offset as usize)..][..channels]);
    }
}

fn cases() -> Vec<Case> {
    let p = Params { batch: 2, height: 6, width: 10, channels: 2, in_pitch: 2, in_offset: 0 };
    [("plain", p), ("slice", Params { in_pitch: 5, in_offset: 3, ..p })]
        .map(|(label, p)| {
            let out = p.batch * p.height * p.width;
            let buffers = vec![random(1, out * p.in_pitch), zeros(4 * out * p.channels)];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
