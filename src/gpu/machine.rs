//! The GPU machine: buffers, programs and the command encoder.

use super::Gpu;
use super::image::Image;
use super::pipeline::Pipelines;
use crate::kernels::shaders::{Access, Shader};
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Class, Machine, MachineError, ProgramId, Table};

/// Uniforms lie at multiples of this (the default dynamic-offset alignment).
const UNIFORM_ALIGNMENT: usize = 256;

/// What was asked of the device so far; the step loop must not raise these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub buffers_created: u64,
    pub readbacks: u64,
    /// Bytes of the buffers and images that are there, and the most that there were at once. What a readback
    /// takes for a moment is not among them.
    pub bytes: u64,
    pub peak_bytes: u64,
}

/// A buffer, its image where a program reads it through one, or only that.
#[derive(Debug)]
struct Stored {
    buffer: Option<wgpu::Buffer>,
    image: Option<Image>,
}

impl Stored {
    fn buffer(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("what is an image only is read through textures only")
    }

    /// Queues a copy into the image, if one is due.
    fn catch_up(&self, encoder: &mut wgpu::CommandEncoder, reach: u32) {
        if let Self { buffer: Some(buffer), image: Some(image) } = self {
            image.catch_up(encoder, buffer, reach);
        }
    }
}

/// Dispatches with their pipelines and bind groups.
#[derive(Debug)]
struct Program {
    steps: Vec<Step>,
    uniforms: wgpu::Buffer,
}

#[derive(Debug)]
pub(super) struct Step {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    /// Byte offset of row 0's uniform, and how many rows there are.
    uniform: u32,
    rows: u32,
    grid: [u32; 3],
    /// What it reads through a texture, how far, and what it writes.
    images: Vec<(BufferId, u32)>,
    pub(super) written: Vec<BufferId>,
}

