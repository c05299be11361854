//! The neighbours of every output pixel of a 3×3 convolution of stride 2, for adapters that are a
//! processor: with them it is a product of matrices (Chellapilla, Puri & Simard 2006).

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, floats, folded, output, params};
pub use crate::kernels::shaders::im2col::Params;
use crate::kernels::shaders::im2col::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    folded((p.batch * p.out_height * p.out_width * p.channels).div_ceil(SHADER.workgroup_size))
}

/// Words of one sample's neighbours, with so many channels (in vec4s).
pub fn words(out_height: u32, out_width: u32, channels: u32) -> u64 {
    4 * 9 * u64::from(out_height * out_width) * u64::from(channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x] = floats(reads);
    let y = output(writes);
    let (height, width, channels) = (p.in_height as usize, p.in_width as usize, 4 * p.channels as usize);
    let pixels = (p.batch * p.out_height * p.out_width) as usize;
    for (i, to) in y.chunks_exact_mut(channels).take(9 * pixels).enumerate() {
        let (pixel, tap) = (i / 9, i % 9);
        let (out_height, out_width) = (p.out_height as usize, p.out_width as usize);
        let (n, row, column) =
            (pixel / (out_height * out_width), pixel / out_width % out_height, pixel % out_width);
        let inside = |at: usize, size: usize| at.checked_sub(p.pad as usize).filter(|at| *at < size);
        let (row, column) = (inside(2 * row + tap / 3, height), inside(2 * column + tap % 3, width));
        match (row, column) {
            (Some(row), Some(column)) => {
                let at = (n * height + row) * width + column;
                to.copy_from_slice(&x[4 * (at * p.pitch as usize + p.offset as usize)..][..channels]);
            }
            _ => to.fill(0.0),
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params {
        batch: 2,
        in_height: 8,
        in_width: 6,
        out_height: 4,
        out_width: 3,
        pad: 1,
        channels: 3,
        pitch: 3,
        offset: 0,
    };
    let slice = Params { pad: 0, pitch: 5, offset: 1, ..plain };
    [("plain", plain), ("asymmetric padding, slice", slice)]
        .map(|(label, p)| {
            let buffers = vec![
                random(1, 4 * p.batch * p.in_height * p.in_width * p.pitch),
                zeros(4 * 9 * p.batch * p.out_height * p.out_width * p.channels),
            ];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
