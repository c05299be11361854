//! A moment of the current path: drawn, and in numbers.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::{Engine, State, no_run, to_js};
use super::error;
use super::facts::{RowFacts, row_facts};
use super::histogram::HistogramFacts;
use crate::kernels::{BufferId, present};
use crate::net::pixels::to_nchw;
use crate::session::{Lens, Moment};

/// What ε̂ is drawn from and to: of a unit normal one value in 370 lies beyond.
const NOISE_RANGE: f32 = 3.0;
/// What a change is drawn from and to, in what it is likely to be.
const CHANGE_RANGE: f32 = 3.0;

/// The lens that a canvas shows; of "delta" its newer part.
pub(super) fn lens_of(surface: &str) -> Lens {
    match surface {
        "x0_hat" => Lens::X0Hat,
        "eps_hat" => Lens::EpsHat,
        _ => Lens::Sample,
    }
}

/// One sample's values at a moment, `[C, H, W]` each.
#[derive(Serialize)]
struct MomentFacts {
    frame: usize,
    sample: usize,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    x_t: js_sys::Float32Array,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    x0_hat: js_sys::Float32Array,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    eps_hat: js_sys::Float32Array,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    delta: js_sys::Float32Array,
    /// The largest change that is drawn as such.
    delta_range: f32,
    /// Of x_t.
    histogram: HistogramFacts,
    /// What the step that led here did; of frame 0 nothing.
    rows: Vec<RowFacts>,
}

#[wasm_bindgen]
impl Engine {
    /// Draws a kept frame through every lens; computes nothing.
    pub fn show(&self, frame: usize) -> Result<(), JsValue> {
        let state = self.state.borrow();
        let moment = state.tree().ok_or_else(no_run)?.moment(frame);
        let range = state.loaded.as_ref().map_or([-1.0, 1.0], |loaded| loaded.model.value_range());
        state.draw_lens("x_t", &moment, range);
        state.draw_lens("x0_hat", &moment, range);
        state.draw_lens("eps_hat", &moment, [-NOISE_RANGE, NOISE_RANGE]);
        state.draw_change(&moment);
        Ok(())
    }

    /// A sample's values at a moment, read back.
    pub async fn moment(&self, frame: usize, sample: usize) -> Result<JsValue, JsValue> {
        let (values, channels, deviations, delta_range, rows) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
            let tree = loaded.tree.as_ref().ok_or_else(no_run)?;
            let moment = tree.moment(frame);
            if sample >= tree.run().shape.batch as usize {
                return Err(no_run());
            }
            let before = moment.before().unwrap_or(moment);
            let lenses = [
                (moment, Lens::Sample),
                (before, Lens::Sample),
                (moment, Lens::X0Hat),
                (moment, Lens::EpsHat),
            ];
            let places: Option<Vec<_>> =
                lenses.iter().map(|(moment, lens)| place(moment, *lens, sample)).collect();
            let words = moment.run.shape.sample_floats() as usize;
            let rows = rows_before(&moment);
            let deviations = [moment.deviation(), before.deviation()];
            let values = state.machine.request(&places.ok_or_else(no_run)?, words);
            (values, loaded.model.channels(), deviations, CHANGE_RANGE * moment.change(), rows)
        };
        let words = values.await.map_err(|e| error::of_machine(&e))?;
        let pixels = words.len() / 4 / channels.next_multiple_of(4);
        let values = to_nchw(&words, channels, pixels);
        let image = |i: usize| &values[i * channels * pixels..][..channels * pixels];
        let divided = |i: usize| image(i).iter().map(move |value| value / deviations[i]);
        let x_t: Vec<f32> = divided(0).collect();
        let delta: Vec<f32> = x_t.iter().zip(divided(1)).map(|(new, old)| new - old).collect();
        to_js(&MomentFacts {
            frame,
            sample,
            x_t: x_t.as_slice().into(),
            x0_hat: image(2).into(),
            eps_hat: image(3).into(),
            delta: delta.as_slice().into(),
            delta_range,
            histogram: HistogramFacts::of(&x_t),
            rows,
        })
    }

    /// Pictures of a branch's moments that are computed, `[frame, H, W]` in RGBA: x_t of one sample.
    pub async fn thumbnails(
        &self,
        branch: usize,
        frames: Vec<usize>,
        sample: usize,
    ) -> Result<Vec<u8>, JsValue> {
        let (values, pictures) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
            let tree = loaded.tree.as_ref().ok_or_else(no_run)?;
            if frames.iter().any(|frame| *frame > tree.computed(branch)) {
                return Err(no_run());
            }
            let moments: Vec<_> = frames.iter().map(|frame| tree.moment_of(branch, *frame)).collect();
            let places: Option<Vec<_>> =
                moments.iter().map(|moment| place(moment, Lens::Sample, sample)).collect();
            let words = loaded.forward.words();
            let params = loaded.params(1, 0, loaded.model.value_range());
            let pictures: Vec<_> = moments.iter().map(|moment| params.divided(moment.deviation())).collect();
            (state.machine.request(&places.ok_or_else(no_run)?, words), pictures)
        };
        let words = values.await.map_err(|e| error::of_machine(&e))?;
        let values: Vec<f32> = words.iter().map(|word| f32::from_bits(*word)).collect();
        let each = values.chunks(values.len() / pictures.len().max(1));
        Ok(each.zip(&pictures).flat_map(|(image, params)| present::twin(params, image)).collect())
    }
}

