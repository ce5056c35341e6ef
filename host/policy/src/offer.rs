//! How one function is offered: a value, or a column of numbers or byte strings.
//!
//! A column is lowered from where the sensor filled it: the host copies nothing. Every column of a table has
//! as many values as the table has rows; one that was not sensed is all absent.

use std::sync::Arc;

use jettison_model::column::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64};
use jettison_model::{Column, Snapshot, TextColumn};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower};
use wasmtime::{Result, StoreContextMut};

use crate::guest::Guest;

/// Bytes that the host copies for one unit of fuel: a machine word.
const BYTES_PER_FUEL: u64 = 8;
/// Units of fuel for any call, beside what is copied: crossing the border takes as long as so many
/// instructions. Were it free, a guest that does nothing but call would run far longer than one that only
/// computes (benches/border).
const FUEL_PER_CALL: u64 = 500;
/// Units of fuel for a line of the log, which is copied, escaped and kept.
pub(crate) const FUEL_PER_LOG_LINE: u64 = 8_000;

/// The package that policies are written against.
pub(crate) const PACKAGE: &str = "jettison:policy";
/// The version offered. A policy may ask for any 0.1.x.
pub(crate) const VERSION: &str = "0.1.0";

/// An interface of the contract by its full name.
#[must_use]
pub fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// A running guest, as a host function sees it.
pub(crate) type Caller<'a> = StoreContextMut<'a, Guest>;

/// One interface of [`PACKAGE`], being filled.
pub(crate) struct Offer<'a> {
    instance: LinkerInstance<'a, Guest>,
    interface: &'static str,
    rows: fn(&Snapshot) -> usize,
    names: &'a mut Vec<String>,
}

impl<'a> Offer<'a> {
    /// `rows` is how many values its columns have; `names` collects the functions as `interface.function`.
    pub(crate) fn new(
        linker: &'a mut Linker<Guest>,
        interface: &'static str,
        rows: fn(&Snapshot) -> usize,
        names: &'a mut Vec<String>,
    ) -> Result<Self> {
        let instance = linker.instance(&self::interface(interface))?;
        Ok(Self { instance, interface, rows, names })
    }

    /// Any function.
    pub(crate) fn function<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(Caller<'_>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.names.push(format!("{}.{name}", self.interface));
        self.instance.func_wrap(name, move |mut caller: Caller<'_>, parameters: P| {
            burn(&mut caller, FUEL_PER_CALL)?;
            function(caller, parameters)
        })
    }

    /// A number of the snapshot as it is.
    pub(crate) fn value<T>(&mut self, name: &str, get: fn(&Snapshot) -> T) -> Result<()>
    where
        T: ComponentType + Lower + 'static,
    {
        self.function(name, move |caller: Caller<'_>, (): ()| Ok((get(&caller.data().snapshot),)))
    }

    /// A column. If it was not sensed, all of it is absent.
    pub(crate) fn column<C: Lowered>(&mut self, name: &str, get: fn(&Snapshot) -> &C) -> Result<()> {
        let rows = self.rows;
        self.function(name, move |mut caller: Caller<'_>, (): ()| {
            let snapshot = &caller.data().snapshot;
            let (rows, column) = (rows(snapshot), get(snapshot));
            let column = if column.rows() == rows { column.shared() } else { C::absent(rows) };
            charge(&mut caller, C::size(&column))?;
            Ok((column,))
        })
    }
}

/// A column as it is lowered, which copies nothing on the host's side.
pub(crate) trait Lowered: 'static {
    type Wit: ComponentType + Lower + 'static;

    fn rows(&self) -> usize;
    fn shared(&self) -> Self::Wit;
    fn absent(rows: usize) -> Self::Wit;
    /// Bytes that lowering copies into the guest.
    fn size(column: &Self::Wit) -> usize;
}

impl<T: ComponentType + Lower + Sentinel + Send + Sync + 'static> Lowered for Column<T> {
    type Wit = Self;

    fn rows(&self) -> usize {
        self.len()
    }

    fn shared(&self) -> Self {
        Arc::clone(self)
    }

    fn absent(rows: usize) -> Self {
        Arc::new(vec![T::ABSENT; rows])
    }

    fn size(column: &Self) -> usize {
        size_of_val(column.as_slice())
    }
}

impl Lowered for TextColumn {
    type Wit = Text;

    fn rows(&self) -> usize {
        self.len()
    }

    fn shared(&self) -> Text {
        Text { bytes: Arc::clone(&self.bytes), ends: Arc::clone(&self.ends) }
    }

    fn absent(rows: usize) -> Text {
        Text { bytes: Arc::default(), ends: Arc::new(vec![0; rows]) }
    }

    fn size(column: &Text) -> usize {
        column.bytes.len() + size_of_val(column.ends.as_slice())
    }
}

/// The guest pays for what the host copies, so that fuel bounds the whole consultation.
pub(crate) fn charge(caller: &mut Caller<'_>, bytes: usize) -> Result<()> {
    burn(caller, bytes as u64 / BYTES_PER_FUEL)
}

/// Takes fuel for work of the host. With nothing left the guest traps when it goes on.
pub(crate) fn burn(caller: &mut Caller<'_>, fuel: u64) -> Result<()> {
    let left = caller.get_fuel()?.saturating_sub(fuel);
    caller.set_fuel(left)
}

/// `text-column` of `wit/types.wit`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Text {
    bytes: Column<u8>,
    ends: Column<u32>,
}

/// What stands in a column where nothing was sensed; see `wit/world.wit`.
pub(crate) trait Sentinel: Copy {
    const ABSENT: Self;
}

impl Sentinel for u32 {
    const ABSENT: Self = NONE_U32;
}

impl Sentinel for u64 {
    const ABSENT: Self = UNKNOWN_U64;
}

impl Sentinel for i64 {
    const ABSENT: Self = UNKNOWN_S64;
}

impl Sentinel for i16 {
    const ABSENT: Self = UNKNOWN_S16;
}
