//! What a row means: its plain interpreter, on the CPU, in float32.

use super::adaptive::{AdaptiveError, Controller, Verdict};
use super::row::{Langevin, NOISE, OPERANDS, REGISTERS, Register, Row, Threshold};
use super::samplers::Adaptive;

/// The images, one flat batch `[N, C, H, W]` a register. A register that no row
/// reads may stay empty.
pub type Registers = [Vec<f32>; REGISTERS];

/// Executes one row.
///
/// - `output`: the network's (guided) output of this row's call, `[N, C, H, W]`, or
///   `[N, 2C, H, W]` with a learned variance in the second half; empty without a call.
/// - `noise`: unit normals `[N, C, H, W]`; empty where the row uses none.
/// - `sample_len`: C·H·W.
///
/// # Panics
/// If a register that the row reads, `output` or `noise` is not of that shape.
pub fn apply(row: &Row, registers: &mut Registers, output: &[f32], noise: &[f32], sample_len: usize) {
    let mut noise = noise.to_vec();
    if let Some(call) = &row.call {
        let input = &registers[call.input as usize];
        let batch = input.len() / sample_len;
        let outputs = || output.chunks_exact(output.len() / batch);
        let mut x0_hat = Vec::with_capacity(input.len());
        for (input, output) in input.chunks_exact(sample_len).zip(outputs()) {
            let start = x0_hat.len();
            x0_hat.extend(
                input
                    .iter()
                    .zip(output)
                    .map(|(input, output)| call.x0_from_input * input + call.x0_from_output * output)
                    .map(|x0| x0 / call.x0_divisor),
            );
            apply_threshold(call.threshold, &mut x0_hat[start..]);
        }
        let prediction = outputs().flat_map(|output| &output[..sample_len]);
        let eps_hat = input.iter().zip(prediction).zip(&x0_hat).map(|((input, output), x0)| {
            (call.eps_from_input * input + call.eps_from_output * output + call.eps_from_x0 * x0)
                / call.eps_divisor
        });
        registers[Register::EpsHat as usize] = eps_hat.collect();
        registers[Register::X0Hat as usize] = x0_hat;
        if let Some(variance) = call.learned_variance {
            let fractions = outputs().flat_map(|output| &output[sample_len..]);
            for (z, v) in noise.iter_mut().zip(fractions) {
                let fraction = (v + 1.0) / 2.0;
                let log = fraction * variance.max_log + (1.0 - fraction) * variance.min_log;
                *z *= libm::expf(0.5 * log);
            }
        }
    }

    let mut eps_hat = registers[Register::EpsHat as usize].clone();
    if let Some(langevin) = row.langevin {
        let ratios = ratios(langevin, &noise, &eps_hat, sample_len);
        let samples = eps_hat.chunks_exact_mut(sample_len).zip(noise.chunks_exact_mut(sample_len));
        for ((eps_hat, noise), ratio) in samples.zip(ratios) {
            eps_hat.iter_mut().for_each(|eps| *eps *= ratio * ratio);
            noise.iter_mut().for_each(|z| *z *= ratio);
        }
    }

    let operand = |i: usize| match i {
        NOISE => &noise,
        i if i == Register::EpsHat as usize => &eps_hat,
        i => &registers[i],
    };
    let combine = |coefficients: &[f32; OPERANDS]| {
        let mut terms = (0..OPERANDS).filter(|&i| coefficients[i] != 0.0);
        let first = terms.next()?;
        let mut sum: Vec<f32> = operand(first).iter().map(|x| coefficients[first] * x).collect();
        for i in terms {
            let pairs = sum.iter_mut().zip(operand(i));
            pairs.for_each(|(sum, x)| *sum += coefficients[i] * x);
        }
        Some(sum)
    };
    let zeros = || vec![0.0; registers[Register::Sample as usize].len()];
    let results: Vec<_> = row
        .assigns
        .iter()
        .map(|assign| (assign.to, combine(&assign.coefficients).unwrap_or_else(zeros)))
        .collect();
    for (to, result) in results {
        registers[to as usize] = result;
    }
}

