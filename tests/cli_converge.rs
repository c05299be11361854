//! `reverie converge`.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/command.rs"]
mod command;

use std::fs;

use command::{copy, done, refused};
use serde_json::Value;

#[test]
fn a_study_of_convergence_is_figures_and_a_plot() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet/classes");
    copy(fixture.as_ref(), &folder.path().join("model"));
    let args = "--samplers ddim,heun,rk45 --calls 4,8 --reference-steps 12 --batch 1 --output study.json";
    let printed = done(folder.path(), &format!("converge --model model {args}"));
    assert!(["ddim", "heun", "rk45"].iter().all(|name| printed.contains(name)), "{printed}");
    let study: Value = serde_json::from_slice(&fs::read(folder.path().join("study.json")).unwrap()).unwrap();
    let calls = |series: usize| -> Vec<u64> {
        let points = study["series"][series]["points"].as_array().unwrap();
        points.iter().map(|point| point["network_calls"].as_u64().unwrap()).collect()
    };
    assert_eq!((calls(0), calls(1)), (vec![4, 8], vec![3, 7]));
    assert!(calls(2).is_sorted() && calls(2).iter().all(|calls| calls % 6 == 1));
    assert!(fs::read_to_string(folder.path().join("study.svg")).unwrap().contains("<svg"));
    refused(folder.path(), "converge --model model --samplers eular --output s.json", &["eular", "ddim"]);
}
