//! Runs that leave another run, or start from a picture.
#![cfg(not(target_arch = "wasm32"))]

use std::path::PathBuf;

use pollster::block_on;
use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::relative_error;
use reverie::machine::Machine;
use reverie::net::pixels::to_nchw;
use reverie::session::tree::MOST_BRANCHES;
use reverie::session::{
    Condition, Lens, Model, NoiseSource, Origin, Race, Recipe, SessionError, Start, Tree,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet/classes");
const STEPS: usize = 8;
const BATCH: usize = 2;

fn recipe(sampler: &str) -> Recipe {
    Recipe {
        sampler: Some(sampler.into()),
        scheduler: None,
        steps: STEPS,
        batch: BATCH,
        first_sample: 0,
        size: None,
        condition: Condition::Classes(vec![1, 2]),
        options: SamplerOptions { guidance_scale: 2.0, ..Default::default() },
        noise: NoiseSource::Seed(5),
        keep_bytes: 8 << 20,
    }
}

fn model(machine: &mut impl Machine) -> Model {
    let mut model = Model::load(machine, &PathBuf::from(FOLDER)).unwrap();
    let scheduler = r#"{ "beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing",
                         "prediction_type": "v_prediction", "clip_sample": false }"#;
    model.scheduler = SchedulerConfig::from_json(scheduler).unwrap();
    model
}

fn origin(at: usize) -> Origin {
    Origin { branch: 0, at, spread: None }
}

/// The values of a moment of the current path, sample after sample.
async fn values(machine: &mut impl Machine, tree: &Tree, at: usize, lens: Lens) -> Vec<Vec<f32>> {
    let moment = tree.moment(at);
    let (buffer, first, stride) = moment.image(lens).unwrap();
    let shape = moment.run.shape;
    let mut samples = Vec::new();
    for sample in 0..tree.run().shape.batch as usize {
        let words = machine.read(buffer, first + sample * stride, shape.sample_floats() as usize);
        let words = words.await.unwrap();
        let nchw = to_nchw(&words, shape.channels as usize, shape.pixels as usize);
        samples.push(nchw.iter().map(|value| value / moment.deviation()).collect());
    }
    samples
}

async fn finish(machine: &mut impl Machine, tree: &mut Tree) -> Vec<f32> {
    while !tree.run().is_done() {
        tree.run_mut().advance(machine).await.unwrap();
    }
    let end = tree.steps().len();
    assert_eq!(tree.steps_done(), end);
    values(machine, tree, end, Lens::Sample).await.concat()
}

/// A fork that changes nothing draws what its trunk draws.
#[test]
fn a_fork_without_a_change_is_the_same_run() {
    fn check(machine: &mut impl Machine) {
        let model = model(machine);
        block_on(async {
            // Without memory of earlier steps, with fresh noise, and on samples that are not of unit
            // variance: there the start is rounded once more, and the network makes that larger.
            for (sampler, limit) in [("ddim", 0.0), ("ddpm", 0.0), ("euler-a", 4e-6), ("heun", 1e-5)] {
                let recipe = recipe(sampler);
                let mut tree = Tree::start(machine, &model, &recipe, None).unwrap();
                let whole = finish(machine, &mut tree).await;
                for at in [0, 3, 7] {
                    let number = tree.fork(machine, &model, &recipe, origin(at), 0).unwrap();
                    assert_eq!((tree.current(), tree.steps_done()), (number, at));
                    assert_eq!(tree.steps().len(), STEPS);
                    let forked = finish(machine, &mut tree).await;
                    let error = relative_error(&forked, &whole);
                    assert!(error <= limit, "{sampler} from step {at}: {error:e}");
                }
                tree.release(machine, &model);
            }
        });
    }
    check(&mut CpuMachine::default());
    check(&mut block_on(GpuMachine::new()).unwrap());
}

