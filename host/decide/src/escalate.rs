//! How one victim goes.
