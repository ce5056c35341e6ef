//! A consultation without the border's own bookkeeping, so that fuel can be left out and nothing else.

use std::sync::Arc;

use jettison_model::{Column, Snapshot, TextColumn};
use jettison_policy::builtin;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, InstancePre, Linker, Lower, WasmStr,
};
use wasmtime::{Engine, InstanceAllocationStrategy, Result, Store, StoreContextMut};
use wit_component::ComponentEncoder;

use crate::raw::Ballot;
use crate::settings::{pool, settings};

/// The contract's package and interfaces, as `balanced` imports them.
const PACKAGE: &str = "jettison:policy";
const VERSION: &str = "0.1.0";

/// `balanced`, compiled in this process.
pub(crate) struct Bare {
    engine: Engine,
    instance: InstancePre<Snapshot>,
    rank: ComponentExportIndex,
    is_metered: bool,
}

impl Bare {
    pub(crate) fn new(is_metered: bool) -> Self {
        let mut config = settings();
        config.consume_fuel(is_metered).allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let engine = Engine::new(&config).expect("an engine");
        let module = builtin("balanced").expect("it is built in");
        let mut encoder = ComponentEncoder::default();
        let bytes = encoder.module(module).and_then(|encoder| encoder.encode()).expect("it encodes");
        let component = Component::new(&engine, bytes).expect("it compiles");
        let interface = format!("{PACKAGE}/policy@{VERSION}");
        let interface = component.get_export_index(None, &interface).expect("it is a policy");
        let rank = component.get_export_index(Some(&interface), "rank").expect("it is a policy");
        let linker = linker(&engine, is_metered).expect("the functions link");
        let instance = linker.instantiate_pre(&component).expect("it asks for no more");
        Self { engine, instance, rank, is_metered }
    }

    /// How many entries its ballot has.
    pub(crate) fn consult(&self, snapshot: &Snapshot) -> usize {
        let mut store = Store::new(&self.engine, snapshot.clone());
        store.set_epoch_deadline(1);
        if self.is_metered {
            store.set_fuel(1_000_000_000).expect("it is metered");
        }
        let instance = self.instance.instantiate(&mut store).expect("there is room");
        let rank = instance
            .get_typed_func::<(), (std::result::Result<Ballot, String>,)>(&mut store, self.rank)
            .expect("its type");
        let (ballot,) = rank.call(&mut store, ()).expect("it answers");
        ballot.expect("a ballot").entries.len()
    }
}

