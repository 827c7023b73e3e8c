//! The security checklist: every item has a test, and `docs/SECURITY.md` says which. What no test of
//! another file shows is shown here.

mod answers;
mod edge;

use std::path::{Path, PathBuf};

/// Where an item is shown: the file, from the root, and the test in it.
struct Shown {
    item: u8,
    file: &'static str,
    test: &'static str,
}

const fn shown(item: u8, file: &'static str, test: &'static str) -> Shown {
    Shown { item, file, test }
}

const POLICY: &str = "api/src/auth/password_policy.rs";
const PASSWORDS: &str = "api/src/auth/passwords.rs";
const TOKENS: &str = "api/src/auth/tokens.rs";
const WAITS: &str = "api/src/auth/login_wait.rs";
const SERVER: &str = "api/src/server.rs";
const ACCESS: &str = "testkit/tests/access.rs";
const AUDIT: &str = "testkit/tests/audit.rs";
const BAD_INPUT: &str = "testkit/tests/bad_input.rs";
const BOOKING: &str = "testkit/tests/life_of_a_booking.rs";
const CONTAINMENT: &str = "testkit/tests/containment/faults.rs";
const ELIGIBILITY: &str = "testkit/tests/eligibility.rs";
const OF_PASSWORDS: &str = "testkit/tests/accounts/passwords.rs";
const OF_SECOND_FACTORS: &str = "testkit/tests/accounts/second_factor.rs";
const OF_SESSIONS: &str = "testkit/tests/accounts/sessions.rs";
const OF_THROTTLING: &str = "testkit/tests/accounts/throttling.rs";
const KEYS: &str = "testkit/tests/accounts/keys.rs";
const SAME: &str = "testkit/tests/accounts/same_answers.rs";
const ANSWERS: &str = "testkit/tests/checklist/answers.rs";
const EDGE: &str = "testkit/tests/checklist/edge.rs";
const ROWS: &str = "testkit/tests/row_level_security.rs";
const TELEMETRY: &str = "testkit/tests/telemetry.rs";

