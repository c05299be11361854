//! A run in progress: buffers, programs and the timestep loop.

use super::recipe::Labels;
use super::{Model, NoiseSource, Recipe, SessionError};
use crate::diffusion::noise::{self, Stream};
use crate::diffusion::row::{Call, REGISTERS, Register, Row, Threshold};
use crate::diffusion::samplers::{Plan, SamplerEntry, SamplerOptions};
use crate::kernels::reverse_step::Shape;
use crate::kernels::{BufferId, Dispatch, dynamic_threshold, guidance, network_input, reverse_step};
use crate::machine::{Machine, ProgramId};
use crate::unet::network::Instance;
use crate::unet::pixels::{to_nchw, to_nhwc};

/// Which image of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lens {
    /// The sample, x_t.
    Sample = 0,
    /// What the model thinks the clean sample is, x̂0.
    X0Hat = 1,
}

const LENSES: usize = 2;

/// A run on a machine. Steps only dispatch: no buffer is made and nothing is read.
#[derive(Debug)]
pub struct Run {
    pub plan: Plan,
    pub shape: Shape,
    pub height: usize,
    pub width: usize,
    pub instance: Instance,
    /// Frames are kept every so many steps, and the last; 0 keeps none.
    pub keep_every: usize,
    noise: NoiseSource,
    first_sample: u32,
    /// Rows done.
    next_row: usize,
    /// Network calls done.
    calls: usize,
    steps_done: usize,
    before: ProgramId,
    after: ProgramId,
    registers: BufferId,
    noise_buffer: BufferId,
    frames: Option<BufferId>,
    times: BufferId,
    output_scales: Option<BufferId>,
    owned: Vec<BufferId>,
    /// Host memory for a step's noise, used again and again.
    fresh: Vec<u32>,
}

impl Run {
    /// Plans the rows, uploads them, and puts x_T in place as frame 0.
    pub fn start<M: Machine>(machine: &mut M, model: &Model, recipe: &Recipe) -> Result<Self, SessionError> {
        if recipe.batch == 0 {
            return Err(SessionError::Recipe("a batch of 0 samples is nothing to make; ask for 1".into()));
        }
        let plan = plan(model, recipe)?;
        let labels = recipe.labels(model)?;
        let (height, width) = recipe.size.unwrap_or_else(|| model.size());
        let config = &model.unet.config;
        let shape = Shape {
            batch: recipe.batch as u32,
            pixels: (height * width) as u32,
            channels: config.in_channels as u32,
            output_channels: config.out_channels as u32,
        };
        check_output(&plan, shape)?;
        check_noise(&recipe.noise, &plan, shape)?;
        for call in calls(&plan) {
            model.unet.time.check(call.timestep, None).map_err(SessionError::Recipe)?;
        }

        let copies = if labels.guided { 2 } else { 1 };
        let network_batch = copies * recipe.batch;
        let condition = model.unet.condition_words(labels.all.as_ref(), network_batch)?;
        let instance = model.unet.instance(machine, network_batch, height, width)?;
        if let Some(buffer) = instance.condition {
            machine.write(buffer, 0, &condition);
        }

        let mut builder = Builder { machine, owned: Vec::new() };
        let register = shape.register_floats() as usize;
        let registers = builder.allocate(REGISTERS * register)?;
        let noise_buffer = builder.allocate(register)?;
        let (keep_every, frame_count) = kept(&plan, recipe.keep_bytes, register, builder.machine.max_words());
        let frames = match frame_count {
            0 => None,
            count => Some(builder.allocate(count * LENSES * register)?),
        };
        let (times, output_scales) = builder.upload_times(model, &plan, network_batch, &instance)?;
        let (before, after) = builder.programs(&plan, shape, &labels, &instance, registers, noise_buffer)?;
        let owned = builder.owned;

        let mut run = Self {
            plan,
            shape,
            height,
            width,
            instance,
            keep_every,
            noise: recipe.noise.clone(),
            first_sample: recipe.first_sample,
            next_row: 0,
            calls: 0,
            steps_done: 0,
            before,
            after,
            registers,
            noise_buffer,
            frames,
            times,
            output_scales,
            owned,
            fresh: vec![0; register],
        };
        run.fill_fresh(None);
        machine.write(registers, 0, &run.fresh);
        run.keep(machine);
        machine.submit();
        machine.health()?;
        Ok(run)
    }

    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    pub fn is_done(&self) -> bool {
        self.next_row == self.plan.rows.len()
    }

