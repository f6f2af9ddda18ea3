//! The samples of demo mode.

use domain::access::Role;
use domain::history::HistoryQuery;
use service::benchmarks::{get_benchmark, list_benchmarks};
use service::samples::run_demo_samples;

use crate::house::House;

#[tokio::test]
async fn samples_are_queued_once_and_say_what_they_are() {
    let house = House::open_seeded().await;
    let demo = house.person("demo", Role::Administrator).await;
    let ids = run_demo_samples(&house.ctx, &demo).await.unwrap();
    assert!(!ids.is_empty());
    for id in &ids {
        let sample = get_benchmark(&house.ctx, &demo, *id).await.unwrap();
        assert!(sample.is_sample && sample.plan.name.starts_with("Sample: "));
        assert!(
            sample.plan.deployment.is_reference(),
            "never a real engine's name"
        );
    }
    assert_eq!(run_demo_samples(&house.ctx, &demo).await.unwrap(), []);
    let history = list_benchmarks(&house.ctx, &demo, &HistoryQuery::default())
        .await
        .unwrap();
    assert_eq!(usize::try_from(history.total_count).unwrap(), ids.len());
}
