//! How the values of a picture are spread.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

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

/// Counts the values of a picture.
#[wasm_bindgen]
pub fn histogram(values: &[f32]) -> Result<JsValue, JsValue> {
    to_js(&HistogramFacts::of(values))
}
