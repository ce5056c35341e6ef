//! A tick that panics, which is a defect of ours: nothing that is held stays behind, and the daemon ends.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jettison_act::Kernel;
use jettison_sense::{Now, Sense};

use crate::consult::Consult;
use crate::ticker::Ticker;

/// What is left of a tick that has panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The panic's message.
    pub what: String,
    /// How many values were put back; `None` if that panicked, too. The record of them is there, and the next
    /// daemon puts them back.
    pub restored: Option<usize>,
}

impl<S: Sense, P: Consult, K: Kernel> Ticker<S, P, K> {
    /// One tick. If it panics, stopped processes go on and held values are put back.
    ///
    /// # Errors
    /// The panic. The ticker is of no use after it.
    pub fn tick_or_finish(&mut self, now: Now) -> Result<(), Broken> {
        let ticked = catch_unwind(AssertUnwindSafe(|| self.tick(now)));
        ticked
            .map_err(|panic| Broken { what: message(panic.as_ref()), restored: self.finish_after_panic(now) })
    }

    /// The look at children that have inherited a value may be what panics. Without it their parents' values
    /// are put back at least.
    fn finish_after_panic(&mut self, now: Now) -> Option<usize> {
        let whole = catch_unwind(AssertUnwindSafe(|| self.finish(now)));
        whole.or_else(|_| catch_unwind(AssertUnwindSafe(|| self.restore()))).ok()
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").into()
}
