//! The input of a 3×3 convolution by Winograd's method, for adapters that are a processor.

use super::activation::Activation;
use super::case::{random, zeros};
use super::winograd::{PLACES, SIDE, TILE, tiles};
use super::{BufferId, Case, Dispatch, Kernel, floats, folded, output, params};
pub use crate::kernels::shaders::winograd_input::Params;
use crate::kernels::shaders::winograd_input::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Bᵀ.
const MATRIX: [[f32; SIDE]; SIDE] = [
    [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
    [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
    [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
    [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
    [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
    [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
];

/// Buffers: x, affine, v.
pub fn dispatch(p: &Params, buffers: [BufferId; 3]) -> Dispatch {
    let pixels = (p.height >> p.upsampled) * (p.width >> p.upsampled);
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching([p.batch * pixels * p.pitch, 0])
}

fn grid(p: &Params) -> [u32; 3] {
    folded((tiles(p.batch, p.height, p.width) * p.channels).div_ceil(SHADER.workgroup_size))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, affine] = floats(reads);
    let v = output(writes);
    let (height, width, channels) = (p.height as usize, p.width as usize, 4 * p.channels as usize);
    let (across, down) = (width.div_ceil(TILE), height.div_ceil(TILE));
    let tiles = p.batch as usize * across * down;
    for (tile, c) in (0..tiles).flat_map(|tile| (0..channels).map(move |c| (tile, c))) {
        let (n, row, column) = (tile / (across * down), tile / across % down * TILE, tile % across * TILE);
        let input = |i: usize, j: usize| {
            let (row, column) = (row + i, column + j);
            if !(1..=height).contains(&row) || !(1..=width).contains(&column) {
                return 0.0;
            }
            let half = p.upsampled as usize;
            let line = n * (height >> half) + ((row - 1) >> half);
            let pixel = line * (width >> half) + ((column - 1) >> half);
            let value = x[4 * (pixel * p.pitch as usize + p.offset as usize) + c];
            if p.affine_pitch == 0 {
                return value;
            }
            let at = 4 * (n * p.affine_pitch as usize + c / 4 * 2) + c % 4;
            Activation::Silu.apply(f64::from(value * affine[at] + affine[at + 4])) as f32
        };
        for place in 0..PLACES {
            let (along_rows, along_columns) = (MATRIX[place / SIDE], MATRIX[place % SIDE]);
            let row = |i: usize| (0..SIDE).map(|j| input(i, j) * along_columns[j]).sum::<f32>();
            let sum: f32 = (0..SIDE).map(|i| along_rows[i] * row(i)).sum();
            v[(place * tiles + tile) * channels + c] = sum;
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params { batch: 2, height: 8, width: 8, channels: 3, pitch: 3, ..Default::default() };
    let slice = Params { height: 5, width: 7, pitch: 5, offset: 1, affine_pitch: 7, ..plain };
    let twice = Params { upsampled: 1, affine_pitch: 6, ..plain };
    [
        ("plain", plain),
        ("upsampled, affine", twice),
        ("slice, odd sizes, affine", slice),
        ("one pixel", Params { height: 1, width: 1, ..plain }),
    ]
    .map(|(label, p)| {
        let tiles = tiles(p.batch, p.height, p.width);
        let buffers = vec![
            random(1, 4 * p.batch * p.height * p.width * p.pitch),
            random(2, 4 * (p.batch * p.affine_pitch).max(1)),
            zeros(4 * PLACES as u32 * tiles * p.channels),
        ];
        Case::new(label, &KERNEL, &p, buffers, grid(&p))
    })
    .into()
}
