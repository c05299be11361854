//! `reverie converge`: how fast each sampler nears the answer, against its network calls.
//!
//! Every sampler starts from the same noise and solves the same equation, over the same noise
//! levels where it can choose them (Karras'), and is held against a run of many more steps.

mod plot;

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use reverie::diffusion::row::Threshold;
use reverie::diffusion::samplers::{SAMPLERS, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::{SchedulerConfig, SolverConfig};
use reverie::diffusion::sigmas::{SigmaRule, SigmaTable};
use reverie::diffusion::spacing::TimestepSpacing;
use reverie::machine::Machine;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run, SessionError};
use serde::{Deserialize, Serialize};

use super::args::ConvergeArgs;
use super::backend::Task;
use super::error::CliError;
use super::output;

/// Samplers of whole timesteps, which take no noise levels.
const OF_TIMESTEPS: [&str; 3] = ["ddpm", "ddim", "pndm"];
/// What an adaptive sampler is given instead of a number of steps.
const TOLERANCES: [f32; 5] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5];

/// Nearer to the least error than this, what is seen is the floor under it.
const ABOVE: f64 = 3.0;

/// All that was measured; the plot is made of it.
#[derive(Serialize, Deserialize)]
struct Study {
    model: String,
    device: String,
    seed: u64,
    samples: usize,
    reference_steps: usize,
    series: Vec<Series>,
}

impl Study {
    /// One that was written before.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// With the other samplers of an earlier study of the same question, so that one more sampler
    /// does not cost all of them again.
    fn joined(mut self, earlier: Option<Self>) -> Self {
        let question = |study: &Self| (study.model.clone(), study.seed, study.samples, study.reference_steps);
        let Some(earlier) = earlier.filter(|earlier| question(earlier) == question(&self)) else {
            return self;
        };
        let is_new = |name: &str| self.series.iter().any(|series| series.sampler == name);
        let kept: Vec<Series> =
            earlier.series.into_iter().filter(|series| !is_new(&series.sampler)).collect();
        self.series.extend(kept);
        for series in &mut self.series {
            series.measured = series.order.and_then(|_| slope(&series.points));
        }
        let place = |name: &str| SAMPLERS.iter().position(|sampler| sampler.name == name);
        self.series.sort_by_key(|series| place(&series.sampler));
        self
    }
}

/// One sampler's way to the reference.
#[derive(Serialize, Deserialize)]
struct Series {
    sampler: String,
    title: String,
    /// The order that its method has in theory; None where its noise keeps it from converging.
    order: Option<u32>,
    /// The slope that was measured, by least squares where neither too few calls nor the
    /// reference's own error have a say.
    measured: Option<f64>,
    points: Vec<Point>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Point {
    network_calls: usize,
    steps: usize,
    /// Of all values from the reference's, root mean square.
    error: f64,
}

/// The command.
pub struct Converge<'a>(pub &'a ConvergeArgs);

impl Task for Converge<'_> {
    async fn run<M: Machine>(self, machine: &mut M, device: &str) -> Result<(), CliError> {
        let args = self.0;
        output::check_folder(&args.output)?;
        let model = Model::load(machine, &args.model).map_err(|e| CliError::model(&args.model, e))?;
        let samplers = samplers(args)?;
        let bar = ProgressBar::new(samplers.len() as u64 + 1);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left") {
            bar.set_style(style);
        }
        let mut lab = Lab { machine, model, args };
        bar.set_message("the reference");
        let reference = lab.sample("heun", args.reference_steps, None).await?.0;
        let of_flow = match samplers.iter().any(|sampler| sampler.score_based) {
            // Their levels end a little earlier; six calls a step.
            true => Some(lab.sample("pf-ode", args.reference_steps.div_ceil(6), None).await?.0),
            false => None,
        };
        let mut series = Vec::new();
        for sampler in samplers {
            bar.inc(1);
            bar.set_message(sampler.name);
            let reference = of_flow.as_ref().filter(|_| sampler.score_based).unwrap_or(&reference);
            series.push(lab.series(sampler, reference).await?);
        }
        bar.finish_and_clear();
        let study = Study {
            model: lab.model.facts.name.clone().unwrap_or_else(|| args.model.display().to_string()),
            device: device.into(),
            seed: args.seed,
            samples: args.batch,
            reference_steps: args.reference_steps,
            series,
        };
        let study = study.joined(Study::read(&args.output));
        lab.model.release(lab.machine);
        write(&study, &args.output)?;
        super::say(&table(&study))
    }
}

