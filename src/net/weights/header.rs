//! The header of a `.safetensors` file: which tensors there are, and where their data lie.
//!
//! It is read here rather than by `safetensors::SafeTensors`, whose errors do not say which tensor
//! lies, and which keeps one of two tensors of the same name without a word.

use std::collections::BTreeMap;
use std::fmt;

use safetensors::tensor::TensorInfo;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{Fault, shortened};

/// A file begins with the length of its JSON header, after which come the data.
const LENGTH: usize = size_of::<u64>();
/// The format's own limit (bytes).
const MAX_HEADER: u64 = 100_000_000;
/// No tensor of a network has more dimensions.
const MAX_RANK: usize = 8;

pub type Tensors = BTreeMap<String, TensorInfo>;

/// Whether the beginning of a file has all of it.
pub fn is_whole(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk::<LENGTH>().map(|length| u64::from_le_bytes(*length));
    length.is_some_and(|length| length <= (bytes.len() - LENGTH) as u64)
}

/// Where the data begin and end, and the tensors, which tile the data without a gap or an overlap.
pub fn read(bytes: &[u8]) -> Result<(usize, usize, Tensors), Fault> {
    let found = bytes.len();
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(Fault::LfsPointer);
    }
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Err(Fault::Truncated { found, needed: LENGTH as u64 });
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(Fault::HeaderSize(length));
    }
    let Some(json) = rest.get(..length as usize) else {
        return Err(Fault::Truncated { found, needed: length + LENGTH as u64 });
    };
    let Header(tensors) = serde_json::from_slice(json).map_err(|error| Fault::Header(error.to_string()))?;

    let start = LENGTH + json.len();
    let length = check_offsets(&tensors)?;
    // A file that says it is larger than memory is found to be truncated.
    Ok((start, start.saturating_add(length), tensors))
}

/// The length of the data, which the tensors must tile.
fn check_offsets(tensors: &Tensors) -> Result<usize, Fault> {
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_unstable_by_key(|(name, info)| (info.data_offsets, *name));
    let mut reached = 0;
    let mut before = "";
    for (name, info) in in_order {
        let (begin, end) = info.data_offsets;
        let lie = |reason| {
            let name = shortened(name);
            Err(Fault::Offsets { name, begin, end, reason })
        };
        if end < begin {
            return lie("they run backwards".into());
        }
        if info.shape.len() > MAX_RANK {
            return lie(format!("its shape has {} dimensions", info.shape.len()));
        }
        match byte_size(info) {
            Some(size) if size == end - begin => {}
            Some(size) => {
                let (dtype, shape) = (info.dtype, &info.shape);
                return lie(format!("{dtype} {shape:?} takes {size} bytes"));
            }
            None => return lie(format!("the shape {:?} is impossible", info.shape)),
        }
        if begin < reached {
            return lie(format!("it overlaps `{}`, which ends at {reached}", shortened(before)));
        }
        if begin > reached {
            return lie(format!("the data before it end at {reached}"));
        }
        (reached, before) = (end, name);
    }
    Ok(reached)
}

/// Bytes of a tensor's data; `None` if they cannot be counted.
fn byte_size(info: &TensorInfo) -> Option<usize> {
    let mut dimensions = info.shape.iter();
    let elements = dimensions.try_fold(1usize, |product, &side| product.checked_mul(side))?;
    let bits = elements.checked_mul(info.dtype.bitsize())?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

/// The header's JSON, in which no name may come twice; `__metadata__` is left out.
struct Header(Tensors);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = Tensors::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let shown = shortened(&name);
            let info = map.next_value();
            let info = info.map_err(|e| A::Error::custom(format!("tensor `{shown}`: {e}")))?;
            if tensors.insert(name, info).is_some() {
                return Err(A::Error::custom(format!("two tensors are named `{shown}`")));
            }
        }
        Ok(Header(tensors))
    }
}
