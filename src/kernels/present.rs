//! Drawing a batch as a grid of images.

pub use crate::kernels::shaders::present::{Params, SHADER};

/// How a batch is laid out on a canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub samples: u32,
    pub width: u32,
    pub height: u32,
    /// Texels between samples.
    pub gap: u32,
}

impl Grid {
    /// As square as the number of samples allows, wider rather than higher.
    pub fn columns(self) -> u32 {
        (1..=self.samples).find(|c| c * c >= self.samples).unwrap_or(1)
    }

    pub fn rows(self) -> u32 {
        self.samples.div_ceil(self.columns())
    }

    /// Texels of the whole picture, width then height.
    pub fn size(self) -> (u32, u32) {
        let side = |count: u32, each: u32| count * (each + self.gap) - self.gap;
        (side(self.columns(), self.width), side(self.rows(), self.height))
    }

    /// The uniform for a batch of `channels` that starts `offset` vec4s into its buffer.
    pub fn params(self, channels: u32, offset: u32, range: [f32; 2], background: [f32; 4]) -> Params {
        Params {
            samples: self.samples,
            columns: self.columns(),
            width: self.width,
            height: self.height,
            gap: self.gap,
            channels,
            pitch: channels.div_ceil(4),
            offset,
            stride: self.width * self.height * channels.div_ceil(4),
            factor: 1.0,
            other: offset,
            low: range[0],
            high: range[1],
            background,
            ..Default::default()
        }
    }
}

impl Params {
    /// One sample in every place: the first one.
    pub fn spread(self) -> Self {
        Self { stride: 0, ..self }
    }

    /// Values divided by `deviation`.
    pub fn divided(self, deviation: f32) -> Self {
        Self { factor: deviation.recip(), ..self }
    }

    /// Less the batch at `other` vec4s, divided by `deviation`.
    pub fn minus(self, other: u32, deviation: f32) -> Self {
        Self { other, other_factor: -deviation.recip(), ..self }
    }
}

/// The picture as RGBA bytes, row by row.
pub fn twin(p: &Params, x: &[f32]) -> Vec<u8> {
    let grid = Grid { samples: p.samples, width: p.width, height: p.height, gap: p.gap };
    let (width, height) = grid.size();
    let (cell_width, cell_height) = (p.width + p.gap, p.height + p.gap);
    let mut out = Vec::with_capacity((width * height * 4) as usize);
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        let sample = row / cell_height * p.columns + column / cell_width;
        let (inner_row, inner_column) = (row % cell_height, column % cell_width);
        let mut texel = p.background;
        if sample < p.samples && inner_row < p.height && inner_column < p.width {
            let pixel = sample * p.stride + (inner_row * p.width + inner_column) * p.pitch;
            let of = |offset: u32, c: usize| x[4 * (offset + pixel) as usize + c];
            let value = |c: usize| p.factor * of(p.offset, c) + p.other_factor * of(p.other, c);
            let unit = |c: usize| ((value(c) - p.low) / (p.high - p.low)).clamp(0.0, 1.0);
            texel = if p.channels == 1 { [unit(0); 4] } else { [unit(0), unit(1), unit(2), 1.0] };
            texel[3] = 1.0;
        }
        out.extend(texel.map(|v| (255.0 * v + 0.5) as u8));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_square_where_they_can_be() {
        let grid = |samples| Grid { samples, width: 4, height: 3, gap: 1 };
        assert_eq!(
            [1, 2, 4, 5, 16].map(|n| (grid(n).columns(), grid(n).rows())),
            [(1, 1), (2, 1), (2, 2), (3, 2), (4, 4)]
        );
        assert_eq!(grid(4).size(), (9, 7));
    }

    #[test]
    fn values_become_grey_and_gaps_background() {
        let grid = Grid { samples: 2, width: 1, height: 1, gap: 1 };
        let p = grid.params(1, 0, [-1.0, 1.0], [0.0, 0.0, 0.0, 0.0]);
        let picture = twin(&p, &[-1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
        assert_eq!(picture, [0, 0, 0, 255, 0, 0, 0, 0, 255, 255, 255, 255]);
    }

    #[test]
    fn a_picture_may_be_a_difference_or_one_sample_everywhere() {
        let grid = Grid { samples: 2, width: 1, height: 1, gap: 0 };
        let x = [1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0];
        let p = grid.params(1, 0, [-1.0, 1.0], [0.0; 4]);
        let greys = |p: &Params| twin(p, &x).chunks(4).map(|texel| texel[0]).collect::<Vec<_>>();
        // 1/2 − 2/4 and 3/2 − 2/4.
        assert_eq!(greys(&p.divided(2.0).minus(2, 4.0)), [128, 255]);
        assert_eq!(greys(&p.divided(-1.0).spread()), [0, 0]);
    }
}
