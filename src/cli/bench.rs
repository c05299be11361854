//! `reverie bench`: how long the network takes, and what each kernel's share of this device's
//! roof is.
//!
//! The roof is measured in the same run on the same device: multiply-adds in registers, and a
//! copy. A kernel could not be faster than the larger of its arithmetic over the one and its
//! bytes, each counted once, over the other; that, over what it takes, is its share.

mod clock;
mod curves;
mod roof;
mod runs;
mod table;

use std::path::{Path, PathBuf};

use reverie::machine::Machine;
use reverie::models::unet_2d::arriving::specs;
use reverie::models::unet_2d::config::UNetConfig;
use reverie::models::unet_2d::network::{UNet, UNetError};
use reverie::net::plan::Plan;
use reverie::net::random::random_weights;
use serde::Serialize;

use self::clock::Clock;
use self::curves::Curves;
use self::roof::Roof;
use self::runs::Runs;
use super::args::BenchArgs;
use super::backend::Task;
use super::error::CliError;
use super::output;
use super::unet::Network;

/// All that was measured.
#[derive(Serialize)]
struct Report {
    device: String,
    roof: Roof,
    passes: Vec<Pass>,
    runs: Vec<Runs>,
}

/// Passes of one network at one batch.
#[derive(Serialize)]
struct Pass {
    model: String,
    batch: usize,
    height: usize,
    width: usize,
    /// The first one, with all that is made for it.
    first_ms: f64,
    /// The median of the others.
    ms: f64,
    /// All dispatches by the device's own clock, where it has one.
    device_ms: Option<f64>,
    gflop: f64,
    gflop_per_second: f64,
    /// Of the roof of arithmetic, in nominal operations.
    share: f64,
    dispatches: usize,
    weight_bytes: u64,
    scratch_bytes: u64,
    /// The least that any plan could do with: the largest sum of what is alive at one time.
    live_bytes: u64,
    parts: Vec<Part>,
}

/// The dispatches of one kernel on one shape.
#[derive(Serialize)]
struct Part {
    kernel: &'static str,
    shape: String,
    dispatches: usize,
    ms: f64,
    /// Within a whole pass, by the device's own clock.
    device_ms: Option<f64>,
    gflop_per_second: f64,
    gigabytes_per_second: f64,
    share: f64,
}

/// The command.
pub struct Bench<'a>(pub &'a BenchArgs);

impl Task for Bench<'_> {
    const FEATURES: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY;

    async fn run<M: Machine>(self, machine: &mut M, device: &str) -> Result<(), CliError> {
        let args = self.0;
        for file in args.output.iter().chain(&args.curves) {
            output::check_folder(file)?;
        }
        check(args)?;
        let clock = Clock { seconds: args.seconds };
        if let Some(file) = &args.curves {
            let curves = Curves::measure(machine, &args.models[0], device, clock).await?;
            write_json(file, &curves)?;
            let svg = curves.svg().map_err(|reason| unwritable(file, reason))?;
            return output::write(&file.with_extension("svg"), svg.as_bytes());
        }
        let roof = Roof::measure(machine, clock).await?;
        let mut report = Report { device: device.into(), roof, passes: Vec::new(), runs: Vec::new() };
        for model in &args.models {
            let unet = load(machine, model)?;
            for &batch in &args.batch {
                report.passes.push(pass(machine, &unet, (model, batch), args, &report.roof).await?);
            }
            unet.free(machine);
            if let Some(steps) = args.steps {
                let work = (args.batch.as_slice(), steps);
                report.runs.extend(Runs::measure(machine, model, work, clock).await?);
            }
        }
        if let Some(file) = &args.output {
            write_json(file, &report)?;
        }
        super::say(&table::of(&report))
    }
}

fn check(args: &BenchArgs) -> Result<(), CliError> {
    if !(args.seconds > 0.0 && args.seconds <= 60.0) || args.batch.contains(&0) {
        return Err(CliError::Usage("--seconds is above 0 and at most 60, --batch 1 or more".into()));
    }
    match args.models.iter().find(|model| is_config(model)) {
        Some(config) if args.steps.is_some() => Err(CliError::Usage(format!(
            "--steps needs a schedule, which {} has not; leave it out, or name a model's folder",
            config.display()
        ))),
        _ => Ok(()),
    }
}

/// Whether a model is a network's config alone.
fn is_config(model: &Path) -> bool {
    model.extension().is_some_and(|extension| extension == "json")
}

