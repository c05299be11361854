//! What this device can do at the most.

use reverie::kernels::{BufferId, activation, roof_fma};
use reverie::machine::{Machine, MachineError};
use serde::Serialize;

use super::clock::Clock;

/// Enough threads for any device.
const THREADS: u32 = 1 << 16;
const MOST_ROUNDS: f64 = 4096.0;
/// In less time it would be the start of the threads that is measured, and the roof too low.
const LEAST_SECONDS: f64 = 0.2;
/// vec4s that are copied: 64 MiB to as many, more than the caches of large cards hold (50 MB).
const COPIED: u32 = 1 << 22;

/// Measured by kernels that do nothing else.
#[derive(Serialize)]
pub struct Roof {
    pub gflop_per_second: f64,
    /// Read and written together.
    pub gigabytes_per_second: f64,
}

impl Roof {
    pub async fn measure<M: Machine>(machine: &mut M, clock: Clock) -> Result<Self, MachineError> {
        let clock = Clock { seconds: clock.seconds.max(LEAST_SECONDS) };
        Ok(Self {
            gflop_per_second: arithmetic(machine, clock).await? / 1e9,
            gigabytes_per_second: memory(machine, clock).await? / 1e9,
        })
    }

    /// The least seconds that so much work could take.
    pub fn seconds(&self, flops: u64, bytes: u64) -> f64 {
        let arithmetic = flops as f64 / 1e9 / self.gflop_per_second;
        arithmetic.max(bytes as f64 / 1e9 / self.gigabytes_per_second)
    }
}

async fn arithmetic<M: Machine>(machine: &mut M, clock: Clock) -> Result<f64, MachineError> {
    let y = machine.allocate(4 * THREADS as usize)?;
    // As many rounds as fill a timing, or the start of the threads would count.
    let one = of_rounds(machine, clock, y, 1).await?;
    let rounds = (clock.window() / one).clamp(1.0, MOST_ROUNDS) as u32;
    let seconds = of_rounds(machine, clock, y, rounds).await?;
    machine.free(y);
    Ok(roof_fma::flops(&roof_fma::roof_params(THREADS, rounds)) as f64 / seconds)
}

async fn of_rounds<M: Machine>(
    machine: &mut M,
    clock: Clock,
    y: BufferId,
    rounds: u32,
) -> Result<f64, MachineError> {
    let p = roof_fma::roof_params(THREADS, rounds);
    let program = machine.compile(vec![roof_fma::dispatch(&p, y)])?;
    let seconds = clock.median(machine, program, y).await?;
    machine.discard(program);
    Ok(seconds)
}

/// By the activation that changes nothing.
async fn memory<M: Machine>(machine: &mut M, clock: Clock) -> Result<f64, MachineError> {
    let [x, affine, y] = [4 * COPIED as usize, 4, 4 * COPIED as usize].map(|words| machine.allocate(words));
    let (x, affine, y) = (x?, affine?, y?);
    let p = activation::Params {
        batch: 1,
        pixels: COPIED,
        channels: 1,
        in_pitch: 1,
        out_pitch: 1,
        ..Default::default()
    };
    let program = machine.compile(vec![activation::dispatch(&p, [x, affine, y])])?;
    let seconds = clock.median(machine, program, y).await?;
    machine.discard(program);
    [x, affine, y].into_iter().for_each(|buffer| machine.free(buffer));
    Ok(2.0 * 16.0 * f64::from(COPIED) / seconds)
}
