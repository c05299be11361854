//! Enums whose variants have the names that diffusers' configs use.

/// A name that none of the variants has.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("unknown {what} {name:?}; known are {}", known.join(", "))]
pub struct UnknownName {
    /// The config key, as `prediction_type`.
    pub what: &'static str,
    pub name: String,
    pub known: &'static [&'static str],
}

/// Declares an enum with `NAMES`, `name()` and `FromStr` from one table.
macro_rules! named_enum {
    (
        $(#[$meta:meta])*
        pub enum $Enum:ident($what:literal) {
            $( $(#[$variant_meta:meta])* $Variant:ident = $name:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum {
            $( $(#[$variant_meta])* $Variant, )+
        }

        impl $Enum {
            /// Every variant's name, in order of declaration.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name that diffusers' configs give it.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$Variant => $name, )+
                }
            }
        }

        impl std::str::FromStr for $Enum {
            type Err = $crate::diffusion::named::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $( $name => Ok(Self::$Variant), )+
                    _ => Err($crate::diffusion::named::UnknownName {
                        what: $what,
                        name: name.chars().take(80).collect(),
                        known: Self::NAMES,
                    }),
                }
            }
        }
    };
}

pub(crate) use named_enum;
