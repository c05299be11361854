//! The denoiser microscope: what the network makes of the x_t that the forward station shows.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::engine::{from_js, no_run, object};
use super::facts::{Recipe, condition};
use super::{error, samplers};
use crate::net::pixels::to_nchw;

#[wasm_bindgen]
impl Engine {
    /// x̂0 of the x_t that is shown, by one call of the network with the recipe's condition and
    /// guidance, and its error against the image: of each pixel, and of all together. Both are root
    /// mean squares, in the model's range.
    pub async fn look(&self, recipe: JsValue) -> Result<JsValue, JsValue> {
        let recipe = Recipe { batch: 1, ..from_js(recipe)? };
        let (words, image, channels) = {
            let mut state = self.state.borrow_mut();
            let (forward, model, machine) = state.forward()?;
            if forward.image.is_empty() {
                return Err(no_run());
            }
            let options = samplers::options(&recipe).map_err(|e| error::of_session(&e))?;
            let wish = (&condition(&recipe, model), &options);
            let (x_t, timestep) = (forward.x_t, forward.timestep);
            let at = forward.microscope.look(machine, model, x_t, timestep, wish);
            let (buffer, at) = at.map_err(|e| error::of_session(&e))?;
            (machine.request(&[(buffer, at)], forward.words()), forward.image.clone(), model.channels())
        };
        let words = words.await.map_err(|e| error::of_machine(&e))?;
        let pixels = image.len() / channels;
        let x0_hat = to_nchw(&words, channels, pixels);
        let square = |i: usize| (x0_hat[i] - image[i]).powi(2);
        let mean = |pixel: usize| {
            (0..channels).map(|channel| square(channel * pixels + pixel)).sum::<f32>() / channels as f32
        };
        let of_pixels: Vec<f32> = (0..pixels).map(mean).collect();
        let rms = (of_pixels.iter().sum::<f32>() / pixels as f32).sqrt();
        let errors: Vec<f32> = of_pixels.iter().map(|mean| mean.sqrt()).collect();
        object(&[
            ("x0_hat", js_sys::Float32Array::from(x0_hat.as_slice()).into()),
            ("errors", js_sys::Float32Array::from(errors.as_slice()).into()),
            ("rms", rms.into()),
        ])
    }
}
