//! Memory for connections, written to before the doors. Thousands of fans connect within two seconds, and a machine that has
//! to find and clear their pages then makes the generator late, which would be taken for the server's doing.

use std::sync::{Arc, Mutex, PoisonError};

/// What a connection allocates when it is opened, the larger parts: its channel's first block, and what it writes
/// from. Another amount than these does no harm, and no good.
const PARTS: [usize; 2] = [9_248, 8_192];

type Parts = [Vec<u8>; PARTS.len()];

pub(crate) struct Spare(Mutex<Vec<Parts>>);

impl Spare {
    pub(crate) fn for_connections(connections: usize) -> Arc<Self> {
        // Zeros are not written where the system gives fresh pages.
        let parts = (0..connections).map(|_| PARTS.map(|bytes| vec![1; bytes])).collect();
        Arc::new(Self(Mutex::new(parts)))
    }

    /// Gives back what one connection will take, just before it does.
    pub(crate) fn use_one(&self) {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        drop(parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_for_each_connection_and_more_connections_need_none() {
        let spare = Spare::for_connections(2);
        let left = || spare.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert_eq!(left(), 2);
        for expected in [1, 0, 0] {
            spare.use_one();
            assert_eq!(left(), expected);
        }
    }
}
