//! Images with a border, whose 3×3 neighbourhoods are the rows of a product.

use super::Scratch;
use super::split::each_chunk;

/// Images of a batch; channels and pitch in floats.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// From one pixel of the source to the next.
    pub pitch: usize,
}

impl Images {
    /// A neighbourhood's nine pixels lie in three runs, one a line.
    pub const RUNS: usize = 3;

    pub fn run_length(&self) -> usize {
        3 * self.channels
    }

    /// From one line to the next.
    pub fn line(&self) -> usize {
        (self.width + 2) * self.channels
    }

    /// Copies the images, with one pixel of zeros around each.
    pub fn pad(&self, x: &[f32], scratch: &mut Scratch) {
        let (height, line) = (self.height + 2, self.line());
        scratch.image.resize(self.batch * height * line, 0.0);
        each_chunk(&mut scratch.image, line, 1, |i, to| {
            let (n, row) = (i / height, i % height);
            if row == 0 || row > self.height {
                return to.fill(0.0);
            }
            let (left, rest) = to.split_at_mut(self.channels);
            let (inner, right) = rest.split_at_mut(self.width * self.channels);
            left.fill(0.0);
            right.fill(0.0);
            let from = &x[(n * self.height + row - 1) * self.width * self.pitch..];
            for (to, from) in inner.chunks_exact_mut(self.channels).zip(from.chunks(self.pitch)) {
                to.copy_from_slice(&from[..self.channels]);
            }
        });
    }

    /// Where the neighbourhoods of an output begin that takes every `stride`-th pixel from the
    /// `first` one of the padded image on.
    pub fn neighbourhoods(&self, size: (usize, usize), stride: usize, first: usize, scratch: &mut Scratch) {
        let (height, width) = size;
        let place = |i: usize| {
            let (n, row, column) = (i / (height * width), i / width % height, i % width);
            let line = n * (self.height + 2) + stride * row + first;
            line * self.line() + (stride * column + first) * self.channels
        };
        scratch.starts.clear();
        scratch.starts.extend((0..self.batch * height * width).map(place));
    }
}
