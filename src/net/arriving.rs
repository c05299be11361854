//! Weights on their way: each is packed and uploaded as soon as it is there.

use super::graph::WeightSpec;
use super::network::{Network, NetworkError};
use super::pack::{self, pack};
use super::weights::{Weights, WeightsError};
use crate::kernels::BufferId;
use crate::machine::Machine;

/// What there is of a network's weights so far.
#[derive(Debug)]
pub struct Arriving {
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
    pub fn new(specs: Vec<WeightSpec>, name: &str) -> Self {
        let parts = specs.into_iter().map(|spec| Part { spec, buffer: None }).collect();
        Self { name: name.into(), beginning: Vec::new(), weights: None, parts }
    }

    /// All of the file is there.
    pub fn whole(specs: Vec<WeightSpec>, weights: Weights) -> Self {
        Self { weights: Some(weights), ..Self::new(specs, "") }
    }

    /// Goes on with the next bytes of the file.
    ///
    /// # Errors
    /// A file that is no safetensors file, a tensor of another shape or type or with values that are
    /// not finite, and whatever the machine refuses.
    pub fn receive<M: Machine>(&mut self, machine: &mut M, bytes: &[u8]) -> Result<(), NetworkError> {
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

    /// The network, whose file has to be whole and to hold nothing but its weights and what `take`
    /// takes for itself.
    pub fn finish<M: Machine, T>(
        mut self,
        machine: &mut M,
        take: impl FnOnce(&mut Weights) -> Result<T, WeightsError>,
    ) -> Result<(Network, T), NetworkError> {
        match self.complete(machine, take) {
            Ok(taken) => {
                let parts = self.parts.into_iter().filter_map(|part| Some((part.spec, part.buffer?)));
                Ok((Network::of(parts), taken))
            }
            Err(error) => {
                self.abandon(machine);
                Err(error)
            }
        }
    }

    fn complete<M: Machine, T>(
        &mut self,
        machine: &mut M,
        take: impl FnOnce(&mut Weights) -> Result<T, WeightsError>,
    ) -> Result<T, NetworkError> {
        let mut weights = match self.weights.take() {
            Some(weights) => weights,
            None => Weights::parse(std::mem::take(&mut self.beginning), &self.name)?,
        };
        weights.check_length()?;
        let taken = take(&mut weights)?;
        upload(machine, &mut weights, &mut self.parts)?;
        weights.finish()?;
        machine.health()?;
        Ok(taken)
    }

    /// Gives back what is on the machine.
    pub fn abandon<M: Machine>(self, machine: &mut M) {
        self.parts.into_iter().filter_map(|part| part.buffer).for_each(|buffer| machine.free(buffer));
    }
}

/// Whatever is there and not yet on the machine.
fn upload<M: Machine>(
    machine: &mut M,
    weights: &mut Weights,
    parts: &mut [Part],
) -> Result<(), NetworkError> {
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
