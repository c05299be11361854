//! The schedules station: schedules side by side, where a sampler's steps fall, and what each
//! schedule makes of one picture.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::{from_js, object, to_js};
use super::facts::Recipe;
use super::{Engine, error, samplers, scheduler};
use crate::diffusion::compare::{Compared, Curves, compare, timesteps};
use crate::diffusion::forward::q_sample;
use crate::diffusion::noise::{self, Stream};
use crate::diffusion::samplers::{Plan, SamplerEntry, StepFacts};
use crate::diffusion::schedule::{LARGEST_TERMINAL_SNR, Schedule, ScheduleError};
use crate::session::{Model, SessionError};

/// Points of a curve, at most: more than a screen has.
const POINTS: usize = 1000;
/// Pictures from the first timestep to the last.
const FRAMES: usize = 10;

/// Curves over `timesteps`.
#[derive(Serialize)]
struct Schedules {
    timesteps: Vec<usize>,
    schedules: Vec<Named>,
    noise_snr: f64,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    own: bool,
    plain: Drawn,
    rescaled: Option<Drawn>,
}

#[derive(Serialize)]
struct Drawn {
    beta: Vec<f32>,
    alpha_bar: Vec<f32>,
    snr: Vec<f32>,
    log_snr: Vec<f32>,
    end: End,
}

/// The last timestep.
#[derive(Serialize)]
struct End {
    /// √ᾱ_T, the share of the picture that is left.
    signal: f32,
    snr: f64,
    in_noise: bool,
}

impl Drawn {
    fn of(schedule: &Schedule, timesteps: &[usize]) -> Self {
        let Curves { beta, alpha_bar, snr, log_snr } = Curves::of(schedule, timesteps);
        let signal = alpha_bar.last().map_or(0.0, |a| a.sqrt());
        let end = End { signal, snr: schedule.terminal_snr(), in_noise: schedule.ends_in_noise() };
        Self { beta, alpha_bar, snr, log_snr, end }
    }
}

/// A recipe's steps, before anything is run.
#[derive(Serialize)]
struct PlanFacts {
    marks: Vec<Mark>,
    network_calls: usize,
    adaptive: bool,
}

/// The first network call of a step.
#[derive(Serialize)]
struct Mark {
    timestep: f32,
    /// The schedule's at that timestep; the other measures are the call's own noise level.
    beta: f32,
    alpha_bar: f32,
    snr: f32,
    log_snr: f32,
    sigma: f32,
    network_calls: usize,
}

impl Mark {
    fn of(step: &StepFacts, schedule: &Schedule) -> Self {
        Self {
            timestep: step.timestep,
            beta: schedule.beta_at(step.timestep),
            alpha_bar: step.alpha_bar as f32,
            snr: (step.sigma * step.sigma).recip() as f32,
            log_snr: step.log_snr as f32,
            sigma: step.sigma as f32,
            network_calls: step.network_calls,
        }
    }
}

#[wasm_bindgen]
impl Engine {
    /// The schedules of the literature and the model's own, over as many timesteps as it has.
    pub fn schedules(&self) -> Result<JsValue, JsValue> {
        let all = self.compared()?;
        let points = all.first().map_or(Vec::new(), |first| points(&first.schedule, POINTS));
        let named = |Compared { name, own, schedule, rescaled }: Compared| Named {
            name,
            own,
            plain: Drawn::of(&schedule, &points),
            rescaled: rescaled.map(|schedule| Drawn::of(&schedule, &points)),
        };
        let schedules = all.into_iter().map(named).collect();
        to_js(&Schedules { schedules, timesteps: points, noise_snr: LARGEST_TERMINAL_SNR })
    }

    /// Where the steps of a recipe fall; starts nothing.
    pub fn plan_steps(&self, recipe: JsValue) -> Result<JsValue, JsValue> {
        let wish: Recipe = from_js(recipe)?;
        let mut state = self.state.borrow_mut();
        let (_, model, _) = state.forward()?;
        let plan = plan(&wish, model).map_err(|e| error::of_session(&e))?;
        to_js(&PlanFacts {
            marks: plan.steps.iter().map(|step| Mark::of(step, &plan.schedule)).collect(),
            network_calls: plan.calls().count(),
            adaptive: plan.adaptive.is_some(),
        })
    }

    /// x_t of one picture `[C, H, W]` with one ε, from the first timestep to the last, under each of
    /// [`Self::schedules`] (at zero terminal SNR where one can be): all frames of the first, then of
    /// the next.
    pub fn strips(&self, x0: &[f32], noise_seed: f64, rescaled: bool) -> Result<JsValue, JsValue> {
        let all = self.compared()?;
        let mut eps = vec![0f32; x0.len()];
        noise::normal(noise_seed as u64, 0, 0, Stream::Initial, &mut eps);
        let at = all.first().map_or(Vec::new(), |first| points(&first.schedule, FRAMES));
        let mut frames = Vec::with_capacity(all.len() * at.len() * x0.len());
        for Compared { schedule, rescaled: other, .. } in &all {
            let schedule = other.as_ref().filter(|_| rescaled).unwrap_or(schedule);
            for &timestep in &at {
                let mix = q_sample(schedule, timestep).map_err(of_schedule)?;
                frames.extend(x0.iter().zip(&eps).map(|(x0, eps)| mix.signal * x0 + mix.noise * eps));
            }
        }
        object(&[("timesteps", to_js(&at)?), ("frames", js_sys::Float32Array::from(&frames[..]).into())])
    }

    fn compared(&self) -> Result<Vec<Compared>, JsValue> {
        let mut state = self.state.borrow_mut();
        let (_, model, _) = state.forward()?;
        compare(&model.scheduler).map_err(of_schedule)
    }
}

fn points(schedule: &Schedule, most: usize) -> Vec<usize> {
    timesteps(schedule.num_train_timesteps(), most)
}

fn plan(wish: &Recipe, model: &Model) -> Result<Plan, SessionError> {
    let config = scheduler::config(wish, &model.scheduler)?;
    Ok(SamplerEntry::by_name(&wish.sampler)?.plan(&config, wish.steps, &samplers::options(wish)?)?)
}

fn of_schedule(e: ScheduleError) -> JsValue {
    error::of_session(&SessionError::Recipe(e.to_string()))
}
