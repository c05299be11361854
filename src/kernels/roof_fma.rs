//! The roof of arithmetic: multiply-adds in registers and nothing else.

use super::case::zeros;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, output, params};
pub use crate::kernels::shaders::roof_fma::Params;
use crate::kernels::shaders::roof_fma::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Multiply-adds of one number in each round; there are eight vec4s of them.
const IN_A_ROUND: u32 = 8;

/// Numbers that come nearer to 2 and never become subnormal.
pub const fn roof_params(threads: u32, rounds: u32) -> Params {
    Params { threads, rounds, factor: 0.5, term: 1.0 }
}

/// Buffers: y.
pub fn dispatch(p: &Params, y: BufferId) -> Dispatch {
    Dispatch::new(&KERNEL, p, &[y], flat_grid(p.threads))
}

/// Floating-point operations, a multiply-add counted as two.
pub fn flops(p: &Params) -> u64 {
    2 * 8 * 4 * u64::from(IN_A_ROUND) * u64::from(p.rounds) * u64::from(p.threads)
}

fn twin(bytes: &[u8], _: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    for (id, out) in output(writes).chunks_exact_mut(4).take(p.threads as usize).enumerate() {
        let mut numbers: [f32; 8] = std::array::from_fn(|i| (id % 16 + i) as f32);
        for _ in 0..p.rounds * IN_A_ROUND {
            numbers.iter_mut().for_each(|a| *a = *a * p.factor + p.term);
        }
        out.fill(numbers.iter().sum());
    }
}

fn cases() -> Vec<Case> {
    let p = Params { factor: 0.75, ..roof_params(100, 2) };
    vec![Case::new("plain", &KERNEL, &p, vec![zeros(4 * 100)], flat_grid(p.threads))]
}
