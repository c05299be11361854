use super::*;
use crate::diffusion::prediction::PredictionType;
use crate::diffusion::row::{MAX_ASSIGNS, NOISE, Register};
use crate::diffusion::schedule::{BetaSchedule, Ends};
use crate::diffusion::scheduler_config::VarianceType;
use crate::diffusion::sde::SdeKind;
use crate::diffusion::spacing::TimestepSpacing;

fn plan(name: &str, config: &SchedulerConfig, steps: usize) -> Result<Plan, PlanError> {
    SamplerEntry::by_name(name)?.plan(config, steps, &SamplerOptions::default())
}

fn with_eta(eta: f32) -> Result<Plan, PlanError> {
    let options = SamplerOptions { eta, ..Default::default() };
    SamplerEntry::by_name("ddim")?.plan(&SchedulerConfig::default(), 10, &options)
}

#[test]
fn names_are_unique_and_find_their_sampler() {
    for sampler in SAMPLERS {
        assert!(std::ptr::eq(SamplerEntry::by_name(sampler.name).unwrap(), sampler));
        let Some(class) = sampler.diffusers_class else { continue };
        let class_name = Some(class.to_string());
        let config = SchedulerConfig { class_name, ..Default::default() };
        let found = SamplerEntry::of_config(&config).unwrap();
        assert_eq!(found.diffusers_class, sampler.diffusers_class);
    }
    let message = SamplerEntry::by_name("eular").unwrap_err().to_string();
    assert!(message.starts_with("unknown sampler \"eular\"; known are ddpm, ddim, euler, "), "{message}");
    let config = SchedulerConfig::default();
    assert_eq!(SamplerEntry::of_config(&config).unwrap_err(), PlanError::NoClass);
    let config = SchedulerConfig { class_name: Some("TCDScheduler".into()), ..config };
    let message = SamplerEntry::of_config(&config).unwrap_err().to_string();
    assert!(message.contains("TCDScheduler") && message.contains("DDIMScheduler"), "{message}");
}

#[test]
fn impossible_runs_are_refused_by_name() {
    let config = SchedulerConfig::default();
    for name in ["ddpm", "ddim"] {
        for steps in [0, 1001, usize::MAX] {
            let refused = plan(name, &config, steps).unwrap_err();
            assert_eq!(refused, PlanError::Steps { steps, most: 1000 });
        }
        let offset = SchedulerConfig { steps_offset: 1, ..config.clone() };
        let expected = PlanError::Timestep { timestep: 1000, last: 999, steps_offset: 1 };
        assert_eq!(plan(name, &offset, 1000).unwrap_err(), expected);
        assert!(plan(name, &offset, 500).is_ok());
    }
    for eta in [-0.1, f32::NAN, f32::INFINITY] {
        assert!(matches!(with_eta(eta), Err(PlanError::Eta(_))));
    }
    assert!(matches!(with_eta(3.0), Err(PlanError::EtaTooLarge { .. })));
    let options = SamplerOptions { guidance_scale: f32::NAN, ..Default::default() };
    let refused = SAMPLERS[0].plan(&config, 10, &options);
    assert!(matches!(refused, Err(PlanError::GuidanceScale(_))));
    let threshold = Threshold::Dynamic { ratio: f32::NAN, max: 1.0 };
    let config = SchedulerConfig { threshold, ..config };
    assert!(matches!(plan("ddpm", &config, 10), Err(PlanError::Threshold(_))));
}

#[test]
fn epsilon_prediction_cannot_start_from_zero_snr() {
    let mut config = SchedulerConfig {
        rescale_betas_zero_snr: true,
        timestep_spacing: Some(TimestepSpacing::Trailing),
        ..Default::default()
    };
    assert_eq!(plan("ddim", &config, 10).unwrap_err(), PlanError::PureNoise { timestep: 999 });
    config.prediction_type = PredictionType::VPrediction;
    let plan = plan("ddim", &config, 10).unwrap();
    assert_eq!((plan.steps[0].sigma, plan.steps[0].alpha_bar), (f64::INFINITY, 0.0));
}

