//! The default policy: what grows, is young and is big goes first; what is old and steady stays
