//! What can be asked for.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};
use reverie::diffusion::samplers::{Churn, SAMPLERS, SamplerOptions};
use reverie::diffusion::sde::SdeKind;
use serde_json::Value;

use super::{place, scheduler};

/// Names the samplers there are.
static SAMPLER_HELP: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = SAMPLERS.iter().map(|sampler| sampler.name).collect();
    format!("{}; the model's own where left out", names.join(", "))
});

/// Diffusion models on hand-written WGSL compute shaders.
#[derive(Debug, Parser)]
#[command(name = "reverie", version, arg_required_else_help = false)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make pictures out of noise
    Sample(SampleArgs),
    /// Run the network once on given tensors
    Unet(UnetArgs),
    /// Print a sampler's program: timesteps, noise levels, coefficients, network calls
    Schedule(ScheduleArgs),
    /// Measure how fast each sampler nears the answer, against its network calls
    Converge(ConvergeArgs),
    /// Time the network: whole passes, and each kernel against what this device could do
    Bench(BenchArgs),
    /// Describe a model: size, cost, memory, schedule
    Info(InfoArgs),
}

/// What runs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    Gpu,
    Cpu,
}

/// A sampler, and all that it can be told.
#[derive(Debug, clap::Args)]
pub struct SamplerArgs {
    #[arg(long = "sampler", value_name = "NAME", help = SAMPLER_HELP.as_str())]
    pub name: Option<String>,
    /// Scheduler steps
    #[arg(long, value_name = "K", default_value_t = 50)]
    pub steps: usize,
    /// A key of diffusers' scheduler configs, as timestep_spacing=trailing or
    /// use_karras_sigmas=true; again for others
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = scheduler::setting)]
    pub settings: Vec<(String, Value)>,
    /// s in eps_uncond + s (eps_cond - eps_uncond)
    #[arg(long, value_name = "G", default_value_t = 1.0)]
    pub guidance_scale: f32,
    /// The lowest and the highest timestep at which guidance acts, as 200:800
    #[arg(long, value_name = "LOW:HIGH", value_parser = interval)]
    pub guidance_interval: Option<(f32, f32)>,
    /// DDIM's eta: 0 is deterministic, 1 ancestral
    #[arg(long, value_name = "E", default_value_t = 0.0)]
    pub eta: f32,
    /// EDM's churn: 0 is deterministic
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    pub s_churn: f32,
    /// The lowest noise level at which churn acts
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0)]
    pub s_tmin: f32,
    /// The highest noise level at which churn acts
    #[arg(long, value_name = "SIGMA", default_value_t = f32::INFINITY)]
    pub s_tmax: f32,
    /// The deviation of churn's noise
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub s_noise: f32,
    /// The equation of the score-based samplers: ve, vp or sub-vp [default: vp]
    #[arg(long, value_name = "SDE")]
    pub sde: Option<SdeKind>,
    /// How large a Langevin corrector's steps are [default: 0.16]
    #[arg(long, value_name = "R")]
    pub snr: Option<f32>,
    /// Langevin steps at each noise level [default: 1 for pc, 5 for ald]
    #[arg(long, value_name = "L")]
    pub langevin_steps: Option<usize>,
    /// The error that a step of rk45 may make, absolute and relative [default: 1e-4]
    #[arg(long, value_name = "TOL")]
    pub tolerance: Option<f32>,
}

impl SamplerArgs {
    /// The sampler's name as the library knows it.
    pub fn name(&self) -> Option<String> {
        self.name.as_ref().map(|name| name.to_lowercase())
    }

