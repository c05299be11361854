//! Average pooling 2×2 with stride 2.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::avg_pool::Params;
use crate::kernels::shaders::avg_pool::SHADER;

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
    let (in_h, in_w) = (p.in_height as usize, p.in_width as usize);
    let pixels = p.batch as usize * h * w;
    for (pixel, out) in output(writes).chunks_exact_mut(channels).take(pixels).enumerate() {
        let (n, row, column) = (pixel / (h * w), pixel / w % h, pixel % w);
        let corner = (n * in_h + 2 * row) * in_w + 2 * column;
        for (c, o) in out.iter_mut().enumerate() {
            let at = |pixel: usize| x[4 * (pixel * p.in_pitch as usize + p.in_offset as usize) + c];
            *o = 0.25 * (at(corner) + at(corner + 1) + at(corner + in_w) + at(corner + in_w + 1));
        }
    }
}

fn cases() -> Vec<Case> {
    let p = Params {
        batch: 2,
        height: 3,
        width: 5,
        in_height: 6,
        in_width: 10,
        channels: 2,
        in_pitch: 2,
        in_offset: 0,
    };
    [("plain", p), ("slice", Params { in_pitch: 5, in_offset: 3, ..p })]
        .map(|(label, p)| {
            let buffers = vec![
                random(1, 4 * p.batch * p.in_height * p.in_width * p.in_pitch),
                zeros(4 * p.batch * p.height * p.width * p.channels),
            ];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
