//! 3×3 convolutions by Winograd's F(2×2, 3×3), which needs 16 multiplications where the sums have
//! 36 (Lavin & Gray 2016, section 4.1): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for 2×2 outputs Y, weights g
//! and the 4×4 inputs d. Summed over channels, ⊙ is sixteen products of matrices.

use super::Scratch;
use super::epilogue::Epilogue;
use super::image::Images;
use super::lanes::{self, Job, LANES, Lanes};
use super::product::{PANEL, ROWS, accumulate};
use super::split::each_chunk;
use super::weights::Form;

/// Places of a transformed tile.
const PLACES: usize = 16;
/// Tiles of a piece of work, at the least: their transforms fit a near cache.
const PIECE: usize = 16;
/// With fewer channels the transforms take longer than they save.
const FEW_CHANNELS: usize = 16;

/// Whether it can be done, and pays.
pub fn suits(images: &Images, columns: usize) -> bool {
    let Images { height, width, channels, .. } = *images;
    height.is_multiple_of(2)
        && width.is_multiple_of(2)
        && channels.is_multiple_of(LANES)
        && channels.min(columns) >= FEW_CHANNELS
}

/// Convolves the padded images with weights `[3, 3, channels, columns]` and writes every pixel to
/// `y`, `pitch` apart from `offset` on.
pub fn convolve(
    images: &Images,
    weight: &[f32],
    columns: usize,
    epilogue: Epilogue,
    scratch: &mut Scratch,
    (y, pitch, offset): (&mut [f32], usize, usize),
) {
    let Images { batch, height, width, channels, .. } = *images;
    images.neighbourhoods((height / 2, width / 2), 2, 0, scratch);
    let across = width / 2;
    let lines = PIECE.div_ceil(across);
    let y = &mut y[..batch * height * width * pitch];
    let (image, starts, panels) =
        scratch.with_weights(Form::Winograd { depth: channels, columns }, |panels| {
            transform_weights(weight, channels, columns, panels);
        });
    each_chunk(y, lines * 2 * width * pitch, 4 * channels, |i, y| {
        let tiles = i * lines * across..starts.len().min((i + 1) * lines * across);
        let layout = Layout { images, columns, pitch, offset };
        lanes::run(Piece { layout, image, starts, panels, epilogue, tiles, y });
    });
}

/// G g Gᵀ of all weights, as panels `[PLACES, channels, PANEL]`.
fn transform_weights(weight: &[f32], channels: usize, columns: usize, panels: &mut Vec<f32>) {
    panels.resize(PLACES * channels * columns.next_multiple_of(PANEL), 0.0);
    each_chunk(panels, PLACES * channels * PANEL, 2, |i, panel| {
        lanes::run(Weights { weight, channels, columns, first: i * PANEL, panel });
    });
}

/// One panel of weights.
struct Weights<'a> {
    weight: &'a [f32],
    channels: usize,
    columns: usize,
    first: usize,
    panel: &'a mut [f32],
}

impl Job for Weights<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { weight, channels, columns, first, panel } = self;
        for (channel, half) in (0..channels).flat_map(|channel| [(channel, 0), (channel, LANES)]) {
            let column = first + half;
            let tap = |row: usize, tap: usize| {
                let at = ((3 * row + tap) * channels + channel) * columns + column;
                Lanes::load_some(weight.get(at..).unwrap_or_default(), columns.saturating_sub(column))
            };
            let along = |column: usize| spread([tap(0, column), tap(1, column), tap(2, column)]);
            let columns = along(0).into_iter().zip(along(1)).zip(along(2));
            for (row, ((a, b), c)) in columns.enumerate() {
                for (column, value) in spread([a, b, c]).iter().enumerate() {
                    let at = ((4 * row + column) * channels + channel) * PANEL + half;
                    value.store_some(&mut panel[at..at + LANES]);
                }
            }
        }
    }
}