#[test]
fn a_fork_shares_its_past_and_goes_its_own_way() {
    let mut machine = CpuMachine::default();
    let model = model(&mut machine);
    block_on(async {
        let mut tree = Tree::start(&mut machine, &model, &recipe("ddim"), None).unwrap();
        let whole = finish(&mut machine, &mut tree).await;
        let other = Recipe { condition: Condition::Classes(vec![3, 3]), ..recipe("dpm++2m") };
        tree.fork(&mut machine, &model, &other, origin(4), 0).unwrap();
        let image = |at| tree.moment(at).image(Lens::Sample);
        assert!(image(4).is_some() && image(5).is_none(), "the fork stands where it began");
        assert!(relative_error(&finish(&mut machine, &mut tree).await, &whole) > 1e-3);
        for at in 0..=4 {
            let ours = values(&mut machine, &tree, at, Lens::EpsHat).await;
            tree.select(0);
            assert_eq!(ours, values(&mut machine, &tree, at, Lens::EpsHat).await, "after step {at}");
            tree.select(1);
        }
        assert_eq!(tree.network_calls(), STEPS);

        // A fork of the fork, with noise of its own; closing the first takes it along.
        let ancestral = recipe("ddpm");
        let again = Origin { branch: 1, at: 6, spread: None };
        tree.fork(&mut machine, &model, &ancestral, again, 1).unwrap();
        let one = finish(&mut machine, &mut tree).await;
        tree.fork(&mut machine, &model, &ancestral, again, 2).unwrap();
        assert!(relative_error(&finish(&mut machine, &mut tree).await, &one) > 1e-3);
        tree.close(&mut machine, &model, 1);
        assert_eq!((tree.current(), tree.origin(1), tree.origin(3)), (0, None, None));
    });
}

/// Sixteen ways on from one sample: one past, as many futures.
#[test]
fn a_fan_spreads_one_sample() {
    let mut machine = CpuMachine::default();
    let model = model(&mut machine);
    block_on(async {
        let mut tree = Tree::start(&mut machine, &model, &recipe("ddim"), None).unwrap();
        finish(&mut machine, &mut tree).await;
        let trunk = values(&mut machine, &tree, 5, Lens::Sample).await;
        let options = SamplerOptions { eta: 1.0, ..Default::default() };
        let fan = Recipe { batch: 4, condition: Condition::Classes(vec![2; 4]), options, ..recipe("ddim") };
        let spread = Origin { spread: Some(1), ..origin(5) };
        tree.fork(&mut machine, &model, &fan, spread, 1).unwrap();
        finish(&mut machine, &mut tree).await;
        for at in [2, 5] {
            let past = values(&mut machine, &tree, at, Lens::Sample).await;
            assert!(past.iter().all(|sample| *sample == past[0]), "after step {at}");
        }
        assert_eq!(values(&mut machine, &tree, 5, Lens::Sample).await[0], trunk[1]);
        let future = values(&mut machine, &tree, 6, Lens::Sample).await;
        assert!(relative_error(&future[0], &future[1]) > 1e-3);
    });
}

/// Another sampler's levels are others: the noise that is missing is added.
#[test]
fn a_fork_to_other_levels_starts_at_one_that_is_as_noisy() {
    let mut machine = CpuMachine::default();
    let mut model = model(&mut machine);
    block_on(async {
        let mut tree = Tree::start(&mut machine, &model, &recipe("ddim"), None).unwrap();
        finish(&mut machine, &mut tree).await;
        let sigma = tree.steps()[4].sigma;
        model.scheduler.solver.sigmas = reverie::diffusion::sigmas::SigmaRule::Karras;
        for sampler in ["euler", "unipc", "pf-ode"] {
            tree.fork(&mut machine, &model, &recipe(sampler), origin(4), 0).unwrap();
            let [first, second] = [4, 5].map(|at| tree.steps()[at].sigma);
            assert!(first >= sigma * 0.9999 && second < sigma, "{sampler}: {first} {second} for {sigma}");
            assert!(finish(&mut machine, &mut tree).await.iter().all(|value| value.is_finite()));
        }
    });
}

