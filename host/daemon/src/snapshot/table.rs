//! Tables of a snapshot file: what is done with each column follows from the model's list of them.

use std::marker::PhantomData;
use std::sync::Arc;

use jettison_model::column::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64};
use jettison_model::{Column, TextColumn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cell::{Number, Text};

/// What a column holds: how it is in the model, and how in the file.
pub(super) trait Kind {
    type Model: Default;
    type Cell: Clone + Serialize + DeserializeOwned;

    fn cells(column: &Self::Model) -> Vec<Self::Cell>;
    fn column(cells: Vec<Self::Cell>) -> Self::Model;
    /// The cell of a file that does not have the column.
    fn absent() -> Self::Cell;
}

/// Numbers that are always there.
pub(super) struct Known<T>(PhantomData<T>);

impl<T: Copy + Default + Serialize + DeserializeOwned> Kind for Known<T> {
    type Model = Column<T>;
    type Cell = T;

    fn cells(column: &Column<T>) -> Vec<T> {
        column.to_vec()
    }

    fn column(cells: Vec<T>) -> Column<T> {
        Arc::new(cells)
    }

    fn absent() -> T {
        T::default()
    }
}

/// Numbers with a sentinel, which is null in the file.
pub(super) struct Nullable<T>(PhantomData<T>);

/// What null is in the model.
pub(super) trait Sentinel: Copy + PartialEq + Serialize + DeserializeOwned {
    const NULL: Self;
}

impl Sentinel for u32 {
    const NULL: Self = NONE_U32;
}

impl Sentinel for i64 {
    const NULL: Self = UNKNOWN_S64;
}

impl Sentinel for i16 {
    const NULL: Self = UNKNOWN_S16;
}

impl<T: Sentinel> Kind for Nullable<T> {
    type Model = Column<T>;
    type Cell = Option<T>;

    fn cells(column: &Column<T>) -> Vec<Option<T>> {
        column.iter().map(|&value| (value != T::NULL).then_some(value)).collect()
    }

    fn column(cells: Vec<Option<T>>) -> Column<T> {
        Arc::new(cells.into_iter().map(|cell| cell.unwrap_or(T::NULL)).collect())
    }

    fn absent() -> Option<T> {
        None
    }
}

/// `u64` that may be unknown or unlimited.
pub(super) struct Amounts;

impl Kind for Amounts {
    type Model = Column<u64>;
    type Cell = Number;

    fn cells(column: &Column<u64>) -> Vec<Number> {
        column.iter().copied().map(Number).collect()
    }

    fn column(cells: Vec<Number>) -> Column<u64> {
        Arc::new(cells.into_iter().map(|number| number.0).collect())
    }

    fn absent() -> Number {
        Number(UNKNOWN_U64)
    }
}

/// Byte strings.
pub(super) struct Names;

impl Kind for Names {
    type Model = TextColumn;
    type Cell = Text;

    fn cells(column: &TextColumn) -> Vec<Text> {
        (0..column.len()).map(|row| Text(column.get(row).to_vec())).collect()
    }

    fn column(cells: Vec<Text>) -> TextColumn {
        cells.iter().map(|text| text.0.as_slice()).collect()
    }

    fn absent() -> Text {
        Text::default()
    }
}

/// A column that was not sensed has no values, and is left out of the file.
pub(super) fn sensed<C>(cells: Vec<C>) -> Option<Vec<C>> {
    Some(cells).filter(|cells| !cells.is_empty())
}

/// The rows in another order.
pub(super) fn reorder<C: Clone>(cells: &mut Vec<C>, order: &[usize]) {
    *cells = order.iter().filter_map(|&row| cells.get(row).cloned()).collect();
}

/// A table as rows.
pub(super) trait Rows {
    /// The rows in another order.
    fn reorder(&mut self, order: &[usize]);
}

/// A table of the file. `first` columns are in every file. `later` ones came after the first release: a file
/// without them is read as unknown in every row. `sensed` ones are in a file only if they were sensed, and
/// empty in the model if not.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident of $model:ident {
        first { $($(#[$first_doc:meta])* $first:ident: $first_kind:ty,)* }
        later { $($(#[$later_doc:meta])* $later:ident: $later_kind:ty,)* }
        sensed { $($(#[$sensed_doc:meta])* $sensed:ident: $sensed_kind:ty,)* }
    }) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) struct $table {
            $(pub(super) $first: Vec<<$first_kind as Kind>::Cell>,)*
            $(
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(super) $later: Option<Vec<<$later_kind as Kind>::Cell>>,
            )*
            $(
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(super) $sensed: Option<Vec<<$sensed_kind as Kind>::Cell>>,
            )*
        }

        impl $table {
            pub(super) fn of(model: &$model) -> Self {
                Self {
                    $($first: <$first_kind>::cells(&model.$first),)*
                    $($later: Some(<$later_kind>::cells(&model.$later)),)*
                    $($sensed: table::sensed(<$sensed_kind>::cells(&model.$sensed)),)*
                }
            }

            /// Columns of other tables of the file stay as they are.
            pub(super) fn fill(self, rows: usize, model: &mut $model) {
                // Not needed by a table without `later` columns.
                let _ = rows;
                $(model.$first = <$first_kind>::column(self.$first);)*
                $(model.$later = <$later_kind>::column(
                    self.$later.unwrap_or_else(|| vec![<$later_kind>::absent(); rows])
                );)*
                $(model.$sensed = <$sensed_kind>::column(self.$sensed.unwrap_or_default());)*
            }

            /// The columns that the file has, with the numbers of their values.
            pub(super) fn lengths(&self) -> impl Iterator<Item = (String, usize)> {
                let all = [
                    $((stringify!($first), Some(self.$first.len())),)*
                    $((stringify!($later), self.$later.as_ref().map(Vec::len)),)*
                    $((stringify!($sensed), self.$sensed.as_ref().map(Vec::len)),)*
                ];
                all.into_iter().filter_map(|(name, length)| Some((name.replace('_', "-"), length?)))
            }
        }

        impl Rows for $table {
            fn reorder(&mut self, order: &[usize]) {
                $(table::reorder(&mut self.$first, order);)*
                $(self.$later.iter_mut().for_each(|cells| table::reorder(cells, order));)*
                $(self.$sensed.iter_mut().for_each(|cells| table::reorder(cells, order));)*
            }
        }
    };
}
pub(super) use table;
