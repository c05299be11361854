//! Rows of an embedding table.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, output, params};
pub use crate::kernels::shaders::class_embedding::Params;
use crate::kernels::shaders::class_embedding::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: label (u32), table, y. Labels are checked before they are uploaded.
pub fn dispatch(p: &Params, buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, flat_grid(p.rows * p.channels))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let (labels, table): (&[u32], &[f32]) = (reads[0], bytemuck::cast_slice(reads[1]));
    let channels = 4 * p.channels as usize;
    for (out, &label) in output(writes).chunks_exact_mut(channels).zip(&labels[..p.rows as usize]) {
        out.copy_from_slice(&table[label as usize * channels..][..channels]);
    }
}

fn cases() -> Vec<Case> {
    let p = Params { rows: 3, channels: 5 };
    let buffers = vec![vec![4, 0, 2], random(1, 5 * 4 * p.channels), zeros(4 * p.rows * p.channels)];
    vec![Case::new("three of five", &KERNEL, &p, buffers, flat_grid(p.rows * p.channels))]
}
