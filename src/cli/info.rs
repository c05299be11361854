//! `reverie info`: what a model is and what it needs, worked out without a GPU.

use std::fmt;

use reverie::cpu::CpuMachine;
use reverie::diffusion::schedule::BetaSchedule;
use reverie::diffusion::scheduler_config::{SchedulerConfig, SchedulerConfigError};
use reverie::machine::Machine;
use reverie::models::attributes::Attribute;
use reverie::models::unet_2d::config::ClassEmbedding;
use reverie::net::plan::{Buffer, Plan};
use serde::Serialize;

use super::args::InfoArgs;
use super::error::CliError;
use super::unet::Network;

/// WebGPU's default limits, which every device has.
const MAX_BINDING: u64 = 128 << 20;
const MAX_BUFFER: u64 = 256 << 20;
const MAX_WORKGROUPS: u32 = 65_535;

/// All there is to say.
#[derive(Serialize)]
struct Info {
    name: String,
    parameters: u64,
    /// Of one sample; a multiply-add counts as two.
    gflop_per_pass: f64,
    channels: [usize; 2],
    block_out_channels: Vec<usize>,
    classes: Classes,
    /// Names and values in order; empty where the model has none.
    attributes: Vec<Attribute>,
    batch: usize,
    height: usize,
    width: usize,
    memory: MemoryPlan,
    dispatches_per_pass: usize,
    schedule: Option<ScheduleFacts>,
    /// What a device with default limits cannot do.
    exceeds: Vec<String>,
}

#[derive(Serialize)]
struct Classes {
    /// "none", "numbered", "timestep" or "identity".
    kind: &'static str,
    count: Option<usize>,
    null_label: Option<usize>,
    names: Vec<String>,
}

/// Bytes on the device.
#[derive(Serialize)]
struct MemoryPlan {
    weights: u64,
    scratch: u64,
    scratch_buffers: usize,
    largest_buffer: u64,
}

#[derive(Serialize)]
struct ScheduleFacts {
    sampler: Option<String>,
    num_train_timesteps: usize,
    beta_schedule: &'static str,
    prediction_type: &'static str,
    timestep_spacing: &'static str,
    terminal_snr: f64,
}

/// The command.
pub fn run(args: &InfoArgs) -> Result<(), CliError> {
    let mut machine = CpuMachine::default();
    let network = Network::load(&mut machine, &args.model)?;
    let config = &network.unet.config;
    let (height, width) = args.size.or(config.sample_size).unwrap_or([config.stride().max(32); 2].into());
    let graph = network.unet.graph(height, width)?;
    let batch = args.batch as usize;
    let plan = Plan::new(&graph, batch, machine.class(), machine.max_words()).map_err(|e| {
        CliError::Usage(format!("a batch of {batch} at {height}x{width} is not possible: {e}"))
    })?;
    let schedule = network.scheduler.as_ref().map(schedule_facts).transpose();
    let info = Info {
        name: network.facts.name.clone().unwrap_or_else(|| args.model.display().to_string()),
        parameters: network.unet.parameters(),
        gflop_per_pass: graph.flops() as f64 / 1e9,
        channels: [config.in_channels, config.out_channels],
        block_out_channels: config.block_out_channels.clone(),
        classes: classes(&network),
        attributes: network.attributes.as_ref().map_or(Vec::new(), |attributes| attributes.list().to_vec()),
        batch,
        height,
        width,
        memory: memory(&plan),
        dispatches_per_pass: plan.dispatches.len(),
        schedule: schedule.map_err(|e| CliError::model(&args.model, e))?,
        exceeds: exceeds(&plan),
    };
    if args.json { super::say_json(&info) } else { super::say(&info.to_string()) }
}

fn classes(network: &Network) -> Classes {
    let (kind, count) = match network.unet.config.class_embedding {
        None => ("none", None),
        Some(ClassEmbedding::Table { num_class_embeds }) => ("numbered", Some(num_class_embeds)),
        Some(ClassEmbedding::Timestep) => ("timestep", None),
        Some(ClassEmbedding::Identity) => ("identity", None),
    };
    let names = network.facts.class_names.clone().unwrap_or_default();
    Classes { kind, count, null_label: network.facts.null_label, names }
}

fn memory(plan: &Plan) -> MemoryPlan {
    let is_scratch = |buffer: &&Buffer| matches!(buffer, Buffer::Scratch(_));
    let all = plan.buffers.iter().map(|buffer| 4 * plan.words(buffer));
    MemoryPlan {
        weights: all.clone().sum::<u64>() - plan.scratch_bytes(),
        scratch: plan.scratch_bytes(),
        scratch_buffers: plan.buffers.iter().filter(is_scratch).count(),
        largest_buffer: all.max().unwrap_or(0),
    }
}

