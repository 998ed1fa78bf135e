//! The pages that the binary carries are files: a build notices when they change, or come to be.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
