//! A `UNet2DModel` whose weights are on their way.

use super::build::build;
use super::config::UNetConfig;
use super::network::{UNet, UNetError};
use super::time::TimeProjection;
use crate::machine::Machine;
use crate::net;
use crate::net::weights::Weights;

/// What there is of a network so far.
#[derive(Debug)]
pub struct Arriving {
    config: UNetConfig,
    weights: net::arriving::Arriving,
}

impl Arriving {
    /// Nothing of the file `name` is there yet.
    pub fn new(config: UNetConfig, name: &str) -> Self {
        let weights = net::arriving::Arriving::new(specs(&config), name);
        Self { config, weights }
    }

    /// All of the file is there.
    pub fn whole(config: UNetConfig, weights: Weights) -> Self {
        let weights = net::arriving::Arriving::whole(specs(&config), weights);
        Self { config, weights }
    }

    /// Goes on with the next bytes of the file.
    ///
    /// # Errors
    /// A file that is no safetensors file, a tensor of another shape or type or with values that are
    /// not finite, and whatever the machine refuses.
    pub fn receive<M: Machine>(&mut self, machine: &mut M, bytes: &[u8]) -> Result<(), UNetError> {
        Ok(self.weights.receive(machine, bytes)?)
    }

    /// The network, whose file has to be whole and to hold nothing else.
    pub fn finish<M: Machine>(self, machine: &mut M) -> Result<UNet, UNetError> {
        let Self { config, weights } = self;
        let (network, time) = weights.finish(machine, |weights| TimeProjection::load(&config, weights))?;
        Ok(UNet { config, time, network })
    }

    /// Gives back what is on the machine.
    pub fn abandon<M: Machine>(self, machine: &mut M) {
        self.weights.abandon(machine);
    }
}

impl UNet {
    /// Packs and uploads every weight; the file must hold no other.
    pub fn load<M: Machine>(
        machine: &mut M,
        config: UNetConfig,
        weights: Weights,
    ) -> Result<Self, UNetError> {
        Arriving::whole(config, weights).finish(machine)
    }
}

/// The weights in their order, which are the same at every image size.
pub fn specs(config: &UNetConfig) -> Vec<net::graph::WeightSpec> {
    build(config, config.stride(), config.stride()).weights
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cpu::CpuMachine;
    use crate::models::folder::{Files, ModelFolder};

    const FILE: &str = "unet/diffusion_pytorch_model.safetensors";

    fn digits() -> (UNetConfig, Vec<u8>) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/www/models/digits"));
        let bytes = folder.read(FILE, u64::MAX).unwrap().unwrap();
        (ModelFolder::open(&folder).unwrap().config, bytes)
    }

    #[test]
    fn a_file_in_pieces_makes_the_same_network_as_a_whole_one() {
        let (config, bytes) = digits();
        let mut machine = CpuMachine::default();
        let whole = Weights::parse(bytes.clone(), FILE).unwrap();
        let whole = Arriving::whole(config.clone(), whole).finish(&mut machine).unwrap();
        let values = |unet: &UNet, machine: &CpuMachine| -> Vec<Vec<f32>> {
            unet.network.weights.iter().map(|buffer| machine.floats(*buffer).to_vec()).collect()
        };
        let expected = values(&whole, &machine);
        for piece in [1 << 10, 100_003, bytes.len()] {
            let mut arriving = Arriving::new(config.clone(), FILE);
            bytes.chunks(piece).for_each(|bytes| arriving.receive(&mut machine, bytes).unwrap());
            let unet = arriving.finish(&mut machine).unwrap();
            assert!(values(&unet, &machine) == expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn weights_are_on_the_machine_before_the_file_has_ended() {
        let (config, bytes) = digits();
        let mut machine = CpuMachine::default();
        let mut arriving = Arriving::new(config, FILE);
        arriving.receive(&mut machine, &bytes[..bytes.len() / 2]).unwrap();
        // The file holds halves, the machine floats.
        let half = bytes.len() as u64;
        assert!((half * 3 / 4..half).contains(&machine.memory().bytes), "{}", machine.memory().bytes);
        arriving.abandon(&mut machine);
        assert_eq!(machine.memory().bytes, 0);
    }

    #[test]
    fn what_is_wrong_leaves_nothing_behind() {
        let (config, bytes) = digits();
        let mut machine = CpuMachine::default();
        let mut finish = |bytes: &[u8]| {
            let mut arriving = Arriving::new(config.clone(), FILE);
            let received = arriving.receive(&mut machine, bytes);
            let error = received.and_then(|()| arriving.finish(&mut machine).map(drop)).unwrap_err();
            assert_eq!(machine.memory().bytes, 0);
            error.to_string()
        };
        assert!(finish(&bytes[..100]).contains("the file ends after 100 of"));
        assert!(finish(&bytes[..bytes.len() - 1]).contains("the file ends after"));
        assert!(finish(&[&bytes[..], &[0]].concat()).contains("1 bytes follow the last tensor"));
        assert!(finish(b"version https://git-lfs.github.com/spec/v1").contains("git lfs pull"));
    }
}
