//! Starting runs, forking them, and going from branch to branch.

use std::sync::Arc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::{Engine, Loaded, State, from_js, no_run, to_js};
use super::facts::{ForkWish, OriginFacts, Recipe, RunFacts, condition, step_facts};
use super::{error, samplers, scheduler};
use crate::diffusion::prediction::PredictionType;
use crate::session::{self, NoiseSource, Origin, Run, Tree};

/// Memory for the frames of a trunk, and of each branch.
const KEEP_BYTES: u64 = 128 << 20;
const KEEP_BYTES_OF_BRANCH: u64 = 32 << 20;

#[wasm_bindgen]
impl Engine {
    /// Replaces the run and all its branches, unless the recipe is refused; frame 0 is x_T. With `from_forward` it is x_t of the
    /// forward process as shown last, and the steps before are left out.
    pub fn start(&self, recipe: JsValue, from_forward: bool) -> Result<JsValue, JsValue> {
        let wish: Recipe = from_js(recipe)?;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
        let recipe = recipe_of(&wish, loaded, KEEP_BYTES)?;
        let start = if from_forward { Some(loaded.forward.start().ok_or_else(no_run)?) } else { None };
        // What cannot be made leaves the run that is there as it is.
        Run::check(&loaded.model, &recipe, start.as_ref()).map_err(|e| error::of_session(&e))?;
        state.turn();
        let loaded = state.loaded.as_mut().ok_or_else(no_run)?;
        if let Some(tree) = loaded.tree.take() {
            tree.release(&mut state.machine, &loaded.model);
        }
        let tree = Tree::start(&mut state.machine, &loaded.model, &recipe, start);
        loaded.tree = Some(tree.map_err(|e| error::of_session(&e))?);
        state.entered()
    }

    /// A branch from a kept moment, which becomes the current one; a recipe that is refused changes
    /// nothing.
    pub fn fork(&self, wish: JsValue) -> Result<JsValue, JsValue> {
        let wish: ForkWish = from_js(wish)?;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
        let recipe = recipe_of(&wish.recipe, loaded, KEEP_BYTES_OF_BRANCH)?;
        Run::check(&loaded.model, &recipe, None).map_err(|e| error::of_session(&e))?;
        state.turn();
        let loaded = state.loaded.as_mut().ok_or_else(no_run)?;
        let tree = loaded.tree.as_mut().ok_or_else(no_run)?;
        if let Some(replaced) = wish.replaces {
            tree.close(&mut state.machine, &loaded.model, replaced);
        }
        let OriginFacts { branch, at, spread } = wish.origin;
        let origin = Origin { branch, at, spread };
        let forked = tree.fork(&mut state.machine, &loaded.model, &recipe, origin, wish.noise);
        forked.map_err(|e| error::of_session(&e))?;
        state.entered()
    }

    /// Makes another branch the current one.
    pub fn select(&self, branch: usize) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.turn();
        let tree = state.loaded.as_mut().and_then(|loaded| loaded.tree.as_mut());
        tree.ok_or_else(no_run)?.select(branch);
        state.entered()
    }

    /// Closes a branch and all that left it; what it left becomes the current one if it was that.
    pub fn close(&self, branch: usize) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.turn();
        let loaded = state.loaded.as_mut().ok_or_else(no_run)?;
        let tree = loaded.tree.as_mut().ok_or_else(no_run)?;
        tree.close(&mut state.machine, &loaded.model, branch);
        state.entered()
    }
}

pub(super) fn recipe_of(wish: &Recipe, loaded: &Loaded, keep_bytes: u64) -> Result<session::Recipe, JsValue> {
    Ok(session::Recipe {
        sampler: Some(wish.sampler.clone()),
        scheduler: Some(scheduler::config(wish, &loaded.model.scheduler).map_err(|e| error::of_session(&e))?),
        steps: wish.steps,
        batch: wish.batch,
        first_sample: 0,
        size: None,
        condition: condition(wish, &loaded.model),
        options: samplers::options(wish).map_err(|e| error::of_session(&e))?,
        noise: NoiseSource::Seed(wish.seed as u64),
        keep_bytes,
    })
}

impl State {
    /// What the page is told of the branch that is current now.
    fn entered(&mut self) -> Result<JsValue, JsValue> {
        self.pace = Arc::default();
        let loaded = self.loaded.as_ref().ok_or_else(no_run)?;
        let tree = loaded.tree.as_ref().ok_or_else(no_run)?;
        let run = tree.run();
        let grid = loaded.grid(run.shape.batch);
        let (width, height) = grid.size();
        let origin = tree.origin(tree.current());
        let facts = RunFacts {
            branch: tree.current(),
            origin: origin.map(|Origin { branch, at, spread }| OriginFacts { branch, at, spread }),
            branches: tree.numbers().collect(),
            computed: tree.steps_done(),
            steps: tree.steps().iter().map(step_facts).collect(),
            network_calls: tree.steps().iter().map(|step| step.network_calls).sum(),
            adaptive: run.plan.adaptive.is_some(),
            guided: run.instance.batch > run.shape.batch as usize,
            keeps_v: loaded.model.scheduler.prediction_type == PredictionType::VPrediction
                && run.plan.calls().all(|call| call.eps_from_input == 0.0 && call.eps_from_output == 1.0),
            width,
            height,
            columns: grid.columns(),
            rows: grid.rows(),
        };
        self.resize_lenses(grid);
        to_js(&facts)
    }
}