/// The variance of values `[N, C, H, W]` over their samples, of every pixel: its channels' mean.
#[wasm_bindgen]
pub fn variance(values: &[f32], samples: usize, channels: usize) -> Vec<f32> {
    let each = values.len() / samples.max(1);
    let pixels = each / channels.max(1);
    let mut variance = vec![0.0; pixels];
    for at in 0..pixels * channels {
        // A sum of equal values has to be exact: they have no variance.
        let of_batch = (0..samples).map(|sample| f64::from(values[sample * each + at]));
        let mean = of_batch.clone().sum::<f64>() / samples as f64;
        let squares: f64 = of_batch.map(|value| (value - mean) * (value - mean)).sum();
        variance[at % pixels] += squares / (samples * channels) as f64;
    }
    variance.into_iter().map(|value| value as f32).collect()
}

/// Where one sample of the path lies.
fn place(moment: &Moment, lens: Lens, sample: usize) -> Option<(BufferId, usize)> {
    let (buffer, at, stride) = moment.image(lens)?;
    (sample < moment.run.shape.batch as usize || stride == 0).then_some((buffer, at + sample * stride))
}

/// The rows of the step that led to a moment.
fn rows_before(moment: &Moment) -> Vec<RowFacts> {
    let Some(step) = moment.run.kept(moment.steps_done).checked_sub(1) else { return Vec::new() };
    moment.run.plan.rows.iter().filter(|row| row.step == step).map(row_facts).collect()
}

impl State {
    fn draw_lens(&self, surface: &str, moment: &Moment, range: [f32; 2]) {
        let (Some(loaded), Some(tree)) = (&self.loaded, self.tree()) else { return };
        let lens = lens_of(surface);
        let Some((buffer, at, stride)) = moment.image(lens) else { return };
        let mut params = loaded.params(tree.run().shape.batch, at, range);
        if lens == Lens::Sample {
            params = params.divided(moment.deviation());
        }
        self.draw(surface, buffer, if stride == 0 { params.spread() } else { params });
    }

    /// What the step changed, grey where that is nothing.
    fn draw_change(&self, moment: &Moment) {
        let (Some(loaded), Some(tree)) = (&self.loaded, self.tree()) else { return };
        let before = moment.before().unwrap_or(*moment);
        let images = (moment.image(Lens::Sample), before.image(Lens::Sample));
        let (Some((buffer, at, stride)), Some((_, other, _))) = images else { return };
        let range = (CHANGE_RANGE * moment.change()).max(f32::MIN_POSITIVE);
        let params = loaded
            .params(tree.run().shape.batch, at, [-range, range])
            .divided(moment.deviation())
            .minus(other as u32 / 4, before.deviation());
        self.draw("delta", buffer, if stride == 0 { params.spread() } else { params });
    }
}