fn schedule_facts(config: &SchedulerConfig) -> Result<ScheduleFacts, SchedulerConfigError> {
    let schedule = config.schedule()?;
    Ok(ScheduleFacts {
        sampler: config.class_name.clone(),
        num_train_timesteps: config.num_train_timesteps,
        beta_schedule: match config.beta_schedule {
            BetaSchedule::Linear(_) => "linear",
            BetaSchedule::ScaledLinear(_) => "scaled_linear",
            BetaSchedule::Sigmoid(_) => "sigmoid",
            BetaSchedule::SquaredCosCapV2 => "squaredcos_cap_v2",
            BetaSchedule::Trained(_) => "trained_betas",
        },
        prediction_type: config.prediction_type.name(),
        timestep_spacing: config.timestep_spacing.map_or("its own", |spacing| spacing.name()),
        terminal_snr: schedule.terminal_snr(),
    })
}

/// Buffers and dispatches beyond the default limits.
fn exceeds(plan: &Plan) -> Vec<String> {
    let large = plan.buffers.iter().filter_map(|buffer| {
        let bytes = 4 * plan.words(buffer);
        let what = if matches!(buffer, Buffer::Scratch(_)) { "an activation" } else { "a weight" };
        let (limit, name) = match bytes {
            MAX_BUFFER.. => (MAX_BUFFER, "maxBufferSize"),
            _ => (MAX_BINDING, "maxStorageBufferBindingSize"),
        };
        (bytes > MAX_BINDING).then(|| format!("{what} of {bytes} bytes: {name} is {limit}"))
    });
    let wide = plan.dispatches.iter().filter_map(|dispatch| {
        let groups = dispatch.grid.into_iter().max().filter(|groups| *groups > MAX_WORKGROUPS)?;
        let kernel = dispatch.kernel.shader.name;
        Some(format!("{groups} workgroups of {kernel}: maxComputeWorkgroupsPerDimension is {MAX_WORKGROUPS}"))
    });
    large.chain(wide).collect()
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let Self { batch, height, width, memory, .. } = self;
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  parameters   {}", self.parameters)?;
        writeln!(f, "  cost         {:.4} GFLOP a pass and sample at {height}x{width}", self.gflop_per_pass)?;
        let [from, to] = self.channels;
        writeln!(f, "  levels       {:?}, {from} channels in, {to} out", self.block_out_channels)?;
        if self.attributes.is_empty() {
            writeln!(f, "  classes      {}", self.classes)?;
        } else {
            writeln!(f, "  attributes   any of these, each of them may stay free:")?;
            for Attribute { name, values, .. } in &self.attributes {
                writeln!(f, "    {name:<10} {}", values.join(", "))?;
            }
        }
        match &self.schedule {
            Some(schedule) => writeln!(f, "  schedule     {schedule}")?,
            None => writeln!(f, "  schedule     none in the folder")?,
        }
        writeln!(f, "  weights      {:.2} MiB on the device", mib(memory.weights))?;
        writeln!(
            f,
            "  scratch      {:.2} MiB in {} buffers for a batch of {batch}; the largest buffer has {:.2} MiB",
            mib(memory.scratch),
            memory.scratch_buffers,
            mib(memory.largest_buffer)
        )?;
        write!(f, "  dispatches   {} a pass", self.dispatches_per_pass)?;
        if self.exceeds.is_empty() {
            return write!(f, "\n  limits       everything fits WebGPU's defaults");
        }
        self.exceeds.iter().try_for_each(|line| write!(f, "\n  too large    {line}"))
    }
}

impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{count}")?,
            None => write!(f, "{}", self.kind)?,
        }
        if let Some(label) = self.null_label {
            write!(f, ", {label} stands for none")?;
        }
        if self.names.is_empty() { Ok(()) } else { write!(f, ": {}", self.names.join(", ")) }
    }
}

impl fmt::Display for ScheduleFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { num_train_timesteps, beta_schedule, prediction_type, terminal_snr, .. } = self;
        let sampler = self.sampler.as_deref().unwrap_or("no sampler named");
        write!(
            f,
            "{sampler}, {num_train_timesteps} timesteps, {beta_schedule}, {prediction_type}, {} spacing, \
             terminal SNR {terminal_snr:.2e}",
            self.timestep_spacing
        )
    }
}
