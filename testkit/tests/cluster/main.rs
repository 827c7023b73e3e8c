//! What `docker-compose.yml` describes, run as processes: three NATS nodes, each service with a
//! NATS user and a PostgreSQL role of its own.

mod killed_node;
mod load;
mod refusals;
mod tour;
