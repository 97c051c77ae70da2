//! The `callweave` program.

fn main() {}