    /// Submits the next scheduler step; does nothing when all are done.
    pub fn step<M: Machine>(&mut self, machine: &mut M) {
        while !self.is_done() {
            let completes_step = self.plan.rows[self.next_row].completes_step;
            self.row(machine);
            if completes_step {
                self.steps_done += 1;
                self.keep(machine);
                break;
            }
        }
        machine.submit();
    }

    fn row<M: Machine>(&mut self, machine: &mut M) {
        let row = &self.plan.rows[self.next_row];
        let (step, uses_noise, has_call) = (row.step, row.uses_noise, row.call.is_some());
        if uses_noise {
            self.fill_fresh(Some(step));
            machine.write(self.noise_buffer, 0, &self.fresh);
        }
        if has_call {
            self.call(machine);
        }
        machine.run(self.after, self.next_row);
        self.next_row += 1;
    }

    fn call<M: Machine>(&mut self, machine: &mut M) {
        let instance = &self.instance;
        let words = instance.time_words;
        machine.copy((self.times, self.calls * words), (instance.time, 0), words);
        if let (Some(all), Some((one, words))) = (self.output_scales, instance.output_scale) {
            machine.copy((all, self.calls * words), (one, 0), words);
        }
        machine.run(self.before, self.next_row);
        machine.run(instance.program, 0);
        self.calls += 1;
    }

    /// This step's normals (or x_T's) for every sample, in the kernels' order.
    fn fill_fresh(&mut self, step: Option<usize>) {
        let pixels = self.shape.pixels as usize;
        let channels = self.shape.channels as usize;
        let sample = pixels * channels;
        let all = sample * self.shape.batch as usize;
        let values = match (&self.noise, step) {
            (NoiseSource::Seed(seed), step) => {
                let stream = step.map_or(Stream::Initial, |k| Stream::Step(k as u32));
                let mut values = vec![0f32; all];
                for (n, out) in (self.first_sample..).zip(values.chunks_mut(sample)) {
                    noise::normal(*seed, n, 0, stream, out);
                }
                values
            }
            (NoiseSource::Given { x_t, .. }, None) => x_t.clone(),
            (NoiseSource::Given { steps, .. }, Some(k)) => steps[k * all..(k + 1) * all].to_vec(),
        };
        self.fresh = to_nhwc(&values, channels, pixels);
    }

    /// The kept frame for a number of steps done: its place, if frames are kept.
    fn place(&self, steps_done: usize) -> Option<usize> {
        if self.keep_every == 0 {
            return None;
        }
        let last = self.plan.steps.len();
        let is_last = steps_done == last;
        Some(if is_last { last.div_ceil(self.keep_every) } else { steps_done / self.keep_every })
    }

    fn keep<M: Machine>(&self, machine: &mut M) {
        let (Some(frames), Some(place)) = (self.frames, self.place(self.steps_done)) else { return };
        let is_last = self.steps_done == self.plan.steps.len();
        if !is_last && !self.steps_done.is_multiple_of(self.keep_every) {
            return;
        }
        let register = self.shape.register_floats() as usize;
        // Before the first step there is no x̂0 yet: x_T stands in for it.
        let x0_hat = if self.steps_done == 0 { Register::Sample } else { Register::X0Hat };
        for (lens, source) in [(Lens::Sample, Register::Sample), (Lens::X0Hat, x0_hat)] {
            let to = (place * LENSES + lens as usize) * register;
            machine.copy((self.registers, source as usize * register), (frames, to), register);
        }
    }

    /// Where an image of a kept moment lies: buffer and first word. Between kept
    /// frames it is the one before.
    pub fn frame(&self, steps_done: usize, lens: Lens) -> Option<(BufferId, usize)> {
        let place = self.place(steps_done.min(self.steps_done))?;
        let at = (place * LENSES + lens as usize) * self.shape.register_floats() as usize;
        self.frames.map(|frames| (frames, at))
    }

