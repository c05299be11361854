//! What a page or a table says of each scheduler step.

use crate::diffusion::row::{Call, Register, Row};

/// One scheduler step, for display.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepFacts {
    /// From 0.
    pub step: usize,
    /// Where the step's first network call is.
    pub timestep: f32,
    /// ᾱ of that call's noise level, and two other measures of the same thing.
    pub alpha_bar: f64,
    /// The deviation of the sample that the step starts from, for data of unit variance: what a
    /// picture of it is divided by. 1 where samples are of unit variance.
    pub deviation: f32,
    /// √((1 − ᾱ)/ᾱ), infinite at pure noise.
    pub sigma: f64,
    /// ln(ᾱ/(1 − ᾱ)), −∞ at pure noise.
    pub log_snr: f64,
    pub network_calls: usize,
}

/// The facts of every step of a program, in order.
pub(super) fn of(rows: &[Row]) -> Vec<StepFacts> {
    let mut facts = Vec::new();
    let mut before = None;
    for rows in rows.chunk_by(|a, b| a.step == b.step) {
        let calls: Vec<&Call> = rows.iter().filter_map(|row| row.call.as_ref()).collect();
        let [first, ..] = calls[..] else { continue };
        // A method that keeps the last slope starts a step where its last call was.
        let start = before.filter(|_| first.input != Register::Sample).unwrap_or(first);
        before = calls.last().copied();
        facts.push(at(rows[0].step, start, calls.len()));
    }
    facts
}

fn at(step: usize, start: &Call, network_calls: usize) -> StepFacts {
    let sigma = f64::from(start.level.sigma());
    StepFacts {
        step,
        timestep: start.timestep,
        alpha_bar: 1.0 / (1.0 + sigma * sigma),
        deviation: start.level.deviation(),
        sigma,
        log_snr: -2.0 * sigma.ln(),
        network_calls,
    }
}
