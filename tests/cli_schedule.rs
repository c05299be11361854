//! `reverie schedule`, and samplers by name, on the command line.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/command.rs"]
mod command;
mod common;

use std::fs;

use command::{copy, done, refused};
use common::{fixture, tensor};
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with the fixture `classes` as `model`, whose scheduler is cosine, trailing, v.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("unet/classes"), &folder.path().join("model"));
    folder
}

fn schedule(folder: &TempDir, args: &str) -> Value {
    let text = done(folder.path(), &format!("schedule --model model --json {args}"));
    serde_json::from_str(&text).unwrap()
}

/// The rows with a call.
fn calls(schedule: &Value) -> Vec<Value> {
    let rows = schedule["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["network_calls"] == 1).cloned().collect()
}

#[test]
fn the_table_has_a_line_for_every_row() {
    let folder = workplace();
    let text = done(folder.path(), "schedule --model model --sampler euler --steps 3");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Euler: 3 steps, 3 network calls");
    assert!(lines[1].contains("arXiv:2206.00364"), "{text}");
    for heading in ["step", "timestep", "sigma", "log-SNR", "calls", "combinations"] {
        assert!(lines[2].contains(heading), "{text}");
    }
    assert_eq!(lines.len(), 3 + 1 + 3, "the start, and one row a step: {text}");
    assert!(lines[3].contains(" - ") && lines[3].contains("x = +"), "no call at the start: {text}");
    assert!(lines[4].contains("999.000") && lines[4].contains("·eps"), "{text}");
    assert!(lines[6].contains("332.000"), "{text}");
}

#[test]
fn json_has_what_the_table_has() {
    let folder = workplace();
    let facts = schedule(&folder, "--sampler ddim --steps 5 --guidance-scale 3");
    assert_eq!((&facts["sampler"], &facts["title"]), (&"ddim".into(), &"DDIM".into()));
    assert_eq!((&facts["steps"], &facts["network_calls"]), (&5.into(), &5.into()));
    let timesteps: Vec<f64> = calls(&facts).iter().map(|row| row["timestep"].as_f64().unwrap()).collect();
    assert_eq!(timesteps, [999.0, 799.0, 599.0, 399.0, 199.0]);
    let last = &facts["rows"][4];
    assert_eq!(last["assigns"], serde_json::json!([{ "to": "x", "terms": [["x0", 1.0]] }]));
    let [sigma, log_snr] = ["sigma", "log_snr"].map(|key| last[key].as_f64().unwrap());
    assert!((log_snr + 2.0 * sigma.ln()).abs() < 1e-6);
    assert_eq!(last["guidance_scale"], 3.0);
}

/// The model's own sampler, or that of a scheduler_config.json.
#[test]
fn a_config_chooses_the_sampler() {
    let folder = workplace();
    assert_eq!(schedule(&folder, "--steps 4")["sampler"], "ddpm");
    let config = r#"{"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3}"#;
    fs::write(folder.path().join("s.json"), config).unwrap();
    let text = done(folder.path(), "schedule --scheduler s.json --steps 7");
    assert!(text.starts_with("DPM-Solver++ (3M): 7 steps, 7 network calls\n"), "{text}");
}

#[test]
fn network_calls_are_counted() {
    let folder = workplace();
    for (sampler, steps, expected) in [("heun", 10, 19), ("heun", 1, 1), ("dpm2", 6, 11), ("edm", 8, 15)] {
        let facts = schedule(&folder, &format!("--sampler {sampler} --steps {steps}"));
        assert_eq!(facts["network_calls"], expected, "{sampler}");
        assert_eq!(calls(&facts).len(), expected, "{sampler}");
    }
}

#[test]
fn guidance_keeps_to_its_interval() {
    let folder = workplace();
    let args = "--sampler ddim --steps 10 --guidance-scale 3 --guidance-interval 200:700";
    for row in calls(&schedule(&folder, args)) {
        let acts = (200.0..=700.0).contains(&row["timestep"].as_f64().unwrap());
        assert_eq!(row["guidance_scale"], if acts { 3.0 } else { 1.0 }, "{row}");
    }
}

/// Each step first adds noise, and asks the network where that leads.
#[test]
fn churn_adds_noise_ahead_of_a_step() {
    let folder = workplace();
    let plain = schedule(&folder, "--sampler edm --steps 5");
    let churned = schedule(&folder, "--sampler edm --steps 5 --s-churn 2 --s-tmin 0.1");
    let sigma = |facts: &Value, call: usize| calls(facts)[call]["sigma"].as_f64().unwrap();
    assert!((sigma(&churned, 0) / sigma(&plain, 0) - 1.4).abs() < 1e-6, "2 of 5 more");
    assert!((sigma(&churned, 1) / sigma(&plain, 1) - 1.0).abs() < 1e-6, "the second call is at the next");
    assert!((sigma(&churned, 8) / sigma(&plain, 8) - 1.0).abs() < 1e-6, "none below s_tmin");
    let noisy = |facts: &Value| facts.to_string().matches(r#"["z","#).count();
    assert_eq!((noisy(&plain), noisy(&churned)), (0, 4));
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let folder = workplace();
    fs::write(folder.path().join("s.json"), r#"{"_class_name": "TCDScheduler"}"#).unwrap();
    for (args, words) in [
        ("--model model --sampler euler --eta 1", &["euler takes no eta", "set it to 0"][..]),
        ("--model model --sampler lms --s-churn 3", &["lms takes no s_churn", "set it to 0"]),
        ("--model model --sampler edm --s-churn -1", &["s_churn is -1", "0 (deterministic) or more"]),
        ("--model model --sampler heun --steps 0", &["0 steps", "1 to 1000"]),
        ("--model model --sampler heun --steps 1001", &["1001 steps", "1 to 1000"]),
        (
            "--model model --sampler pndm --steps 3",
            &["PNDM needs 4 steps or more, and has 3", "or another sampler"],
        ),
        ("--model model --sampler dpm3", &["unknown sampler \"dpm3\"", "dpm++2m", "unipc"]),
        ("--model model --guidance-interval 700:200", &["from 700 to 200", "the lower one first"]),
        ("--model model --guidance-interval 700", &["--guidance-interval", "200:800"]),
        ("--scheduler s.json", &["TCDScheduler", "DDIMScheduler", "or name a sampler"]),
        ("--scheduler nowhere.json", &["nowhere.json", "cannot be read"]),
        ("", &["--model MODEL or --scheduler FILE"]),
    ] {
        refused(folder.path(), &format!("schedule {args}"), words);
    }
}

/// As many calls as steps, a picture from one seed, and not that of another sampler.
#[test]
fn samples_come_of_any_sampler() {
    let folder = workplace();
    let sample = |sampler: &str| {
        let args = format!(
            "sample --model model --sampler {sampler} --steps 4 --seed 3 --backend cpu --json \
             --size 8x8 --output s.safetensors"
        );
        let facts: Value = serde_json::from_str(&done(folder.path(), &args)).unwrap();
        assert_eq!(facts["sampler"], sampler);
        let bytes = fs::read(folder.path().join("s.safetensors")).unwrap();
        let (_, values) = tensor(&SafeTensors::deserialize(&bytes).unwrap(), "sample").unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{sampler}");
        (facts["network_calls_per_sample"].as_u64().unwrap(), values)
    };
    let (calls, multistep) = sample("dpm++2m");
    assert_eq!(calls, 4);
    assert_eq!(sample("dpm++2m").1, multistep, "bit for bit");
    let (calls, heun) = sample("heun");
    assert_eq!(calls, 7);
    assert_ne!(heun, multistep);
    let args = "sample --model model --backend cpu --output o.png --sampler dpm++2m";
    refused(folder.path(), &format!("{args} --eta 0.5"), &["dpm++2m takes no eta"]);
    assert!(!folder.path().join("o.png").exists());
}

#[test]
fn keys_of_the_config_can_be_set() {
    let folder = workplace();
    let first = |args: &str| calls(&schedule(&folder, args))[0]["timestep"].as_f64().unwrap();
    assert_eq!(first("--sampler ddim --steps 5"), 999.0);
    assert_eq!(first("--sampler ddim --steps 5 --set timestep_spacing=leading"), 800.0);
    let second = |args: &str| calls(&schedule(&folder, args))[1]["sigma"].as_f64().unwrap();
    let karras = second("--sampler euler --steps 5 --set use_karras_sigmas=true --set sigma_max=80");
    assert!((karras - second("--sampler euler --steps 5")).abs() > 1.0, "{karras}");
    for (set, words) in [
        ("timestep_spacin=leading", &["timestep_spacin", "timestep_spacing"][..]),
        ("timestep_spacing=up", &["up", "leading, trailing, linspace"]),
        ("beta_end=2", &["beta_end", "2"]),
        ("sigma_max", &["timestep_spacing=trailing"]),
    ] {
        refused(folder.path(), &format!("schedule --model model --set {set}"), words);
    }
    let sample = "sample --model model --sampler ddim --steps 3 --backend cpu --size 8x8 --output";
    done(folder.path(), &format!("{sample} own.safetensors"));
    done(folder.path(), &format!("{sample} set.safetensors --set timestep_spacing=leading"));
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_ne!(read("own.safetensors"), read("set.safetensors"));
}

#[test]
fn score_based_samplers_say_what_they_do() {
    let folder = workplace();
    let facts = schedule(&folder, "--sampler pc --steps 3 --sde sub-vp --langevin-steps 2 --snr 0.1");
    assert_eq!(facts["network_calls"], 9);
    let correctors = facts["rows"].as_array().unwrap().iter().filter(|row| !row["langevin"].is_null());
    assert_eq!(correctors.count(), 6);
    assert_eq!(schedule(&folder, "--sampler pf-ode --steps 4 --sde ve")["network_calls"], 25);
    refused(folder.path(), "schedule --model model --sampler ddim --sde vp", &["ddim takes no sde"]);
    refused(folder.path(), "schedule --model model --sampler pc --sde up", &["up", "ve, vp, sub-vp"]);
}
