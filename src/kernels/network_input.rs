//! What the network sees: a register over a divisor, once or twice.

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::network_input::Params;
use crate::kernels::shaders::network_input::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: registers, y. One uniform a row, alike in `count` and `copies`.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, flat_grid(rows[0].count * rows[0].copies))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [registers] = floats(reads);
    let source = &registers[4 * p.offset as usize..][..4 * p.count as usize];
    for (y, x) in output(writes).iter_mut().zip(source.iter().cycle()).take(source.len() * p.copies as usize)
    {
        *y = x / p.divisor;
    }
}

fn cases() -> Vec<Case> {
    let once = Params { count: 10, copies: 1, offset: 0, divisor: 1.0 };
    [("once", once), ("twice, divided", Params { copies: 2, offset: 20, divisor: 0.3, ..once })]
        .map(|(label, p)| {
            let buffers = vec![random(1, 4 * 3 * p.count), zeros(4 * p.count * p.copies)];
            Case::new(label, &KERNEL, &p, buffers, flat_grid(p.count * p.copies))
        })
        .into()
}
