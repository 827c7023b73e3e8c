//! The API's description: OpenAPI 3.1, generated from the handlers.

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::problem::{self, FieldError, ProblemDocument};
use crate::routes;

const BEARER: &str = "access_token";
const PROBLEM: &str = "Problem";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "MediConnect",
        description = "Scheduling for clinics: find a doctor, book, cancel. Every error is a \
            problem document (RFC 9457). Changes to appointments are accepted durably and settled \
            by a worker: with `Prefer: wait=5` the answer is the outcome, without it 202 and \
            where to look.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemDocument, FieldError)),
    tags(
        (name = "sign-in", description = "Accounts, sessions and tokens"),
        (name = "doctors", description = "Who can be booked, and when they work"),
        (name = "appointments", description = "Finding, holding, booking, moving, cancelling"),
        (name = "notes", description = "What doctors write down"),
        (name = "locations", description = "Where patients come"),
        (name = "services", description = "Visit types: how long, what room, how far ahead"),
        (name = "appointments", description = "Finding, booking, cancelling"),
        (name = "coverages", description = "Who insures whom, and what the insurers say"),
        (name = "patients", description = "Charts, emergencies, and who has seen what"),
        (name = "requests", description = "What was accepted, and how it ended"),
        (name = "administration", description = "For administrators"),
        (name = "dead letters", description = "What no worker could settle: for operators"),
        (name = "operation", description = "For machines and operators"),
    )
)]
struct Description;

/// The description of all routes.
pub fn describe() -> OpenApi {
    let mut description = Description::openapi();
    description.merge(routes::all().into_openapi());
    description.merge(routes::probes().into_openapi());
    complete(&mut description);
    description
}

/// Adds what holds for every operation: the token, unless it says otherwise, and problems.
fn complete(description: &mut OpenApi) {
    let components = description.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let schema = Ref::from_schema_name(ProblemDocument::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description("What went wrong; `type` says which kind of problem")
        .content(problem::MEDIA_TYPE, content)
        .build();
    components.responses.insert(PROBLEM.to_owned(), RefOr::T(response));
    for path in description.paths.paths.values_mut() {
        let operations =
            [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch];
        for operation in operations.into_iter().flatten() {
            complete_operation(operation);
        }
    }
}

fn complete_operation(operation: &mut Operation) {
    // The standard wants a description everywhere; the status often says it all.
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = status.parse().unwrap_or(StatusCode::OK);
            response.description = status.canonical_reason().unwrap_or_default().into();
        }
    }
    let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
    operation.responses.responses.insert("default".to_owned(), problem);
    if operation.security.is_none() {
        let nothing_special: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new(BEARER, nothing_special)]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Where the description is kept for whoever has no server at hand.
    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

    #[test]
    fn the_committed_description_is_current() {
        let current = describe().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(Path::new(COMMITTED).parent().unwrap()).unwrap();
            std::fs::write(COMMITTED, &current).unwrap();
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
        assert!(
            committed == current,
            "docs/openapi.json is not current; run `UPDATE=1 cargo nextest run -p api openapi`"
        );
    }

    #[test]
    fn every_operation_names_its_problems_and_its_security() {
        let description = serde_json::to_value(describe()).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        let paths = description["paths"].as_object().unwrap();
        assert!(paths.len() >= 20);
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                let problem = &operation["responses"]["default"]["$ref"];
                assert_eq!(problem, "#/components/responses/Problem", "{method} {path}");
                assert!(operation["security"].is_array(), "{method} {path}");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let is_described = response["description"].is_string();
                    assert!(status == "default" || is_described, "{method} {path} {status}");
                }
                assert!(operation["operationId"].is_string(), "{method} {path}");
            }
        }
    }
}
