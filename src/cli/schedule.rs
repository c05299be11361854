//! `reverie schedule`: a sampler's program as a table, without a network.

use std::fmt::Write;

use reverie::diffusion::row::{Assign, NOISE, Register, Row};
use reverie::diffusion::samplers::{Plan, SamplerEntry};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::models::folder::ModelFolder;
use reverie::session::SessionError;
use serde::Serialize;

use super::args::ScheduleArgs;
use super::error::CliError;
use super::scheduler;

/// All there is to say.
#[derive(Serialize)]
struct Report<'a> {
    sampler: &'a str,
    title: &'a str,
    paper: &'a str,
    steps: usize,
    network_calls: usize,
    rows: Vec<Line>,
}

/// One row of the program; without a call the first three are those of none.
#[derive(Serialize)]
struct Line {
    step: usize,
    timestep: Option<f32>,
    /// None at pure noise, where it is infinite, and without a call.
    sigma: Option<f32>,
    log_snr: Option<f64>,
    network_calls: usize,
    guidance_scale: Option<f32>,
    /// With c = langevin·|z|/|eps|, the coefficients of eps are multiplied by c² and that of z by c.
    langevin: Option<f32>,
    assigns: Vec<Combination>,
}

#[derive(Serialize)]
struct Combination {
    to: &'static str,
    /// Of the operands whose coefficient is not 0.
    terms: Vec<(&'static str, f32)>,
}

/// The command.
pub fn run(args: &ScheduleArgs) -> Result<(), CliError> {
    let config = config(args)?;
    let sampler = match args.sampler.name() {
        Some(name) => SamplerEntry::by_name(&name),
        None => SamplerEntry::of_config(&config),
    };
    let plan = sampler.and_then(|sampler| sampler.plan(&config, args.sampler.steps, &args.sampler.options()));
    let plan = plan.map_err(SessionError::from)?;
    if args.json { super::say_json(&report(&plan)) } else { super::say(&table(&report(&plan))) }
}

fn config(args: &ScheduleArgs) -> Result<SchedulerConfig, CliError> {
    let (file, text) = match (&args.scheduler, &args.model) {
        (Some(file), _) => {
            let unreadable = |e: std::io::Error| CliError::Read {
                file: file.display().to_string(),
                reason: e.to_string(),
            };
            (file, std::fs::read_to_string(file).map_err(unreadable)?)
        }
        (None, Some(folder)) => {
            let found = ModelFolder::open(folder).map_err(|e| CliError::model(folder, e))?;
            let none = || CliError::Usage(format!("{} has no scheduler_config.json", folder.display()));
            (folder, found.scheduler.ok_or_else(none)?)
        }
        (None, None) => return Err(CliError::Usage("give --model MODEL or --scheduler FILE".into())),
    };
    scheduler::config(Some(&text), &args.sampler.settings, file)
}

fn report(plan: &Plan) -> Report<'_> {
    let sampler = plan.sampler;
    Report {
        sampler: sampler.name,
        title: sampler.title,
        paper: sampler.paper,
        steps: plan.steps.len(),
        network_calls: plan.calls().count(),
        rows: plan.rows.iter().map(line).collect(),
    }
}

fn line(row: &Row) -> Line {
    let call = row.call.as_ref();
    let sigma = call.map(|call| call.level.sigma()).filter(|sigma| sigma.is_finite());
    Line {
        step: row.step,
        timestep: call.map(|call| call.timestep),
        sigma,
        log_snr: sigma.map(|sigma| -2.0 * f64::from(sigma).ln()),
        network_calls: usize::from(call.is_some()),
        guidance_scale: call.map(|call| call.guidance_scale),
        langevin: row.langevin.map(|langevin| langevin.snr),
        assigns: row.assigns.iter().map(combination).collect(),
    }
}

fn combination(assign: &Assign) -> Combination {
    let named = assign.coefficients.iter().enumerate().filter(|(_, coefficient)| **coefficient != 0.0);
    let terms = named.map(|(operand, coefficient)| (OPERANDS[operand], *coefficient)).collect();
    Combination { to: OPERANDS[assign.to as usize], terms }
}

/// In the order of [`Register`], then the noise.
const OPERANDS: [&str; NOISE + 1] = {
    let mut names = ["z"; NOISE + 1];
    names[Register::Sample as usize] = "x";
    names[Register::Saved as usize] = "saved";
    names[Register::History0 as usize] = "h0";
    names[Register::History1 as usize] = "h1";
    names[Register::History2 as usize] = "h2";
    names[Register::History3 as usize] = "h3";
    names[Register::X0Hat as usize] = "x0";
    names[Register::EpsHat as usize] = "eps";
    names
};

fn table(report: &Report) -> String {
    let Report { title, paper, steps, network_calls, .. } = report;
    let mut text = format!("{title}: {steps} steps, {network_calls} network calls\n{paper}\n");
    let _ = write!(
        text,
        "{:>4} {:>10} {:>12} {:>9} {:>5}  combinations",
        "step", "timestep", "sigma", "log-SNR", "calls"
    );
    for line in &report.rows {
        let number = |value: Option<f64>, digits: usize| match (value, line.timestep) {
            (Some(value), _) => format!("{value:.digits$}"),
            (None, Some(_)) => "inf".into(),
            (None, None) => "-".into(),
        };
        let mut sums: Vec<String> = line.assigns.iter().map(sum).collect();
        if let Some(snr) = line.langevin {
            sums.push(format!("eps times c², z times c, c = {snr}·|z|/|eps|"));
        }
        let _ = write!(
            text,
            "\n{:>4} {:>10} {:>12} {:>9} {:>5}  {}",
            line.step,
            number(line.timestep.map(f64::from), 3),
            number(line.sigma.map(f64::from), 6),
            number(line.log_snr, 3),
            line.network_calls,
            sums.join("; ")
        );
    }
    text
}

fn sum(combination: &Combination) -> String {
    let terms = combination.terms.iter().map(|(name, coefficient)| format!("{coefficient:+.6}·{name}"));
    format!("{} = {}", combination.to, terms.collect::<Vec<_>>().join(" "))
}
