//! Runs that cannot be: each is refused with a sentence that says what to change, or done as
//! diffusers does it, and none ends in a number that is not finite.
#![cfg(not(target_arch = "wasm32"))]

use reverie::diffusion::interpret;
use reverie::diffusion::prediction::PredictionType;
use reverie::diffusion::row::Register;
use reverie::diffusion::samplers::{Plan, PlanError, SAMPLERS, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::diffusion::spacing::TimestepSpacing;

fn config(json: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(json).unwrap()
}

/// The plan of the sampler that the config means.
fn plan(json: &str, steps: usize) -> Result<Plan, PlanError> {
    let config = config(json);
    SamplerEntry::of_config(&config).unwrap().plan(&config, steps, &SamplerOptions::default())
}

#[test]
fn every_sampler_wants_as_many_steps_as_there_are() {
    let config = config(r#"{"num_train_timesteps": 40, "beta_end": 0.2}"#);
    for sampler in SAMPLERS {
        for steps in [0, 41, 1000, usize::MAX] {
            let refused = sampler.plan(&config, steps, &SamplerOptions::default()).unwrap_err();
            assert_eq!(refused, PlanError::Steps { steps, most: 40 }, "{}", sampler.name);
        }
        // Fewer than 40 may still fall twice on one timestep: then there is a sentence for it.
        for steps in [1, 2, 20, 38, 39, 40] {
            if let Err(refused) = sampler.plan(&config, steps, &SamplerOptions::default()) {
                let sentence = refused.to_string();
                assert!(sentence.contains("choose"), "{} at {steps}: {sentence}", sampler.name);
            }
        }
    }
}

/// Where diffusers refuses it, or computes inf·0.
#[test]
fn a_last_step_to_no_noise_is_refused_where_a_formula_divides_by_it() {
    for (class, options, words) in [
        (
            "DPMSolverMultistep",
            r#""algorithm_type": "dpmsolver""#,
            ["final_sigmas_type is zero", "sigma_min"],
        ),
        ("DPMSolverMultistep", r#""algorithm_type": "sde-dpmsolver""#, ["final_sigmas_type", "sigma_min"]),
        ("DPMSolverSinglestep", r#""algorithm_type": "dpmsolver""#, ["final_sigmas_type", "sigma_min"]),
        ("UniPCMultistep", r#""solver_type": "bh1""#, ["solver_type is bh1", "choose bh2"]),
        ("UniPCMultistep", r#""predict_x0": false"#, ["predict_x0 is false", "choose true"]),
    ] {
        let json = |more| format!(r#"{{"_class_name": "{class}Scheduler", {options}{more}}}"#);
        let sentence = plan(&json(""), 10).unwrap_err().to_string();
        assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
        let ends = plan(&json(r#", "final_sigmas_type": "sigma_min""#), 10);
        assert!(ends.is_ok(), "{class}, {options}: {ends:?}");
    }
}

#[test]
fn an_inversion_from_clean_data_needs_a_noise_prediction() {
    let json =
        |more| format!(r#"{{"_class_name": "DDIMInverseScheduler", "prediction_type": "sample"{more}}}"#);
    let sentence = plan(&json(""), 10).unwrap_err().to_string();
    assert!(sentence.contains("set_alpha_to_one is true") && sentence.contains("false"), "{sentence}");
    assert!(plan(&json(r#", "set_alpha_to_one": false"#), 10).is_ok());
}

/// The largest magnitude that a sample of the run has, over a network whose outputs are of order 1.
fn largest(plan: &Plan) -> f32 {
    let x_t: Vec<f32> = (0..12).map(|i| (i as f32 * 1.7).sin() * 1.5).collect();
    let noise = |step: usize| (0..12).map(|i| ((step * 12 + i) as f32 * 2.3).sin()).collect();
    let network = |x: &[f32], t: f32| {
        let output = |x: &f32| x / (1.0 + x.abs()) + 0.1 * (t / 1000.0);
        x.iter().map(output).collect()
    };
    let mut largest = 0f32;
    interpret::run(&plan.rows, x_t, 12, network, noise, |_, registers| {
        for value in &registers[Register::Sample as usize] {
            assert!(value.is_finite(), "{}", plan.sampler.name);
            largest = largest.max(value.abs());
        }
    });
    largest
}

/// Cosine's last ᾱ is 2.4e-9: σ is about 20,000 there.
#[test]
fn cosines_last_noise_level_gives_numbers_or_a_sentence() {
    let mut config = config(r#"{"beta_schedule": "squaredcos_cap_v2", "clip_sample": false}"#);
    assert!(config.schedule().unwrap().alphas_cumprod[999] < 3e-9);
    for prediction in PredictionType::NAMES {
        config.prediction_type = prediction.parse().unwrap();
        for spacing in TimestepSpacing::NAMES {
            config.timestep_spacing = Some(spacing.parse().unwrap());
            for sampler in SAMPLERS {
                for steps in [1, 2, 5, 10, 50] {
                    match sampler.plan(&config, steps, &SamplerOptions::default()) {
                        Ok(plan) => assert!(largest(&plan) < 1e12, "{} {spacing} {steps}", sampler.name),
                        Err(refused) => assert!(refused.to_string().len() > 40, "{refused}"),
                    }
                }
            }
        }
    }
}

/// From pure noise an epsilon tells nothing of the data; v and x0 do.
#[test]
fn zero_terminal_snr_gives_numbers_or_a_sentence() {
    let mut config = config(r#"{"rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}"#);
    for prediction in PredictionType::NAMES {
        config.prediction_type = prediction.parse().unwrap();
        for sampler in SAMPLERS {
            for steps in [1, 3, 10, 50] {
                match sampler.plan(&config, steps, &SamplerOptions::default()) {
                    Ok(plan) => assert!(largest(&plan) < 1e12, "{} {prediction}", sampler.name),
                    Err(refused) => assert!(refused.to_string().len() > 40, "{refused}"),
                }
            }
        }
    }
}