/// What a model is called in the report.
fn name(model: &Path) -> String {
    model.file_stem().map_or(model.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn write_json(file: &Path, figures: &impl Serialize) -> Result<(), CliError> {
    let json = serde_json::to_string_pretty(figures).map_err(|e| unwritable(file, e.to_string()))?;
    output::write(file, (json + "\n").as_bytes())
}

fn unwritable(file: &Path, reason: String) -> CliError {
    CliError::Write { file: file.display().to_string(), reason }
}

/// A model's network; one of which there is but a config gets random weights.
fn load<M: Machine>(machine: &mut M, path: &PathBuf) -> Result<UNet, CliError> {
    if !is_config(path) {
        return Ok(Network::load(machine, path)?.unet);
    }
    let unreadable =
        |e: std::io::Error| CliError::Read { file: path.display().to_string(), reason: e.to_string() };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let config = UNetConfig::parse(&text).map_err(|e| CliError::model(path, UNetError::from(e)))?;
    let weights = random_weights(&specs(&config)).map_err(UNetError::from)?;
    Ok(UNet::load(machine, config, weights)?)
}

async fn pass<M: Machine>(
    machine: &mut M,
    unet: &UNet,
    (model, batch): (&Path, usize),
    args: &BenchArgs,
    roof: &Roof,
) -> Result<Pass, CliError> {
    let clock = Clock { seconds: args.seconds };
    let (height, width) = args.size.or(unet.config.sample_size).unwrap_or((32, 32));
    let graph = unet.graph(height, width)?;
    let plan = Plan::new(&graph, batch, machine.class(), machine.max_words())?;
    let start = std::time::Instant::now();
    let whole = unet.instance(machine, batch, height, width)?;
    machine.run(whole.program, 0);
    machine.read(whole.output, 0, 4).await?;
    let first_ms = 1000.0 * start.elapsed().as_secs_f64();
    let ms = 1000.0 * clock.median(machine, whole.program, whole.output).await?;
    let by_clock = clock.dispatches(machine, whole.program).await?;
    unet.release(machine, whole);

    let device_ms = by_clock.as_ref().map(|seconds| 1000.0 * seconds.iter().sum::<f64>());
    let parts = match args.whole {
        true => Vec::new(),
        false => parts(machine, unet, (&plan, [height, width]), clock, roof, by_clock.as_deref()).await?,
    };
    let gflop = batch as f64 * graph.flops() as f64 / 1e9;
    Ok(Pass {
        model: name(model),
        batch,
        height,
        width,
        first_ms,
        ms,
        device_ms,
        gflop,
        gflop_per_second: gflop / ms * 1e3,
        share: gflop / ms * 1e3 / roof.gflop_per_second,
        dispatches: plan.dispatches.len(),
        weight_bytes: plan.weight_bytes(),
        scratch_bytes: plan.scratch_bytes(),
        live_bytes: plan.live_bytes(),
        parts,
    })
}

/// Each kernel on each shape, the slowest first.
async fn parts<M: Machine>(
    machine: &mut M,
    unet: &UNet,
    (plan, [height, width]): (&Plan, [usize; 2]),
    clock: Clock,
    roof: &Roof,
    by_clock: Option<&[f64]>,
) -> Result<Vec<Part>, CliError> {
    let kind = |at: usize| {
        let dispatch = &plan.dispatches[at];
        (dispatch.kernel.shader.name, plan.shape(&plan.shares[at]))
    };
    let mut kinds: Vec<(&'static str, String)> = (0..plan.dispatches.len()).map(kind).collect();
    kinds.sort();
    kinds.dedup();
    let mut parts = Vec::new();
    for (kernel, shape) in kinds {
        let is_one = |at: usize| kind(at) == (kernel, shape.clone());
        let keep = |at: usize, _: &_| is_one(at);
        let part = unet.partial_instance(machine, plan.batch, height, width, &keep)?;
        let seconds = clock.median(machine, part.program, part.output).await?;
        unet.release(machine, part);
        let places: Vec<usize> = (0..plan.dispatches.len()).filter(|at| is_one(*at)).collect();
        let flops: u64 = places.iter().map(|at| plan.shares[*at].flops).sum();
        let bytes: u64 = places.iter().map(|at| 4 * plan.shares[*at].words).sum();
        let device = by_clock.map(|all| places.iter().map(|at| all[*at]).sum::<f64>());
        parts.push(Part {
            kernel,
            shape,
            dispatches: places.len(),
            ms: 1000.0 * seconds,
            device_ms: device.map(|seconds| 1000.0 * seconds),
            gflop_per_second: flops as f64 / seconds / 1e9,
            gigabytes_per_second: bytes as f64 / seconds / 1e9,
            share: roof.seconds(flops, bytes) / seconds,
        });
    }
    parts.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    Ok(parts)
}
