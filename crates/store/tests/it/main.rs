//! The contract of the store: every promise, and every "no", as plain functions that run on each engine.
//!
//! A test knows verbs and a hand-driven clock, never an engine. What only the embedded engine has is in
//! `engine` and `crash`, the way from one engine to the other in `transfer`. That the checks can fail is shown in `planted_bugs`.

mod accounts;
mod audit;
mod cancellations;
mod caps;
mod catalog;
mod checkout;
mod claims;
mod crash;
mod doors;
mod drip;
mod engine;
mod holds;
mod idempotency;
mod joining;
mod login_codes;
mod model;
mod nodes;
mod planted_bugs;
mod races;
mod report;
mod runs;
mod sale_changes;
mod stats_export;
mod sweeps;
mod tickets;
mod transfer;
mod world;

/// The contract on one engine.
macro_rules! suite {
    ($engine:ident: $($subject:ident { $($promise:ident)* })*) => {
        mod $engine {$(
            mod $subject {$(
                #[tokio::test]
                async fn $promise() {
                    let mut world = crate::world::World::new(crate::world::$engine).await;
                    crate::$subject::$promise(&mut world).await;
                }
            )*}
        )*}
    };
}

/// Every promise once. One that is not listed does not compile without a warning.
macro_rules! contract {
    ($engine:ident) => {
        suite! { $engine:
            joining {
                positions_follow_the_order_of_the_batch
                a_join_acknowledged_earlier_has_the_lower_position
                a_whole_batch_of_a_thousand_joins_without_a_gap
                joining_again_returns_the_same_place
                a_batch_of_known_and_new_fans_leaves_no_gap
                concurrent_batches_share_one_line_without_a_gap
                one_fan_on_many_devices_at_once_has_one_place
                a_full_room_takes_as_many_of_a_batch_as_fit
                who_has_a_place_gets_it_although_the_room_is_full
                a_room_for_nobody_takes_nobody
                who_leaves_a_full_room_makes_room_for_one
                who_is_called_out_of_a_full_room_makes_room_for_one
                a_called_fan_who_leaves_is_not_counted_twice_as_room
                joined_at_never_falls_when_the_clock_is_set_back
                joined_at_never_falls_over_a_restart
                doors_open_to_the_millisecond
                doors_shut_to_the_millisecond
                who_has_a_place_gets_it_after_the_end
                a_sale_that_is_building_takes_nobody
                a_sale_that_is_not_there_is_not_found
                two_sales_have_two_lines
                who_leaves_and_joins_again_starts_at_the_end
                who_has_no_place_cannot_leave
                who_leaves_the_shop_gives_back_claim_and_seats
                nobody_leaves_in_the_middle_of_a_payment
            }
            drip {
                nobody_new_is_called_before_more_returners_than_one_tick_calls
                the_first_call_waits_for_one_whole_persons_credit
                credit_begins_at_the_doors
                fractions_of_a_person_are_kept
                a_rate_of_zero_calls_nobody
                a_late_tick_is_credited_for_two_seconds
                an_empty_line_saves_nothing_up
                no_burst_after_an_empty_line_or_closed_doors
                no_credit_is_saved_while_the_cap_is_reached
                the_cap_counts_the_people_inside_and_on_their_way
                who_does_not_come_frees_the_cap_after_the_window
                who_is_called_again_counts_as_coming_for_one_window
                nobody_is_called_for_whom_there_is_no_seat
                the_stock_rule_counts_seats_per_shopper
                a_sold_out_sale_calls_nobody_until_a_seat_comes_back
                credit_survives_a_restart
                a_restart_with_the_clock_set_back_does_not_stop_the_line
                each_row_of_the_log_follows_from_the_one_before
                a_tick_without_news_writes_no_row
                a_fenced_leader_changes_nothing
                ticks_at_once_share_one_credit
                nobody_is_called_before_the_doors_nor_after_the_end
            }
            claims {
                a_called_fan_goes_inside_with_the_first_poll
                the_poll_of_a_waiting_fan_changes_nothing
                the_poll_of_a_stranger_finds_no_place
                polling_again_returns_the_same_claim
                polls_at_once_make_one_claim
                the_window_is_open_to_its_last_millisecond
                a_latecomer_waits_for_a_tick_and_gets_a_whole_new_window
                who_is_late_again_returns_again
                who_does_not_ask_is_not_called_again
                returners_are_called_first_and_by_position
                a_returner_waits_while_the_shop_is_empty
                a_poll_tells_how_a_place_ended
                who_joins_again_gets_a_claim_of_his_own
                an_ended_sale_lets_nobody_in_any_more
            }
            holds {
                a_hold_takes_its_seats_and_answers_what_they_cost
                one_seat_that_is_gone_refuses_the_whole_hold
                fifty_fans_at_one_seat_give_one_hold
                fifty_fans_at_ten_seats_give_ten_holds
                crossing_holds_at_once_never_share_a_seat
                parallel_holds_of_one_fan_give_one_hold
                a_hold_over_the_cap_is_refused
                tickets_count_towards_the_cap_of_the_next_visit
                no_seats_and_too_many_seats_are_refused
                a_seat_asked_for_twice_or_unknown_is_refused
                who_holds_seats_holds_no_others
                anothers_hold_is_taken_over_when_its_time_is_over
                a_refused_takeover_leaves_the_lapsed_hold_to_the_sweep
                ones_own_lapsed_hold_does_not_stand_in_the_way
                an_admission_opens_the_shop_until_its_deadline
                a_claim_with_a_live_hold_places_no_new_hold_after_its_deadline
                a_used_admission_opens_nothing
                nobody_holds_without_a_claim_of_his_own
                an_ended_sale_holds_nothing_new
                a_sale_that_is_not_there_holds_nothing
                released_seats_are_free_at_once
                releasing_twice_frees_nothing_of_the_next_owner
                anothers_hold_is_not_found
                a_hold_that_is_paid_or_being_paid_is_not_released
                an_id_that_exists_makes_no_second_hold
                after_a_crash_holds_lapse_and_exactly_the_sold_seats_are_gone
                a_hold_outlives_a_jump_of_the_clock
                a_jump_of_the_clock_is_remembered_although_nothing_was_written_since
            }
            checkout {
                a_paid_hold_becomes_an_order_with_a_ticket_for_each_seat
                claim_and_place_end_as_bought
                the_same_key_returns_the_same_order
                the_same_key_returns_the_same_order_after_a_crash
                another_body_under_the_key_is_refused
                another_key_on_a_hold_being_paid_is_refused
                many_keys_at_once_on_one_hold_make_one_order
                a_declined_payment_keeps_the_hold_and_frees_the_key
                a_refusal_leaves_its_key_free
                an_order_that_was_declined_stays_declined
                a_hold_is_paid_until_its_last_millisecond
                a_live_hold_is_paid_after_the_claims_deadline_and_after_the_end
                another_hold_and_another_claim_are_not_found
                a_payment_keeps_the_seats_for_two_minutes
                a_second_payment_does_not_keep_the_seats_again
                a_payment_never_shortens_a_hold
                a_late_payment_is_honoured_while_the_seats_are_ours_or_free
                a_late_payment_for_lost_seats_is_given_back
                a_refund_is_recorded_once
                money_that_was_kept_is_not_refunded
                a_late_payment_that_would_break_the_cap_is_given_back
                one_admission_is_one_order_even_when_two_payments_cross
                two_orders_for_one_hold_are_never_both_confirmed
                no_seat_is_sold_twice_when_payments_finish_at_once
                a_slow_payment_stops_nobody_else
                an_order_left_paying_by_a_crash_is_found_after_thirty_seconds_and_settled
            }
            tickets {
                a_ticket_is_read_by_its_holder_with_all_that_is_printed_on_it
                orders_are_read_by_pages_newest_first
                tickets_are_read_by_pages_the_newest_order_first
                orders_of_one_moment_are_on_exactly_one_page
                a_page_after_anothers_order_or_ticket_is_no_page
                an_order_that_came_to_nothing_is_listed_without_tickets
            }
            cancellations {
                a_cancelled_ticket_gives_its_seat_to_the_public_and_its_money_back
                the_seat_of_a_cancelled_ticket_is_sold_again_and_a_code_of_it_is_dead
                a_sold_out_sale_opens_again
                a_cancelled_ticket_does_not_count_towards_the_cap
                a_whole_order_is_cancelled_at_once_or_not_at_all
                what_is_left_of_an_order_is_cancelled_with_the_rest_of_its_money
                an_order_that_is_not_paid_has_nothing_to_cancel
                cancelling_many_times_at_once_gives_one_refund
                one_key_cancels_once_and_has_one_answer
                a_refund_goes_out_once_and_is_reported
                a_ticket_that_cost_nothing_is_owed_nothing
                a_seat_that_is_held_back_is_nobodys_until_the_operator_releases_it
                releasing_many_times_at_once_frees_each_seat_once
                where_cancelled_seats_go_may_change_for_those_to_come
                cancelling_and_buying_at_once_never_share_a_seat
            }
            doors {
                a_ticket_is_let_in_once_and_the_second_gate_hears_when_and_where
                the_same_nonce_has_the_same_answer_and_another_code_under_it_is_refused
                forty_gates_at_once_let_one_ticket_in_once
                a_code_of_nothing_or_for_another_sale_lets_nobody_in
                a_ticket_issued_again_has_a_new_code_and_the_old_one_is_dead
                issuing_again_under_one_key_raises_the_version_once
                what_is_not_there_cancelled_or_in_use_is_not_issued_again
                issuing_again_and_a_scan_at_once_never_both_win
                the_revoked_codes_of_a_sale_are_listed_by_pages
            }
            idempotency {
                the_same_key_returns_the_same_bytes
                one_key_many_times_at_once_makes_one_hold
                another_request_under_the_same_key_is_refused
                the_keys_of_two_fans_are_two_keys
                a_key_is_forgotten_long_after_its_sale_and_not_before
                a_refusal_leaves_its_key_free
                a_new_hold_is_not_answered_from_a_checkouts_key
                the_keys_of_two_sales_are_two_keys
                an_answer_is_the_same_after_a_restart
            }
            model {
                the_store_is_the_model_after_every_step
            }
            races {
                paid_twice_is_one_payment
                cancel_and_expiry_return_exactly_what_they_took
                a_crash_after_the_head_of_the_line_was_called_loses_nobody
                the_admission_counter_never_passes_the_last_entry
                people_who_leave_never_freeze_the_line
            }
            sweeps {
                a_hold_is_swept_at_its_end_and_not_before
                a_sweep_frees_no_seat_that_has_a_new_owner
                a_sweep_touches_no_released_and_no_sold_hold
                one_sweep_writes_no_more_rows_than_a_command_may
                a_claim_is_swept_at_its_deadline_and_not_before
                a_claim_with_a_live_hold_outlives_its_deadline
                a_released_hold_keeps_no_claim_alive
                many_claims_end_in_several_bounded_sweeps
                a_place_that_was_called_is_kept_however_late
                a_clock_set_forward_ends_no_claim_and_no_window
                a_clock_set_back_lets_nothing_live_longer
            }
            catalog {
                an_event_is_read_as_it_was_written
                the_same_key_makes_one_event
                a_sale_is_read_as_it_was_written
                the_same_key_makes_one_sale_also_while_it_is_building
                a_sale_of_an_unknown_event_leaves_nothing_not_even_its_key
                a_large_hall_is_built_in_several_commands
                a_hall_half_built_is_finished_after_a_crash
                builders_at_once_make_each_seat_once
                a_hall_of_one_seat_and_one_of_a_whole_command_are_built
                an_unknown_sale_is_not_found
                the_demo_sale_is_the_last_one_adopted
                sales_long_over_are_not_loaded
            }
            caps {
                accounts_with_one_phone_share_a_cap
                a_sale_without_a_cap_counts_no_cluster
                twelve_at_once_of_one_cluster_have_exactly_the_cap
                a_card_is_known_when_it_pays
                who_paid_with_a_shared_card_is_counted_at_the_next_hold
                one_account_brings_so_many_cards_and_not_one_more
                one_card_twelve_times_at_once_pays_exactly_the_cap
                an_address_counts_only_where_it_is_asked_for
                a_late_payment_that_would_break_the_clusters_cap_is_given_back
                a_hold_is_paid_under_the_clusters_cap_that_it_was_placed_under
                an_exception_lifts_its_rule_for_its_account_and_is_audited
                more_tickets_for_one_account_are_an_exception_too
                an_exception_that_is_taken_back_allows_nothing_new
                the_sales_of_a_tour_share_a_cap
                two_sales_of_a_tour_at_once_sell_a_cluster_exactly_its_cap
                refusals_and_signals_are_counted_by_account_code_and_minute
            }
            accounts {
                an_account_is_found_by_address_and_by_id
                an_address_belongs_to_who_came_first
                one_address_many_times_at_once_makes_one_account
                a_thousand_accounts_are_made_at_once
                an_address_that_exists_keeps_its_id
                an_address_twice_in_one_batch_is_one_account
                a_secret_is_made_once_and_kept
            }
            runs {
                runs_are_taken_one_at_a_time_in_the_order_of_asking
                one_more_than_may_wait_is_told_which_run_is_in_the_way
                ten_wishes_at_once_are_as_many_runs_as_may_wait
                two_runners_at_once_never_get_the_same_run
                a_runner_that_claims_anew_ends_what_it_had
                a_run_is_given_up_when_its_runner_is_not_heard_of_and_not_before
                a_run_that_was_given_up_hears_no_more_of_its_old_runner
                a_run_waits_and_runs_through_a_restart
                stopping_ends_what_waits_and_asks_what_runs
                a_run_is_ended_once_and_a_repeat_is_told_how
                a_run_on_somebodys_own_account_makes_the_others_wait
                the_list_goes_back_page_by_page
                the_list_can_be_of_one_scenario_or_state_and_the_last_over_is_told_of_each
                a_file_is_whole_with_its_last_part_in_any_order
                parts_of_a_lost_run_and_of_another_file_are_refused
                the_oldest_evidence_goes_first_and_then_the_oldest_reports
                asking_for_work_that_is_not_there_finds_none
            }
            login_codes {
                a_code_is_good_once
                a_wrong_try_counts_and_a_few_end_the_code
                a_code_ends_with_its_time_and_is_forgotten
                one_code_many_times_at_once_is_one_login
                each_code_has_tries_of_its_own
            }
            stats_export {
                everybody_and_every_seat_is_in_exactly_one_state_at_every_step
                the_figures_of_one_sale_leave_out_another
                people_on_their_way_are_counted_for_one_window
                a_sale_is_sold_out_when_no_seat_is_free_and_none_is_held
                the_export_tells_what_the_figures_tell
                an_entry_tells_its_whole_story
                a_line_longer_than_a_page_is_exported_whole_and_in_order
                an_export_ends_when_nobody_listens
                figures_and_export_of_an_unknown_sale_are_not_found
                the_operator_finds_every_place_of_an_account
                the_operator_reads_the_line_by_pages
                a_node_that_starts_loads_what_is_there
            }
            sale_changes {
                a_change_is_written_remembered_and_audited
                a_change_that_is_made_already_is_only_audited
                a_refused_change_leaves_nothing
                a_pause_calls_nobody_and_saves_nothing_up
                a_new_rate_counts_from_the_next_tick_and_takes_nothing_back
                a_smaller_room_and_a_lower_cap_of_people_call_nobody_out
                shorter_windows_leave_old_deadlines_alone
                a_hold_is_paid_under_the_cap_that_it_was_placed_under
                a_closed_sale_stays_closed
                an_unknown_sale_has_no_terms_to_change
            }
            audit {
                what_was_noticed_is_told_once_however_often_it_is_written
                acts_are_read_in_order_by_page_and_by_subject
                every_act_is_sealed_once_and_the_chain_holds
                one_seal_holds_no_more_rows_than_a_command_may_write
                only_the_leader_seals
                a_changed_entry_breaks_the_chain
                a_copy_of_the_log_tells_what_the_database_tells
                a_copy_without_its_newest_seal_is_broken_where_entries_name_it
                a_removed_entry_breaks_the_chain
                a_moved_entry_breaks_the_chain
                an_inserted_entry_breaks_the_chain
                a_removed_or_rewritten_seal_breaks_the_chain
                an_entry_that_comes_behind_a_sealed_one_is_sealed_too
                a_backdated_entry_is_told_as_late
            }
            report {
                a_report_of_nothing_is_empty
                everybody_who_was_called_is_told_where_he_went
                the_most_who_were_inside_at_once_are_counted
                what_the_drip_did_is_told_beside_what_it_was_set_to
                seats_are_told_by_section_and_the_last_one_sold_by_its_time
                money_given_back_is_told_apart
                every_order_is_listed_with_what_became_of_it
            }
        }
    };
}

contract!(sqlite);
contract!(postgres);
