//! Attention's result, weights · V (Vaswani et al. 2017, eq. 1).

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::epilogue::Epilogue;
use super::fast::product::{Product, pack};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::attention_values::Params;
use crate::kernels::shaders::attention_values::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: qkv, weights, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.tokens * p.heads * p.head_dim)
}

pub(super) fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [qkv, weights] = floats(reads);
    let y = output(writes);
    let (tokens, heads, dim) = (p.tokens as usize, p.heads as usize, 4 * p.head_dim as usize);
    let part = heads * dim;
    for (i, out) in y.chunks_exact_mut(dim).take(p.batch as usize * tokens * heads).enumerate() {
        let (head, query, n) = (i % heads, i / heads % tokens, i / (heads * tokens));
        let row = &weights[((n * heads + head) * tokens + query) * tokens..][..tokens];
        out.fill(0.0);
        for (key, weight) in row.iter().enumerate() {
            let v = &qkv[(n * tokens + key) * 3 * part + 2 * part + head * dim..][..dim];
            out.iter_mut().zip(v).for_each(|(o, v)| *o += weight * v);
        }
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], scratch: &mut Scratch) {
    let p: Params = params(bytes);
    let [qkv, weights] = floats(reads);
    let (tokens, heads, dim) = (p.tokens as usize, p.heads as usize, 4 * p.head_dim as usize);
    let part = heads * dim;
    scratch.starts.clear();
    scratch.starts.extend((0..tokens).map(|token| token * tokens));
    let samples = output(writes).chunks_exact_mut(tokens * part).take(p.batch as usize);
    for (n, y) in samples.enumerate() {
        for head in 0..heads {
            let values = &qkv[n * tokens * 3 * part + 2 * part + head * dim..];
            pack(values, 3 * part, tokens, dim, &mut scratch.panels);
            let product = Product {
                x: &weights[(n * heads + head) * tokens * tokens..],
                starts: &scratch.starts,
                runs: 1,
                run_length: tokens,
                run_pitch: 0,
                panels: &scratch.panels,
                columns: dim,
                epilogue: Epilogue::scaled(1.0),
            };
            product.write(y, part, head * dim);
        }
    }
}

fn cases() -> Vec<Case> {
    cases_of(&KERNEL, &[8, 7], grid)
}

/// For both variants of the kernel, at so many tokens.
pub(super) fn cases_of(kernel: &'static Kernel, tokens: &[u32], grid: fn(&Params) -> [u32; 3]) -> Vec<Case> {
    let of = |(tokens, heads): (&u32, u32)| {
        let p = Params { batch: 2, tokens: *tokens, heads, head_dim: 2 };
        let width = 4 * p.heads * p.head_dim;
        let buffers = vec![
            random(1, 3 * width * p.batch * p.tokens),
            random(2, p.batch * p.heads * p.tokens * p.tokens),
            zeros(width * p.batch * p.tokens),
        ];
        Case::new(&format!("{tokens} tokens"), kernel, &p, buffers, grid(&p))
    };
    tokens.iter().zip(2..).map(of).collect()
}
