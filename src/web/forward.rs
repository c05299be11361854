//! The forward station: x_t of one image at any t, in closed form and link by link.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::device::PageMachine;
use super::engine::{object, to_js};
use super::error;
use super::histogram::HistogramFacts;
use crate::diffusion::chain::Chain;
use crate::diffusion::forward::{q_sample, q_step};
use crate::diffusion::noise::{self, Stream};
use crate::diffusion::schedule::{Schedule, ScheduleError, snr};
use crate::kernels::forward_noise::{self, Params};
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Machine, MachineError, ProgramId};
use crate::net::pixels::to_nhwc;
use crate::session::{Microscope, Model, SessionError, Start};

/// Normals that the chain draws before it lets others speak: a few milliseconds of work.
const NORMALS_AT_ONCE: usize = 1 << 16;

/// Buffers of the forward process and a program with a row for every timestep.
pub struct Forward {
    x0: BufferId,
    eps: BufferId,
    pub x_t: BufferId,
    program: ProgramId,
    pub schedule: Schedule,
    channels: usize,
    pixels: usize,
    /// The seed that `eps` was made from.
    seed: Option<u64>,
    /// `[C, H, W]` in the model's range; empty until there is one.
    pub image: Vec<f32>,
    /// Where `x_t` is.
    pub timestep: usize,
    chain: Option<Chain>,
    pub microscope: Microscope,
}

/// A moment of the forward process.
#[derive(Serialize)]
pub struct ForwardFacts {
    alpha_bar: f32,
    /// √ᾱ_t and √(1 − ᾱ_t).
    signal: f32,
    noise: f32,
    /// √(1 − β_t) and √β_t, of the chain's last link.
    link_signal: f32,
    link_noise: f32,
    snr: f32,
    log_snr: f32,
}

impl Forward {
    pub fn new(machine: &mut PageMachine, model: &Model) -> Result<Self, SessionError> {
        let schedule = model.scheduler.schedule().map_err(of_schedule)?;
        let (height, width) = model.size();
        let (channels, pixels) = (model.channels(), height * width);
        let words = pixels * channels.next_multiple_of(4);
        let mut allocate = || -> Result<BufferId, MachineError> { machine.allocate(words) };
        let (x0, eps, x_t) = (allocate()?, allocate()?, allocate()?);
        let program = machine.compile(vec![mixtures(&schedule, words, [x0, eps, x_t])])?;
        Ok(Self {
            x0,
            eps,
            x_t,
            program,
            schedule,
            channels,
            pixels,
            seed: None,
            image: Vec::new(),
            timestep: 0,
            chain: None,
            microscope: Microscope::default(),
        })
    }

    /// Words of one image on the device.
    pub fn words(&self) -> usize {
        self.pixels * self.channels.next_multiple_of(4)
    }

    /// Takes an image `[C, H, W]` in the model's range.
    fn set_image(&mut self, machine: &mut PageMachine, values: Vec<f32>) -> Result<(), SessionError> {
        let needed = self.channels * self.pixels;
        if values.len() != needed {
            let message = format!("the image has {} values; this model's have {needed}", values.len());
            return Err(SessionError::Recipe(message));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(SessionError::Recipe("the image holds a value that is not finite".into()));
        }
        machine.write(self.x0, 0, &to_nhwc(&values, self.channels, self.pixels));
        self.image = values;
        Ok(())
    }

    fn needs_image(&self) -> Result<(), SessionError> {
        if self.image.is_empty() {
            return Err(SessionError::Recipe("there is no image yet to add noise to".into()));
        }
        Ok(())
    }

