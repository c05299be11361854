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
            low: range[0],
            high: range[1],
            background,
            ..Default::default()
        }
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
            let pixel = (sample * p.height + inner_row) * p.width + inner_column;
            let at = 4 * (p.offset + pixel * p.pitch) as usize;
            let unit = |c: usize| ((x[at + c] - p.low) / (p.high - p.low)).clamp(0.0, 1.0);
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
}