/// SDEdit: a picture with little noise stays closer to itself than one with much.
#[test]
fn a_run_starts_from_a_picture() {
    let mut machine = CpuMachine::default();
    let model = model(&mut machine);
    block_on(async {
        let mut trunk = Tree::start(&mut machine, &model, &recipe("ddim"), None).unwrap();
        let picture = finish(&mut machine, &mut trunk).await;
        let (buffer, at, _) = trunk.moment(STEPS).image(Lens::Sample).unwrap();
        let mut distance = |sigma: f64| {
            let start = Start { at: (buffer, at), spread: false, deviation: 1.0, sigma, branch: 1 };
            let mut tree = Tree::start(&mut machine, &model, &recipe("euler"), Some(start)).unwrap();
            let steps = tree.steps().len();
            let end = block_on(finish(&mut machine, &mut tree));
            tree.release(&mut machine, &model);
            (steps, relative_error(&end, &picture))
        };
        let ((few, near), (many, far)) = (distance(0.1), distance(20.0));
        assert!(few < many && near < far, "{few} steps: {near}, {many} steps: {far}");
    });
}

#[test]
fn impossible_forks_are_refused() {
    let mut machine = CpuMachine::default();
    let model = model(&mut machine);
    let mut tree = Tree::start(&mut machine, &model, &recipe("ddim"), None).unwrap();
    let mut fork = |recipe: &Recipe, origin| match tree.fork(&mut machine, &model, recipe, origin, 0) {
        Err(SessionError::Recipe(message)) => message,
        other => panic!("{other:?}"),
    };
    assert!(fork(&recipe("ddim"), origin(1)).contains("not computed yet"));
    assert!(fork(&recipe("ddim"), Origin { branch: 3, ..origin(0) }).contains("is gone"));
    let larger = Recipe { batch: 3, condition: Condition::Free, ..recipe("ddim") };
    assert!(fork(&larger, origin(0)).contains("batch stays"));
    assert!(fork(&larger, Origin { spread: Some(2), ..origin(0) }).contains("batch stays"));
    for _ in 1..MOST_BRANCHES {
        tree.fork(&mut machine, &model, &recipe("ddim"), origin(0), 0).unwrap();
    }
    let refused = tree.fork(&mut machine, &model, &recipe("ddim"), origin(0), 0).unwrap_err();
    assert!(refused.to_string().contains("eight branches"), "{refused}");
}

/// Everyone gets the same x_T and as many calls, and ends as a run of its own would.
#[test]
fn a_race_is_of_equal_calls() {
    let mut machine = CpuMachine::default();
    let model = model(&mut machine);
    block_on(async {
        let recipes = ["ddim", "heun", "pc"].map(|sampler| Recipe {
            batch: 1,
            condition: Condition::Classes(vec![2]),
            ..recipe(sampler)
        });
        let mut race = Race::start(&mut machine, &model, &recipes, 7).unwrap();
        let steps: Vec<_> = race.runs().iter().map(|run| run.plan.steps.len()).collect();
        assert_eq!(steps, [7, 4, 3]);
        while race.step(&mut machine) {}
        for (run, recipe) in race.runs().iter().zip(&recipes) {
            let ours = run.read_sample(&mut machine).await.unwrap();
            let alone = Recipe { steps: run.plan.steps.len(), ..recipe.clone() };
            let mut tree = Tree::start(&mut machine, &model, &alone, None).unwrap();
            assert_eq!(ours, finish(&mut machine, &mut tree).await);
        }
        // Who cannot is left out, and says how many calls it needs.
        let recipes = ["rk45", "pndm", "ddim"]
            .map(|sampler| Recipe { sampler: Some(sampler.into()), ..recipes[0].clone() });
        let race = Race::start(&mut machine, &model, &recipes, 7).unwrap();
        let steps: Vec<_> = race.entrants().map(|(recipe, run)| (recipe, run.plan.steps.len())).collect();
        assert_eq!(steps, [(2, 7)]);
        let left_out: Vec<_> = race.left_out().iter().map(|left| (left.recipe, left.least_calls)).collect();
        assert_eq!(left_out, [(0, None), (1, Some(13))]);
        assert!(race.left_out()[0].reason.to_string().contains("adaptive"));
        race.release(&mut machine, &model);
        let race = Race::start(&mut machine, &model, &recipes[1..2], 12).unwrap();
        assert_eq!((race.runs().len(), race.left_out()[0].least_calls), (0, Some(13)));
        let race = Race::start(&mut machine, &model, &recipes[1..2], 13).unwrap();
        assert_eq!((race.runs().len(), race.left_out().len()), (1, 0));
    });
}