    pub fn options(&self) -> SamplerOptions {
        let Self { eta, guidance_scale, guidance_interval, s_churn, s_tmin, s_tmax, s_noise, .. } = *self;
        let Self { sde, snr, langevin_steps, tolerance, .. } = *self;
        SamplerOptions {
            eta,
            guidance_scale,
            guidance_interval,
            churn: Churn { s_churn, s_tmin, s_tmax, s_noise },
            sde,
            snr,
            langevin_steps,
            tolerance,
            ..SamplerOptions::default()
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct SampleArgs {
    /// A model folder as diffusers writes it, or the name of a shipped model
    #[arg(long, value_name = "MODEL", value_parser = place::folder)]
    pub model: PathBuf,
    #[command(flatten)]
    pub sampler: SamplerArgs,
    /// The seed of all noise; sample i of a seed is the same in every batch
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// How many samples to make [default: 1, or as many as --noise has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch: Option<u32>,
    /// A class by number or name, or `each` for one after the other
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// A value of an attribute, as hair=pink; again for others, and what is left out is free
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    pub attributes: Vec<String>,
    /// A safetensors file of x_T [N, C, H, W] and perhaps noise [K, N, C, H, W], instead of a seed
    #[arg(long, value_name = "FILE")]
    pub noise: Option<PathBuf>,
    /// A picture (.png), an animation (.gif), or the numbers (.safetensors)
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Also write the state after every step (.safetensors only)
    #[arg(long)]
    pub trajectory: bool,
    /// Show so many moments, from noise to the end, one below the other and not enlarged (.png only)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    pub strip: Option<u32>,
    /// The shaders (Vulkan, Metal or DirectX), or the CPU, which needs no driver
    #[arg(long, value_enum, default_value = "gpu")]
    pub backend: Backend,
    /// Height and width, as 32x32; the model's own where left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub size: Option<(usize, usize)>,
    /// Print what was done as JSON, and no progress
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct ScheduleArgs {
    /// A model folder as diffusers writes it, or the name of a shipped model
    #[arg(long, value_name = "MODEL", value_parser = place::folder, conflicts_with = "scheduler")]
    pub model: Option<PathBuf>,
    /// A scheduler_config.json
    #[arg(long, value_name = "FILE")]
    pub scheduler: Option<PathBuf>,
    #[command(flatten)]
    pub sampler: SamplerArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// A model folder as diffusers writes it, the name of a shipped model, or a network's
    /// config.json, which gets random weights; again for others
    #[arg(long = "model", value_name = "MODEL", value_parser = place::folder, default_value = "digits")]
    pub models: Vec<PathBuf>,
    /// How many samples at once; several, as 1,16, for one after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    pub batch: Vec<usize>,
    /// Height and width, as 32x32; the model's own where left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub size: Option<(usize, usize)>,
    /// How long each thing is timed
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub seconds: f64,
    /// Only whole passes, not each kernel
    #[arg(long)]
    pub whole: bool,
    /// Also time unconditional DDIM runs of so many steps, from the first submission to the sample
    #[arg(long, value_name = "K", conflicts_with = "curves")]
    pub steps: Option<usize>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Instead, time the first model at more and more samples, pixels and steps: the figures as
    /// JSON, and a plot beside it, as .svg
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub curves: Option<PathBuf>,
    /// The shaders (Vulkan, Metal or DirectX), or their CPU twins, which need no driver
    #[arg(long, value_enum, default_value = "gpu")]
    pub backend: Backend,
}

#[derive(Debug, clap::Args)]
pub struct ConvergeArgs {
    /// A model folder as diffusers writes it, or the name of a shipped model
    #[arg(long, value_name = "MODEL", value_parser = place::folder)]
    pub model: PathBuf,
    /// The samplers to try; all where left out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub samplers: Vec<String>,
    /// How many network calls they may make
    #[arg(long, value_name = "K", value_delimiter = ',', default_values_t = [2, 4, 8, 16, 32, 64, 128, 200])]
    pub calls: Vec<usize>,
    /// Steps of the run that is taken for the answer
    #[arg(long, value_name = "K", default_value_t = 1000)]
    pub reference_steps: usize,
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub batch: usize,
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// The figures as JSON; the plots go beside it, as .svg
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// The shaders (Vulkan, Metal or DirectX), or the CPU, which needs no driver
    #[arg(long, value_enum, default_value = "gpu")]
    pub backend: Backend,
}

#[derive(Debug, clap::Args)]
pub struct UnetArgs {
    /// A model folder as diffusers writes it, or the name of a shipped model
    #[arg(long, value_name = "MODEL", value_parser = place::folder)]
    pub model: PathBuf,
    /// A safetensors file of sample, timestep and perhaps class_labels
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Where the network's output goes, as the tensor `sample`
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// The shaders (Vulkan, Metal or DirectX), or the CPU, which needs no driver
    #[arg(long, value_enum, default_value = "gpu")]
    pub backend: Backend,
}

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct InfoArgs {
    /// A model folder as diffusers writes it, or the name of a shipped model
    #[arg(long, value_name = "MODEL", value_parser = place::folder)]
    pub model: PathBuf,
    /// The batch that memory is planned for
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch: u32,
    /// Height and width, as 32x32; the model's own where left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub size: Option<(usize, usize)>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', 'X', '×']);
    let parsed = sides.and_then(|(h, w)| Some((h.parse().ok()?, w.parse().ok()?)));
    parsed.ok_or_else(|| "give height and width, as 32x32".into())
}

fn interval(text: &str) -> Result<(f32, f32), String> {
    let ends = text.split_once(':').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    ends.ok_or_else(|| "give two timesteps, as 200:800".into())
}