    /// Reads a kept image back, `[N, C, H, W]`.
    pub async fn read_frame<M: Machine>(
        &self,
        machine: &mut M,
        steps_done: usize,
        lens: Lens,
    ) -> Result<Option<Vec<f32>>, SessionError> {
        let Some(at) = self.frame(steps_done, lens) else { return Ok(None) };
        Ok(Some(self.read(machine, at).await?))
    }

    /// Reads the sample as it is now, `[N, C, H, W]`.
    pub async fn read_sample<M: Machine>(&self, machine: &mut M) -> Result<Vec<f32>, SessionError> {
        self.read(machine, (self.registers, 0)).await
    }

    async fn read<M: Machine>(
        &self,
        machine: &mut M,
        at: (BufferId, usize),
    ) -> Result<Vec<f32>, SessionError> {
        let words = machine.read(at.0, at.1, self.shape.register_floats() as usize).await?;
        Ok(to_nchw(&words, self.shape.channels as usize, self.shape.pixels as usize))
    }

    /// Gives everything back.
    pub fn release<M: Machine>(self, machine: &mut M, model: &Model) {
        machine.discard(self.before);
        machine.discard(self.after);
        self.owned.into_iter().for_each(|buffer| machine.free(buffer));
        model.unet.release(machine, self.instance);
    }
}

fn plan(model: &Model, recipe: &Recipe) -> Result<Plan, SessionError> {
    let sampler = match &recipe.sampler {
        Some(name) => SamplerEntry::by_name(name)?,
        None => SamplerEntry::of_config(&model.scheduler)?,
    };
    let options = SamplerOptions {
        eta: recipe.eta,
        guidance_scale: recipe.guidance_scale,
        ..SamplerOptions::default()
    };
    Ok(sampler.plan(&model.scheduler, recipe.steps, &options)?)
}

fn calls(plan: &Plan) -> impl Iterator<Item = &Call> {
    plan.rows.iter().filter_map(|row| row.call.as_ref())
}

/// The network's output must be the sample's channels, or twice as many.
fn check_output(plan: &Plan, shape: Shape) -> Result<(), SessionError> {
    let (c, out) = (shape.channels, shape.output_channels);
    let learned = calls(plan).any(|call| call.learned_variance.is_some());
    let needed = if learned { 2 * c } else { c };
    if out == needed || out == 2 * c {
        return Ok(());
    }
    Err(SessionError::Recipe(format!(
        "the network makes {out} channels of {c}; this scheduler's variance needs {needed}: \
         check variance_type in scheduler_config.json"
    )))
}

fn check_noise(noise: &NoiseSource, plan: &Plan, shape: Shape) -> Result<(), SessionError> {
    let NoiseSource::Given { x_t, steps } = noise else { return Ok(()) };
    let all = (shape.batch * shape.pixels * shape.channels) as usize;
    let used = plan.rows.iter().filter(|row| row.uses_noise).map(|row| row.step + 1).max().unwrap_or(0);
    if x_t.len() != all {
        let found = x_t.len();
        return Err(SessionError::Recipe(format!("x_T has {found} values; this batch needs {all}")));
    }
    if steps.len() < used * all {
        let found = steps.len() / all;
        return Err(SessionError::Recipe(format!("noise has {found} slices; this sampler uses {used}")));
    }
    let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
    if !finite(x_t) || !finite(steps) {
        return Err(SessionError::Recipe("x_T or noise holds a value that is not finite".into()));
    }
    Ok(())
}

/// Every how many steps a frame is kept, and how many frames that makes.
fn kept(plan: &Plan, bytes: u64, register: usize, max_words: u64) -> (usize, usize) {
    let words = (bytes / 4).min(max_words) as usize;
    let capacity = words / (LENSES * register);
    let steps = plan.steps.len();
    if capacity < 2 {
        return (0, 0);
    }
    let every = steps.div_ceil(capacity - 1).max(1);
    (every, steps.div_ceil(every) + 1)
}

struct Builder<'a, M: Machine> {
    machine: &'a mut M,
    owned: Vec<BufferId>,
}