/// snr·‖z‖/‖ε̂‖ of each sample.
fn ratios(langevin: Langevin, noise: &[f32], eps_hat: &[f32], sample_len: usize) -> Vec<f32> {
    let norms = |values: &[f32]| -> Vec<f32> {
        let norm = |sample: &[f32]| sample.iter().map(|v| v * v).sum::<f32>().sqrt();
        let norms: Vec<f32> = values.chunks_exact(sample_len).map(norm).collect();
        let mean = norms.iter().sum::<f32>() / norms.len() as f32;
        if langevin.all { vec![mean; norms.len()] } else { norms }
    };
    norms(noise).iter().zip(norms(eps_hat)).map(|(z, eps)| langevin.snr * z / eps).collect()
}

fn apply_threshold(threshold: Threshold, x0_hat: &mut [f32]) {
    match threshold {
        Threshold::None => {}
        Threshold::Static { range } => {
            x0_hat.iter_mut().for_each(|x| *x = x.clamp(-range, range));
        }
        Threshold::Dynamic { ratio, max } => {
            let s = quantile_abs(x0_hat, ratio).max(1.0).min(max);
            x0_hat.iter_mut().for_each(|x| *x = x.clamp(-s, s) / s);
        }
    }
}

/// `torch.quantile(|values|, ratio)`: linear between the two nearest ranks.
fn quantile_abs(values: &[f32], ratio: f32) -> f32 {
    let mut sorted: Vec<f32> = values.iter().map(|x| x.abs()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let rank = ratio * (sorted.len() - 1) as f32;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

/// Runs a whole program from `x_t` [N, C, H, W] of the first timestep: `network(x, timestep)`
/// is called as the rows ask, `noise(k)` gives the k-th slice of unit normals, and
/// `visit(step, registers)` sees every completed step. Returns the final sample.
pub fn run(
    rows: &[Row],
    x_t: Vec<f32>,
    sample_len: usize,
    mut network: impl FnMut(&[f32], f32) -> Vec<f32>,
    mut noise: impl FnMut(usize) -> Vec<f32>,
    mut visit: impl FnMut(usize, &Registers),
) -> Vec<f32> {
    let mut registers = Registers::default();
    registers[Register::Sample as usize] = x_t;
    for row in rows {
        let output = row.call.as_ref().map(|call| {
            let input = registers[call.input as usize].iter().map(|x| x / call.input_divisor);
            network(&input.collect::<Vec<_>>(), call.timestep)
        });
        let noise = row.noise.map_or(Vec::new(), &mut noise);
        apply(row, &mut registers, &output.unwrap_or_default(), &noise, sample_len);
        if row.completes_step {
            visit(row.step, &registers);
        }
    }
    std::mem::take(&mut registers[Register::Sample as usize])
}

/// The same of an adaptive method, which chooses its own steps; also tells how many network calls
/// it made.
pub fn run_adaptive(
    adaptive: &Adaptive,
    x_t: Vec<f32>,
    sample_len: usize,
    mut network: impl FnMut(&[f32], f32) -> Vec<f32>,
) -> Result<(Vec<f32>, usize), AdaptiveError> {
    let mut registers = Registers::default();
    registers[Register::Sample as usize] = x_t;
    let mut calls = 0;
    let mut run = |rows: &[Row], registers: &mut Registers| {
        for row in rows {
            let output = row.call.as_ref().map(|call| {
                calls += 1;
                let input = registers[call.input as usize].iter().map(|x| x / call.input_divisor);
                network(&input.collect::<Vec<_>>(), call.timestep)
            });
            apply(row, registers, &output.unwrap_or_default(), &[], sample_len);
        }
    };
    run(&adaptive.begin(), &mut registers);
    let mut controller = Controller::new(adaptive.times.clone(), adaptive.tolerance);
    while !controller.is_done() {
        let attempt = controller.attempt();
        run(&adaptive.attempt(attempt), &mut registers);
        let error = worst_error(&registers, adaptive.tolerance as f32, sample_len);
        if controller.judge(error)? != Verdict::Refused {
            run(&[adaptive.accept(attempt.step)], &mut registers);
        }
    }
    Ok((std::mem::take(&mut registers[Register::Sample as usize]), calls))
}

/// √mean((e/(tolerance + tolerance·max(|x|, |x'|)))²) of the sample where it is largest.
fn worst_error(registers: &Registers, tolerance: f32, sample_len: usize) -> f32 {
    let [start, end, error] =
        [Adaptive::START, Adaptive::END, Adaptive::ERROR].map(|register| &registers[register as usize]);
    let shares = start.iter().zip(end).zip(error).map(|((x, y), e)| {
        let share = e / (tolerance + tolerance * x.abs().max(y.abs()));
        share * share
    });
    let shares: Vec<f32> = shares.collect();
    let norms = shares.chunks(sample_len).map(|sample| sample.iter().sum::<f32>() / sample_len as f32);
    norms.fold(0f32, |worst, norm| if norm > worst || norm.is_nan() { norm } else { worst }).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::prediction::{Level, PredictionType};
    use crate::diffusion::row::{Assign, LearnedVariance};

    /// torch.quantile(torch.tensor([...]).abs(), q).
    #[test]
    fn quantile_is_torchs() {
        let values = [-4.0, 1.0, 0.5, -2.0];
        for (ratio, expected) in [(0.0, 0.5), (0.5, 1.5), (0.9, 3.4), (1.0, 4.0)] {
            assert!((quantile_abs(&values, ratio) - expected).abs() < 1e-6);
        }
        assert_eq!(quantile_abs(&[-3.0], 0.995), 3.0);
    }

    #[test]
    fn thresholds_look_at_one_sample_each() {
        let mut call = PredictionType::Sample.call_at(0.0, Level::of_alpha_bar(0.5), false);
        call.threshold = Threshold::Dynamic { ratio: 1.0, max: 4.0 };
        let row = Row::whole_step(0, call, Assign::new(Register::Saved, &[], 0.0));
        let mut registers = Registers::default();
        registers[Register::Sample as usize] = vec![0.0; 6];
        apply(&row, &mut registers, &[0.5, -0.25, 2.0, 1.0, 8.0, -2.0], &[], 2);
        assert_eq!(registers[Register::X0Hat as usize], [0.5, -0.25, 1.0, 0.5, 1.0, -0.5]);
        assert_eq!(registers[Register::Saved as usize], [0.0; 6], "an empty combination is 0");
    }

    /// Two samples of one pixel; the output's second channel is v.
    #[test]
    fn learned_variance_scales_the_noise() {
        let mut call = PredictionType::Sample.call_at(0.0, Level::of_alpha_bar(0.5), false);
        call.learned_variance = Some(LearnedVariance { min_log: 0.0, max_log: 2.0 });
        let assign = Assign::new(Register::Sample, &[(Register::X0Hat, 1.0)], 1.0);
        let mut registers = Registers::default();
        registers[Register::Sample as usize] = vec![0.0; 2];
        let row = Row::whole_step(0, call, assign);
        apply(&row, &mut registers, &[10.0, 1.0, 20.0, -1.0], &[1.0, 1.0], 1);
        let expected = [10.0 + std::f32::consts::E, 21.0];
        for (sample, expected) in registers[Register::Sample as usize].iter().zip(expected) {
            assert!((sample - expected).abs() < 1e-5);
        }
    }

    /// All combinations read the registers as they were: two of them can swap.
    #[test]
    fn combinations_are_simultaneous() {
        let swap = [(Register::Saved, Register::Sample), (Register::Sample, Register::Saved)];
        let assigns = swap.map(|(to, from)| Assign::new(to, &[(from, 1.0)], 0.0));
        let row = Row::part(0, assigns.to_vec()).completing();
        let mut registers = Registers::default();
        registers[Register::Sample as usize] = vec![1.0];
        registers[Register::Saved as usize] = vec![2.0];
        apply(&row, &mut registers, &[], &[], 1);
        assert_eq!((registers[0][0], registers[1][0]), (2.0, 1.0));
    }
}
