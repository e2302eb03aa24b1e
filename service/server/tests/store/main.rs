//! Stores: the same demands on memory, a folder and a real Ceph RADOS Gateway.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests; what is not as expected may panic"
)]

mod careless;
mod copying;
mod meddling;
mod place;
mod probing;
mod stopping;
mod suite;
mod traps;
mod watching;

/// Runs every function of the suite on every kind of store.
macro_rules! on_every_store {
    ($($demand:ident,)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $demand() {
                super::suite::$demand(&super::place::memory()).await;
            })*
        }
        mod folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $demand() {
                let (_folder, store) = super::place::folder();
                super::suite::$demand(&store).await;
            })*
        }
        mod ceph {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $demand() {
                if let Some((_access, store)) = super::place::ceph("a/prefix") {
                    super::suite::$demand(&store).await;
                }
            })*
        }
    };
}

on_every_store! {
    of_sixteen_racing_creators_exactly_one_wins,
    what_was_created_is_not_created_again,
    what_was_written_is_read_at_once,
    what_was_written_is_listed_at_once_and_in_order,
    more_objects_than_a_page_are_listed,
    a_listing_knows_whole_folders_only,
    parts_of_objects_are_read,
    large_objects_are_written_part_by_part,
    an_upload_that_breaks_off_leaves_nothing,
    files_are_stored_as_they_are,
    copies_are_independent_of_their_origin,
    what_is_deleted_is_gone,
    many_objects_are_deleted_at_once,
    objects_that_are_not_there_are_no_error,
    keys_may_hold_odd_characters,
    objects_may_be_empty,
    a_store_opened_for_reading_refuses_to_be_written,
    requests_are_counted,
}
