//! The forward station: x_t of one image at any t, in closed form.

use crate::diffusion::forward::q_sample;
use crate::diffusion::noise::{self, Stream};
use crate::diffusion::schedule::Schedule;
use crate::gpu::GpuMachine;
use crate::kernels::forward_noise::{self, Params};
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Machine, MachineError, ProgramId};
use crate::session::{Model, SessionError};
use crate::unet::pixels::to_nhwc;

/// Buffers of the forward process and a program with a row for every timestep.
pub struct Forward {
    x0: BufferId,
    eps: BufferId,
    pub x_t: BufferId,
    program: ProgramId,
    /// What the rows of `program` divide `x0` by.
    divisor: f32,
    schedule: Schedule,
    channels: usize,
    pixels: usize,
    /// The seed that `eps` was made from.
    seed: Option<u64>,
    has_image: bool,
}

impl Forward {
    pub fn new(machine: &mut GpuMachine, model: &Model) -> Result<Self, SessionError> {
        let schedule = model.scheduler.schedule().map_err(|e| SessionError::Recipe(e.to_string()))?;
        let (height, width) = model.size();
        let (channels, pixels) = (model.channels(), height * width);
        let words = pixels * channels.next_multiple_of(4);
        let mut allocate = || -> Result<BufferId, MachineError> { machine.allocate(words) };
        let (x0, eps, x_t) = (allocate()?, allocate()?, allocate()?);
        let program = machine.compile(vec![mixtures(&schedule, words, 1.0, [x0, eps, x_t])])?;
        Ok(Self {
            x0,
            eps,
            x_t,
            program,
            divisor: 1.0,
            schedule,
            channels,
            pixels,
            seed: None,
            has_image: false,
        })
    }

    /// Words of one image on the device.
    pub fn words(&self) -> usize {
        self.pixels * self.channels.next_multiple_of(4)
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Takes an image `[C, H, W]` in the model's range.
    pub fn set_pixels(&mut self, machine: &mut GpuMachine, values: &[f32]) -> Result<(), SessionError> {
        let needed = self.channels * self.pixels;
        let refuse = |message: String| Err(SessionError::Recipe(message));
        if values.len() != needed {
            return refuse(format!("the image has {} values; this model's have {needed}", values.len()));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return refuse("the image holds a value that is not finite".into());
        }
        if values.iter().all(|v| *v == values[0]) {
            return refuse("the image is empty: draw something first".into());
        }
        self.divide_by(machine, 1.0);
        machine.write(self.x0, 0, &to_nhwc(values, self.channels, self.pixels));
        self.has_image = true;
        Ok(())
    }

    /// Takes a kept image of a run, which lies `at` a buffer's word, divided by `divisor`.
    pub fn set_kept(&mut self, machine: &mut GpuMachine, at: (BufferId, usize), divisor: f32) {
        self.divide_by(machine, divisor);
        machine.copy(at, (self.x0, 0), self.words());
        machine.submit();
        self.has_image = true;
    }

    fn divide_by(&mut self, machine: &mut GpuMachine, divisor: f32) {
        if divisor != self.divisor {
            let buffers = [self.x0, self.eps, self.x_t];
            let dispatch = mixtures(&self.schedule, self.words(), divisor, buffers);
            machine.rewrite(self.program, vec![dispatch]);
            self.divisor = divisor;
        }
    }

    /// Makes x_t with the noise of `seed`; returns ᾱ_t and the two factors.
    pub fn make(
        &mut self,
        machine: &mut GpuMachine,
        timestep: usize,
        seed: u64,
    ) -> Result<(f32, f32, f32), SessionError> {
        if !self.has_image {
            return Err(SessionError::Recipe("there is no image yet to add noise to".into()));
        }
        let bad = |e: &dyn std::fmt::Display| SessionError::Recipe(e.to_string());
        let alpha_bar = self.schedule.alpha_bar(timestep).map_err(|e| bad(&e))?;
        let mix = q_sample(&self.schedule, timestep).map_err(|e| bad(&e))?;
        if self.seed != Some(seed) {
            let mut values = vec![0f32; self.channels * self.pixels];
            noise::normal(seed, 0, 0, Stream::Initial, &mut values);
            machine.write(self.eps, 0, &to_nhwc(&values, self.channels, self.pixels));
            self.seed = Some(seed);
        }
        machine.run(self.program, timestep);
        machine.submit();
        Ok((alpha_bar, mix.signal, mix.noise))
    }

    pub fn release(self, machine: &mut GpuMachine) {
        machine.discard(self.program);
        [self.x0, self.eps, self.x_t].into_iter().for_each(|buffer| machine.free(buffer));
    }
}

/// x_t of an x0 that is `divisor` times too large: a row for every timestep.
fn mixtures(schedule: &Schedule, words: usize, divisor: f32, buffers: [BufferId; 3]) -> Dispatch {
    let rows: Vec<Params> = (0..schedule.num_train_timesteps())
        .filter_map(|t| q_sample(schedule, t).ok())
        .map(|mix| Params { count: words as u32 / 4, signal: mix.signal / divisor, noise: mix.noise })
        .collect();
    forward_noise::dispatch(&rows, buffers)
}
