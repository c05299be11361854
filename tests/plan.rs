//! What every plan must hold, whatever the network: over all fixture configurations.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;

use reverie::kernels::shaders::Access;
use reverie::machine::{Class, MachineError};
use reverie::models::unet_2d::build::build;
use reverie::models::unet_2d::config::UNetConfig;
use reverie::net::fuse::fuse;
use reverie::net::fused::Op;
use reverie::net::graph::Graph;
use reverie::net::plan::{Buffer, Plan};

fn graphs() -> Vec<(String, Graph)> {
    let folders =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/unet")).unwrap();
    let graph = |folder: std::path::PathBuf| {
        let paths = [folder.join("unet/config.json"), folder.join("config.json")];
        let json = paths.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap();
        let config = UNetConfig::parse(&json).unwrap();
        let (height, width) = (2 * config.stride(), 4 * config.stride());
        (folder.display().to_string(), build(&config, height, width))
    };
    let graphs: Vec<_> = folders.map(|entry| graph(entry.unwrap().path())).collect();
    assert!(graphs.len() >= 10, "the fixtures are there");
    graphs
}

/// The same for every class of machine, which choose other kernels.
fn every_class() -> impl Iterator<Item = (String, Graph, Class)> {
    let classes = [Class::Cpu, Class::SoftwareAdapter, Class::Gpu];
    graphs()
        .into_iter()
        .flat_map(move |(name, graph)| classes.map(|class| (name.clone(), graph.clone(), class)))
}

/// WebGPU forbids it, and judges by whole buffers.
#[test]
fn no_dispatch_binds_a_buffer_for_reading_and_for_writing() {
    for (name, graph, class) in every_class() {
        let plan = Plan::new(&graph, 2, class, 1 << 28).unwrap();
        for dispatch in &plan.dispatches {
            let of =
                |wanted| dispatch.accesses().filter(move |(_, access)| *access == wanted).map(|(id, _)| id);
            for written in of(Access::ReadWrite) {
                let kernel = dispatch.kernel.shader.name;
                let mut read = of(Access::Read).chain(of(Access::Image));
                assert!(read.all(|read| read != written), "{name}: {kernel} of buffer {written:?}");
            }
        }
    }
}

/// Between its first writer and its last reader nobody else writes to a tensor's buffer.
#[test]
fn tensors_that_are_alive_share_no_buffer() {
    for (name, graph) in graphs() {
        let plan = Plan::new(&graph, 1, Class::Gpu, 1 << 28).unwrap();
        let network = &plan.network;
        for (at, op) in network.ops.iter().enumerate() {
            for read in op.reads() {
                let home = network.root(read);
                let Some(first) = network.ops.iter().position(|op| network.root(op.writes()) == home) else {
                    continue;
                };
                for between in &network.ops[first..at] {
                    let other = network.root(between.writes());
                    let apart = other == home || plan.buffer(other) != plan.buffer(home);
                    assert!(apart, "{name}: {other:?} overwrites {home:?} before operation {at}");
                }
            }
        }
    }
}

/// Both halves of a concatenation are written in place, not copied.
#[test]
fn concatenations_cost_nothing() {
    for (name, graph) in graphs().into_iter().filter(|(name, _)| !name.ends_with("no-middle")) {
        let network = fuse(&graph, Class::Gpu);
        let halves = network.homes.iter().flatten().count();
        assert!(halves > 0 && halves.is_multiple_of(2), "{name}: {halves} halves");
        let copies = network.ops.iter().filter(|op| {
            use reverie::kernels::activation::Activation;
            matches!(op, Op::Activation { affine: None, kind: Activation::Identity, .. })
        });
        assert_eq!(copies.count(), 0, "{name}");
    }
}

#[test]
fn buffers_are_shared() {
    for (name, graph) in graphs() {
        let plan = Plan::new(&graph, 1, Class::Gpu, 1 << 28).unwrap();
        let scratch = plan.buffers.iter().filter(|buffer| matches!(buffer, Buffer::Scratch(_))).count();
        assert!(
            2 * scratch < plan.network.ops.len(),
            "{name}: {scratch} buffers for {} tensors",
            plan.network.ops.len()
        );
    }
}

/// Of the models that are shipped and the networks that are measured. What is alive counts nothing
/// that an operation has no use for.
#[test]
fn working_memory_is_at_most_1_35_times_what_is_alive() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let nets = ["a", "c", "ddpm-cifar10"].map(|net| root.join(format!("bench/nets/{net}.json")));
    let models = ["digits", "fashion", "portraits"];
    let models = models.map(|model| root.join(format!("www/models/{model}/unet/config.json")));
    for path in nets.into_iter().chain(models) {
        let config = UNetConfig::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let graph = build(&config, 32, 32);
        for (batch, class) in [(1, Class::SoftwareAdapter), (16, Class::Gpu)] {
            let plan = Plan::new(&graph, batch, class, 1 << 28).unwrap();
            let (scratch, live) = (plan.scratch_bytes(), plan.live_bytes());
            let ratio = scratch as f64 / live as f64;
            println!("{}, {batch} at once: {scratch} bytes for {live} alive: {ratio:.2}", path.display());
            assert!((1.0..=1.35).contains(&ratio), "{}: {ratio}", path.display());
        }
    }
}

/// On every class of machine, which have other things between their dispatches.
#[test]
fn as_many_samples_fit_as_is_said() {
    for (name, graph, class) in every_class() {
        let plan = |batch| Plan::new(&graph, batch, class, 1 << 25);
        let fits = match plan(1 << 20) {
            Err(MachineError::BatchTooLarge { fits, .. }) => fits as usize,
            other => panic!("{name}, {class:?}: {:?}", other.map(|plan| plan.batch)),
        };
        assert!(plan(fits).is_ok(), "{name}, {class:?}: {fits} samples");
        assert!(plan(fits + 1).is_err(), "{name}, {class:?}: one more than {fits}");
    }
}