fn write(study: &Study, path: &Path) -> Result<(), CliError> {
    let unwritable = |reason: String| CliError::Write { file: path.display().to_string(), reason };
    let json = serde_json::to_string_pretty(study).map_err(|e| unwritable(e.to_string()))?;
    output::write(path, (json + "\n").as_bytes())?;
    output::write(&path.with_extension("svg"), plot::svg(study).map_err(unwritable)?.as_bytes())
}

/// Those asked for, or all that make samples of noise.
fn samplers(args: &ConvergeArgs) -> Result<Vec<&'static SamplerEntry>, CliError> {
    let named = |name: &String| SamplerEntry::by_name(&name.to_lowercase()).map_err(SessionError::from);
    match &args.samplers[..] {
        [] => Ok(SAMPLERS.iter().filter(|sampler| !sampler.name.ends_with("inversion")).collect()),
        names => Ok(names.iter().map(named).collect::<Result<_, _>>()?),
    }
}

/// Where samplers are tried.
struct Lab<'a, M: Machine> {
    machine: &'a mut M,
    model: Model,
    args: &'a ConvergeArgs,
}

impl<M: Machine> Lab<'_, M> {
    async fn series(&mut self, sampler: &SamplerEntry, reference: &[f32]) -> Result<Series, CliError> {
        let mut points: Vec<Point> = Vec::new();
        if sampler.takes_tolerance {
            for tolerance in TOLERANCES {
                points.push(self.point(sampler.name, 1, Some(tolerance), reference).await?);
            }
        } else {
            let steps = self.args.calls.iter().filter_map(|calls| self.steps(sampler, *calls));
            let mut steps: Vec<usize> = steps.collect();
            steps.dedup();
            for steps in steps {
                points.push(self.point(sampler.name, steps, None, reference).await?);
            }
        }
        let (sampler, title, order) = (sampler.name.into(), sampler.title.into(), sampler.order);
        let measured = order.and_then(|_| slope(&points));
        Ok(Series { sampler, title, order, measured, points })
    }

    async fn point(
        &mut self,
        sampler: &str,
        steps: usize,
        tolerance: Option<f32>,
        reference: &[f32],
    ) -> Result<Point, CliError> {
        let (sample, network_calls) = self.sample(sampler, steps, tolerance).await?;
        let squares = sample.iter().zip(reference).map(|(a, b)| f64::from(a - b).powi(2));
        let error = (squares.sum::<f64>() / sample.len() as f64).sqrt();
        Ok(Point { network_calls, steps, error })
    }

    /// The most steps that so many calls allow; of whole timesteps such that the schedule's number
    /// is a multiple of them, since diffusers' steps leave a rest otherwise.
    fn steps(&self, sampler: &SamplerEntry, calls: usize) -> Option<usize> {
        let sampler = SamplerEntry::by_name(sampler.name).ok()?;
        let config = self.config(sampler.name);
        let whole = |steps: usize| {
            !OF_TIMESTEPS.contains(&sampler.name) || config.num_train_timesteps.is_multiple_of(steps)
        };
        let needed = |steps: usize| {
            let plan = sampler.plan(&config, steps, &SamplerOptions::default()).ok()?;
            Some(plan.calls().count())
        };
        (1..=calls)
            .rev()
            .filter(|&steps| whole(steps))
            .find(|&steps| needed(steps).is_some_and(|needed| needed <= calls))
    }

    /// The final samples, and the network calls that they took.
    async fn sample(
        &mut self,
        sampler: &str,
        steps: usize,
        tolerance: Option<f32>,
    ) -> Result<(Vec<f32>, usize), CliError> {
        let classes = self.model.facts.class_names.as_ref().map_or(0, Vec::len);
        let condition = match classes {
            0 => Condition::Free,
            classes => Condition::Classes((0..self.args.batch).map(|i| (i % classes) as u32).collect()),
        };
        let recipe = Recipe {
            sampler: Some(sampler.into()),
            scheduler: Some(self.config(sampler)),
            steps,
            batch: self.args.batch,
            first_sample: 0,
            size: None,
            condition,
            options: SamplerOptions { tolerance, ..SamplerOptions::default() },
            noise: NoiseSource::Seed(self.args.seed),
            keep_bytes: 0,
        };
        let mut run = Run::start(self.machine, &self.model, &recipe)?;
        while !run.is_done() {
            run.advance(self.machine).await?;
        }
        let sample = run.read_sample(self.machine).await?;
        let calls = run.network_calls();
        run.release(self.machine, &self.model);
        Ok((sample, calls))
    }

    /// The model's schedule, from its last timestep to its first, and no threshold.
    fn config(&self, sampler: &str) -> SchedulerConfig {
        let base =
            SchedulerConfig { class_name: None, threshold: Threshold::None, ..self.model.scheduler.clone() };
        if OF_TIMESTEPS.contains(&sampler) {
            return SchedulerConfig { timestep_spacing: Some(TimestepSpacing::Trailing), ..base };
        }
        let levels = base.schedule().map(|schedule| SigmaTable::of(&schedule).sigmas).unwrap_or_default();
        let solver = SolverConfig {
            sigmas: SigmaRule::Karras,
            sigma_min: levels.first().copied().map(f64::from),
            sigma_max: levels.last().copied().map(f64::from),
            ..SolverConfig::default()
        };
        SchedulerConfig { timestep_spacing: Some(TimestepSpacing::Linspace), solver, ..base }
    }
}