impl<M: Machine> Builder<'_, M> {
    fn allocate(&mut self, words: usize) -> Result<BufferId, SessionError> {
        let buffer = self.machine.allocate(words)?;
        self.owned.push(buffer);
        Ok(buffer)
    }

    fn upload(&mut self, words: &[u32]) -> Result<BufferId, SessionError> {
        let buffer = self.allocate(words.len())?;
        self.machine.write(buffer, 0, words);
        Ok(buffer)
    }

    /// The time vectors (and output factors) of every call, one after the other.
    fn upload_times(
        &mut self,
        model: &Model,
        plan: &Plan,
        batch: usize,
        instance: &Instance,
    ) -> Result<(BufferId, Option<BufferId>), SessionError> {
        let repeated = |t: f32| vec![t; batch];
        let times: Vec<u32> =
            calls(plan).flat_map(|call| model.unet.time_words(&repeated(call.timestep))).collect();
        let times = self.upload(&times)?;
        if instance.output_scale.is_none() {
            return Ok((times, None));
        }
        let scales: Vec<u32> =
            calls(plan).flat_map(|call| model.unet.output_scale_words(&repeated(call.timestep))).collect();
        Ok((times, Some(self.upload(&scales)?)))
    }

    /// What runs before and after the network, with a uniform for every row.
    fn programs(
        &mut self,
        plan: &Plan,
        shape: Shape,
        labels: &Labels,
        instance: &Instance,
        registers: BufferId,
        noise: BufferId,
    ) -> Result<(ProgramId, ProgramId), SessionError> {
        let rows = &plan.rows;
        let copies = if labels.guided { 2 } else { 1 };
        let seen: Vec<_> = rows.iter().map(|row| input_params(row, shape, copies)).collect();
        let before = network_input::dispatch(&seen, [registers, instance.sample]);

        let mut after: Vec<Dispatch> = Vec::new();
        let mut output = instance.output;
        if labels.guided {
            let guided = self.allocate((shape.batch * shape.pixels * shape.output_pitch()) as usize)?;
            let params: Vec<_> = rows.iter().map(|row| guidance_params(row, shape)).collect();
            after.push(guidance::dispatch(&params, [output, guided]));
            output = guided;
        }
        let ranges = self.allocate(shape.batch as usize)?;
        if calls(plan).any(|call| matches!(call.threshold, Threshold::Dynamic { .. })) {
            let params: Vec<_> = rows.iter().map(|row| threshold_params(row, shape)).collect();
            after.push(dynamic_threshold::dispatch(&params, [registers, output, ranges]));
        }
        let params: Vec<_> = rows.iter().map(|row| reverse_step::Params::of(row, shape)).collect();
        after.push(reverse_step::dispatch(&params, [registers, output, noise, ranges]));
        Ok((self.machine.compile(vec![before])?, self.machine.compile(after)?))
    }
}

fn input_params(row: &Row, shape: Shape, copies: u32) -> network_input::Params {
    let count = shape.register_floats() / 4;
    let (input, scale) = row.call.as_ref().map_or((0, 1.0), |call| (call.input as u32, call.input_scale));
    network_input::Params { count, copies, offset: input * count, scale }
}

fn guidance_params(row: &Row, shape: Shape) -> guidance::Params {
    guidance::Params {
        count: shape.batch * shape.pixels * shape.output_pitch(),
        pitch: shape.output_pitch(),
        channels: shape.channels,
        scale: row.call.as_ref().map_or(1.0, |call| call.guidance_scale),
    }
}

fn threshold_params(row: &Row, shape: Shape) -> dynamic_threshold::Params {
    let call = row.call.as_ref();
    let (ratio, max) = match call.map(|call| call.threshold) {
        Some(Threshold::Dynamic { ratio, max }) => (ratio, max),
        _ => (1.0, 1.0),
    };
    dynamic_threshold::Params {
        batch: shape.batch,
        count: shape.pixels * shape.channels,
        channels: shape.channels,
        pitch: shape.pitch(),
        output_pitch: shape.output_pitch(),
        pixels: shape.pixels,
        input_offset: call.map_or(0, |call| call.input as u32) * shape.register_floats(),
        ratio,
        max,
        x0_from_input: call.map_or(0.0, |call| call.x0_from_input),
        x0_from_output: call.map_or(0.0, |call| call.x0_from_output),
    }
}
