//! Samples as PNG and GIF files.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{FilterType, resize};
use image::{Delay, Frame, ImageError, ImageFormat, RgbaImage};
use reverie::kernels::present::{Grid, twin};
use reverie::unet::pixels::to_nhwc;

/// Pictures are enlarged, by a whole factor, to about this width or height.
const WANTED: u32 = 256;
/// Between samples; a grey, so that a grey animation needs no more than 256 colours.
const BACKGROUND: [f32; 4] = [0.2, 0.2, 0.2, 1.0];
/// How long an animation takes before it stands still, and for how long it does (ms).
const PLAY: u64 = 4000;
const STAND: u64 = 1500;
/// The encoder's choice between good colours (1) and speed (30).
const GIF_SPEED: i32 = 10;

/// How batches are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    pub grid: Grid,
    pub channels: usize,
    /// The values that are black and white.
    pub range: [f32; 2],
}

impl Picture {
    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.grid.size();
        (width * self.factor(), height * self.factor())
    }

    fn factor(&self) -> u32 {
        let (width, height) = self.grid.size();
        WANTED.div_ceil(width.max(height))
    }

    /// A batch `[N, C, H, W]` as one picture.
    fn draw(&self, batch: &[f32]) -> RgbaImage {
        let pixels = (self.grid.width * self.grid.height) as usize;
        let words = to_nhwc(batch, self.channels, pixels);
        let params = self.grid.params(self.channels as u32, 0, self.range, BACKGROUND);
        let rgba = twin(&params, bytemuck::cast_slice(&words));
        let (width, height) = self.grid.size();
        let picture = RgbaImage::from_raw(width, height, rgba).unwrap_or_default();
        let (width, height) = self.size();
        resize(&picture, width, height, FilterType::Nearest)
    }

    pub fn png(&self, batch: &[f32]) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        self.draw(batch).write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }

    /// An endless animation that stands still on its last frame.
    pub fn gif(&self, frames: &[Vec<f32>]) -> Result<Vec<u8>, ImageError> {
        let each = (PLAY / frames.len() as u64).clamp(20, 200);
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
        encoder.set_repeat(Repeat::Infinite)?;
        for (i, batch) in frames.iter().enumerate() {
            let ms = if i + 1 == frames.len() { STAND } else { each };
            let delay = Delay::from_saturating_duration(Duration::from_millis(ms));
            encoder.encode_frame(Frame::from_parts(self.draw(batch), 0, 0, delay))?;
        }
        drop(encoder);
        Ok(bytes)
    }
}
