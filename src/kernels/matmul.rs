//! Matrix products for adapters that are a processor, with the epilogue of a linear layer.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, floats, folded, linear, output, params};
pub use crate::kernels::shaders::matmul::Params;
use crate::kernels::shaders::matmul::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Rows that a thread makes, and its output channels in vec4s.
const ROWS: u32 = 16;
const COLUMNS: u32 = 4;

impl From<linear::Params> for Params {
    fn from(p: linear::Params) -> Self {
        Self {
            products: 1,
            rows: p.rows,
            in_channels: p.in_channels,
            in_pitch: p.in_pitch,
            in_offset: p.in_offset,
            out_channels: p.out_channels,
            out_pitch: p.out_pitch,
            out_offset: p.out_offset,
            residual_pitch: p.residual_pitch,
            residual_offset: p.residual_offset,
            has_bias: 1,
            scale: p.scale,
        }
    }
}

/// Buffers: x, weight, bias, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching(reach(p))
}

fn grid(p: &Params) -> [u32; 3] {
    grid_of(p, ROWS, SHADER.workgroup_size)
}

/// Of its factors.
pub(super) fn reach(p: &Params) -> [u32; 2] {
    [p.products * p.rows * p.in_pitch, p.products * 4 * p.in_channels * p.out_channels]
}

/// Workgroups where a thread makes so many rows.
pub(super) fn grid_of(p: &Params, rows: u32, workgroup_size: u32) -> [u32; 3] {
    let threads = p.products * p.rows.div_ceil(rows) * p.out_channels.div_ceil(COLUMNS);
    folded(threads.div_ceil(workgroup_size))
}

pub(super) fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, weight, bias, residual] = floats(reads);
    let y = output(writes);
    let (c_in, c_out) = (4 * p.in_channels as usize, 4 * p.out_channels as usize);
    for row in 0..(p.products * p.rows) as usize {
        let weight = &weight[row / p.rows as usize * c_in * c_out..][..c_in * c_out];
        let at = 4 * (row * p.in_pitch as usize + p.in_offset as usize);
        let to = 4 * (row * p.out_pitch as usize + p.out_offset as usize);
        let sum = &mut y[to..to + c_out];
        sum.fill(0.0);
        if p.has_bias != 0 {
            sum.copy_from_slice(&bias[..c_out]);
        }
        for (v, weights) in x[at..at + c_in].iter().zip(weight.chunks_exact(c_out)) {
            for (s, k) in sum.iter_mut().zip(weights) {
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

fn cases() -> Vec<Case> {
    cases_of(&KERNEL, grid)
}

/// The same for both variants of the kernel.
pub(super) fn cases_of(kernel: &'static Kernel, grid: fn(&Params) -> [u32; 3]) -> Vec<Case> {
    let plain = Params {
        products: 3,
        rows: 32,
        in_channels: 3,
        in_pitch: 3,
        out_channels: 8,
        out_pitch: 8,
        scale: 1.0,
        ..Default::default()
    };
    let layer = Params {
        products: 1,
        rows: 23,
        in_pitch: 5,
        in_offset: 1,
        out_channels: 5,
        out_pitch: 9,
        out_offset: 2,
        residual_pitch: 7,
        residual_offset: 1,
        has_bias: 1,
        scale: 0.7,
        ..plain
    };
    [("plain", plain), ("a layer, slices, residual", layer), ("one row", Params { rows: 1, ..layer })]
        .map(|(label, p)| {
            let rows = p.products * p.rows;
            let buffers = vec![
                random(1, 4 * rows * p.in_pitch),
                random(2, 16 * p.products * p.in_channels * p.out_channels),
                random(3, 4 * p.out_channels),
                random(4, 4 * (rows * p.residual_pitch).max(1)),
                zeros(4 * rows * p.out_pitch),
            ];
            Case::new(label, kernel, &p, buffers, grid(&p))
        })
        .into()
}
