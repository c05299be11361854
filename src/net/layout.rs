//! How logical channels lie in memory.

/// Channels as slices, each padded to whole vec4s on its own: `[6, 9]` lies as
/// 6 channels, 2 of padding, 9 channels, 3 of padding. A concatenation has a
/// slice for each half, an attention's projection one for each head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(Vec<usize>);

impl Layout {
    pub fn new(slices: &[usize]) -> Self {
        Self(slices.to_vec())
    }

    /// One slice.
    pub fn of(channels: usize) -> Self {
        Self(vec![channels])
    }

    /// `count` slices of `channels`.
    pub fn repeat(channels: usize, count: usize) -> Self {
        Self(vec![channels; count])
    }

    /// These slices, then those.
    pub fn then(&self, next: &Self) -> Self {
        Self(self.0.iter().chain(&next.0).copied().collect())
    }

    /// Logical channels.
    pub fn channels(&self) -> usize {
        self.0.iter().sum()
    }

    /// vec4s, padding included.
    pub fn vec4s(&self) -> usize {
        self.0.iter().map(|c| c.div_ceil(4)).sum()
    }

    /// Channels, padding included.
    pub fn physical(&self) -> usize {
        4 * self.vec4s()
    }

    /// Where each logical channel lies.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let starts = self.0.iter().scan(0, |next, c| {
            let start = *next;
            *next += c.next_multiple_of(4);
            Some((start, *c))
        });
        starts.flat_map(|(start, channels)| start..start + channels)
    }

    /// Logical channels before the only gap inside, and its width: (channels, 0)
    /// where there is none.
    pub fn seam(&self) -> (usize, usize) {
        assert!(self.0.len() <= 2, "a group norm sees a tensor or a concatenation of two");
        match self.0[..] {
            [first, _] => (first, first.next_multiple_of(4) - first),
            _ => (self.channels(), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_padded_each_on_its_own() {
        let layout = Layout::new(&[6, 9]);
        assert_eq!((layout.channels(), layout.physical(), layout.seam()), (15, 20, (6, 2)));
        let places: Vec<_> = layout.places().collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    }
}
