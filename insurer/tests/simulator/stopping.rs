//! The end: soft, and soon.

use insurer::{Options, Outcome};
use runtime::Shutdown;
use tokio::net::TcpStream;

use crate::lab::{Lab, PAYER};

#[tokio::test]
async fn stops_while_calls_hang() {
    let lab = Lab::always(Outcome::Hang).await;
    let hanging = lab.ask_in_background("M-1");
    lab.wait_for(|calls| calls.totals.in_flight == 1).await;
    lab.shutdown.trigger();
    // There is no hard stop here: without an end of the hanging call this would wait for ever.
    lab.shutdown.wait().await.unwrap();
    hanging.await.unwrap();
    assert!(TcpStream::connect(lab.address).await.is_err());
}

#[tokio::test]
async fn stops_while_a_client_reads_no_further() {
    let lab = Lab::always(Outcome::Enormous { bytes: 1024 * 1024 * 1024 }).await;
    let mut response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    response.chunk().await.unwrap();
    lab.shutdown.trigger();
    lab.shutdown.wait().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let lab = Lab::start().await;
    let options = Options { listen: lab.address, seed: 1 };
    let error = insurer::start(options, &Shutdown::new()).await.unwrap_err().to_string();
    assert!(error.contains(&lab.address.to_string()) && error.contains("--listen"), "{error}");
}
