//! Stage 1: kernel files into a snapshot, and the kernel's wake-ups