    /// Makes x_t with the noise of `seed`.
    fn make(
        &mut self,
        machine: &mut PageMachine,
        timestep: usize,
        seed: u64,
    ) -> Result<ForwardFacts, SessionError> {
        self.needs_image()?;
        let alpha_bar = self.schedule.alpha_bar(timestep).map_err(of_schedule)?;
        let mix = q_sample(&self.schedule, timestep).map_err(of_schedule)?;
        let link = q_step(&self.schedule, timestep).map_err(of_schedule)?;
        if self.seed != Some(seed) {
            let mut values = vec![0f32; self.image.len()];
            noise::normal(seed, 0, 0, Stream::Initial, &mut values);
            machine.write(self.eps, 0, &to_nhwc(&values, self.channels, self.pixels));
            self.seed = Some(seed);
        }
        machine.run(self.program, timestep);
        machine.submit();
        self.timestep = timestep;
        let snr = snr(alpha_bar) as f32;
        Ok(ForwardFacts {
            alpha_bar,
            signal: mix.signal,
            noise: mix.noise,
            link_signal: link.signal,
            link_noise: link.noise,
            snr,
            log_snr: snr.ln(),
        })
    }

    /// Brings the chain of a seed nearer to a timestep; returns whether it is there.
    fn extend_chain(&mut self, timestep: usize, seed: u64) -> Result<bool, SessionError> {
        self.needs_image()?;
        self.schedule.alpha_bar(timestep).map_err(of_schedule)?;
        let values = self.image.len();
        let chain = self.chain.take().filter(|chain| chain.seed() == seed);
        let chain = self.chain.insert(chain.unwrap_or_else(|| Chain::new(&self.schedule, values, seed)));
        Ok(chain.go(timestep, (NORMALS_AT_ONCE / values).max(1)))
    }

    /// A run's start from x_t as it was made last.
    pub fn start(&self) -> Option<Start> {
        let alpha_bar = self.schedule.alpha_bar(self.timestep).ok().filter(|_| !self.image.is_empty())?;
        let sigma = (1.0 / snr(alpha_bar)).sqrt();
        Some(Start { at: (self.x_t, 0), spread: true, deviation: 1.0, sigma, branch: 0 })
    }

    pub fn release(mut self, machine: &mut PageMachine, model: &Model) {
        self.microscope.clear(machine, model);
        machine.discard(self.program);
        [self.x0, self.eps, self.x_t].into_iter().for_each(|buffer| machine.free(buffer));
    }
}

#[wasm_bindgen]
impl Engine {
    /// The image `[C, H, W]` that the forward process starts from.
    pub fn set_forward_image(&self, values: Vec<f32>) -> Result<(), JsValue> {
        let mut state = self.state.borrow_mut();
        let (forward, _, machine) = state.forward()?;
        forward.set_image(machine, values).map_err(|e| error::of_session(&e))
    }

    /// Draws x_t of that image, with the noise of a seed.
    pub fn show_forward(&self, timestep: usize, noise_seed: f64) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let (forward, _, machine) = state.forward()?;
        let facts = forward.make(machine, timestep, noise_seed as u64);
        let facts = facts.map_err(|e| error::of_session(&e))?;
        let x_t = forward.x_t;
        state.draw_forward(x_t);
        to_js(&facts)
    }

    /// Takes the chain of a seed a few milliseconds nearer to a timestep, and returns whether it is
    /// there.
    pub fn extend_chain(&self, timestep: usize, noise_seed: f64) -> Result<bool, JsValue> {
        let mut state = self.state.borrow_mut();
        let (forward, ..) = state.forward()?;
        forward.extend_chain(timestep, noise_seed as u64).map_err(|e| error::of_session(&e))
    }

    /// x_t of the image where the chain stands: its values, and how they are spread.
    pub fn chain(&self) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let (forward, ..) = state.forward()?;
        let values = forward.chain.as_ref().map_or(Vec::new(), |chain| chain.carry(&forward.image));
        object(&[
            ("values", js_sys::Float32Array::from(values.as_slice()).into()),
            ("histogram", to_js(&HistogramFacts::of(&values))?),
        ])
    }
}

fn of_schedule(e: ScheduleError) -> SessionError {
    SessionError::Recipe(e.to_string())
}

/// A row for every timestep.
fn mixtures(schedule: &Schedule, words: usize, buffers: [BufferId; 3]) -> Dispatch {
    let rows: Vec<Params> = (0..schedule.num_train_timesteps())
        .filter_map(|t| q_sample(schedule, t).ok())
        .map(|mix| Params { count: words as u32 / 4, signal: mix.signal, noise: mix.noise })
        .collect();
    forward_noise::dispatch(&rows, buffers)
}
