//! 3×3 convolution, stride 2, with symmetric or asymmetric zero padding.

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::epilogue::{Addend, Epilogue};
use super::fast::image::Images;
use super::fast::product::{Product, pack};
use super::fast::weights::Form;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::conv3x3_stride2::Params;
use crate::kernels::shaders::conv3x3_stride2::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: x, weight, bias, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 4]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.out_height.div_ceil(2) * p.out_width.div_ceil(4) * p.out_channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, weight, bias] = floats(reads);
    let y = output(writes);
    let (h, w) = (p.in_height as usize, p.in_width as usize);
    let (out_h, out_w) = (p.out_height as usize, p.out_width as usize);
    let (c_in, c_out) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    let mut sum = vec![0f32; c_out];
    for pixel in 0..p.batch as usize * out_h * out_w {
        let (n, row, column) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
        sum.copy_from_slice(&bias[..c_out]);
        for tap in 0..9 {
            let in_row = (2 * row + tap / 3).wrapping_sub(p.pad as usize);
            let in_column = (2 * column + tap % 3).wrapping_sub(p.pad as usize);
            if in_row >= h || in_column >= w {
                continue;
            }
            let at = 4 * (((n * h + in_row) * w + in_column) * p.in_pitch as usize + p.in_offset as usize);
            for (c, &v) in x[at..at + c_in].iter().enumerate() {
                let from = (tap * c_in + c) * c_out;
                for (s, k) in sum.iter_mut().zip(&weight[from..from + c_out]) {
                    *s += v * k;
                }
            }
        }
        let at = 4 * (pixel * p.out_pitch as usize + p.out_offset as usize);
        y[at..at + c_out].copy_from_slice(&sum);
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], scratch: &mut Scratch) {
    let p: Params = params(bytes);
    let [x, weight, bias] = floats(reads);
    let (batch, height, width) = (p.batch as usize, p.in_height as usize, p.in_width as usize);
    let (channels, columns) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    let images = Images { batch, height, width, channels, pitch: 4 * p.in_pitch as usize };
    images.pad(&x[4 * p.in_offset as usize..], scratch);
    // Without padding at the left and at the top, that of the images is passed over.
    let first = 1 - p.pad as usize;
    images.neighbourhoods((p.out_height as usize, p.out_width as usize), 2, first, scratch);
    let depth = 9 * channels;
    let (x, starts, panels) = scratch.with_weights(Form::Panels { depth, columns }, |panels| {
        pack(weight, columns, depth, columns, panels);
    });
    let product = Product {
        x,
        starts,
        runs: Images::RUNS,
        run_length: images.run_length(),
        run_pitch: images.line(),
        panels,
        columns,
        epilogue: Epilogue { addends: [Addend::bias(bias), Addend::NONE, Addend::NONE], scale: 1.0 },
    };
    product.write(output(writes), 4 * p.out_pitch as usize, 4 * p.out_offset as usize);
}

fn cases() -> Vec<Case> {
    let symmetric = Params {
        batch: 2,
        in_height: 6,
        in_width: 10,
        out_height: 3,
        out_width: 5,
        pad: 1,
        in_channels: 2,
        in_pitch: 2,
        out_channels: 3,
        out_pitch: 3,
        ..Default::default()
    };
    let asymmetric = Params { pad: 0, in_pitch: 3, in_offset: 1, out_pitch: 4, out_offset: 1, ..symmetric };
    [("padding 1", symmetric), ("padding right and bottom, slices", asymmetric)]
        .map(|(label, p)| {
            let buffers = vec![
                random(1, 4 * p.batch * p.in_height * p.in_width * p.in_pitch),
                random(2, 9 * 16 * p.in_channels * p.out_channels),
                random(3, 4 * p.out_channels),
                zeros(4 * p.batch * p.out_height * p.out_width * p.out_pitch),
            ];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
