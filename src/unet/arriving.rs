//! A network whose weights are on their way: each is packed and uploaded as soon as it is there.

use super::build::build;
use super::config::UNetConfig;
use super::graph::WeightSpec;
use super::network::{UNet, UNetError};
use super::pack::{self, pack};
use super::time::TimeProjection;
use super::weights::Weights;
use crate::kernels::BufferId;
use crate::machine::Machine;

/// What there is of a network so far.
#[derive(Debug)]
pub struct Arriving {
    config: UNetConfig,
    /// The name of the file.
    name: String,
    /// Its first bytes, as long as its header is not whole.
    beginning: Vec<u8>,
    weights: Option<Weights>,
    parts: Vec<Part>,
}

/// A weight, and where it is once it is on the machine.
#[derive(Debug)]
struct Part {
    spec: WeightSpec,
    buffer: Option<BufferId>,
}

impl Arriving {
    /// Nothing of the file `name` is there yet.
    pub fn new(config: UNetConfig, name: &str) -> Self {
        // The weights and their order are the same at every image size.
        let specs = build(&config, config.stride(), config.stride()).weights;
        let parts = specs.into_iter().map(|spec| Part { spec, buffer: None }).collect();
        Self { config, name: name.into(), beginning: Vec::new(), weights: None, parts }
    }

    /// All of the file is there.
    pub fn whole(config: UNetConfig, weights: Weights) -> Self {
        Self { weights: Some(weights), ..Self::new(config, "") }
    }

    /// Goes on with the next bytes of the file.
    ///
    /// # Errors
    /// A file that is no safetensors file, a tensor of another shape or type or with values that are
    /// not finite, and whatever the machine refuses.
    pub fn receive<M: Machine>(&mut self, machine: &mut M, bytes: &[u8]) -> Result<(), UNetError> {
        if let Some(weights) = &mut self.weights {
            weights.push(bytes);
        } else {
            self.beginning.extend_from_slice(bytes);
            if Weights::has_header(&self.beginning) {
                let beginning = std::mem::take(&mut self.beginning);
                self.weights = Some(Weights::begin(beginning, &self.name)?);
            }
        }
        match &mut self.weights {
            Some(weights) => upload(machine, weights, &mut self.parts),
            None => Ok(()),
        }
    }

    /// The network, whose file has to be whole and to hold nothing else.
    pub fn finish<M: Machine>(mut self, machine: &mut M) -> Result<UNet, UNetError> {
        match self.complete(machine) {
            Ok(time) => {
                let parts = self.parts.into_iter().filter_map(|part| Some((part.spec, part.buffer?)));
                let (specs, buffers) = parts.unzip();
                Ok(UNet::on_machine(self.config, time, buffers, specs))
            }
            Err(error) => {
                self.abandon(machine);
                Err(error)
            }
        }
    }

    fn complete<M: Machine>(&mut self, machine: &mut M) -> Result<TimeProjection, UNetError> {
        let mut weights = match self.weights.take() {
            Some(weights) => weights,
            None => Weights::parse(std::mem::take(&mut self.beginning), &self.name)?,
        };
        weights.check_length()?;
        let time = TimeProjection::load(&self.config, &mut weights)?;
        upload(machine, &mut weights, &mut self.parts)?;
        weights.finish()?;
        machine.health()?;
        Ok(time)
    }

    /// Gives back what is on the machine.
    pub fn abandon<M: Machine>(self, machine: &mut M) {
        self.parts.into_iter().filter_map(|part| part.buffer).for_each(|buffer| machine.free(buffer));
    }
}

/// Whatever is there and not yet on the machine.
fn upload<M: Machine>(machine: &mut M, weights: &mut Weights, parts: &mut [Part]) -> Result<(), UNetError> {
    for Part { spec, buffer } in parts.iter_mut().filter(|part| part.buffer.is_none()) {
        if pack::names(spec).all(|name| weights.has_arrived(name)) {
            let packed = pack(spec, machine.class(), weights)?;
            *buffer = Some(match pack::is_image(spec, machine.class()) {
                true => machine.upload_image(&packed)?,
                false => machine.upload(&packed)?,
            });
        }
    }
    Ok(())
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cpu::CpuMachine;
    use crate::unet::folder::{Files, ModelFolder};

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
            unet.weights.iter().map(|buffer| machine.floats(*buffer).to_vec()).collect()
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
