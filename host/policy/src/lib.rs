//! Stage 2: the WebAssembly border, from module file to checked ballot
