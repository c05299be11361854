//! Where in a weight file a part of a network has its tensors.

use std::fmt::Display;

/// A path of names, `down_blocks.0.resnets.1`: a block that takes one is written once, wherever it
/// stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// One part further down.
    #[must_use]
    pub fn at(&self, part: impl Display) -> Self {
        Self(self.tensor(part))
    }

    /// The name of a tensor here.
    pub fn tensor(&self, name: impl Display) -> String {
        if self.0.is_empty() { name.to_string() } else { format!("{}.{name}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_by_dots() {
        let block = Scope::default().at("down_blocks").at(0).at("resnets").at(1);
        assert_eq!(block.tensor("norm1.weight"), "down_blocks.0.resnets.1.norm1.weight");
        assert_eq!(Scope::default().tensor("conv_in.bias"), "conv_in.bias");
    }
}
