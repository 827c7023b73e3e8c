//! Migrations are compiled in: a changed file must be seen.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