impl Step {
    /// Queues the dispatch, with its row's uniform.
    pub(super) fn record(&self, pass: &mut wgpu::ComputePass, row: usize) {
        let row = if self.rows == 1 { 0 } else { row as u32 };
        let [x, y, z] = self.grid;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[self.uniform + row * UNIFORM_ALIGNMENT as u32]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Runs plans on WebGPU.
#[derive(Debug)]
pub struct GpuMachine {
    pub gpu: Gpu,
    pub counters: Counters,
    /// As the adapter says; plans that are made after a change are of the other class.
    pub class: Class,
    buffers: Table<Stored>,
    programs: Table<Program>,
    pipelines: Pipelines,
    encoder: Option<wgpu::CommandEncoder>,
}

impl GpuMachine {
    pub async fn new() -> Result<Self, MachineError> {
        Ok(Self::on(Gpu::new().await?))
    }

    pub fn on(gpu: Gpu) -> Self {
        let class = match gpu.adapter.get_info().device_type {
            wgpu::DeviceType::Cpu => Class::SoftwareAdapter,
            _ => Class::Gpu,
        };
        Self {
            gpu,
            class,
            counters: Counters::default(),
            buffers: Table::default(),
            programs: Table::default(),
            pipelines: Pipelines::default(),
            encoder: None,
        }
    }

    /// The buffer itself, for those who draw from it.
    pub fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        self.buffers.get(id.0).buffer()
    }

    /// The commands of the submission in the making.
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| self.gpu.device.create_command_encoder(&Default::default()))
    }

    /// Has a pipeline made ahead of the programs that use it.
    pub fn make_pipeline(&mut self, shader: &'static Shader) {
        self.pipelines.get(&self.gpu.device, shader);
    }

    /// Every buffer of this machine is made here.
    pub fn create_buffer(&mut self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.counters.buffers_created += 1;
        self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer that stays until it is given back.
    fn keep_buffer(&mut self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.count(bytes);
        self.create_buffer(label, bytes, usage)
    }

    /// Counts bytes that stay.
    fn count(&mut self, bytes: u64) {
        let Counters { bytes: now, peak_bytes: peak, .. } = &mut self.counters;
        *now += bytes;
        *peak = (*peak).max(*now);
    }

    /// Destroys a buffer: what is submitted may still use it, and a browser's collector of garbage
    /// would not know how much there is to gain.
    fn drop_buffer(&mut self, buffer: &wgpu::Buffer) {
        self.submit();
        self.counters.bytes -= buffer.size();
        buffer.destroy();
    }

    /// Commands on their own, which nothing else is queued with: a program's first row, `times` over.
    pub fn commands(&mut self, program: ProgramId, times: usize) -> wgpu::CommandBuffer {
        // What is recorded later counts on the images that were made before.
        self.submit();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        (0..times).for_each(|_| self.record(&mut encoder, program, 0));
        encoder.finish()
    }

    pub(super) fn steps(&self, program: ProgramId) -> &[Step] {
        &self.programs.get(program.0).steps
    }

    /// A pass goes on until an image of what it wrote is wanted.
    fn record(&self, encoder: &mut wgpu::CommandEncoder, program: ProgramId, row: usize) {
        let mut steps = self.steps(program).iter().peekable();
        while let Some(first) = steps.peek() {
            self.catch_up(encoder, first);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            while let Some(step) = steps.next_if(|step| !self.waits(step)) {
                step.record(&mut pass, row);
                self.changed(&step.written);
            }
        }
    }

    /// Queues the copies into images that a step reads.
    pub(super) fn catch_up(&self, encoder: &mut wgpu::CommandEncoder, step: &Step) {
        for (id, reach) in &step.images {
            self.buffers.get(id.0).catch_up(encoder, *reach);
        }
    }

    /// Whether a step wants an image that is behind its buffer.
    fn waits(&self, step: &Step) -> bool {
        step.images.iter().any(|(id, reach)| {
            self.buffers.get(id.0).image.as_ref().is_some_and(|image| image.is_behind(*reach))
        })
    }

    /// After buffers were written.
    pub(super) fn changed(&self, written: &[BufferId]) {
        let images = written.iter().filter_map(|id| self.buffers.get(id.0).image.as_ref());
        images.for_each(Image::fall_behind);
    }

    /// Queues a copy of as many words at each of some places, one after the other; the future gives
    /// them when the queue has come that far, and leaves the machine free meanwhile.
    pub fn request(
        &mut self,
        places: &[(BufferId, usize)],
        words: usize,
    ) -> impl Future<Output = Result<Vec<u32>, MachineError>> + use<> {
        self.counters.readbacks += 1;
        let bytes = 4 * words as u64;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer("readback", bytes * places.len() as u64, usage);
        for ((from, at), to) in places.iter().zip(0..) {
            let source = self.buffer(*from).clone();
            self.encoder().copy_buffer_to_buffer(&source, 4 * *at as u64, &staging, to * bytes, bytes);
        }
        self.submit();
        let gpu = self.gpu.clone();
        async move {
            let bytes = gpu.map(&staging).await?;
            Ok(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect())
        }
    }

    fn step(&mut self, dispatch: &Dispatch, uniforms: &wgpu::Buffer, uniform: usize) -> Step {
        let shader = dispatch.kernel.shader;
        let made = self.pipelines.get(&self.gpu.device, shader);
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: uniforms,
                offset: 0,
                size: std::num::NonZeroU64::new(dispatch.params_at(0).len() as u64),
            }),
        }];
        let of_access = |wanted| dispatch.accesses().filter(move |(_, a)| *a == wanted).map(|(id, _)| id);
        let images: Vec<(BufferId, u32)> = of_access(Access::Image).zip(dispatch.reach).collect();
        images.iter().for_each(|(id, _)| self.make_image(*id));
        entries.extend(dispatch.accesses().zip(1..).map(|((id, access), binding)| {
            let stored = self.buffers.get(id.0);
            let resource = match &stored.image {
                Some(image) if access == Access::Image => wgpu::BindingResource::TextureView(&image.view),
                _ => stored.buffer().as_entire_binding(),
            };
            wgpu::BindGroupEntry { binding, resource }
        }));
        let bind_group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(shader.name),
            layout: &made.layout,
            entries: &entries,
        });
        Step {
            pipeline: made.pipeline,
            bind_group,
            uniform: uniform as u32,
            rows: dispatch.params.len() as u32,
            grid: dispatch.grid,
            images,
            written: of_access(Access::ReadWrite).collect(),
        }
    }

    fn make_image(&mut self, id: BufferId) {
        let stored = self.buffers.get_mut(id.0);
        if stored.image.is_none() {
            let image = Image::of(&self.gpu.device, stored.buffer());
            let bytes = image.bytes();
            stored.image = Some(image);
            self.count(bytes);
        }
    }
}

impl Machine for GpuMachine {
    fn max_words(&self) -> u64 {
        let limits = self.gpu.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4
    }

