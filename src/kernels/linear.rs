//! A linear layer, or a 1×1 convolution.

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::epilogue::{Addend, Epilogue};
use super::fast::product::{Product, pack};
use super::fast::weights::Form;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::linear::Params;
use crate::kernels::shaders::linear::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Fewer rows than that do not fill a product's registers.
const FEW_ROWS: u32 = 4;

/// Buffers: x, weight, bias, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.rows.div_ceil(4) * p.out_channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, weight, bias, residual] = floats(reads);
    let y = output(writes);
    let (c_in, c_out) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    for row in 0..p.rows as usize {
        let at = 4 * (row * p.in_pitch as usize + p.in_offset as usize);
        let to = 4 * (row * p.out_pitch as usize + p.out_offset as usize);
        let sum = &mut y[to..to + c_out];
        sum.copy_from_slice(&bias[..c_out]);
        for (c, &v) in x[at..at + c_in].iter().enumerate() {
            for (s, k) in sum.iter_mut().zip(&weight[c * c_out..(c + 1) * c_out]) {
                *s += v * k;
            }
        }
        for (c, s) in sum.iter_mut().enumerate() {
            if p.residual_pitch != 0 {
                *s += residual[4 * (row * p.residual_pitch as usize + p.residual_offset as usize) + c];
            }
            *s *= p.scale;
        }
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], scratch: &mut Scratch) {
    let p: Params = params(bytes);
    if p.rows < FEW_ROWS {
        return twin(bytes, reads, writes);
    }
    let [x, weight, bias, residual] = floats(reads);
    let (depth, columns) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    let start = |row: u32| 4 * (row * p.in_pitch + p.in_offset) as usize;
    scratch.starts.clear();
    scratch.starts.extend((0..p.rows).map(start));
    let (_, starts, panels) = scratch.with_weights(Form::Panels { depth, columns }, |panels| {
        pack(weight, columns, depth, columns, panels);
    });
    let product = Product {
        x,
        starts,
        runs: 1,
        run_length: depth,
        run_pitch: 0,
        panels,
        columns,
        epilogue: Epilogue {
            addends: [
                Addend::bias(bias),
                Addend::slice(residual, p.residual_pitch, p.residual_offset, 1),
                Addend::NONE,
            ],
            scale: p.scale,
        },
    };
    product.write(output(writes), 4 * p.out_pitch as usize, 4 * p.out_offset as usize);
}

fn cases() -> Vec<Case> {
    let plain = Params {
        rows: 8,
        in_channels: 3,
        in_pitch: 3,
        out_channels: 2,
        out_pitch: 2,
        scale: 1.0,
        ..Default::default()
    };
    let rest = Params {
        rows: 7,
        in_pitch: 5,
        in_offset: 1,
        out_pitch: 4,
        out_offset: 2,
        residual_pitch: 3,
        residual_offset: 1,
        scale: 0.7,
        ..plain
    };
    [("plain", plain), ("one row", Params { rows: 1, ..plain }), ("slices, residual", rest)]
        .map(|(label, p)| {
            let buffers = vec![
                random(1, 4 * p.rows * p.in_pitch),
                random(2, 16 * p.in_channels * p.out_channels),
                random(3, 4 * p.out_channels),
                random(4, 4 * (p.rows * p.residual_pitch).max(1)),
                zeros(4 * p.rows * p.out_pitch),
            ];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}
