//! Samples as PNG and GIF files.

use std::io::Cursor;
use std::time::Duration;

use color_quant::NeuQuant;
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{FilterType, resize};
use image::{Delay, Frame, ImageError, ImageFormat, RgbaImage};
use reverie::kernels::present::{Grid, twin};
use reverie::net::pixels::to_nhwc;

/// Pictures are enlarged, by a whole factor, to about this width or height.
const WANTED: u32 = 256;
/// Between samples; a grey, so that a grey animation needs no more than 256 colours.
const BACKGROUND: [f32; 4] = [0.2, 0.2, 0.2, 1.0];
/// How long an animation takes before it stands still, and for how long it does (ms).
const PLAY: u64 = 4000;
const STAND: u64 = 1500;
/// The encoder's choice between good colours (1) and speed (30).
const GIF_SPEED: i32 = 10;
/// The colour of a strip that lets what is behind it through; the others are seen.
const CLEAR: usize = 255;

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

    /// A batch `[N, C, H, W]` as RGBA, pixel for pixel.
    fn rgba(&self, batch: &[f32], background: [f32; 4]) -> Vec<u8> {
        let pixels = (self.grid.width * self.grid.height) as usize;
        let words = to_nhwc(batch, self.channels, pixels);
        let params = self.grid.params(self.channels as u32, 0, self.range, background);
        twin(&params, bytemuck::cast_slice(&words))
    }

    /// A batch `[N, C, H, W]` as one picture.
    fn draw(&self, batch: &[f32]) -> RgbaImage {
        let (width, height) = self.grid.size();
        let rgba = self.rgba(batch, BACKGROUND);
        let picture = RgbaImage::from_raw(width, height, rgba).unwrap_or_default();
        let (width, height) = self.size();
        resize(&picture, width, height, FilterType::Nearest)
    }

    /// The frames one below the other, pixel for pixel and clear between samples, in 256 colours:
    /// small enough for a page to play while it loads.
    pub fn strip(&self, frames: &[Vec<f32>]) -> Result<Vec<u8>, png::EncodingError> {
        let (width, height) = self.grid.size();
        let rgba: Vec<u8> = frames.iter().flat_map(|batch| self.rgba(batch, [0.0; 4])).collect();
        let seen = rgba.chunks(4).filter(|pixel| pixel[3] > 0);
        let colours = NeuQuant::new(1, CLEAR, &seen.flatten().copied().collect::<Vec<_>>());
        let index = |pixel: &[u8]| if pixel[3] > 0 { colours.index_of(pixel) } else { CLEAR };
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height * frames.len() as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette([colours.color_map_rgb(), vec![0; 3]].concat());
        encoder.set_trns([vec![255; CLEAR], vec![0]].concat());
        encoder.set_compression(png::Compression::High);
        // Noise has no neighbours to be told from.
        encoder.set_filter(png::Filter::NoFilter);
        let indices: Vec<u8> = rgba.chunks(4).map(|pixel| index(pixel) as u8).collect();
        encoder.write_header()?.write_image_data(&indices)?;
        Ok(bytes)
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
