//! A race of samplers, as the page sees it.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::{Engine, State, from_js, no_run, to_js};
use super::error;
use super::facts::Recipe;
use super::runs::recipe_of;
use crate::machine::Machine;
use crate::net::pixels::to_nchw;
use crate::session::{self, Race};

#[derive(Deserialize)]
struct RaceWish {
    /// One for each sampler, of one sample.
    recipes: Vec<Recipe>,
    /// The number of the sample, whose x_T it is.
    sample: u32,
    /// Network calls of each.
    calls: usize,
}

#[derive(Serialize)]
struct Field {
    entrants: Vec<Entrant>,
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct Entrant {
    /// The number of its recipe.
    recipe: usize,
    steps: usize,
    network_calls: usize,
}

#[derive(Serialize)]
struct LeftOut {
    recipe: usize,
    /// The fewest calls that it can do with; null where no number of steps is possible.
    least_calls: Option<usize>,
    reason: String,
}

#[wasm_bindgen]
impl Engine {
    /// Starts a race in the place of the last one.
    pub fn race(&self, wish: JsValue) -> Result<JsValue, JsValue> {
        let RaceWish { recipes, sample, calls } = from_js(wish)?;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.end_race();
        let loaded = state.loaded.as_mut().ok_or_else(no_run)?;
        let recipe = |wish: &Recipe| {
            let recipe = recipe_of(wish, loaded, 0)?;
            Ok(session::Recipe { first_sample: sample, ..recipe })
        };
        let recipes = recipes.iter().map(recipe).collect::<Result<Vec<_>, JsValue>>()?;
        let race = Race::start(&mut state.machine, &loaded.model, &recipes, calls);
        let race = loaded.race.insert(race.map_err(|e| error::of_session(&e))?);
        let entrants = race.entrants().map(|(recipe, run)| Entrant {
            recipe,
            steps: run.plan.steps.len(),
            network_calls: run.plan.calls().count(),
        });
        let left_out = race.left_out().iter().map(|left| LeftOut {
            recipe: left.recipe,
            least_calls: left.least_calls,
            reason: left.reason.to_string(),
        });
        to_js(&Field { entrants: entrants.collect(), left_out: left_out.collect() })
    }

    /// Takes every run of the race a step further; returns whether there was any.
    pub fn race_step(&self) -> Result<bool, JsValue> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.machine.health().map_err(|e| error::of_machine(&e))?;
        let race = state.loaded.as_mut().and_then(|loaded| loaded.race.as_mut());
        Ok(race.ok_or_else(no_run)?.step(&mut state.machine))
    }

    /// The samples as they are now, of unit variance, `[R, C, H, W]`.
    pub async fn race_pictures(&self) -> Result<Vec<f32>, JsValue> {
        let (words, channels, deviations) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
            let race = loaded.race.as_ref().ok_or_else(no_run)?;
            let deviations: Vec<f32> =
                race.runs().iter().map(|run| run.plan.deviation(run.steps_done())).collect();
            let words = state.machine.request(&race.samples(), loaded.forward.words());
            (words, loaded.model.channels(), deviations)
        };
        let words = words.await.map_err(|e| error::of_machine(&e))?;
        let pixels = words.len() / deviations.len().max(1) / channels.next_multiple_of(4);
        let mut values = to_nchw(&words, channels, pixels);
        for (image, deviation) in values.chunks_mut(channels * pixels).zip(deviations) {
            image.iter_mut().for_each(|value| *value /= deviation);
        }
        Ok(values)
    }

    /// Gives the race's memory back.
    pub fn end_race(&self) {
        self.state.borrow_mut().end_race();
    }
}

/// The root mean square of every picture's distance from a reference of as many values.
#[wasm_bindgen]
pub fn distances(pictures: &[f32], reference: &[f32]) -> Vec<f32> {
    let distance = |picture: &[f32]| {
        let squares: f32 = picture.iter().zip(reference).map(|(a, b)| (a - b) * (a - b)).sum();
        (squares / reference.len().max(1) as f32).sqrt()
    };
    pictures.chunks(reference.len().max(1)).map(distance).collect()
}

impl State {
    pub fn end_race(&mut self) {
        let Some(loaded) = self.loaded.as_mut() else { return };
        if let Some(race) = loaded.race.take() {
            race.release(&mut self.machine, &loaded.model);
        }
    }
}
