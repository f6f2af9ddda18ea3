//! The runner's own door: closed to everybody else, and it changes nothing.

use domain::id::BenchmarkId;
use service::ServiceError;
use service::benchmarks::{ClaimedRequest, confirm_requests};
use uuid::Uuid;

use crate::house::House;

fn claim() -> ClaimedRequest {
    ClaimedRequest {
        benchmark_id: BenchmarkId(Uuid::nil()),
        index: 0,
        is_ok: true,
        input_tokens: 1,
        output_tokens: 1,
        ttft_s: Some(0.1),
        latency_s: Some(0.1),
    }
}

#[tokio::test]
async fn only_the_key_of_this_process_opens_it() {
    let (house, other) = (House::open().await, House::open().await);
    for key in ["", "guess", other.ctx.runner_key().expose()] {
        let refused = confirm_requests(&house.ctx, key, &[claim()]).await;
        assert!(matches!(refused, Err(ServiceError::SignedOut)), "{key}");
    }
    let key = house.ctx.runner_key().expose().to_owned();
    let unknown = confirm_requests(&house.ctx, &key, &[claim()]).await;
    assert!(matches!(unknown, Err(ServiceError::NotFound(_))));
    let nothing = confirm_requests(&house.ctx, &key, &[]).await;
    assert!(matches!(nothing, Err(ServiceError::Invalid(_))));
    assert!(!format!("{:?}", house.ctx.runner_key()).contains(&key));
}
