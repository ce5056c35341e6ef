//! What is shown, and where in it the reader is.

use std::collections::VecDeque;
use std::path::Path;

use crate::control::client::call;
use crate::control::{Answer, Ask, Order, Status};
use crate::failure::Failure;

/// Points of the trend that are kept: more than a terminal is wide.
const TREND_MAX: usize = 400;

/// What the daemon said last.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) status: Status,
    pub(super) order: Order,
    /// Available memory at each question, the latest last.
    pub(super) trend: VecDeque<u64>,
    /// The row of which more is shown.
    pub(super) selected: usize,
    /// Why what is shown is not of now.
    pub(super) trouble: Option<String>,
}

impl Scene {
    pub(super) fn ask(state_dir: &Path, rows: usize) -> Result<Self, Failure> {
        let (status, order) = asked(state_dir, rows)?;
        let trend = VecDeque::from([status.memory_available_bytes]);
        Ok(Self { status, order, trend, selected: 0, trouble: None })
    }

    /// Asks again. What was said before stays if there is no answer.
    pub(super) fn ask_again(&mut self, state_dir: &Path, rows: usize) {
        match asked(state_dir, rows) {
            Ok((status, order)) => {
                if self.trend.len() == TREND_MAX {
                    self.trend.pop_front();
                }
                self.trend.push_back(status.memory_available_bytes);
                (self.status, self.order, self.trouble) = (status, order, None);
                self.select(self.selected);
            }
            Err(Failure::Failed(why) | Failure::Usage(why)) => self.trouble = Some(why),
            Err(_) => self.trouble = Some("no answer".into()),
        }
    }

    /// Moves to a row that is there.
    pub(super) fn select(&mut self, row: usize) {
        self.selected = row.min(self.order.ranking.len().saturating_sub(1));
    }
}

fn asked(state_dir: &Path, rows: usize) -> Result<(Status, Order), Failure> {
    let other = |answer| match answer {
        Answer::Refused { why } => Failure::Failed(why),
        _ => Failure::Failed("the daemon gave another answer: is it of this version?".into()),
    };
    let status = match call(state_dir, Ask::Status)? {
        Answer::Status(status) => *status,
        answer => return Err(other(answer)),
    };
    match call(state_dir, Ask::Order { top: rows })? {
        Answer::Order(order) => Ok((status, *order)),
        answer => Err(other(answer)),
    }
}
