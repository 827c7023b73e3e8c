//! One file per endpoint: its form, its handler, its tests.

mod add_coverage;
mod add_note;
mod approve_doctor;
mod assign_care;
mod book_appointment;
mod book_series;
mod cancel_appointment;
mod cancel_series;
mod change_location;
mod change_password;
mod change_role;
mod change_service;
mod confirm_hold;
mod confirm_totp;
mod control_breaker;
mod correct_coverage;
mod create_doctor;
mod create_location;
mod create_service;
mod create_user;
mod disable_user;
mod discard_dead_letter;
mod enable_user;
mod end_all_sessions;
mod end_care;
mod end_coverage;
mod end_emergency_access;
mod end_session;
mod enrol_totp;
mod finish_sign_in;
mod group_dead_letters;
mod healthz;
mod hold_slot;
mod issue_password_reset;
mod jwks;
mod list_appointments;
mod list_audit;
mod list_breakers;
mod list_care_relations;
mod list_coverages;
mod list_dead_letters;
mod list_doctors;
mod list_eligibility_checks;
mod list_emergency_accesses;
mod list_exceptions;
mod list_locations;
mod list_note_versions;
mod list_notes;
mod list_patients;
mod list_record_access;
mod list_services;
mod list_sessions;
mod list_users;
mod login;
mod logout;
mod me;
mod open_emergency_access;
mod openapi;
mod preview_availability;
mod preview_exceptions;
mod problem_type;
mod read_appointment;
mod read_availability;
mod read_coverage;
mod read_dead_letter;
mod read_doctor;
mod read_history;
mod read_location;
mod read_note;
mod read_patient;
mod read_request;
mod read_second_factor;
mod read_series;
mod read_service;
mod readyz;
mod recheck_eligibility;
mod refresh;
mod register;
mod rehearse_dead_letter;
mod release_hold;
mod remove_exceptions;
mod remove_second_factor;
mod remove_users_second_factor;
mod renew_recovery_codes;
mod reopen_check;
mod replay_dead_letter;
mod replay_dead_letters;
mod report_client_error;
mod request_password_reset;
mod reschedule_appointment;
mod reset_password;
mod review_emergency_access;
mod revise_note;
mod search_slots;
mod self_pay;
mod set_appointment_status;
mod set_availability;
mod set_exceptions;
mod undo_appointment_status;
mod unmask_dead_letter;
mod verify_by_phone;
mod withdraw_request;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// What `/v1` and its companions serve, by name.
pub fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_coverage::add_coverage))
        .routes(routes!(add_note::add_note))
        .routes(routes!(approve_doctor::approve_doctor))
        .routes(routes!(assign_care::assign_care))
        .routes(routes!(book_appointment::book_appointment))
        .routes(routes!(book_series::book_series))
        .routes(routes!(cancel_appointment::cancel_appointment))
        .routes(routes!(cancel_series::cancel_series))
        .routes(routes!(confirm_hold::confirm_hold))
        .routes(routes!(change_location::change_location))
        .routes(routes!(change_service::change_service))
        .routes(routes!(change_password::change_password))
        .routes(routes!(change_role::change_role))
        .routes(routes!(confirm_totp::confirm_totp))
        .routes(routes!(control_breaker::control_breaker))
        .routes(routes!(correct_coverage::correct_coverage))
        .routes(routes!(create_doctor::create_doctor))
        .routes(routes!(create_location::create_location))
        .routes(routes!(create_service::create_service))
        .routes(routes!(create_user::create_user))
        .routes(routes!(disable_user::disable_user))
        .routes(routes!(discard_dead_letter::discard_dead_letter))
        .routes(routes!(end_care::end_care))
        .routes(routes!(end_coverage::end_coverage))
        .routes(routes!(end_emergency_access::end_emergency_access))
        .routes(routes!(group_dead_letters::group_dead_letters))
        .routes(routes!(hold_slot::hold_slot))
        .routes(routes!(enable_user::enable_user))
        .routes(routes!(end_all_sessions::end_all_sessions))
        .routes(routes!(end_session::end_session))
        .routes(routes!(enrol_totp::enrol_totp))
        .routes(routes!(finish_sign_in::finish_sign_in))
        .routes(routes!(issue_password_reset::issue_password_reset))
        .routes(routes!(jwks::jwks))
        .routes(routes!(list_appointments::list_appointments))
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(list_breakers::list_breakers))
        .routes(routes!(list_care_relations::list_care_relations))
        .routes(routes!(list_coverages::list_coverages))
        .routes(routes!(list_dead_letters::list_dead_letters))
        .routes(routes!(list_doctors::list_doctors))
        .routes(routes!(list_eligibility_checks::list_eligibility_checks))
        .routes(routes!(list_note_versions::list_note_versions))
        .routes(routes!(list_notes::list_notes))
        .routes(routes!(list_emergency_accesses::list_emergency_accesses))
        .routes(routes!(list_patients::list_patients))
        .routes(routes!(list_record_access::list_record_access))
        .routes(routes!(list_exceptions::list_exceptions))
        .routes(routes!(list_locations::list_locations))
        .routes(routes!(list_services::list_services))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(list_users::list_users))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(open_emergency_access::open_emergency_access))
        .routes(routes!(openapi::openapi))
        .routes(routes!(preview_availability::preview_availability))
        .routes(routes!(preview_exceptions::preview_exceptions))
        .routes(routes!(problem_type::problem_type))
        .routes(routes!(read_appointment::read_appointment))
        .routes(routes!(read_availability::read_availability))
        .routes(routes!(read_coverage::read_coverage))
        .routes(routes!(read_dead_letter::read_dead_letter))
        .routes(routes!(read_doctor::read_doctor))
        .routes(routes!(read_history::read_history))
        .routes(routes!(read_note::read_note))
        .routes(routes!(read_request::read_request))
        .routes(routes!(read_series::read_series))
        .routes(routes!(refresh::refresh))
        .routes(routes!(register::register))
        .routes(routes!(rehearse_dead_letter::rehearse_dead_letter))
        .routes(routes!(release_hold::release_hold))
        .routes(routes!(read_location::read_location))
        .routes(routes!(read_service::read_service))
        .routes(routes!(remove_exceptions::remove_exceptions))
        .routes(routes!(replay_dead_letter::replay_dead_letter))
        .routes(routes!(replay_dead_letters::replay_dead_letters))
        .routes(routes!(reschedule_appointment::reschedule_appointment))
        .routes(routes!(revise_note::revise_note))
        .routes(routes!(read_second_factor::read_second_factor))
        .routes(routes!(remove_second_factor::remove_second_factor))
        .routes(routes!(remove_users_second_factor::remove_users_second_factor))
        .routes(routes!(renew_recovery_codes::renew_recovery_codes))
        .routes(routes!(report_client_error::report_client_error))
        .routes(routes!(request_password_reset::request_password_reset))
        .routes(routes!(reset_password::reset_password))
        .routes(routes!(search_slots::search_slots))
        .routes(routes!(set_appointment_status::set_appointment_status))
        .routes(routes!(read_patient::read_patient))
        .routes(routes!(recheck_eligibility::recheck_eligibility))
        .routes(routes!(reopen_check::reopen_check))
        .routes(routes!(review_emergency_access::review_emergency_access))
        .routes(routes!(self_pay::self_pay))
        .routes(routes!(set_availability::set_availability))
        .routes(routes!(undo_appointment_status::undo_appointment_status))
        .routes(routes!(set_exceptions::set_exceptions))
        .routes(routes!(unmask_dead_letter::unmask_dead_letter))
        .routes(routes!(verify_by_phone::verify_by_phone))
        .routes(routes!(withdraw_request::withdraw_request))
}

/// What machines ask about this process; neither limited nor authenticated.
pub fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz::healthz)).routes(routes!(readyz::readyz))
}
