//! Tasks for helpers: hooks, stops of service units, bites of memory, pre-kill hooks. Each has a number of
//! its own. What a hook or a bite has gained is measured when it ends.

use std::os::fd::BorrowedFd;

use jettison_act::{Ended, Helpers, Task, TaskId};
use jettison_model::Snapshot;
use jettison_model::text::Escaped;

use crate::log;

/// The helpers, and what they have been given.
pub(crate) struct Tasks {
    helpers: Box<dyn Helpers>,
    started: u64,
    given: Vec<Given>,
    ended: Vec<Ended>,
}

/// A task that helpers are at.
#[derive(Debug)]
struct Given {
    id: TaskId,
    what: String,
    at_ms: u64,
    available_bytes: u64,
}

/// When something is given or ends, and how much memory is available then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now_ms: u64,
    pub(crate) available_bytes: u64,
}

impl Moment {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self { now_ms: snapshot.now_ms, available_bytes: snapshot.host.memory_available_bytes }
    }
}

/// What a task has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gain {
    pub(crate) took_ms: u64,
    /// How much more memory is available than when it was given; less than nothing where others took more.
    pub(crate) available_bytes: i64,
}

impl Tasks {
    pub(crate) fn new(helpers: Box<dyn Helpers>) -> Self {
        Self { helpers, started: 0, given: Vec::new(), ended: Vec::new() }
    }

    /// Hands a task over. Its end comes with [`Tasks::take_ended`].
    pub(crate) fn start(&mut self, task: Task, now: Moment) -> TaskId {
        self.started += 1;
        let id = TaskId(self.started);
        let Moment { now_ms, available_bytes } = now;
        self.given.push(Given { id, what: what(&task), at_ms: now_ms, available_bytes });
        self.helpers.start(id, task);
        id
    }

    /// Takes in what has ended by now, and logs what it has gained.
    pub(crate) fn collect(&mut self, now: Moment) {
        for ended in self.helpers.take_ended() {
            let at = self.given.iter().position(|given| given.id == ended.id);
            if let Some(given) = at.map(|at| self.given.swap_remove(at)) {
                let Gain { took_ms, available_bytes } = gain(&given, now);
                log::ended(&given.what, took_ms, available_bytes, &ended);
            }
            self.ended.push(ended);
        }
    }

    /// What was taken in since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn helpers_mut(&mut self) -> &mut dyn Helpers {
        self.helpers.as_mut()
    }

    /// Becomes readable when a task has ended.
    pub(crate) fn wake_up(&self) -> Option<BorrowedFd<'_>> {
        self.helpers.wake_up()
    }
}

/// What a task is, for people.
pub(crate) fn what(task: &Task) -> String {
    match task {
        Task::Hook { name, .. } => format!("hook {name}"),
        Task::StopUnit { service_unit } => format!("stop-unit {service_unit}"),
        Task::Reclaim { memcg, .. } => format!("reclaim {}", Escaped(memcg)),
        Task::Prekill { memcg } => format!("pre-kill hooks of {}", Escaped(memcg)),
    }
}

fn gain(given: &Given, now: Moment) -> Gain {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Gain {
        took_ms: now.now_ms.saturating_sub(given.at_ms),
        available_bytes: signed(now.available_bytes).saturating_sub(signed(given.available_bytes)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use jettison_act::HookCommand;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// Helpers that remember what they are asked for. Prompt ones are done with it at once, others never.
    #[derive(Clone, Default)]
    pub(crate) struct Scripted {
        pub(crate) is_prompt: bool,
        pub(crate) asked: Arc<Mutex<Vec<(TaskId, Task)>>>,
        ended: Vec<Ended>,
    }

    impl Helpers for Scripted {
        fn set_hooks(&mut self, _: BTreeMap<String, HookCommand>) {}

        fn start(&mut self, id: TaskId, task: Task) {
            self.asked.lock().unwrap().push((id, task));
            self.ended.extend(self.is_prompt.then_some(Ended { id, result: Ok(()), freed_bytes: 0 }));
        }

        fn take_ended(&mut self) -> Vec<Ended> {
            std::mem::take(&mut self.ended)
        }

        fn wake_up(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }

    #[test]
    fn an_end_is_taken_in_once_and_given_on_once() {
        let mut tasks = Tasks::new(Box::new(Scripted { is_prompt: true, ..Scripted::default() }));
        let now = Moment { now_ms: 1_000, available_bytes: 500 };
        let id = tasks.start(Task::Hook { name: "drain".into(), facts: Vec::new() }, now);
        assert!(tasks.take_ended().is_empty(), "not taken in yet");
        tasks.collect(now);
        assert!(tasks.given.is_empty());
        assert_eq!(tasks.take_ended().iter().map(|ended| ended.id).collect::<Vec<_>>(), [id]);
        assert!(tasks.take_ended().is_empty());
    }

    #[test]
    fn a_gain_is_what_is_available_in_addition() {
        let given = Given { id: TaskId(1), what: String::new(), at_ms: 1_000, available_bytes: 500 };
        let gained = |now_ms, available_bytes| gain(&given, Moment { now_ms, available_bytes });
        assert_eq!(gained(1_250, 800), Gain { took_ms: 250, available_bytes: 300 });
        assert_eq!(gained(1_250, 450), Gain { took_ms: 250, available_bytes: -50 });
        assert_eq!(gained(900, u64::MAX).took_ms, 0);
    }
}
