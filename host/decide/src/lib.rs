//! Stage 3: the pure core that turns a snapshot and ballots into a plan