#[test]
fn a_schedule_that_float32_cannot_hold_is_refused() {
    let beta_schedule = BetaSchedule::Linear(Ends { start: 1e-9, end: 2e-9 });
    let config = SchedulerConfig { beta_schedule, ..Default::default() };
    for name in ["ddpm", "ddim"] {
        assert!(matches!(plan(name, &config, 10), Err(PlanError::NotFinite { .. })));
    }
}

#[test]
fn facts_tell_of_every_step() {
    let plan = plan("ddim", &SchedulerConfig::default(), 4).unwrap();
    let timesteps: Vec<_> = plan.steps.iter().map(|facts| facts.timestep).collect();
    assert_eq!(timesteps, [750.0, 500.0, 250.0, 0.0]);
    for (step, facts) in plan.steps.iter().enumerate() {
        assert_eq!((facts.step, facts.network_calls), (step, 1));
        assert!((facts.log_snr + 2.0 * facts.sigma.ln()).abs() < 1e-9);
    }
}

/// DDIM at η = 1 on every timestep is DDPM with the posterior's variance.
#[test]
fn ddim_at_eta_one_is_ddpm() {
    let config = SchedulerConfig { num_train_timesteps: 50, ..Default::default() };
    let ddpm = plan("ddpm", &config, 50).unwrap();
    let options = SamplerOptions { eta: 1.0, ..Default::default() };
    let ddim = SamplerEntry::by_name("ddim").unwrap().plan(&config, 50, &options).unwrap();
    for (ancestral, implicit) in ddpm.rows.iter().zip(&ddim.rows).take(49) {
        // x_t = √ᾱ·x̂0 + √(1−ᾱ)·ε̂ puts both in terms of x̂0 and ε̂.
        let alpha_bar = ddpm.steps[ancestral.step].alpha_bar as f32;
        let a = ancestral.assigns[0].coefficients;
        let b = implicit.assigns[0].coefficients;
        let from_sample = a[Register::Sample as usize];
        let x0 = a[Register::X0Hat as usize] + from_sample * alpha_bar.sqrt();
        let eps = from_sample * (1.0 - alpha_bar).sqrt();
        for (ours, theirs) in
            [(x0, b[Register::X0Hat as usize]), (eps, b[Register::EpsHat as usize]), (a[NOISE], b[NOISE])]
        {
            assert!((ours - theirs).abs() < 1e-3, "step {}: {ours} {theirs}", ancestral.step);
        }
    }
}

#[test]
fn only_timestep_zero_of_ddpm_is_free_of_noise() {
    let large = |spacing| SchedulerConfig {
        variance_type: VarianceType::FixedLarge,
        timestep_spacing: Some(spacing),
        ..Default::default()
    };
    let leading = plan("ddpm", &large(TimestepSpacing::Leading), 10).unwrap();
    let noisy: Vec<_> = leading.rows.iter().map(|row| row.noise.is_some()).collect();
    assert_eq!(noisy, [true, true, true, true, true, true, true, true, true, false]);
    let trailing = plan("ddpm", &large(TimestepSpacing::Trailing), 10).unwrap();
    assert!(trailing.rows.iter().all(|row| row.noise.is_some()), "the last timestep is 99");
}

/// The number of network calls is what each method promises.
#[test]
fn network_calls_are_as_promised() {
    let config = SchedulerConfig::default();
    for sampler in SAMPLERS {
        for steps in [4, 5, 12, 20] {
            let plan = plan(sampler.name, &config, steps).unwrap();
            let expected = match sampler.name {
                "heun" | "dpm2" | "dpm2-a" | "edm" => 2 * steps - 1,
                "pndm" => steps + 9,
                "pc" => 2 * steps,
                "ald" => 5 * steps + 1,
                "pf-ode" | "pf-ode-inversion" | "rk45" => 6 * steps + 1,
                _ => steps,
            };
            assert_eq!(plan.calls().count(), expected, "{} at {steps} steps", sampler.name);
            assert_eq!(plan.steps.len(), steps);
            assert_eq!(plan.steps.iter().map(|facts| facts.network_calls).sum::<usize>(), expected);
            assert!(plan.rows.iter().all(|row| row.assigns.len() <= MAX_ASSIGNS));
        }
    }
    let mut plms = config;
    plms.solver.skip_prk_steps = true;
    assert_eq!(plan("pndm", &plms, 10).unwrap().calls().count(), 11);
}