/// The slope of ln(error) over −ln(calls), from 16 calls on and above [`ABOVE`] times the least error.
fn slope(points: &[Point]) -> Option<f64> {
    let least = points.iter().map(|point| point.error).fold(f64::INFINITY, f64::min);
    let telling = points.iter().filter(|point| point.network_calls >= 16 && point.error >= ABOVE * least);
    let pairs: Vec<(f64, f64)> =
        telling.map(|point| ((point.network_calls as f64).ln(), point.error.ln())).collect();
    let count = pairs.len() as f64;
    let [x, y] = [|pair: &(f64, f64)| pair.0, |pair: &(f64, f64)| pair.1]
        .map(|of| pairs.iter().map(of).sum::<f64>() / count);
    let shared: f64 = pairs.iter().map(|pair| (pair.0 - x) * (pair.1 - y)).sum();
    let spread: f64 = pairs.iter().map(|pair| (pair.0 - x).powi(2)).sum();
    (pairs.len() >= 2).then(|| -shared / spread)
}

fn table(study: &Study) -> String {
    let line = |series: &Series| {
        let order = series.order.map_or("-".into(), |order| order.to_string());
        let measured = series.measured.map_or("-".into(), |slope| format!("{slope:.1}"));
        let errors = series.points.iter().map(|p| format!("{}: {:.1e}", p.network_calls, p.error));
        let errors = errors.collect::<Vec<_>>().join("  ");
        format!("{:<12} {order:>5} {measured:>8}  {errors}", series.sampler)
    };
    let head = format!("{:<12} {:>5} {:>8}  calls: error", "sampler", "order", "measured");
    [vec![head], study.series.iter().map(line).collect()].concat().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(errors: &[(usize, f64)]) -> Vec<Point> {
        errors.iter().map(|&(network_calls, error)| Point { network_calls, steps: 1, error }).collect()
    }

    #[test]
    fn the_slope_is_the_order_above_the_floor() {
        let second = [(4, 9.0), (16, 0.16), (32, 0.04), (64, 0.01), (128, 0.002), (200, 0.0021)];
        assert!((slope(&points(&second)).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(slope(&points(&[(2, 0.1), (4, 0.01)])), None);
        assert_eq!(slope(&[]), None);
    }

    fn series(name: &str, order: Option<u32>) -> Series {
        Series {
            sampler: name.into(),
            title: name.to_uppercase(),
            order,
            measured: order.map(f64::from),
            points: points(&[(2, 0.5), (20, 0.005), (200, 0.000_05)]),
        }
    }

    fn study(series: Vec<Series>) -> Study {
        let (model, device) = ("digits".into(), "CPU".into());
        Study { model, device, seed: 0, samples: 1, reference_steps: 1000, series }
    }

    #[test]
    fn a_study_goes_on_where_one_of_the_same_question_ended() {
        let names = |study: &Study| -> Vec<String> {
            study.series.iter().map(|series| series.sampler.clone()).collect()
        };
        let earlier = || Some(study(vec![series("heun", None), series("ddim", None)]));
        let joined = study(vec![series("ddim", Some(1)), series("pndm", Some(4))]).joined(earlier());
        assert_eq!(names(&joined), ["ddim", "heun", "pndm"]);
        assert_eq!(joined.series[0].order, Some(1));
        let other = Study { samples: 2, ..study(vec![series("pndm", Some(4))]) };
        assert_eq!(names(&other.joined(earlier())), ["pndm"]);
    }

    #[test]
    fn a_plot_names_every_sampler() {
        let series = vec![series("heun", Some(2)), series("ddpm", None), series("empty", None)];
        let study = study(series);
        let svg = plot::svg(&study).unwrap();
        for name in ["HEUN", "DDPM", "EMPTY"] {
            assert!(svg.contains(name), "{name}");
        }
    }
}
