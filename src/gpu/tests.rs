//! Every shader against its twin, on whatever adapter there is.

use super::GpuMachine;
use crate::kernels::ALL;
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
