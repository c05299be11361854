//! Softmax of each row, in place.

use super::case::random;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, output, params};
pub use crate::kernels::shaders::softmax::Params;
use crate::kernels::shaders::softmax::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x.
pub fn dispatch(p: &Params, buffers: [BufferId; 1]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, flat_grid(p.rows))
}

fn twin(bytes: &[u8], _: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    for row in output(writes).chunks_exact_mut(p.columns as usize).take(p.rows as usize) {
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|v| *v = (*v - highest).exp());
        let inverse = 1.0 / row.iter().sum::<f32>();
        row.iter_mut().for_each(|v| *v *= inverse);
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
