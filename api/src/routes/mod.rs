//! One file per endpoint: its form, its handler, its tests.

mod add_coverage;
mod approve_doctor;
mod book_appointment;
mod cancel_appointment;
mod change_password;
mod change_role;
mod confirm_totp;
mod control_breaker;
mod create_doctor;
mod create_user;
mod disable_user;
mod discard_dead_letter;
mod enable_user;
mod end_all_sessions;
mod end_session;
mod enrol_totp;
mod finish_sign_in;
mod group_dead_letters;
mod healthz;
mod issue_password_reset;
mod jwks;
mod list_appointments;
mod list_audit;
mod list_breakers;
mod list_coverages;
mod list_dead_letters;
mod list_doctors;
mod list_eligibility_checks;
mod list_sessions;
mod list_users;
mod login;
mod logout;
mod me;
mod openapi;
mod problem_type;
mod read_appointment;
mod read_availability;
mod read_coverage;
mod read_dead_letter;
mod read_doctor;
mod read_request;
mod read_second_factor;
mod readyz;
mod refresh;
mod register;
mod rehearse_dead_letter;
mod remove_second_factor;
mod remove_users_second_factor;
mod renew_recovery_codes;
mod replay_dead_letter;
mod replay_dead_letters;
mod report_client_error;
mod request_password_reset;
mod reset_password;
mod search_slots;
mod set_availability;
mod unmask_dead_letter;
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
        .routes(routes!(change_password::change_password))
        .routes(routes!(change_role::change_role))
        .routes(routes!(confirm_totp::confirm_totp))
        .routes(routes!(control_breaker::control_breaker))
        .routes(routes!(create_doctor::create_doctor))
        .routes(routes!(create_user::create_user))
        .routes(routes!(disable_user::disable_user))
        .routes(routes!(discard_dead_letter::discard_dead_letter))
        .routes(routes!(enable_user::enable_user))
        .routes(routes!(end_all_sessions::end_all_sessions))
        .routes(routes!(end_session::end_session))
        .routes(routes!(enrol_totp::enrol_totp))
        .routes(routes!(finish_sign_in::finish_sign_in))
        .routes(routes!(group_dead_letters::group_dead_letters))
        .routes(routes!(issue_password_reset::issue_password_reset))
        .routes(routes!(jwks::jwks))
        .routes(routes!(list_appointments::list_appointments))
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(list_breakers::list_breakers))
        .routes(routes!(list_coverages::list_coverages))
        .routes(routes!(list_dead_letters::list_dead_letters))
        .routes(routes!(list_doctors::list_doctors))
        .routes(routes!(list_eligibility_checks::list_eligibility_checks))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(list_users::list_users))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(openapi::openapi))
        .routes(routes!(problem_type::problem_type))
        .routes(routes!(read_appointment::read_appointment))
        .routes(routes!(read_availability::read_availability))
        .routes(routes!(read_coverage::read_coverage))
        .routes(routes!(read_dead_letter::read_dead_letter))
        .routes(routes!(read_doctor::read_doctor))
        .routes(routes!(read_request::read_request))
        .routes(routes!(read_second_factor::read_second_factor))
        .routes(routes!(refresh::refresh))
        .routes(routes!(register::register))
        .routes(routes!(rehearse_dead_letter::rehearse_dead_letter))
        .routes(routes!(remove_second_factor::remove_second_factor))
        .routes(routes!(remove_users_second_factor::remove_users_second_factor))
        .routes(routes!(renew_recovery_codes::renew_recovery_codes))
        .routes(routes!(replay_dead_letter::replay_dead_letter))
        .routes(routes!(replay_dead_letters::replay_dead_letters))
        .routes(routes!(report_client_error::report_client_error))
        .routes(routes!(request_password_reset::request_password_reset))
        .routes(routes!(reset_password::reset_password))
        .routes(routes!(search_slots::search_slots))
        .routes(routes!(set_availability::set_availability))
        .routes(routes!(unmask_dead_letter::unmask_dead_letter))
        .routes(routes!(withdraw_request::withdraw_request))
}

/// What machines ask about this process; neither limited nor authenticated.
pub fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz::healthz)).routes(routes!(readyz::readyz))
}
