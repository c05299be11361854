//! Sums of products: what a convolution, a linear layer and attention come to.
//!
//! A row of the result is one pixel or token: Σ over k of x·w, for every output channel. Four rows
//! and one panel of channels are summed in registers at once, so that every weight that is loaded
//! serves four rows, and every value of x a whole panel.

use super::epilogue::Epilogue;
use super::lanes::{self, Job, LANES, Lanes};
use super::split::each_chunk;

/// Channels of a panel.
pub const PANEL: usize = 2 * LANES;
/// Rows that are summed at once.
pub const ROWS: usize = 4;
/// Rows of a piece of work; x of that many fits a processor's nearest cache.
const PIECE: usize = 32;

/// A panel's sums for some rows.
pub type Sums = [[Lanes; 2]; ROWS];

/// Writes a matrix `[depth, columns]`, whose rows are `pitch` apart, as panels `[depth, PANEL]` one
/// after the other; what is missing of the last is zero.
pub fn pack(matrix: &[f32], pitch: usize, depth: usize, columns: usize, panels: &mut Vec<f32>) {
    panels.resize(depth * columns.next_multiple_of(PANEL), 0.0);
    each_chunk(panels, depth * PANEL, 1, |i, panel| {
        for (k, to) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
            for (column, to) in (i * PANEL..).step_by(LANES).zip(to.as_chunks_mut::<LANES>().0) {
                let from = matrix.get(k * pitch + column..).unwrap_or_default();
                *to = Lanes::load_some(from, columns.saturating_sub(column)).to_array();
            }
        }
    });
}

/// The same of a matrix that lies the other way, `[columns, depth]`.
pub fn pack_transposed(matrix: &[f32], pitch: usize, depth: usize, columns: usize, panels: &mut Vec<f32>) {
    panels.resize(depth * columns.next_multiple_of(PANEL), 0.0);
    each_chunk(panels, depth * PANEL, 1, |i, panel| {
        panel.fill(0.0);
        for column in 0..PANEL.min(columns - i * PANEL) {
            let from = &matrix[(i * PANEL + column) * pitch..][..depth];
            panel[column..].iter_mut().step_by(PANEL).zip(from).for_each(|(to, v)| *to = *v);
        }
    });
}

/// Adds Σ over k of x·w: of four rows, and of a panel as deep as they are long.
#[inline(always)]
pub fn accumulate<const FUSED: bool>(sums: &mut Sums, x: [&[f32]; ROWS], panel: &[f32]) {
    let [a, b, c, d] = x;
    for ((((w, a), b), c), d) in panel.as_chunks::<PANEL>().0.iter().zip(a).zip(b).zip(c).zip(d) {
        let [left, right]: &[[f32; LANES]; 2] = bytemuck::cast_ref(w);
        let w = [Lanes::load(left), Lanes::load(right)];
        for (sum, x) in sums.iter_mut().zip([a, b, c, d]) {
            let x = Lanes::splat(*x);
            *sum = [sum[0].plus_product::<FUSED>(x, w[0]), sum[1].plus_product::<FUSED>(x, w[1])];
        }
    }
}

/// y = x · w, and what comes after it.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    pub x: &'a [f32],
    /// Where each row's values begin in x.
    pub starts: &'a [usize],
    /// A row's values are so many runs of so many values, the beginnings so far apart.
    pub runs: usize,
    pub run_length: usize,
    pub run_pitch: usize,
    /// `runs · run_length` deep.
    pub panels: &'a [f32],
    /// How wide the result is.
    pub columns: usize,
    pub epilogue: Epilogue<'a>,
}

impl Product<'_> {
    /// Writes every row to `y`, `pitch` apart from `offset` on.
    pub fn write(&self, y: &mut [f32], pitch: usize, offset: usize) {
        let y = &mut y[..self.starts.len() * pitch];
        each_chunk(y, PIECE * pitch, self.runs * self.run_length, |i, y| {
            let rows = i * PIECE..self.starts.len().min((i + 1) * PIECE);
            lanes::run(Piece { product: self, rows, y, pitch, offset });
        });
    }
}

/// Some rows of a product.
struct Piece<'a> {
    product: &'a Product<'a>,
    rows: std::ops::Range<usize>,
    /// Those rows' part of the result.
    y: &'a mut [f32],
    pitch: usize,
    offset: usize,
}

impl Job for Piece<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { product: Product { x, starts, run_length, run_pitch, .. }, rows, .. } = self;
        let Product { runs, panels, columns, epilogue, .. } = *self.product;
        let panels = panels.chunks_exact(runs * run_length * PANEL);
        for (panel, column) in panels.zip((0..).step_by(PANEL)) {
            for first in rows.clone().step_by(ROWS) {
                // Past the end the last row is summed again.
                let start = |i: usize| starts[(first + i).min(rows.end - 1)];
                let starts = [start(0), start(1), start(2), start(3)];
                let mut sums = [[Lanes::ZERO; 2]; ROWS];
                for (run, panel) in panel.chunks_exact(run_length * PANEL).enumerate() {
                    let x = |i: usize| &x[starts[i] + run * run_pitch..][..*run_length];
                    accumulate::<FUSED>(&mut sums, [x(0), x(1), x(2), x(3)], panel);
                }
                for (row, sums) in (first..rows.end).zip(&sums) {
                    let y = &mut self.y[(row - rows.start) * self.pitch + self.offset..];
                    let y = &mut y[column..columns.min(column + PANEL)];
                    for ((column, sum), y) in (column..).step_by(LANES).zip(sums).zip(y.chunks_mut(LANES)) {
                        epilogue.finish(row, column, *sum, y);
                    }
                }
            }
        }
    }
}
