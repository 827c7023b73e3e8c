//! One file per endpoint: its form, its handler, its tests.

mod add_coverage;
mod approve_doctor;
mod book_appointment;
mod cancel_appointment;
mod change_location;
mod change_service;
mod control_breaker;
mod create_doctor;
mod create_location;
mod create_service;
mod create_user;
mod discard_dead_letter;
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
mod list_exceptions;
mod list_locations;
mod list_services;
mod list_users;
mod login;
mod logout;
mod me;
mod openapi;
mod preview_availability;
mod preview_exceptions;
mod problem_type;
mod read_appointment;
mod read_availability;
mod read_coverage;
mod read_dead_letter;
mod read_doctor;
mod read_location;
mod read_request;
mod read_service;
mod readyz;
mod refresh;
mod register;
mod rehearse_dead_letter;
mod remove_exceptions;
mod replay_dead_letter;
mod replay_dead_letters;
mod search_slots;
mod set_availability;
mod set_exceptions;
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
        .routes(routes!(change_location::change_location))
        .routes(routes!(change_service::change_service))
        .routes(routes!(control_breaker::control_breaker))
        .routes(routes!(create_doctor::create_doctor))
        .routes(routes!(create_location::create_location))
        .routes(routes!(create_service::create_service))
        .routes(routes!(create_user::create_user))
        .routes(routes!(discard_dead_letter::discard_dead_letter))
        .routes(routes!(group_dead_letters::group_dead_letters))
        .routes(routes!(jwks::jwks))
        .routes(routes!(list_appointments::list_appointments))
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(list_breakers::list_breakers))
        .routes(routes!(list_coverages::list_coverages))
        .routes(routes!(list_dead_letters::list_dead_letters))
        .routes(routes!(list_doctors::list_doctors))
        .routes(routes!(list_eligibility_checks::list_eligibility_checks))
        .routes(routes!(list_exceptions::list_exceptions))
        .routes(routes!(list_locations::list_locations))
        .routes(routes!(list_services::list_services))
        .routes(routes!(list_users::list_users))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(openapi::openapi))
        .routes(routes!(preview_availability::preview_availability))
        .routes(routes!(preview_exceptions::preview_exceptions))
        .routes(routes!(problem_type::problem_type))
        .routes(routes!(read_appointment::read_appointment))
        .routes(routes!(read_availability::read_availability))
        .routes(routes!(read_coverage::read_coverage))
        .routes(routes!(read_dead_letter::read_dead_letter))
        .routes(routes!(read_doctor::read_doctor))
        .routes(routes!(read_location::read_location))
        .routes(routes!(read_request::read_request))
        .routes(routes!(read_service::read_service))
        .routes(routes!(refresh::refresh))
        .routes(routes!(register::register))
        .routes(routes!(rehearse_dead_letter::rehearse_dead_letter))
        .routes(routes!(remove_exceptions::remove_exceptions))
        .routes(routes!(replay_dead_letter::replay_dead_letter))
        .routes(routes!(replay_dead_letters::replay_dead_letters))
        .routes(routes!(search_slots::search_slots))
        .routes(routes!(set_availability::set_availability))
        .routes(routes!(set_exceptions::set_exceptions))
        .routes(routes!(unmask_dead_letter::unmask_dead_letter))
        .routes(routes!(withdraw_request::withdraw_request))
}

/// What machines ask about this process; neither limited nor authenticated.
pub fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz::healthz)).routes(routes!(readyz::readyz))
}
