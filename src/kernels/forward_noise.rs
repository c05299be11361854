//! The forward process in closed form (Ho et al. 2020, eq. 4).

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::forward_noise::Params;
use crate::kernels::shaders::forward_noise::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x0, eps, x_t. One uniform a row, alike in `count`.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, flat_grid(rows[0].count))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x0, eps] = floats(reads);
    for (i, x_t) in output(writes).iter_mut().take(4 * p.count as usize).enumerate() {
        *x_t = p.signal * x0[i] + p.noise * eps[i];
    }
}

fn cases() -> Vec<Case> {
    let p = Params { count: 33, signal: 0.6, noise: 0.8 };
    let buffers = vec![random(1, 4 * p.count), random(2, 4 * p.count), zeros(4 * p.count)];
    vec![Case::new("33 vec4s", &KERNEL, &p, buffers, flat_grid(p.count))]
}
