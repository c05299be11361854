//! A canvas with a 2-D context, for pictures that were computed elsewhere.

use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{ImageData, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use super::error;

/// The canvas; its context cannot be changed once made.
pub struct Canvas2d {
    canvas: OffscreenCanvas,
    context: OffscreenCanvasRenderingContext2d,
    pub size: (u32, u32),
}

impl Canvas2d {
    pub fn new(canvas: OffscreenCanvas) -> Result<Self, JsValue> {
        let context = canvas.get_context("2d")?;
        let context = context.ok_or_else(|| error::error("NoCanvas", "this canvas has no 2-D context"))?;
        // A canvas that showed another device's pictures keeps the last one meanwhile.
        let size = (canvas.width(), canvas.height());
        Ok(Self { canvas, context: context.unchecked_into(), size })
    }

    /// Returns whether the size is another now.
    pub fn resize(&mut self, size: (u32, u32)) -> bool {
        let is_new = self.size != size;
        if is_new {
            self.size = size;
            self.canvas.set_width(size.0);
            self.canvas.set_height(size.1);
        }
        is_new
    }

    /// Shows RGBA texels of the canvas' size; of any other they are out of date.
    pub fn put(&self, texels: &[u8]) {
        let (width, height) = self.size;
        let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(texels), width, height);
        if let Ok(image) = image {
            let _ = self.context.put_image_data(&image, 0.0, 0.0);
        }
    }
}