/// What `balanced` asks for, from the snapshot. Each call takes fuel from the account if there is one.
fn linker(engine: &Engine, is_metered: bool) -> Result<Linker<Snapshot>> {
    let mut to = Offers { linker: Linker::new(engine), is_metered };
    to.number("request", "cause", |s| s.request.cause as u32)?;
    to.number("request", "cause-memcg", |s| s.request.cause_memcg)?;
    to.number("request", "deficit-bytes", |s| s.request.deficit_bytes)?;
    to.number("request", "config", |_| "{}".to_owned())?;
    to.number("host", "memory-total-bytes", |s| s.host.memory_total_bytes)?;
    to.number("host", "eased-ms-ago", |s| s.host.eased_ms_ago)?;
    to.number("host", "taken-by-nobody-bytes", |s| s.host.taken_by_nobody_bytes)?;
    to.number("host", "taken-bytes", |s| s.host.taken_bytes)?;
    to.number("processes", "count", |s| u32::try_from(s.processes.len()).unwrap_or(u32::MAX))?;
    to.column("processes", "pids", |s| &s.processes.pids)?;
    to.column("processes", "parents", |s| &s.processes.parents)?;
    to.column("processes", "memcgs", |s| &s.processes.memcgs)?;
    to.column("processes", "flags", |s| &s.processes.flags)?;
    to.column("processes", "uids", |s| &s.processes.uids)?;
    to.column("processes", "ages-ms", |s| &s.processes.ages_ms)?;
    to.column("processes", "rss-anon-bytes", |s| &s.processes.rss_anon_bytes)?;
    to.column("processes", "rss-file-bytes", |s| &s.processes.rss_file_bytes)?;
    to.column("processes", "rss-shmem-bytes", |s| &s.processes.rss_shmem_bytes)?;
    to.column("processes", "swap-bytes", |s| &s.processes.swap_bytes)?;
    to.column("processes", "page-table-bytes", |s| &s.processes.page_table_bytes)?;
    to.column("processes", "growth-bytes-per-s", |s| &s.processes.growth_bytes_per_s)?;
    to.column("processes", "oom-score-adjs", |s| &s.processes.oom_score_adjs)?;
    to.column("processes", "taken-bytes", |s| &s.processes.taken_bytes)?;
    to.column("processes", "growth-1h-bytes-per-s", |s| &s.processes.growth_1h_bytes_per_s)?;
    to.column("processes", "births-per-1000s", |s| &s.processes.births_per_1000s)?;
    to.number("memcgs", "count", |s| u32::try_from(s.memcgs.len()).unwrap_or(u32::MAX))?;
    to.column("memcgs", "flags", |s| &s.memcgs.flags)?;
    to.column("memcgs", "current-bytes", |s| &s.memcgs.current_bytes)?;
    to.column("memcgs", "file-bytes", |s| &s.memcgs.file_bytes)?;
    to.column("memcgs", "shmem-bytes", |s| &s.memcgs.shmem_bytes)?;
    to.column("memcgs", "usual-bytes", |s| &s.memcgs.usual_bytes)?;
    to.text("memcgs", "units", |s| &s.memcgs.units)?;
    to.text("memcgs", "container-ids", |s| &s.memcgs.container_ids)?;
    to.column("memcgs", "parents", |s| &s.memcgs.parents)?;
    to.column("memcgs", "pod-qos-classes", |s| &s.memcgs.pod_qos_classes)?;
    to.column("memcgs", "max-bytes", |s| &s.memcgs.max_bytes)?;
    to.text("processes", "comms", |s| &s.processes.comms)?;
    let mut log = to.linker.instance(&format!("{PACKAGE}/log@{VERSION}"))?;
    log.func_wrap("emit", |_: StoreContextMut<'_, Snapshot>, (_, _): (u32, WasmStr)| Ok(()))?;
    Ok(to.linker)
}

struct Offers {
    linker: Linker<Snapshot>,
    is_metered: bool,
}

impl Offers {
    fn number<T>(&mut self, interface: &str, name: &str, get: fn(&Snapshot) -> T) -> Result<()>
    where
        T: ComponentType + Lower + Send + Sync + 'static,
    {
        let is_metered = self.is_metered;
        let mut instance = self.linker.instance(&format!("{PACKAGE}/{interface}@{VERSION}"))?;
        instance.func_wrap(name, move |mut caller: StoreContextMut<'_, Snapshot>, (): ()| {
            burn(&mut caller, is_metered, 1)?;
            Ok((get(caller.data()),))
        })
    }

    fn column<T>(&mut self, interface: &str, name: &str, get: fn(&Snapshot) -> &Column<T>) -> Result<()>
    where
        T: ComponentType + Lower + Send + Sync + 'static,
        Column<T>: ComponentType + Lower,
    {
        let is_metered = self.is_metered;
        let mut instance = self.linker.instance(&format!("{PACKAGE}/{interface}@{VERSION}"))?;
        instance.func_wrap(name, move |mut caller: StoreContextMut<'_, Snapshot>, (): ()| {
            let column = Arc::clone(get(caller.data()));
            burn(&mut caller, is_metered, column.len())?;
            Ok((column,))
        })
    }

    fn text(&mut self, interface: &str, name: &str, get: fn(&Snapshot) -> &TextColumn) -> Result<()> {
        let is_metered = self.is_metered;
        let mut instance = self.linker.instance(&format!("{PACKAGE}/{interface}@{VERSION}"))?;
        instance.func_wrap(name, move |mut caller: StoreContextMut<'_, Snapshot>, (): ()| {
            let column = get(caller.data());
            let text = Text { bytes: Arc::clone(&column.bytes), ends: Arc::clone(&column.ends) };
            burn(&mut caller, is_metered, text.bytes.len())?;
            Ok((text,))
        })
    }
}

/// As the border does it, where there is fuel.
fn burn(caller: &mut StoreContextMut<'_, Snapshot>, is_metered: bool, fuel: usize) -> Result<()> {
    if !is_metered {
        return Ok(());
    }
    let left = caller.get_fuel()?.saturating_sub(fuel as u64);
    caller.set_fuel(left)
}

/// `text-column` of `wit/types.wit`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Text {
    bytes: Column<u8>,
    ends: Column<u32>,
}
