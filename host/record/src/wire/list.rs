//! Lists of the model's types, which derive no `Serialize`.

/// `NAME::serialize` and `NAME::deserialize` for a `Vec` of a type, by the wire form of one.
macro_rules! list {
    ($name:ident: $type:ty as $form:ty) => {
        pub(super) mod $name {
            #[allow(unused_imports, reason = "not each form and type needs all names of its file")]
            use super::*;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            struct One<'a>(&'a $type);

            impl Serialize for One<'_> {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    <$form>::serialize(self.0, serializer)
                }
            }

            struct Owned($type);

            impl<'de> Deserialize<'de> for Owned {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    <$form>::deserialize(deserializer).map(Self)
                }
            }

            pub(crate) fn serialize<S: Serializer>(all: &[$type], serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(all.iter().map(One))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Vec<$type>, D::Error> {
                let all = Vec::<Owned>::deserialize(deserializer)?;
                Ok(all.into_iter().map(|one| one.0).collect())
            }
        }
    };
}
pub(super) use list;
