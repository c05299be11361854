//! Every shader against its twin, on whatever adapter there is.

use super::GpuMachine;
use crate::kernels::{ALL, Case};
use crate::machine::Machine;

/// Runs a case on a machine and returns its buffers.
async fn run(machine: &mut impl Machine, case: &Case) -> Vec<Vec<u32>> {
    let ids: Vec<_> = case.buffers.iter().map(|b| machine.upload(b).unwrap()).collect();
    let mut dispatch = case.dispatch.clone();
    dispatch.buffers.iter_mut().for_each(|id| *id = ids[id.0]);
    let program = machine.compile(vec![dispatch]).unwrap();
    machine.run(program, 0);
    let mut out = Vec::new();
    for (id, buffer) in ids.iter().zip(&case.buffers) {
        out.push(machine.read(*id, 0, buffer.len()).await.unwrap());
        machine.free(*id);
    }
    machine.discard(program);
    out
}

#[test]
fn every_shader_equals_its_twin() {
    pollster::block_on(async {
        let mut machine = GpuMachine::new().await.unwrap();
        for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
            let got = run(&mut machine, &case).await;
            case.compare(&got).unwrap();
        }
    });
}
