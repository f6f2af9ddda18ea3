//! Selftests.

use domain::finite::Finite;
use domain::id::SelftestId;
use domain::measure::health::{ClientHealth, HostObservation};
use domain::measure::selftest::{Bounds, Evidence, Level, SelftestState, judge_level};
use store::StoreError;

use crate::builders::{add_owner, at, uuid};
use crate::place::for_each_database;

#[tokio::test]
async fn one_selftest_goes_on_at_a_time_and_its_levels_are_kept() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let id = |number| SelftestId(uuid(number));
        store
            .insert_selftest(id(1), "one", alice, at(1))
            .await
            .unwrap();
        let again = store.insert_selftest(id(2), "one", alice, at(2)).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        store
            .insert_selftest(id(3), "two", alice, at(3))
            .await
            .unwrap();

        let health = ClientHealth::judge(&[], false, &HostObservation::default());
        let evidence = Evidence {
            records: &[],
            sent: &[],
            health: &health,
            cpu_s: Finite::ZERO,
        };
        let levels = [
            Level::Closed { streams: 64 },
            Level::Open { rate_per_s: 2_000 },
        ]
        .map(|level| judge_level(level, &evidence, &Bounds::default()));
        store.update_selftest_levels(id(1), &levels).await.unwrap();
        assert_eq!(
            store.find_latest_selftest("one").await.unwrap(),
            None,
            "it goes on"
        );
        let completed = SelftestState::Completed;
        store
            .end_selftest(id(1), completed, "", at(4))
            .await
            .unwrap();
        let latest = store.find_latest_selftest("one").await.unwrap().unwrap();
        assert_eq!((latest.id, latest.levels.as_slice()), (id(1), &levels[..]));
        assert_eq!(
            (latest.started_by.as_str(), latest.ended_at),
            ("alice", Some(at(4)))
        );

        store
            .fail_running_selftests("two", "The server ended.", at(5))
            .await
            .unwrap();
        let late = store.end_selftest(id(3), completed, "", at(6)).await;
        assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
        // Where one ended, another may begin.
        store
            .insert_selftest(id(4), "two", alice, at(7))
            .await
            .unwrap();
        let cancelled = SelftestState::Cancelled;
        store
            .end_selftest(id(4), cancelled, "Cancelled by alice.", at(8))
            .await
            .unwrap();
        let found = store.find_selftest(id(4)).await.unwrap().unwrap();
        assert_eq!((found.state, found.ended_at), (cancelled, Some(at(8))));
        assert_eq!(store.find_selftest(id(5)).await.unwrap(), None);
        let all = store.list_selftests(10).await.unwrap();
        let states: Vec<_> = all
            .iter()
            .map(|it| (it.id, it.state, it.reason.as_str()))
            .collect();
        assert_eq!(
            states,
            [
                (id(4), cancelled, "Cancelled by alice."),
                (id(3), SelftestState::Failed, "The server ended."),
                (id(1), SelftestState::Completed, ""),
            ]
        );
        assert_eq!(store.list_selftests(1).await.unwrap().len(), 1);
        assert_eq!(store.find_latest_selftest("two").await.unwrap(), None);
    })
    .await;
}
