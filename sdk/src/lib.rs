//! What a policy author depends on: rows over columns, the Policy trait, a test bench
