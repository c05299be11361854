//! Softmax of each row, in place.

use super::case::random;
use super::fast::Scratch;
use super::fast::lanes::{self, Job, Lanes};
use super::fast::split::{EXP, PIECE, each_chunk};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, output, params};
pub use crate::kernels::shaders::softmax::Params;
use crate::kernels::shaders::softmax::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: x.
pub fn dispatch(p: &Params, buffers: [BufferId; 1]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, flat_grid(p.rows))
}

pub(super) fn twin(bytes: &[u8], _: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    for row in output(writes).chunks_exact_mut(p.columns as usize).take(p.rows as usize) {
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|v| *v = (*v - highest).exp());
        let inverse = 1.0 / row.iter().sum::<f32>();
        row.iter_mut().for_each(|v| *v *= inverse);
    }
}

fn fast(bytes: &[u8], _: &[&[u32]], writes: &mut [&mut [u32]], _: &mut Scratch) {
    let p: Params = params(bytes);
    let columns = p.columns as usize;
    let x = &mut output(writes)[..p.rows as usize * columns];
    each_chunk(x, PIECE.div_ceil(columns) * columns, EXP, |_, x| lanes::run(Rows { x, columns }));
}

/// Some rows.
struct Rows<'a> {
    x: &'a mut [f32],
    columns: usize,
}

impl Job for Rows<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for row in self.x.chunks_exact_mut(self.columns) {
            let mut most = Lanes::splat(f32::NEG_INFINITY);
            lanes::each(row, f32::NEG_INFINITY, |v| {
                most = most.max(v);
                v
            });
            let highest = Lanes::splat(most.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max));
            let mut sums = Lanes::ZERO;
            lanes::each(row, f32::NEG_INFINITY, |v| {
                let e = (v - highest).exp();
                sums = sums + e;
                e
            });
            let inverse = Lanes::splat(1.0 / sums.to_array().iter().sum::<f32>());
            lanes::each(row, 0.0, |v| v * inverse);
        }
    }
}

fn cases() -> Vec<Case> {
    [(1, 1, 1.0), (70, 13, 1.0), (5, 64, 60.0)]
        .map(|(rows, columns, spread)| {
            let p = Params { rows, columns };
            let x =
                random(1, rows * columns).iter().map(|w| (spread * f32::from_bits(*w)).to_bits()).collect();
            Case::new(&format!("{rows}×{columns}"), &KERNEL, &p, vec![x], flat_grid(rows))
                .with_tolerance(2e-5)
        })
        .into()
}
