//! Between NCHW, the order of every file, and NHWC in vec4s, the order of every kernel.

/// `[N, C, H·W]` → `[N, H·W, C]` with channels padded by zeros to whole vec4s.
pub fn to_nhwc(values: &[f32], channels: usize, pixels: usize) -> Vec<u32> {
    let physical = channels.next_multiple_of(4);
    let mut out = vec![0u32; values.len() / channels * physical];
    for (i, value) in values.iter().enumerate() {
        let (n, channel, pixel) = (i / (channels * pixels), i / pixels % channels, i % pixels);
        out[(n * pixels + pixel) * physical + channel] = value.to_bits();
    }
    out
}

/// The way back.
pub fn to_nchw(words: &[u32], channels: usize, pixels: usize) -> Vec<f32> {
    let physical = channels.next_multiple_of(4);
    let mut out = vec![0f32; words.len() / physical * channels];
    for (i, value) in out.iter_mut().enumerate() {
        let (n, channel, pixel) = (i / (channels * pixels), i / pixels % channels, i % pixels);
        *value = f32::from_bits(words[(n * pixels + pixel) * physical + channel]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let values: Vec<f32> = (0..2 * 3 * 5).map(|i| i as f32).collect();
        let words = to_nhwc(&values, 3, 5);
        assert_eq!(words.len(), 2 * 5 * 4);
        assert_eq!(words[4..8], [1f32, 6.0, 11.0, 0.0].map(f32::to_bits));
        assert_eq!(to_nchw(&words, 3, 5), values);
    }
}
