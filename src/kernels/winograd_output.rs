//! The output of a 3×3 convolution by Winograd's method, for adapters that are a processor.

use super::case::{random, zeros};
use super::winograd::{PLACES, SIDE, TILE, tiles};
use super::{BufferId, Case, Dispatch, Kernel, floats, folded, output, params};
pub use crate::kernels::shaders::winograd_output::Params;
use crate::kernels::shaders::winograd_output::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Aᵀ.
const MATRIX: [[f32; SIDE]; TILE] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
    [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
    [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
];

/// Buffers: m, bias, temb, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    folded((tiles(p.batch, p.height, p.width) * p.channels).div_ceil(SHADER.workgroup_size))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [m, bias, temb, residual] = floats(reads);
    let y = output(writes);
    let (height, width, channels) = (p.height as usize, p.width as usize, 4 * p.channels as usize);
    let (across, down) = (width.div_ceil(TILE), height.div_ceil(TILE));
    let tiles = p.batch as usize * across * down;
    for (pixel, c) in
        (0..p.batch as usize * height * width).flat_map(|pixel| (0..channels).map(move |c| (pixel, c)))
    {
        let (n, row, column) = (pixel / (height * width), pixel / width % height, pixel % width);
        let tile = (n * down + row / TILE) * across + column / TILE;
        let (along_rows, along_columns) = (MATRIX[row % TILE], MATRIX[column % TILE]);
        let product = |i: usize, j: usize| m[((i * SIDE + j) * tiles + tile) * channels + c];
        let row = |i: usize| (0..SIDE).map(|j| product(i, j) * along_columns[j]).sum::<f32>();
        let mut sum = bias[c] + (0..SIDE).map(|i| along_rows[i] * row(i)).sum::<f32>();
        if p.temb_pitch != 0 {
            sum += temb[4 * (n * p.temb_pitch as usize + p.temb_offset as usize) + c];
        }
        if p.residual_pitch != 0 {
            sum += residual[4 * (pixel * p.residual_pitch as usize + p.residual_offset as usize) + c];
        }
        y[4 * (pixel * p.pitch as usize + p.offset as usize) + c] = sum * p.scale;
    }
}

fn cases() -> Vec<Case> {
    let plain =
        Params { batch: 2, height: 8, width: 8, channels: 3, pitch: 3, scale: 1.0, ..Default::default() };
    let epilogue = Params {
        height: 5,
        width: 7,
        pitch: 5,
        offset: 2,
        temb_pitch: 4,
        temb_offset: 1,
        residual_pitch: 6,
        residual_offset: 3,
        scale: 0.5,
        ..plain
    };
    [
        ("plain", plain),
        ("slices, odd sizes, epilogue", epilogue),
        ("one pixel", Params { height: 1, width: 1, ..plain }),
    ]
    .map(|(label, p)| {
        let pixels = p.batch * p.height * p.width;
        let tiles = tiles(p.batch, p.height, p.width);
        let buffers = vec![
            random(1, 4 * PLACES as u32 * tiles * p.channels),
            random(2, 4 * p.channels),
            random(3, 4 * (p.batch * p.temb_pitch).max(1)),
            random(4, 4 * (pixels * p.residual_pitch).max(1)),
            zeros(4 * pixels * p.pitch),
        ];
        Case::new(label, &KERNEL, &p, buffers, grid(&p))
    })
    .into()
}
