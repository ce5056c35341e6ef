//! Rows of a test machine, columns from them, and rows of a file.

/// A row with a field for each column, named as the column, and the table of many rows. `key` fields are
/// given when a row is made, and their columns filled by the machine.
macro_rules! rows {
    ($(#[$doc:meta])* $row:ident of $table:ident {
        key { $($key:ident: $key_type:ty,)* }
        numbers { $($number:ident: $number_type:ty = $usual:expr,)* }
        texts { $($text:ident,)* }
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $row {
            $(pub(super) $key: $key_type,)*
            $(pub(super) $number: $number_type,)*
            $(pub(super) $text: Vec<u8>,)*
        }

        impl $row {
            pub(super) fn of($($key: $key_type),*) -> Self {
                Self { $($key,)* $($number: $usual,)* $($text: Vec::new(),)* }
            }

            /// Takes what a file says of it, but for keys. A column that the file does not have is unknown.
            pub(super) fn read(&mut self, table: &Cells<'_>, row: usize) -> Result<(), String> {
                $(self.$number = table.number(stringify!($number), row)?;)*
                $(self.$text = table.text(stringify!($text), row)?;)*
                Ok(())
            }

            /// The columns of so many rows, but for those of keys.
            pub(super) fn table<'r>(rows: impl ExactSizeIterator<Item = &'r Self> + Clone) -> $table {
                $table {
                    count: u32::try_from(rows.len()).expect("a test machine is small").into(),
                    $($number: rows.clone().map(|row| row.$number).collect::<Vec<_>>().into(),)*
                    $($text: rows.clone().map(|row| row.$text.as_slice()).collect::<Text>().into(),)*
                    ..$table::default()
                }
            }
        }
    };
}
pub(super) use rows;