/// Items 1 to 35 and 42 to 44, each at least once.
const CHECKLIST: &[Shown] = &[
    shown(1, POLICY, "item_01_any_15_characters_of_any_kind_count_and_64_are_allowed"),
    shown(1, BAD_INPUT, "sign_up_refuses_what_it_should"),
    shown(
        2,
        POLICY,
        "item_02_what_is_tried_first_is_refused_breached_or_of_the_service_or_the_person",
    ),
    shown(3, PASSWORDS, "checks_what_it_hashed"),
    shown(3, PASSWORDS, "renews_hashes_with_weaker_parameters"),
    shown(4, OF_THROTTLING, "item_04_two_hundred_sign_ins_at_once_take_bounded_memory"),
    shown(5, WAITS, "item_05_the_hundredth_failure_in_a_row_costs_a_day_and_never_more"),
    shown(5, OF_THROTTLING, "item_05_a_strangers_failures_keep_nobody_out_of_their_own_account"),
    shown(6, OF_THROTTLING, "item_06_a_forged_address_evades_no_limit"),
    shown(6, OF_THROTTLING, "behind_a_trusted_proxy_each_client_has_a_limit_of_their_own"),
    shown(7, SAME, "item_07_signing_in_answers_the_same_after_the_same_work"),
    shown(7, SAME, "item_07_registering_answers_the_same_after_the_same_work"),
    shown(7, SAME, "item_07_asking_for_a_reset_answers_the_same_after_the_same_work"),
    shown(8, OF_SECOND_FACTORS, "item_08_staff_can_only_enrol_until_they_have_a_second_factor"),
    shown(9, EDGE, "item_09_there_is_nobody_in_a_new_database"),
    shown(10, OF_PASSWORDS, "item_10_an_administrator_permits_a_new_password_and_cannot_choose_it"),
    shown(11, TOKENS, "refuses_other_algorithms_even_when_their_signature_fits"),
    shown(11, ACCESS, "forged_tokens_open_nothing"),
    shown(12, TOKENS, "refuses_keys_that_are_not_ours"),
    shown(13, TOKENS, "refuses_missing_and_foreign_claims"),
    shown(14, TOKENS, "refuses_other_types_of_token"),
    shown(15, KEYS, "item_15_a_replaced_key_verifies_until_its_tokens_have_ended"),
    shown(16, BOOKING, "a_refresh_token_used_twice_ends_its_family"),
    shown(16, OF_SESSIONS, "a_session_ends_when_it_is_idle_and_when_its_time_is_over"),
    shown(16, OF_SESSIONS, "item_16_of_two_refreshes_at_once_one_wins_and_nobody_is_signed_out"),
    shown(17, OF_SESSIONS, "item_17_what_ends_a_session_ends_it_at_every_instance_within_seconds"),
    shown(17, BOOKING, "a_session_ends_within_seconds_of_signing_out"),
    shown(18, OF_SESSIONS, "item_18_sessions_are_listed_and_ended_one_by_one"),
    shown(19, EDGE, "item_19_there_are_no_cookies_to_forge_requests_with"),
    shown(20, ANSWERS, "item_20_tokens_are_kept_and_found_as_digests_only"),
    shown(21, "testkit/tests/routes/main.rs", "every_route_answers_each_role_as_the_table_says"),
    shown(22, ANSWERS, "item_22_what_is_not_yours_and_what_is_not_there_look_the_same"),
    shown(23, BAD_INPUT, "bodies_that_are_not_what_they_should_be"),
    shown(24, ANSWERS, "item_24_answers_show_nothing_that_is_not_in_their_schema"),
    shown(25, ROWS, "the_schemas_owner_is_bound_too"),
    shown(25, ROWS, "without_a_caller_there_is_nothing_to_see"),
    shown(26, ROWS, "a_caller_is_forgotten_with_their_transaction"),
    shown(27, BOOKING, "of_many_who_want_one_slot_exactly_one_gets_it"),
    shown(28, BAD_INPUT, "bodies_that_are_not_what_they_should_be"),
    shown(28, SERVER, "refuses_malformed_and_oversized_heads"),
    shown(29, BAD_INPUT, "a_slow_client_is_hung_up_on"),
    shown(29, SERVER, "closes_connections_that_never_finish_their_headers"),
    shown(30, EDGE, "item_30_browsers_are_told_to_run_frame_guess_and_keep_nothing"),
    shown(31, EDGE, "item_31_no_other_origin_may_read_answers"),
    shown(32, BAD_INPUT, "a_correlation_id_from_outside_counts_only_when_it_is_a_uuid"),
    shown(33, BAD_INPUT, "headers_and_ids_that_try_something"),
    shown(34, ELIGIBILITY, "an_insurer_in_our_own_network_has_to_be_allowed"),
    shown(34, CONTAINMENT, "an_insurer_that_lies_is_not_believed"),
    shown(35, EDGE, "item_35_a_failure_says_nothing_of_what_is_inside"),
    shown(35, BAD_INPUT, "requests_that_are_no_http"),
    shown(35, "api/src/door.rs", "a_panic_is_an_answer"),
    shown(42, AUDIT, "sign_ins_and_what_looks_like_an_attack_are_recorded"),
    shown(42, AUDIT, "refusals_and_administration_are_recorded"),
    shown(42, AUDIT, "who_looks_at_a_visit_is_recorded_under_the_requests_own_id"),
    shown(
        42,
        "testkit/tests/dead_letters/audited.rs",
        "what_is_done_with_a_letter_is_recorded_with_its_reason",
    ),
    shown(43, TELEMETRY, "nothing_personal_is_logged_counted_traced_or_put_into_subjects"),
    shown(44, EDGE, "item_44_metrics_and_documentation_are_not_public_by_themselves"),
    shown(44, TELEMETRY, "metrics_have_names_with_units_and_a_listener_of_their_own"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether the source has a function of that name which runs as a test.
fn has_test(source: &str, name: &str) -> bool {
    let Some(start) = source.find(&format!("fn {name}(")) else { return false };
    let attributes: Vec<&str> = source[..start]
        .rsplit('\n')
        .skip(1)
        .take_while(|line| line.trim_start().starts_with("#["))
        .map(str::trim)
        .collect();
    let has = |start: &str| attributes.iter().any(|line| line.starts_with(start));
    (has("#[test]") || has("#[tokio::test")) && !has("#[ignore")
}

#[test]
fn every_item_of_the_checklist_has_a_test_that_runs() {
    for item in (1..=35).chain(42..=44) {
        assert!(CHECKLIST.iter().any(|shown| shown.item == item), "no test shows item {item}");
    }
    for Shown { item, file, test } in CHECKLIST {
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(has_test(&source, test), "item {item}: {file} has no test {test}");
    }
}

#[test]
fn the_page_about_security_names_every_item_and_its_tests() {
    let page = std::fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    for Shown { item, test, .. } in CHECKLIST {
        let row = page.lines().find(|line| line.starts_with(&format!("| {item} |")));
        let row = row.unwrap_or_else(|| panic!("docs/SECURITY.md has no line of item {item}"));
        assert!(row.contains(&format!("`{test}`")), "item {item}: the page doesn't name {test}");
    }
}

#[test]
fn a_test_that_is_gone_or_does_not_run_is_noticed() {
    let source =
        "#[tokio::test]\nasync fn one() {}\n#[test]\n#[ignore]\nfn two() {}\nfn three() {}";
    assert!(has_test(source, "one"));
    for name in ["two", "three", "four"] {
        assert!(!has_test(source, name), "{name}");
    }
}