    fn class(&self) -> Class {
        self.class
    }

    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        let bytes = 4 * words.max(4) as u64;
        let limit = self.gpu.device.limits().max_storage_buffer_binding_size;
        if bytes > limit {
            return Err(MachineError::TooLarge { what: "one buffer", bytes, limit });
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = self.keep_buffer("reverie", bytes, usage);
        Ok(BufferId(self.buffers.insert(Stored { buffer: Some(buffer), image: None })))
    }

    fn free(&mut self, buffer: BufferId) {
        if let Some(Stored { buffer, image }) = self.buffers.remove(buffer.0) {
            buffer.iter().for_each(|buffer| self.drop_buffer(buffer));
            if let Some(image) = image {
                self.submit();
                self.counters.bytes -= image.bytes();
                image.destroy();
            }
        }
    }

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]) {
        // Writes overtake commands that are not yet submitted.
        self.submit();
        self.gpu.queue.write_buffer(self.buffer(to), 4 * at as u64, bytemuck::cast_slice(data));
        self.changed(&[to]);
    }

    fn upload_image(&mut self, data: &[u32]) -> Result<BufferId, MachineError> {
        let image = Image::filled(&self.gpu, data);
        self.count(image.bytes());
        Ok(BufferId(self.buffers.insert(Stored { buffer: None, image: Some(image) })))
    }

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize) {
        let (source, target) = (self.buffer(from.0).clone(), self.buffer(to.0).clone());
        let (at, place) = (4 * from.1 as u64, 4 * to.1 as u64);
        self.encoder().copy_buffer_to_buffer(&source, at, &target, place, 4 * words as u64);
        self.changed(&[to.0]);
    }

    fn compile(&mut self, dispatches: Vec<Dispatch>) -> Result<ProgramId, MachineError> {
        let (bytes, offsets) = uniform_table(&dispatches);
        let limit = self.gpu.device.limits().max_buffer_size;
        if bytes.len() as u64 > limit {
            return Err(MachineError::TooLarge {
                what: "the table of rows",
                bytes: bytes.len() as u64,
                limit,
            });
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let uniforms = self.keep_buffer("uniforms", bytes.len().max(UNIFORM_ALIGNMENT) as u64, usage);
        self.gpu.queue.write_buffer(&uniforms, 0, &bytes);
        let steps = dispatches.iter().zip(offsets).map(|(d, at)| self.step(d, &uniforms, at)).collect();
        self.gpu.health()?;
        Ok(ProgramId(self.programs.insert(Program { steps, uniforms })))
    }

    fn rewrite(&mut self, program: ProgramId, dispatches: Vec<Dispatch>) {
        // As with buffers: writes overtake commands that are not yet submitted.
        self.submit();
        let (bytes, _) = uniform_table(&dispatches);
        self.gpu.queue.write_buffer(&self.programs.get(program.0).uniforms, 0, &bytes);
    }

    fn discard(&mut self, program: ProgramId) {
        if let Some(program) = self.programs.remove(program.0) {
            self.drop_buffer(&program.uniforms);
        }
    }

    fn run(&mut self, program: ProgramId, row: usize) {
        let queued = self.encoder.take();
        let mut encoder =
            queued.unwrap_or_else(|| self.gpu.device.create_command_encoder(&Default::default()));
        self.record(&mut encoder, program, row);
        self.encoder = Some(encoder);
    }

    fn submit(&mut self) {
        if let Some(encoder) = self.encoder.take() {
            self.gpu.queue.submit([encoder.finish()]);
        }
    }

    fn health(&self) -> Result<(), MachineError> {
        self.gpu.health()
    }

    async fn dispatch_seconds(&mut self, program: ProgramId) -> Result<Option<Vec<f64>>, MachineError> {
        Ok(if self.has_clock() { Some(self.time_steps(program).await?) } else { None })
    }

    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError> {
        self.request(&[(from, at)], words).await
    }
}

/// The uniforms of all rows of all dispatches, and where each dispatch's begin.
fn uniform_table(dispatches: &[Dispatch]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut offsets = Vec::with_capacity(dispatches.len());
    for dispatch in dispatches {
        offsets.push(bytes.len());
        for params in &dispatch.params {
            assert!(params.len() <= UNIFORM_ALIGNMENT, "uniform of {}", dispatch.kernel.shader.name);
            bytes.extend_from_slice(params);
            bytes.resize(bytes.len().next_multiple_of(UNIFORM_ALIGNMENT), 0);
        }
    }
    (bytes, offsets)
}
