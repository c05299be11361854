//! 3×3 convolution, stride 1, zero padding 1.

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::epilogue::{Addend, Epilogue};
use super::fast::image::Images;
use super::fast::product::{Product, pack};
use super::fast::weights::Form;
use super::fast::winograd;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::conv3x3::Params;
use crate::kernels::shaders::conv3x3::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: x, weight, bias, temb, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 6]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.height.div_ceil(4) * p.width.div_ceil(4) * p.out_channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, weight, bias, temb, residual] = floats(reads);
    let y = output(writes);
    let (h, w) = (p.height as usize, p.width as usize);
    let (c_in, c_out) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    let mut sum = vec![0f32; c_out];
    for pixel in 0..p.batch as usize * h * w {
        let (n, row, column) = (pixel / (h * w), pixel / w % h, pixel % w);
        sum.copy_from_slice(&bias[..c_out]);
        for tap in 0..9 {
            let (in_row, in_column) = (row + tap / 3, column + tap % 3);
            if !(1..=h).contains(&in_row) || !(1..=w).contains(&in_column) {
                continue;
            }
            let at =
                4 * (((n * h + in_row - 1) * w + in_column - 1) * p.in_pitch as usize + p.in_offset as usize);
            for (c, &v) in x[at..at + c_in].iter().enumerate() {
                let from = (tap * c_in + c) * c_out;
                for (s, k) in sum.iter_mut().zip(&weight[from..from + c_out]) {
                    *s += v * k;
                }
            }
        }
        for (c, s) in sum.iter_mut().enumerate() {
            if p.temb_pitch != 0 {
                *s += temb[4 * (n * p.temb_pitch as usize + p.temb_offset as usize) + c];
            }
            if p.residual_pitch != 0 {
                *s += residual[4 * (pixel * p.residual_pitch as usize + p.residual_offset as usize) + c];
            }
            y[4 * (pixel * p.out_pitch as usize + p.out_offset as usize) + c] = *s * p.scale;
        }
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], scratch: &mut Scratch) {
    let p: Params = params(bytes);
    let [x, weight, bias, temb, residual] = floats(reads);
    let (batch, height, width) = (p.batch as usize, p.height as usize, p.width as usize);
    let (channels, columns) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    let images = Images { batch, height, width, channels, pitch: 4 * p.in_pitch as usize };
    images.pad(&x[4 * p.in_offset as usize..], scratch);
    let addends = [
        Addend::bias(bias),
        Addend::slice(temb, p.temb_pitch, p.temb_offset, height * width),
        Addend::slice(residual, p.residual_pitch, p.residual_offset, 1),
    ];
    let epilogue = Epilogue { addends, scale: p.scale };
    let (pitch, offset) = (4 * p.out_pitch as usize, 4 * p.out_offset as usize);
    if winograd::suits(&images, columns) {
        let y = (output(writes), pitch, offset);
        return winograd::convolve(&images, weight, columns, epilogue, scratch, y);
    }
    images.neighbourhoods((height, width), 1, 0, scratch);
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
        epilogue,
    };
    product.write(output(writes), pitch, offset);
}

fn cases() -> Vec<Case> {
    let plain = Params {
        batch: 2,
        height: 5,
        width: 8,
        in_channels: 2,
        in_pitch: 2,
        out_channels: 3,
        out_pitch: 3,
        scale: 1.0,
        ..Default::default()
    };
    let slices = Params { in_pitch: 4, in_offset: 1, out_pitch: 5, out_offset: 2, width: 7, ..plain };
    let epilogue = Params {
        height: 1,
        width: 1,
        temb_pitch: 4,
        temb_offset: 1,
        residual_pitch: 6,
        residual_offset: 3,
        scale: 0.5,
        ..plain
    };
    let narrow = Params { width: 3, height: 6, ..epilogue };
    // Even sizes and more channels: what a fast form may do in another way.
    let wide = Params { in_channels: 8, in_pitch: 8, out_channels: 5, out_pitch: 5, height: 6, ..plain };
    let wide_slices = Params {
        in_pitch: 11,
        in_offset: 2,
        out_pitch: 9,
        out_offset: 1,
        width: 10,
        temb_pitch: 9,
        temb_offset: 1,
        residual_pitch: 8,
        residual_offset: 1,
        scale: 0.5,
        ..wide
    };
    [
        ("plain", plain),
        ("slices, odd width", slices),
        ("one pixel, epilogue", epilogue),
        ("narrow", narrow),
        ("wide", wide),
        ("wide, slices, epilogue", wide_slices),
        ("many outputs", Params { out_channels: 11, out_pitch: 11, width: 9, ..plain }),
    ]
    .map(|(label, p)| {
        let pixels = p.batch * p.height * p.width;
        let buffers = vec![
            random(1, 4 * pixels * p.in_pitch),
            random(2, 9 * 16 * p.in_channels * p.out_channels),
            random(3, 4 * p.out_channels),
            random(4, 4 * (p.batch * p.temb_pitch).max(1)),
            random(5, 4 * (pixels * p.residual_pitch).max(1)),
            zeros(4 * pixels * p.out_pitch),
        ];
        Case::new(label, &KERNEL, &p, buffers, grid(&p))
    })
    .into()
}
