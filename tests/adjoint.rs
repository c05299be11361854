//! ⟨A u, w⟩ = ⟨u, Aᵀ w⟩: what an adjoint is, by its definition, of graphs whose weights are random.
#![cfg(not(target_arch = "wasm32"))]

use reverie::cpu::CpuMachine;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::random;
use reverie::machine::{Class, Machine};
use reverie::net::adjoint::adjoint;
use reverie::net::arriving::Arriving;
use reverie::net::builder::Builder;
use reverie::net::graph::{Graph, Role, TensorId};
use reverie::net::layout::Layout;
use reverie::net::network::Network;
use reverie::net::pixels::{to_nchw, to_nhwc};
use reverie::net::random::random_weights;
use reverie::net::scope::Scope;

const BATCH: usize = 2;

/// A graph, and the tensors that it begins and ends with.
struct Map {
    graph: Graph,
    input: TensorId,
    output: TensorId,
}

impl Map {
    fn of([height, width, channels]: [usize; 3], write: impl Fn(&mut Builder, TensorId) -> TensorId) -> Self {
        let mut b = Builder::default();
        let input = b.tensor(height, width, Layout::of(channels));
        b.input(Role::Sample, input);
        let output = write(&mut b, input);
        b.output(Role::Prediction, output);
        Self { graph: b.graph, input, output }
    }
}

/// One pass of a graph over random weights of ±0.1, `[N, C, H, W]` to `[N, C, H, W]`.
fn pass(
    machine: &mut impl Machine,
    graph: &Graph,
    [from, to]: [(Role, TensorId); 2],
    values: &[f32],
) -> Vec<f32> {
    // By a tensor's place: a layer and its adjoint get the same numbers.
    let weights = random_weights(&graph.weights).unwrap();
    let arriving = Arriving::whole(graph.weights.clone(), weights);
    let (network, ()): (Network, ()) = arriving.finish(machine, |_| Ok(())).unwrap();
    let instance = network.instance(machine, graph, BATCH, &|_, _| true).unwrap();
    let shape = |id: TensorId| {
        let tensor = graph.tensor(id);
        (tensor.layout.channels(), tensor.pixels())
    };
    let ((channels, pixels), input) = (shape(from.1), instance.input(from.0).unwrap());
    machine.write(input.buffer, 0, &to_nhwc(values, channels, pixels));
    machine.run(instance.program, 0);
    let output = instance.output(to.0).unwrap();
    let words = pollster::block_on(machine.read(output.buffer, 0, output.words)).unwrap();
    instance.release(machine);
    network.free(machine);
    let (channels, pixels) = shape(to.1);
    to_nchw(&words, channels, pixels)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn vector(seed: u32, graph: &Graph, id: TensorId) -> Vec<f32> {
    let count = BATCH * graph.tensor(id).pixels() * graph.tensor(id).layout.channels();
    random(seed, count as u32).into_iter().map(f32::from_bits).collect()
}

fn check(machine: &mut impl Machine, name: &str, map: &Map) {
    let Map { graph, input, output } = map;
    let turned = adjoint(graph, *input, *output).unwrap();
    let ends = [(Role::Sample, *input), (Role::Prediction, *output)];
    let back = [turned.inputs[0], turned.outputs[0]];
    let (u, w) = (vector(1, graph, *input), vector(2, graph, *output));
    // A without its biases: what u changes.
    let of_u = pass(machine, graph, ends, &u);
    let of_nothing = pass(machine, graph, ends, &vec![0.0; u.len()]);
    let changed: Vec<f32> = of_u.iter().zip(&of_nothing).map(|(a, b)| a - b).collect();
    let gradient = pass(machine, &turned, back, &w);
    let (there, back) = (dot(&changed, &w), dot(&u, &gradient));
    let size = (dot(&changed, &changed) * dot(&w, &w)).sqrt();
    println!("{name}, {:?}: {there:.6} and {back:.6}", machine.class());
    assert!((there - back).abs() <= 1e-5 * size, "{name}: {there} and {back} of {size}");
    assert!(there.abs() > 1e-4 * size, "{name}: the test says something");
}

fn maps() -> Vec<(&'static str, Map)> {
    let at = |name| Scope::default().at(name);
    let linear =
        |b: &mut Builder, x| b.linear(&[(at("a"), Layout::of(6)), (at("b"), Layout::of(5))], x, false);
    vec![
        ("a linear layer", Map::of([1, 1, 10], linear)),
        ("a pointwise convolution", {
            Map::of([5, 7, 9], |b, x| b.linear(&[(at("a"), Layout::of(14))], x, true))
        }),
        ("a convolution", Map::of([8, 12, 6], |b, x| b.conv(&at("a"), x, 10))),
        ("a convolution of an odd size", Map::of([5, 7, 3], |b, x| b.conv(&at("a"), x, 4))),
    ]
}

fn every_map(machine: &mut impl Machine) {
    for (name, map) in maps() {
        check(machine, name, &map);
    }
}

#[test]
fn adjoints_on_the_cpu() {
    every_map(&mut CpuMachine::default());
}

#[test]
fn adjoints_by_shaders_of_either_class() {
    for class in [Class::SoftwareAdapter, Class::Gpu] {
        let mut machine = pollster::block_on(GpuMachine::new()).unwrap();
        machine.class = class;
        every_map(&mut machine);
    }
}

#[test]
fn what_cannot_be_turned_round_is_named() {
    let map = Map::of([4, 4, 8], |b, x| b.avg_pool(x));
    let error = adjoint(&map.graph, map.input, map.output).unwrap_err().to_string();
    assert!(error.contains("no adjoint of AvgPool"), "{error}");
}
