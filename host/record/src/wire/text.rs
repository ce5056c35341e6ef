//! Names, which are bytes, in JSON: text where they are UTF-8, else `{"hex": "..."}`.

use std::fmt;
use std::fmt::Write;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(text) = std::str::from_utf8(name) {
        return serializer.serialize_str(text);
    }
    let mut digits = String::with_capacity(name.len() * 2);
    for byte in name {
        // A String takes whatever is written to it.
        write!(digits, "{byte:02x}").ok();
    }
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("hex", &digits)?;
    map.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Forms;
    impl<'de> Visitor<'de> for Forms {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or {\"hex\": \"...\"}")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            Ok(text.as_bytes().to_vec())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<u8>, A::Error> {
            let entry: Option<(String, String)> = map.next_entry()?;
            let digits = entry.filter(|(key, _)| key == "hex").map(|(_, digits)| digits);
            digits
                .and_then(|digits| unhex(digits.as_bytes()))
                .ok_or_else(|| A::Error::custom("expected {\"hex\": \"an even number of digits\"}"))
        }
    }
    deserializer.deserialize_any(Forms)
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let pairs = digits.chunks(2).map(|pair| match pair {
        &[high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    });
    pairs.collect()
}
