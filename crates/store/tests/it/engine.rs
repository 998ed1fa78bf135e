//! What is true of the embedded engine only.
