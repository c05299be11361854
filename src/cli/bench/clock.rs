//! Timing programs on a machine.

use std::time::Instant;

use reverie::kernels::BufferId;
use reverie::machine::{Machine, MachineError, ProgramId};

/// How many timings the median is of.
const WINDOWS: usize = 7;
/// How many submissions a timing is made of: while a card works at one, the next is recorded.
const SUBMISSIONS: usize = 8;
/// Passes by the device's own clock, at the least and at the most.
const PASSES: (usize, usize) = (3, 101);

/// Times things for so many seconds each, about.
#[derive(Clone, Copy)]
pub struct Clock {
    pub seconds: f64,
}

impl Clock {
    /// Seconds of one timing.
    pub fn window(self) -> f64 {
        self.seconds / WINDOWS as f64
    }

    /// The median seconds of one run of a program. Each timing is of as many runs as fill its
    /// share of the clock's seconds, in a few submissions, up to a word of `result` read back.
    pub async fn median<M: Machine>(
        self,
        machine: &mut M,
        program: ProgramId,
        result: BufferId,
    ) -> Result<f64, MachineError> {
        time(machine, program, result, 1).await?;
        let once = time(machine, program, result, 1).await?;
        let runs = (self.window() / once.max(1e-6)).clamp(1.0, 1000.0) as usize;
        let mut times = Vec::new();
        for _ in 0..WINDOWS {
            times.push(time(machine, program, result, runs).await? / runs as f64);
        }
        Ok(median(times))
    }

    /// The median seconds of each dispatch of a program by the device's own clock, where it has one.
    pub async fn dispatches<M: Machine>(
        self,
        machine: &mut M,
        program: ProgramId,
    ) -> Result<Option<Vec<f64>>, MachineError> {
        let (least, most) = PASSES;
        let start = Instant::now();
        let mut passes = Vec::new();
        while passes.len() < least || self.has_time(start) && passes.len() < most {
            let Some(seconds) = machine.dispatch_seconds(program).await? else { return Ok(None) };
            passes.push(seconds);
        }
        let of_all = |at: usize| median(passes.iter().map(|pass| pass[at]).collect());
        Ok(Some((0..passes[0].len()).map(of_all).collect()))
    }

    /// Whether what began at `start` may go on.
    pub fn has_time(self, start: Instant) -> bool {
        start.elapsed().as_secs_f64() < self.seconds
    }
}

/// Of one value or more; the upper one of two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn time<M: Machine>(
    machine: &mut M,
    program: ProgramId,
    result: BufferId,
    runs: usize,
) -> Result<f64, MachineError> {
    let start = Instant::now();
    for run in 1..=runs {
        machine.run(program, 0);
        if run % runs.div_ceil(SUBMISSIONS) == 0 {
            machine.submit();
        }
    }
    machine.read(result, 0, 4).await?;
    Ok(start.elapsed().as_secs_f64())
}
