//! How the values of a picture are spread.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::engine::to_js;
use crate::diffusion::histogram::Histogram;

/// A [`Histogram`], as TypeScript sees it.
#[derive(Serialize)]
pub struct HistogramFacts {
    low: f32,
    high: f32,
    counts: Vec<u32>,
    normal: Vec<f32>,
    mean: f32,
    std: f32,
}

impl HistogramFacts {
    /// Of values of any shape.
    pub fn of(values: &[f32]) -> Self {
        let Histogram { low, high, counts, normal, mean, std } = Histogram::of(values);
        Self { low, high, counts, normal, mean, std }
    }
}

#[wasm_bindgen]
impl Engine {
    /// Counts the values of a kept image, all samples together, as they are drawn.
    pub async fn histogram(&self, surface: String, frame: usize) -> Result<JsValue, JsValue> {
        let values = self.frame_pixels(surface, frame).await?;
        to_js(&HistogramFacts::of(&values))
    }
}