/// G g.
#[inline(always)]
fn spread([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
    let half = Lanes::splat(0.5);
    let (outer, inner) = (half * (a + c), half * b);
    [a, outer + inner, outer - inner, c]
}

/// Bᵀ d.
#[inline(always)]
fn differences([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
    [a - c, b + c, c - b, b - d]
}

/// Aᵀ m.
#[inline(always)]
fn gather([a, b, c, d]: [Lanes; 4]) -> [Lanes; 2] {
    [a + b + c, b - c - d]
}

#[derive(Clone, Copy)]
struct Layout<'a> {
    images: &'a Images,
    columns: usize,
    pitch: usize,
    offset: usize,
}

/// Some lines of tiles.
struct Piece<'a> {
    layout: Layout<'a>,
    image: &'a [f32],
    starts: &'a [usize],
    panels: &'a [f32],
    epilogue: Epilogue<'a>,
    tiles: std::ops::Range<usize>,
    /// Those tiles' part of the result.
    y: &'a mut [f32],
}

impl Job for Piece<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        let channels = self.layout.images.channels;
        let count = self.tiles.len();
        let mut inputs = vec![0.0; PLACES * count * channels];
        self.transform_inputs(&mut inputs);
        let mut sums = vec![Lanes::ZERO; PLACES * count * 2];
        let panels = self.panels.chunks_exact(PLACES * channels * PANEL);
        for (panel, column) in panels.zip((0..).step_by(PANEL)) {
            let places = inputs.chunks_exact(count * channels).zip(sums.chunks_exact_mut(count * 2));
            for ((x, sums), panel) in places.zip(panel.chunks_exact(channels * PANEL)) {
                for first in (0..count).step_by(ROWS) {
                    // Past the end the last tile is summed again.
                    let row = |i: usize| &x[(first + i).min(count - 1) * channels..][..channels];
                    let mut of_rows = [[Lanes::ZERO; 2]; ROWS];
                    accumulate::<FUSED>(&mut of_rows, [row(0), row(1), row(2), row(3)], panel);
                    let to = sums[2 * first..].chunks_exact_mut(2);
                    to.zip(of_rows).for_each(|(to, sums)| to.copy_from_slice(&sums));
                }
            }
            self.transform_outputs(column, &sums);
        }
    }
}

impl Piece<'_> {
    /// Bᵀ d B of every tile, `[PLACES, tiles, channels]`.
    #[inline(always)]
    fn transform_inputs(&self, inputs: &mut [f32]) {
        let Images { channels, .. } = *self.layout.images;
        let line = self.layout.images.line();
        let count = self.tiles.len();
        for (tile, start) in self.starts[self.tiles.clone()].iter().enumerate() {
            for channel in (0..channels).step_by(LANES) {
                let pixel = |row: usize, column: usize| {
                    let at = start + row * line + column * channels + channel;
                    Lanes::load_some(&self.image[at..], LANES)
                };
                let along = |column: usize| {
                    differences([pixel(0, column), pixel(1, column), pixel(2, column), pixel(3, column)])
                };
                let columns = along(0).into_iter().zip(along(1)).zip(along(2)).zip(along(3));
                for (row, (((a, b), c), d)) in columns.enumerate() {
                    for (column, value) in differences([a, b, c, d]).iter().enumerate() {
                        let at = ((4 * row + column) * count + tile) * channels + channel;
                        value.store_some(&mut inputs[at..at + LANES]);
                    }
                }
            }
        }
    }

    /// Writes the pixels of every tile, from a column on.
    #[inline(always)]
    fn transform_outputs(&mut self, column: usize, sums: &[Lanes]) {
        let Layout { images: Images { width, .. }, columns, pitch, offset } = self.layout;
        let across = width / 2;
        let count = self.tiles.len();
        let first_pixel = self.tiles.start * 4;
        for (half, column) in (column..columns).step_by(LANES).take(2).enumerate() {
            let wide = LANES.min(columns - column);
            for (i, tile) in self.tiles.clone().enumerate() {
                let at = |place: usize| sums[(place * count + i) * 2 + half];
                let along =
                    |column: usize| gather([at(column), at(4 + column), at(8 + column), at(12 + column)]);
                let columns = along(0).into_iter().zip(along(1)).zip(along(2)).zip(along(3));
                let corner = tile / across * 2 * width + tile % across * 2;
                for (row, (((a, b), c), d)) in columns.enumerate() {
                    for (pixel, sum) in (corner + row * width..).zip(gather([a, b, c, d])) {
                        let at = (pixel - first_pixel) * pitch + offset + column;
                        self.epilogue.finish(pixel, column, sum, &mut self.y[at..at + wide]);
                    }
                }
            }
        }
    }
}
