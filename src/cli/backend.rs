//! Choosing the machine; all else is generic over it.

use reverie::cpu::CpuMachine;
use reverie::gpu::{Gpu, GpuMachine};
use reverie::machine::Machine;

use super::args::Backend;
use super::error::CliError;

/// What runs a network on some machine.
pub trait Task {
    /// Optional features of the device that it makes use of, where they are there.
    const FEATURES: wgpu::Features = wgpu::Features::empty();

    /// `device` names the machine for people.
    async fn run<M: Machine>(self, machine: &mut M, device: &str) -> Result<(), CliError>;
}

/// Does the task on a machine of this kind.
pub async fn run<T: Task>(backend: Backend, task: T) -> Result<(), CliError> {
    match backend {
        Backend::Cpu => task.run(&mut CpuMachine::default(), "CPU").await,
        Backend::Gpu => {
            keep_wayland_quiet();
            let gpu = Gpu::with(T::FEATURES).await.map_err(CliError::Gpu)?;
            let mut machine = GpuMachine::on(gpu);
            let info = machine.gpu.adapter.get_info();
            task.run(&mut machine, &format!("{} ({})", info.name, info.backend)).await
        }
    }
}

/// Looking for adapters, Mesa asks libwayland for a display, which complains on
/// stderr where this variable is missing, though no display is wanted.
fn keep_wayland_quiet() {
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    if cfg!(target_os = "linux") && std::env::var_os(VARIABLE).is_none() {
        // SAFETY: nothing has started another thread yet.
        unsafe { std::env::set_var(VARIABLE, std::env::temp_dir()) }
    }
}
