//! One file per endpoint: its form, its handler, its tests.

mod add_coverage;
mod approve_doctor;
mod book_appointment;
mod cancel_appointment;
mod control_breaker;
mod correct_coverage;
mod create_doctor;
mod create_user;
mod discard_dead_letter;
mod end_coverage;
mod end_emergency_access;
mod group_dead_letters;
mod healthz;
mod jwks;
mod list_appointments;
mod list_audit;
mod list_breakers;
mod list_coverages;
mod list_dead_letters;
mod list_doctors;
mod list_eligibility_checks;
mod list_emergency_accesses;
mod list_patients;
mod list_record_access;
mod list_users;
mod login;
mod logout;
mod me;
mod open_emergency_access;
mod openapi;
mod problem_type;
mod read_appointment;
mod read_availability;
mod read_coverage;
mod read_dead_letter;
mod read_doctor;
mod read_patient;
mod read_request;
mod readyz;
mod recheck_eligibility;
mod refresh;
mod register;
mod rehearse_dead_letter;
mod reopen_check;
mod replay_dead_letter;
mod replay_dead_letters;
mod review_emergency_access;
mod search_slots;
mod self_pay;
mod set_availability;
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
        .routes(routes!(approve_doctor::approve_doctor))
        .routes(routes!(book_appointment::book_appointment))
        .routes(routes!(cancel_appointment::cancel_appointment))
        .routes(routes!(control_breaker::control_breaker))
        .routes(routes!(correct_coverage::correct_coverage))
        .routes(routes!(create_doctor::create_doctor))
        .routes(routes!(create_user::create_user))
        .routes(routes!(discard_dead_letter::discard_dead_letter))
        .routes(routes!(end_coverage::end_coverage))
        .routes(routes!(end_emergency_access::end_emergency_access))
        .routes(routes!(group_dead_letters::group_dead_letters))
        .routes(routes!(jwks::jwks))
        .routes(routes!(list_appointments::list_appointments))
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(list_breakers::list_breakers))
        .routes(routes!(list_coverages::list_coverages))
        .routes(routes!(list_dead_letters::list_dead_letters))
        .routes(routes!(list_doctors::list_doctors))
        .routes(routes!(list_eligibility_checks::list_eligibility_checks))
        .routes(routes!(list_emergency_accesses::list_emergency_accesses))
        .routes(routes!(list_patients::list_patients))
        .routes(routes!(list_record_access::list_record_access))
        .routes(routes!(list_users::list_users))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(open_emergency_access::open_emergency_access))
        .routes(routes!(openapi::openapi))
        .routes(routes!(problem_type::problem_type))
        .routes(routes!(read_appointment::read_appointment))
        .routes(routes!(read_availability::read_availability))
        .routes(routes!(read_coverage::read_coverage))
        .routes(routes!(read_dead_letter::read_dead_letter))
        .routes(routes!(read_doctor::read_doctor))
        .routes(routes!(read_patient::read_patient))
        .routes(routes!(read_request::read_request))
        .routes(routes!(recheck_eligibility::recheck_eligibility))
        .routes(routes!(refresh::refresh))
        .routes(routes!(register::register))
        .routes(routes!(rehearse_dead_letter::rehearse_dead_letter))
        .routes(routes!(reopen_check::reopen_check))
        .routes(routes!(replay_dead_letter::replay_dead_letter))
        .routes(routes!(replay_dead_letters::replay_dead_letters))
        .routes(routes!(review_emergency_access::review_emergency_access))
        .routes(routes!(search_slots::search_slots))
        .routes(routes!(self_pay::self_pay))
        .routes(routes!(set_availability::set_availability))
        .routes(routes!(unmask_dead_letter::unmask_dead_letter))
        .routes(routes!(verify_by_phone::verify_by_phone))
        .routes(routes!(withdraw_request::withdraw_request))
}

/// What machines ask about this process; neither limited nor authenticated.
pub fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz::healthz)).routes(routes!(readyz::readyz))
}
