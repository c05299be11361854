use super::*;
use crate::diffusion::sigmas::SigmaRule;

fn read(text: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(text).unwrap()
}

fn refusal(text: &str) -> String {
    SchedulerConfig::from_json(text).unwrap_err().to_string()
}

#[test]
fn missing_keys_and_nulls_are_the_defaults() {
    assert_eq!(read("{}"), SchedulerConfig::default());
    assert_eq!(read(r#"{"trained_betas": null, "beta_end": null, "variance_type": null}"#), read("{}"));
    assert_eq!(read(r#"{"_class_name": "DDIMScheduler"}"#).class_name.as_deref(), Some("DDIMScheduler"));
}

#[test]
fn every_key_is_read() {
    let config = read(
        r#"{"_class_name": "DDPMScheduler", "_diffusers_version": "0.4.2",
            "num_train_timesteps": 400, "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
            "variance_type": "learned_range", "thresholding": true,
            "dynamic_thresholding_ratio": 0.9, "sample_max_value": 2, "clip_sample": false,
            "timestep_spacing": "trailing", "steps_offset": 1, "set_alpha_to_one": false,
            "rescale_betas_zero_snr": true}"#,
    );
    let expected = SchedulerConfig {
        class_name: Some("DDPMScheduler".into()),
        num_train_timesteps: 400,
        beta_schedule: BetaSchedule::ScaledLinear(Ends::STABLE_DIFFUSION),
        rescale_betas_zero_snr: true,
        prediction_type: PredictionType::VPrediction,
        variance_type: VarianceType::LearnedRange,
        threshold: Threshold::Dynamic { ratio: 0.9, max: 2.0 },
        timestep_spacing: Some(TimestepSpacing::Trailing),
        steps_offset: 1,
        set_alpha_to_one: Some(false),
        solver: SolverConfig::default(),
    };
    assert_eq!(config, expected);
    assert_eq!(read(r#"{"clip_sample": false}"#).threshold, Threshold::None);
    let clipped = read(r#"{"clip_sample_range": 0.5}"#).threshold;
    assert_eq!(clipped, Threshold::Static { range: 0.5 });
    let trained = read(r#"{"trained_betas": [0.1, 0.5], "num_train_timesteps": 2}"#);
    assert_eq!(trained.beta_schedule, BetaSchedule::Trained(vec![0.1, 0.5]));
}

/// Each refusal names the key and the value.
#[test]
fn bad_values_are_refused_by_name() {
    for (key, value) in [
        ("num_train_timesteps", "0"),
        ("num_train_timesteps", "-3"),
        ("num_train_timesteps", "1.5"),
        ("num_train_timesteps", "1000001"),
        ("num_train_timesteps", "\"1000\""),
        ("beta_start", "0"),
        ("beta_start", "-0.1"),
        ("beta_end", "1.0"),
        ("beta_end", "1e300"),
        ("beta_schedule", "\"laplace\""),
        ("trained_betas", "\"none\""),
        ("trained_betas", "[0.1,\"x\"]"),
        ("prediction_type", "\"score\""),
        ("variance_type", "\"fixed\""),
        ("variance_type", "\"fixed_large_log\""),
        ("variance_type", "\"learned\""),
        ("timestep_spacing", "\"uniform\""),
        ("steps_offset", "-1"),
        ("clip_sample", "1"),
        ("clip_sample_range", "-1.0"),
        ("clip_sample_range", "1e-60"),
        ("dynamic_thresholding_ratio", "1.1"),
        ("sample_max_value", "1e60"),
        ("_class_name", "3"),
    ] {
        let message = refusal(&format!("{{\"{key}\": {value}}}"));
        let stem = value.trim_end_matches("e300").trim_end_matches("e60");
        assert!(message.contains(key) && message.contains(stem), "{message}");
    }
}

#[test]
fn schedules_that_cannot_be_are_refused() {
    assert!(refusal(r#"{"trained_betas": [0.1]}"#).contains("1 values"));
    let message = refusal(r#"{"trained_betas": [0.1, 7], "num_train_timesteps": 2}"#);
    assert!(message.contains("timestep 1 is 7"), "{message}");
    assert!(refusal("[]").contains("not a JSON object"));
    assert!(refusal("{\"beta_end\": NaN}").contains("not JSON"));
    assert!(refusal("").contains("not JSON"));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use crate::diffusion::samplers::{SAMPLERS, SamplerOptions};
    use proptest::prelude::*;

    const KEYS: [&str; 16] = [
        "_class_name",
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "variance_type",
        "clip_sample",
        "clip_sample_range",
        "prediction_type",
        "thresholding",
        "dynamic_thresholding_ratio",
        "sample_max_value",
        "timestep_spacing",
        "steps_offset",
        "rescale_betas_zero_snr",
    ];

    fn text() -> impl Strategy<Value = String> {
        const NAMES: [&str; 5] =
            ["sigmoid", "squaredcos_cap_v2", "v_prediction", "trailing", "learned_range"];
        prop_oneof![prop::sample::select(&NAMES[..]).prop_map(String::from), ".{0,12}"]
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0..300_u64).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (0.0..1.0_f64).prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever the values, there is an error or a program of finite numbers.
        #[test]
        fn any_object_plans_or_is_refused(
            map in prop::collection::hash_map(prop::sample::select(&KEYS[..]), json(), 0..5),
            steps in 0_usize..40,
            eta in 0.0_f32..2.0,
        ) {
            let map = map.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
            if let Ok(config) = SchedulerConfig::from_json(&Value::Object(map).to_string()) {
                for sampler in SAMPLERS {
                    let options = SamplerOptions { eta, ..Default::default() };
                    if let Ok(plan) = sampler.plan(&config, steps, &options) {
                        prop_assert!(plan.rows.iter().all(|row| row.is_finite()));
                        prop_assert_eq!(plan.steps.len(), steps);
                    }
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = SchedulerConfig::from_json(&text);
        }
    }
}

#[test]
fn overrides_replace_what_they_name_and_keep_the_rest() {
    let own = read(r#"{"timestep_spacing": "leading", "use_karras_sigmas": true, "clip_sample_range": 3}"#);
    assert_eq!(own.with(&Overrides::default()), own);
    let changed = own.with(&Overrides {
        timestep_spacing: Some(TimestepSpacing::Trailing),
        sigmas: Some(SigmaRule::Native),
        threshold: Some(ThresholdRule::Thresholding),
    });
    let expected = read(r#"{"timestep_spacing": "trailing", "thresholding": true, "clip_sample_range": 3}"#);
    assert_eq!(changed, expected);
    let none = Overrides { threshold: Some(ThresholdRule::None), ..Overrides::default() };
    assert_eq!(own.with(&none).threshold, Threshold::None);
    let clipped = Overrides { threshold: Some(ThresholdRule::ClipSample), ..Overrides::default() };
    assert_eq!(own.with(&clipped).threshold, Threshold::Static { range: 3.0 }, "its own range");
    assert_eq!(changed.with(&clipped).threshold, Threshold::Static { range: 1.0 });
}