#[test]
fn a_config_selects_among_the_samplers_of_its_class() {
    for (more, expected) in [
        ("", "dpm++2m"),
        (r#", "solver_order": 3"#, "dpm++3m"),
        (r#", "algorithm_type": "sde-dpmsolver++", "solver_order": 3"#, "dpm++2m-sde"),
    ] {
        let text = format!(r#"{{"_class_name": "DPMSolverMultistepScheduler"{more}}}"#);
        let config = SchedulerConfig::from_json(&text).unwrap();
        assert_eq!(SamplerEntry::of_config(&config).unwrap().name, expected);
    }
}

#[test]
fn noise_that_a_sampler_does_not_have_is_refused() {
    let config = SchedulerConfig::default();
    let eta = SamplerOptions { eta: 1.0, ..Default::default() };
    let churn = SamplerOptions { churn: Churn { s_churn: 4.0, ..Default::default() }, ..Default::default() };
    for sampler in SAMPLERS {
        let refused =
            |options| matches!(sampler.plan(&config, 10, options), Err(PlanError::NoSuchNoise { .. }));
        assert_eq!(refused(&eta), !sampler.takes_eta, "{}", sampler.name);
        assert_eq!(refused(&churn), !sampler.takes_churn, "{}", sampler.name);
    }
}

#[test]
fn options_that_a_sampler_does_not_have_are_refused() {
    let config = SchedulerConfig::default();
    let none = SamplerOptions::default();
    for sampler in SAMPLERS {
        for (options, takes) in [
            (SamplerOptions { sde: Some(SdeKind::Ve), ..none }, sampler.takes_sde),
            (SamplerOptions { snr: Some(0.1), ..none }, sampler.takes_snr),
            (SamplerOptions { langevin_steps: Some(2), ..none }, sampler.takes_langevin_steps),
            (SamplerOptions { tolerance: Some(1e-3), ..none }, sampler.takes_tolerance),
        ] {
            match sampler.plan(&config, 5, &options) {
                Ok(_) => assert!(takes, "{}", sampler.name),
                Err(PlanError::NoSuchOption { .. }) => assert!(!takes, "{}", sampler.name),
                Err(other) => panic!("{}: {other}", sampler.name),
            }
        }
    }
    for (name, options, words) in [
        ("pc", SamplerOptions { snr: Some(0.0), ..none }, "snr is 0"),
        ("ald", SamplerOptions { langevin_steps: Some(0), ..none }, "langevin_steps is 0"),
        ("rk45", SamplerOptions { tolerance: Some(1e-9), ..none }, "tolerance is"),
        ("rk45", SamplerOptions { tolerance: Some(f32::NAN), ..none }, "tolerance is NaN"),
    ] {
        let refused = SamplerEntry::by_name(name).unwrap().plan(&config, 5, &options).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[test]
fn a_network_of_scores_is_asked_for_scores_only() {
    let config = SchedulerConfig::from_json(r#"{"_class_name": "ScoreSdeVeScheduler"}"#).unwrap();
    for sampler in SAMPLERS {
        match sampler.plan(&config, 5, &SamplerOptions::default()) {
            Ok(plan) => {
                assert!(sampler.score_based, "{}", sampler.name);
                assert!(plan.calls().all(|call| call.input_divisor == 1.0), "{}", sampler.name);
            }
            Err(refused) => assert_eq!(refused, PlanError::ScoreNetwork { sampler: sampler.name }),
        }
    }
    let options = SamplerOptions { sde: Some(SdeKind::SubVp), ..Default::default() };
    let refused = SamplerEntry::by_name("pc").unwrap().plan(&config, 5, &options).unwrap_err();
    assert_eq!(refused, PlanError::OtherSde("sub-vp", "ve"));
}

/// Each draw of a step has its own slice of the noise.
#[test]
fn noise_is_numbered_in_the_order_of_drawing() {
    let slices = |name: &str, options: &SamplerOptions| -> Vec<usize> {
        let plan =
            SamplerEntry::by_name(name).unwrap().plan(&SchedulerConfig::default(), 3, options).unwrap();
        plan.rows.iter().filter_map(|row| row.noise).collect()
    };
    let twice = SamplerOptions { langevin_steps: Some(2), ..Default::default() };
    assert_eq!(slices("pc", &twice), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(slices("ald", &twice), [0, 1, 2, 3, 4, 5]);
    assert_eq!(slices("euler-a", &SamplerOptions::default()), [0, 1]);
}

#[test]
fn guidance_acts_within_its_interval() {
    let options =
        SamplerOptions { guidance_scale: 3.0, guidance_interval: Some((200.0, 700.0)), ..Default::default() };
    let plan =
        SamplerEntry::by_name("ddim").unwrap().plan(&SchedulerConfig::default(), 10, &options).unwrap();
    for call in plan.calls() {
        let expected = if (200.0..=700.0).contains(&call.timestep) { 3.0 } else { 1.0 };
        assert_eq!(call.guidance_scale, expected, "timestep {}", call.timestep);
    }
}

/// Whatever is planned is finite, or refused: cosine's last ᾱ, zero SNR, every prediction.
#[test]
fn no_number_is_infinite() {
    for (schedule, zero_snr) in [("squaredcos_cap_v2", false), ("linear", true)] {
        for prediction in PredictionType::NAMES {
            let text = format!(
                r#"{{"beta_schedule": "{schedule}", "rescale_betas_zero_snr": {zero_snr},
                    "prediction_type": "{prediction}", "timestep_spacing": "trailing"}}"#
            );
            let config = SchedulerConfig::from_json(&text).unwrap();
            for sampler in SAMPLERS {
                for steps in [1, 2, 10, 999, 1000] {
                    if let Ok(plan) = plan(sampler.name, &config, steps) {
                        assert!(plan.rows.iter().all(Row::is_finite), "{} at {steps}", sampler.name);
                    }
                }
            }
        }
    }
}

/// A run that begins late visits the levels that are left, from a sample of unit variance.
#[test]
fn late_beginnings_leave_the_earlier_steps_out() {
    let config = SchedulerConfig { timestep_spacing: Some(TimestepSpacing::Trailing), ..Default::default() };
    for sampler in SAMPLERS {
        let from = |begin| sampler.plan(&config, 8, &SamplerOptions { begin, ..Default::default() });
        let whole = from(0).unwrap();
        if sampler.inverts {
            assert!(matches!(from(1), Err(PlanError::NoSuchOption { .. })), "{}", sampler.name);
            continue;
        }
        for begin in [1, 5, 7] {
            let late = from(begin).unwrap();
            assert_eq!(late.steps.len(), 8 - begin, "{}", sampler.name);
            for (ours, theirs) in late.steps.iter().zip(&whole.steps[begin..]) {
                assert_eq!((ours.timestep, ours.sigma), (theirs.timestep, theirs.sigma), "{}", sampler.name);
            }
            // The first row brings the sample to the scale of its level.
            let first = &late.rows[0];
            let scale =
                first.call.is_none().then(|| first.assigns[0].coefficients[Register::Sample as usize]);
            let off = scale.unwrap_or(1.0) / late.steps[0].deviation - 1.0;
            assert!(off.abs() < 1e-6, "{}: {off}", sampler.name);
            let slices = late.rows.iter().filter_map(|row| row.noise);
            let of_whole: Vec<_> = whole.rows.iter().filter_map(|row| row.noise).collect();
            assert!(slices.into_iter().all(|slice| of_whole.contains(&slice)), "{}", sampler.name);
        }
        assert_eq!(from(8).unwrap_err(), PlanError::Begin { begin: 8, steps: 8 });
    }
}
