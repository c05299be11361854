//! Every shader against its twin, on whatever adapter there is.

use super::GpuMachine;
use crate::kernels::{ALL, matmul};
use crate::machine::{Machine, run_case};

#[test]
fn every_shader_equals_its_twin() {
    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
            let got = run_case(&mut machine, &case).await.unwrap();
            case.compare(&got).unwrap();
        }
    });
}

#[test]
fn drawing_equals_its_twin() {
    use super::painter::{Offscreen, Painter, Picture};
    use crate::kernels::case::random;
    use crate::kernels::present::{Grid, twin};

    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        let painter = Painter::new(&machine.gpu, Offscreen::FORMAT);
        for (samples, channels, offset) in [(1, 1, 0), (3, 3, 35), (16, 6, 0)] {
            let grid = Grid { samples, width: 7, height: 5, gap: 1 };
            let params = grid.params(channels, offset, [-0.9, 0.8], [0.2, 0.4, 0.6, 1.0]);
            let words = random(samples, 4 * (offset + samples * 35 * channels.div_ceil(4)));
            let id = machine.upload(&words).unwrap();
            let picture = Picture { source: machine.buffer(id).clone(), params };
            let target = Offscreen::new(&machine.gpu, grid.size());
            let got = target.paint(&machine.gpu, &painter, &picture).await.unwrap();
            let want = twin(&params, bytemuck::cast_slice(&words));
            assert_eq!(got.len(), want.len());
            let worst = got.iter().zip(&want).map(|(g, w)| g.abs_diff(*w)).max();
            assert!(worst <= Some(1), "{samples} samples of {channels} channels: off by {worst:?}");
        }
    });
}

/// A product of as many channels as it has.
fn square_product(channels: u32, rows: u32) -> matmul::Params {
    matmul::Params {
        products: 1,
        rows,
        in_channels: channels,
        in_pitch: channels,
        out_channels: channels,
        out_pitch: channels,
        scale: 1.0,
        ..Default::default()
    }
}

#[test]
fn an_image_follows_its_buffer() {
    use crate::kernels::BufferId;
    use crate::kernels::case::{random, relative_error, run_twin};

    // One product after the other: the second reads what the first has written.
    let (channels, rows) = (2, 64);
    let p = matmul::Params { has_bias: 1, ..square_product(channels, rows) };
    let words = 4 * rows * channels;
    let lengths = [words, 16 * channels * channels, 4 * channels, 4, words, words];
    let mut buffers: Vec<_> = lengths.iter().zip(1..).map(|(words, seed)| random(seed, *words)).collect();
    let chain = |ids: &[BufferId]| {
        let [x, weight, bias, absent, between, y] = ids else { unreachable!("six buffers") };
        let one = |x, y| matmul::dispatch(&p, [x, *weight, *bias, *absent, y]);
        vec![one(*x, *between), one(*between, *y)]
    };
    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        let before = machine.counters.bytes;
        let ids: Vec<_> = buffers.iter().map(|words| machine.upload(words).unwrap()).collect();
        let program = machine.compile(chain(&ids)).unwrap();
        let other = machine.upload(&random(8, words)).unwrap();
        for turn in 0..3 {
            // As it is, written anew, and copied from elsewhere.
            if turn > 0 {
                buffers[0] = random(6 + turn, words);
            }
            match turn {
                1 => machine.write(ids[0], 0, &buffers[0]),
                2 => machine.copy((other, 0), (ids[0], 0), words as usize),
                _ => {}
            }
            machine.run(program, 0);
            let got = machine.read(ids[5], 0, words as usize).await.unwrap();
            let places: Vec<_> = (0..buffers.len()).map(BufferId).collect();
            chain(&places).iter().for_each(|dispatch| run_twin(dispatch, 0, &mut buffers));
            let error = relative_error(bytemuck::cast_slice(&got), bytemuck::cast_slice(&buffers[5]));
            assert!(error < 2e-6, "turn {turn}: off by {error:e}");
        }
        machine.discard(program);
        ids.into_iter().chain([other]).for_each(|id| machine.free(id));
        assert_eq!(machine.counters.bytes, before, "images are given back with their buffers");
    });
}

/// A kernel that reads little of a buffer has only that copied; the next one may read more.
#[test]
fn an_image_follows_as_far_as_it_is_read() {
    use crate::kernels::BufferId;
    use crate::kernels::case::{random, relative_error, run_twin};

    let channels = 64;
    let of_rows = |rows, y| matmul::dispatch(&square_product(channels, rows), [0, 1, 2, 2, y].map(BufferId));
    let chain = [of_rows(5, 3), of_rows(40, 4), of_rows(17, 3)];
    let lengths = [4 * 40 * channels, 16 * channels * channels, 4, 4 * 40 * channels, 4 * 40 * channels];
    let mut buffers: Vec<_> = lengths.iter().zip(1..).map(|(words, seed)| random(seed, *words)).collect();
    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        for words in &buffers {
            machine.upload(words).unwrap();
        }
        let program = machine.compile(chain.to_vec()).unwrap();
        machine.run(program, 0);
        chain.iter().for_each(|dispatch| run_twin(dispatch, 0, &mut buffers));
        for y in [3, 4] {
            let got = machine.read(BufferId(y), 0, buffers[y].len()).await.unwrap();
            let error = relative_error(bytemuck::cast_slice(&got), bytemuck::cast_slice(&buffers[y]));
            assert!(error < 2e-6, "buffer {y}: off by {error:e}");
        }
    });
}

/// A driver that ends a thread's loops early would not get through it.
#[test]
fn a_lone_thread_norms_as_large_a_group_as_it_is_given() {
    use crate::kernels::case::random;
    use crate::kernels::{BufferId, Case, group_norm, group_norm_lone};

    let p = group_norm::Params {
        batch: 1,
        pixels: group_norm_lone::MOST_VALUES / 4,
        channels: 4,
        groups: 1,
        pitch: 4,
        split: 4,
        physical: 4,
        eps: 1e-5,
        ..Default::default()
    };
    // What comes late weighs as much as what comes first.
    let ramp = (0..4 * p.pixels).map(|at| (at as f32 / p.pixels as f32).to_bits()).collect();
    let buffers = vec![ramp, random(2, 4), random(3, 4), random(4, 4), random(5, 8)];
    let places: [BufferId; 5] = std::array::from_fn(BufferId);
    let dispatch = group_norm_lone::dispatch(&p, places);
    let case = Case { label: "the largest group".into(), dispatch, buffers, tolerance: 1e-5 };
    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        let got = run_case(&mut machine, &case).await.unwrap();
        case.compare(&got).unwrap();
    });
}
