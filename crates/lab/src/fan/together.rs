//! Several futures at once on one task: what a fan with many tabs does.

use std::pin::Pin;
use std::task::Poll;

/// Polls all of them until each is done; the results in the order they came in.
pub(super) async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut all_done = true;
        for (future, output) in running.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(done) => *output = Some(done),
                Poll::Pending => all_done = false,
            }
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().map(|output| output.expect("each of them is done")).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn they_run_at_the_same_time_and_answer_in_their_order() {
        let order = RefCell::new(Vec::new());
        let after = |turns: u64| {
            let order = &order;
            async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                order.borrow_mut().push(turns);
                turns
            }
        };
        assert_eq!(together(vec![after(3), after(1), after(2)]).await, [3, 1, 2]);
        assert_eq!(*order.borrow(), [1, 2, 3]);
        assert_eq!(together(Vec::<std::future::Ready<u8>>::new()).await, Vec::<u8>::new());
    }
}
