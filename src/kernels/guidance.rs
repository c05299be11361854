//! Classifier-free guidance: ε = ε_u + s·(ε_c − ε_u) (Ho & Salimans 2022).

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::guidance::Params;
use crate::kernels::shaders::guidance::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x, y. One uniform a row, alike in `count`.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, flat_grid(rows[0].count))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x] = floats(reads);
    let count = p.count as usize;
    for (i, y) in output(writes).iter_mut().take(count).enumerate() {
        let (conditional, unconditional) = (x[i], x[count + i]);
        let guided = i as u32 % p.pitch < p.channels;
        *y = if guided { unconditional + p.scale * (conditional - unconditional) } else { conditional };
    }
}

fn cases() -> Vec<Case> {
    let p = Params { count: 80, pitch: 8, channels: 8, scale: 2.5 };
    [("all channels", p), ("variance left alone", Params { channels: 3, scale: 7.0, ..p })]
        .map(|(label, p)| {
            Case::new(label, &KERNEL, &p, vec![random(1, 2 * p.count), zeros(p.count)], flat_grid(p.count))
        })
        .into()
}
