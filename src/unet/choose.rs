//! Which variant of a kernel suits a shape on a class of machine.
//!
//! On a processor a load costs as much as several multiply-adds, a barrier more than both, and two
//! workgroups keep it busy. A graphics card wants thousands of threads.

use crate::machine::Class;

/// Who makes a 3×3 convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv {
    /// `conv3x3`: 4×4 pixels a thread.
    Square,
    /// `conv3x3_wide`: 8×4 pixels a thread, a workgroup to 32 output channels.
    Wide,
}

/// Who makes a group norm's multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// `group_norm`: a workgroup a group, which waits for its threads.
    Group,
    /// `channel_moments` over stretches of so many pixels, and `group_norm_merge`: no barriers.
    Moments { stretch: u32 },
}

/// Channels in vec4s.
pub fn conv(class: Class, width: u32, out_channels: u32) -> Conv {
    // Narrow images, or lanes without channels, would leave most of a wide tile empty.
    match class {
        Class::SoftwareAdapter if width > 4 && out_channels > 1 => Conv::Wide,
        _ => Conv::Square,
    }
}

pub fn norm(class: Class) -> Norm {
    match class {
        Class::SoftwareAdapter => Norm::Moments { stretch: 32 },
        _ => Norm::Group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processors_behind_a_driver_get_the_wide_tiles() {
        assert_eq!(conv(Class::SoftwareAdapter, 32, 8), Conv::Wide);
        assert_eq!(conv(Class::SoftwareAdapter, 5, 2), Conv::Wide);
        for (class, width, channels) in [
            (Class::SoftwareAdapter, 4, 64),
            (Class::SoftwareAdapter, 32, 1),
            (Class::Gpu, 32, 8),
            (Class::Cpu, 32, 8),
        ] {
            assert_eq!(conv(class, width, channels), Conv::Square);
        }
    }

    #[test]
    fn barriers_are_for_graphics_cards() {
        assert_eq!(norm(Class::Gpu), Norm::Group);
        assert!(matches!(norm(Class::SoftwareAdapter), Norm::Moments { .. }));
    }
}
