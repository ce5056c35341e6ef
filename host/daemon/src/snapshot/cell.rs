//! Values of a snapshot in JSON: sentinels as words, and names that need not be UTF-8.

use std::fmt;

use jettison_model::column::{UNKNOWN_U64, UNLIMITED_U64};
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes or another number that may be unknown (null) or unlimited (`"max"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl Default for Number {
    /// A file of before the column was there does not say.
    fn default() -> Self {
        Self(UNKNOWN_U64)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            UNKNOWN_U64 => serializer.serialize_none(),
            UNLIMITED_U64 => serializer.serialize_str("max"),
            number => serializer.serialize_u64(number),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"max\" or null")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Number, E> {
                let is_max = word == "max";
                is_max
                    .then_some(Number(UNLIMITED_U64))
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(word), &self))
            }

            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number(UNKNOWN_U64))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// A name: text where it is UTF-8, else `{"hex": "..."}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &hex(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or {\"hex\": \"...\"}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.as_bytes().to_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                let entry: Option<(String, String)> = map.next_entry()?;
                let digits = entry.filter(|(key, _)| key == "hex").map(|(_, digits)| digits);
                let bytes = digits.and_then(|digits| unhex(digits.as_bytes()));
                bytes
                    .map(Text)
                    .ok_or_else(|| A::Error::custom("expected {\"hex\": \"an even number of digits\"}"))
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let pairs = digits.chunks(2).map(|pair| match pair {
        &[high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_words_and_come_back() {
        let numbers = [0, 7, UNKNOWN_U64, UNLIMITED_U64].map(Number);
        let json = serde_json::to_string(&numbers).unwrap();
        assert_eq!(json, r#"[0,7,null,"max"]"#);
        assert_eq!(serde_json::from_str::<[Number; 4]>(&json).unwrap(), numbers);
        for garbage in ["-1", "1.5", "\"much\"", "[]", "true"] {
            let error = serde_json::from_str::<Number>(garbage).unwrap_err().to_string();
            assert!(error.contains("a number, \"max\" or null"), "{error}");
        }
    }

    #[test]
    fn names_are_text_where_they_can_be_and_come_back() {
        let names = [b"a\0b\n\"".to_vec(), b"\xff/".to_vec(), Vec::new()].map(Text);
        let json = serde_json::to_string(&names).unwrap();
        assert_eq!(json, r#"["a\u0000b\n\"",{"hex":"ff2f"},""]"#);
        assert_eq!(serde_json::from_str::<[Text; 3]>(&json).unwrap(), names);
        for garbage in [r#"{"hex":"f"}"#, r#"{"hex":"gg"}"#, "{}", r#"{"text":"ff"}"#, "5"] {
            serde_json::from_str::<Text>(garbage).unwrap_err();
        }
    }
}
