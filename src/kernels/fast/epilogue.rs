//! What is done to a kernel's sums before they are written.

use super::lanes::Lanes;

/// Something that is added to the sums: a bias, a time embedding, a residual.
#[derive(Clone, Copy, Debug)]
pub struct Addend<'a> {
    values: &'a [f32],
    /// Where row 0's values lie, and how far the next ones are after so many rows.
    offset: usize,
    pitch: usize,
    rows: usize,
}

impl<'a> Addend<'a> {
    pub const NONE: Self = Self { values: &[], offset: 0, pitch: 0, rows: 1 };

    /// The same for every row.
    pub fn bias(values: &'a [f32]) -> Self {
        Self { values, ..Self::NONE }
    }

    /// A slice of a tensor with one pixel for so many rows; pitch, which is 0 where there is none,
    /// and offset in vec4s.
    pub fn slice(values: &'a [f32], pitch: u32, offset: u32, rows: usize) -> Self {
        let (pitch, offset) = (4 * pitch as usize, 4 * offset as usize);
        if pitch == 0 { Self::NONE } else { Self { values, offset, pitch, rows } }
    }

    /// The values for a row.
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        let place = if self.rows == 1 { row } else { row / self.rows };
        &self.values[place * self.pitch + self.offset..]
    }
}

/// (sums + addends) · scale.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    pub addends: [Addend<'a>; 3],
    pub scale: f32,
}

impl Epilogue<'_> {
    pub fn scaled(scale: f32) -> Self {
        Self { addends: [Addend::NONE; 3], scale }
    }

    /// Writes a row's channels from a column on: a vector, or what there is of the last.
    #[inline(always)]
    pub fn finish(&self, row: usize, column: usize, mut sum: Lanes, y: &mut [f32]) {
        for addend in self.addends.iter().filter(|addend| !addend.values.is_empty()) {
            sum = sum + Lanes::load_some(&addend.row(row)[column..], y.len());
        }
        (sum * Lanes::splat(self.scale)).store_some(y);
    }
}
