//! `reverie bench`.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/command.rs"]
mod command;

use std::fs;

use command::{copy, done, refused};
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn passes_are_timed_whole_and_by_kernel_on_every_machine() {
    let folder = tempfile::tempdir().unwrap();
    copy(format!("{ROOT}/tests/fixtures/unet/classes").as_ref(), &folder.path().join("model"));
    fs::copy(format!("{ROOT}/bench/nets/a.json"), folder.path().join("net.json")).unwrap();
    for backend in ["gpu", "cpu"] {
        let args = format!("--model model --model ./net.json --batch 1,2 --seconds 0.01 --backend {backend}");
        let printed = done(folder.path(), &format!("bench {args} --output figures.json"));
        assert!(printed.contains("of the roof") && printed.contains("net, batch 2"), "{printed}");
        let figures = fs::read(folder.path().join("figures.json")).unwrap();
        let figures: Value = serde_json::from_slice(&figures).unwrap();
        assert!(figures["roof"]["gflop_per_second"].as_f64().unwrap() > 0.1);
        let passes = figures["passes"].as_array().unwrap();
        assert_eq!(passes.len(), 4);
        for pass in passes {
            let number = |key: &str| pass[key].as_f64().unwrap();
            assert!(number("ms") > 0.0 && number("share") > 0.0, "{pass}");
            // On the CPU the roof is that of the plain twin.
            assert!(backend == "cpu" || number("share") < 1.5, "{pass}");
            let parts = pass["parts"].as_array().unwrap();
            let dispatches: f64 = parts.iter().map(|part| part["dispatches"].as_f64().unwrap()).sum();
            assert_eq!(dispatches, number("dispatches"), "every dispatch is in one part");
            by_clock(backend, pass);
            assert!(number("scratch_bytes") >= number("live_bytes"));
        }
        let gflop = |at: usize| passes[at]["gflop"].as_f64().unwrap();
        assert!((gflop(2) - 0.49).abs() < 0.02, "net A is 0.49 GFLOP: {}", gflop(2));
        assert!((gflop(3) / gflop(2) - 2.0).abs() < 1e-9);
    }
}

/// Where the device has a clock of its own, every part has a share of what it says of the pass.
fn by_clock(backend: &str, pass: &Value) {
    let parts = pass["parts"].as_array().unwrap().iter();
    let shares: Vec<f64> = parts.filter_map(|part| part["device_ms"].as_f64()).collect();
    let Some(all) = pass["device_ms"].as_f64() else {
        assert!(shares.is_empty(), "{pass}");
        return;
    };
    assert_eq!(backend, "gpu", "the CPU engine has no clock of its own");
    assert_eq!(shares.len(), pass["parts"].as_array().unwrap().len());
    assert!(shares.iter().all(|ms| *ms >= 0.0) && all > 0.0, "{pass}");
    assert!((shares.iter().sum::<f64>() - all).abs() < 1e-6 * all, "every dispatch is in one part: {pass}");
}

#[test]
fn runs_are_timed_from_the_first_submission_to_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    copy(format!("{ROOT}/tests/fixtures/unet/classes").as_ref(), &folder.path().join("model"));
    let args = "--model model --batch 1,2 --seconds 0.01 --backend cpu --whole --steps 3";
    let printed = done(folder.path(), &format!("bench {args} --output figures.json"));
    assert!(printed.contains("model, batch 2, 3 DDIM steps"), "{printed}");
    let figures: Value =
        serde_json::from_slice(&fs::read(folder.path().join("figures.json")).unwrap()).unwrap();
    let runs = figures["runs"].as_array().unwrap();
    let batches: Vec<u64> = runs.iter().map(|run| run["batch"].as_u64().unwrap()).collect();
    assert_eq!(batches, [1, 2]);
    for (run, pass) in runs.iter().zip(figures["passes"].as_array().unwrap()) {
        assert_eq!(run["steps"], 3);
        assert!(run["runs"].as_u64().unwrap() >= 3 && run["start_ms"].as_f64().unwrap() > 0.0, "{run}");
        assert!(run["loop_ms"].as_f64().unwrap() > 0.0, "{run}");
        assert_eq!(pass["parts"], Value::Array(Vec::new()), "only whole passes were asked for");
    }
}

#[test]
fn what_cannot_be_timed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), "bench --model ./nothing.json", &["nothing.json", "cannot be read"]);
    fs::write(folder.path().join("net.json"), "{").unwrap();
    refused(folder.path(), "bench --model ./net.json --backend cpu", &["net.json"]);
    fs::copy(format!("{ROOT}/bench/nets/a.json"), folder.path().join("a.json")).unwrap();
    for wrong in ["--seconds 0", "--batch 0", "--seconds nan"] {
        refused(
            folder.path(),
            &format!("bench --model ./a.json --backend cpu {wrong}"),
            &["--seconds", "--batch"],
        );
    }
    let no_schedule = "bench --model ./a.json --backend cpu --steps 3";
    refused(folder.path(), no_schedule, &["--steps needs a schedule", "a.json", "model's folder"]);
    copy(format!("{ROOT}/tests/fixtures/unet/classes").as_ref(), &folder.path().join("model"));
    let none = "bench --model model --backend cpu --seconds 0.01 --whole --steps 0";
    refused(folder.path(), none, &["step"]);
    let huge = "bench --model ./a.json --backend gpu --batch 100000 --seconds 0.01";
    refused(folder.path(), huge, &["100000 samples", "limit is 134217728", "as many as ", "samples fit"]);
    refused(folder.path(), "bench --model ./a.json --size 31x31 --backend cpu --seconds 0.01", &["31"]);
}
