//! The owners of memcgs as columns: systemd units, containers, pods.
//!
//! The columns depend on the paths alone, so they are parsed again only when a memcg was created or removed.

use jettison_model::Memcgs;
use jettison_model::TextColumn;
use jettison_model::column::{NONE_U32, refill};

use crate::memcg::attribution::attribution;

/// The columns of the last scan, and the paths that they were parsed from.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// A copy, since the table's own paths are filled again at every scan.
    paths: TextColumn,
    /// Only the columns that are filled here.
    columns: Memcgs,
}

impl Owners {
    /// Fills the columns of a table that has its paths.
    pub(crate) fn fill(&mut self, into: &mut Memcgs) {
        if self.paths != into.paths {
            refill(&mut self.paths.bytes).extend_from_slice(&into.paths.bytes);
            refill(&mut self.paths.ends).extend_from_slice(&into.paths.ends);
            self.parse();
        }
        into.units.clone_from(&self.columns.units);
        into.container_ids.clone_from(&self.columns.container_ids);
        into.container_runtimes.clone_from(&self.columns.container_runtimes);
        into.pod_uids.clone_from(&self.columns.pod_uids);
        into.pod_qos_classes.clone_from(&self.columns.pod_qos_classes);
    }

    fn parse(&mut self) {
        let columns = &mut self.columns;
        let (mut units, mut ids) = (columns.units.refill(), columns.container_ids.refill());
        let mut uids = columns.pod_uids.refill();
        let runtimes = refill(&mut columns.container_runtimes);
        let classes = refill(&mut columns.pod_qos_classes);
        for row in 0..self.paths.len() {
            let said = attribution(self.paths.get(row));
            units.push(said.unit);
            ids.push(said.container.map_or(b"", |container| container.id));
            let runtime = said.container.and_then(|container| container.runtime);
            runtimes.push(runtime.map_or(NONE_U32, |runtime| runtime as u32));
            uids.push(said.pod.as_ref().map_or(b"", |pod| pod.uid.as_bytes()));
            classes.push(said.pod.map_or(NONE_U32, |pod| pod.qos as u32));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::memcg::attribution::{Qos, Runtime};

    const ID: &str = "4f0c8b1d6f0a4c53a3d1f3f4a9d1b7c2e5f60718293a4b5c6d7e8f9012345678";
    const UID: &str = "0f3c9a77-51de-4e0b-9d0c-8a6f2f3a1b2c";

    fn table(paths: &[String]) -> Memcgs {
        Memcgs { paths: paths.iter().map(String::as_bytes).collect(), ..Memcgs::default() }
    }

    #[test]
    fn columns_follow_the_paths_and_stay_as_long_as_these_do() {
        let pod = format!("/kubepods/besteffort/pod{UID}");
        let paths = ["/a.service".into(), format!("/docker/{ID}"), pod.clone(), format!("{pod}/{ID}")];
        let mut owners = Owners::default();
        let mut memcgs = table(&paths);
        owners.fill(&mut memcgs);
        let texts = |column: &TextColumn| -> Vec<String> {
            (0..column.len()).map(|row| String::from_utf8_lossy(column.get(row)).into_owned()).collect()
        };
        assert_eq!(texts(&memcgs.units), ["a.service", "", "", ""]);
        assert_eq!(texts(&memcgs.container_ids), ["", ID, "", ID]);
        assert_eq!(*memcgs.container_runtimes, [NONE_U32, Runtime::Docker as u32, NONE_U32, NONE_U32]);
        assert_eq!(texts(&memcgs.pod_uids), ["", "", UID, UID]);
        let class = Qos::BestEffort as u32;
        assert_eq!(*memcgs.pod_qos_classes, [NONE_U32, NONE_U32, class, class]);

        let mut same = table(&paths);
        owners.fill(&mut same);
        assert_eq!(same, memcgs);
        assert!(Arc::ptr_eq(&same.pod_uids.bytes, &memcgs.pod_uids.bytes), "not parsed again");

        let mut others = table(&paths[1..3]);
        owners.fill(&mut others);
        assert_eq!(texts(&others.container_ids), [ID, ""]);
        assert_eq!(others.pod_qos_classes.len(), 2);
        assert_eq!(texts(&memcgs.container_ids).len(), 4, "a reader of the last scan keeps its columns");
    }
}
