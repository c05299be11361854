//! What a plan runs on: numbered buffers, compiled programs, an ordered queue.
//!
//! [`crate::gpu::GpuMachine`] runs the shaders, [`crate::cpu::CpuMachine`] their
//! twins. Everything but reading back is queued at once and waits for nothing.

use crate::kernels::{BufferId, Case, Dispatch};

/// A list of dispatches, ready to run at any row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramId(pub usize);

/// What a machine does its work with: which variants of the kernels suit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The kernels' fast forms, without shaders.
    Cpu,
    /// Shaders on a processor, by way of a driver such as SwiftShader or lavapipe.
    SoftwareAdapter,
    /// Shaders on a graphics card.
    Gpu,
}

/// What can go wrong on a machine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MachineError {
    #[error("this browser offers no WebGPU here: {hint}")]
    NoWebGpu { hint: String },
    #[error(
        "no graphics adapter answers WebGPU ({reason}); update the graphics driver or enable hardware acceleration"
    )]
    NoAdapter { reason: String },
    #[error("the graphics adapter gave no device: {reason}")]
    NoDevice { reason: String },
    #[error("{what} needs {bytes} bytes, but the limit is {limit}; use a smaller image or model")]
    TooLarge { what: &'static str, bytes: u64, limit: u64 },
    #[error(
        "an activation of {batch} samples needs {bytes} bytes, but the limit is {limit}; as many as {fits} \
         samples fit"
    )]
    BatchTooLarge { batch: usize, bytes: u64, limit: u64, fits: u64 },
    #[error("there is no memory for {bytes} bytes more; use a smaller batch or model")]
    NoMemory { bytes: u64 },
    #[error("the graphics device was lost: {reason}")]
    Lost { reason: String },
    #[error("the graphics device reported an error: {reason}")]
    Failed { reason: String },
}

/// A device for plans. Offsets and lengths are in 32-bit words.
#[allow(async_fn_in_trait)]
pub trait Machine {
    /// Words that one buffer may hold.
    fn max_words(&self) -> u64;

    fn class(&self) -> Class;

    /// A zeroed buffer.
    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError>;

    /// Gives a buffer back; programs that use it must not run again.
    fn free(&mut self, buffer: BufferId);

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]);

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize);

    /// Makes everything that running needs: pipelines, bind groups, uniforms.
    fn compile(&mut self, dispatches: Vec<Dispatch>) -> Result<ProgramId, MachineError>;

    /// Gives the rows of a program other uniforms; its kernels and buffers stay.
    fn rewrite(&mut self, program: ProgramId, dispatches: Vec<Dispatch>);

    /// Gives a program's resources back.
    fn discard(&mut self, program: ProgramId);

    /// Runs all dispatches; those with one uniform a row use `row`'s.
    fn run(&mut self, program: ProgramId, row: usize);

    /// Hands what was queued to the device.
    fn submit(&mut self);

    /// The device's error so far, if any.
    fn health(&self) -> Result<(), MachineError>;

    /// Waits for the queue, then copies words out.
    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError>;

    /// Runs a program's first row once and returns the seconds of each dispatch by the device's own clock, where
    /// it has one that may be read.
    async fn dispatch_seconds(&mut self, _program: ProgramId) -> Result<Option<Vec<f64>>, MachineError> {
        Ok(None)
    }

    /// A buffer filled with `data`.
    fn upload(&mut self, data: &[u32]) -> Result<BufferId, MachineError> {
        let buffer = self.allocate(data.len())?;
        self.write(buffer, 0, data);
        Ok(buffer)
    }

    /// The same for what kernels only ever read through textures, and nobody writes again.
    fn upload_image(&mut self, data: &[u32]) -> Result<BufferId, MachineError> {
        self.upload(data)
    }
}

/// A kernel's case on its way through a machine.
#[derive(Debug)]
pub struct Trial {
    /// A buffer for each of the case's, and its words.
    pub buffers: Vec<(BufferId, usize)>,
    pub program: ProgramId,
}

impl Trial {
    /// Queues the case; its buffers hold the result.
    pub fn start(machine: &mut impl Machine, case: &Case) -> Result<Self, MachineError> {
        let mut buffers = Vec::new();
        for buffer in &case.buffers {
            buffers.push((machine.upload(buffer)?, buffer.len()));
        }
        let mut dispatch = case.dispatch.clone();
        dispatch.buffers.iter_mut().for_each(|id| *id = buffers[id.0].0);
        let program = machine.compile(vec![dispatch])?;
        machine.run(program, 0);
        Ok(Self { buffers, program })
    }

    /// Gives everything back.
    pub fn release(self, machine: &mut impl Machine) {
        machine.discard(self.program);
        self.buffers.into_iter().for_each(|(buffer, _)| machine.free(buffer));
    }
}

/// Runs a kernel's case on a machine and returns its buffers.
pub async fn run_case(machine: &mut impl Machine, case: &Case) -> Result<Vec<Vec<u32>>, MachineError> {
    let trial = Trial::start(machine, case)?;
    let mut out = Vec::new();
    for &(buffer, words) in &trial.buffers {
        out.push(machine.read(buffer, 0, words).await?);
    }
    trial.release(machine);
    Ok(out)
}

/// A table with reusable places.
#[derive(Debug)]
pub(crate) struct Table<T>(Vec<Option<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Table<T> {
    pub fn insert(&mut self, item: T) -> usize {
        let place = self.0.iter().position(Option::is_none).unwrap_or_else(|| {
            self.0.push(None);
            self.0.len() - 1
        });
        self.0[place] = Some(item);
        place
    }

    pub fn remove(&mut self, place: usize) -> Option<T> {
        self.0.get_mut(place).and_then(Option::take)
    }

    pub fn get_mut(&mut self, place: usize) -> &mut T {
        self.0[place].as_mut().expect("a freed place is not used again")
    }

    pub fn get(&self, place: usize) -> &T {
        self.0[place].as_ref().expect("a freed place is not used again")
    }
}
